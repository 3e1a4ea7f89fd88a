/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's cgroup v2 tree: one cgroup a container below VMINIT's own. Who uses it: container.c.
 */
#ifndef VMINIT_CGROUP_H
#define VMINIT_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
/* Below it, what holds the containers. */
#define CGROUP_PARENT "runvm"

/**
 * struct cgroup - one container's
 * @parent_fd: borrowed
 * @name: below the parent; owned
 * @path: absolute; owned
 * @fd: its directory
 */
struct cgroup {
	int parent_fd;
	char *name;
	char *path;
	int fd;
};

#define CGROUP_INIT                       \
	{                                 \
		.parent_fd = -1, .fd = -1 \
	}

/**
 * cgroup_make_parent() - make a cgroup that holds containers, with every controller
 * @root_fd: of the mounted cgroup2
 * @name: CGROUP_PARENT, but for the warm-up
 *
 * Return: a descriptor of it, or -errno.
 */
int cgroup_make_parent(int root_fd, const char *name, struct error *err);
/* The processors that what is below it may use, as "0-2,4". Return: 0 or -errno. */
int cgroup_set_cpus(int parent_fd, const char *cpus);
/* Nobody else may use these processors, and no load is balanced over them. Return: 0 or -errno. */
int cgroup_isolate_cpus(int parent_fd);

/**
 * cgroup_create() - make the cgroup of a container
 * @parent_fd: from cgroup_make_parent(), borrowed for the life of the cgroup
 * @parent_path: its path
 * @id: of the container; a name that a cgroup cannot have is replaced by @number
 */
int cgroup_create(int parent_fd, const char *parent_path, const char *id, unsigned int number,
		  struct cgroup *ret, struct error *err);
/* Kills every process in it, none missed by forking. Return: 0 or -errno. */
int cgroup_kill(const struct cgroup *cgroup);
/* A descriptor of cgroup.events: EPOLLPRI when it changes. Return: fd or -errno. */
int cgroup_open_events(const struct cgroup *cgroup);
/* A value of cgroup.events ("populated", "frozen"). @events_fd: -1 opens it. Return: value, -errno. */
int cgroup_event(const struct cgroup *cgroup, int events_fd, const char *key);
/* Return: 0 or -errno. */
int cgroup_freeze(const struct cgroup *cgroup, bool freeze);

/**
 * cgroup_pids() - every process in it and below
 * @ret: owned by the caller
 *
 * Return: how many, or -errno.
 */
ssize_t cgroup_pids(const struct cgroup *cgroup, pid_t **ret);

/* Removes it with those below it, which must be empty, and frees. Safe on one never created. */
void cgroup_remove(struct cgroup *cgroup);

#endif
