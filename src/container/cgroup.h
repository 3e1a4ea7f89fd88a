/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's cgroups of a container (config-linux.md, "Control groups"): one directory in each
 * hierarchy (v1 controllers, v2, or both in the hybrid layout), in which stand-in, monitor,
 * virtiofsd and QEMU are, so that engines find and account for them there.
 */
#ifndef RUNVM_CGROUP_H
#define RUNVM_CGROUP_H

#include <stddef.h>

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
 * cgroup_make() - make the directories and those above them
 *
 * Those in hierarchies that cannot be written (mounted read-only) are taken out of the list.
 */
int cgroup_make(char **dirs, size_t *n, struct error *err);

/* Puts the calling process into them. @dirs may be NULL. */
int cgroup_join(char *const *dirs, struct error *err);

/**
 * cgroup_remove() - remove the directories and what is below them
 *
 * Processes that are still in them are killed first.
 */
int cgroup_remove(char *const *dirs, struct error *err);

#endif
