/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's plan: what config.json, as the host rewrote it, asks of vminitd, in the kernel's terms
 * (flags, masks, numbers). plan_*() make no system calls. vminit/child.c executes a plan; nobody
 * changes one once it is built.
 *
 * What the guest cannot do is refused here with its JSON path; what may be left out is logged.
 */
#ifndef VMINIT_PLAN_H
#define VMINIT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "lib/error.h"
#include "libocispec/spec.h"
#include "vminit/mount-options.h"

/* Where execvp() would look without PATH; runc takes the same. */
#define PLAN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct plan_rlimit {
	int resource;
	struct rlimit limit;
};

/* The five sets as masks, bit n for capability n. */
struct plan_capabilities {
	uint64_t bounding;
	uint64_t effective;
	uint64_t inheritable;
	uint64_t permitted;
	uint64_t ambient;
};

/**
 * struct plan_process - one program to run
 * @spec: what it was made from; owned when the process was added by exec, else NULL
 * @args: NULL-terminated, borrowed from the spec, as are all strings here
 * @env: NULL-terminated
 * @search_path: PATH of @env, or PLAN_DEFAULT_PATH
 * @rows: 0: not given
 * @seccomp_program: of GUEST_CONFIG_SECCOMP; NULL without one, and then @seccomp counts
 */
struct plan_process {
	struct oci_process *spec;
	char *const *args;
	char *const *env;
	const char *search_path;
	const char *cwd;
	uid_t uid;
	gid_t gid;
	const uint32_t *gids;
	size_t n_gids;
	bool has_umask;
	mode_t umask;
	struct plan_rlimit *rlimits;
	size_t n_rlimits;
	struct plan_capabilities capabilities;
	bool no_new_privileges;
	bool has_oom_score_adj;
	int oom_score_adj;
	bool terminal;
	uint16_t rows;
	uint16_t columns;
	const struct oci_seccomp *seccomp;
	const char *seccomp_program;
};

enum plan_mount_kind {
	PLAN_MOUNT_FS,	   /* mount(2) with a type */
	PLAN_MOUNT_BIND,   /* a file or directory of the guest, mostly of the share */
	PLAN_MOUNT_CGROUP, /* cgroup or cgroup2: the container's own part of the tree */
};

/**
 * struct plan_mount - one of mounts
 * @index: in config.json, for messages
 * @destination: borrowed; resolved below the rootfs
 */
struct plan_mount {
	enum plan_mount_kind kind;
	size_t index;
	const char *destination;
	const char *type;
	const char *source;
	struct mount_options options;
};

/* A device node to make. @path is absolute in the container. */
struct plan_device {
	const char *path;
	mode_t mode; /* with S_IFCHR or S_IFIFO */
	dev_t device;
	uid_t uid;
	gid_t gid;
};

/* A file below /proc/sys and its value. @path is owned. */
struct plan_sysctl {
	char *path;
	const char *value;
};

/**
 * struct plan - a container
 * @spec: owned; everything borrowed below is its
 * @id: owned
 * @bundle: the host's path of the bundle, for the state that hooks read
 * @namespaces: CLONE_NEW* for clone3(2): new ones; mount is always among them
 * @new_time_namespace: apart, since offsets have to be written before anyone is in it
 * @setup_dev: default devices and links are to be made in /dev (it is not a bind mount)
 */
struct plan {
	struct oci_spec *spec;
	char *id;
	const char *bundle;
	uint64_t namespaces;
	bool new_time_namespace;
	const char *hostname;
	const char *domainname;
	const char *rootfs;
	bool rootfs_readonly;
	unsigned long rootfs_propagation;
	struct plan_mount *mounts;
	size_t n_mounts;
	bool setup_dev;
	struct plan_device *devices;
	size_t n_devices;
	struct plan_sysctl *sysctls;
	size_t n_sysctls;
	char *const *masked_paths;
	size_t n_masked_paths;
	char *const *readonly_paths;
	size_t n_readonly_paths;
	const struct oci_time_offset *time_offsets;
	size_t n_time_offsets;
	const struct oci_hook *start_hooks;
	size_t n_start_hooks;
	struct plan_process process;
};

/**
 * struct plan_source - what a container is planned from
 * @id: of the container
 * @configuration: config.json, @len bytes
 * @rows, @columns: of the terminal that the client has; 0, 0: those of config.json
 *
 * All of it is borrowed.
 */
struct plan_source {
	const char *id;
	const void *configuration;
	size_t len;
	uint32_t rows;
	uint32_t columns;
};

/* The size of the client's terminal, if it told one, in place of config.json's; NULL is allowed. */
void plan_set_console_size(struct oci_process *process, uint32_t rows, uint32_t columns);
/* Reads, and does plan_container(). */
int plan_from_source(const struct plan_source *source, struct plan **ret, struct error *err);
/**
 * plan_container() - plan a container and its first process
 * @spec: taken, also on failure; validated here
 * @id: copied
 * @ret: to be freed by plan_free(); written only on success
 *
 * Return: 0, or -EINVAL with the JSON path.
 */
int plan_container(struct oci_spec *spec, const char *id, struct plan **ret, struct error *err);
/* NULL is allowed. */
void plan_free(struct plan *plan);

/**
 * plan_exec() - plan a process that joins a container
 * @spec: taken, also on failure
 * @container: whose seccomp profile it gets; outlives the result
 * @ret: to be cleared by plan_process_clear(); written only on success
 */
int plan_exec(struct oci_process *spec, const struct plan *container, struct plan_process *ret,
	      struct error *err);
void plan_process_clear(struct plan_process *process);

/**
 * plan_sysctl_path() - the file below /proc/sys of a key
 *
 * Dots and slashes separate; where the first separator is a slash, a dot is part of a name.
 *
 * Return: owned by the caller, NULL for a key that would leave /proc/sys.
 */
char *plan_sysctl_path(const char *key);

static inline void plan_freep(struct plan **plan)
{
	plan_free(*plan);
}

#define _cleanup_plan_ _cleanup_(plan_freep)

#endif
