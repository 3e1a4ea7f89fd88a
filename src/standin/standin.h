/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in: the host's process that represents one process of a container to the engine.
 *
 * Theory of operation. create clones it, in a pid namespace of its own where config.json asks for
 * one, and they speak over a socketpair (SOCK_SEQPACKET, a letter and text, as leases do):
 *
 *	stand-in -> create	STANDIN_NAMESPACES	it is in its namespaces and its cgroup
 *	create -> stand-in	STANDIN_HOOKS <state>	run the createContainer hooks, then go on; what
 *							does not fit into one packet comes before it in
 *							STANDIN_HOOKS_PART
 *	stand-in -> create	STANDIN_CREATED		the process waits in the guest for start
 *			or	STANDIN_FAILED <error>	at any time; it ends then
 *	create -> stand-in	STANDIN_COMMIT		the status is written: live on
 *
 * Until the commit, the end of create ends the stand-in and with it the container. Afterwards it
 * lives as long as its process: it copies stdio, forwards signals, and ends with the process's exit
 * status. It holds the container's lease (monitor/lease.h), so its death, however it comes, ends
 * the container.
 *
 * As pid 1 of a pid namespace it ignores signals without a handler and cannot kill itself with one;
 * so every signal that can be caught is blocked and read from a signalfd before it announces
 * itself, and it ends by _exit().
 */
#ifndef RUNVM_STANDIN_H
#define RUNVM_STANDIN_H

#include <stdbool.h>
#include <stddef.h>

#include "container/plan.h"
#include "lib/error.h"
#include "lib/process.h"
#include "libocispec/spec.h"

/* What a stand-in ends with when it does not know how its process ended. */
#define STANDIN_EXIT_LOST 255

enum standin_message {
	STANDIN_NAMESPACES = 'N',
	STANDIN_HOOKS_PART = 'h',
	STANDIN_HOOKS = 'H',
	STANDIN_CREATED = 'C',
	STANDIN_FAILED = 'F',
	STANDIN_COMMIT = 'K',
};

/**
 * struct standin_config - what a stand-in is to do; all borrowed until it is forked
 * @id: of the container
 * @plan: namespaces, and the guest's config.json
 * @hooks: of the bundle; NULL for none
 * @vm_dirfd: directory of the VM's sockets
 * @rootfs_fd: detached mount of the root file system, which becomes the root of the stand-in's
 *	mount namespace; -1 for none
 * @console_socket: connected socket that gets the terminal's master; -1 without a terminal
 * @cgroups: directories of the host's cgroups to be in; NULL-terminated; NULL for none
 * @start: let the process go as soon as it is created, in the same breath; STANDIN_CREATED then
 *	says that it runs
 */
struct standin_config {
	const char *id;
	const struct plan *plan;
	const struct oci_hooks *hooks;
	int vm_dirfd;
	int rootfs_fd;
	int console_socket;
	char *const *cgroups;
	bool start;
};

/**
 * struct standin - the side of create
 * @process: the stand-in, as the caller's pid namespace sees it
 * @pidfd: of it
 * @control: the socketpair's end
 */
struct standin {
	struct process_ref process;
	int pidfd;
	int control;
};

#define STANDIN_INIT                       \
	{                                  \
		.pidfd = -1, .control = -1 \
	}

/* Clones it. Return: 0 or -errno. */
int standin_start(const struct standin_config *config, struct standin *ret, struct error *err);

/**
 * standin_wait() - wait for a message
 * @expected: STANDIN_NAMESPACES or STANDIN_CREATED
 * @other: one more descriptor to watch; -1 for none
 * @deadline: CLOCK_MONOTONIC microseconds
 *
 * Return: 0; -EAGAIN when @other became readable first; -ETIME; the error of a stand-in that
 * failed; -ECHILD when it died without a word.
 */
int standin_wait(struct standin *standin, enum standin_message expected, int other,
		 uint64_t deadline, struct error *err);

/* Tells it to run the createContainer hooks with this state and to go on. */
int standin_run_hooks(struct standin *standin, const char *state, struct error *err);

/* Lets it live on without create. */
int standin_commit(struct standin *standin, struct error *err);

/* Ends one that was not committed, and waits for its end; closes everything. */
void standin_clear(struct standin *standin);

/* The stand-in's own life, in the clone (standin-main.c). @born: as for cgroup_join() */
_noreturn_ void standin_main(const struct standin_config *config, bool born, int control);

#endif
