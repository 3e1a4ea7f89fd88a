// SPDX-License-Identifier: Apache-2.0
#include "monitor/share.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/alloc.h"

/* It has mount points only; but a hostile guest's kernel can write there, in the host's memory. */
#define SHARE_TMPFS_SIZE "size=64k,nr_inodes=16k"

static int set_attributes(int fd, bool recursive, uint64_t set, uint64_t propagation)
{
	struct mount_attr attr = {.attr_set = set, .propagation = propagation};

	return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			     sizeof(attr));
}

static int open_export(const struct plan_export *e, struct error *err)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	_cleanup_close_ int fd = -1;

	if (e->recursive)
		flags |= AT_RECURSIVE;
	fd = open_tree(AT_FDCWD, e->source, flags);
	if (fd < 0)
		return error_errno(err, errno, "share \"%s\"", e->source);
	/* Private: what the host mounts or unmounts there later is not this container's. */
	if (set_attributes(fd, true, 0, MS_PRIVATE) < 0)
		return error_errno(err, errno, "share \"%s\": make it private", e->source);
	if (e->readonly && set_attributes(fd, true, MOUNT_ATTR_RDONLY, 0) < 0)
		return error_errno(err, errno, "share \"%s\": make it read-only", e->source);
	return TAKE_FD(fd);
}

int share_open_trees(const struct plan_export *exports, size_t n, int *ret_fds, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int fd = open_export(&exports[i], err);

		if (fd < 0) {
			while (i)
				close_keep_errno(ret_fds[--i]);
			return fd;
		}
		ret_fds[i] = fd;
	}
	return 0;
}

static int make_directory(const char *path, mode_t mode, struct error *err)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return error_errno(err, errno, "mkdir \"%s\"", path);
	return 0;
}

static int mount_in_root(const char *source, const char *root, const char *name, const char *type,
			 unsigned long flags, const char *data, struct error *err)
{
	_cleanup_free_ char *target = xasprintf("%s/%s", root, name);
	int r;

	r = make_directory(target, 0700, err);
	if (r < 0)
		return r;
	if (mount(source, target, type, flags, data) < 0)
		return error_errno(err, errno, "mount \"%s\"", target);
	return 0;
}

static int remount_readonly(const char *root, const char *name, struct error *err)
{
	_cleanup_free_ char *target = xasprintf("%s/%s", root, name);
	_cleanup_close_ int fd = open(target, O_PATH | O_CLOEXEC);

	if (fd < 0 || set_attributes(fd, false,
				     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					     MOUNT_ATTR_NOEXEC,
				     0) < 0)
		return error_errno(err, errno, "make \"%s\" read-only", target);
	return 0;
}

int share_enter(const char *vm_dir, struct share *ret, struct error *err)
{
	_cleanup_free_ char *root = xasprintf("%s/root", vm_dir);
	_cleanup_free_ char *path = xasprintf("%s/root/share", vm_dir);
	_cleanup_close_ int dirfd = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "make \"/\" private");
	r = make_directory(root, 0700, err);
	if (r < 0)
		return r;
	if (mount("runvm", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return error_errno(err, errno, "mount a tmpfs on \"%s\"", root);
	r = mount_in_root(vm_dir, root, "vm", NULL, MS_BIND, NULL, err);
	/* QEMU sees it, too: hooks are run from there when the container is deleted. */
	if (!r)
		r = remount_readonly(root, "vm", err);
	/* This process is pid 1 of a pid namespace: /proc is of that one. */
	if (!r)
		r = mount_in_root("proc", root, "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				  NULL, err);
	if (!r)
		r = mount_in_root("share", root, "share", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				  "mode=0755," SHARE_TMPFS_SIZE, err);
	if (r < 0)
		return r;
	if (mount(NULL, path, NULL, MS_SHARED, NULL) < 0)
		return error_errno(err, errno, "make \"%s\" shared", path);
	dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_errno(err, errno, "open \"%s\"", path);
	*ret = (struct share){
		.root = TAKE_PTR(root), .path = TAKE_PTR(path), .dirfd = TAKE_FD(dirfd)};
	return 0;
}

static int attach_one(int dirfd, const struct plan_export *e, int fd, struct error *err)
{
	int made;

	if (e->directory) {
		made = mkdirat(dirfd, e->name, 0700);
	} else {
		made = openat(dirfd, e->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		close_keep_errno(made);
	}
	if (made < 0)
		return error_errno(err, errno, "share \"%s\" as \"%s\"", e->source, e->name);
	if (move_mount(fd, "", dirfd, e->name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, errno, "share \"%s\" as \"%s\"", e->source, e->name);
	return 0;
}

int share_attach(const struct share *share, const char *id, const struct plan_export *exports,
		 size_t n, int *fds, struct error *err)
{
	_cleanup_close_ int dirfd = -1;
	int r = 0;

	if (mkdirat(share->dirfd, id, 0755) < 0)
		r = error_errno(err, errno, "mkdir \"%s\" in the share", id);
	if (!r) {
		dirfd = openat(share->dirfd, id, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dirfd < 0)
			r = error_errno(err, errno, "open \"%s\" in the share", id);
	}
	for (size_t i = 0; i < n; i++) {
		if (!r)
			r = attach_one(dirfd, &exports[i], fds[i], err);
		fds[i] = close_keep_errno(fds[i]);
	}
	return r;
}

int share_leave_host(struct share *share, int vm_dirfd, struct error *err)
{
	_cleanup_close_ int vm = -1;

	if (chdir(share->root) < 0)
		return error_errno(err, errno, "chdir \"%s\"", share->root);
	/* The old root comes to lie on top of the new one, and goes. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_errno(err, errno, "pivot_root to \"%s\"", share->root);
	if (umount2(".", MNT_DETACH) < 0)
		return error_errno(err, errno, "detach the host's root");
	if (chdir("/") < 0)
		return error_errno(err, errno, "chdir \"/\"");
	vm = open(SHARE_ROOT_VM, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (vm < 0 || dup3(vm, vm_dirfd, O_CLOEXEC) < 0)
		return error_errno(err, errno, "open \"%s\"", SHARE_ROOT_VM);
	return 0;
}
