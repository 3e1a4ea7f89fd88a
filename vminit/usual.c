// SPDX-License-Identifier: Apache-2.0
#include "vminit/usual.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "vminit/inroot.h"
#include "vminit/rootfs.h"
#include "vminit/usual-plan.h"

#define DEVICE "/dev/null"

static const struct plan_mount *choose(const struct usual *u, size_t i, const struct plan *plan)
{
	for (size_t j = 0; j < plan->n_mounts; j++)
		if (usual_fits(u->plan, i, plan, &plan->mounts[j]))
			return &plan->mounts[j];
	return NULL;
}

/* That without a namespace is a bind, which keeps flags that it has: none of them is changed. */
static void choose_cgroup(struct usual *u, size_t i, const struct plan *plan)
{
	const struct plan_mount *ours = &u->plan->mounts[i];
	struct usual_mount *mount = &u->mounts[i];

	if (ours->kind != PLAN_MOUNT_CGROUP || plan->namespaces & CLONE_NEWCGROUP)
		return;
	close_keep_errno(mount->fd);
	mount->fd = TAKE_FD(u->cgroup_fd);
	if (mount->chosen &&
	    (mount->chosen->options.flags ^ ours->options.flags) & USUAL_EASY_FLAGS)
		mount->chosen = NULL;
}

void usual_choose(struct child *child)
{
	struct usual *u = child->usual;
	size_t n = 0;

	for (size_t i = 0; u && i < u->plan->n_mounts; i++) {
		struct usual_mount *mount = &u->mounts[i];

		mount->chosen = choose(u, i, child->plan);
		choose_cgroup(u, i, child->plan);
		/* Not before: a file system of which there is one is to be as the plan's first mount wants it. */
		if (!mount->chosen)
			mount->fd = close_keep_errno(mount->fd);
		n += mount->chosen != NULL;
	}
	if (!u)
		return;
	u->all = n == child->plan->n_mounts;
	u->cgroup_fd = close_keep_errno(u->cgroup_fd);
}

/* Read-only paths are the mount itself once more, with its flags; not detached they can be changed. */
static int change_readonly(const struct plan *plan, const char *destination, int fd,
			   const struct mount_attr_change *change)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_readonly_paths && !r; i++) {
		const char *path = plan->readonly_paths[i];
		_cleanup_close_ int top = -1;

		if (!usual_is_below(path, destination))
			continue;
		top = inroot_open(fd, path + strlen(destination), O_PATH);
		if (top != -ENOENT)
			r = top < 0 ? top : rootfs_change_attr(top, change, 0);
	}
	return r;
}

static struct mount_attr_change easy_change(unsigned long flags)
{
	const uint64_t all = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	uint64_t set = (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
		       (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) |
		       (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);

	return (struct mount_attr_change){.set = set, .clear = all & ~set};
}

static uint64_t mount_id(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 ? 0 : st.stx_mnt_id;
}

static int attach(const struct child *child, struct usual_mount *mount,
		  const struct plan_mount *ours)
{
	const struct plan_mount *m = mount->chosen;
	bool differs = (m->options.flags ^ ours->options.flags) & USUAL_EASY_FLAGS;
	struct mount_attr_change change = easy_change(m->options.flags);
	_cleanup_close_ int target = -1;
	int r = differs ? rootfs_change_attr(mount->fd, &change, 0) : 0;

	if (r < 0)
		return r;
	target = inroot_make(child->rootfs_fd, m->destination, INROOT_DIRECTORY);
	if (target < 0)
		return target;
	r = rootfs_move_mount(mount->fd, target);
	if (r < 0)
		return r;
	mount->attached = true;
	if (!child->usual->all)
		mount->id = mount_id(mount->fd);
	return differs ? change_readonly(child->usual->plan, m->destination, mount->fd, &change)
		       : 0;
}

int usual_attach(struct child *child, const struct plan_mount *m)
{
	struct usual *u = child->usual;

	for (size_t i = 0; u && i < u->plan->n_mounts; i++) {
		int r;

		if (u->mounts[i].chosen != m)
			continue;
		r = attach(child, &u->mounts[i], &u->plan->mounts[i]);
		return r < 0 ? r : 1;
	}
	return 0;
}

void usual_settle(struct child *child)
{
	struct usual *u = child->usual;

	for (size_t i = 0; u && !u->all && i < u->plan->n_mounts; i++) {
		struct usual_mount *mount = &u->mounts[i];
		_cleanup_close_ int top = -1;

		if (!mount->attached)
			continue;
		top = inroot_open(child->rootfs_fd, mount->chosen->destination, O_PATH);
		mount->attached = top >= 0 && mount->id && mount_id(top) == mount->id;
	}
}

/* Whether what lies at @path came with a mount that is attached. */
static bool came_along(const struct usual *u, const char *path)
{
	for (size_t i = 0; i < u->plan->n_mounts; i++)
		if (u->mounts[i].attached && usual_is_below(path, u->plan->mounts[i].destination))
			return true;
	return false;
}

bool usual_has_devices(const struct child *child)
{
	return child->usual && came_along(child->usual, DEVICE);
}

bool usual_has_masked(const struct child *child, const char *path)
{
	const struct usual *u = child->usual;

	return u && usual_is_listed(path, u->plan->masked_paths, u->plan->n_masked_paths) &&
	       came_along(u, path);
}

bool usual_has_readonly(const struct child *child, const char *path)
{
	const struct usual *u = child->usual;

	return u && usual_is_listed(path, u->plan->readonly_paths, u->plan->n_readonly_paths) &&
	       came_along(u, path);
}
