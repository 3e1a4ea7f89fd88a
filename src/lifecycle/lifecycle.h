/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on containers (runtime.md, "Operations" and "Lifecycle"), between the commands
 * that name them and the rooms that carry them out. Each works on an open container; those that
 * change it want it locked.
 */
#ifndef RUNVM_LIFECYCLE_H
#define RUNVM_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "container/bundle.h"
#include "container/container.h"
#include "lib/error.h"

/**
 * struct lifecycle_create - what create and run are given
 * @root: of all containers, absolute
 * @cgroups: make cgroups on the host
 * @bundle: the bundle; outlives the call
 * @pid_file, @console_socket, @pidfd_socket: paths; NULL for none
 * @detached: whether the caller goes away, so that a terminal needs a console socket
 * @start: also let the process go, as lifecycle_start() would, but for the poststart hooks
 * @console_fd: connected socket for the terminal's master instead of @console_socket; -1 for none
 */
struct lifecycle_create {
	const char *root;
	bool cgroups;
	const struct bundle *bundle;
	const char *pid_file;
	const char *console_socket;
	const char *pidfd_socket;
	bool detached;
	bool start;
	int console_fd;
};

/**
 * lifecycle_create() - create a container
 * @ret: the container, open and locked; its process waits in the guest. Written on success.
 *
 * On failure nothing is left behind.
 */
int lifecycle_create(const char *id, const struct lifecycle_create *options, struct container *ret,
		     struct error *err);

/* Lets the process of a created container go, and runs the poststart hooks. */
int lifecycle_start(struct container *c, struct error *err);

/**
 * lifecycle_started() - the poststart hooks of a container that create let go
 *
 * A failure stops the container.
 */
int lifecycle_started(struct container *c, struct error *err);

/**
 * lifecycle_kill() - send a signal
 * @all: to all processes of the container
 *
 * SIGKILL returns when the stand-in has ended, whatever the guest answers: after some seconds it is
 * killed, and the VM with it.
 *
 * Return: 0, with @all also when it had ended; -ESRCH ("container not running"); another -errno.
 */
int lifecycle_kill(struct container *c, int signal, bool all, struct error *err);

/**
 * lifecycle_interrupt() - end what a command may be waiting for that has the lock of a container
 * @c: without the lock
 *
 * A start waits as long as the guest's startContainer hooks, or a guest that hangs. What had to be
 * written back is, where the guest still can.
 */
void lifecycle_interrupt(const struct container *c);

/**
 * lifecycle_destroy() - end what lives of a container and remove all that is left of it
 *
 * Runs the poststop hooks (their failure is a warning). The container is gone afterwards; @c is
 * still to be closed.
 */
int lifecycle_destroy(struct container *c, struct error *err);

/**
 * lifecycle_state() - the OCI state of a container
 * @spec: its configuration, whose annotations are put in
 *
 * Return: owned JSON, as hooks get it.
 */
char *lifecycle_state(const struct container *c, enum oci_status status,
		      const struct oci_spec *spec);

/**
 * lifecycle_load_config() - the configuration that the container was created with
 *
 * Return: 0, -ENOENT when create had not got that far.
 */
int lifecycle_load_config(const struct container *c, struct oci_spec **ret, struct error *err);

#endif
