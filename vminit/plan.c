// SPDX-License-Identifier: Apache-2.0
#include "vminit/plan.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"
#include "libocispec/guest-config.h"
#include "vminit/plan-process.h"

/* What every container has in /dev (OCI spec, config-linux.md, "Default Devices"). */
static const struct {
	const char *path;
	unsigned int major;
	unsigned int minor;
} default_devices[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

#define DEFAULT_DEVICE_MODE 0666

static int plan_namespaces(const struct oci_spec *spec, struct plan *plan, struct error *err)
{
	/* Also when config.json lists none: the guest's own mounts are no container's business. */
	plan->namespaces = CLONE_NEWNS;
	for (size_t i = 0; i < spec->linux->n_namespaces; i++) {
		const struct oci_namespace *ns = &spec->linux->namespaces[i];
		const char *name = oci_namespace_infos[ns->type].name;

		if (ns->path && *ns->path)
			return error_set(
				err, EINVAL,
				"linux.namespaces[%zu].path: joining a %s namespace (\"%s\") "
				"is not supported in the guest",
				i, name, ns->path);
		if (ns->type == OCI_NAMESPACE_USER)
			return error_set(
				err, EINVAL,
				"linux.namespaces[%zu]: user namespaces are not supported yet", i);
		if (ns->type == OCI_NAMESPACE_TIME)
			plan->new_time_namespace = true;
		else
			plan->namespaces |= (uint64_t)oci_namespace_infos[ns->type].clone_flag;
	}
	return 0;
}

static bool is_dev(const char *path)
{
	while (*path == '/')
		path++;
	return !strncmp(path, "dev", 3) && path[3 + strspn(path + 3, "/")] == '\0';
}

static int plan_mount(const struct oci_mount *m, size_t index, struct plan_mount *ret,
		      struct error *err)
{
	struct plan_mount p = {.index = index, .destination = m->destination, .source = m->source};
	int r;

	if (m->n_uid_mappings || m->n_gid_mappings)
		return error_set(err, EINVAL, "mounts[%zu].uidMappings: not supported yet", index);
	r = mount_options_parse(m->options, m->n_options, &p.options, err);
	if (r < 0)
		return error_prefix(err, "mounts[%zu].options", index);
	p.type = m->type && *m->type ? m->type : "bind";
	if (oci_mount_is_bind(m))
		p.kind = PLAN_MOUNT_BIND;
	else if (!strcmp(p.type, "cgroup") || !strcmp(p.type, "cgroup2"))
		p.kind = PLAN_MOUNT_CGROUP;
	else
		p.kind = PLAN_MOUNT_FS;
	if (p.kind == PLAN_MOUNT_BIND && !p.source) {
		free(p.options.data);
		return error_set(err, EINVAL, "mounts[%zu].source: a bind mount needs one", index);
	}
	*ret = p;
	return 0;
}

static int plan_mounts(const struct oci_spec *spec, struct plan *plan, struct error *err)
{
	plan->setup_dev = true;
	plan->mounts = xcalloc(spec->n_mounts + 1, sizeof(*plan->mounts));
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct plan_mount *m = &plan->mounts[i];
		int r = plan_mount(&spec->mounts[i], i, m, err);

		if (r < 0)
			return r;
		plan->n_mounts++;
		if (m->kind == PLAN_MOUNT_BIND && is_dev(m->destination))
			plan->setup_dev = false;
	}
	return 0;
}

static bool device_listed(const struct oci_linux *l, const char *path)
{
	for (size_t i = 0; i < l->n_devices; i++)
		if (!strcmp(l->devices[i].path, path))
			return true;
	return false;
}

static int plan_device(const struct oci_device *d, size_t index, struct plan_device *ret,
		       struct error *err)
{
	mode_t type;

	if (!strcmp(d->type, "c") || !strcmp(d->type, "u"))
		type = S_IFCHR;
	else if (!strcmp(d->type, "p"))
		type = S_IFIFO;
	else
		return error_set(err, EINVAL,
				 "linux.devices[%zu]: block device \"%s\" is not supported yet",
				 index, d->path);
	*ret = (struct plan_device){
		.path = d->path,
		.mode = type | (d->file_mode.set ? (mode_t)d->file_mode.value & 07777
						 : DEFAULT_DEVICE_MODE),
		.device = makedev((unsigned int)d->major.value, (unsigned int)d->minor.value),
		.uid = (uid_t)d->uid.value,
		.gid = (gid_t)d->gid.value,
	};
	return 0;
}

static int plan_devices(const struct oci_linux *l, struct plan *plan, struct error *err)
{
	plan->devices = xcalloc(l->n_devices + ARRAY_SIZE(default_devices), sizeof(*plan->devices));
	for (size_t i = 0; plan->setup_dev && i < ARRAY_SIZE(default_devices); i++) {
		if (device_listed(l, default_devices[i].path))
			continue;
		plan->devices[plan->n_devices++] = (struct plan_device){
			.path = default_devices[i].path,
			.mode = S_IFCHR | DEFAULT_DEVICE_MODE,
			.device = makedev(default_devices[i].major, default_devices[i].minor),
		};
	}
	for (size_t i = 0; i < l->n_devices; i++) {
		int r = plan_device(&l->devices[i], i, &plan->devices[plan->n_devices], err);

		if (r < 0)
			return r;
		plan->n_devices++;
	}
	return 0;
}

char *plan_sysctl_path(const char *key)
{
	const char *first = strpbrk(key, "./");
	bool dots = first && *first == '.';
	char *path = xstrdup(key);
	char *part = path;

	for (char *p = path; *p && dots; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	for (;;) {
		size_t len = strcspn(part, "/");

		if (!len || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.')) {
			free(path);
			return NULL;
		}
		if (!part[len])
			return path;
		part += len + 1;
	}
}

static int plan_sysctls(const struct oci_linux *l, struct plan *plan, struct error *err)
{
	plan->sysctls = xcalloc(l->n_sysctl + 1, sizeof(*plan->sysctls));
	for (size_t i = 0; i < l->n_sysctl; i++) {
		char *path = plan_sysctl_path(l->sysctl[i].key);

		if (!path)
			return error_set(err, EINVAL, "linux.sysctl.%s: not a name",
					 l->sysctl[i].key);
		plan->sysctls[plan->n_sysctls++] = (struct plan_sysctl){path, l->sysctl[i].value};
	}
	return 0;
}

static int plan_linux(const struct oci_linux *l, struct plan *plan, struct error *err)
{
	int r;

	r = plan_devices(l, plan, err);
	if (!r)
		r = plan_sysctls(l, plan, err);
	if (r < 0)
		return r;
	if (l->rootfs_propagation && *l->rootfs_propagation) {
		plan->rootfs_propagation = mount_propagation_flags(l->rootfs_propagation);
		if (!plan->rootfs_propagation)
			return error_set(err, EINVAL,
					 "linux.rootfsPropagation: \"%s\" is not known",
					 l->rootfs_propagation);
	}
	plan->masked_paths = l->masked_paths;
	plan->n_masked_paths = l->n_masked_paths;
	plan->readonly_paths = l->readonly_paths;
	plan->n_readonly_paths = l->n_readonly_paths;
	plan->time_offsets = l->time_offsets;
	plan->n_time_offsets = l->n_time_offsets;
	return 0;
}

static int plan_fill(struct plan *plan, struct error *err)
{
	const struct oci_spec *spec = plan->spec;
	int r;

	r = oci_spec_validate(spec, err);
	if (r < 0)
		return r;
	if (!spec->root)
		return error_set(err, EINVAL, "root: is missing");
	if (!spec->process)
		return error_set(err, EINVAL, "process: is missing");
	if (!spec->linux)
		return error_set(err, EINVAL, "linux: is missing");
	plan->hostname = spec->hostname;
	plan->domainname = spec->domainname;
	plan->rootfs = spec->root->path;
	plan->rootfs_readonly = spec->root->readonly;
	plan->bundle = oci_spec_annotation(spec, GUEST_CONFIG_BUNDLE);
	if (spec->hooks) {
		plan->start_hooks = spec->hooks->start_container;
		plan->n_start_hooks = spec->hooks->n_start_container;
	}
	r = plan_namespaces(spec, plan, err);
	if (!r)
		r = plan_mounts(spec, plan, err);
	if (!r)
		r = plan_linux(spec->linux, plan, err);
	if (!r)
		r = plan_process_fill(spec->process, plan, &plan->process, err);
	return r;
}

int plan_container(struct oci_spec *spec, const char *id, struct plan **ret, struct error *err)
{
	_cleanup_plan_ struct plan *plan = xnew(struct plan);
	int r;

	plan->spec = spec;
	plan->id = xstrdup(id);
	r = plan_fill(plan, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(plan);
	return 0;
}

void plan_set_console_size(struct oci_process *process, uint32_t rows, uint32_t columns)
{
	if (!process || !process->terminal || !(rows || columns))
		return;
	if (!process->console_size)
		process->console_size = xnew(struct oci_console_size);
	process->console_size->height = rows;
	process->console_size->width = columns;
}

int plan_from_source(const struct plan_source *source, struct plan **ret, struct error *err)
{
	struct oci_spec *spec;
	int r;

	r = oci_spec_parse(source->configuration, source->len, &spec, err);
	if (r < 0)
		return r;
	plan_set_console_size(spec->process, source->rows, source->columns);
	return plan_container(spec, source->id, ret, err);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_mounts; i++)
		free(plan->mounts[i].options.data);
	for (size_t i = 0; i < plan->n_sysctls; i++)
		free(plan->sysctls[i].path);
	free(plan->mounts);
	free(plan->devices);
	free(plan->sysctls);
	plan_process_clear(&plan->process);
	oci_spec_free(plan->spec);
	free(plan->id);
	free(plan);
}
