// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "lib/alloc.h"
#include "vminit/rootfs.h"
#include "vminit/usual-plan.h"
#include "vminit/usual.h"

/* A directory of the guest's. While the mounts are made another tmpfs lies on it. */
#define SCAFFOLD "/tmp"

static int make_private(int fd)
{
	struct mount_attr private = {.propagation = MS_PRIVATE};

	return mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &private, sizeof(private));
}

static int detach_mount(const struct child *child, const char *destination, int *ret)
{
	char path[64];

	*ret = open_tree(child->rootfs_fd, destination + 1,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	(void)snprintf(path, sizeof(path), "%s%s", SCAFFOLD, destination);
	if (*ret < 0 || umount2(path, MNT_DETACH) < 0 || make_private(*ret) < 0)
		return -errno;
	return 0;
}

/* The last first: what lies on others is gone then, but for what belongs to them. */
static int detach_mounts(const struct child *child, struct usual *u, struct error *err)
{
	for (size_t i = u->plan->n_mounts; i--;) {
		const char *destination = u->plan->mounts[i].destination;
		int r = detach_mount(child, destination, &u->mounts[i].fd);

		if (r < 0)
			return error_errno(err, r, "detach \"%s\"", destination);
	}
	return 0;
}

/* As rootfs_mounts() does for a plan without a cgroup namespace. */
static int make_cgroup_mount(const struct child *child, struct usual *u, struct error *err)
{
	const char *path = child->setup->cgroup_path;
	const struct plan_mount *m = u->plan->mounts;
	int r;

	while (m->kind != PLAN_MOUNT_CGROUP)
		m++;
	u->cgroup_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	r = u->cgroup_fd < 0 || make_private(u->cgroup_fd) < 0
		    ? -errno
		    : rootfs_change_attr(u->cgroup_fd, &m->options.attr, 0);
	return r < 0 ? error_errno(err, r, "bind \"%s\"", path) : 0;
}

static int make_mounts(struct child *child, struct usual *u, struct error *err)
{
	int r;

	child->plan = u->plan;
	r = rootfs_mounts(child, err);
	if (!r)
		r = rootfs_devices(child, err);
	if (!r)
		r = rootfs_masked_paths(child, err);
	if (!r)
		r = rootfs_readonly_paths(child, err);
	child->plan = NULL;
	return r < 0 ? r : detach_mounts(child, u, err);
}

/* For good, as the child itself. */
static int new_usual(struct usual **ret, struct error *err)
{
	struct usual *u = xnew(struct usual);
	int r;

	*u = (struct usual){.cgroup_fd = -1};
	r = usual_plan_make(&u->plan, err);
	if (r < 0)
		return r;
	u->mounts = xcalloc(u->plan->n_mounts, sizeof(*u->mounts));
	for (size_t i = 0; i < u->plan->n_mounts; i++)
		u->mounts[i].fd = -1;
	*ret = u;
	return 0;
}

int usual_make(struct child *child, struct error *err)
{
	struct usual *u;
	int r;

	if (child->plan)
		return 0;
	r = new_usual(&u, err);
	if (!r)
		r = make_cgroup_mount(child, u, err);
	if (r < 0)
		return r;
	if (mount("tmpfs", SCAFFOLD, "tmpfs", 0, "mode=755") < 0)
		return error_errno(err, errno, "mount a tmpfs");
	child->rootfs_fd = open(SCAFFOLD, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (child->rootfs_fd < 0)
		return error_errno(err, errno, "open \"%s\"", SCAFFOLD);
	r = make_mounts(child, u, err);
	child->rootfs_fd = close_keep_errno(child->rootfs_fd);
	if (!r && umount2(SCAFFOLD, MNT_DETACH) < 0)
		r = error_errno(err, errno, "unmount \"%s\"", SCAFFOLD);
	child->usual = u;
	return r;
}
