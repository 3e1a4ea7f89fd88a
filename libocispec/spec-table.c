// SPDX-License-Identifier: Apache-2.0
/*
 * The properties of config.md, in the order of the structs of specs-go (which is the order that
 * Go's encoder writes). config-linux.md and config-vm.md have files of their own.
 */
#include "libocispec/spec-table.h"

static const struct spec_field oci_root_fields[] = {
	{"path", STRING(oci_root, path), .required = true},
	{"readonly", FLAG(oci_root, readonly)},
};
static SPEC_TABLE(oci_root);

static const struct spec_field oci_id_mapping_fields[] = {
	{"containerID", PLAIN_UINT32(oci_id_mapping, container_id), .required = true},
	{"hostID", PLAIN_UINT32(oci_id_mapping, host_id), .required = true},
	{"size", PLAIN_UINT32(oci_id_mapping, size), .required = true},
};
SPEC_TABLE(oci_id_mapping);

static const struct spec_field oci_mount_fields[] = {
	{"destination", STRING(oci_mount, destination), .required = true},
	{"type", STRING(oci_mount, type)},
	{"source", STRING(oci_mount, source)},
	{"options", STRINGS(oci_mount, options)},
	{"uidMappings", OBJECTS(oci_mount, uid_mappings, oci_id_mapping)},
	{"gidMappings", OBJECTS(oci_mount, gid_mappings, oci_id_mapping)},
};
static SPEC_TABLE(oci_mount);

static const struct spec_field oci_console_size_fields[] = {
	{"height", PLAIN_UINT64(oci_console_size, height), .required = true},
	{"width", PLAIN_UINT64(oci_console_size, width), .required = true},
};
static SPEC_TABLE(oci_console_size);

static const struct spec_field oci_user_fields[] = {
	{"uid", PLAIN_UINT32(oci_user, uid)},
	{"gid", PLAIN_UINT32(oci_user, gid)},
	{"umask", UINT_TO(oci_user, umask, 0777)},
	{"additionalGids", UINT32S(oci_user, additional_gids)},
};
static SPEC_TABLE(oci_user);

static const struct spec_field oci_capabilities_fields[] = {
	{"bounding", STRINGS(oci_capabilities, bounding)},
	{"effective", STRINGS(oci_capabilities, effective)},
	{"inheritable", STRINGS(oci_capabilities, inheritable)},
	{"permitted", STRINGS(oci_capabilities, permitted)},
	{"ambient", STRINGS(oci_capabilities, ambient)},
};
static SPEC_TABLE(oci_capabilities);

static const struct spec_field oci_rlimit_fields[] = {
	{"type", STRING(oci_rlimit, type), .required = true},
	{"hard", PLAIN_UINT64(oci_rlimit, hard), .required = true},
	{"soft", PLAIN_UINT64(oci_rlimit, soft), .required = true},
};
static SPEC_TABLE(oci_rlimit);

static const struct spec_field oci_scheduler_fields[] = {
	{"policy", STRING(oci_scheduler, policy), .required = true},
	{"nice", INT32(oci_scheduler, nice)},
	{"priority", INT32(oci_scheduler, priority)},
	{"flags", STRINGS(oci_scheduler, flags)},
	{"runtime", UINT(oci_scheduler, runtime)},
	{"deadline", UINT(oci_scheduler, deadline)},
	{"period", UINT(oci_scheduler, period)},
};
static SPEC_TABLE(oci_scheduler);

static const struct spec_field oci_io_priority_fields[] = {
	{"class", STRING(oci_io_priority, class), .required = true},
	{"priority", INT32(oci_io_priority, priority)},
};
static SPEC_TABLE(oci_io_priority);

static const struct spec_field oci_exec_cpu_affinity_fields[] = {
	{"initial", STRING(oci_exec_cpu_affinity, initial)},
	{"final", STRING(oci_exec_cpu_affinity, final)},
};
static SPEC_TABLE(oci_exec_cpu_affinity);

/* commandLine and user.username are for Windows alone. */
static const struct spec_field oci_process_fields[] = {
	{"terminal", FLAG(oci_process, terminal)},
	{"consoleSize", OBJECT(oci_process, console_size, oci_console_size)},
	{"user", EMBEDDED(oci_process, user, oci_user)},
	{"args", STRINGS(oci_process, args)},
	{"env", STRINGS(oci_process, env)},
	{"cwd", STRING(oci_process, cwd), .required = true},
	{"capabilities", OBJECT(oci_process, capabilities, oci_capabilities)},
	{"rlimits", OBJECTS(oci_process, rlimits, oci_rlimit)},
	{"noNewPrivileges", FLAG(oci_process, no_new_privileges)},
	{"apparmorProfile", STRING(oci_process, apparmor_profile)},
	{"oomScoreAdj", INT_FROM_TO(oci_process, oom_score_adj, -1000, 1000)},
	{"scheduler", OBJECT(oci_process, scheduler, oci_scheduler)},
	{"selinuxLabel", STRING(oci_process, selinux_label)},
	{"ioPriority", OBJECT(oci_process, io_priority, oci_io_priority)},
	{"execCPUAffinity", OBJECT(oci_process, exec_cpu_affinity, oci_exec_cpu_affinity)},
};
SPEC_TABLE(oci_process);

static const struct spec_field oci_hook_fields[] = {
	{"path", STRING(oci_hook, path), .required = true},
	{"args", STRINGS(oci_hook, args)},
	{"env", STRINGS(oci_hook, env)},
	{"timeout", INT(oci_hook, timeout)},
};
static SPEC_TABLE(oci_hook);

static const struct spec_field oci_hooks_fields[] = {
	{"prestart", OBJECTS(oci_hooks, prestart, oci_hook)},
	{"createRuntime", OBJECTS(oci_hooks, create_runtime, oci_hook)},
	{"createContainer", OBJECTS(oci_hooks, create_container, oci_hook)},
	{"startContainer", OBJECTS(oci_hooks, start_container, oci_hook)},
	{"poststart", OBJECTS(oci_hooks, poststart, oci_hook)},
	{"poststop", OBJECTS(oci_hooks, poststop, oci_hook)},
};
static SPEC_TABLE(oci_hooks);

static const struct spec_field oci_spec_fields[] = {
	{"ociVersion", STRING(oci_spec, oci_version), .required = true},
	{"process", OBJECT(oci_spec, process, oci_process)},
	{"root", OBJECT(oci_spec, root, oci_root)},
	{"hostname", STRING(oci_spec, hostname)},
	{"domainname", STRING(oci_spec, domainname)},
	{"mounts", OBJECTS(oci_spec, mounts, oci_mount)},
	{"hooks", OBJECT(oci_spec, hooks, oci_hooks)},
	{"annotations", MAP(oci_spec, annotations)},
	{"linux", OBJECT(oci_spec, linux, oci_linux)},
	{"solaris", PRESENCE(oci_spec, has_solaris)},
	{"windows", PRESENCE(oci_spec, has_windows)},
	{"vm", OBJECT(oci_spec, vm, oci_vm)},
	{"zos", PRESENCE(oci_spec, has_zos)},
	{"freebsd", PRESENCE(oci_spec, has_freebsd)},
};
SPEC_TABLE(oci_spec);
