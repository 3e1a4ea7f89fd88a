// SPDX-License-Identifier: Apache-2.0
#include "vminit/usual.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "vminit/inroot.h"
#include "vminit/rootfs.h"

/* As `runc spec` has it, with the masked paths that podman and docker have as well. */
const char usual_configuration[] =
	"{\"ociVersion\":\"1.3.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
	"\"args\":[\"" USUAL_PROGRAM "\"],\"env\":[\"PATH=/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
	"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],"
	"\"permitted\":[\"CAP_KILL\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"" USUAL_ROOTFS
	"\",\"readonly\":true},\"hostname\":\"usual\",\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":"
	"[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	"{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
	"\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
	"\"/sys/firmware\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	"\"/proc/sysrq-trigger\"]}}";
const size_t usual_configuration_len = sizeof(usual_configuration) - 1;

/* A directory of the guest's. While the mounts are made another tmpfs lies on it. */
#define SCAFFOLD "/tmp"
#define DEV	 "/dev"

/* Of the mount alone, changed easily; and no change at all, since it is the default. */
#define EASY_FLAGS    ((unsigned long)(MS_NOSUID | MS_NODEV | MS_NOEXEC))
#define DEFAULT_FLAGS ((unsigned long)MS_RELATIME)

/**
 * struct usual - a spare's
 * @plan: that of usual_configuration, which says what the mounts are; owned
 * @fds: of its mounts, detached; -1 once it is taken
 * @taken: which are
 */
struct usual {
	struct plan *plan;
	int *fds;
	bool *taken;
};

/* --- making --- */

/* The last first: what lies on others is gone then, but for what belongs to them. */
static int detach_mounts(struct child *child, struct usual *u, struct error *err)
{
	for (size_t i = u->plan->n_mounts; i--;) {
		struct mount_attr private = {.propagation = MS_PRIVATE};
		const char *name = u->plan->mounts[i].destination + 1;
		char path[64] = SCAFFOLD;

		u->fds[i] = open_tree(child->rootfs_fd, name,
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		strncat(path, u->plan->mounts[i].destination, sizeof(path) - sizeof(SCAFFOLD));
		if (u->fds[i] < 0 || umount2(path, MNT_DETACH) < 0 ||
		    mount_setattr(u->fds[i], "", AT_EMPTY_PATH | AT_RECURSIVE, &private,
				  sizeof(private)) < 0)
			return error_errno(err, errno, "take \"%s\" off", path);
	}
	return 0;
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

int usual_make(struct child *child, struct error *err)
{
	const struct plan_source source = {
		.id = "@usual",
		.configuration = usual_configuration,
		.len = usual_configuration_len,
	};
	struct usual *u;
	int r;

	if (child->plan)
		return 0;
	/* For good, as the child itself. */
	u = xnew(struct usual);
	r = plan_from_source(&source, &u->plan, err);
	if (r < 0)
		return r;
	u->fds = xcalloc(u->plan->n_mounts, sizeof(*u->fds));
	u->taken = xcalloc(u->plan->n_mounts, sizeof(*u->taken));
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

/* --- comparing --- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_alike(const struct plan_mount *a, const struct plan_mount *b)
{
	const struct mount_options *x = &a->options, *y = &b->options;

	return a->kind == b->kind && same_text(a->destination, b->destination) &&
	       same_text(a->type, b->type) && same_text(a->source, b->source) &&
	       same_text(x->data, y->data) &&
	       !((x->flags ^ y->flags) & ~(EASY_FLAGS | DEFAULT_FLAGS)) && !x->copy_up &&
	       !x->recursive_attr.set && !x->recursive_attr.clear &&
	       !(x->propagation & (MS_SHARED | MS_UNBINDABLE));
}

static bool is_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return !strncmp(path, directory, len) && path[len] == '/';
}

static bool is_listed(const char *path, char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], path))
			return true;
	return false;
}

/* Of the mount @first or one behind it. */
static bool is_destination(const char *path, const struct plan *plan,
			   const struct plan_mount *first)
{
	for (const struct plan_mount *m = first; m < plan->mounts + plan->n_mounts; m++)
		if (!strcmp(m->destination, path))
			return true;
	return false;
}

/* All paths of @ours below the directory are among @theirs. Return: -1 when not, or how many. */
static int count_paths(const char *directory, char *const *ours, size_t n_ours, char *const *theirs,
		       size_t n_theirs)
{
	int n = 0;

	for (size_t i = 0; i < n_ours; i++) {
		if (!is_below(ours[i], directory))
			continue;
		if (!is_listed(ours[i], theirs, n_theirs))
			return -1;
		n++;
	}
	return n;
}

static bool paths_fit(const struct plan *ours, const struct plan *theirs, const char *directory)
{
	int masked = count_paths(directory, ours->masked_paths, ours->n_masked_paths,
				 theirs->masked_paths, theirs->n_masked_paths),
	    readonly = count_paths(directory, ours->readonly_paths, ours->n_readonly_paths,
				   theirs->readonly_paths, theirs->n_readonly_paths);

	if (masked < 0 || readonly < 0)
		return false;
	/* What is mounted later would lie on a mask, which has to lie on it. */
	for (size_t i = 0; masked + readonly && i < theirs->n_mounts; i++)
		if (is_below(theirs->mounts[i].destination, directory) &&
		    !is_destination(theirs->mounts[i].destination, ours, ours->mounts))
			return false;
	return true;
}

/* What is in @m itself: its devices, and the directories on which others are mounted later. */
static bool content_fits(const struct plan *ours, const struct plan *theirs,
			 const struct plan_mount *m)
{
	const char *directory = m->destination;

	for (size_t i = 0; i < ours->n_mounts; i++)
		if (is_below(ours->mounts[i].destination, directory) &&
		    !is_destination(ours->mounts[i].destination, theirs, m))
			return false;
	if (strcmp(directory, DEV) != 0)
		return true;
	if (!theirs->setup_dev || theirs->n_devices != ours->n_devices)
		return false;
	for (size_t i = 0; i < ours->n_devices; i++) {
		const struct plan_device *a = &ours->devices[i], *b = &theirs->devices[i];

		if (strcmp(a->path, b->path) != 0 || a->mode != b->mode || a->device != b->device ||
		    a->uid != b->uid || a->gid != b->gid)
			return false;
	}
	return true;
}

/* --- taking --- */

static int change_attr(int fd, struct mount_attr *attr)
{
	return mount_setattr(fd, "", AT_EMPTY_PATH, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/* Read-only paths are the mount itself once more, with its flags. */
static int change_readonly(const struct plan *plan, const struct plan_mount *m, int fd,
			   struct mount_attr *attr)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_readonly_paths && !r; i++) {
		const char *path = plan->readonly_paths[i];
		_cleanup_close_ int top = -1;

		if (!is_below(path, m->destination))
			continue;
		top = inroot_open(fd, path + strlen(m->destination), O_PATH);
		if (top != -ENOENT)
			r = top < 0 ? top : change_attr(top, attr);
	}
	return r;
}

static int change_flags(const struct usual *u, size_t i, unsigned long want)
{
	const struct plan_mount *m = &u->plan->mounts[i];
	struct mount_attr attr = {0};
	int r;

	if (!((m->options.flags ^ want) & EASY_FLAGS))
		return 0;
	attr.attr_set = (want & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
			(want & MS_NODEV ? MOUNT_ATTR_NODEV : 0) |
			(want & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
	attr.attr_clr = (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) & ~attr.attr_set;
	r = change_attr(u->fds[i], &attr);
	return r < 0 ? r : change_readonly(u->plan, m, u->fds[i], &attr);
}

int usual_take(struct child *child, const struct plan_mount *m)
{
	struct usual *u = child->usual;

	for (size_t i = 0; u && i < u->plan->n_mounts; i++) {
		const struct plan_mount *ours = &u->plan->mounts[i];

		if (u->taken[i] || !is_alike(m, ours))
			continue;
		if (!paths_fit(u->plan, child->plan, m->destination) ||
		    !content_fits(u->plan, child->plan, m) ||
		    change_flags(u, i, m->options.flags) < 0)
			return -ENOENT;
		u->taken[i] = true;
		return TAKE_FD(u->fds[i]);
	}
	return -ENOENT;
}

/* Whether what lies at @path came with a mount that was taken. */
static bool came_along(const struct usual *u, const char *path)
{
	for (size_t i = 0; i < u->plan->n_mounts; i++)
		if (u->taken[i] && is_below(path, u->plan->mounts[i].destination))
			return true;
	return false;
}

bool usual_has_devices(const struct child *child)
{
	return child->usual && came_along(child->usual, DEV "/null");
}

bool usual_has_masked(const struct child *child, const char *path)
{
	const struct usual *u = child->usual;

	return u && is_listed(path, u->plan->masked_paths, u->plan->n_masked_paths) &&
	       came_along(u, path);
}

bool usual_has_readonly(const struct child *child, const char *path)
{
	const struct usual *u = child->usual;

	return u && is_listed(path, u->plan->readonly_paths, u->plan->n_readonly_paths) &&
	       came_along(u, path);
}
