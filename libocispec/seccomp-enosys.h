/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that are newer than a seccomp profile. Programs try a new one and fall back on the
 * old when they hear ENOSYS; the profile's default, mostly EPERM, would make them fail. So, as with
 * runc, what a profile cannot have known is answered with ENOSYS: a number beyond the highest that
 * it names. A few instructions in front of libseccomp's program.
 */
#ifndef RUNVM_OCISPEC_SECCOMP_ENOSYS_H
#define RUNVM_OCISPEC_SECCOMP_ENOSYS_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "libocispec/spec.h"

/* Architectures that a profile may have, and instructions for them. */
#define SECCOMP_ENOSYS_MAX_ARCHS 32
#define SECCOMP_ENOSYS_MAX	 (1 + 6 * SECCOMP_ENOSYS_MAX_ARCHS)

/**
 * seccomp_enosys_prologue() - the instructions in front
 * @archs: SCMP_ARCH_*, each once; at most SECCOMP_ENOSYS_MAX_ARCHS are looked at
 * @out: room for SECCOMP_ENOSYS_MAX; who comes to their end goes on behind them
 *
 * Return: how many, 0 for a profile that names no system call.
 */
size_t seccomp_enosys_prologue(const struct oci_seccomp *profile, const uint32_t *archs,
			       size_t n_archs, struct sock_filter *out);

#endif
