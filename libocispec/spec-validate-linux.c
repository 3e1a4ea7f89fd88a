// SPDX-License-Identifier: Apache-2.0
/*
 * What config-linux.md demands beyond types, except for seccomp.
 */
#include "libocispec/spec-validate.h"

#include <string.h>

#include "lib/alloc.h"
#include "libocispec/json.h"

static const char *const propagations[] = {
	"shared", "slave",    "private",     "unbindable", "rshared",
	"rslave", "rprivate", "runbindable", NULL,
};

static const char *const device_types[] = {"c", "b", "u", "p", NULL};
static const char *const device_rule_types[] = {"a", "c", "b", NULL};
static const char *const personality_domains[] = {"LINUX", "LINUX32", NULL};
static const char *const clocks[] = {"monotonic", "boottime", NULL};

static const char *const memory_policy_modes[] = {
	"MPOL_DEFAULT",	  "MPOL_BIND",		 "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
	"MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",	    NULL,
};

static const char *const memory_policy_flags[] = {
	"MPOL_F_NUMA_BALANCING",
	"MPOL_F_RELATIVE_NODES",
	"MPOL_F_STATIC_NODES",
	NULL,
};

/* "pid: given twice": a type that is listed twice MUST be an error. */
static int check_namespaces(const struct oci_linux *l, const struct spec_place *place,
			    struct error *err)
{
	bool seen[OCI_NAMESPACE_TYPES] = {false};

	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *n = &l->namespaces[i];
		int r = n->path ? spec_check_absolute(n->path, IN(AT(place, i), "path"), err) : 0;

		if (r < 0)
			return r;
		if (seen[n->type])
			return spec_fail(err, IN(AT(place, i), "type"), "\"%s\" given twice",
					 oci_namespace_infos[n->type].name);
		seen[n->type] = true;
	}
	return 0;
}

/* What would change the host when no namespace of its own is there for it. */
static int check_needs(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = spec->linux;
	const struct spec_place *at = IN(NULL, "linux");
	const struct {
		enum oci_namespace_type type;
		bool wanted;
		const struct spec_place *place;
	} needs[] = {
		{OCI_NAMESPACE_UTS, spec->hostname, IN(NULL, "hostname")},
		{OCI_NAMESPACE_UTS, spec->domainname, IN(NULL, "domainname")},
		{OCI_NAMESPACE_USER, l && l->n_uid_mappings, IN(at, "uidMappings")},
		{OCI_NAMESPACE_USER, l && l->n_gid_mappings, IN(at, "gidMappings")},
		{OCI_NAMESPACE_TIME, l && l->n_time_offsets, IN(at, "timeOffsets")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].wanted && !oci_namespace_find(spec, needs[i].type))
			return spec_fail(err, needs[i].place,
					 "needs a \"%s\" namespace in linux.namespaces",
					 oci_namespace_infos[needs[i].type].name);
	return 0;
}

static int check_device(const struct oci_device *d, const struct spec_place *place,
			struct error *err)
{
	int r = spec_check_name(d->type, device_types, "device type", IN(place, "type"), err);

	if (!r)
		r = spec_check_absolute(d->path, IN(place, "path"), err);
	if (r < 0)
		return r;
	/* 0:0 is not a device but overlayfs's whiteout: better no default. */
	if (*d->type != 'p' && !d->major.set)
		return spec_fail(err, IN(place, "major"), "missing, but required");
	if (*d->type != 'p' && !d->minor.set)
		return spec_fail(err, IN(place, "minor"), "missing, but required");
	if (d->uid.set)
		r = spec_check_id(d->uid.value, IN(place, "uid"), err);
	if (!r && d->gid.set)
		r = spec_check_id(d->gid.value, IN(place, "gid"), err);
	return r;
}

/* An interface name as the kernel takes it, dev_valid_name() in net/core/dev.c. */
static int check_interface_name(const char *name, const struct spec_place *place, struct error *err)
{
	_cleanup_free_ char *quoted = NULL;

	if (*name && strlen(name) < 16 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	    !name[strcspn(name, "/: \t\n\v\f\r")])
		return 0;
	quoted = json_quote(name);
	return spec_fail(err, place, "%s is not a name for a network device", quoted);
}

static int check_net_devices(const struct oci_linux *l, const struct spec_place *place,
			     struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < l->n_net_devices && !r; i++) {
		const struct oci_net_device *d = &l->net_devices[i];

		r = check_interface_name(d->host_name, place, err);
		if (!r && d->name)
			r = check_interface_name(d->name, IN(IN(place, d->host_name), "name"), err);
	}
	return r;
}

static int check_device_rules(const struct oci_resources *res, const struct spec_place *place,
			      struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < res->n_devices && !r; i++) {
		const struct oci_device_rule *d = &res->devices[i];
		const struct spec_place *here = AT(place, i);

		if (d->type)
			r = spec_check_name(d->type, device_rule_types, "device type",
					    IN(here, "type"), err);
		if (!r && d->access && d->access[strspn(d->access, "rwm")])
			return spec_fail(err, IN(here, "access"), "expected some of r, w and m");
	}
	return r;
}

static int check_cpu(const struct oci_cpu *c, const struct spec_place *place, struct error *err)
{
	if (!c)
		return 0;
	if (c->burst.set && c->quota.set && c->quota.value > 0 &&
	    c->burst.value > (uint64_t)c->quota.value)
		return spec_fail(err, IN(place, "burst"), "larger than the quota");
	if (c->idle.set && c->idle.value != 0 && c->idle.value != 1)
		return spec_fail(err, IN(place, "idle"), "expected 0 or 1");
	return 0;
}

static int check_block_io(const struct oci_block_io *b, const struct spec_place *place,
			  struct error *err)
{
	for (size_t i = 0; b && i < b->n_weight_device; i++)
		if (!b->weight_device[i].weight.set && !b->weight_device[i].leaf_weight.set)
			return spec_fail(err, AT(IN(place, "weightDevice"), i),
					 "neither weight nor leafWeight is given");
	return 0;
}

/* The names of the hugetlb controller's files: 64KB, 2MB, 1GB. */
static int check_hugepages(const struct oci_resources *res, const struct spec_place *place,
			   struct error *err)
{
	for (size_t i = 0; i < res->n_hugepage_limits; i++) {
		_cleanup_free_ char *quoted = NULL;
		const char *size = res->hugepage_limits[i].page_size;
		size_t digits = strspn(size, "0123456789");

		if (digits && *size != '0' && size[digits] && strchr("KMG", size[digits]) &&
		    !strcmp(size + digits + 1, "B"))
			continue;
		quoted = json_quote(size);
		return spec_fail(err, IN(AT(place, i), "pageSize"),
				 "expected a size such as 2MB, got %s", quoted);
	}
	return 0;
}

static int check_rdma(const struct oci_resources *res, const struct spec_place *place,
		      struct error *err)
{
	for (size_t i = 0; i < res->n_rdma; i++)
		if (!res->rdma[i].hca_handles.set && !res->rdma[i].hca_objects.set)
			return spec_fail(err, IN(place, res->rdma[i].device),
					 "neither hcaHandles nor hcaObjects is given");
	return 0;
}

/* Each key is the name of a file in the cgroup's directory, and is opened there. */
static int check_unified(const struct oci_resources *res, const struct spec_place *place,
			 struct error *err)
{
	for (size_t i = 0; i < res->n_unified; i++) {
		_cleanup_free_ char *quoted = NULL;
		const char *key = res->unified[i].key;

		if (*key && *key != '.' && !strchr(key, '/'))
			continue;
		quoted = json_quote(key);
		return spec_fail(err, place, "%s is not the name of a file of a cgroup", quoted);
	}
	return 0;
}

static int check_resources(const struct oci_resources *res, const struct spec_place *place,
			   struct error *err)
{
	int r = check_device_rules(res, IN(place, "devices"), err);

	if (!r && res->memory && res->memory->swappiness.set && res->memory->swappiness.value > 100)
		return spec_fail(err, IN(IN(place, "memory"), "swappiness"), "expected 0 to 100");
	if (!r)
		r = check_cpu(res->cpu, IN(place, "cpu"), err);
	if (!r)
		r = check_block_io(res->block_io, IN(place, "blockIO"), err);
	if (!r)
		r = check_hugepages(res, IN(place, "hugepageLimits"), err);
	if (!r)
		r = check_rdma(res, IN(place, "rdma"), err);
	if (!r)
		r = check_unified(res, IN(place, "unified"), err);
	return r;
}

int oci_resources_validate(const struct oci_resources *resources, const char *path,
			   struct error *err)
{
	return check_resources(resources, *path ? IN(NULL, path) : NULL, err);
}

static int check_intel_rdt(const struct oci_intel_rdt *rdt, const struct spec_place *place,
			   struct error *err)
{
	const char *id = rdt ? rdt->clos_id : NULL;

	/* The name of a directory in resctrl. */
	if (id && (!strcmp(id, ".") || !strcmp(id, "..") || strchr(id, '/')))
		return spec_fail(err, IN(place, "closID"), "not the name of a directory");
	if (rdt && rdt->mem_bw_schema &&
	    (strncmp(rdt->mem_bw_schema, "MB:", 3) != 0 || strchr(rdt->mem_bw_schema, '\n')))
		return spec_fail(err, IN(place, "memBwSchema"),
				 "expected one line that begins with MB:");
	return 0;
}

static int check_memory_policy(const struct oci_memory_policy *p, const struct spec_place *place,
			       struct error *err)
{
	int r;

	if (!p)
		return 0;
	r = spec_check_name(p->mode, memory_policy_modes, "memory policy", IN(place, "mode"), err);
	if (!r)
		r = spec_check_names(p->flags, p->n_flags, memory_policy_flags,
				     "memory policy flag", IN(place, "flags"), err);
	return r;
}

static int check_personality(const struct oci_personality *p, const struct spec_place *place,
			     struct error *err)
{
	if (!p)
		return 0;
	if (p->n_flags)
		return spec_fail(err, IN(place, "flags"), "the specification knows no flags");
	return spec_check_name(p->domain, personality_domains, "personality", IN(place, "domain"),
			       err);
}

static int check_time_offsets(const struct oci_linux *l, const struct spec_place *place,
			      struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < l->n_time_offsets && !r; i++) {
		const struct oci_time_offset *o = &l->time_offsets[i];

		r = spec_check_name(o->clock, clocks, "clock", place, err);
		if (!r && o->nanosecs.set && o->nanosecs.value > 999999999)
			return spec_fail(err, IN(IN(place, o->clock), "nanosecs"),
					 "expected less than a second");
	}
	return r;
}

static int check_section(const struct oci_linux *l, const struct spec_place *at, struct error *err)
{
	int r = check_namespaces(l, IN(at, "namespaces"), err);

	if (!r)
		r = spec_check_id_mappings(l->uid_mappings, l->n_uid_mappings,
					   IN(at, "uidMappings"), err);
	if (!r)
		r = spec_check_id_mappings(l->gid_mappings, l->n_gid_mappings,
					   IN(at, "gidMappings"), err);
	for (size_t i = 0; i < l->n_devices && !r; i++)
		r = check_device(&l->devices[i], AT(IN(at, "devices"), i), err);
	if (!r)
		r = check_net_devices(l, IN(at, "netDevices"), err);
	if (!r && l->resources)
		r = check_resources(l->resources, IN(at, "resources"), err);
	if (!r && l->rootfs_propagation)
		r = spec_check_name(l->rootfs_propagation, propagations, "mount propagation",
				    IN(at, "rootfsPropagation"), err);
	if (!r)
		r = spec_check_seccomp(l->seccomp, IN(at, "seccomp"), err);
	if (!r)
		r = spec_check_absolutes(l->masked_paths, l->n_masked_paths, IN(at, "maskedPaths"),
					 err);
	if (!r)
		r = spec_check_absolutes(l->readonly_paths, l->n_readonly_paths,
					 IN(at, "readonlyPaths"), err);
	if (!r)
		r = check_intel_rdt(l->intel_rdt, IN(at, "intelRdt"), err);
	if (!r)
		r = check_memory_policy(l->memory_policy, IN(at, "memoryPolicy"), err);
	if (!r)
		r = check_personality(l->personality, IN(at, "personality"), err);
	if (!r)
		r = check_time_offsets(l, IN(at, "timeOffsets"), err);
	return r;
}

int spec_check_linux(const struct oci_spec *spec, struct error *err)
{
	int r = spec->linux ? check_section(spec->linux, IN(NULL, "linux"), err) : 0;

	return r < 0 ? r : check_needs(spec, err);
}
