// SPDX-License-Identifier: Apache-2.0
/*
 * What config-linux.md demands of linux.seccomp beyond types. Names of system calls and of
 * architectures are not checked: which there are is libseccomp's knowledge, in the guest.
 */
#include "libocispec/spec-validate.h"

#include <string.h>

/* A system call has six arguments. */
#define MAX_ARG_INDEX 5

static const char *const actions[] = {
	"SCMP_ACT_KILL",	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
	"SCMP_ACT_ERRNO",	"SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW",	"SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",	NULL,
};

static const char *const operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",	    "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

static const char *const flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};

/* "When the action doesn't support an errno, the runtime MUST print and error and fail." */
static int check_action(const char *action, const char *name, struct oci_uint errno_ret,
			const char *errno_name, const struct spec_place *place, struct error *err)
{
	int r = spec_check_name(action, actions, "seccomp action", IN(place, name), err);

	if (r < 0)
		return r;
	if (errno_ret.set && strcmp(action, "SCMP_ACT_ERRNO") != 0 &&
	    strcmp(action, "SCMP_ACT_TRACE") != 0)
		return spec_fail(err, IN(place, errno_name), "%s has no errno", action);
	return 0;
}

static int check_syscall(const struct oci_syscall *s, const struct spec_place *place,
			 struct error *err)
{
	int r = check_action(s->action, "action", s->errno_ret, "errnoRet", place, err);

	if (!r && !s->n_names)
		return spec_fail(err, IN(place, "names"), "empty");
	for (size_t i = 0; i < s->n_args && !r; i++) {
		const struct spec_place *here = AT(IN(place, "args"), i);

		if (s->args[i].index > MAX_ARG_INDEX)
			return spec_fail(err, IN(here, "index"), "expected 0 to %d, got %u",
					 MAX_ARG_INDEX, s->args[i].index);
		r = spec_check_name(s->args[i].op, operators, "operator", IN(here, "op"), err);
	}
	return r;
}

int spec_check_seccomp(const struct oci_seccomp *seccomp, const struct spec_place *place,
		       struct error *err)
{
	int r;

	if (!seccomp)
		return 0;
	r = check_action(seccomp->default_action, "defaultAction", seccomp->default_errno_ret,
			 "defaultErrnoRet", place, err);
	if (!r)
		r = spec_check_names(seccomp->flags, seccomp->n_flags, flags, "seccomp flag",
				     IN(place, "flags"), err);
	if (!r && seccomp->listener_metadata && !seccomp->listener_path)
		return spec_fail(err, IN(place, "listenerMetadata"), "needs listenerPath");
	for (size_t i = 0; i < seccomp->n_syscalls && !r; i++)
		r = check_syscall(&seccomp->syscalls[i], AT(IN(place, "syscalls"), i), err);
	return r;
}
