// SPDX-License-Identifier: Apache-2.0
#include "libocispec/seccomp-enosys.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>

#define X32_BIT 0x40000000U

/* The highest number on this architecture of a system call that is named; -1 for none. */
static int last_number(const struct oci_seccomp *profile, uint32_t arch)
{
	int last = -1;

	for (size_t i = 0; i < profile->n_syscalls; i++) {
		const struct oci_syscall *s = &profile->syscalls[i];

		for (size_t k = 0; k < s->n_names; k++) {
			/* Negative for what is unknown, or none of this architecture's. */
			int number = seccomp_syscall_resolve_name_arch(arch, s->names[k]);

			if (number > last)
				last = number;
		}
	}
	return last;
}

static bool has_arch(const uint32_t *archs, size_t n, uint32_t arch)
{
	for (size_t i = 0; i < n; i++)
		if (archs[i] == arch)
			return true;
	return false;
}

static const struct sock_filter load_number =
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
static const struct sock_filter return_enosys =
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);

/* Instructions of put_block() for this architecture. */
static size_t block_length(uint32_t arch)
{
	return arch == SCMP_ARCH_X86_64 ? 6 : 4;
}

/*
 * One architecture. @left: instructions of the prologue behind this block, over which a number goes that
 * is not refused here. The accumulator has the architecture, and keeps it for the next block.
 */
static size_t put_block(struct sock_filter *out, uint32_t arch, int last, int last_x32, size_t left)
{
	uint8_t over = (uint8_t)left;
	size_t n = 0;

	if (arch != SCMP_ARCH_X86_64) {
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 3);
		out[n++] = load_number;
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last,
							0, (uint8_t)(over + 1));
		out[n++] = return_enosys;
		return n;
	}
	/* x32's have the same architecture, and a bit in their numbers; unlisted, they are libseccomp's. */
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 5);
	out[n++] = load_number;
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 1, 0);
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 1,
						(uint8_t)(over + 2));
	out[n++] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JGT | BPF_K, last_x32 < 0 ? UINT32_MAX : (uint32_t)last_x32 | X32_BIT,
		0, (uint8_t)(over + 1));
	out[n++] = return_enosys;
	return n;
}

size_t seccomp_enosys_prologue(const struct oci_seccomp *profile, const uint32_t *archs,
			       size_t n_archs, struct sock_filter *out)
{
	struct {
		uint32_t arch;
		int last;
	} blocks[SECCOMP_ENOSYS_MAX_ARCHS];
	size_t n_blocks = 0, n = 1, left = 0;
	int last_x32 = -1;

	if (has_arch(archs, n_archs, SCMP_ARCH_X32))
		last_x32 = last_number(profile, SCMP_ARCH_X32);
	for (size_t i = 0; i < n_archs && n_blocks < SECCOMP_ENOSYS_MAX_ARCHS; i++) {
		int last = archs[i] == SCMP_ARCH_X32 ? -1 : last_number(profile, archs[i]);

		if (last < 0)
			continue;
		blocks[n_blocks].arch = archs[i];
		blocks[n_blocks++].last = last;
		left += block_length(archs[i]);
	}
	if (!n_blocks)
		return 0;
	out[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < n_blocks; i++) {
		left -= block_length(blocks[i].arch);
		n += put_block(out + n, blocks[i].arch, blocks[i].last, last_x32, left);
	}
	return n;
}
