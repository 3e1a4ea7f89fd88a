/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's cgroups of a container (config-linux.md, "Control groups"): one directory in each
 * hierarchy (v1 controllers, v2, or both in the hybrid layout), in which stand-in, monitor,
 * virtiofsd and QEMU are, so that engines find and account for them there.
 */
#ifndef RUNVM_CGROUP_H
#define RUNVM_CGROUP_H

#include <linux/sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

/**
 * cgroup_find() - where a container's cgroups are to be
 * @cgroups_path: linux.cgroupsPath: absolute below the mount point, or relative to the caller's own
 *	cgroup; NULL for <id> there
 * @ret_dirs: NULL-terminated absolute directories, owned with their strings; written on success
 *
 * Makes nothing, so that the list can be written down before.
 *
 * Return: 0; -EINVAL for a path with ".." in it; another -errno.
 */
int cgroup_find(const char *cgroups_path, const char *id, char ***ret_dirs, size_t *ret_n,
		struct error *err);

/**
 * cgroup_check_empty() - see that nobody else lives where a container's cgroups are to be
 *
 * They may be there; but cgroup_remove() will kill whoever is in them or below. So this comes before
 * the list is written down.
 *
 * Return: 0, or -EBUSY with runc's words.
 */
int cgroup_check_empty(char *const *dirs, struct error *err);

/**
 * cgroup_make() - make the directories and those above them
 *
 * Those in hierarchies that cannot be written (mounted read-only) are taken out of the list.
 */
int cgroup_make(char **dirs, size_t *n, struct error *err);

/**
 * cgroup_clone() - clone3(2), into the first of @dirs that is of v2
 * @args: afterwards @args->flags tells parent and child whether it is there: CLONE_INTO_CGROUP
 * @dirs: may be NULL
 *
 * Who moves there later waits for a grace period of the kernel's RCU, some 10 ms. Where a process
 * cannot be born there it is born beside its parent, and cgroup_join() moves it.
 *
 * Return: as clone3(2).
 */
pid_t cgroup_clone(struct clone_args *args, char *const *dirs);

/**
 * cgroup_join() - put the calling process into them
 * @dirs: may be NULL
 * @born: it is in that of v2 already, see cgroup_clone()
 *
 * The process must not have a second thread.
 */
int cgroup_join(char *const *dirs, bool born, struct error *err);

/**
 * cgroup_remove() - remove the directories and what is below them
 *
 * Processes that are still in them are killed first.
 */
int cgroup_remove(char *const *dirs, struct error *err);

#endif
