/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the child that make it the process that config.json describes: limits, user,
 * capabilities, seccomp. Their order is that of the table in child.c.
 */
#ifndef VMINIT_PRIVILEGES_H
#define VMINIT_PRIVILEGES_H

#include "vminit/child.h"

/* While /proc is the guest's. vminitd's own -1000 must never be inherited. */
int privileges_default_oom_score(struct child *child, struct error *err);
/* The plan's, if that is another. */
int privileges_oom_score(struct child *child, struct error *err);
int privileges_rlimits(struct child *child, struct error *err);
/* A session keyring of its own, where the kernel has keyrings. */
int privileges_keyring(struct child *child, struct error *err);
/* Drops the bounding set, becomes the user, keeps all permitted capabilities for now. */
int privileges_user(struct child *child, struct error *err);
/* The rest of the sets, noNewPrivileges and the seccomp filter. The last thing before execve. */
int privileges_lock(struct child *child, struct error *err);

#endif
