/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spare init: a container's first process that is made before anybody knows what container it
 * will be. A new process in new namespaces and a cgroup of its own is a fifth of what a start asks of
 * the guest's kernel, and without KVM each bit of code that runs for the first time has to be
 * translated. In a VM that is restored from a template the spare is there, asleep.
 *
 * Theory of operation. spare_make() does what a container's creation does without the plan: a cgroup,
 * pipes for the standard streams, a clone (child.h) in new namespaces, which goes through the steps of
 * an init as far as "plan", says so and waits. vminitd makes it when a template is about to be saved
 * (handover.c), and a rehearsal another one (warm-up.c), so that what the kernel does for it once
 * is done; a VM that was booted has none.
 * The first container gets it, if it fits: spare_become() sends what the plan was made from, and the
 * spare makes the same plan from it, by code that has just run. Nothing else is different from an
 * init that was cloned. A spare that does not fit is ended, a little later.
 *
 * What a child takes over from vminitd at its clone was taken over early. So these are what a spare
 * must not differ in from a process that is cloned later, and why it does not:
 *  - namespaces: exactly those of the plan, or it does not fit; but that of its cgroup, which it
 *    leaves for a plan that has none (where the host's cgroups are of v1, engines ask for none). A
 *    time namespace is none of them, since a child enters it by itself;
 *  - the mount namespace, a copy of vminitd's, lacks what is mounted afterwards: vminitd's mounts are
 *    shared from then on and the spare's are slaves of them, so that they follow until the plan comes;
 *    then they become private as any child's. A remount would not follow: the request that mounts ends
 *    the spares;
 *  - host and domain name: without a host name in the plan it does not fit;
 *  - sysctls that new namespaces begin with: the request that sets some ends the spares as well
 *    (containers_end_spares());
 *  - descriptors: the child closes all but its own;
 *  - limits and processors: as they are after boot and the warm-up's start, which nobody changes.
 *
 * What shows: its cgroup in the guest has a name of its own, not the container's id; and what it has
 * mounted ahead (usual.h) is as old as the template. All clones of a template have what the kernel chose
 * at random for that process at its birth, and for those file systems, in common, as they have for
 * vminitd; a program's own layout and secrets are those of its execve.
 */
#ifndef VMINIT_SPARE_H
#define VMINIT_SPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"
#include "vminit/cgroup.h"
#include "vminit/child.h"
#include "vminit/plan.h"
#include "vminit/stdio.h"

/* No container's id has an "@", nor has a name that replaces one a letter. */
#define SPARE_CGROUP "@spare"

/**
 * struct spare - an init without a container
 * @namespaces: CLONE_NEW*: those that it is in
 * @cgroup: owned
 * @pipes: of its standard streams, owned
 * @pid: to be reaped by whoever reaps vminitd's children
 * @pidfd, @sync_fd: as child_spawn() returned them; owned
 * @kept: of its namespaces; owned
 */
struct spare {
	uint64_t namespaces;
	struct cgroup cgroup;
	struct stdio_pipes pipes;
	pid_t pid;
	int pidfd;
	int sync_fd;
	struct child_kept kept;
};

/**
 * spare_make() - make one; it waits for its plan then
 * @parent_fd: of the containers' cgroup, borrowed for the life of the spare
 * @parent_path: its path
 * @network_fd: a network namespace for it to enter; -1: it stays in vminitd's
 * @ret: to be freed by spare_free(); written only on success
 *
 * Return: 0, -errno.
 */
int spare_make(int parent_fd, const char *parent_path, int network_fd, struct spare **ret,
	       struct error *err);

/* Whether a container of this plan could not tell it from a process that was cloned for it. */
bool spare_fits(const struct spare *spare, const struct plan *plan,
		const struct plan_source *source);

/**
 * spare_become() - let it go on
 * @source: what its plan is made from; it fits
 * @stdio: as stdio_child_fds() gives them: a stream that has none gets /dev/null
 *
 * Return: 0, or -errno when it did not get that: it died, or there is no memory.
 */
int spare_become(struct spare *spare, const struct plan_source *source,
		 const int stdio[STDIO_STREAMS]);

/* Ends the process. */
void spare_kill(const struct spare *spare);
/* What is left in it; a cgroup goes only when the process was reaped. NULL is allowed. */
void spare_free(struct spare *spare);

/* Steps of an init (child.c); they do something in a spare only. */
int spare_follow_mounts(struct child *child, struct error *err);
int spare_enter_cgroup_namespace(struct child *child, struct error *err);
int spare_wait(struct child *child, struct error *err);

#endif
