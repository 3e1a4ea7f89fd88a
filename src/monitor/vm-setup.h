/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a VM of a plan is started on this host: which files, which accelerator, and the hypervisor's
 * configuration made of them. One place for the monitor, which boots or restores it, and for who
 * makes templates: both have to mean the same VM.
 */
#ifndef RUNVM_VM_SETUP_H
#define RUNVM_VM_SETUP_H

#include "container/plan.h"
#include "lib/error.h"
#include "monitor/assets.h"
#include "vmm/accel.h"
#include "vmm/qemu-args.h"
#include "vmm/tsc.h"

/**
 * struct vm_setup - what was found
 * @plan: borrowed
 * @tsc: taken at the beginning, for the frequency of the time stamp counter
 */
struct vm_setup {
	const struct plan_vm *plan;
	struct assets assets;
	struct accel accel;
	struct tsc_sample tsc;
};

#define _cleanup_vm_setup_ _cleanup_(vm_setup_clear)

/* RUNVM_ACCEL in the environment: auto, kvm or tcg. Return: 0, -EINVAL. */
int vm_setup_wanted_accel(enum accel_request *ret, struct error *err);

/**
 * vm_setup_find() - look
 *
 * Return: 0; -ENOENT for what is not installed; -ENODEV when KVM was asked for and is not there.
 */
int vm_setup_find(const struct plan_vm *plan, enum accel_request accel, struct vm_setup *ret,
		  struct error *err);

/*
 * The generic VM as its template is made; a cold one goes without .warm_up. Strings are borrowed
 * from @setup and its plan. Descriptors are -1.
 */
struct qemu_config vm_setup_config(const struct vm_setup *setup);

void vm_setup_clear(struct vm_setup *setup);

#endif
