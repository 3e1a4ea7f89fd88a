// SPDX-License-Identifier: Apache-2.0
#include "vminit/workers.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fuse.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/process.h"

#define DEVICE	    "/run/@fuse"
#define MOUNT_POINT "/run/@workers"

/* Starts were seen to use up to three at a time. */
#define SLEEPERS 6

/* In which all that the processor can begin has begun. */
#define BEGIN_TIME    (100 * USEC_PER_MSEC)
#define SERVE_TIMEOUT (10 * USEC_PER_SEC)

/* --- who asks, in a process of its own --- */

/* Return: 0 or -errno. */
static int ask(int fuse)
{
	_cleanup_close_ int fd = -1;
	struct iocb blocks[SLEEPERS] = {0}, *list[SLEEPERS];
	struct io_event events[SLEEPERS];
	aio_context_t context = 0;

	/* Its last close is what ends all that was not answered. */
	close_keep_errno(fuse);
	fd = open(MOUNT_POINT, O_RDWR | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_io_setup, SLEEPERS, &context) < 0)
		return -errno;
	for (size_t i = 0; i < SLEEPERS; i++) {
		blocks[i] =
			(struct iocb){.aio_lio_opcode = IOCB_CMD_FSYNC, .aio_fildes = (uint32_t)fd};
		list[i] = &blocks[i];
	}
	if (syscall(SYS_io_submit, context, SLEEPERS, list) != SLEEPERS ||
	    syscall(SYS_io_getevents, context, SLEEPERS, SLEEPERS, events, NULL) != SLEEPERS)
		return -errno;
	return syscall(SYS_io_destroy, context) < 0 ? -errno : 0;
}

/* --- who answers --- */

static int answer(int fuse, const struct fuse_in_header *request, int errnum, const void *body,
		  size_t len)
{
	char reply[sizeof(struct fuse_out_header) + sizeof(struct fuse_init_out)];
	struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + len),
					 .error = -errnum,
					 .unique = request->unique};

	memcpy(reply, &header, sizeof(header));
	if (len)
		memcpy(reply + sizeof(header), body, len);
	return write(fuse, reply, header.len) == (ssize_t)header.len ? 0 : -errno;
}

static int serve_one(int fuse, bool *slept)
{
	static const struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
						  .minor = FUSE_KERNEL_MINOR_VERSION,
						  .max_write = FUSE_MIN_READ_BUFFER};
	static const struct fuse_open_out opened = {.fh = 1};
	_Alignas(struct fuse_in_header) char buffer[2 * FUSE_MIN_READ_BUFFER];
	const struct fuse_in_header *request = (const void *)buffer;
	ssize_t n = read(fuse, buffer, sizeof(buffer));

	if (n < (ssize_t)sizeof(*request))
		return n < 0 ? -errno : -EBADMSG;
	switch (request->opcode) {
	case FUSE_INIT:
		return answer(fuse, request, 0, &init, sizeof(init));
	case FUSE_OPEN:
		return answer(fuse, request, 0, &opened, sizeof(opened));
	case FUSE_FSYNC:
		/* Nothing tells when the others have begun: this one is the only one that comes here. */
		if (!*slept)
			(void)usleep(BEGIN_TIME);
		*slept = true;
		return answer(fuse, request, 0, NULL, 0);
	case FUSE_RELEASE:
	case FUSE_FLUSH:
		return answer(fuse, request, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0;
	default:
		return answer(fuse, request, ENOSYS, NULL, 0);
	}
}

/* Until the process that asks is gone. */
static int serve(int fuse, pid_t pid)
{
	_cleanup_close_ int pidfd = process_open(pid);
	struct pollfd fds[] = {{.fd = fuse, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	uint64_t deadline = loop_now() + SERVE_TIMEOUT;
	bool slept = false;
	int r = pidfd;

	while (r >= 0 && !fds[1].revents) {
		r = loop_now() < deadline ? 0 : -ETIME;
		if (!r && poll(fds, ARRAY_SIZE(fds), SERVE_TIMEOUT / USEC_PER_MSEC) < 0)
			r = -errno;
		if (!r && fds[0].revents)
			r = serve_one(fuse, &slept);
	}
	return r < 0 ? r : 0;
}

static int mount_file(int fuse)
{
	_cleanup_close_ int file = open(MOUNT_POINT, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char options[64];

	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0",
		       fuse);
	return file < 0 || mount("workers", MOUNT_POINT, "fuse", MS_NOSUID | MS_NODEV, options) < 0
		       ? -errno
		       : 0;
}

static int open_fuse(void)
{
	int fd;

	if (mknod(DEVICE, S_IFCHR | 0600, makedev(10, 229)) < 0)
		return -errno;
	fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	(void)unlink(DEVICE);
	return fd;
}

void workers_make(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	/* Its end is nobody's signal. */
	struct clone_args args = {.exit_signal = 0};
	_cleanup_close_ int fuse = open_fuse();
	int status = 0, r = fuse < 0 ? fuse : mount_file(fuse);
	pid_t pid = -1;

	if (!r) {
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
		if (!pid)
			_exit(-ask(fuse));
		r = pid < 0 ? -errno : serve(fuse, pid);
	}
	/* What waits for an answer ends with this. */
	fuse = close_keep_errno(fuse);
	if (pid > 0) {
		if (r < 0)
			(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, __WALL);
	}
	(void)umount2(MOUNT_POINT, MNT_DETACH);
	(void)unlink(MOUNT_POINT);
	if (!r)
		r = -process_exit_code(status);
	if (r < 0) {
		error_errno(&err, r, "make workers of the kernel ahead");
		log_warning("%s", error_message(&err));
	}
}
