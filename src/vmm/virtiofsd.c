// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtiofsd.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "vmm/spawn.h"

#define PROGRAM_MAX	     (64 * 1024 * 1024) /* a larger file is no virtiofsd */
#define NOFILE_MAX	     1000000
#define SOCKET_NAME	     "virtiofsd.sock"
#define CAP_SYS_RESOURCE_BIT 24

struct virtiofsd {
	struct spawn *spawn;
	const struct virtiofsd_ops *ops;
	void *data;
};

/* Debian and Ubuntu; Fedora, RHEL and newer Debian; Arch; built by hand. */
static const char *const known_places[] = {
	"/usr/libexec/virtiofsd",    "/usr/lib/qemu/virtiofsd",	     "/usr/lib/virtiofsd",
	"/usr/lib64/qemu/virtiofsd", "/usr/local/libexec/virtiofsd", "/usr/local/bin/virtiofsd",
	"/usr/bin/virtiofsd",
};

/*
 * The texts by which the programs are told apart, the first that is found. Both have been at
 * /usr/libexec/virtiofsd, so the path proves nothing; --version would be a process at each start of
 * a VM. The libraries that a program is linked with stand near its beginning: the C one needs GLib,
 * the Rust one the unwinder of GCC. That costs 0.2 ms, where a look for option names costs 2 ms in
 * the C one and 8 ms in the Rust one's 3 MB; it is done for what has neither (linked statically, or
 * a script). There the Rust one comes first, since it knows -o source=, too.
 */
#define MARK_NEAR (256 * 1024)

static const struct {
	const char *text;
	size_t within;
	enum virtiofsd_kind kind;
} marks[] = {
	{"libglib-2.0.so", MARK_NEAR, VIRTIOFSD_C},
	{"libgcc_s.so", MARK_NEAR, VIRTIOFSD_RUST},
	{"shared-dir", SIZE_MAX, VIRTIOFSD_RUST},
	{"-o source=", SIZE_MAX, VIRTIOFSD_C},
};

static int kind_of_file(const char *path, enum virtiofsd_kind *ret, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	void *content;
	size_t size;
	int r = -ENOEXEC;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open \"%s\"", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > PROGRAM_MAX)
		return error_set(err, ENOEXEC, "\"%s\" is no virtiofsd", path);
	size = (size_t)st.st_size;
	content = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (content == MAP_FAILED)
		return error_errno(err, errno, "map \"%s\"", path);
	for (size_t i = 0; i < ARRAY_SIZE(marks) && r < 0; i++) {
		size_t len = size < marks[i].within ? size : marks[i].within;

		if (memmem(content, len, marks[i].text, strlen(marks[i].text))) {
			*ret = marks[i].kind;
			r = 0;
		}
	}
	(void)munmap(content, size);
	if (r < 0)
		return error_set(err, ENOEXEC,
				 "\"%s\" is no virtiofsd: neither that of QEMU nor the one in Rust",
				 path);
	return 0;
}

const char *virtiofsd_path(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_places); i++)
		if (!access(known_places[i], X_OK))
			return known_places[i];
	return NULL;
}

int virtiofsd_find(const char *configured, struct virtiofsd_program *ret, struct error *err)
{
	struct virtiofsd_program program = {0};
	const char *path = configured ? configured : virtiofsd_path();
	int r;

	if (!path)
		return error_set(err, ENOENT,
				 "virtiofsd is not installed: install the package virtiofsd, or on "
				 "Debian 12 qemu-system-common");
	r = kind_of_file(path, &program.kind, err);
	if (r < 0)
		return r;
	program.path = xstrdup(path);
	*ret = program;
	return 0;
}

void virtiofsd_program_clear(struct virtiofsd_program *program)
{
	free(program->path);
	*program = (struct virtiofsd_program){0};
}

/*
 * Both: sandboxed; extended attributes, as file capabilities need them; mount points announced, so
 * that files of two file systems below the share never look like one; locks and the writeback cache
 * left off: they are the guest's own, as nobody else is expected to write what is shared, and
 * remote POSIX locks that block are not implemented by either.
 */
static void render_c(const struct virtiofsd_config *c, struct argv *a)
{
	static const char *const caches[] = {
		[VIRTIOFSD_CACHE_AUTO] = "auto",
		[VIRTIOFSD_CACHE_ALWAYS] = "always",
		[VIRTIOFSD_CACHE_NEVER] = "none",
	};
	struct strbuf options = STRBUF_INIT;

	argv_add(a, "-f");
	argv_addf(a, "--fd=%d", c->fd);
	argv_add(a, "-o");
	strbuf_puts(&options, "source=");
	/* Its option parser takes commas and backslashes behind a backslash. */
	for (const char *p = c->source; *p; p++) {
		if (*p == ',' || *p == '\\')
			strbuf_putc(&options, '\\');
		strbuf_putc(&options, *p);
	}
	argv_take(a, strbuf_take(&options));
	argv_add(a, "-o");
	argv_addf(a, "sandbox=namespace,cache=%s,xattr,announce_submounts", caches[c->cache]);
	argv_add2(a, "-o", "no_posix_lock,no_flock,no_writeback,log_level=err");
	argv_addf(a, "--thread-pool-size=%u", c->threads);
	argv_addf(a, "--rlimit-nofile=%" PRIu64, c->nofile);
}

static void render_rust(const struct virtiofsd_config *c, struct argv *a)
{
	static const char *const caches[] = {
		[VIRTIOFSD_CACHE_AUTO] = "auto",
		[VIRTIOFSD_CACHE_ALWAYS] = "always",
		[VIRTIOFSD_CACHE_NEVER] = "never",
	};

	argv_addf(a, "--fd=%d", c->fd);
	argv_addf(a, "--shared-dir=%s", c->source);
	argv_add(a, "--sandbox=namespace");
	argv_addf(a, "--cache=%s", caches[c->cache]);
	argv_add(a, "--xattr");
	argv_add(a, "--announce-submounts");
	argv_add(a, "--inode-file-handles=never");
	argv_addf(a, "--thread-pool-size=%u", c->threads);
	argv_addf(a, "--rlimit-nofile=%" PRIu64, c->nofile);
	argv_add(a, "--log-level=error");
}

static void (*const renderers[])(const struct virtiofsd_config *c, struct argv *a) = {
	[VIRTIOFSD_C] = render_c,
	[VIRTIOFSD_RUST] = render_rust,
};
static_assert(ARRAY_SIZE(renderers) == N_VIRTIOFSD_KINDS, "one renderer for each kind");

int virtiofsd_render(const struct virtiofsd_config *config, struct argv *ret, struct error *err)
{
	_cleanup_argv_ struct argv a = ARGV_INIT;

	if (!config->source || config->source[0] != '/')
		return error_set(err, EINVAL, "virtiofsd: the share's path is not absolute");
	argv_add(&a, config->program->path);
	renderers[config->program->kind](config, &a);
	*ret = a;
	a = (struct argv)ARGV_INIT;
	return 0;
}

/* Whether this process may raise its hard limits. */
static bool may_raise_limits(void)
{
	_cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
	const char *line;

	if (io_read_file(AT_FDCWD, "/proc/self/status", 65536, &status) < 0)
		return false;
	line = strstr(status.data, "\nCapEff:");
	return line && strtoull(line + strlen("\nCapEff:"), NULL, 16) &
			       (UINT64_C(1) << CAP_SYS_RESOURCE_BIT);
}

uint64_t virtiofsd_nofile(void)
{
	_cleanup_strbuf_ struct strbuf nr_open = STRBUF_INIT;
	struct rlimit limit;
	uint64_t n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	n = limit.rlim_max;
	/* Both programs end with an error when they are told more than they may have. */
	if (n < NOFILE_MAX && may_raise_limits() &&
	    !io_read_file(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &nr_open) && nr_open.len) {
		uint64_t most = strtoull(nr_open.data, NULL, 10);

		n = most > n ? most : n;
	}
	return n < NOFILE_MAX ? n : NOFILE_MAX;
}

static void on_process_exit(struct spawn *spawn, int status, void *data)
{
	_cleanup_free_ char *how = spawn_describe_status(status);
	_cleanup_free_ char *said = spawn_stderr(spawn);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct virtiofsd *v = data;

	(void)error_set(&err, EIO, "virtiofsd %s%s%s", how, *said ? "; it said: " : "", said);
	v->ops->on_exit(v, &err, v->data);
}

int virtiofsd_make_sockets(int dirfd, int *ret_listening, int *ret_connected, struct error *err)
{
	_cleanup_close_ int listening = -1, connected = -1;

	listening = socket_listen_at(dirfd, SOCKET_NAME, SOCK_STREAM);
	if (listening == -EADDRINUSE && !unlinkat(dirfd, SOCKET_NAME, 0))
		listening = socket_listen_at(dirfd, SOCKET_NAME, SOCK_STREAM);
	if (listening < 0)
		return error_errno(err, listening, "make virtiofsd's socket");
	connected = socket_connect_at(dirfd, SOCKET_NAME, SOCK_STREAM);
	(void)unlinkat(dirfd, SOCKET_NAME, 0);
	if (connected < 0)
		return error_errno(err, connected, "connect to virtiofsd's socket");
	*ret_listening = TAKE_FD(listening);
	*ret_connected = TAKE_FD(connected);
	return 0;
}

int virtiofsd_start(struct loop *loop, const struct virtiofsd_config *config,
		    const struct virtiofsd_ops *ops, void *data, struct virtiofsd **ret,
		    struct error *err)
{
	_cleanup_argv_ struct argv argv = ARGV_INIT;
	struct spawn_config spawn = {
		.name = "virtiofsd", .path = config->program->path, .fds = &config->fd, .n_fds = 1};
	struct virtiofsd *v;
	int r;

	r = virtiofsd_render(config, &argv, err);
	if (r < 0)
		return r;
	spawn.argv = argv.v;
	v = xnew(struct virtiofsd);
	v->ops = ops;
	v->data = data;
	r = spawn_start(loop, &spawn, on_process_exit, v, &v->spawn, err);
	if (r < 0) {
		free(v);
		return r;
	}
	*ret = v;
	return 0;
}

void virtiofsd_free(struct virtiofsd *v)
{
	if (!v)
		return;
	spawn_free(v->spawn);
	free(v);
}

pid_t virtiofsd_pid(const struct virtiofsd *v)
{
	return spawn_pid(v->spawn);
}
