// SPDX-License-Identifier: Apache-2.0
/*
 * mkinitramfs VMINITD OUTPUT: the guest's first file system, an uncompressed cpio archive of the
 * "newc" kind. The same input gives the same bytes: owners, times and numbers are fixed.
 * A program of the build; it is not installed.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/strbuf.h"

#define MAX_PROGRAM (64U << 20)

/* What there is besides /init. Everything else vminitd makes on a tmpfs of its own (boot.c). */
static const struct node {
	const char *path;
	mode_t mode;
	unsigned int major;
	unsigned int minor;
} nodes[] = {
	{"dev", S_IFDIR | 0755, 0, 0},
	{"dev/console", S_IFCHR | 0600, 5, 1},
	{"dev/null", S_IFCHR | 0666, 1, 3},
	{"root", S_IFDIR | 0755, 0, 0},
};

static _noreturn_ void fail(const char *what, const char *why)
{
	fprintf(stderr, "mkinitramfs: %s: %s\n", what, why);
	exit(1);
}

static void add(struct archive *archive, const struct node *node, const struct strbuf *content)
{
	struct archive_entry *entry = archive_entry_new();
	size_t size = content ? content->len : 0;

	archive_entry_set_pathname(entry, node->path);
	archive_entry_set_mode(entry, node->mode);
	archive_entry_set_rdev(entry, makedev(node->major, node->minor));
	archive_entry_set_nlink(entry, S_ISDIR(node->mode) ? 2 : 1);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_uid(entry, 0);
	archive_entry_set_gid(entry, 0);
	if (archive_write_header(archive, entry) != ARCHIVE_OK)
		fail(node->path, archive_error_string(archive));
	if (size && archive_write_data(archive, content->data, size) != (la_ssize_t)size)
		fail(node->path, archive_error_string(archive));
	archive_entry_free(entry);
}

int main(int argc, char **argv)
{
	static const struct node init = {"init", S_IFREG | 0555, 0, 0};
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;
	struct archive *archive;
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: mkinitramfs VMINITD OUTPUT\n");
		return 2;
	}
	r = io_read_file(AT_FDCWD, argv[1], MAX_PROGRAM, &program);
	if (r < 0)
		fail(argv[1], strerror(-r));
	archive = archive_write_new();
	if (!archive || archive_write_set_format_cpio_newc(archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
	    archive_write_open_filename(archive, argv[2]) != ARCHIVE_OK)
		fail(argv[2], archive ? archive_error_string(archive) : "out of memory");
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		add(archive, &nodes[i], NULL);
	add(archive, &init, &program);
	if (archive_write_close(archive) != ARCHIVE_OK)
		fail(argv[2], archive_error_string(archive));
	archive_write_free(archive);
	return 0;
}
