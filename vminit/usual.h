/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers usually have mounted, made ahead: /proc with its masks, /dev with its devices, and
 * what else `runc spec` and the engines put into every config.json alike. To make those file systems
 * is a tenth of what a start asks of the guest's kernel, and without KVM each bit of code that runs for
 * the first time has to be translated; to put them into a container's tree is one call for each.
 *
 * Theory of operation. A spare (spare.h) makes the plan of usual_configuration and goes through the
 * same steps as for any plan (rootfs.h), in a tmpfs that nobody sees. Then it takes each mount out of
 * there, with what lies on it, as a detached one. When its plan comes, rootfs_mounts() asks for each
 * mount whether there is one like it, and has only to attach it. Which are alike is said in
 * usual_take(); what is not is mounted as ever, and what is left over goes with the process's
 * descriptors. So nothing in a container tells that its mounts were made ahead but their order in
 * mountinfo.
 *
 * The mounts belong to the namespaces of the spare (pid, ipc, cgroup, network), which are the
 * container's when it becomes one.
 */
#ifndef VMINIT_USUAL_H
#define VMINIT_USUAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "vminit/child.h"

/* config.json of a container with nothing special, whose program is this one; for the warm-up, too. */
extern const char usual_configuration[];
extern const size_t usual_configuration_len;

/* Its argv[0], and where its root file system is. */
#define USUAL_PROGRAM "/proc/self/exe"
#define USUAL_ROOTFS  "/tmp/usual"

/* The step that makes the mounts; it does something in a spare only. */
int usual_make(struct child *child, struct error *err);

/**
 * usual_take() - one made ahead
 * @m: a mount of the child's plan
 *
 * It has the same destination, type, source, flags and data. What lies on it is in the plan, too: its
 * masked and read-only paths, the devices of /dev; and where there are such paths, the plan mounts
 * nothing that could come to lie under them instead.
 *
 * Return: a detached mount for the caller to close, with @m's flags; -ENOENT when there is none.
 */
int usual_take(struct child *child, const struct plan_mount *m);

/* What came with the mounts that were taken: /dev with its devices; a masked or read-only path. */
bool usual_has_devices(const struct child *child);
bool usual_has_masked(const struct child *child, const char *path);
bool usual_has_readonly(const struct child *child, const char *path);

#endif
