/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks that run in the guest: startContainer, in the container's namespaces and root. */
#ifndef VMINIT_HOOKS_H
#define VMINIT_HOOKS_H

#include "vminit/child.h"

/* Step: runs them in their order; the first that fails ends the container (runtime.md, Lifecycle). */
int hooks_start_container(struct child *child, struct error *err);

#endif
