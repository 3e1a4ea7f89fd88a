/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks of the host: programs that config.json names, run at points of a container's life with its
 * state on their standard input (config.md, "POSIX-platform Hooks"). startContainer hooks are
 * vminitd's.
 */
#ifndef RUNVM_HOOKS_H
#define RUNVM_HOOKS_H

#include <stddef.h>

#include "lib/error.h"
#include "libocispec/spec.h"

/**
 * hooks_run() - run hooks one after the other
 * @hooks: run in this order; the first that fails ends it
 * @state: the OCI state as JSON
 * @cwd: working directory of the hooks; NULL for the caller's
 *
 * A hook without env gets the environment of the caller, as with runc. One that runs past its
 * timeout is killed. What a failing hook wrote is in the message.
 *
 * Return: 0; -EPROTO for a hook that failed, -ETIME for one that took too long; another -errno.
 */
int hooks_run(const struct oci_hook *hooks, size_t n, const char *state, const char *cwd,
	      struct error *err);

#endif
