/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the initramfs to a guest in which containers can be made. Called once, by main.
 *
 * Theory of operation: the kernel unpacks the initramfs into its first root, which can be neither
 * left by pivot_root(2) nor unmounted: a container that pivots inside it could not let it go.
 * So everything moves onto a tmpfs of its own, which is then moved over the first root.
 */
#ifndef VMINIT_BOOT_H
#define VMINIT_BOOT_H

#include "lib/error.h"

/**
 * boot_prepare() - file systems, cgroups, limits, loopback
 * @ret_cgroup_fd: of the cgroup that holds the containers
 */
int boot_prepare(int *ret_cgroup_fd, struct error *err);

#endif
