// SPDX-License-Identifier: Apache-2.0
#include "template/template-store.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "rpc/handover.h"
#include "template/template-digest.h"

#define VARIABLE    "RUNVM_TEMPLATES"
#define SYSTEM_PATH "/var/cache/runvm/templates"
#define USER_PATH   "runvm/templates" /* below the user's cache directory */
#define LOCK_FILE   ".lock"
#define NEW_PREFIX  ".new-"
#define OLD_PREFIX  ".old-"
#define FAIL_PREFIX ".failed-"
#define OPEN_TRIES  10

/* --- the directory --- */

char *template_store_path(void)
{
	const char *setting = getenv(VARIABLE), *cache = getenv("XDG_CACHE_HOME"),
		   *home = getenv("HOME");

	if (setting && setting[0] == '/')
		return xstrdup(setting);
	if (setting && *setting && strcmp(setting, "auto") != 0) {
		if (strcmp(setting, "off") != 0)
			log_warning("%s=%s: expected \"auto\", \"off\" or an absolute path; "
				    "templates are off",
				    VARIABLE, setting);
		return NULL;
	}
	if (!geteuid())
		return xstrdup(SYSTEM_PATH);
	if (cache && cache[0] == '/')
		return xasprintf("%s/" USER_PATH, cache);
	return home && home[0] == '/' ? xasprintf("%s/.cache/" USER_PATH, home) : NULL;
}

int template_store_open(bool create, struct error *err)
{
	_cleanup_free_ char *path = template_store_path();
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return error_set(err, ENOENT, "templates are off (%s)", VARIABLE);
	r = create ? io_make_parents(path, 0755) : 0;
	if (create && !r && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return error_errno(err, r, "make \"%s\"", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open the store of templates \"%s\"", path);
	/* A VM trusts its template as it trusts its kernel. */
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return error_set(
			err, EPERM,
			"the store of templates \"%s\" is not this user's alone (owner %u, "
			"mode %03o)",
			path, st.st_uid, st.st_mode & 0777);
	return TAKE_FD(fd);
}

int template_store_lock(int store_fd, struct error *err)
{
	_cleanup_close_ int fd =
		openat(store_fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "open the lock of the store of templates");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_errno(err, errno, "another process builds a template");
	return TAKE_FD(fd);
}

/* --- removing --- */

/* One directory of files. Whoever else removes it at the same time does no harm. */
static void remove_directory(int store_fd, const char *name)
{
	int fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(fd, entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	else
		close_keep_errno(fd);
	(void)unlinkat(store_fd, name, AT_REMOVEDIR);
}

static char *prefixed(const char *prefix, const struct template_key *key)
{
	return xasprintf("%s%s", prefix, key->hex);
}

static void forget_failure(int store_fd, const struct template_key *key)
{
	_cleanup_free_ char *name = prefixed(FAIL_PREFIX, key);

	(void)unlinkat(store_fd, name, 0);
}

int template_store_remove(int store_fd, const struct template_key *key, struct error *err)
{
	_cleanup_free_ char *name = xasprintf(OLD_PREFIX "%s-%ld", key->hex, (long)getpid());

	forget_failure(store_fd, key);
	/* Out of sight at once, whatever happens to us after. */
	if (renameat(store_fd, key->hex, store_fd, name) < 0) {
		if (errno == ENOENT)
			return error_set(err, ENOENT, "template %s does not exist", key->hex);
		return error_errno(err, errno, "remove template %s", key->hex);
	}
	remove_directory(store_fd, name);
	return 0;
}

/*
 * Removes what was found to be no good, unless it is another by now. Under the lock, as only those
 * who hold it put new ones there; without, the next who comes by will.
 */
static void remove_exactly(int store_fd, const struct template_key *key, const struct stat *what)
{
	_cleanup_close_ int lock = template_store_lock(store_fd, NULL);
	struct stat now;

	if (lock >= 0 && !fstatat(store_fd, key->hex, &now, AT_SYMLINK_NOFOLLOW) &&
	    now.st_ino == what->st_ino && now.st_dev == what->st_dev)
		(void)template_store_remove(store_fd, key, NULL);
}

/* --- opening --- */

static int open_stamped(int dirfd, const char *name, const struct template_stamp *expected,
			struct error *err)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct template_stamp stamp;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open \"%s\"", name);
	stamp = template_stamp_of(&st);
	if (!S_ISREG(st.st_mode) || !template_stamp_equal(&stamp, expected))
		return error_set(err, EBADMSG, "%s: changed since it was made", name);
	return TAKE_FD(fd);
}

static int read_meta(int dirfd, const struct template_key *key, struct template_meta *ret,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = io_read_file(dirfd, TEMPLATE_META_FILE, TEMPLATE_META_MAX, &text);

	if (r < 0)
		return error_errno(err, r, "read \"%s\"", TEMPLATE_META_FILE);
	return template_meta_read(text.data ? text.data : "", text.len, key, ret, err);
}

static int check_state(int fd, const struct template_meta *m, struct error *err)
{
	uint64_t checksum;
	void *data;

	if (!m->state.size || m->state.size > TEMPLATE_STATE_MAX)
		return error_set(err, EBADMSG, "state: of an impossible size");
	data = mmap(NULL, m->state.size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(err, errno, "map the state");
	checksum = digest_xxh64(data, m->state.size);
	(void)munmap(data, m->state.size);
	return checksum != m->state_checksum ? error_set(err, EBADMSG, "state: damaged") : 0;
}

static int read_pages(int fd, const struct template_meta *m, struct template_pages **ret,
		      struct error *err)
{
	_cleanup_free_ struct template_run *runs = NULL;
	_cleanup_free_ struct template_pages *pages = NULL;
	size_t len;
	ssize_t n;

	if (m->n_runs > TEMPLATE_RUNS_MAX)
		return error_set(err, EBADMSG, "memory: too many runs of pages");
	len = m->n_runs * sizeof(*runs);
	runs = xmalloc(len + 1);
	n = m->memory.size < len ? 0 : pread(fd, runs, len, (off_t)(m->memory.size - len));
	if (n != (ssize_t)len || digest_xxh64(runs, len) != m->runs_checksum ||
	    template_pages_check(runs, m->n_runs, m->memory_size, &pages) < 0 ||
	    pages->total * TEMPLATE_PAGE + len != m->memory.size)
		return error_set(err, EBADMSG, "memory: damaged");
	*ret = TAKE_PTR(pages);
	return 0;
}

/* What is in the directory, all of it looked at. */
static int open_files(int dirfd, const struct template_key *key, struct template_meta *meta,
		      struct template *ret, struct error *err)
{
	int r = read_meta(dirfd, key, meta, err);

	if (r < 0)
		return r;
	ret->key = *key;
	ret->memory_size = meta->memory_size;
	ret->handover = meta->handover;
	ret->memory_fd = open_stamped(dirfd, TEMPLATE_MEMORY_FILE, &meta->memory, err);
	if (ret->memory_fd < 0)
		return ret->memory_fd;
	ret->state_fd = open_stamped(dirfd, TEMPLATE_STATE_FILE, &meta->state, err);
	if (ret->state_fd < 0)
		return ret->state_fd;
	r = read_pages(ret->memory_fd, meta, &ret->pages, err);
	return r < 0 ? r : check_state(ret->state_fd, meta, err);
}

static int open_directory(int store_fd, const struct template_key *key, struct stat *st,
			  struct error *err)
{
	int fd = openat(store_fd, key->hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? error_set(err, ENOENT, "there is no template %s", key->hex)
				       : error_errno(err, errno, "open template %s", key->hex);
	(void)fstat(fd, st);
	return fd;
}

/* Not the template's fault: it may be sound. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EINTR;
}

/*
 * Once. Return: 0; -ENOENT when there is none; -EAGAIN when it was replaced or removed while we
 * were at it, which takes its files away; -EBADMSG for one that is no good; another -errno.
 */
static int try_open(int store_fd, const struct template_key *key, struct template *ret,
		    struct stat *st, struct error *err)
{
	_cleanup_template_ struct template found = TEMPLATE_INIT;
	_cleanup_template_meta_ struct template_meta meta = {0};
	_cleanup_close_ int dirfd = -1;
	struct stat now;
	int r;

	dirfd = open_directory(store_fd, key, st, err);
	if (dirfd < 0)
		return dirfd;
	r = open_files(dirfd, key, &meta, &found, err);
	if (r < 0 && !is_shortage(r)) {
		r = fstatat(store_fd, key->hex, &now, AT_SYMLINK_NOFOLLOW);
		return r < 0 || now.st_ino != st->st_ino ? -EAGAIN : -EBADMSG;
	}
	if (r < 0)
		return r;
	found.store_fd = fcntl(store_fd, F_DUPFD_CLOEXEC, 3);
	if (found.store_fd < 0)
		return error_errno(err, errno, "open template %s", key->hex);
	found.directory_inode = st->st_ino;
	/* Last used now: what template_store_commit() goes by. */
	(void)futimens(dirfd, NULL);
	*ret = found;
	found = (struct template)TEMPLATE_INIT;
	return 0;
}

int template_open_at(int store_fd, const struct template_key *key, struct template *ret,
		     struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct stat st = {0};
	int r = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES && r == -EAGAIN; i++)
		r = try_open(store_fd, key, ret, &st, &why);
	if (r != -EBADMSG) {
		if (r < 0 && err)
			error_move(err, &why);
		return r;
	}
	log_warning("template %s is not used and removed: %s", key->hex, error_message(&why));
	remove_exactly(store_fd, key, &st);
	return error_set(err, ENOENT, "template %s: %s", key->hex, error_message(&why));
}

int template_open(const struct template_key *key, struct template *ret, struct error *err)
{
	_cleanup_close_ int store_fd = template_store_open(false, err);

	return store_fd < 0 ? store_fd : template_open_at(store_fd, key, ret, err);
}

int template_new_memory(const struct template *template, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("runvm-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t) template->memory_size) < 0)
		return error_errno(err, errno, "make the VM's memory");
	/* Nobody who has it can make us fault on what we have mapped of it. */
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return TAKE_FD(fd);
}

int template_fill_memory(const struct template *template, int memfd, struct error *err)
{
	int r = template_pages_fill(template->pages, template->memory_fd, memfd);

	return r < 0 ? error_errno(err, r, "copy the memory of template %s", template->key.hex) : 0;
}

int template_hand_over(const struct template *template, int memfd, const void *request, size_t len,
		       struct error *err)
{
	struct handover page = {.magic = HANDOVER_MAGIC, .length = (uint32_t)len};
	ssize_t n;

	if (!len || len > sizeof(page.request))
		return error_set(err, EMSGSIZE, "a handover of %zu bytes", len);
	memcpy(page.request, request, len);
	n = pwrite(memfd, &page, sizeof(page), (off_t) template->handover);
	explicit_bzero(&page, sizeof(page));
	if (n != (ssize_t)sizeof(page))
		return error_errno(err, n < 0 ? errno : EIO, "write the handover");
	return 0;
}

int template_hand_devices_over(const struct template *template, int memfd, unsigned int port,
			       struct error *err)
{
	const uint32_t slot = port + 1;
	uint64_t at = template->handover + offsetof(struct handover, slot);
	ssize_t n = pwrite(memfd, &slot, sizeof(slot), (off_t)at);

	return n == (ssize_t)sizeof(slot)
		       ? 0
		       : error_errno(err, n < 0 ? errno : EIO, "write the handover");
}

void template_discard(struct template *template)
{
	struct stat now;

	if (template->store_fd >= 0 &&
	    !fstatat(template->store_fd, template->key.hex, &now, AT_SYMLINK_NOFOLLOW) &&
	    now.st_ino == template->directory_inode)
		remove_exactly(template->store_fd, &template->key, &now);
	template_close(template);
}

void template_close(struct template *template)
{
	close_keep_errno(template->memory_fd);
	close_keep_errno(template->state_fd);
	close_keep_errno(template->store_fd);
	free(template->pages);
	*template = (struct template)TEMPLATE_INIT;
}

/* --- listing --- */

static uint64_t size_in(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)st.st_size;
}

static int describe(int store_fd, struct template_info *info)
{
	_cleanup_template_ struct template files = TEMPLATE_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int dirfd = -1;
	struct stat st;

	dirfd = open_directory(store_fd, &info->key, &st, &err);
	if (dirfd < 0)
		return dirfd;
	info->used = st.st_mtim;
	info->disk = size_in(dirfd, TEMPLATE_META_FILE) + size_in(dirfd, TEMPLATE_MEMORY_FILE) +
		     size_in(dirfd, TEMPLATE_STATE_FILE);
	if (open_files(dirfd, &info->key, &info->meta, &files, &err) < 0)
		info->error = xstrdup(error_message(&err));
	else
		info->fits = template_recipe_fits(info->meta.recipe);
	return 0;
}

static int compare_used(const void *a, const void *b)
{
	const struct timespec *x = &((const struct template_info *)a)->used,
			      *y = &((const struct template_info *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return x->tv_nsec == y->tv_nsec ? 0 : x->tv_nsec < y->tv_nsec ? 1 : -1;
}

/* Calls @fn for every name in the store. */
static int for_each_name(int store_fd, void (*fn)(const char *name, void *data), void *data)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(store_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_keep_errno(fd);
		return -errno;
	}
	while ((entry = readdir(dir)))
		fn(entry->d_name, data);
	return 0;
}

struct listing {
	int store_fd;
	struct template_info *list;
	size_t n;
};

static void list_name(const char *name, void *data)
{
	struct listing *l = data;
	struct template_info *info;

	if (!template_key_valid(name))
		return;
	l->list = xreallocarray(l->list, l->n + 1, sizeof(*l->list));
	info = &l->list[l->n];
	*info = (struct template_info){0};
	memcpy(info->key.hex, name, sizeof(info->key.hex));
	if (!describe(l->store_fd, info))
		l->n++;
}

ssize_t template_store_list(int store_fd, struct template_info **ret, struct error *err)
{
	struct listing l = {.store_fd = store_fd};
	int r = for_each_name(store_fd, list_name, &l);

	if (r < 0)
		return error_errno(err, r, "read the store of templates");
	if (l.n)
		qsort(l.list, l.n, sizeof(*l.list), compare_used);
	*ret = l.list;
	return (ssize_t)l.n;
}

void template_store_list_free(struct template_info *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		template_meta_clear(&list[i].meta);
		free(list[i].error);
	}
	free(list);
}

/* --- making --- */

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static void clean_name(const char *name, void *data)
{
	const int *store_fd = data;
	struct stat st;

	if (has_prefix(name, NEW_PREFIX) || has_prefix(name, OLD_PREFIX)) {
		remove_directory(*store_fd, name);
		return;
	}
	/* Notes that count no longer, and what io_replace_file() did not get done. */
	if ((has_prefix(name, FAIL_PREFIX) && !fstatat(*store_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	     st.st_mtim.tv_sec + TEMPLATE_RETRY_SEC < time(NULL)) ||
	    has_prefix(name, "." FAIL_PREFIX))
		(void)unlinkat(*store_fd, name, 0);
}

int template_store_begin(int store_fd, const struct template_key *key, struct error *err)
{
	_cleanup_free_ char *name = prefixed(NEW_PREFIX, key);
	int fd;

	(void)for_each_name(store_fd, clean_name, &store_fd);
	if (mkdirat(store_fd, name, 0700) < 0)
		return error_errno(err, errno, "make \"%s\" in the store of templates", name);
	fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "open \"%s\" in the store of templates", name) : fd;
}

/* Complete on the disk, so that a crash of the machine leaves no file of zeros of the right size. */
static int settle_file(int fd, struct template_stamp *ret, struct error *err)
{
	struct stat st;

	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "write the template");
	*ret = template_stamp_of(&st);
	return 0;
}

static int finish_memory(int fd, const struct template_pages *pages, struct template_meta *m,
			 struct error *err)
{
	size_t len = pages->n_runs * sizeof(pages->runs[0]);
	int r = io_write_all(fd, pages->runs, len);

	if (r < 0)
		return error_errno(err, r, "write the template");
	m->n_runs = pages->n_runs;
	m->runs_checksum = digest_xxh64(pages->runs, len);
	return settle_file(fd, &m->memory, err);
}

static int finish_state(int fd, struct template_meta *m, struct error *err)
{
	int r = settle_file(fd, &m->state, err);
	void *data;

	if (r < 0)
		return r;
	if (!m->state.size || m->state.size > TEMPLATE_STATE_MAX)
		return error_set(err, EFBIG, "the state of the VM has an impossible size");
	data = mmap(NULL, m->state.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(err, errno, "map the state");
	m->state_checksum = digest_xxh64(data, m->state.size);
	(void)munmap(data, m->state.size);
	return 0;
}

static int write_meta(int dirfd, struct template_meta *m, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &m->created);
	text = template_meta_write(m);
	fd = openat(dirfd, TEMPLATE_META_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "make \"%s\"", TEMPLATE_META_FILE);
	r = io_write_all(fd, text, strlen(text));
	if (!r && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, r, "write \"%s\"", TEMPLATE_META_FILE) : 0;
}

/* The new one takes the place of an old one, if there is any, in one step. */
static int put_in_place(int store_fd, const struct template_key *key, struct error *err)
{
	_cleanup_free_ char *name = prefixed(NEW_PREFIX, key);
	int r;

	r = renameat2(store_fd, name, store_fd, key->hex, RENAME_EXCHANGE);
	if (!r) {
		remove_directory(store_fd, name);
		return 0;
	}
	if (errno != ENOENT) {
		/* A file system that cannot exchange. */
		r = template_store_remove(store_fd, key, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	if (renameat(store_fd, name, store_fd, key->hex) < 0)
		return error_errno(err, errno, "rename the new template");
	return 0;
}

/* Those beyond the bound, and those that nothing can use any more. */
static void prune(int store_fd, const struct template_key *keep)
{
	struct template_info *list = NULL;
	ssize_t n = template_store_list(store_fd, &list, NULL);
	size_t kept = 1;

	for (ssize_t i = 0; list && i < n; i++) {
		if (!strcmp(list[i].key.hex, keep->hex))
			continue;
		if (!list[i].error && list[i].fits && kept < TEMPLATE_MAX)
			kept++;
		else
			(void)template_store_remove(store_fd, &list[i].key, NULL);
	}
	if (n > 0)
		template_store_list_free(list, (size_t)n);
}

int template_store_commit(int store_fd, const struct template_key *key, int dirfd, int memory_fd,
			  int state_fd, const struct template_pages *pages,
			  struct template_meta *meta, struct error *err)
{
	int r = finish_memory(memory_fd, pages, meta, err);

	if (!r)
		r = finish_state(state_fd, meta, err);
	if (!r)
		r = write_meta(dirfd, meta, err);
	if (!r && fsync(dirfd) < 0)
		r = error_errno(err, errno, "write the template");
	if (!r)
		r = put_in_place(store_fd, key, err);
	if (r < 0)
		return r;
	forget_failure(store_fd, key);
	prune(store_fd, key);
	return 0;
}

void template_store_note_failure(int store_fd, const struct template_key *key, const char *why)
{
	_cleanup_free_ char *name = prefixed(FAIL_PREFIX, key), *new = prefixed(NEW_PREFIX, key);
	_cleanup_free_ char *line = xasprintf("%s\n", why);

	remove_directory(store_fd, new);
	(void)io_replace_file(store_fd, name, line, strlen(line), 0600, NULL);
}

bool template_store_failed_lately(int store_fd, const struct template_key *key)
{
	_cleanup_free_ char *name = prefixed(FAIL_PREFIX, key);
	time_t now = time(NULL);
	struct stat st;

	/* Bounded both ways, for clocks are set back. */
	return !fstatat(store_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       st.st_mtim.tv_sec > now - TEMPLATE_RETRY_SEC &&
	       st.st_mtim.tv_sec < now + TEMPLATE_RETRY_SEC;
}
