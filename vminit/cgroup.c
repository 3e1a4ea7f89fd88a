// SPDX-License-Identifier: Apache-2.0
#include "vminit/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"

#define MAX_DEPTH     64
#define MAX_NAME      200
#define MAX_PIDS_FILE (4U << 20)

/* "cpu memory" becomes "+cpu +memory". */
static int enable_controllers(int fd)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	char wanted[512] = "";
	char *word, *rest;
	int r;

	r = io_read_file(fd, "cgroup.controllers", sizeof(wanted) / 2, &list);
	if (r < 0)
		return r;
	for (word = list.data ? strtok_r(list.data, " \n", &rest) : NULL; word;
	     word = strtok_r(NULL, " \n", &rest)) {
		size_t len = strlen(wanted);

		snprintf(wanted + len, sizeof(wanted) - len, "%s+%s", len ? " " : "", word);
	}
	return wanted[0] ? io_write_file(fd, "cgroup.subtree_control", wanted) : 0;
}

int cgroup_make_parent(int root_fd, const char *name, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = enable_controllers(root_fd);
	if (r < 0)
		return error_errno(err, r, "enable the controllers of the cgroups");
	if (mkdirat(root_fd, name, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make the cgroup \"%s\"", name);
	fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open the cgroup \"%s\"", name);
	r = enable_controllers(fd);
	if (r < 0)
		return error_errno(err, r, "enable the controllers of the containers' cgroups");
	return TAKE_FD(fd);
}

int cgroup_set_cpus(int parent_fd, const char *cpus)
{
	return io_write_file(parent_fd, "cpuset.cpus", cpus);
}

int cgroup_isolate_cpus(int parent_fd)
{
	_cleanup_strbuf_ struct strbuf state = STRBUF_INIT;
	int r = io_write_file(parent_fd, "cpuset.cpus.partition", "isolated");

	/* A refusal is what it reads as then: "isolated invalid (...)". */
	if (!r)
		r = io_read_file(parent_fd, "cpuset.cpus.partition", 256, &state);
	if (r < 0)
		return r;
	return strcmp(state.data ? state.data : "", "isolated\n") ? -EBUSY : 0;
}

/*
 * Files of the kernel lie in the same directory and have a dot in their names ("cpu.max"). No id has
 * an "@", with which the replaced names begin.
 */
static bool name_usable(const char *id)
{
	return strlen(id) <= MAX_NAME && !strchr(id, '.') && !strchr(id, '/');
}

/*
 * A cgroup of that name that could not be removed may have been killed once. Kernels with the fix for
 * the race of fork and cgroup.kill (6.14 and its backports) kill whatever clone3 puts into such a one,
 * since they compare its count of kills with that of our own cgroup: never use one again.
 */
static int make_fresh(int parent_fd, const char *name)
{
	if (!mkdirat(parent_fd, name, 0755))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		return -EEXIST;
	return mkdirat(parent_fd, name, 0755) < 0 ? -errno : 0;
}

int cgroup_create(int parent_fd, const char *parent_path, const char *id, unsigned int number,
		  struct cgroup *ret, struct error *err)
{
	_cleanup_free_ char *name = name_usable(id) ? xstrdup(id) : NULL;
	int r = name ? make_fresh(parent_fd, name) : -EEXIST;
	int fd;

	if (r == -EEXIST) {
		free(name);
		name = xasprintf("@%u", number);
		r = make_fresh(parent_fd, name);
	}
	if (r < 0)
		return error_errno(err, r, "make the cgroup \"%s/%s\"", parent_path, name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open the cgroup \"%s/%s\"", parent_path, name);
	*ret = (struct cgroup){
		.parent_fd = parent_fd, .path = xasprintf("%s/%s", parent_path, name), .fd = fd};
	ret->name = TAKE_PTR(name);
	return 0;
}

int cgroup_kill(const struct cgroup *c)
{
	return io_write_file(c->fd, "cgroup.kill", "1");
}

int cgroup_open_events(const struct cgroup *c)
{
	int fd = openat(c->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int cgroup_event(const struct cgroup *c, int events_fd, const char *key)
{
	_cleanup_close_ int own = -1;
	char text[128];
	char *found;
	ssize_t n;

	if (events_fd < 0) {
		own = cgroup_open_events(c);
		if (own < 0)
			return own;
		events_fd = own;
	}
	n = pread(events_fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	found = strstr(text, key);
	return found && found[strlen(key)] == ' ' ? found[strlen(key) + 1] - '0' : -ENODATA;
}

int cgroup_freeze(const struct cgroup *c, bool freeze)
{
	return io_write_file(c->fd, "cgroup.freeze", freeze ? "1" : "0");
}

struct pid_list {
	pid_t *pids;
	size_t n;
};

static int read_pids(int fd, struct pid_list *list)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *p, *end;
	int r;

	r = io_read_file(fd, "cgroup.procs", MAX_PIDS_FILE, &text);
	if (r < 0)
		return r;
	for (p = text.data; p && *p; p = end + 1) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0: a process of a pid namespace that is not ours to see. */
		if (pid > 0) {
			list->pids = xreallocarray(list->pids, list->n + 1, sizeof(pid_t));
			list->pids[list->n++] = (pid_t)pid;
		}
		if (!*end)
			break;
	}
	return 0;
}

/* Calls @visit for the directories below @fd, the deepest first. */
static int walk(int fd, int depth, int (*visit)(int parent, const char *name, int fd, void *data),
		void *data)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int copy;

	if (depth > MAX_DEPTH)
		return -ELOOP;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		_cleanup_close_ int child = -1;
		int r;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child < 0)
			continue;
		r = walk(child, depth + 1, visit, data);
		if (!r)
			r = visit(fd, entry->d_name, child, data);
		if (r < 0)
			return r;
	}
	return 0;
}

static int visit_pids(int parent, const char *name, int fd, void *data)
{
	(void)parent;
	(void)name;
	return read_pids(fd, data);
}

static int visit_remove(int parent, const char *name, int fd, void *data)
{
	(void)fd;
	(void)data;
	(void)unlinkat(parent, name, AT_REMOVEDIR);
	return 0;
}

ssize_t cgroup_pids(const struct cgroup *c, pid_t **ret)
{
	struct pid_list list = {NULL, 0};
	int r;

	r = read_pids(c->fd, &list);
	if (!r)
		r = walk(c->fd, 0, visit_pids, &list);
	if (r < 0) {
		free(list.pids);
		return r;
	}
	*ret = list.pids;
	return (ssize_t)list.n;
}

void cgroup_remove(struct cgroup *c)
{
	/* Mostly there is nothing below it, and one call does. */
	if (c->fd >= 0 && unlinkat(c->parent_fd, c->name, AT_REMOVEDIR) < 0) {
		(void)walk(c->fd, 0, visit_remove, NULL);
		(void)unlinkat(c->parent_fd, c->name, AT_REMOVEDIR);
	}
	close_keep_errno(c->fd);
	free(c->name);
	free(c->path);
	*c = (struct cgroup)CGROUP_INIT;
}
