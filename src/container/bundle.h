/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle, read: its config.json as a checked spec, and what has to be looked up on the host
 * before a plan can be made without system calls.
 */
#ifndef RUNVM_BUNDLE_H
#define RUNVM_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "libocispec/spec.h"

enum bundle_source_kind {
	SOURCE_NONE, /* not a bind mount */
	SOURCE_MISSING,
	SOURCE_DIRECTORY,
	SOURCE_FILE,
	SOURCE_SOCKET,
	SOURCE_DEVICE,
};

/**
 * struct bundle_source - the source of one mount on the host
 * @kind: what it is, symlinks followed
 * @path: absolute; a relative one in config.json is taken from the bundle; NULL for SOURCE_NONE
 * @tmpfs_size: bytes, when it is the root of a tmpfs (an engine's /dev/shm is); else 0
 */
struct bundle_source {
	enum bundle_source_kind kind;
	char *path;
	uint64_t tmpfs_size;
};

/**
 * struct bundle - one bundle
 * @path: absolute, symlinks resolved
 * @spec: its config.json, valid (oci_spec_validate())
 * @config: the text of config.json, for the container's directory
 * @rootfs: absolute path of root.path
 * @sources: one for each of spec->mounts
 * @host_cpus: CPUs online on the host
 * @host_memory: bytes of memory the host has
 */
struct bundle {
	char *path;
	struct oci_spec *spec;
	char *config;
	char *rootfs;
	struct bundle_source *sources;
	unsigned int host_cpus;
	uint64_t host_memory;
};

#define _cleanup_bundle_ _cleanup_(bundle_freep)

/**
 * bundle_load() - read a bundle
 * @path: the bundle's directory, relative to the working directory or absolute
 * @config: the configuration's file name, NULL for config.json in the bundle
 *
 * Return: 0, -EINVAL for a bad configuration, another -errno.
 */
int bundle_load(const char *path, const char *config, struct bundle **ret, struct error *err);
void bundle_free(struct bundle *bundle);

static inline void bundle_freep(struct bundle **bundle)
{
	bundle_free(*bundle);
}

#endif
