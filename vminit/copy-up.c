// SPDX-License-Identifier: Apache-2.0
#include "vminit/copy-up.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "lib/cleanup.h"

/* Deeper trees are refused: each level holds two descriptors. */
#define MAX_DEPTH  128
#define XATTR_ROOM 4096

static int copy_tree(int from, int to, int depth);

static int copy_xattrs(int from, int to)
{
	char names[XATTR_ROOM], value[XATTR_ROOM];
	ssize_t n = flistxattr(from, names, sizeof(names));

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t len = fgetxattr(from, names + at, value, sizeof(value));

		/* tmpfs does not take every name; what it refuses stays behind, as with cp -a. */
		if (len >= 0)
			(void)!fsetxattr(to, names + at, value, (size_t)len, 0);
	}
	return 0;
}

static int copy_attributes(int from, int to, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	(void)copy_xattrs(from, to);
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
	    futimens(to, times) < 0)
		return -errno;
	return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	_cleanup_close_ int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int to = -1;
	ssize_t n;

	if (from < 0)
		return -errno;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	do
		n = sendfile(to, from, NULL, INT_MAX & ~4095);
	while (n > 0);
	return n < 0 ? -errno : copy_attributes(from, to, st);
}

static int copy_directory(int from_dir, int to_dir, const char *name, const struct stat *st,
			  int depth)
{
	_cleanup_close_ int from = -1, to = -1;
	int r;

	from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	r = copy_tree(from, to, depth + 1);
	return r < 0 ? r : copy_attributes(from, to, st);
}

static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(from_dir, name, target, sizeof(target) - 1);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, to_dir, name) < 0)
			return -errno;
	} else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
		return -errno;
	}
	return fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_tree(int from, int to, int depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (depth > MAX_DEPTH)
		return -ELOOP;
	fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		struct stat st;
		int r;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (S_ISDIR(st.st_mode))
			r = copy_directory(from, to, name, &st, depth);
		else if (S_ISREG(st.st_mode))
			r = copy_file(from, to, name, &st);
		else
			r = copy_special(from, to, name, &st);
		if (r < 0)
			return r;
	}
	return 0;
}

int copy_up(int from, int to)
{
	struct stat st;
	int r;

	if (fstat(from, &st) < 0)
		return -errno;
	r = copy_tree(from, to, 0);
	return r < 0 ? r : copy_attributes(from, to, &st);
}
