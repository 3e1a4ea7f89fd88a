// SPDX-License-Identifier: Apache-2.0
#include "container/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "lib/process.h"

#define PROC_FILE_MAX	 (1U << 20)
#define REMOVE_TIMEOUT	 (5 * USEC_PER_SEC)
#define REMOVE_PAUSE	 200 /* microseconds */
#define REMOVE_MAX_DEPTH 16

/**
 * struct hierarchy - one mounted cgroup hierarchy
 * @mount: its mount point
 * @root: path within the hierarchy that the mount shows, "/" mostly
 * @device: the same for all mounts of it
 * @controllers: of v1, as the mount's options and /proc/self/cgroup list them; NULL for v2
 */
struct hierarchy {
	char *mount;
	char *root;
	dev_t device;
	char *controllers;
};

static void hierarchy_clear(struct hierarchy *h)
{
	free(h->mount);
	free(h->root);
	free(h->controllers);
	*h = (struct hierarchy){0};
}

/* Decodes \040 and the like of mountinfo (proc_pid_mountinfo(5)), in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/*
 * One line of mountinfo: `id parent major:minor root mountpoint options [optional]... - type
 * source super-options`. Return: whether it is a cgroup hierarchy.
 */
static bool parse_mount(char *line, struct hierarchy *ret)
{
	char *tail = strstr(line, " - "), *saveptr = NULL, *field[6] = {NULL};
	unsigned int major, minor;
	char *type, *super;

	if (!tail)
		return false;
	*tail = '\0';
	tail += 3;
	type = strtok_r(tail, " ", &saveptr);
	(void)strtok_r(NULL, " ", &saveptr);
	super = strtok_r(NULL, " ", &saveptr);
	if (!type || !super || (strcmp(type, "cgroup") && strcmp(type, "cgroup2")))
		return false;
	saveptr = NULL;
	for (int i = 0; i < 6; i++)
		field[i] = strtok_r(i ? NULL : line, " ", &saveptr);
	if (!field[5] || sscanf(field[2], "%u:%u", &major, &minor) != 2)
		return false;
	unescape(field[3]);
	unescape(field[4]);
	*ret = (struct hierarchy){.mount = xstrdup(field[4]),
				  .root = xstrdup(field[3]),
				  .device = makedev(major, minor)};
	if (!strcmp(type, "cgroup"))
		ret->controllers = xstrdup(super);
	return true;
}

/* Whether a comma list has @item, or the two share one. */
static bool lists_meet(const char *list, const char *other)
{
	_cleanup_free_ char *copy = xstrdup(other);
	char *saveptr = NULL;

	for (char *item = strtok_r(copy, ",", &saveptr); item;
	     item = strtok_r(NULL, ",", &saveptr)) {
		const char *at = list;
		size_t n = strlen(item);

		/* These are mount options that are no controllers. */
		if (!strcmp(item, "rw") || !strcmp(item, "ro"))
			continue;
		while ((at = strstr(at, item))) {
			if ((at == list || at[-1] == ',') && (!at[n] || at[n] == ','))
				return true;
			at += n;
		}
	}
	return false;
}

/* The caller's own path in a hierarchy, from /proc/self/cgroup (`id:controllers:path` lines). */
static char *own_path(const char *text, const struct hierarchy *h)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *saveptr = NULL;

	for (char *line = strtok_r(copy, "\n", &saveptr); line;
	     line = strtok_r(NULL, "\n", &saveptr)) {
		char *controllers = strchr(line, ':'), *path;

		if (!controllers)
			continue;
		controllers++;
		path = strchr(controllers, ':');
		if (!path)
			continue;
		*path++ = '\0';
		if (h->controllers ? lists_meet(h->controllers, controllers) : !*controllers)
			return xstrdup(path);
	}
	return xstrdup("/");
}

static char *path_in(const struct hierarchy *h, const char *own, const char *cgroups_path,
		     const char *id)
{
	size_t root = strlen(h->root);
	const char *below = own;

	if (cgroups_path && cgroups_path[0] == '/')
		return xstrdup(cgroups_path);
	/* Of one's own path, what lies below the part of the hierarchy that is mounted. */
	if (root > 1 && !strncmp(own, h->root, root) && (!own[root] || own[root] == '/'))
		below = own + root;
	return xasprintf("%s/%s", below, cgroups_path && *cgroups_path ? cgroups_path : id);
}

/* Whether the mount is what lies at its path, where another may have been mounted over it. */
static bool is_visible(const struct hierarchy *h)
{
	struct stat st;

	return !stat(h->mount, &st) && st.st_dev == h->device;
}

static bool is_among(const dev_t *devices, size_t n, dev_t device)
{
	for (size_t i = 0; i < n; i++)
		if (devices[i] == device)
			return true;
	return false;
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

int cgroup_find(const char *cgroups_path, const char *id, char ***ret_dirs, size_t *ret_n,
		struct error *err)
{
	_cleanup_strbuf_ struct strbuf mounts = STRBUF_INIT, own = STRBUF_INIT;
	_cleanup_free_ dev_t *devices = NULL;
	char *saveptr = NULL;
	int r;

	if (cgroups_path && has_dotdot(cgroups_path))
		return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" has \"..\" in it",
				 cgroups_path);
	r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &mounts);
	if (!r)
		r = io_read_file(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &own);
	if (r < 0)
		return error_errno(err, r, "find the cgroups");
	*ret_dirs = xcalloc(1, sizeof(char *));
	*ret_n = 0;
	for (char *line = strtok_r(mounts.data, "\n", &saveptr); line;
	     line = strtok_r(NULL, "\n", &saveptr)) {
		_cleanup_(hierarchy_clear) struct hierarchy h = {0};
		_cleanup_free_ char *mine = NULL, *path = NULL;

		/* The first mount of each: a chroot or another container's file system may have more. */
		if (!parse_mount(line, &h) || is_among(devices, *ret_n, h.device) ||
		    !is_visible(&h))
			continue;
		devices = xreallocarray(devices, *ret_n + 1, sizeof(*devices));
		devices[*ret_n] = h.device;
		mine = own_path(own.data, &h);
		path = path_in(&h, mine, cgroups_path, id);
		*ret_dirs = xreallocarray(*ret_dirs, *ret_n + 2, sizeof(char *));
		(*ret_dirs)[(*ret_n)++] = xasprintf("%s/%s", h.mount, path + strspn(path, "/"));
		(*ret_dirs)[*ret_n] = NULL;
	}
	return 0;
}

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* In the cgroup and those below it; @dir is taken over. */
static size_t count_processes(int dir, int depth)
{
	_cleanup_strbuf_ struct strbuf procs = STRBUF_INIT;
	_cleanup_closedir_ DIR *entries = fdopendir(dir);
	struct dirent *entry;
	size_t n = 0;

	if (!entries) {
		close_keep_errno(dir);
		return 0;
	}
	(void)io_read_file(dir, "cgroup.procs", PROC_FILE_MAX, &procs);
	for (size_t i = 0; i < procs.len; i++)
		n += procs.data[i] == '\n';
	while (depth && (entry = readdir(entries))) {
		int child = -1;

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			child = openat(dir, entry->d_name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			n += count_processes(child, depth - 1);
	}
	return n;
}

int cgroup_check_empty(char *const *dirs, struct error *err)
{
	for (; dirs && *dirs; dirs++) {
		int dir = open_directory(*dirs);
		size_t n = dir < 0 ? 0 : count_processes(dir, REMOVE_MAX_DEPTH);

		/* runc's words, and where. */
		if (n)
			return error_set(err, EBUSY,
					 "container's cgroup is not empty: %zu process(es) found "
					 "in \"%s\"",
					 n, *dirs);
	}
	return 0;
}

/* v1 has no such file. */
static bool is_v2(int dir)
{
	return !faccessat(dir, "cgroup.controllers", F_OK, 0);
}

/* A v1 cpuset takes no process before it has CPUs and memory nodes: the parent's, as runc does. */
static void fill_cpuset(int parent, int dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	if (is_v2(dir))
		return; /* where empty means the parent's */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_strbuf_ struct strbuf mine = STRBUF_INIT, theirs = STRBUF_INIT;

		if (io_read_file(dir, files[i], PROC_FILE_MAX, &mine) < 0 || mine.len > 1)
			continue;
		if (!io_read_file(parent, files[i], PROC_FILE_MAX, &theirs))
			(void)io_write_file(dir, files[i], theirs.data);
	}
}

/* Level by level. */
static int make_levels(const char *path)
{
	_cleanup_close_ int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *copy = xstrdup(path);
	char *saveptr = NULL;

	if (dir < 0)
		return -errno;
	for (char *name = strtok_r(copy, "/", &saveptr); name;
	     name = strtok_r(NULL, "/", &saveptr)) {
		int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (next < 0 && errno == ENOENT) {
			if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
				return -errno;
			next = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (next < 0)
			return -errno;
		fill_cpuset(dir, next);
		close_keep_errno(dir);
		dir = next;
	}
	return 0;
}

/* Makes a directory and those above it. Return: 0 or -errno. */
static int make_directories(const char *path)
{
	_cleanup_free_ char *cpus = xasprintf("%s/cpuset.cpus", path);

	/* Mostly there is only one to be made; but each level of a cpuset has to be filled. */
	if (!mkdir(path, 0755) && access(cpus, F_OK) < 0)
		return 0;
	return make_levels(path);
}

int cgroup_make(char **dirs, size_t *n, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		int r = make_directories(dirs[i]);

		if (r < 0 && r != -EROFS && r != -EACCES && r != -EPERM) {
			while (i < *n)
				dirs[kept++] = dirs[i++];
			*n = kept;
			dirs[kept] = NULL;
			return error_errno(err, r, "make the cgroup \"%s\"", dirs[kept - 1]);
		}
		if (r < 0)
			free(dirs[i]);
		else
			dirs[kept++] = dirs[i];
	}
	*n = kept;
	dirs[kept] = NULL;
	return 0;
}

/* That of v2 among them. Return: fd, or -errno when there is none. */
static int open_v2(char *const *dirs)
{
	for (; dirs && *dirs; dirs++) {
		_cleanup_close_ int fd = open_directory(*dirs);

		if (fd >= 0 && is_v2(fd))
			return TAKE_FD(fd);
	}
	return -ENOENT;
}

pid_t cgroup_clone(struct clone_args *args, char *const *dirs)
{
	_cleanup_close_ int fd = open_v2(dirs);
	pid_t pid = -1;

	if (fd >= 0) {
		args->cgroup = (uint64_t)fd;
		args->flags |= CLONE_INTO_CGROUP;
		pid = (pid_t)syscall(SYS_clone3, args, sizeof(*args));
	}
	if (fd < 0 || (pid < 0 && errno != ENOMEM && errno != EAGAIN)) {
		/* A kernel before 5.7, a cgroup of threads: the move that follows has a message. */
		args->cgroup = 0;
		args->flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		pid = (pid_t)syscall(SYS_clone3, args, sizeof(*args));
	}
	return pid;
}

int cgroup_join(char *const *dirs, bool born, struct error *err)
{
	for (; dirs && *dirs; dirs++) {
		_cleanup_close_ int dir = open_directory(*dirs);
		bool v2 = dir >= 0 && is_v2(dir);
		int r = dir;

		if (v2 && !born)
			r = io_write_file(dir, "cgroup.procs", "0");
		else if (dir >= 0 && !v2)
			/* For a thread that moves itself the kernel need not keep all others still. */
			r = io_write_file(dir, "tasks", "0");
		if (r < 0)
			return error_errno(err, r, "join the cgroup \"%s\"", *dirs);
	}
	return 0;
}

/* Kills what is in the cgroup and waits for it. */
static void empty_cgroup(int dir, uint64_t deadline)
{
	_cleanup_strbuf_ struct strbuf procs = STRBUF_INIT;
	char *saveptr = NULL;

	if (io_read_file(dir, "cgroup.procs", PROC_FILE_MAX, &procs) < 0 || !procs.len)
		return;
	for (char *line = strtok_r(procs.data, "\n", &saveptr); line;
	     line = strtok_r(NULL, "\n", &saveptr)) {
		_cleanup_close_ int fd = process_open((pid_t)strtol(line, NULL, 10));
		uint64_t now = loop_now();

		if (fd < 0)
			continue;
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		(void)process_wait_end(fd, deadline > now ? deadline - now : 0);
	}
}

static int remove_tree(int parent, const char *name, uint64_t deadline, int depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd, r;

	/* Mostly it is empty, and gone at once. */
	if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	if (depth > REMOVE_MAX_DEPTH)
		return -ELOOP;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close_keep_errno(fd);
		return -errno;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		r = remove_tree(fd, entry->d_name, deadline, depth + 1);
		if (r < 0)
			return r;
	}
	for (;;) {
		empty_cgroup(fd, deadline);
		if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		if (errno != EBUSY || loop_now() >= deadline)
			return -errno;
		/* By what is not in the list any more, or not for us to see. */
		(void)usleep(REMOVE_PAUSE);
	}
}

int cgroup_remove(char *const *dirs, struct error *err)
{
	uint64_t deadline = loop_now() + REMOVE_TIMEOUT;

	for (; dirs && *dirs; dirs++) {
		int r = remove_tree(AT_FDCWD, *dirs, deadline, 0);

		if (r < 0)
			return error_errno(err, r, "remove the cgroup \"%s\"", *dirs);
	}
	return 0;
}
