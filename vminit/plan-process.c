// SPDX-License-Identifier: Apache-2.0
#include "vminit/plan-process.h"

#include <string.h>

#include "lib/alloc.h"
#include "libocispec/capability.h"
#include "libocispec/guest-config.h"

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

/* RLIMIT_CORE of "RLIMIT_CORE"; -1 for an unknown name. */
static int rlimit_resource(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++)
		if (!strcmp(rlimit_names[i].name, name))
			return rlimit_names[i].resource;
	return -1;
}

/* An unknown name is left out; the host has said so. */
static uint64_t capability_mask(char *const *names, size_t n)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < n; i++) {
		int number = oci_capability_number(names[i]);

		if (number >= 0)
			mask |= UINT64_C(1) << number;
	}
	return mask;
}

static void plan_capability_sets(const struct oci_capabilities *c, struct plan_capabilities *ret)
{
	ret->bounding = capability_mask(c->bounding, c->n_bounding);
	ret->effective = capability_mask(c->effective, c->n_effective);
	ret->inheritable = capability_mask(c->inheritable, c->n_inheritable);
	ret->permitted = capability_mask(c->permitted, c->n_permitted);
	ret->ambient = capability_mask(c->ambient, c->n_ambient);
	/* What the kernel would refuse is left out, as runc does: effective beyond permitted ... */
	ret->effective &= ret->permitted;
	/* ... and ambient beyond permitted and inheritable (capabilities(7)). */
	ret->ambient &= ret->permitted & ret->inheritable;
}

static int plan_rlimits(const struct oci_process *spec, struct plan_process *p, struct error *err)
{
	if (!spec->n_rlimits)
		return 0;
	p->rlimits = xcalloc(spec->n_rlimits, sizeof(*p->rlimits));
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		const struct oci_rlimit *r = &spec->rlimits[i];
		int resource = rlimit_resource(r->type);

		if (resource < 0)
			return error_set(err, EINVAL,
					 "process.rlimits[%zu].type: \"%s\" is not known", i,
					 r->type);
		p->rlimits[i] = (struct plan_rlimit){resource, {r->soft, r->hard}};
	}
	p->n_rlimits = spec->n_rlimits;
	return 0;
}

static const char *search_path(char *const *env)
{
	for (; env && *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return PLAN_DEFAULT_PATH;
}

static char *const no_strings[] = {NULL};

int plan_process_fill(const struct oci_process *spec, const struct plan *container,
		      struct plan_process *ret, struct error *err)
{
	struct plan_process p = {
		.seccomp = container->spec->linux->seccomp,
		.seccomp_program = oci_spec_annotation(container->spec, GUEST_CONFIG_SECCOMP),
	};
	const struct oci_capabilities *capabilities = spec->capabilities;
	int r;

	if (!spec->n_args)
		return error_set(err, EINVAL, "process.args: must not be empty");
	p.args = spec->args;
	p.env = spec->env ? spec->env : no_strings;
	p.search_path = search_path(spec->env);
	p.cwd = spec->cwd;
	p.uid = spec->user.uid;
	p.gid = spec->user.gid;
	p.gids = spec->user.additional_gids;
	p.n_gids = spec->user.n_additional_gids;
	p.has_umask = spec->user.umask.set;
	p.umask = (mode_t)spec->user.umask.value;
	p.no_new_privileges = spec->no_new_privileges;
	p.has_oom_score_adj = spec->oom_score_adj.set;
	p.oom_score_adj = (int)spec->oom_score_adj.value;
	p.terminal = spec->terminal;
	if (spec->terminal && spec->console_size) {
		p.rows = (uint16_t)spec->console_size->height;
		p.columns = (uint16_t)spec->console_size->width;
	}
	/* A process that names none has those of the container; one of these has none, as with runc. */
	if (!capabilities && container->spec->process)
		capabilities = container->spec->process->capabilities;
	if (capabilities)
		plan_capability_sets(capabilities, &p.capabilities);
	r = plan_rlimits(spec, &p, err);
	if (r < 0) {
		free(p.rlimits);
		return r;
	}
	*ret = p;
	return 0;
}

int plan_exec(struct oci_process *spec, const struct plan *container, struct plan_process *ret,
	      struct error *err)
{
	_cleanup_process_ struct oci_process *owned = spec;
	int r;

	r = oci_process_validate(spec, "process", err);
	if (!r)
		r = plan_process_fill(spec, container, ret, err);
	if (r < 0)
		return r;
	ret->spec = TAKE_PTR(owned);
	return 0;
}

void plan_process_clear(struct plan_process *process)
{
	free(process->rlimits);
	oci_process_free(process->spec);
	*process = (struct plan_process){0};
}
