/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wait of a foreground `run`: signals go on to the container, the caller's terminal is raw and
 * connected to the container's, and is restored whatever happens.
 */
#ifndef RUNVM_FOREGROUND_H
#define RUNVM_FOREGROUND_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/process.h"

struct foreground;

/**
 * foreground_new() - prepare, before the container is created
 * @terminal: process.terminal
 *
 * Return: 0; -ENOTTY when a terminal is wanted and the caller has none.
 */
int foreground_new(bool terminal, struct foreground **ret, struct error *err);

/* The socket to give create as the console socket; -1 without a terminal. Borrowed. */
int foreground_console(const struct foreground *fg);

/**
 * foreground_wait() - wait for the container's end
 * @standin: of the container, a child of the caller
 * @vm_dirfd: directory of the VM's sockets
 *
 * Signals that come from then on are forwarded.
 *
 * Return: the exit code; -errno, also when the VM has ended under the container, with its reason.
 */
int foreground_wait(struct foreground *fg, const struct process_ref *standin, int vm_dirfd,
		    struct error *err);

/* Restores the terminal. NULL is allowed. */
void foreground_free(struct foreground *fg);

#endif
