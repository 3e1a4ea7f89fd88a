/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which accelerator a VM starts with. An open /dev/kvm proves little: where the processor shows no
 * virtualisation extension, KVM creates VMs and cannot run an ordinary kernel. So automatic choice
 * asks for both, and what still fails then is noticed by qemu.h as QEMU_FAILED_ACCEL, upon which
 * the monitor starts again under TCG. A user who asks for KVM by name gets KVM or an error.
 */
#ifndef RUNVM_VMM_ACCEL_H
#define RUNVM_VMM_ACCEL_H

#include <stdbool.h>

#include "lib/error.h"

enum accel_request { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG, N_ACCEL_REQUESTS };

enum vm_arch { VM_ARCH_X86_64, VM_ARCH_AARCH64, N_VM_ARCHS };

/**
 * struct accel_facts - what accel_choose() looks at
 * @arch: of host and guest
 * @kvm_errno: 0 when /dev/kvm opened for reading and writing, else why it did not
 * @cpuinfo: text of /proc/cpuinfo; NULL when unreadable
 */
struct accel_facts {
	enum vm_arch arch;
	int kvm_errno;
	const char *cpuinfo;
};

/**
 * struct accel - the choice
 * @kvm: KVM, else TCG
 * @forced: the user named it: no other is to be tried when it fails
 * @reason: owned; why it is TCG though the user did not ask for it, or what speaks against the
 *	KVM the user asked for (quoted when it then fails); NULL when there is nothing to say
 */
struct accel {
	bool kvm;
	bool forced;
	char *reason;
};

#define ACCEL_INIT                 \
	{                          \
		false, false, NULL \
	}
#define _cleanup_accel_ _cleanup_(accel_clear)

/**
 * accel_choose() - the decision, from facts alone
 *
 * Return: 0; -ENODEV when KVM was asked for by name and /dev/kvm does not open.
 */
int accel_choose(enum accel_request request, const struct accel_facts *facts, struct accel *ret,
		 struct error *err);

/* Gathers the facts of this machine (opens /dev/kvm, reads /proc/cpuinfo) and chooses. */
int accel_detect(enum accel_request request, struct accel *ret, struct error *err);

/* "auto", "kvm", "tcg". Return: 0 or -EINVAL. */
int accel_request_from_string(const char *s, enum accel_request *ret, struct error *err);

/* The choice after KVM failed to run: TCG, with @why in the reason. */
void accel_fall_back(struct accel *accel, const char *why);

/* The architecture this program was built for. */
enum vm_arch vm_arch_native(void);

void accel_clear(struct accel *accel);

#endif
