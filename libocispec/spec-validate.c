// SPDX-License-Identifier: Apache-2.0
/*
 * What config.md demands beyond types. config-linux.md has a file of its own.
 */
#include "libocispec/spec-validate.h"

#include <string.h>

#include "lib/alloc.h"
#include "libocispec/json.h"

static const char *const rlimit_types[] = {
	"RLIMIT_AS",
	"RLIMIT_CORE",
	"RLIMIT_CPU",
	"RLIMIT_DATA",
	"RLIMIT_FSIZE",
	"RLIMIT_LOCKS",
	"RLIMIT_MEMLOCK",
	"RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",
	"RLIMIT_NOFILE",
	"RLIMIT_NPROC",
	"RLIMIT_RSS",
	"RLIMIT_RTPRIO",
	"RLIMIT_RTTIME",
	"RLIMIT_SIGPENDING",
	"RLIMIT_STACK",
	NULL,
};

static const char *const scheduler_policies[] = {
	"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",       "SCHED_BATCH",
	"SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE", NULL,
};

static const char *const scheduler_flags[] = {
	"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",
	"SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN",
	"SCHED_FLAG_UTIL_CLAMP_MAX", NULL,
};

static const char *const io_classes[] = {
	"IOPRIO_CLASS_RT",
	"IOPRIO_CLASS_BE",
	"IOPRIO_CLASS_IDLE",
	NULL,
};

static const char *const image_formats[] = {"raw", "qcow2", "vdi", "vmdk", "vhd", NULL};

static void append_place(struct strbuf *b, const struct spec_place *place)
{
	if (!place)
		return;
	append_place(b, place->up);
	if (place->name)
		json_append_key(b, place->name);
	else
		strbuf_printf(b, "[%zu]", place->index);
}

int spec_fail(struct error *err, const struct spec_place *place, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	append_place(&path, place);
	return error_set(err, EINVAL, "%s%s%s", path.len ? path.data : "", path.len ? ": " : "",
			 what);
}

int spec_check_absolute(const char *path, const struct spec_place *place, struct error *err)
{
	_cleanup_free_ char *quoted = NULL;

	if (*path == '/')
		return 0;
	quoted = json_quote(path);
	return spec_fail(err, place, "expected an absolute path, got %s", quoted);
}

int spec_check_absolutes(char *const *paths, size_t n, const struct spec_place *place,
			 struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = spec_check_absolute(paths[i], AT(place, i), err);
	return r;
}

int spec_check_name(const char *name, const char *const *names, const char *noun,
		    const struct spec_place *place, struct error *err)
{
	_cleanup_free_ char *quoted = NULL;

	for (; *names; names++)
		if (!strcmp(name, *names))
			return 0;
	quoted = json_quote(name);
	return spec_fail(err, place, "unknown %s %s", noun, quoted);
}

int spec_check_names(char *const *strings, size_t n, const char *const *names, const char *noun,
		     const struct spec_place *place, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = spec_check_name(strings[i], names, noun, AT(place, i), err);
	return r;
}

int spec_check_id(uint64_t id, const struct spec_place *place, struct error *err)
{
	if (id == UINT32_MAX)
		return spec_fail(err, place, "%u is not an id, it stands for none", UINT32_MAX);
	return 0;
}

int spec_check_id_mappings(const struct oci_id_mapping *mappings, size_t n,
			   const struct spec_place *place, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct oci_id_mapping *m = &mappings[i];

		if (!m->size)
			return spec_fail(err, IN(AT(place, i), "size"), "no ids to map");
		if (m->size > UINT32_MAX - m->container_id || m->size > UINT32_MAX - m->host_id)
			return spec_fail(err, AT(place, i), "maps ids beyond the last, %u",
					 UINT32_MAX - 1);
	}
	return 0;
}

/* A number of SemVer: digits, no leading zero. Return: behind it, or NULL. */
static const char *skip_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n == 0 || (n > 1 && *s == '0') ? NULL : s + n;
}

/* Identifiers with dots between; @strict: without leading zeros in those of digits alone. */
static const char *skip_identifiers(const char *s, bool strict)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";

	for (;; s++) {
		size_t n = strspn(s, allowed);

		if (!n)
			return NULL;
		if (strict && n > 1 && *s == '0' && strspn(s, "0123456789") == n)
			return NULL;
		s += n;
		if (*s != '.')
			return s;
	}
}

/* SemVer 2.0.0, items 2, 9 and 10. */
static bool is_semver(const char *s)
{
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *s++ != '.')
			return false;
		s = skip_number(s);
		if (!s)
			return false;
	}
	if (*s == '-')
		s = skip_identifiers(s + 1, true);
	if (s && *s == '+')
		s = skip_identifiers(s + 1, false);
	return s && !*s;
}

static int check_version(const char *version, const struct spec_place *place, struct error *err)
{
	_cleanup_free_ char *quoted = NULL;

	if (!version || !*version)
		return spec_fail(err, place, "missing, but required");
	quoted = json_quote(version);
	if (!is_semver(version))
		return spec_fail(err, place,
				 "expected a version such as " OCI_SPEC_VERSION ", got %s", quoted);
	/* "retains forward and backward compatibility within major versions" */
	if (strncmp(version, "1.", 2) != 0)
		return spec_fail(err, place, "version %s is not supported, only 1.x is", quoted);
	return 0;
}

/* runc's rule: a name, =, and a value which may be empty. */
static int check_environment(char *const *env, size_t n, const struct spec_place *place,
			     struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *quoted = NULL;

		if (*env[i] != '=' && strchr(env[i], '='))
			continue;
		quoted = json_quote(env[i]);
		return spec_fail(err, AT(place, i), "expected NAME=value, got %s", quoted);
	}
	return 0;
}

/* config.md, "POSIX process": a type given twice MUST be an error. */
static int check_rlimits(const struct oci_rlimit *rlimits, size_t n, const struct spec_place *place,
			 struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct spec_place *here = AT(place, i);
		int r = spec_check_name(rlimits[i].type, rlimit_types, "resource limit",
					IN(here, "type"), err);

		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++)
			if (!strcmp(rlimits[i].type, rlimits[j].type))
				return spec_fail(err, IN(here, "type"), "%s given twice",
						 rlimits[i].type);
		if (rlimits[i].soft > rlimits[i].hard)
			return spec_fail(err, IN(here, "soft"), "higher than the hard limit");
	}
	return 0;
}

static int check_scheduler(const struct oci_scheduler *s, const struct spec_place *place,
			   struct error *err)
{
	int r;

	if (!s)
		return 0;
	r = spec_check_name(s->policy, scheduler_policies, "scheduling policy", IN(place, "policy"),
			    err);
	if (!r)
		r = spec_check_names(s->flags, s->n_flags, scheduler_flags, "scheduling flag",
				     IN(place, "flags"), err);
	return r;
}

static int check_io_priority(const struct oci_io_priority *p, const struct spec_place *place,
			     struct error *err)
{
	if (!p)
		return 0;
	if (p->priority.set && (p->priority.value < 0 || p->priority.value > 7))
		return spec_fail(err, IN(place, "priority"), "expected 0 to 7");
	return spec_check_name(p->class, io_classes, "I/O scheduling class", IN(place, "class"),
			       err);
}

static int check_cpu_list(const char *list, const struct spec_place *place, struct error *err)
{
	if (list && list[strspn(list, "0123456789, -")])
		return spec_fail(err, place, "expected a list of CPUs such as 0-3,7");
	return 0;
}

static int check_user(const struct oci_user *u, const struct spec_place *place, struct error *err)
{
	int r = spec_check_id(u->uid, IN(place, "uid"), err);

	if (!r)
		r = spec_check_id(u->gid, IN(place, "gid"), err);
	for (size_t i = 0; i < u->n_additional_gids && !r; i++)
		r = spec_check_id(u->additional_gids[i], AT(IN(place, "additionalGids"), i), err);
	return r;
}

static int check_process(const struct oci_process *p, const struct spec_place *place,
			 struct error *err)
{
	const struct oci_exec_cpu_affinity *a = p->exec_cpu_affinity;
	int r;

	if (!p->n_args)
		return spec_fail(err, IN(place, "args"), "empty: no program to run");
	if (!p->args[0][0])
		return spec_fail(err, AT(IN(place, "args"), 0), "empty: no program to run");
	r = spec_check_absolute(p->cwd ? p->cwd : "", IN(place, "cwd"), err);
	if (!r)
		r = check_user(&p->user, IN(place, "user"), err);
	if (!r)
		r = check_environment(p->env, p->n_env, IN(place, "env"), err);
	if (!r)
		r = check_rlimits(p->rlimits, p->n_rlimits, IN(place, "rlimits"), err);
	if (!r)
		r = check_scheduler(p->scheduler, IN(place, "scheduler"), err);
	if (!r)
		r = check_io_priority(p->io_priority, IN(place, "ioPriority"), err);
	if (!r && a)
		r = check_cpu_list(a->initial, IN(IN(place, "execCPUAffinity"), "initial"), err);
	if (!r && a)
		r = check_cpu_list(a->final, IN(IN(place, "execCPUAffinity"), "final"), err);
	return r;
}

int oci_process_validate(const struct oci_process *process, const char *path, struct error *err)
{
	return check_process(process, *path ? IN(NULL, path) : NULL, err);
}

static int check_mounts(const struct oci_mount *mounts, size_t n, const struct spec_place *place,
			struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		const struct oci_mount *m = &mounts[i];
		const struct spec_place *here = AT(place, i);

		if (!*m->destination)
			return spec_fail(err, IN(here, "destination"), "empty");
		if ((!m->type || !*m->type) && !oci_mount_is_bind(m))
			return spec_fail(err, IN(here, "type"),
					 "missing, and no option says that it is a bind mount");
		/* config.md, "Mounts": one of the two needs the other. */
		if (!m->n_uid_mappings != !m->n_gid_mappings)
			return spec_fail(err, here,
					 "uidMappings and gidMappings have to be given together");
		r = spec_check_id_mappings(m->uid_mappings, m->n_uid_mappings,
					   IN(here, "uidMappings"), err);
		if (!r)
			r = spec_check_id_mappings(m->gid_mappings, m->n_gid_mappings,
						   IN(here, "gidMappings"), err);
	}
	return r;
}

static int check_hook_list(const struct oci_hook *hooks, size_t n, const struct spec_place *place,
			   struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct spec_place *here = AT(place, i);
		int r = spec_check_absolute(hooks[i].path, IN(here, "path"), err);

		if (r < 0)
			return r;
		if (hooks[i].timeout.set && hooks[i].timeout.value <= 0)
			return spec_fail(err, IN(here, "timeout"), "expected more than 0 seconds");
	}
	return 0;
}

static int check_hooks(const struct oci_hooks *h, const struct spec_place *place, struct error *err)
{
	int r = 0;

	if (!h)
		return 0;
	const struct {
		const char *name;
		const struct oci_hook *hooks;
		size_t n;
	} lists[] = {
		{"prestart", h->prestart, h->n_prestart},
		{"createRuntime", h->create_runtime, h->n_create_runtime},
		{"createContainer", h->create_container, h->n_create_container},
		{"startContainer", h->start_container, h->n_start_container},
		{"poststart", h->poststart, h->n_poststart},
		{"poststop", h->poststop, h->n_poststop},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists) && !r; i++)
		r = check_hook_list(lists[i].hooks, lists[i].n, IN(place, lists[i].name), err);
	return r;
}

static int check_vm(const struct oci_vm *vm, const struct spec_place *place, struct error *err)
{
	int r = 0;

	if (!vm)
		return 0;
	if (vm->hypervisor)
		r = spec_check_absolute(vm->hypervisor->path, IN(IN(place, "hypervisor"), "path"),
					err);
	if (!r && vm->kernel)
		r = spec_check_absolute(vm->kernel->path, IN(IN(place, "kernel"), "path"), err);
	if (!r && vm->kernel && vm->kernel->initrd)
		r = spec_check_absolute(vm->kernel->initrd, IN(IN(place, "kernel"), "initrd"), err);
	if (!r && vm->image)
		r = spec_check_absolute(vm->image->path, IN(IN(place, "image"), "path"), err);
	if (!r && vm->image)
		r = spec_check_name(vm->image->format, image_formats, "image format",
				    IN(IN(place, "image"), "format"), err);
	return r;
}

int oci_spec_validate(const struct oci_spec *spec, struct error *err)
{
	int r = check_version(spec->oci_version, IN(NULL, "ociVersion"), err);

	if (r < 0)
		return r;
	if (!spec->root)
		return spec_fail(err, IN(NULL, "root"), "missing, but required");
	if (!*spec->root->path)
		return spec_fail(err, IN(IN(NULL, "root"), "path"), "empty");
	if (spec->process)
		r = check_process(spec->process, IN(NULL, "process"), err);
	if (!r)
		r = check_mounts(spec->mounts, spec->n_mounts, IN(NULL, "mounts"), err);
	if (!r)
		r = check_hooks(spec->hooks, IN(NULL, "hooks"), err);
	if (!r)
		r = spec_check_linux(spec, err);
	if (!r)
		r = check_vm(spec->vm, IN(NULL, "vm"), err);
	return r;
}
