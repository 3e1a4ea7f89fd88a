/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container usually is, as config.json, and whether a mount of a plan is as usual (usual.h). No
 * system calls.
 */
#ifndef VMINIT_USUAL_PLAN_H
#define VMINIT_USUAL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>

#include "vminit/plan.h"

/* config.json of a container with nothing special, whose program is this one; for the warm-up, too. */
extern const char usual_configuration[];
extern const size_t usual_configuration_len;

/* The plan of it; the caller frees it. Return: 0 or -errno. */
int usual_plan_make(struct plan **ret, struct error *err);

/* Its argv[0], and where its root file system is. */
#define USUAL_PROGRAM "/proc/self/exe"
#define USUAL_ROOTFS  "/tmp/usual"

/* Flags in which a mount may differ: of the mount alone, easily changed. */
#define USUAL_EASY_FLAGS ((unsigned long)(MS_NOSUID | MS_NODEV | MS_NOEXEC))

/**
 * usual_fits() - whether a mount can be one that was made ahead
 * @ours: the plan of usual_configuration
 * @i: its mount
 * @theirs: the container's plan
 * @m: of its mounts
 *
 * They have the same destination, type, source, data and flags, but for USUAL_EASY_FLAGS. What lies on
 * the usual one is in the plan, too: its masked and read-only paths, the devices and links of /dev, the
 * directories of mounts. Where there are such paths, the plan mounts nothing below the destination that
 * would have to lie under them. Whether something lies over it in the end is not known from the plan.
 */
bool usual_fits(const struct plan *ours, size_t i, const struct plan *theirs,
		const struct plan_mount *m);

/* The parts of this that others need: */
bool usual_is_below(const char *path, const char *directory);
bool usual_is_listed(const char *path, char *const *list, size_t n);

#endif
