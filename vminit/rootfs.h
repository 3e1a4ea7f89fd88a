/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the child that make a container's file system tree: rootfs, mounts, devices, masked
 * and read-only paths, pivot_root. Everything is mounted below the rootfs before pivot_root, while
 * the guest's own /proc (for /proc/self/fd) and the share are still there.
 */
#ifndef VMINIT_ROOTFS_H
#define VMINIT_ROOTFS_H

#include <stdbool.h>

#include "vminit/child.h"

/* Makes the namespace's mounts private and the rootfs a mount of its own. */
int rootfs_prepare(struct child *child, struct error *err);
/*
 * One mount_setattr(2), if there is anything to change.
 * @flags: AT_RECURSIVE or 0
 * Return: 0 or -errno.
 */
int rootfs_change_attr(int fd, const struct mount_attr_change *change, unsigned int flags);
/*
 * Puts a detached mount onto @target, an O_PATH descriptor.
 * Return: 0; -ENOTDIR for a directory and something that is none; another -errno.
 */
int rootfs_move_mount(int mount_fd, int target);
/* Whether rootfs_devices() makes a link of this name in /dev. */
bool rootfs_is_dev_link(const char *name);
/* mounts of config.json, in its order. */
int rootfs_mounts(struct child *child, struct error *err);
/* Default devices, those of linux.devices, and the links beside them. */
int rootfs_devices(struct child *child, struct error *err);
int rootfs_masked_paths(struct child *child, struct error *err);
int rootfs_readonly_paths(struct child *child, struct error *err);
/* process.cwd, if it is missing. */
int rootfs_cwd(struct child *child, struct error *err);
/* root.readonly, pivot_root, and rootfsPropagation. */
int rootfs_enter(struct child *child, struct error *err);

#endif
