/* SPDX-License-Identifier: Apache-2.0 */
/* The half of a plan that a container's init and an added process have in common; for plan.c. */
#ifndef VMINIT_PLAN_PROCESS_H
#define VMINIT_PLAN_PROCESS_H

#include "vminit/plan.h"

/**
 * plan_process_fill() - a process in the kernel's terms
 * @spec: borrowed by the result
 * @container: whose seccomp filter it gets, borrowed by the result
 * @ret: to be cleared by plan_process_clear(); written only on success
 */
int plan_process_fill(const struct oci_process *spec, const struct plan *container,
		      struct plan_process *ret, struct error *err);

#endif
