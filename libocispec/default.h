/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config.json that `spec` writes: a shell with a terminal in the usual namespaces, with the
 * capabilities, limits, mounts and hidden paths that runc's has.
 */
#ifndef RUNVM_OCISPEC_DEFAULT_H
#define RUNVM_OCISPEC_DEFAULT_H

#include "libocispec/spec.h"

/**
 * oci_default_spec() - the default config.json
 *
 * It has a cgroup namespace, which runc gives where the host has cgroup v2: our guest always has.
 *
 * Return: owned by the caller, who may change it; it passes oci_spec_validate().
 */
struct oci_spec *oci_default_spec(void);

/**
 * oci_default_spec_rootless() - the default for a user without privileges on the host
 * @uid: the user on the host who is to be root in the container
 * @gid: likewise
 *
 * As `runc spec --rootless`: with a user namespace of one id and without a network namespace,
 * resources, mount options that name a group; /sys is bound, not mounted.
 */
struct oci_spec *oci_default_spec_rootless(uint32_t uid, uint32_t gid);

#endif
