/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the OCI runtime specification as plain structs: every property of config.md,
 * config-linux.md and config-vm.md, read, written, copied, freed and checked. Shared by the host
 * and the guest. It does not interpret: turning names into flags is for the room that uses them.
 *
 * The shape of the structs
 *  - A name is the JSON name in snake_case: noNewPrivileges is no_new_privileges.
 *  - A string is owned, NULL when absent. An object is a pointer, NULL when absent; the one
 *    embedded object is process.user, whose absence means uid 0 and gid 0.
 *  - An array is a pointer and a count, `args` and `n_args`. NULL means absent; an empty array
 *    that was given is a pointer with a count of 0. Arrays of strings have a NULL at the end too.
 *  - A map is an array of entries in the order of the file.
 *  - A scalar whose absence has a meaning of its own is an oci_bool, oci_int or oci_uint. Where
 *    absence means false, it is a plain bool; a plain integer was required, or 0 is its default.
 *  - Everything is allocated by malloc and freed by oci_spec_free(), so one who builds or
 *    changes a spec of his own (a copy, the default) can put xstrdup()ed strings in.
 *
 * What is read
 *  - Unknown properties are ignored, as the specification wants ("Extensibility").
 *  - A wrong type, a number out of the range of its property, a missing required property and
 *    an unknown namespace type are refused by the parser, with the JSON path.
 *  - `null` as the value of a property counts as absent (Go's encoder writes it for a nil slice
 *    or pointer). A null inside an array or as the value of a map's key is refused.
 *  - An empty string as the value of an optional property counts as absent too, as it does for
 *    Go's types: `if (ns->path)` is enough. In arrays and maps an empty string is one.
 *  - A key that comes twice in one object is refused: readers differ in which one they believe.
 *  - Integers have the full range of their type and are never doubles; 1e3 and 1.0 are refused.
 *  - A string with a NUL (\u0000) in it is refused: it would end early in the kernel's view.
 *  - solaris, windows, zos and freebsd are not read, only noted.
 *  - Where the schema and config.md require vm.kernel, we do not: there is a default kernel.
 */
#ifndef RUNVM_OCISPEC_SPEC_H
#define RUNVM_OCISPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* GNU C predefines `linux` as 1, which no member could have as its name then. */
#undef linux

/* The version of the specification that this library implements. */
#define OCI_SPEC_VERSION "1.3.0"

/* A config.json larger than this is refused with -EFBIG. */
#define OCI_SPEC_MAX_SIZE ((size_t)4 * 1024 * 1024)

struct oci_bool {
	bool set;
	bool value;
};

struct oci_int {
	bool set;
	int64_t value;
};

struct oci_uint {
	bool set;
	uint64_t value;
};

/* An entry of a map of strings: annotations, linux.sysctl, linux.resources.unified. */
struct oci_entry {
	char *key;
	char *value;
};

/* linux.uidMappings, linux.gidMappings and those of a mount. */
struct oci_id_mapping {
	uint32_t container_id;
	uint32_t host_id;
	uint32_t size;
};

/* root */
struct oci_root {
	char *path;
	bool readonly;
};

/**
 * struct oci_mount - one of mounts
 * @destination: never NULL; a relative one is taken from "/" (runc does so, with a warning)
 * @type: may be NULL for a bind mount (oci_mount_is_bind()) only
 */
struct oci_mount {
	char *destination;
	char *type;
	char *source;
	char **options;
	size_t n_options;
	struct oci_id_mapping *uid_mappings;
	size_t n_uid_mappings;
	struct oci_id_mapping *gid_mappings;
	size_t n_gid_mappings;
};

/* process.consoleSize, in characters; to be ignored without process.terminal */
struct oci_console_size {
	uint64_t height;
	uint64_t width;
};

/* process.user */
struct oci_user {
	uint32_t uid;
	uint32_t gid;
	struct oci_uint umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
};

/* process.capabilities: NULL is a set that was not given, which runc takes as empty. */
struct oci_capabilities {
	char **bounding;
	size_t n_bounding;
	char **effective;
	size_t n_effective;
	char **inheritable;
	size_t n_inheritable;
	char **permitted;
	size_t n_permitted;
	char **ambient;
	size_t n_ambient;
};

/* one of process.rlimits; @type is "RLIMIT_NOFILE" and the like, never NULL */
struct oci_rlimit {
	char *type;
	uint64_t hard;
	uint64_t soft;
};

/**
 * struct oci_scheduler - process.scheduler, as for sched_setattr(2)
 * @policy: "SCHED_OTHER" and the like, never NULL
 * @runtime: nanoseconds, as @deadline and @period; for SCHED_DEADLINE
 */
struct oci_scheduler {
	char *policy;
	struct oci_int nice;
	struct oci_int priority;
	char **flags;
	size_t n_flags;
	struct oci_uint runtime;
	struct oci_uint deadline;
	struct oci_uint period;
};

/* process.ioPriority; @class is "IOPRIO_CLASS_BE" and the like, never NULL */
struct oci_io_priority {
	char *class;
	struct oci_int priority;
};

/* process.execCPUAffinity: lists of CPUs such as "0-3,7", for exec'd processes */
struct oci_exec_cpu_affinity {
	char *initial;
	char *final;
};

/**
 * struct oci_process - process, and the file of `exec --process`
 * @args: not empty after oci_process_validate()
 * @cwd: never NULL
 * @no_new_privileges: false when absent, like @terminal
 */
struct oci_process {
	bool terminal;
	struct oci_console_size *console_size;
	struct oci_user user;
	char **args;
	size_t n_args;
	char **env;
	size_t n_env;
	char *cwd;
	struct oci_capabilities *capabilities;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	char *apparmor_profile;
	struct oci_int oom_score_adj;
	struct oci_scheduler *scheduler;
	char *selinux_label;
	struct oci_io_priority *io_priority;
	struct oci_exec_cpu_affinity *exec_cpu_affinity;
};

/* one of the hooks; @timeout in seconds */
struct oci_hook {
	char *path;
	char **args;
	size_t n_args;
	char **env;
	size_t n_env;
	struct oci_int timeout;
};

/* hooks */
struct oci_hooks {
	struct oci_hook *prestart;
	size_t n_prestart;
	struct oci_hook *create_runtime;
	size_t n_create_runtime;
	struct oci_hook *create_container;
	size_t n_create_container;
	struct oci_hook *start_container;
	size_t n_start_container;
	struct oci_hook *poststart;
	size_t n_poststart;
	struct oci_hook *poststop;
	size_t n_poststop;
};

enum oci_namespace_type {
	OCI_NAMESPACE_PID,
	OCI_NAMESPACE_NETWORK,
	OCI_NAMESPACE_MOUNT,
	OCI_NAMESPACE_IPC,
	OCI_NAMESPACE_UTS,
	OCI_NAMESPACE_USER,
	OCI_NAMESPACE_CGROUP,
	OCI_NAMESPACE_TIME,
	OCI_NAMESPACE_TYPES,
};

/**
 * struct oci_namespace_info - the names of a namespace type
 * @name: in config.json
 * @proc_name: in /proc/PID/ns
 * @clone_flag: CLONE_NEW*; that of the time namespace is for clone3(2) and unshare(2) alone
 */
struct oci_namespace_info {
	const char *name;
	const char *proc_name;
	int clone_flag;
};

/* Indexed by enum oci_namespace_type. */
extern const struct oci_namespace_info oci_namespace_infos[OCI_NAMESPACE_TYPES];

/* one of linux.namespaces; @path is NULL for a new one */
struct oci_namespace {
	enum oci_namespace_type type;
	char *path;
};

/* one of linux.timeOffsets; @clock is "monotonic" or "boottime", its key in the map */
struct oci_time_offset {
	char *clock;
	struct oci_int secs;
	struct oci_uint nanosecs;
};

/* one of linux.devices; @type is "c", "b", "u" or "p" */
struct oci_device {
	char *type;
	char *path;
	struct oci_int major;
	struct oci_int minor;
	struct oci_uint file_mode;
	struct oci_uint uid;
	struct oci_uint gid;
};

/* one of linux.netDevices; @host_name is its key in the map, @name its name in the container */
struct oci_net_device {
	char *host_name;
	char *name;
};

/* one of linux.resources.devices; an absent @type, @major, @minor means all of them */
struct oci_device_rule {
	bool allow;
	char *type;
	struct oci_int major;
	struct oci_int minor;
	char *access;
};

/* linux.resources.memory: bytes, or -1 for no limit */
struct oci_memory {
	struct oci_int limit;
	struct oci_int reservation;
	struct oci_int swap;
	struct oci_int kernel;
	struct oci_int kernel_tcp;
	struct oci_uint swappiness;
	struct oci_bool disable_oom_killer;
	struct oci_bool use_hierarchy;
	struct oci_bool check_before_update;
};

/* linux.resources.cpu: times in microseconds */
struct oci_cpu {
	struct oci_uint shares;
	struct oci_int quota;
	struct oci_uint burst;
	struct oci_uint period;
	struct oci_int realtime_runtime;
	struct oci_uint realtime_period;
	char *cpus;
	char *mems;
	struct oci_int idle;
};

/* linux.resources.pids; -1 (and 0 for runc) is no limit */
struct oci_pids {
	struct oci_int limit;
};

/* one of linux.resources.blockIO.weightDevice */
struct oci_weight_device {
	int64_t major;
	int64_t minor;
	struct oci_uint weight;
	struct oci_uint leaf_weight;
};

/* one of the throttle arrays of linux.resources.blockIO: bytes or operations a second */
struct oci_throttle_device {
	int64_t major;
	int64_t minor;
	uint64_t rate;
};

/* linux.resources.blockIO */
struct oci_block_io {
	struct oci_uint weight;
	struct oci_uint leaf_weight;
	struct oci_weight_device *weight_device;
	size_t n_weight_device;
	struct oci_throttle_device *throttle_read_bps_device;
	size_t n_throttle_read_bps_device;
	struct oci_throttle_device *throttle_write_bps_device;
	size_t n_throttle_write_bps_device;
	struct oci_throttle_device *throttle_read_iops_device;
	size_t n_throttle_read_iops_device;
	struct oci_throttle_device *throttle_write_iops_device;
	size_t n_throttle_write_iops_device;
};

/* one of linux.resources.hugepageLimits; @page_size is "2MB" and the like, @limit bytes */
struct oci_hugepage_limit {
	char *page_size;
	uint64_t limit;
};

/* one of linux.resources.network.priorities */
struct oci_interface_priority {
	char *name;
	uint32_t priority;
};

/* linux.resources.network */
struct oci_network {
	struct oci_uint class_id;
	struct oci_interface_priority *priorities;
	size_t n_priorities;
};

/* one of linux.resources.rdma; @device is its key in the map */
struct oci_rdma {
	char *device;
	struct oci_uint hca_handles;
	struct oci_uint hca_objects;
};

/* linux.resources, and the input of `update --resources` */
struct oci_resources {
	struct oci_device_rule *devices;
	size_t n_devices;
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	struct oci_pids *pids;
	struct oci_block_io *block_io;
	struct oci_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	struct oci_network *network;
	struct oci_rdma *rdma;
	size_t n_rdma;
	struct oci_entry *unified;
	size_t n_unified;
};

/**
 * struct oci_syscall_arg - one of linux.seccomp.syscalls[].args
 * @index: 0 to 5
 * @op: "SCMP_CMP_EQ" and the like, never NULL
 */
struct oci_syscall_arg {
	uint32_t index;
	uint64_t value;
	struct oci_uint value_two;
	char *op;
};

/* one of linux.seccomp.syscalls; @names is not empty, @action never NULL */
struct oci_syscall {
	char **names;
	size_t n_names;
	char *action;
	struct oci_uint errno_ret;
	struct oci_syscall_arg *args;
	size_t n_args;
};

/* linux.seccomp; @default_action is "SCMP_ACT_ERRNO" and the like, never NULL */
struct oci_seccomp {
	char *default_action;
	struct oci_uint default_errno_ret;
	char **architectures;
	size_t n_architectures;
	char **flags;
	size_t n_flags;
	char *listener_path;
	char *listener_metadata;
	struct oci_syscall *syscalls;
	size_t n_syscalls;
};

/* linux.intelRdt; enableCMT and enableMBM are of specifications before 1.3 */
struct oci_intel_rdt {
	char *clos_id;
	char **schemata;
	size_t n_schemata;
	char *l3_cache_schema;
	char *mem_bw_schema;
	bool enable_monitoring;
	bool enable_cmt;
	bool enable_mbm;
};

/* linux.memoryPolicy, as for set_mempolicy(2) */
struct oci_memory_policy {
	char *mode;
	char *nodes;
	char **flags;
	size_t n_flags;
};

/* linux.personality; @domain is "LINUX" or "LINUX32" */
struct oci_personality {
	char *domain;
	char **flags;
	size_t n_flags;
};

/**
 * struct oci_linux - linux
 * @rootfs_propagation: "shared", "slave", "private", "unbindable" or, as runc takes them, these
 *	with an "r" in front
 */
struct oci_linux {
	struct oci_id_mapping *uid_mappings;
	size_t n_uid_mappings;
	struct oci_id_mapping *gid_mappings;
	size_t n_gid_mappings;
	struct oci_entry *sysctl;
	size_t n_sysctl;
	struct oci_resources *resources;
	char *cgroups_path;
	struct oci_namespace *namespaces;
	size_t n_namespaces;
	struct oci_device *devices;
	size_t n_devices;
	struct oci_net_device *net_devices;
	size_t n_net_devices;
	struct oci_seccomp *seccomp;
	char *rootfs_propagation;
	char **masked_paths;
	size_t n_masked_paths;
	char **readonly_paths;
	size_t n_readonly_paths;
	char *mount_label;
	struct oci_intel_rdt *intel_rdt;
	struct oci_memory_policy *memory_policy;
	struct oci_personality *personality;
	struct oci_time_offset *time_offsets;
	size_t n_time_offsets;
};

/* vm.hypervisor */
struct oci_vm_hypervisor {
	char *path;
	char **parameters;
	size_t n_parameters;
};

/* vm.kernel */
struct oci_vm_kernel {
	char *path;
	char **parameters;
	size_t n_parameters;
	char *initrd;
};

/* vm.image: the root image of the VM (not of the container); @format is "raw", "qcow2" ... */
struct oci_vm_image {
	char *path;
	char *format;
};

/* one of vm.hwConfig.iomems, in pages */
struct oci_vm_iomem {
	struct oci_uint first_gfn;
	uint64_t first_mfn;
	uint64_t nr_mfns;
};

/* vm.hwConfig; @memory in bytes */
struct oci_vm_hw_config {
	char *device_tree;
	struct oci_uint vcpus;
	struct oci_uint memory;
	char **dtdevs;
	size_t n_dtdevs;
	struct oci_vm_iomem *iomems;
	size_t n_iomems;
	uint32_t *irqs;
	size_t n_irqs;
};

/* vm */
struct oci_vm {
	struct oci_vm_hypervisor *hypervisor;
	struct oci_vm_kernel *kernel;
	struct oci_vm_image *image;
	struct oci_vm_hw_config *hw_config;
};

/**
 * struct oci_spec - config.json
 * @oci_version: never NULL
 * @has_solaris: the section was there; its content was not read (likewise the other three)
 */
struct oci_spec {
	char *oci_version;
	struct oci_process *process;
	struct oci_root *root;
	char *hostname;
	char *domainname;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hooks *hooks;
	struct oci_entry *annotations;
	size_t n_annotations;
	struct oci_linux *linux;
	struct oci_vm *vm;
	bool has_solaris;
	bool has_windows;
	bool has_zos;
	bool has_freebsd;
};

/**
 * oci_spec_parse() - read a config.json from memory
 * @json: need not end with a NUL
 * @len: bytes, at most OCI_SPEC_MAX_SIZE
 * @ret: owned by the caller, see oci_spec_free(); written only on success
 * @err: names the JSON path of what is wrong
 *
 * What is read is of the right types and complete, no more: see oci_spec_validate().
 *
 * Return: 0; -EINVAL for what is not JSON or not a config.json, -EFBIG for too large, too deep
 * or too many values, -ENOMEM.
 */
int oci_spec_parse(const char *json, size_t len, struct oci_spec **ret, struct error *err);

/**
 * oci_spec_load() - read a config.json from a file
 * @dirfd: what @path is relative to, or AT_FDCWD
 *
 * Return: as oci_spec_parse(), and -errno from opening and reading. Messages begin with @path.
 */
int oci_spec_load(int dirfd, const char *path, struct oci_spec **ret, struct error *err);

/**
 * oci_spec_write() - config.json as text, its keys in the order of the Go types
 * @pretty: with line ends and indented by tabs, as `runc spec` does
 *
 * Parsing the result gives an equal spec. Bytes that are not UTF-8 become U+FFFD.
 *
 * Return: owned by the caller.
 */
char *oci_spec_write(const struct oci_spec *spec, bool pretty);

/* A deep copy. @spec may be NULL, which gives NULL. */
struct oci_spec *oci_spec_copy(const struct oci_spec *spec);
/* @spec may be NULL. */
void oci_spec_free(struct oci_spec *spec);

/**
 * oci_spec_validate() - what the specification demands beyond types
 *
 * ociVersion is SemVer 2.0 of major version 1; root.path; what oci_process_validate() and
 * oci_resources_validate() check; absolute paths where they must be (a relative mount destination
 * is accepted); names of enumerations; namespaces given once, with what needs them; id mappings;
 * devices; seccomp; hooks. It makes no system calls: whether files exist is for the caller.
 *
 * Return: 0 or -EINVAL, the JSON path in @err.
 */
int oci_spec_validate(const struct oci_spec *spec, struct error *err);

/* The same for the file of `exec --process`: a bare process. Paths begin at the process. */
int oci_process_parse(const char *json, size_t len, struct oci_process **ret, struct error *err);
char *oci_process_write(const struct oci_process *process, bool pretty);
struct oci_process *oci_process_copy(const struct oci_process *process);
void oci_process_free(struct oci_process *process);

/**
 * oci_process_validate() - check a process
 * @path: what the paths in messages begin with: "process", or "" for a bare one
 *
 * args not empty and cwd absolute, environment in the form KEY=value, rlimits of known types and
 * given once, user and group ids, names of scheduler and I/O priority.
 */
int oci_process_validate(const struct oci_process *process, const char *path, struct error *err);

/* The same for the input of `update --resources`: bare resources. */
int oci_resources_parse(const char *json, size_t len, struct oci_resources **ret,
			struct error *err);
char *oci_resources_write(const struct oci_resources *resources, bool pretty);
struct oci_resources *oci_resources_copy(const struct oci_resources *resources);
void oci_resources_free(struct oci_resources *resources);
int oci_resources_validate(const struct oci_resources *resources, const char *path,
			   struct error *err);

/**
 * oci_namespace_find() - the entry of a type in linux.namespaces
 * @spec: may lack the linux section
 *
 * Return: borrowed from @spec; NULL when the type is not listed, and the runtime's is meant.
 */
const struct oci_namespace *oci_namespace_find(const struct oci_spec *spec,
					       enum oci_namespace_type type);

/* Whether a mount is a bind mount: by its type, or by an option, beside which the type says nothing. */
bool oci_mount_is_bind(const struct oci_mount *mount);

/* The value of @key in a map, borrowed; NULL when it is not there. */
const char *oci_entry_get(const struct oci_entry *entries, size_t n, const char *key);

/* The value of an annotation, borrowed; NULL when it is not there. */
const char *oci_spec_annotation(const struct oci_spec *spec, const char *key);

static inline void oci_spec_freep(struct oci_spec **spec)
{
	oci_spec_free(*spec);
}

static inline void oci_process_freep(struct oci_process **process)
{
	oci_process_free(*process);
}

static inline void oci_resources_freep(struct oci_resources **resources)
{
	oci_resources_free(*resources);
}

#define _cleanup_spec_	    _cleanup_(oci_spec_freep)
#define _cleanup_process_   _cleanup_(oci_process_freep)
#define _cleanup_resources_ _cleanup_(oci_resources_freep)

#endif
