// SPDX-License-Identifier: Apache-2.0
#include "vminit/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/alloc.h"
#include "vminit/copy-up.h"
#include "vminit/inroot.h"
#include "vminit/setup.h"
#include "vminit/usual.h"

int rootfs_prepare(struct child *child, struct error *err)
{
	const char *path = child->plan->rootfs;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "make the mounts private");
	child->rootfs_fd =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (child->rootfs_fd < 0)
		return error_errno(err, errno, "root.path: \"%s\"", path);
	/* pivot_root(2) wants a mount point, which a plain directory of the share is not. */
	if (move_mount(child->rootfs_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, errno, "mount the root file system \"%s\"", path);
	return 0;
}

int rootfs_change_attr(int fd, const struct mount_attr_change *change, unsigned int flags)
{
	struct mount_attr attr = {.attr_set = change->set, .attr_clr = change->clear};

	if (!change->set && !change->clear)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int rootfs_move_mount(int mount_fd, int target)
{
	struct stat what, where;

	if (move_mount(mount_fd, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	/* What mount(2) calls ENOTDIR; engines know that, and explain it. */
	if (errno == EINVAL && !fstat(mount_fd, &what) && !fstat(target, &where) &&
	    S_ISDIR(what.st_mode) != S_ISDIR(where.st_mode))
		return -ENOTDIR;
	return -errno;
}

/*
 * Applies the options to a detached mount and puts it onto @target. All mounts of the namespace are
 * private, of which "private" and "slave" are no change.
 */
static int attach(int mount_fd, int target, const struct mount_options *options)
{
	unsigned int recursive = options->propagation & MS_REC ? AT_RECURSIVE : 0;
	struct mount_attr attr = {.propagation = options->propagation & ~(unsigned long)MS_REC};
	int r;

	r = rootfs_change_attr(mount_fd, &options->attr, 0);
	if (!r)
		r = rootfs_change_attr(mount_fd, &options->recursive_attr, AT_RECURSIVE);
	if (r < 0)
		return r;
	r = rootfs_move_mount(mount_fd, target);
	if (r < 0)
		return r;
	if (!(attr.propagation & (MS_SHARED | MS_UNBINDABLE)))
		return 0;
	return mount_setattr(mount_fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

static int fail_mount(const struct plan_mount *m, int r, struct error *err)
{
	return error_errno(err, r, "mount \"%s\" in the container", m->destination);
}

static int fail_source(const struct plan_mount *m, const char *source, int r, struct error *err)
{
	return error_errno(err, r, "mount \"%s\" in the container: source \"%s\"", m->destination,
			   source);
}

static int mount_bind(struct child *child, const struct plan_mount *m, const char *source,
		      bool recursive, struct error *err)
{
	_cleanup_close_ int tree = -1, target = -1;
	struct stat st;
	int r;

	tree = open_tree(AT_FDCWD, source,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
	if (tree < 0 || fstat(tree, &st) < 0)
		return fail_source(m, source, errno, err);
	target = inroot_make(child->rootfs_fd, m->destination,
			     S_ISDIR(st.st_mode) ? INROOT_DIRECTORY : INROOT_FILE);
	if (target < 0)
		return fail_mount(m, target, err);
	r = attach(tree, target, &m->options);
	return r < 0 ? fail_mount(m, r, err) : 0;
}

/* What the words with an r in front and the propagation ask of a mount that mount(2) made. */
static int finish_mount(struct child *child, const struct plan_mount *m)
{
	const struct mount_options *o = &m->options;
	struct mount_attr attr = {
		.attr_set = o->recursive_attr.set,
		.attr_clr = o->recursive_attr.clear,
		.propagation = o->propagation & (MS_SHARED | MS_UNBINDABLE),
	};
	_cleanup_close_ int top = -1;

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	top = inroot_open(child->rootfs_fd, m->destination, O_PATH);
	if (top < 0)
		return top;
	return mount_setattr(top, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

/* A tmpfs that begins with what the directory held. It becomes read-only only afterwards. */
static int mount_copy_up(struct child *child, const struct plan_mount *m, int target,
			 struct error *err)
{
	struct mount_attr_change readonly = {.set = m->options.attr.set & MOUNT_ATTR_RDONLY};
	_cleanup_close_ int from = -1, to = -1;
	char path[INROOT_FD_PATH_SIZE];
	int r;

	from = inroot_open(child->rootfs_fd, m->destination, O_RDONLY | O_DIRECTORY);
	if (from < 0)
		return fail_mount(m, from, err);
	if (mount(m->source, inroot_fd_path(target, path), m->type,
		  m->options.flags & ~(unsigned long)MS_RDONLY, m->options.data) < 0)
		return fail_mount(m, errno, err);
	to = inroot_open(child->rootfs_fd, m->destination, O_RDONLY | O_DIRECTORY);
	r = to < 0 ? to : copy_up(from, to);
	if (!r)
		r = rootfs_change_attr(to, &readonly, 0);
	return r < 0 ? fail_mount(m, r, err) : 0;
}

/* The boot id that the host chose lies over the kernel's, of which all clones might have the same. */
static int cover_boot_id(struct child *child, const struct plan_mount *m)
{
	static const struct mount_options readonly = {.attr.set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int tree = -1, proc = -1, target = -1;

	tree = open_tree(AT_FDCWD, SETUP_BOOT_ID_FILE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return errno == ENOENT ? 0 : -errno;
	proc = inroot_open(child->rootfs_fd, m->destination, O_PATH);
	if (proc < 0)
		return proc;
	target = inroot_open(proc, "sys/kernel/random/boot_id", O_PATH);
	if (target < 0)
		return target == -ENOENT ? 0 : target;
	return attach(tree, target, &readonly);
}

/*
 * The data for mount(2): a tmpfs over a directory has that one's mode where its options name none, as
 * with runc. Return: owned.
 */
static char *tmpfs_data(const struct child *child, const struct plan_mount *m)
{
	const char *data = m->options.data;
	_cleanup_close_ int there = -1;
	struct stat st;

	if (!data || !strstr(data, "mode="))
		there = inroot_open(child->rootfs_fd, m->destination, O_PATH | O_DIRECTORY);
	if (there < 0 || fstat(there, &st) < 0)
		return data ? xstrdup(data) : NULL;
	return xasprintf("mode=%04o%s%s", (unsigned int)st.st_mode & 07777, data ? "," : "",
			 data ? data : "");
}

static int mount_fs(struct child *child, const struct plan_mount *m, struct error *err)
{
	const struct mount_options *o = &m->options;
	const char *source = m->source ? m->source : m->type, *data = o->data;
	_cleanup_free_ char *own_data = NULL;
	_cleanup_close_ int target = -1;
	char path[INROOT_FD_PATH_SIZE];
	int r;

	if (!o->copy_up && !strcmp(m->type, "tmpfs"))
		data = own_data = tmpfs_data(child, m);
	target = inroot_make(child->rootfs_fd, m->destination, INROOT_DIRECTORY);
	if (target < 0)
		return fail_mount(m, target, err);
	if (o->copy_up && !strcmp(m->type, "tmpfs")) {
		r = mount_copy_up(child, m, target, err);
		if (r < 0)
			return r;
	} else if (mount(source, inroot_fd_path(target, path), m->type, o->flags, data) < 0) {
		if (errno == ENODEV)
			return error_set(err, ENODEV,
					 "mount \"%s\" in the container: the guest's "
					 "kernel has no file system \"%s\"",
					 m->destination, m->type);
		return fail_mount(m, errno, err);
	}
	r = finish_mount(child, m);
	if (!r && !strcmp(m->type, "proc"))
		r = cover_boot_id(child, m);
	return r < 0 ? fail_mount(m, r, err) : 0;
}

/* Always cgroup v2: with a namespace its root is the container's cgroup, without one a bind shows it. */
static int mount_cgroup(struct child *child, const struct plan_mount *m, struct error *err)
{
	struct plan_mount cgroup2 = *m;

	if (!(child->plan->namespaces & CLONE_NEWCGROUP))
		return mount_bind(child, m, child->setup->cgroup_path, false, err);
	cgroup2.type = "cgroup2";
	/* Options of v1 hierarchies (a controller's name ...) mean nothing here. */
	cgroup2.options.data = NULL;
	return mount_fs(child, &cgroup2, err);
}

static int mount_any(struct child *child, const struct plan_mount *m, struct error *err)
{
	switch (m->kind) {
	case PLAN_MOUNT_BIND:
		return mount_bind(child, m, m->source, m->options.recursive, err);
	case PLAN_MOUNT_CGROUP:
		return mount_cgroup(child, m, err);
	case PLAN_MOUNT_FS:
	default:
		return mount_fs(child, m, err);
	}
}

int rootfs_mounts(struct child *child, struct error *err)
{
	usual_choose(child);
	for (size_t i = 0; i < child->plan->n_mounts; i++) {
		const struct plan_mount *m = &child->plan->mounts[i];
		int r = usual_attach(child, m);

		if (r < 0)
			return fail_mount(m, r, err);
		if (!r)
			r = mount_any(child, m, err);
		if (r < 0)
			return r;
	}
	usual_settle(child);
	return 0;
}

static int make_device(int dirfd, const char *name, const struct plan_device *d)
{
	if (mknodat(dirfd, name, d->mode, d->device) < 0) {
		/* As runc: what a rootfs without a mount on /dev has there already stays. */
		return errno == EEXIST ? 0 : -errno;
	}
	if ((d->uid || d->gid) && fchownat(dirfd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_device_anywhere(struct child *child, const struct plan_device *d)
{
	_cleanup_free_ char *parent = xstrdup(d->path);
	char *slash = strrchr(parent, '/');
	_cleanup_close_ int dirfd = -1;

	if (!slash || !slash[1])
		return -EINVAL;
	*slash = '\0';
	dirfd = inroot_make(child->rootfs_fd, *parent ? parent : "/", INROOT_DIRECTORY);
	return dirfd < 0 ? dirfd : make_device(dirfd, slash + 1, d);
}

static const struct {
	const char *name;
	const char *target;
} dev_links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},
};

bool rootfs_is_dev_link(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		if (!strcmp(dev_links[i].name, name))
			return true;
	return !strcmp(name, "ptmx");
}

static int make_dev_links(int dev_fd, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		if (symlinkat(dev_links[i].target, dev_fd, dev_links[i].name) < 0 &&
		    errno != EEXIST)
			return error_errno(err, errno, "link \"/dev/%s\"", dev_links[i].name);
	/* The only name that the specification wants replaced: a bare device would be the guest's. */
	if (symlinkat("pts/ptmx", dev_fd, "ptmx") < 0) {
		if (errno != EEXIST || unlinkat(dev_fd, "ptmx", 0) < 0 ||
		    symlinkat("pts/ptmx", dev_fd, "ptmx") < 0)
			return error_errno(err, errno, "link \"/dev/ptmx\"");
	}
	return 0;
}

int rootfs_devices(struct child *child, struct error *err)
{
	const struct plan *plan = child->plan;
	_cleanup_close_ int dev_fd = -1;

	if ((!plan->n_devices && !plan->setup_dev) || usual_has_devices(child))
		return 0;
	dev_fd = inroot_make(child->rootfs_fd, "/dev", INROOT_DIRECTORY);
	if (dev_fd < 0)
		return error_errno(err, dev_fd, "\"/dev\" in the container");
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct plan_device *d = &plan->devices[i];
		int r;

		if (!strncmp(d->path, "/dev/", 5) && !strchr(d->path + 5, '/') && d->path[5])
			r = make_device(dev_fd, d->path + 5, d);
		else
			r = make_device_anywhere(child, d);
		if (r < 0)
			return error_errno(err, r, "device \"%s\" in the container", d->path);
	}
	return plan->setup_dev ? make_dev_links(dev_fd, err) : 0;
}

/* @null_fd: of the guest's /dev/null, opened when it is needed */
static int mask(struct child *child, const char *path, int *null_fd)
{
	char target_path[INROOT_FD_PATH_SIZE], null_path[INROOT_FD_PATH_SIZE];
	_cleanup_close_ int target = inroot_open(child->rootfs_fd, path, O_PATH);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	if (*null_fd < 0)
		*null_fd = open("/dev/null", O_PATH | O_CLOEXEC);
	if (*null_fd < 0)
		return -errno;
	inroot_fd_path(target, target_path);
	if (!mount(inroot_fd_path(*null_fd, null_path), target_path, NULL, MS_BIND, NULL))
		return 0;
	/* A file does not go onto a directory: this one is one. */
	if (errno != ENOTDIR)
		return -errno;
	return mount("tmpfs", target_path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") < 0
		       ? -errno
		       : 0;
}

int rootfs_masked_paths(struct child *child, struct error *err)
{
	_cleanup_close_ int null_fd = -1;

	for (size_t i = 0; i < child->plan->n_masked_paths; i++) {
		const char *path = child->plan->masked_paths[i];
		int r = usual_has_masked(child, path) ? 0 : mask(child, path, &null_fd);

		if (r < 0)
			return error_errno(err, r, "linux.maskedPaths[%zu]: \"%s\"", i, path);
	}
	return 0;
}

static int make_readonly(struct child *child, const char *path)
{
	static const struct mount_options readonly = {.attr.set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int target = inroot_open(child->rootfs_fd, path, O_PATH);
	_cleanup_close_ int tree = -1;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	tree = open_tree(target, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	return tree < 0 ? -errno : attach(tree, target, &readonly);
}

int rootfs_readonly_paths(struct child *child, struct error *err)
{
	for (size_t i = 0; i < child->plan->n_readonly_paths; i++) {
		const char *path = child->plan->readonly_paths[i];
		int r = usual_has_readonly(child, path) ? 0 : make_readonly(child, path);

		if (r < 0)
			return error_errno(err, r, "linux.readonlyPaths[%zu]: \"%s\"", i, path);
	}
	return 0;
}

int rootfs_cwd(struct child *child, struct error *err)
{
	const char *cwd = child->process->cwd;
	_cleanup_close_ int fd = -1;

	if (!strcmp(cwd, "/"))
		return 0;
	fd = inroot_make(child->rootfs_fd, cwd, INROOT_DIRECTORY);
	/* A read-only mount where it would have to be made: chdir(2) says so in runc's words. */
	if (fd < 0 && fd != -EROFS)
		return error_errno(err, fd, "process.cwd: make \"%s\" in the container", cwd);
	return 0;
}

int rootfs_enter(struct child *child, struct error *err)
{
	static const struct mount_attr_change readonly = {.set = MOUNT_ATTR_RDONLY};
	unsigned long propagation = child->plan->rootfs_propagation;

	if (child->plan->rootfs_readonly) {
		int r = rootfs_change_attr(child->rootfs_fd, &readonly, 0);

		if (r < 0)
			return error_errno(err, r, "root.readonly");
	}
	if (fchdir(child->rootfs_fd) < 0)
		return error_errno(err, errno, "enter the root file system");
	/* Both at one place: the old root then lies on top of the new one, and goes by ".". */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_errno(err, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return error_errno(err, errno, "detach the guest's root");
	if (chdir("/") < 0)
		return error_errno(err, errno, "enter \"/\"");
	if (propagation && mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_errno(err, errno, "linux.rootfsPropagation");
	child->rootfs_fd = close_keep_errno(child->rootfs_fd);
	return 0;
}
