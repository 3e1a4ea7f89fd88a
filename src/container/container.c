// SPDX-License-Identifier: Apache-2.0
#include "container/container.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"

#define ROOT_MODE      0711
#define DIRECTORY_MODE 0700

/* A name that was removed and made again while we waited for its lock, that often in a row. */
#define OPEN_ATTEMPTS 100
/* How often files may appear (a dying monitor's log) while container_remove() removes. */
#define REMOVE_ATTEMPTS 100

/* What a write of the status file leaves when it is killed, see io_replace_file(). */
#define STATUS_TEMPORARY "." STATUS_FILE "."

int container_check_id(const char *id, struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_+.-";
	size_t len = strlen(id);

	if (!len)
		return error_set(err, EINVAL, "container id cannot be empty");
	if (len > CONTAINER_ID_MAX || strspn(id, allowed) != len || !strcmp(id, ".") ||
	    !strcmp(id, ".."))
		return error_set(err, EINVAL, "invalid container ID format: \"%.64s\"", id);
	return 0;
}

static int open_root(const char *root_path, struct error *err)
{
	int fd = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, errno, "open the root directory \"%s\"", root_path) : fd;
}

static int no_such_container(const char *id, struct error *err)
{
	return error_set(err, ENOENT, "container does not exist: \"%s\"", id);
}

static int open_directory(int root_fd, const char *id)
{
	int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Whether @fd is still what @id names. */
static bool is_linked(int root_fd, const char *id, int fd)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && fstatat(root_fd, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * A lock of the directory on a descriptor of its own. The wait has no deadline of its own: it ends
 * with the command that has the lock. What that waits for has a deadline, is a hook, which may take
 * its time, or can be ended (lifecycle_interrupt()).
 */
static int lock_directory(int dirfd)
{
	_cleanup_close_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return TAKE_FD(fd);
}

bool container_is_locked(const struct container *c)
{
	_cleanup_close_ int fd = openat(c->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static char *format_now(void)
{
	struct timespec now;
	struct tm tm;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09ldZ", seconds, now.tv_nsec);
}

static char *owner_name(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return xstrdup(user ? user->pw_name : "");
}

/* Return: 0, -EEXIST, -EAGAIN when somebody removed it before it was locked, another -errno. */
static int make_locked(int root_fd, const char *id, struct container *c)
{
	_cleanup_close_ int dirfd = -1, lock_fd = -1;

	if (mkdirat(root_fd, id, DIRECTORY_MODE) < 0)
		return -errno;
	dirfd = open_directory(root_fd, id);
	if (dirfd < 0)
		return dirfd == -ENOENT ? -EAGAIN : dirfd;
	lock_fd = lock_directory(dirfd);
	if (lock_fd < 0) {
		(void)unlinkat(root_fd, id, AT_REMOVEDIR);
		return lock_fd;
	}
	/* `delete` may take a directory without a lock or a status for one of a dead create. */
	if (!is_linked(root_fd, id, dirfd))
		return -EAGAIN;
	c->dirfd = TAKE_FD(dirfd);
	c->lock_fd = TAKE_FD(lock_fd);
	return 0;
}

int container_create(const char *root_path, const char *id, struct container *ret,
		     struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_close_ int root_fd = -1;
	int r;

	r = container_check_id(id, err);
	if (r < 0)
		return r;
	r = io_make_parents(root_path, ROOT_MODE);
	if (!r && mkdir(root_path, ROOT_MODE) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return error_errno(err, r, "make the root directory \"%s\"", root_path);
	root_fd = open_root(root_path, err);
	if (root_fd < 0)
		return root_fd;
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < OPEN_ATTEMPTS; i++)
		r = make_locked(root_fd, id, &c);
	if (r == -EEXIST)
		return error_set(err, EEXIST, "container with given ID already exists: \"%s\"", id);
	if (r < 0)
		return error_errno(err, r, "make the directory \"%s/%s\"", root_path, id);
	c.root_path = xstrdup(root_path);
	c.id = xstrdup(id);
	c.status = (struct status){
		.id = xstrdup(id),
		.created = format_now(),
		.owner = owner_name(),
		.phase = STATUS_CREATING,
	};
	r = container_save(&c, err);
	if (r < 0) {
		(void)container_remove(&c, NULL);
		return r;
	}
	*ret = c;
	c = (struct container)CONTAINER_INIT;
	return 0;
}

/*
 * Whether a directory without a status file can be what a create left that was killed before it
 * wrote one. Others are not ours: `delete` must not empty a directory that a wrong --root named.
 */
static bool is_bare(int dirfd)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		close_keep_errno(fd);
		return false;
	}
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    strncmp(entry->d_name, STATUS_TEMPORARY, strlen(STATUS_TEMPORARY)))
			return false;
	return true;
}

/* Return: 0, -ENOENT, -EAGAIN when it was removed or replaced while we waited. */
static int open_locked(int root_fd, const char *id, enum container_lock lock, struct container *c)
{
	_cleanup_close_ int dirfd = open_directory(root_fd, id), lock_fd = -1;

	if (dirfd == -ENOTDIR || dirfd == -ELOOP || dirfd == -ENAMETOOLONG)
		return -ENOENT;
	if (dirfd < 0)
		return dirfd;
	if (lock == CONTAINER_LOCKED) {
		lock_fd = lock_directory(dirfd);
		if (lock_fd < 0)
			return lock_fd;
		if (!is_linked(root_fd, id, dirfd))
			return -EAGAIN;
	}
	c->dirfd = TAKE_FD(dirfd);
	c->lock_fd = TAKE_FD(lock_fd);
	return 0;
}

int container_open(const char *root_path, const char *id, enum container_lock lock,
		   struct container *ret, struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_close_ int root_fd = -1;
	int r;

	r = container_check_id(id, err);
	if (r < 0)
		return r;
	root_fd = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 && errno == ENOENT)
		return no_such_container(id, err);
	if (root_fd < 0)
		return error_errno(err, errno, "open the root directory \"%s\"", root_path);
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < OPEN_ATTEMPTS; i++)
		r = open_locked(root_fd, id, lock, &c);
	if (r == -ENOENT)
		return no_such_container(id, err);
	if (r < 0)
		return error_errno(err, r, "open the directory \"%s/%s\"", root_path, id);
	c.root_path = xstrdup(root_path);
	c.id = xstrdup(id);
	r = container_reload(&c, err);
	if (r < 0 && r != -EBADMSG)
		return r;
	*ret = c;
	c = (struct container)CONTAINER_INIT;
	return r;
}

int container_reload(struct container *c, struct error *err)
{
	struct status status = {0};
	struct error error = ERROR_INIT;
	int r = status_read(c->dirfd, &status, &error);

	if (r == -ENOENT) {
		error_clear(&error);
		if (!is_bare(c->dirfd))
			return no_such_container(c->id, err);
		status_clear(&c->status);
		return 0;
	}
	if (r < 0) {
		error_prefix(&error, "container \"%s\" in \"%s\"", c->id, c->root_path);
		if (err)
			error_move(err, &error);
		error_clear(&error);
		return r;
	}
	status_clear(&c->status);
	c->status = status;
	return 0;
}

int container_save(struct container *c, struct error *err)
{
	int r = status_write(c->dirfd, &c->status, err);

	if (r < 0)
		error_prefix(err, "container \"%s\" in \"%s\"", c->id, c->root_path);
	return r;
}

/*
 * Everything but the status file, which goes last: a directory with other files and without it is
 * not taken for a container any more.
 *
 * Return: 0 or -errno.
 */
static int remove_content(struct container *c, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(c->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int r = error_errno(err, errno, "read the directory of container \"%s\"", c->id);

		close_keep_errno(fd);
		return r;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, STATUS_FILE))
			continue;
		if (unlinkat(c->dirfd, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR && unlinkat(c->dirfd, name, AT_REMOVEDIR) == 0)
			continue;
		return error_errno(err, errno, "remove \"%s/%s/%s\"", c->root_path, c->id, name);
	}
	if (unlinkat(c->dirfd, STATUS_FILE, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "remove \"%s/%s/" STATUS_FILE "\"", c->root_path,
				   c->id);
	return 0;
}

int container_remove(struct container *c, struct error *err)
{
	_cleanup_close_ int root_fd = open_root(c->root_path, err);

	if (root_fd < 0)
		return root_fd;
	for (int i = 0; i < REMOVE_ATTEMPTS; i++) {
		int r = remove_content(c, err);

		if (r < 0)
			return r;
		if (unlinkat(root_fd, c->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return error_errno(err, errno, "remove the directory \"%s/%s\"", c->root_path, c->id);
}

void container_unlock(struct container *c)
{
	c->lock_fd = close_keep_errno(c->lock_fd);
}

void container_close(struct container *c)
{
	close_keep_errno(c->dirfd);
	close_keep_errno(c->lock_fd);
	free(c->root_path);
	free(c->id);
	status_clear(&c->status);
	*c = (struct container)CONTAINER_INIT;
}

enum oci_status container_state(const struct container *c)
{
	if (c->status.phase == STATUS_CREATING)
		return c->lock_fd < 0 && container_is_locked(c) ? OCI_STATUS_CREATING
								: OCI_STATUS_STOPPED;
	if (!process_ref_alive(&c->status.standin))
		return OCI_STATUS_STOPPED;
	return c->status.phase == STATUS_CREATED ? OCI_STATUS_CREATED : OCI_STATUS_RUNNING;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether <root>/<name> is a container's directory, as container_open() would have it. */
static bool is_container(int root_fd, const char *name)
{
	_cleanup_close_ int fd = -1;

	if (container_check_id(name, NULL) < 0)
		return false;
	fd = open_directory(root_fd, name);
	/* One that cannot be opened is listed: `state` then says why. */
	if (fd == -EACCES)
		return true;
	return fd >= 0 && (faccessat(fd, STATUS_FILE, F_OK, 0) == 0 || is_bare(fd));
}

ssize_t container_list(const char *root_path, char ***ret_ids, struct error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(root_path);
	char **ids = xcalloc(1, sizeof(char *));
	size_t n = 0;

	if (!dir && errno != ENOENT) {
		free(ids);
		return error_errno(err, errno, "read the root directory \"%s\"", root_path);
	}
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (!is_container(dirfd(dir), entry->d_name))
			continue;
		ids = xreallocarray(ids, n + 2, sizeof(char *));
		ids[n++] = xstrdup(entry->d_name);
		ids[n] = NULL;
	}
	qsort(ids, n, sizeof(char *), compare_ids);
	*ret_ids = ids;
	return (ssize_t)n;
}

void container_list_free(char **ids)
{
	for (size_t i = 0; ids && ids[i]; i++)
		free(ids[i]);
	free(ids);
}
