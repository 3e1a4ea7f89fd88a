/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes of descriptors and small files.
 */
#ifndef RUNVM_IO_H
#define RUNVM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/strbuf.h"

/* Writes all of it, however many calls that takes. Return: 0 or -errno. */
int io_write_all(int fd, const void *data, size_t len);
/* Reads exactly @len bytes. Return: 0, -ENODATA at an early end, another -errno. */
int io_read_exact(int fd, void *data, size_t len);

/**
 * io_read_fd() - read to the end
 * @limit: more bytes than this are refused with -EFBIG
 */
int io_read_fd(int fd, size_t limit, struct strbuf *out);

/**
 * io_read_file() - the content of a file
 * @dirfd: what @path is relative to, or AT_FDCWD
 * @limit: a larger file is refused with -EFBIG
 * @out: appended to
 */
int io_read_file(int dirfd, const char *path, size_t limit, struct strbuf *out);

/* Opens, writes once and closes: for files of /proc, /sys and cgroups. Return: 0 or -errno. */
int io_write_file(int dirfd, const char *path, const char *text);

/**
 * io_replace_file() - replace a file atomically (temporary file, fsync-free rename)
 *
 * Readers see the old content or the new, whatever is killed when.
 */
int io_replace_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    struct error *err);

/* Makes the directories above a path's last component that are missing. Return: 0 or -errno. */
int io_make_parents(const char *path, mode_t mode);

int io_set_nonblocking(int fd, bool on);

#endif
