/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers usually have mounted, made ahead: /proc with its masks, /dev with its devices, and
 * what else `runc spec` and the engines put into every config.json alike. To make those file systems
 * is a tenth of what a start asks of the guest's kernel, and without KVM each bit of code that runs for
 * the first time has to be translated; to put them into a container's tree is one call for each.
 *
 * Theory of operation. A spare (spare.h) makes the plan of usual_configuration and goes through the
 * same steps as for any plan (rootfs.h), in a tmpfs that nobody sees. Then it takes each mount out of
 * there, with what lies on it, as a detached one. When its plan comes, usual_choose() says which of the
 * plan's mounts are as usual (usual-plan.h) and lets go of the rest, usual_attach() has only to attach
 * them, and usual_settle() looks at what lies on top in the end. What is not as usual is mounted as
 * ever. So what a container could tell that its mounts were made ahead by is their order in mountinfo,
 * and their age.
 *
 * The mounts belong to the namespaces of the spare (pid, ipc, cgroup, network), which are the
 * container's when it becomes one; but for that of its cgroup, of which there is another mount for
 * a container without such a namespace.
 */
#ifndef VMINIT_USUAL_H
#define VMINIT_USUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "vminit/child.h"

/**
 * struct usual_mount - one that is made ahead
 * @fd: detached, or attached; -1 when it is of no use
 * @chosen: the mount of the child's plan for which it stands; NULL for none
 * @attached: that lies in the container's tree, with all that lies on it
 * @id: of the mount, see statx(2)
 */
struct usual_mount {
	int fd;
	const struct plan_mount *chosen;
	bool attached;
	uint64_t id;
};

/**
 * struct usual - a spare's
 * @plan: that of usual_configuration, which says what the mounts are; owned
 * @mounts: as many as the plan has
 * @cgroup_fd: stands for the mount of the cgroup in a plan without a namespace for it; detached
 * @all: the child's plan has no other mounts
 */
struct usual {
	struct plan *plan;
	struct usual_mount *mounts;
	int cgroup_fd;
	bool all;
};

/* The step that makes the mounts (usual-make.c); it does something in a spare only. */
int usual_make(struct child *child, struct error *err);

/* Before the first mount of the child's plan. */
void usual_choose(struct child *child);

/* Attaches the one for @m. Return: 1; 0 when there is none; -errno. */
int usual_attach(struct child *child, const struct plan_mount *m);

/* After the last: one that another mount has come to lie over is as if it had been mounted as ever. */
void usual_settle(struct child *child);

/* What came with the mounts that are attached: /dev with its devices; a masked or read-only path. */
bool usual_has_devices(const struct child *child);
bool usual_has_masked(const struct child *child, const char *path);
bool usual_has_readonly(const struct child *child, const char *path);

#endif
