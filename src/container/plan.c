// SPDX-License-Identifier: Apache-2.0
#include "container/plan.h"

#include <string.h>

#include "lib/alloc.h"
#include "libocispec/guest-config.h"

/* What the guest's kernel and vminitd need beside the container's memory limit. */
#define GUEST_OVERHEAD	   (UINT64_C(128) << 20)
#define MEMORY_GRANULE	   (UINT64_C(128) << 20)
#define MEMORY_MIN	   (UINT64_C(256) << 20)
#define MEMORY_DEFAULT	   (UINT64_C(512) << 20)
#define DEFAULT_CPU_PERIOD UINT64_C(100000) /* microseconds, cpu.cfs_period_us */
#define VCPUS_DEFAULT	   1

static uint64_t round_memory(uint64_t bytes)
{
	if (bytes > UINT64_MAX - MEMORY_GRANULE)
		bytes = UINT64_MAX - MEMORY_GRANULE;
	bytes = (bytes + MEMORY_GRANULE - 1) / MEMORY_GRANULE * MEMORY_GRANULE;
	return bytes < MEMORY_MIN ? MEMORY_MIN : bytes;
}

static unsigned int cpus_of(const struct oci_cpu *cpu)
{
	uint64_t period =
		cpu->period.set && cpu->period.value ? cpu->period.value : DEFAULT_CPU_PERIOD;
	uint64_t n;

	if (!cpu->quota.set || cpu->quota.value <= 0)
		return VCPUS_DEFAULT;
	n = ((uint64_t)cpu->quota.value - 1) / period + 1;
	return n > UINT16_MAX ? UINT16_MAX : (unsigned int)n;
}

struct plan_size plan_size(const struct bundle *bundle)
{
	const struct oci_linux *linux_ = bundle->spec->linux;
	const struct oci_resources *resources = linux_ ? linux_->resources : NULL;
	const struct oci_vm *vm = bundle->spec->vm;
	struct plan_size size = {.vcpus = VCPUS_DEFAULT, .memory = MEMORY_DEFAULT};

	if (resources && resources->cpu)
		size.vcpus = cpus_of(resources->cpu);
	if (resources && resources->memory && resources->memory->limit.set &&
	    resources->memory->limit.value > 0) {
		uint64_t limit = (uint64_t)resources->memory->limit.value;

		/* A limit above what the host has is no limit, and no reason for a huge VM. */
		if (bundle->host_memory && limit > bundle->host_memory)
			limit = bundle->host_memory;
		size.memory = limit + GUEST_OVERHEAD;
	}
	if (vm && vm->hw_config) {
		if (vm->hw_config->vcpus.set && vm->hw_config->vcpus.value)
			size.vcpus = vm->hw_config->vcpus.value > UINT16_MAX
					     ? UINT16_MAX
					     : (unsigned int)vm->hw_config->vcpus.value;
		if (vm->hw_config->memory.set && vm->hw_config->memory.value)
			size.memory = vm->hw_config->memory.value;
	}
	if (bundle->host_cpus && size.vcpus > bundle->host_cpus)
		size.vcpus = bundle->host_cpus;
	size.memory = round_memory(size.memory);
	return size;
}

static bool option_given(const struct oci_mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (!strcmp(m->options[i], option))
			return true;
	return false;
}

/*
 * The last of "ro" and "rw" counts, as for mount(8); over them the last of "rro" and "rrw", which are
 * applied when the mount is there.
 */
static bool is_readonly(const struct oci_mount *m)
{
	bool readonly = false, recursive = false, any_recursive = false;

	for (size_t i = 0; i < m->n_options; i++) {
		const char *option = m->options[i];

		if (!strcmp(option, "ro") || !strcmp(option, "rw")) {
			readonly = !strcmp(option, "ro");
		} else if (!strcmp(option, "rro") || !strcmp(option, "rrw")) {
			recursive = !strcmp(option, "rro");
			any_recursive = true;
		}
	}
	return any_recursive ? recursive : readonly;
}

static void add_export(struct plan *plan, const char *source, char *name, bool directory,
		       bool readonly, bool recursive)
{
	plan->exports = xreallocarray(plan->exports, plan->n_exports + 1, sizeof(*plan->exports));
	plan->exports[plan->n_exports++] = (struct plan_export){
		.source = xstrdup(source),
		.name = name,
		.directory = directory,
		.readonly = readonly,
		.recursive = recursive,
	};
}

static void set_string(char **where, char *value)
{
	free(*where);
	*where = value;
}

static void drop_strings(char ***strings, size_t *n)
{
	if (*strings)
		for (size_t i = 0; i < *n; i++)
			free((*strings)[i]);
	free(*strings);
	*strings = NULL;
	*n = 0;
}

/* An engine's /dev/shm is a tmpfs of the host; memory shared through it must be the guest's. */
static void make_guest_shm(struct oci_mount *m, uint64_t size)
{
	static const char *const options[] = {"nosuid", "noexec", "nodev", "mode=1777"};
	size_t n = ARRAY_SIZE(options);

	drop_strings(&m->options, &m->n_options);
	m->options = xcalloc(n + 2, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		m->options[i] = xstrdup(options[i]);
	m->options[n] = xasprintf("size=%llu", (unsigned long long)size);
	m->n_options = n + 1;
	set_string(&m->type, xstrdup("tmpfs"));
	set_string(&m->source, xstrdup("shm"));
}

static int plan_mount(const struct bundle *bundle, size_t i, const char *id, struct plan *plan,
		      struct error *err)
{
	const struct bundle_source *source = &bundle->sources[i];
	struct oci_mount *m = &plan->guest->mounts[i];

	switch (source->kind) {
	case SOURCE_NONE:
		return 0;
	case SOURCE_MISSING:
		return error_set(err, ENOENT,
				 "mounts[%zu].source: \"%s\": no such file or directory", i,
				 source->path);
	case SOURCE_SOCKET:
		return error_set(err, ENOTSUP,
				 "mounts[%zu].source: \"%s\" is a socket, which a VM cannot reach "
				 "by a mount; forwarding it is not supported yet",
				 i, source->path);
	case SOURCE_DIRECTORY:
	case SOURCE_FILE:
	case SOURCE_DEVICE:
		break;
	}
	if (source->tmpfs_size && !strcmp(m->destination, "/dev/shm")) {
		make_guest_shm(m, source->tmpfs_size);
		return 0;
	}
	add_export(plan, source->path, xasprintf("m%zu", i), source->kind == SOURCE_DIRECTORY,
		   is_readonly(m), option_given(m, "rbind"));
	set_string(&m->source, xasprintf("%s/%s/m%zu", GUEST_CONFIG_SHARE, id, i));
	return 0;
}

static void plan_namespaces(const struct bundle *bundle, struct plan *plan)
{
	struct oci_linux *guest = plan->guest->linux;
	const struct oci_linux *linux_ = bundle->spec->linux;

	if (!linux_)
		return;
	for (size_t i = 0; i < linux_->n_namespaces; i++) {
		const struct oci_namespace *ns = &linux_->namespaces[i];
		bool join = ns->path && *ns->path;

		plan->namespaces[plan->n_namespaces++] = (struct plan_namespace){
			.type = ns->type, .path = join ? xstrdup(ns->path) : NULL};
		set_string(&guest->namespaces[i].path, NULL);
	}
}

static void free_hooks(struct oci_hook **hooks, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		struct oci_hook *h = &(*hooks)[i];

		drop_strings(&h->args, &h->n_args);
		drop_strings(&h->env, &h->n_env);
		free(h->path);
	}
	free(*hooks);
	*hooks = NULL;
	*n = 0;
}

static void drop_host_hooks(struct oci_hooks *hooks)
{
	if (!hooks)
		return;
	free_hooks(&hooks->prestart, &hooks->n_prestart);
	free_hooks(&hooks->create_runtime, &hooks->n_create_runtime);
	free_hooks(&hooks->create_container, &hooks->n_create_container);
	free_hooks(&hooks->poststart, &hooks->n_poststart);
	free_hooks(&hooks->poststop, &hooks->n_poststop);
}

void plan_add_annotation(struct oci_spec *guest, char *key, char *value)
{
	guest->annotations = xreallocarray(guest->annotations, guest->n_annotations + 1,
					   sizeof(*guest->annotations));
	guest->annotations[guest->n_annotations++] = (struct oci_entry){.key = key, .value = value};
}

static void free_entry(struct oci_entry *e)
{
	free(e->key);
	free(e->value);
}

/*
 * Annotations of ours speak to vminitd: what config.json has under those names is not passed on,
 * or it could say what seccomp filter to load.
 */
static void plan_annotations(const struct bundle *bundle, struct oci_spec *guest)
{
	size_t kept = 0;

	for (size_t i = 0; i < guest->n_annotations; i++) {
		struct oci_entry *e = &guest->annotations[i];

		if (!strncmp(e->key, GUEST_CONFIG_PREFIX, strlen(GUEST_CONFIG_PREFIX)))
			free_entry(e);
		else
			guest->annotations[kept++] = *e;
	}
	guest->n_annotations = kept;
	/* For the state that a startContainer hook reads. */
	if (!guest->hooks || !guest->hooks->n_start_container)
		return;
	plan_add_annotation(guest, xstrdup(GUEST_CONFIG_BUNDLE), xstrdup(bundle->path));
}

static char **copy_strings(char *const *strings, size_t n)
{
	char **copy = xcalloc(n + 1, sizeof(char *));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(strings[i]);
	return copy;
}

/* What says how the VM is made; the guest does not see it. */
static void plan_vm(const struct bundle *bundle, struct plan *plan)
{
	const struct oci_vm *vm = bundle->spec->vm;
	const struct oci_vm_hypervisor *hypervisor = vm ? vm->hypervisor : NULL;
	const struct oci_vm_kernel *kernel = vm ? vm->kernel : NULL;

	plan->vm.size = plan_size(bundle);
	plan->vm.hypervisor = xstrdup(hypervisor ? hypervisor->path : NULL);
	plan->vm.parameters = copy_strings(hypervisor ? hypervisor->parameters : NULL,
					   hypervisor ? hypervisor->n_parameters : 0);
	plan->vm.kernel = xstrdup(kernel ? kernel->path : NULL);
	plan->vm.initrd = xstrdup(kernel ? kernel->initrd : NULL);
	plan->vm.kernel_parameters =
		copy_strings(kernel ? kernel->parameters : NULL, kernel ? kernel->n_parameters : 0);
}

int plan_make(const struct bundle *bundle, const char *id, struct plan **ret, struct error *err)
{
	_cleanup_plan_ struct plan *plan = xnew(struct plan);
	struct oci_spec *guest;
	int r;

	r = plan_check_support(bundle, plan, err);
	if (r < 0)
		return r;
	guest = plan->guest = oci_spec_copy(bundle->spec);
	add_export(plan, bundle->rootfs, xstrdup("rootfs"), true, false, true);
	set_string(&guest->root->path, xasprintf("%s/%s/rootfs", GUEST_CONFIG_SHARE, id));
	for (size_t i = 0; i < guest->n_mounts; i++) {
		r = plan_mount(bundle, i, id, plan, err);
		if (r < 0)
			return r;
	}
	plan_namespaces(bundle, plan);
	drop_host_hooks(guest->hooks);
	plan_annotations(bundle, guest);
	if (guest->linux) {
		plan->cgroups_path = TAKE_PTR(guest->linux->cgroups_path);
		/* Answered on the host, or by a note; nothing for vminitd. */
		set_string(&guest->linux->mount_label, NULL);
	}
	if (guest->process) {
		set_string(&guest->process->apparmor_profile, NULL);
		set_string(&guest->process->selinux_label, NULL);
	}
	plan_vm(bundle, plan);
	*ret = TAKE_PTR(plan);
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_exports; i++) {
		free(plan->exports[i].source);
		free(plan->exports[i].name);
	}
	free(plan->exports);
	for (size_t i = 0; i < plan->n_namespaces; i++)
		free(plan->namespaces[i].path);
	for (char **p = plan->vm.parameters; p && *p; p++)
		free(*p);
	for (char **p = plan->vm.kernel_parameters; p && *p; p++)
		free(*p);
	free(plan->vm.parameters);
	free(plan->vm.kernel_parameters);
	free(plan->vm.hypervisor);
	free(plan->vm.kernel);
	free(plan->vm.initrd);
	free(plan->cgroups_path);
	oci_spec_free(plan->guest);
	drop_strings(&plan->warnings, &plan->n_warnings);
	drop_strings(&plan->notes, &plan->n_notes);
	free(plan);
}
