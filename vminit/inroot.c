// SPDX-License-Identifier: Apache-2.0
#include "vminit/inroot.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/alloc.h"

/* A rename beside a lookup makes openat2 give up with EAGAIN: try again, not for ever. */
#define MAX_TRIES    32
#define MAX_SYMLINKS 40 /* as the kernel's own limit */

int inroot_open(int rootfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (int i = 0; i < MAX_TRIES; i++) {
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/*
 * The path that a dangling symlink stands for: @prefix is the path of its directory, @rest what
 * follows it in the path that was asked for.
 */
static char *expand_symlink(int dirfd, const char *name, const char *prefix, size_t prefix_len,
			    const char *rest)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (target[0] == '/')
		prefix_len = 0;
	return xasprintf("%.*s/%s/%s", (int)prefix_len, prefix, target, rest);
}

static int make_one(int dirfd, const char *name, enum inroot_kind kind)
{
	int fd;

	if (kind == INROOT_DIRECTORY)
		return mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno != EEXIST ? -errno : 0;
	close_keep_errno(fd);
	return 0;
}

/*
 * Makes what is missing along @path. Return: fd, -errno, or -ELOOP with *ret_path set when a
 * dangling symlink says to go on with another path.
 */
static int make_along(int rootfd, const char *path, enum inroot_kind kind, char **ret_path)
{
	_cleanup_close_ int parent = -1;
	size_t at = 0;

	parent = inroot_open(rootfd, ".", O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	for (;;) {
		_cleanup_free_ char *prefix = NULL, *name = NULL;
		size_t start = at + strspn(path + at, "/");
		size_t end = start + strcspn(path + start, "/");
		bool last = path[end + strspn(path + end, "/")] == '\0';
		int fd, r;

		if (start == end)
			return TAKE_FD(parent);
		prefix = xstrndup(path, end);
		name = xstrndup(path + start, end - start);
		fd = inroot_open(rootfd, prefix, O_PATH);
		if (fd == -ENOENT) {
			*ret_path = expand_symlink(parent, name, path, start, path + end);
			if (*ret_path)
				return -ELOOP;
			r = make_one(parent, name, last ? kind : INROOT_DIRECTORY);
			if (r < 0)
				return r;
			fd = inroot_open(rootfd, prefix, O_PATH);
		}
		if (fd < 0)
			return fd;
		close_keep_errno(parent);
		parent = fd;
		at = end;
	}
}

int inroot_make(int rootfd, const char *path, enum inroot_kind kind)
{
	_cleanup_free_ char *owned = NULL;
	int fd;

	fd = inroot_open(rootfd, path, O_PATH);
	if (fd != -ENOENT)
		return fd;
	for (int i = 0; i < MAX_SYMLINKS; i++) {
		char *next = NULL;

		fd = make_along(rootfd, path, kind, &next);
		if (!next)
			return fd;
		free(owned);
		owned = next;
		path = next;
		if (strlen(path) >= PATH_MAX)
			return -ENAMETOOLONG;
	}
	return -ELOOP;
}

const char *inroot_fd_path(int fd, char buffer[INROOT_FD_PATH_SIZE])
{
	snprintf(buffer, INROOT_FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return buffer;
}
