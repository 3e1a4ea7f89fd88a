// SPDX-License-Identifier: Apache-2.0
/*
 * The properties of config-linux.md, in the order of the structs of specs-go.
 */
#include <sched.h>

#include "libocispec/spec-table.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct oci_namespace_info oci_namespace_infos[OCI_NAMESPACE_TYPES] = {
	[OCI_NAMESPACE_PID] = {"pid", "pid", CLONE_NEWPID},
	[OCI_NAMESPACE_NETWORK] = {"network", "net", CLONE_NEWNET},
	[OCI_NAMESPACE_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
	[OCI_NAMESPACE_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
	[OCI_NAMESPACE_UTS] = {"uts", "uts", CLONE_NEWUTS},
	[OCI_NAMESPACE_USER] = {"user", "user", CLONE_NEWUSER},
	[OCI_NAMESPACE_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
	[OCI_NAMESPACE_TIME] = {"time", "time", CLONE_NEWTIME},
};

static const char *namespace_name(unsigned type)
{
	return type < OCI_NAMESPACE_TYPES ? oci_namespace_infos[type].name : NULL;
}

static const struct spec_field oci_namespace_fields[] = {
	{"type", ENUM(oci_namespace, type, oci_namespace_type, namespace_name, "namespace type"),
	 .required = true},
	{"path", STRING(oci_namespace, path)},
};
static SPEC_TABLE(oci_namespace);

static const struct spec_field oci_time_offset_fields[] = {
	{"secs", INT(oci_time_offset, secs)},
	{"nanosecs", UINT_TO(oci_time_offset, nanosecs, UINT32_MAX)},
};
static SPEC_TABLE(oci_time_offset);

static const struct spec_field oci_device_fields[] = {
	{"type", STRING(oci_device, type), .required = true},
	{"path", STRING(oci_device, path), .required = true},
	{"major", INT(oci_device, major)},
	{"minor", INT(oci_device, minor)},
	{"fileMode", UINT_TO(oci_device, file_mode, UINT32_MAX)},
	{"uid", UINT_TO(oci_device, uid, UINT32_MAX)},
	{"gid", UINT_TO(oci_device, gid, UINT32_MAX)},
};
static SPEC_TABLE(oci_device);

static const struct spec_field oci_net_device_fields[] = {
	{"name", STRING(oci_net_device, name)},
};
static SPEC_TABLE(oci_net_device);

static const struct spec_field oci_device_rule_fields[] = {
	{"allow", FLAG(oci_device_rule, allow), .required = true},
	{"type", STRING(oci_device_rule, type)},
	{"major", INT(oci_device_rule, major)},
	{"minor", INT(oci_device_rule, minor)},
	{"access", STRING(oci_device_rule, access)},
};
static SPEC_TABLE(oci_device_rule);

static const struct spec_field oci_memory_fields[] = {
	{"limit", INT(oci_memory, limit)},
	{"reservation", INT(oci_memory, reservation)},
	{"swap", INT(oci_memory, swap)},
	{"kernel", INT(oci_memory, kernel)},
	{"kernelTCP", INT(oci_memory, kernel_tcp)},
	{"swappiness", UINT(oci_memory, swappiness)},
	{"disableOOMKiller", BOOL(oci_memory, disable_oom_killer)},
	{"useHierarchy", BOOL(oci_memory, use_hierarchy)},
	{"checkBeforeUpdate", BOOL(oci_memory, check_before_update)},
};
static SPEC_TABLE(oci_memory);

static const struct spec_field oci_cpu_fields[] = {
	{"shares", UINT(oci_cpu, shares)},
	{"quota", INT(oci_cpu, quota)},
	{"burst", UINT(oci_cpu, burst)},
	{"period", UINT(oci_cpu, period)},
	{"realtimeRuntime", INT(oci_cpu, realtime_runtime)},
	{"realtimePeriod", UINT(oci_cpu, realtime_period)},
	{"cpus", STRING(oci_cpu, cpus)},
	{"mems", STRING(oci_cpu, mems)},
	{"idle", INT(oci_cpu, idle)},
};
static SPEC_TABLE(oci_cpu);

/* The schema requires the limit; Go's encoder omits it when it is not set. */
static const struct spec_field oci_pids_fields[] = {
	{"limit", INT(oci_pids, limit)},
};
static SPEC_TABLE(oci_pids);

static const struct spec_field oci_weight_device_fields[] = {
	{"major", PLAIN_INT64(oci_weight_device, major), .required = true},
	{"minor", PLAIN_INT64(oci_weight_device, minor), .required = true},
	{"weight", UINT_TO(oci_weight_device, weight, UINT16_MAX)},
	{"leafWeight", UINT_TO(oci_weight_device, leaf_weight, UINT16_MAX)},
};
static SPEC_TABLE(oci_weight_device);

static const struct spec_field oci_throttle_device_fields[] = {
	{"major", PLAIN_INT64(oci_throttle_device, major), .required = true},
	{"minor", PLAIN_INT64(oci_throttle_device, minor), .required = true},
	{"rate", PLAIN_UINT64(oci_throttle_device, rate), .required = true},
};
static SPEC_TABLE(oci_throttle_device);

#define THROTTLE(m) OBJECTS(oci_block_io, m, oci_throttle_device)

static const struct spec_field oci_block_io_fields[] = {
	{"weight", UINT_TO(oci_block_io, weight, UINT16_MAX)},
	{"leafWeight", UINT_TO(oci_block_io, leaf_weight, UINT16_MAX)},
	{"weightDevice", OBJECTS(oci_block_io, weight_device, oci_weight_device)},
	{"throttleReadBpsDevice", THROTTLE(throttle_read_bps_device)},
	{"throttleWriteBpsDevice", THROTTLE(throttle_write_bps_device)},
	{"throttleReadIOPSDevice", THROTTLE(throttle_read_iops_device)},
	{"throttleWriteIOPSDevice", THROTTLE(throttle_write_iops_device)},
};
static SPEC_TABLE(oci_block_io);

static const struct spec_field oci_hugepage_limit_fields[] = {
	{"pageSize", STRING(oci_hugepage_limit, page_size), .required = true},
	{"limit", PLAIN_UINT64(oci_hugepage_limit, limit), .required = true},
};
static SPEC_TABLE(oci_hugepage_limit);

static const struct spec_field oci_interface_priority_fields[] = {
	{"name", STRING(oci_interface_priority, name), .required = true},
	{"priority", PLAIN_UINT32(oci_interface_priority, priority), .required = true},
};
static SPEC_TABLE(oci_interface_priority);

static const struct spec_field oci_network_fields[] = {
	{"classID", UINT_TO(oci_network, class_id, UINT32_MAX)},
	{"priorities", OBJECTS(oci_network, priorities, oci_interface_priority)},
};
static SPEC_TABLE(oci_network);

static const struct spec_field oci_rdma_fields[] = {
	{"hcaHandles", UINT_TO(oci_rdma, hca_handles, UINT32_MAX)},
	{"hcaObjects", UINT_TO(oci_rdma, hca_objects, UINT32_MAX)},
};
static SPEC_TABLE(oci_rdma);

static const struct spec_field oci_resources_fields[] = {
	{"devices", OBJECTS(oci_resources, devices, oci_device_rule)},
	{"memory", OBJECT(oci_resources, memory, oci_memory)},
	{"cpu", OBJECT(oci_resources, cpu, oci_cpu)},
	{"pids", OBJECT(oci_resources, pids, oci_pids)},
	{"blockIO", OBJECT(oci_resources, block_io, oci_block_io)},
	{"hugepageLimits", OBJECTS(oci_resources, hugepage_limits, oci_hugepage_limit)},
	{"network", OBJECT(oci_resources, network, oci_network)},
	{"rdma", OBJECT_MAP(oci_resources, rdma, oci_rdma, device)},
	{"unified", MAP(oci_resources, unified)},
};
SPEC_TABLE(oci_resources);

static const struct spec_field oci_syscall_arg_fields[] = {
	{"index", PLAIN_UINT32(oci_syscall_arg, index), .required = true},
	{"value", PLAIN_UINT64(oci_syscall_arg, value), .required = true},
	{"valueTwo", UINT(oci_syscall_arg, value_two)},
	{"op", STRING(oci_syscall_arg, op), .required = true},
};
static SPEC_TABLE(oci_syscall_arg);

static const struct spec_field oci_syscall_fields[] = {
	{"names", STRINGS(oci_syscall, names), .required = true},
	{"action", STRING(oci_syscall, action), .required = true},
	{"errnoRet", UINT_TO(oci_syscall, errno_ret, UINT32_MAX)},
	{"args", OBJECTS(oci_syscall, args, oci_syscall_arg)},
};
static SPEC_TABLE(oci_syscall);

static const struct spec_field oci_seccomp_fields[] = {
	{"defaultAction", STRING(oci_seccomp, default_action), .required = true},
	{"defaultErrnoRet", UINT_TO(oci_seccomp, default_errno_ret, UINT32_MAX)},
	{"architectures", STRINGS(oci_seccomp, architectures)},
	{"flags", STRINGS(oci_seccomp, flags)},
	{"listenerPath", STRING(oci_seccomp, listener_path)},
	{"listenerMetadata", STRING(oci_seccomp, listener_metadata)},
	{"syscalls", OBJECTS(oci_seccomp, syscalls, oci_syscall)},
};
static SPEC_TABLE(oci_seccomp);

static const struct spec_field oci_intel_rdt_fields[] = {
	{"closID", STRING(oci_intel_rdt, clos_id)},
	{"schemata", STRINGS(oci_intel_rdt, schemata)},
	{"l3CacheSchema", STRING(oci_intel_rdt, l3_cache_schema)},
	{"memBwSchema", STRING(oci_intel_rdt, mem_bw_schema)},
	{"enableMonitoring", FLAG(oci_intel_rdt, enable_monitoring)},
	{"enableCMT", FLAG(oci_intel_rdt, enable_cmt)},
	{"enableMBM", FLAG(oci_intel_rdt, enable_mbm)},
};
static SPEC_TABLE(oci_intel_rdt);

static const struct spec_field oci_memory_policy_fields[] = {
	{"mode", STRING(oci_memory_policy, mode), .required = true},
	{"nodes", STRING(oci_memory_policy, nodes)},
	{"flags", STRINGS(oci_memory_policy, flags)},
};
static SPEC_TABLE(oci_memory_policy);

static const struct spec_field oci_personality_fields[] = {
	{"domain", STRING(oci_personality, domain), .required = true},
	{"flags", STRINGS(oci_personality, flags)},
};
static SPEC_TABLE(oci_personality);

static const struct spec_field oci_linux_fields[] = {
	{"uidMappings", OBJECTS(oci_linux, uid_mappings, oci_id_mapping)},
	{"gidMappings", OBJECTS(oci_linux, gid_mappings, oci_id_mapping)},
	{"sysctl", MAP(oci_linux, sysctl)},
	{"resources", OBJECT(oci_linux, resources, oci_resources)},
	{"cgroupsPath", STRING(oci_linux, cgroups_path)},
	{"namespaces", OBJECTS(oci_linux, namespaces, oci_namespace)},
	{"devices", OBJECTS(oci_linux, devices, oci_device)},
	{"netDevices", OBJECT_MAP(oci_linux, net_devices, oci_net_device, host_name)},
	{"seccomp", OBJECT(oci_linux, seccomp, oci_seccomp)},
	{"rootfsPropagation", STRING(oci_linux, rootfs_propagation)},
	{"maskedPaths", STRINGS(oci_linux, masked_paths)},
	{"readonlyPaths", STRINGS(oci_linux, readonly_paths)},
	{"mountLabel", STRING(oci_linux, mount_label)},
	{"intelRdt", OBJECT(oci_linux, intel_rdt, oci_intel_rdt)},
	{"memoryPolicy", OBJECT(oci_linux, memory_policy, oci_memory_policy)},
	{"personality", OBJECT(oci_linux, personality, oci_personality)},
	{"timeOffsets", OBJECT_MAP(oci_linux, time_offsets, oci_time_offset, clock)},
};
SPEC_TABLE(oci_linux);
