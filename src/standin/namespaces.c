// SPDX-License-Identifier: Apache-2.0
#include "standin/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define NEW_ROOT "/tmp" /* any directory that every host has: it is only ever covered in here */

static bool has_new_mount_namespace(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_namespaces; i++)
		if (plan->namespaces[i].type == OCI_NAMESPACE_MOUNT && !plan->namespaces[i].path)
			return true;
	return false;
}

static int join(const struct plan_namespace *ns, struct error *err)
{
	_cleanup_close_ int fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	const struct oci_namespace_info *info = &oci_namespace_infos[ns->type];

	if (fd < 0 || setns(fd, info->clone_flag) < 0)
		return error_errno(err, errno, "join the %s namespace \"%s\"", info->name,
				   ns->path);
	return 0;
}

int namespaces_enter(const struct plan *plan, struct error *err)
{
	int flags = 0;

	for (size_t i = 0; i < plan->n_namespaces; i++) {
		const struct plan_namespace *ns = &plan->namespaces[i];

		if (ns->path) {
			int r = join(ns, err);

			if (r < 0)
				return r;
		} else if (ns->type != OCI_NAMESPACE_PID) {
			flags |= oci_namespace_infos[ns->type].clone_flag;
		}
	}
	if (unshare(flags) < 0)
		return error_errno(err, errno, "make the namespaces of the stand-in");
	if ((flags & CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "make the stand-in's mounts private");
	return 0;
}

int namespaces_set_root(const struct plan *plan, int rootfs_fd, struct error *err)
{
	_cleanup_close_ int fd = rootfs_fd;

	if (fd < 0 || !has_new_mount_namespace(plan))
		return 0;
	if (move_mount(fd, "", AT_FDCWD, NEW_ROOT, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, errno, "attach the root file system in the stand-in");
	if (fchdir(fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_errno(err, errno, "change the stand-in's root");
	return 0;
}
