// SPDX-License-Identifier: Apache-2.0
#include "vminit/boot.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/io.h"
#include "vminit/cgroup.h"
#include "vminit/network.h"
#include "vminit/setup.h"

#define NEW_ROOT "/root" /* in the initramfs */

/* Enough for the connections of thousands of processes. */
#define MAX_DESCRIPTORS 524288

static const struct {
	const char *path;
	mode_t mode;
} directories[] = {
	{NEW_ROOT "/dev", 0755}, {NEW_ROOT "/etc", 0755}, {NEW_ROOT "/proc", 0555},
	{NEW_ROOT "/run", 0755}, {NEW_ROOT "/sys", 0555}, {NEW_ROOT "/tmp", 01777},
};

static const struct {
	const char *type;
	const char *path;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{"proc", NEW_ROOT "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"sysfs", NEW_ROOT "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"cgroup2", NEW_ROOT CGROUP_ROOT, MS_NOSUID | MS_NODEV | MS_NOEXEC,
	 "nsdelegate,memory_recursiveprot"},
	{"fusectl", NEW_ROOT SETUP_FUSE_CONTROL, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
};

static const struct {
	const char *path;
	unsigned int major;
	unsigned int minor;
} devices[] = {
	{NEW_ROOT "/dev/console", 5, 1},
	{NEW_ROOT "/dev/null", 1, 3},
	{NEW_ROOT "/dev/random", 1, 8},
	{NEW_ROOT "/dev/urandom", 1, 9},
};

static const struct {
	const char *path;
	const char *value;
} settings[] = {
	/* A limit that hosts have raised and programs in containers expect. */
	{"/proc/sys/fs/nr_open", "1073741816"},
	{"/proc/self/oom_score_adj", "-1000"},
	/* An idle VM would wake up twice a second to see whether its memory is in pieces. */
	{"/proc/sys/vm/compaction_proactiveness", "0"},
	/* Nor each second to add up counters that are some hundred pages off at most. */
	{"/proc/sys/vm/stat_interval", "120"},
};

static int make_tree(struct error *err)
{
	if (mount("tmpfs", NEW_ROOT, "tmpfs", MS_NOSUID, "mode=755") < 0)
		return error_errno(err, errno, "mount the root");
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdir(directories[i].path, directories[i].mode) < 0)
			return error_errno(err, errno, "make \"%s\"", directories[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0)
			return error_errno(err, errno, "mount \"%s\"", mounts[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (mknod(devices[i].path, S_IFCHR | 0600,
			  makedev(devices[i].major, devices[i].minor)) < 0)
			return error_errno(err, errno, "make \"%s\"", devices[i].path);
	return 0;
}

static int enter_tree(struct error *err)
{
	if (chdir(NEW_ROOT) < 0 || mount(NEW_ROOT, "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		return error_errno(err, errno, "enter the root");
	return 0;
}

int boot_prepare(int *ret_cgroup_fd, struct error *err)
{
	struct rlimit limit = {MAX_DESCRIPTORS, MAX_DESCRIPTORS};
	_cleanup_close_ int cgroup_root = -1;
	int r;

	umask(0);
	r = make_tree(err);
	if (!r)
		r = enter_tree(err);
	if (r < 0)
		return r;
	umask(0022);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		r = io_write_file(AT_FDCWD, settings[i].path, settings[i].value);
		/* A kernel of the user's own may have less. */
		if (r < 0 && r != -ENOENT)
			return error_errno(err, r, "write \"%s\"", settings[i].path);
	}
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_errno(err, errno, "raise the limit on descriptors");
	r = network_link_set("lo", true, 0, err);
	if (r < 0)
		return r;
	cgroup_root = open(CGROUP_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup_root < 0)
		return error_errno(err, errno, "open \"%s\"", CGROUP_ROOT);
	r = cgroup_make_parent(cgroup_root, CGROUP_PARENT, err);
	if (r < 0)
		return r;
	*ret_cgroup_fd = r;
	return 0;
}
