// SPDX-License-Identifier: Apache-2.0
#include "libocispec/seccomp-program.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "libocispec/seccomp-enosys.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* What the action returns to a caller when config.json names no errno (config-linux.md). */
#define DEFAULT_ERRNO EPERM

static const struct {
	const char *name;
	uint32_t action;
} actions[] = {
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
};

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	{"SCMP_CMP_NE", SCMP_CMP_NE},
};

static const struct {
	const char *name;
	unsigned int flag;
} flags[] = {
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

/**
 * struct architectures - those that a program is for
 * @list: SCMP_ARCH_*, the native one first, each once
 */
struct architectures {
	uint32_t list[SECCOMP_ENOSYS_MAX_ARCHS];
	size_t n;
};

static void note_architecture(struct architectures *archs, uint32_t arch)
{
	for (size_t i = 0; i < archs->n; i++)
		if (archs->list[i] == arch)
			return;
	if (archs->n < ARRAY_SIZE(archs->list))
		archs->list[archs->n++] = arch;
}

/* config.json's architectures and libseccomp's names for them: SCMP_ARCH_X86_64 is "x86_64". */
static int add_architectures(scmp_filter_ctx ctx, const struct oci_seccomp *s,
			     struct architectures *archs, struct error *err)
{
	note_architecture(archs, seccomp_arch_native());
	for (size_t i = 0; i < s->n_architectures; i++) {
		const char *name = s->architectures[i];
		char lower[32];
		uint32_t arch;
		size_t n;
		int r;

		if (!strncmp(name, "SCMP_ARCH_", 10))
			name += 10;
		for (n = 0; name[n] && n < sizeof(lower) - 1; n++)
			lower[n] =
				name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] + 32) : name[n];
		lower[n] = '\0';
		arch = seccomp_arch_resolve_name(lower);
		if (!arch)
			return error_set(err, EINVAL,
					 "linux.seccomp.architectures[%zu]: \"%s\" is not known", i,
					 s->architectures[i]);
		r = seccomp_arch_add(ctx, arch);
		if (r < 0 && r != -EEXIST)
			return error_errno(err, r, "linux.seccomp.architectures[%zu]", i);
		note_architecture(archs, arch);
	}
	return 0;
}

static int find_action(const char *name, const struct oci_uint *errno_ret, uint32_t *ret)
{
	uint32_t number = errno_ret->set ? (uint32_t)errno_ret->value & 0xffff : DEFAULT_ERRNO;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		*ret = actions[i].action;
		if (*ret == SCMP_ACT_ERRNO(0))
			*ret = SCMP_ACT_ERRNO(number);
		else if (*ret == SCMP_ACT_TRACE(0))
			*ret = SCMP_ACT_TRACE(number);
		return 0;
	}
	return -EINVAL;
}

static int convert_args(const struct oci_syscall *s, struct scmp_arg_cmp *ret)
{
	for (size_t i = 0; i < s->n_args; i++) {
		size_t op = 0;

		while (op < ARRAY_SIZE(operators) && strcmp(operators[op].name, s->args[i].op) != 0)
			op++;
		if (op == ARRAY_SIZE(operators))
			return -EINVAL;
		ret[i] = (struct scmp_arg_cmp){
			.arg = s->args[i].index,
			.op = operators[op].op,
			.datum_a = s->args[i].value,
			.datum_b = s->args[i].value_two.value,
		};
	}
	return 0;
}

/* Several conditions on one argument mean any of them, as docker's profiles expect of runc. */
static bool arg_repeats(const struct oci_syscall *s)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < s->n_args; i++) {
		if (seen & 1U << s->args[i].index)
			return true;
		seen |= 1U << s->args[i].index;
	}
	return false;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, int number, const struct oci_syscall *s,
		    const struct scmp_arg_cmp *args)
{
	int r = 0;

	if (!s->n_args || !arg_repeats(s))
		return seccomp_rule_add_array(ctx, action, number, (unsigned int)s->n_args, args);
	for (size_t i = 0; i < s->n_args && !r; i++)
		r = seccomp_rule_add_array(ctx, action, number, 1, &args[i]);
	return r;
}

#define MAX_ARGS 64

static int add_syscall(scmp_filter_ctx ctx, const struct oci_seccomp *seccomp, size_t index,
		       uint32_t default_action, struct error *err)
{
	const struct oci_syscall *s = &seccomp->syscalls[index];
	struct scmp_arg_cmp args[MAX_ARGS];
	uint32_t action;

	if (find_action(s->action, &s->errno_ret, &action) < 0)
		return error_set(err, EOPNOTSUPP,
				 "linux.seccomp.syscalls[%zu].action: %s is not supported yet",
				 index, s->action);
	if (s->n_args > MAX_ARGS || convert_args(s, args) < 0)
		return error_set(err, EINVAL, "linux.seccomp.syscalls[%zu].args: not understood",
				 index);
	/* libseccomp refuses a rule that says what the default says anyway. */
	if (action == default_action)
		return 0;
	for (size_t i = 0; i < s->n_names; i++) {
		int number = seccomp_syscall_resolve_name(s->names[i]);
		int r;

		/* Profiles list calls of other architectures and of newer kernels: as runc, skipped. */
		if (number == __NR_SCMP_ERROR)
			continue;
		r = add_rule(ctx, action, number, s, args);
		if (r < 0)
			return error_errno(err, r, "linux.seccomp.syscalls[%zu].names: \"%s\"",
					   index, s->names[i]);
	}
	return 0;
}

/* @prologue: @n_prologue instructions that go in front */
static int export_program(scmp_filter_ctx ctx, const struct sock_filter *prologue,
			  size_t n_prologue, struct seccomp_program *ret)
{
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	size_t size = sizeof(struct sock_filter);
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	strbuf_append(&program, (const char *)prologue, n_prologue * size);
	r = io_read_fd(fd, (SECCOMP_PROGRAM_MAX - n_prologue) * size, &program);
	if (r < 0)
		return r;
	ret->length = (unsigned short)(program.len / size);
	ret->instructions = strbuf_take(&program);
	return 0;
}

/* Whether it refuses what the profile does not name, otherwise than by ENOSYS. */
static bool is_restrictive(uint32_t default_action)
{
	return default_action != SCMP_ACT_ALLOW && default_action != SCMP_ACT_LOG &&
	       (default_action & SECCOMP_RET_ACTION_FULL) != SCMP_ACT_TRACE(0) &&
	       default_action != SCMP_ACT_ERRNO(ENOSYS);
}

static int compile(scmp_filter_ctx ctx, const struct oci_seccomp *s, uint32_t default_action,
		   struct seccomp_program *ret, struct error *err)
{
	struct sock_filter prologue[SECCOMP_ENOSYS_MAX];
	struct architectures archs = {.n = 0};
	size_t n_prologue = 0;
	int r;

	/* Flags are passed to the kernel, and noNewPrivileges set, by who loads the program. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	/* A decision tree: shorter ways through hundreds of rules. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_architectures(ctx, s, &archs, err);
	for (size_t i = 0; i < s->n_syscalls && !r; i++)
		r = add_syscall(ctx, s, i, default_action, err);
	if (r < 0)
		return r;
	if (is_restrictive(default_action))
		n_prologue = seccomp_enosys_prologue(s, archs.list, archs.n, prologue);
	r = export_program(ctx, prologue, n_prologue, ret);
	return r < 0 ? error_errno(err, r, "linux.seccomp: compile the filter") : 0;
}

int seccomp_program_compile(const struct oci_seccomp *s, struct seccomp_program *ret,
			    struct error *err)
{
	struct seccomp_program program = {0};
	uint32_t default_action;
	scmp_filter_ctx ctx;
	int r;

	if (find_action(s->default_action, &s->default_errno_ret, &default_action) < 0)
		return error_set(err, EOPNOTSUPP,
				 "linux.seccomp.defaultAction: %s is not supported yet",
				 s->default_action);
	for (size_t i = 0; i < s->n_flags; i++)
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			if (!strcmp(flags[k].name, s->flags[i]))
				program.flags |= flags[k].flag;
	/* Waiting for a listener's answer means nothing without SCMP_ACT_NOTIFY. */
	program.flags &= ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	ctx = seccomp_init(default_action);
	if (!ctx)
		return error_set(err, ENOMEM, "linux.seccomp: out of memory");
	r = compile(ctx, s, default_action, &program, err);
	seccomp_release(ctx);
	if (!r)
		*ret = program;
	return r;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *seccomp_program_encode(const struct seccomp_program *program)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const uint8_t *bytes = program->instructions;
	size_t len = program->length * sizeof(struct sock_filter);

	strbuf_printf(&text, "%x:", program->flags);
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16;
		char group[4];

		bits |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= i + 2 < len ? bytes[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			group[k] = base64[bits >> (18 - 6 * k) & 63];
		if (i + 1 >= len)
			group[2] = '=';
		if (i + 2 >= len)
			group[3] = '=';
		strbuf_append(&text, group, sizeof(group));
	}
	return strbuf_take(&text);
}

/* Return: 0 to 63, or -1. */
static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int seccomp_program_decode(const char *text, struct seccomp_program *ret)
{
	size_t size = sizeof(struct sock_filter), len = 0, n;
	unsigned long flags_given;
	_cleanup_free_ uint8_t *bytes = NULL;
	uint32_t bits = 0;
	char *rest;

	flags_given = strtoul(text, &rest, 16);
	if (rest == text || *rest != ':' || flags_given > UINT32_MAX)
		return -EINVAL;
	text = rest + 1;
	n = strcspn(text, "=");
	if (n > SECCOMP_PROGRAM_MAX * size * 4 / 3 + 4 || strspn(text + n, "=") != strlen(text + n))
		return -EINVAL;
	bytes = xmalloc(n + 3);
	for (size_t i = 0; i < n; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4)
			bytes[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	if (!len || len % size || len / size > SECCOMP_PROGRAM_MAX)
		return -EINVAL;
	*ret = (struct seccomp_program){.length = (unsigned short)(len / size),
					.flags = (unsigned int)flags_given};
	ret->instructions = TAKE_PTR(bytes);
	return 0;
}
