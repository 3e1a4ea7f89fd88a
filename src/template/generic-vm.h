/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic VM of a plan: what a monitor starts, what a builder saves and what a template is
 * looked for by are one and the same, so it is said in one place.
 */
#ifndef RUNVM_TEMPLATE_GENERIC_VM_H
#define RUNVM_TEMPLATE_GENERIC_VM_H

#include "container/plan.h"
#include "monitor/assets.h"
#include "vmm/accel.h"
#include "vmm/qemu-args.h"

/**
 * generic_vm() - the VM before anything of a container is plugged
 * @plan, @assets: borrowed by the result
 *
 * Without descriptors, chardevs and a name, and to be booted.
 */
struct qemu_config generic_vm(const struct plan_vm *plan, const struct assets *assets,
			      const struct accel *accel);

#endif
