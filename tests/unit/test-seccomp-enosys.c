// SPDX-License-Identifier: Apache-2.0
/* The prologue in front of a seccomp filter, run instruction by instruction. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "lib/alloc.h"
#include "lib/cleanup.h"
#include "libocispec/seccomp-enosys.h"
#include "tests/unit/test.h"

#define THROUGH UINT32_MAX /* behind the prologue: the filter decides */
#define X32_BIT 0x40000000U

/* What a call of @number on @arch comes to. */
static uint32_t interpret(const struct sock_filter *program, size_t n, uint32_t arch,
			  uint32_t number)
{
	uint32_t a = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &program[i];
		bool jump;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = f->k == offsetof(struct seccomp_data, nr) ? number : arch;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jump = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jump = a >= f->k;
			break;
		default:
			TEST_FAIL("instruction %zu: code %x", i, f->code);
		}
		i += jump ? f->jt : f->jf;
		/* No jump goes beyond the end of the prologue. */
		CHECK_INT(i + 1, <=, n);
	}
	return THROUGH;
}

static struct oci_seccomp profile_of(struct oci_syscall *rule, char **names, size_t n)
{
	*rule = (struct oci_syscall){.names = names, .n_names = n};
	return (struct oci_seccomp){.syscalls = rule, .n_syscalls = 1};
}

static int number_of(uint32_t arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(arch, name);
}

static void test_architectures(void)
{
	static const uint32_t archs[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32,
					 SCMP_ARCH_AARCH64};
	static const uint32_t refused = SECCOMP_RET_ERRNO | ENOSYS;
	static char read_name[] = "read", statx_name[] = "statx", new_name[] = "not_known_yet";
	char *names[] = {read_name, statx_name, new_name, NULL};
	struct oci_syscall rule;
	struct oci_seccomp profile = profile_of(&rule, names, 3);
	struct sock_filter out[SECCOMP_ENOSYS_MAX];
	uint32_t last;

	/* Each alone, and all together in either order. */
	for (size_t set = 1; set < 1U << ARRAY_SIZE(archs); set++) {
		uint32_t list[ARRAY_SIZE(archs)];
		bool has_64 = set & 1, has_x32 = set & 4;
		size_t n = 0, length;

		for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
			if (set & 1U << i)
				list[n++] = archs[i];
		length = seccomp_enosys_prologue(&profile, list, n, out);
		CHECK_INT(length, <=, SECCOMP_ENOSYS_MAX);
		last = (uint32_t)number_of(SCMP_ARCH_X86_64, "statx");
		CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, last), ==, THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, 0), ==, THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, last + 1), ==,
			  has_64 ? refused : THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, X32_BIT | last), ==, THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, X32_BIT | 9999), ==,
			  has_64 && has_x32 ? refused : THROUGH);
		last = (uint32_t)number_of(SCMP_ARCH_X86, "statx");
		CHECK_INT(interpret(out, length, AUDIT_ARCH_I386, last), ==, THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_I386, last + 1), ==,
			  set & 2 ? refused : THROUGH);
		last = (uint32_t)number_of(SCMP_ARCH_AARCH64, "statx");
		CHECK_INT(interpret(out, length, AUDIT_ARCH_AARCH64, last), ==, THROUGH);
		CHECK_INT(interpret(out, length, AUDIT_ARCH_AARCH64, last + 1), ==,
			  set & 8 ? refused : THROUGH);
		/* Not in the profile: the filter's. */
		CHECK_INT(interpret(out, length, AUDIT_ARCH_S390X, 9999), ==, THROUGH);
	}
}

static void test_nothing_named(void)
{
	static const uint32_t native[] = {SCMP_ARCH_X86_64};
	static char new_name[] = "not_known_yet";
	char *names[] = {new_name, NULL};
	struct oci_syscall rule;
	struct oci_seccomp profile = profile_of(&rule, names, 1);
	struct sock_filter out[SECCOMP_ENOSYS_MAX];

	CHECK_INT(seccomp_enosys_prologue(&profile, native, 1, out), ==, 0);
	profile.n_syscalls = 0;
	CHECK_INT(seccomp_enosys_prologue(&profile, native, 1, out), ==, 0);
}

/* As many as there is room for: the jumps still have room in their bytes. */
static void test_many(void)
{
	static char read_name[] = "read";
	char *names[] = {read_name, NULL};
	uint32_t archs[SECCOMP_ENOSYS_MAX_ARCHS];
	struct oci_syscall rule;
	struct oci_seccomp profile = profile_of(&rule, names, 1);
	struct sock_filter out[SECCOMP_ENOSYS_MAX];
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		archs[i] = SCMP_ARCH_X86_64;
	length = seccomp_enosys_prologue(&profile, archs, ARRAY_SIZE(archs), out);
	CHECK_INT(length, ==, SECCOMP_ENOSYS_MAX);
	CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, 0), ==, THROUGH);
	CHECK_INT(interpret(out, length, AUDIT_ARCH_X86_64, 1), ==, SECCOMP_RET_ERRNO | ENOSYS);
}

int main(void)
{
	TEST_RUN(test_architectures);
	TEST_RUN(test_nothing_named);
	TEST_RUN(test_many);
	return test_end();
}
