// SPDX-License-Identifier: Apache-2.0
#include "libocispec/default.h"

#include <string.h>

#include "lib/alloc.h"

#define MAX_OPTIONS 8

static const char *const arguments[] = {"sh"};

static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=xterm",
};

static const char *const capabilities[] = {
	"CAP_AUDIT_WRITE",
	"CAP_KILL",
	"CAP_NET_BIND_SERVICE",
};

struct default_mount {
	const char *destination, *type, *source;
	const char *options[MAX_OPTIONS];
};

static const struct default_mount mounts[] = {
	{"/proc", "proc", "proc", {NULL}},
	{"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

/* sysfs cannot be mounted without the network namespace that it shows: the host's /sys is bound. */
static const struct default_mount rootless_sys = {
	"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}};

static const enum oci_namespace_type namespaces[] = {
	OCI_NAMESPACE_PID, OCI_NAMESPACE_NETWORK, OCI_NAMESPACE_IPC,
	OCI_NAMESPACE_UTS, OCI_NAMESPACE_MOUNT,	  OCI_NAMESPACE_CGROUP,
};

static const enum oci_namespace_type rootless_namespaces[] = {
	OCI_NAMESPACE_PID,   OCI_NAMESPACE_IPC,	   OCI_NAMESPACE_UTS,
	OCI_NAMESPACE_MOUNT, OCI_NAMESPACE_CGROUP, OCI_NAMESPACE_USER,
};

static const char *const masked_paths[] = {
	"/proc/acpi",	       "/proc/asound",	   "/proc/kcore",	"/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/sys/firmware",       "/proc/scsi",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static char **copy_strings(const char *const *strings, size_t n, size_t *ret_n)
{
	char **copy = xcalloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(strings[i]);
	*ret_n = n;
	return copy;
}

#define COPY_STRINGS(strings, ret_n) copy_strings(strings, ARRAY_SIZE(strings), ret_n)

static struct oci_capabilities *make_capabilities(void)
{
	struct oci_capabilities *c = xnew(struct oci_capabilities);

	c->bounding = COPY_STRINGS(capabilities, &c->n_bounding);
	c->effective = COPY_STRINGS(capabilities, &c->n_effective);
	c->permitted = COPY_STRINGS(capabilities, &c->n_permitted);
	c->ambient = COPY_STRINGS(capabilities, &c->n_ambient);
	return c;
}

static struct oci_process *make_process(void)
{
	struct oci_process *p = xnew(struct oci_process);

	p->terminal = true;
	p->args = COPY_STRINGS(arguments, &p->n_args);
	p->env = COPY_STRINGS(environment, &p->n_env);
	p->cwd = xstrdup("/");
	p->capabilities = make_capabilities();
	p->rlimits = xnew(struct oci_rlimit);
	p->n_rlimits = 1;
	p->rlimits[0] = (struct oci_rlimit){xstrdup("RLIMIT_NOFILE"), 1024, 1024};
	p->no_new_privileges = true;
	return p;
}

/* @rootless: leaves out the options that name a group, which the one mapped id is not. */
static void fill_mount(struct oci_mount *m, const struct default_mount *from, bool rootless)
{
	size_t n = 0;

	m->destination = xstrdup(from->destination);
	m->type = xstrdup(from->type);
	m->source = xstrdup(from->source);
	if (!from->options[0])
		return;
	m->options = xcalloc(MAX_OPTIONS + 1, sizeof(*m->options));
	for (size_t i = 0; i < MAX_OPTIONS && from->options[i]; i++)
		if (!rootless || strncmp(from->options[i], "gid=", 4) != 0)
			m->options[n++] = xstrdup(from->options[i]);
	m->n_options = n;
}

static void fill_mounts(struct oci_spec *spec, bool rootless)
{
	spec->mounts = xcalloc(ARRAY_SIZE(mounts), sizeof(*spec->mounts));
	spec->n_mounts = ARRAY_SIZE(mounts);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		bool is_sys = !strcmp(mounts[i].destination, rootless_sys.destination);

		fill_mount(&spec->mounts[i], rootless && is_sys ? &rootless_sys : &mounts[i],
			   rootless);
	}
}

static void fill_namespaces(struct oci_linux *l, const enum oci_namespace_type *types, size_t n)
{
	l->namespaces = xcalloc(n, sizeof(*l->namespaces));
	l->n_namespaces = n;
	for (size_t i = 0; i < n; i++)
		l->namespaces[i].type = types[i];
}

/* What both variants have. */
static struct oci_spec *make_spec(bool rootless)
{
	struct oci_spec *spec = xnew(struct oci_spec);
	struct oci_linux *l = xnew(struct oci_linux);

	spec->oci_version = xstrdup(OCI_SPEC_VERSION);
	spec->process = make_process();
	spec->root = xnew(struct oci_root);
	spec->root->path = xstrdup("rootfs");
	spec->root->readonly = true;
	spec->hostname = xstrdup("runvm");
	fill_mounts(spec, rootless);
	l->masked_paths = COPY_STRINGS(masked_paths, &l->n_masked_paths);
	l->readonly_paths = COPY_STRINGS(readonly_paths, &l->n_readonly_paths);
	spec->linux = l;
	return spec;
}

struct oci_spec *oci_default_spec(void)
{
	struct oci_spec *spec = make_spec(false);
	struct oci_resources *r = xnew(struct oci_resources);

	r->devices = xnew(struct oci_device_rule);
	r->n_devices = 1;
	r->devices[0].access = xstrdup("rwm");
	spec->linux->resources = r;
	fill_namespaces(spec->linux, namespaces, ARRAY_SIZE(namespaces));
	return spec;
}

static struct oci_id_mapping *map_root_to(uint32_t id)
{
	struct oci_id_mapping *mapping = xnew(struct oci_id_mapping);

	*mapping = (struct oci_id_mapping){.container_id = 0, .host_id = id, .size = 1};
	return mapping;
}

struct oci_spec *oci_default_spec_rootless(uint32_t uid, uint32_t gid)
{
	struct oci_spec *spec = make_spec(true);
	struct oci_linux *l = spec->linux;

	l->uid_mappings = map_root_to(uid);
	l->n_uid_mappings = 1;
	l->gid_mappings = map_root_to(gid);
	l->n_gid_mappings = 1;
	fill_namespaces(l, rootless_namespaces, ARRAY_SIZE(rootless_namespaces));
	return spec;
}
