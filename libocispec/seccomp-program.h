/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp as a BPF program, by libseccomp; and such a program as text. The translation takes
 * hundreds of milliseconds under TCG, so the host does it and sends the text in an annotation
 * (guest-config.h, in place of linux.seccomp); from a client that sends linux.seccomp the
 * guest takes that. Needs libocispec and libseccomp alone, so that both sides can have it.
 */
#ifndef RUNVM_OCISPEC_SECCOMP_PROGRAM_H
#define RUNVM_OCISPEC_SECCOMP_PROGRAM_H

#include <stddef.h>

#include "lib/error.h"
#include "libocispec/spec.h"

/* Of the kernel: BPF_MAXINSNS instructions of eight bytes. */
#define SECCOMP_PROGRAM_MAX 4096

/**
 * struct seccomp_program - what seccomp(2) takes
 * @instructions: struct sock_filter, owned; NULL for none
 * @length: how many
 * @flags: SECCOMP_FILTER_FLAG_*
 */
struct seccomp_program {
	void *instructions;
	unsigned short length;
	unsigned int flags;
};

/**
 * seccomp_program_compile() - translate a profile, for this architecture's kernel
 * @ret: its instructions are for the caller to free; written only on success
 *
 * Return: 0; -EINVAL or -EOPNOTSUPP with the JSON path; -ENOMEM.
 */
int seccomp_program_compile(const struct oci_seccomp *profile, struct seccomp_program *ret,
			    struct error *err);

/* As text: flags in hexadecimal, a colon, the instructions in base64. Return: owned by the caller. */
char *seccomp_program_encode(const struct seccomp_program *program);
/* Return: 0, or -EINVAL for what is no such text. */
int seccomp_program_decode(const char *text, struct seccomp_program *ret);

#endif
