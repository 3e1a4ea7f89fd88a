// SPDX-License-Identifier: Apache-2.0
/*
 * What of a config.json takes effect and what does not: each property that runvm cannot carry out
 * is refused with its JSON path, or warned about where refusing would keep engines out that send
 * it with every container (those are notes: the log gets them, the terminal does not).
 */
#include <string.h>

#include "container/plan.h"
#include "lib/alloc.h"
#include "libocispec/capability.h"

/* Where one property of config.json stands; @given is what the check function found. */
struct support_rule {
	const char *path;
	bool (*given)(const struct oci_spec *spec);
	enum { SUPPORT_REFUSE, SUPPORT_WARN, SUPPORT_NOTE } answer;
	const char *reason;
};

#define LINUX(spec) ((spec)->linux)

static bool has_uid_mappings(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->n_uid_mappings;
}

static bool has_gid_mappings(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->n_gid_mappings;
}

static bool has_time_offsets(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->n_time_offsets;
}

static bool has_net_devices(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->n_net_devices;
}

static bool has_intel_rdt(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->intel_rdt;
}

static bool has_memory_policy(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->memory_policy;
}

static bool has_personality(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->personality;
}

static bool has_mount_label(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->mount_label && *LINUX(s)->mount_label;
}

static bool has_scheduler(const struct oci_spec *s)
{
	return s->process && s->process->scheduler;
}

static bool has_io_priority(const struct oci_spec *s)
{
	return s->process && s->process->io_priority;
}

static bool has_apparmor(const struct oci_spec *s)
{
	return s->process && s->process->apparmor_profile && *s->process->apparmor_profile;
}

static bool has_selinux(const struct oci_spec *s)
{
	return s->process && s->process->selinux_label && *s->process->selinux_label;
}

static bool has_image(const struct oci_spec *s)
{
	return s->vm && s->vm->image;
}

static bool has_device_tree(const struct oci_spec *s)
{
	return s->vm && s->vm->hw_config && s->vm->hw_config->device_tree;
}

static bool has_dtdevs(const struct oci_spec *s)
{
	return s->vm && s->vm->hw_config && s->vm->hw_config->n_dtdevs;
}

static bool has_iomems(const struct oci_spec *s)
{
	return s->vm && s->vm->hw_config && s->vm->hw_config->n_iomems;
}

static bool has_irqs(const struct oci_spec *s)
{
	return s->vm && s->vm->hw_config && s->vm->hw_config->n_irqs;
}

static bool has_host_network(const struct oci_spec *s)
{
	return !oci_namespace_find(s, OCI_NAMESPACE_NETWORK);
}

static bool has_host_uts(const struct oci_spec *s)
{
	return !oci_namespace_find(s, OCI_NAMESPACE_UTS);
}

static bool has_joined_network(const struct oci_spec *s)
{
	const struct oci_namespace *ns = oci_namespace_find(s, OCI_NAMESPACE_NETWORK);

	return ns && ns->path && *ns->path;
}

static bool has_resources(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->resources;
}

static bool has_seccomp_listener(const struct oci_spec *s)
{
	return LINUX(s) && LINUX(s)->seccomp && LINUX(s)->seccomp->listener_path;
}

static const struct support_rule rules[] = {
	{"linux.uidMappings", has_uid_mappings, SUPPORT_REFUSE,
	 "user namespaces are not supported yet"},
	{"linux.gidMappings", has_gid_mappings, SUPPORT_REFUSE,
	 "user namespaces are not supported yet"},
	{"linux.timeOffsets", has_time_offsets, SUPPORT_REFUSE, "not supported yet"},
	{"linux.netDevices", has_net_devices, SUPPORT_REFUSE,
	 "a network device of the host cannot be moved into a VM"},
	{"linux.intelRdt", has_intel_rdt, SUPPORT_REFUSE, "not supported yet"},
	{"linux.memoryPolicy", has_memory_policy, SUPPORT_REFUSE, "not supported yet"},
	{"linux.personality", has_personality, SUPPORT_REFUSE, "not supported yet"},
	{"linux.seccomp.listenerPath", has_seccomp_listener, SUPPORT_REFUSE,
	 "the descriptor of a seccomp listener cannot leave the VM"},
	{"process.scheduler", has_scheduler, SUPPORT_REFUSE, "not supported yet"},
	{"process.ioPriority", has_io_priority, SUPPORT_REFUSE, "not supported yet"},
	{"vm.image", has_image, SUPPORT_REFUSE, "not supported yet"},
	{"vm.hwConfig.deviceTree", has_device_tree, SUPPORT_REFUSE,
	 "QEMU makes the device tree itself"},
	{"vm.hwConfig.dtdevs", has_dtdevs, SUPPORT_REFUSE,
	 "host devices cannot be passed to the VM"},
	{"vm.hwConfig.iomems", has_iomems, SUPPORT_REFUSE,
	 "host devices cannot be passed to the VM"},
	{"vm.hwConfig.irqs", has_irqs, SUPPORT_REFUSE, "host devices cannot be passed to the VM"},
	{"process.apparmorProfile", has_apparmor, SUPPORT_NOTE,
	 "has no effect: the guest's kernel has no AppArmor; the VM confines the container"},
	{"process.selinuxLabel", has_selinux, SUPPORT_NOTE,
	 "has no effect: the guest's kernel has no SELinux; the VM confines the container"},
	{"linux.mountLabel", has_mount_label, SUPPORT_NOTE,
	 "has no effect: the guest's kernel has no SELinux"},
	{"linux.namespaces", has_host_network, SUPPORT_WARN,
	 "no network namespace: a VM cannot share the host's network, and user-mode networking is "
	 "not supported yet; the container has a loopback interface alone"},
	{"linux.namespaces", has_host_uts, SUPPORT_NOTE,
	 "no uts namespace: the host's name is not shared with the VM"},
	{"linux.namespaces", has_joined_network, SUPPORT_NOTE,
	 "the interfaces of the joined network namespace do not appear in the VM yet; the "
	 "container has a loopback interface alone"},
	{"linux.resources", has_resources, SUPPORT_NOTE,
	 "CPU and memory limits size the VM; the limits are not applied to a cgroup yet"},
};

static void add_line(char ***lines, size_t *n, char *line)
{
	*lines = xreallocarray(*lines, *n + 2, sizeof(char *));
	(*lines)[(*n)++] = line;
	(*lines)[*n] = NULL;
}

static int check_namespaces(const struct oci_spec *spec, struct error *err)
{
	if (!spec->linux)
		return 0;
	for (size_t i = 0; i < spec->linux->n_namespaces; i++) {
		const struct oci_namespace *ns = &spec->linux->namespaces[i];
		const char *name = oci_namespace_infos[ns->type].name;

		if (ns->type == OCI_NAMESPACE_USER)
			return error_set(err, ENOTSUP,
					 "linux.namespaces[%zu]: user namespaces are not supported "
					 "yet",
					 i);
		if (ns->path && *ns->path && ns->type != OCI_NAMESPACE_NETWORK)
			return error_set(err, ENOTSUP,
					 "linux.namespaces[%zu].path: a container in a VM cannot "
					 "join the %s namespace \"%s\" of the host",
					 i, name, ns->path);
	}
	return 0;
}

static int check_mounts(const struct oci_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct oci_mount *m = &spec->mounts[i];

		if (m->n_uid_mappings || m->n_gid_mappings)
			return error_set(err, ENOTSUP,
					 "mounts[%zu]: id-mapped mounts are not supported yet", i);
		for (size_t j = 0; j < m->n_options; j++)
			if (!strcmp(m->options[j], "idmap") || !strcmp(m->options[j], "ridmap"))
				return error_set(err, ENOTSUP,
						 "mounts[%zu].options[%zu]: id-mapped mounts are "
						 "not supported yet",
						 i, j);
	}
	return 0;
}

static int check_devices(const struct oci_spec *spec, struct error *err)
{
	if (!spec->linux)
		return 0;
	for (size_t i = 0; i < spec->linux->n_devices; i++) {
		const struct oci_device *d = &spec->linux->devices[i];

		if (!strcmp(d->type, "b"))
			return error_set(err, ENOTSUP,
					 "linux.devices[%zu]: \"%s\": block devices of the host "
					 "are not supported yet",
					 i, d->path);
	}
	return 0;
}

/* config.md, "capabilities": an unknown name is to be logged, and is no error. */
static void check_capability_set(const char *set, char *const *names, size_t n, struct plan *plan)
{
	for (size_t i = 0; i < n; i++)
		if (oci_capability_number(names[i]) < 0)
			add_line(&plan->warnings, &plan->n_warnings,
				 xasprintf("process.capabilities.%s[%zu]: \"%s\" is not known, and "
					   "left "
					   "out",
					   set, i, names[i]));
}

static void check_capabilities(const struct oci_spec *spec, struct plan *plan)
{
	const struct oci_capabilities *c = spec->process ? spec->process->capabilities : NULL;

	if (!c)
		return;
	check_capability_set("bounding", c->bounding, c->n_bounding, plan);
	check_capability_set("effective", c->effective, c->n_effective, plan);
	check_capability_set("inheritable", c->inheritable, c->n_inheritable, plan);
	check_capability_set("permitted", c->permitted, c->n_permitted, plan);
	check_capability_set("ambient", c->ambient, c->n_ambient, plan);
}

int plan_check_support(const struct bundle *bundle, struct plan *plan, struct error *err)
{
	const struct oci_spec *spec = bundle->spec;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct support_rule *rule = &rules[i];

		if (!rule->given(spec))
			continue;
		if (rule->answer == SUPPORT_REFUSE)
			return error_set(err, ENOTSUP, "%s: %s", rule->path, rule->reason);
		if (rule->answer == SUPPORT_WARN)
			add_line(&plan->warnings, &plan->n_warnings,
				 xasprintf("%s: %s", rule->path, rule->reason));
		else
			add_line(&plan->notes, &plan->n_notes,
				 xasprintf("%s: %s", rule->path, rule->reason));
	}
	check_capabilities(spec, plan);
	r = check_namespaces(spec, err);
	if (!r)
		r = check_mounts(spec, err);
	if (!r)
		r = check_devices(spec, err);
	return r;
}
