// SPDX-License-Identifier: Apache-2.0
#include "vminit/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>

#include "lib/socket.h"
#include "vminit/inroot.h"

int terminal_resize(int fd, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (!rows && !columns)
		return 0;
	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

/* A devpts that is mounted nowhere, for a container that mounts none. */
static int open_private_ptmx(void)
{
	_cleanup_close_ int fs = fsopen("devpts", FSOPEN_CLOEXEC), tree = -1;
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID);
	if (tree < 0)
		return -errno;
	fd = openat(tree, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_ptmx(struct child *child)
{
	int fd;

	if (child->rootfs_fd >= 0)
		fd = inroot_open(child->rootfs_fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY);
	else
		fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && child->rootfs_fd < 0)
		fd = -errno;
	return fd == -ENOENT || fd == -ENOTDIR ? open_private_ptmx() : fd;
}

/* /dev/console of the container is its terminal (OCI spec, config-linux.md, "Default Devices"). */
static int make_console(struct child *child)
{
	char source[INROOT_FD_PATH_SIZE], target_path[INROOT_FD_PATH_SIZE];
	_cleanup_close_ int target = -1;

	target = inroot_make(child->rootfs_fd, "dev/console", INROOT_FILE);
	if (target < 0)
		return target;
	return mount(inroot_fd_path(child->terminal_fd, source),
		     inroot_fd_path(target, target_path), NULL, MS_BIND, NULL) < 0
		       ? -errno
		       : 0;
}

int terminal_open(struct child *child, struct error *err)
{
	struct child_message message = {.type = CHILD_TERMINAL};
	_cleanup_close_ int master = -1;
	int unlock = 0, r;
	ssize_t n;

	if (!child->process->terminal)
		return 0;
	master = open_ptmx(child);
	if (master < 0)
		return error_errno(err, master, "process.terminal: open \"/dev/pts/ptmx\"");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return error_errno(err, errno, "process.terminal: unlock the pty");
	/* By descriptor: a name in the container's /dev/pts could be anything. */
	child->terminal_fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (child->terminal_fd < 0)
		return error_errno(err, errno, "process.terminal: open the pty");
	/* Group and mode are what devpts was mounted with. */
	if (child->process->uid && fchown(child->terminal_fd, child->process->uid, (gid_t)-1) < 0)
		return error_errno(err, errno, "process.terminal: owner of the pty");
	(void)terminal_resize(master, child->process->rows, child->process->columns);
	if (child->rootfs_fd >= 0) {
		r = make_console(child);
		if (r < 0)
			return error_errno(err, r, "process.terminal: \"/dev/console\"");
	}
	n = socket_send_fds(CHILD_SYNC_FD, &message, sizeof(message),
			    (int[]){master, child->terminal_fd}, 2);
	return n < 0 ? error_errno(err, (int)n, "process.terminal: hand over the pty") : 0;
}

int terminal_take(struct child *child, struct error *err)
{
	if (child->terminal_fd < 0)
		return 0;
	if (ioctl(child->terminal_fd, TIOCSCTTY, 0) < 0)
		return error_errno(err, errno,
				   "process.terminal: make it the controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(child->terminal_fd, fd) < 0)
			return error_errno(err, errno, "process.terminal: use it");
	child->terminal_fd = close_keep_errno(child->terminal_fd);
	return 0;
}
