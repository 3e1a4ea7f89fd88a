// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/error.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "lib/strbuf.h"
#include "test.h"
#include "vmm/virtiofsd.h"

static char *render(enum virtiofsd_kind kind, enum virtiofsd_cache cache, const char *source)
{
	struct virtiofsd_program program = {.path = (char *)"/p", .kind = kind};
	struct virtiofsd_config config = {.program = &program,
					  .source = source,
					  .cache = cache,
					  .threads = 1,
					  .nofile = 20000,
					  .fd = 9};
	_cleanup_argv_ struct argv argv = ARGV_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct strbuf text = STRBUF_INIT;

	if (virtiofsd_render(&config, &argv, &err) < 0)
		return xstrdup(error_message(&err));
	for (size_t i = 0; i < argv.n; i++)
		strbuf_printf(&text, "%s\n", argv.v[i]);
	return strbuf_take(&text);
}

static void test_render_c(void)
{
	_cleanup_free_ char *text = render(VIRTIOFSD_C, VIRTIOFSD_CACHE_NEVER, "/a,b\\c d");

	CHECK_STR(text, "/p\n-f\n--fd=9\n-o\nsource=/a\\,b\\\\c d\n"
			"-o\nsandbox=namespace,cache=none,xattr,announce_submounts\n"
			"-o\nno_posix_lock,no_flock,no_writeback,log_level=err\n"
			"--thread-pool-size=1\n--rlimit-nofile=20000\n");
}

static void test_render_rust(void)
{
	_cleanup_free_ char *text = render(VIRTIOFSD_RUST, VIRTIOFSD_CACHE_AUTO, "/a,b\\c d");

	CHECK_STR(text, "/p\n--fd=9\n--shared-dir=/a,b\\c d\n--sandbox=namespace\n--cache=auto\n"
			"--xattr\n--announce-submounts\n--inode-file-handles=never\n"
			"--thread-pool-size=1\n--rlimit-nofile=20000\n--log-level=error\n");
}

static void test_render_refused(void)
{
	_cleanup_free_ char *a = render(VIRTIOFSD_C, VIRTIOFSD_CACHE_AUTO, "relative");
	_cleanup_free_ char *b = render(VIRTIOFSD_RUST, VIRTIOFSD_CACHE_AUTO, NULL);

	CHECK_STR(a, "virtiofsd: the share's path is not absolute");
	CHECK_STR(b, "virtiofsd: the share's path is not absolute");
}

struct directory {
	char path[32];
	int fd;
};

static void directory_make(struct directory *d)
{
	strcpy(d->path, "/tmp/test-virtiofsd.XXXXXX");
	CHECK(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(d->fd >= 0);
}

static void directory_write(struct directory *d, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	CHECK_INT(io_write_all(fd, text, strlen(text)), ==, 0);
}

static void directory_remove(struct directory *d)
{
	(void)unlinkat(d->fd, "program", 0);
	close_keep_errno(d->fd);
	CHECK_INT(rmdir(d->path), ==, 0);
}

static int find(struct directory *d, const char *content, enum virtiofsd_kind *kind)
{
	_cleanup_free_ char *path = xasprintf("%s/program", d->path);
	struct virtiofsd_program program = {0};
	int r;

	(void)unlinkat(d->fd, "program", 0);
	if (content)
		directory_write(d, "program", content);
	r = virtiofsd_find(path, &program, NULL);
	*kind = program.kind;
	virtiofsd_program_clear(&program);
	return r;
}

static void test_find(void)
{
	struct directory d;
	enum virtiofsd_kind kind;

	directory_make(&d);
	CHECK_INT(find(&d,
		       "\x7f"
		       "ELF ... -o source=PATH  shared directory",
		       &kind),
		  ==, 0);
	CHECK_INT(kind, ==, VIRTIOFSD_C);
	CHECK_INT(find(&d,
		       "\x7f"
		       "ELF ... -o source=... shared-dirtag",
		       &kind),
		  ==, 0);
	CHECK_INT(kind, ==, VIRTIOFSD_RUST);
	CHECK_INT(find(&d,
		       "\x7f"
		       "ELF libc.so.6 libglib-2.0.so.0",
		       &kind),
		  ==, 0);
	CHECK_INT(kind, ==, VIRTIOFSD_C);
	CHECK_INT(find(&d,
		       "\x7f"
		       "ELF libc.so.6 libgcc_s.so.1",
		       &kind),
		  ==, 0);
	CHECK_INT(kind, ==, VIRTIOFSD_RUST);
	CHECK_INT(find(&d, "#!/bin/sh\nexec true\n", &kind), ==, -ENOEXEC);
	CHECK_INT(find(&d, "", &kind), ==, -ENOEXEC);
	CHECK_INT(find(&d, NULL, &kind), ==, -ENOENT);
	directory_remove(&d);
}

static void test_nofile(void)
{
	uint64_t n = virtiofsd_nofile();
	struct rlimit limit;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	CHECK_INT(n, <=, 1000000);
	CHECK(n >= limit.rlim_max || n == 1000000);
	limit.rlim_cur = limit.rlim_max = n;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static void on_exit_event(_unused_ struct virtiofsd *v, const struct error *err, void *data)
{
	*(char **)data = xstrdup(error_message(err));
}

static const struct virtiofsd_ops ops = {.on_exit = on_exit_event};

/* A program that is no virtiofsd, but has its text: the socket, the start and the end of it. */
static void test_process(void)
{
	struct virtiofsd_program program = {.kind = VIRTIOFSD_C};
	struct virtiofsd_config config = {.program = &program, .source = "/"};
	_cleanup_free_ char *why = NULL, *path = NULL;
	_cleanup_close_ int connected = -1, listening = -1;
	struct virtiofsd *v = NULL;
	struct directory d;
	struct loop *loop;

	directory_make(&d);
	directory_write(&d, "program", "#!/bin/sh\necho \"args $*\" >&2\nexit 3\n");
	path = program.path = xasprintf("%s/program", d.path);
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(virtiofsd_make_sockets(d.fd, &listening, &connected, NULL), ==, 0);
	config.fd = listening;
	CHECK_INT(virtiofsd_start(loop, &config, &ops, &why, &v, NULL), ==, 0);
	CHECK_INT(faccessat(d.fd, "virtiofsd.sock", F_OK, 0), ==, -1);
	while (!why)
		CHECK_INT(loop_iterate(loop, loop_now() + 10 * USEC_PER_SEC), ==, 0);
	CHECK_CONTAINS(why, "virtiofsd exited with status 3; it said: args -f --fd=");
	virtiofsd_free(v);
	loop_free(loop);
	directory_remove(&d);
}

static void test_process_killed(void)
{
	struct virtiofsd_program program = {.kind = VIRTIOFSD_C};
	struct virtiofsd_config config = {.program = &program, .source = "/"};
	_cleanup_free_ char *why = NULL, *path = NULL;
	_cleanup_close_ int connected = -1, listening = -1;
	struct virtiofsd *v = NULL;
	struct directory d;
	struct loop *loop;
	pid_t pid;

	directory_make(&d);
	directory_write(&d, "program", "#!/bin/sh\nexec sleep 1000\n");
	path = program.path = xasprintf("%s/program", d.path);
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(virtiofsd_make_sockets(d.fd, &listening, &connected, NULL), ==, 0);
	config.fd = listening;
	CHECK_INT(virtiofsd_start(loop, &config, &ops, &why, &v, NULL), ==, 0);
	pid = virtiofsd_pid(v);
	CHECK_INT(kill(pid, 0), ==, 0);
	virtiofsd_free(v);
	CHECK_INT(kill(pid, 0), ==, -1);
	CHECK(!why);
	loop_free(loop);
	directory_remove(&d);
}

int main(void)
{
	TEST_RUN(test_render_c);
	TEST_RUN(test_render_rust);
	TEST_RUN(test_render_refused);
	TEST_RUN(test_find);
	TEST_RUN(test_nofile);
	TEST_RUN(test_process);
	TEST_RUN(test_process_killed);
	return test_end();
}
