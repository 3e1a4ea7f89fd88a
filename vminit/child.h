/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child: from clone3(2) to execve(2). vminitd's process.c starts one for each process of a
 * container; the rest of this room runs in the child, where a failing step ends it.
 *
 * Theory of operation: the child is a copy of vminitd in new namespaces (the init of a container) or
 * one that joins those of a container (exec). It runs a table of steps; an init that was made ahead
 * of its plan (spare.h) waits for it at one of them. Parent and child talk over one SOCK_SEQPACKET
 * pair: the child sends CHILD_TERMINAL with the pty's descriptors if there is one, then
 * CHILD_CREATED, and waits for one byte, the gate; an end of the socket there means that
 * the parent lost interest. Behind the gate come the steps of `start`. The socket is closed by
 * execve: its end without a message is success. A step that fails sends CHILD_FAILED with errno
 * and message, at any time.
 *
 * Descriptors in the child: 0, 1, 2 are the program's, 3 is the socket, all else is close-on-exec
 * and was opened by the child: the first step closes what it inherited.
 */
#ifndef VMINIT_CHILD_H
#define VMINIT_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"
#include "vminit/plan.h"
#include "libocispec/seccomp-program.h"

struct usual;

#define CHILD_SYNC_FD 3
/* The longest message of an error on its way from the child. */
#define CHILD_MAX_MESSAGE 1024

/* CHILD_WAITS: a spare is ready for a plan. */
enum child_message_type { CHILD_WAITS, CHILD_TERMINAL, CHILD_CREATED, CHILD_FAILED };

/* What the child sends; the message of an error follows the struct, without a NUL. */
struct child_message {
	enum child_message_type type;
	int errnum;
};

/**
 * struct child_setup - what to start
 * @plan: of the container; NULL for a spare
 * @process: the process; &plan->process for the container's init; NULL for a spare
 * @namespaces: CLONE_NEW*: those that an init gets, new ones, or that a process joins
 * @cgroup_fd: directory of the container's cgroup
 * @cgroup_path: of that directory, absolute
 * @init_pidfd: of the container's init, for a process that joins; -1 for the init itself
 * @network_fd: a network namespace made ahead, for an init that gets a new one; -1: none
 * @hold_fd: a socket, borrowed: an init says on it that it is about to change its root, and waits
 *	there for a byte; -1: it goes on
 * @stdio: the program's ends of the pipes, borrowed; -1: the terminal or /dev/null
 */
struct child_setup {
	const struct plan *plan;
	const struct plan_process *process;
	uint64_t namespaces;
	int cgroup_fd;
	const char *cgroup_path;
	int init_pidfd;
	int network_fd;
	int hold_fd;
	int stdio[3];
};

/**
 * struct child - the child as its steps see it
 * @plan, @process: NULL in a spare until it has one
 * @rootfs_fd: root of the container's mount tree, before pivot_root
 * @dev_fd: /dev of the container, -1 before it is known
 * @terminal_fd: the slave of the pty, -1 without one
 * @program: path to execute, owned
 * @env: its environment
 * @filter: owned; length 0 for none
 * @usual: of a spare, what it made ahead; NULL otherwise
 * @outer_cgroup_fd: of a spare without a plan, the cgroup namespace of vminitd; -1 otherwise
 */
struct child {
	const struct child_setup *setup;
	const struct plan *plan;
	const struct plan_process *process;
	int rootfs_fd;
	int terminal_fd;
	char *program;
	char *const *env;
	struct seccomp_program filter;
	struct usual *usual;
	int outer_cgroup_fd;
};

/**
 * struct child_step - one thing to do
 * @name: stands in front of a message of its error, "" when the message says it all
 * @run: 0 or -errno with @err set
 */
struct child_step {
	const char *name;
	int (*run)(struct child *child, struct error *err);
};

/**
 * child_spawn() - create the process
 * @ret_pid: in this pid namespace
 * @ret_pidfd: close-on-exec
 * @ret_sync: the parent's end of the socket, close-on-exec, non-blocking
 */
int child_spawn(const struct child_setup *setup, pid_t *ret_pid, int *ret_pidfd, int *ret_sync,
		struct error *err);

/**
 * struct child_kept - namespaces of an init that are kept when its processes are gone
 * @mounts_fd, @network_fd: owned; -1 where there is none
 *
 * That of its mounts: the kernel sends RELEASE for an open file of the share and goes on, the file's
 * inode in hand; if that was the namespace's last process, the inode's file system would be gone before
 * the answer is there (that of a submount has no other mount: "Busy inodes after unmount", and worse).
 * That of its network: to take it apart is as much work as to execute a program, and who waits for the
 * container's end need not wait for it; most often the VM goes and nobody has to do it.
 */
struct child_kept {
	int mounts_fd;
	int network_fd;
};

#define CHILD_KEPT_INIT                           \
	{                                         \
		.mounts_fd = -1, .network_fd = -1 \
	}

/**
 * child_keep() - of an init that was not reaped yet
 * @network_fd: of its struct child_setup: it may not have entered that yet
 *
 * Return: 0 or -errno, when there is not even the first.
 */
int child_keep(pid_t pid, int network_fd, struct child_kept *ret);
void child_kept_close(struct child_kept *kept);

#endif
