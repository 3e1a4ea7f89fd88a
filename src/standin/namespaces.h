/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in's namespaces on the host. They hold no part of the container, which is in the guest;
 * they are what engines find in /proc/<pid>/ns, wire networks into and hand on.
 */
#ifndef RUNVM_NAMESPACES_H
#define RUNVM_NAMESPACES_H

#include "container/plan.h"
#include "lib/error.h"

/**
 * namespaces_enter() - join and make those of the plan
 *
 * The pid namespace is the clone's business. A new mount namespace is private at first and shows
 * the host (hooks run in it); see namespaces_set_root().
 */
int namespaces_enter(const struct plan *plan, struct error *err);

/**
 * namespaces_set_root() - make the container's root file system the root
 * @rootfs_fd: a detached mount; closed here
 *
 * Does nothing without a new mount namespace in the plan. The host's mounts are let go, which the
 * namespace would otherwise pin.
 */
int namespaces_set_root(const struct plan *plan, int rootfs_fd, struct error *err);

#endif
