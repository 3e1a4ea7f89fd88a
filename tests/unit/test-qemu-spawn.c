// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"
#include "test.h"
#include "vmm/spawn.h"

struct fixture {
	struct loop *loop;
	struct spawn *spawn;
	bool done;
	int status;
};

static void on_process_exit(_unused_ struct spawn *spawn, int status, void *data)
{
	struct fixture *f = data;

	f->done = true;
	f->status = status;
}

static void start(struct fixture *f, const char *script, const int *fds, size_t n_fds)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct spawn_config config = {
		.name = "sh", .path = "/bin/sh", .argv = argv, .fds = fds, .n_fds = n_fds};

	*f = (struct fixture){.status = -1};
	CHECK_INT(loop_new(&f->loop), ==, 0);
	CHECK_INT(spawn_start(f->loop, &config, on_process_exit, f, &f->spawn, NULL), ==, 0);
}

static void finish(struct fixture *f)
{
	CHECK_INT(loop_run_until(f->loop, &f->done, loop_now() + 20 * USEC_PER_SEC), ==, 0);
	CHECK(!spawn_running(f->spawn));
}

static void teardown(struct fixture *f)
{
	spawn_free(f->spawn);
	loop_free(f->loop);
}

static void test_status(void)
{
	_cleanup_free_ char *a = NULL, *b = NULL;
	struct fixture f;

	start(&f, "exit 3", NULL, 0);
	finish(&f);
	a = spawn_describe_status(f.status);
	CHECK_STR(a, "exited with status 3");
	teardown(&f);
	start(&f, "kill -9 $$", NULL, 0);
	finish(&f);
	b = spawn_describe_status(f.status);
	CHECK_STR(b, "was killed by signal 9 (Killed)");
	teardown(&f);
}

static void test_stderr(void)
{
	_cleanup_free_ char *said = NULL, *last = NULL;
	struct fixture f;

	start(&f, "echo one >&2; printf '\\033[31mtwo\\n' >&2; echo out; exit 1", NULL, 0);
	finish(&f);
	said = spawn_stderr(f.spawn);
	CHECK_STR(said, "one; two");
	teardown(&f);
	/* Much more than a pipe holds: it is read all the time, and the end is kept. */
	start(&f, "i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done >&2", NULL, 0);
	finish(&f);
	last = spawn_stderr(f.spawn);
	CHECK_CONTAINS(last, "line 29998; line 29999");
	teardown(&f);
}

/* What is no program ends as one that failed, and says why. */
static void test_no_program(void)
{
	_cleanup_close_ int fd = memfd_create("no-program", MFD_CLOEXEC);
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd/%d", (int)getpid(), fd);
	char *const argv[] = {path, NULL};
	const struct spawn_config config = {.name = "it", .path = path, .argv = argv};
	_cleanup_free_ char *said = NULL;
	struct fixture f = {.status = -1};

	CHECK_INT(write(fd, "nothing\n", 8), ==, 8);
	CHECK_INT(fchmod(fd, 0700), ==, 0);
	CHECK_INT(loop_new(&f.loop), ==, 0);
	CHECK_INT(spawn_start(f.loop, &config, on_process_exit, &f, &f.spawn, NULL), ==, 0);
	finish(&f);
	CHECK(WIFEXITED(f.status) && WEXITSTATUS(f.status) == 127);
	said = spawn_stderr(f.spawn);
	CHECK_CONTAINS(said, path);
	teardown(&f);
}

/* What the program is to have beside our environment, unless we have it. */
static void test_environment(void)
{
	static const char *const more[] = {"RUNVM_TEST_A=more", "RUNVM_TEST_B=more",
					   "RUNVM_TEST=more", NULL};
	char *argv[] = {
		(char *)"sh", (char *)"-c",
		(char *)"[ \"$RUNVM_TEST_A $RUNVM_TEST_B $RUNVM_TEST\" = \"ours more more\" ]",
		NULL};
	const struct spawn_config config = {
		.name = "sh", .path = "/bin/sh", .argv = argv, .environment = more};
	struct fixture f = {.status = -1};

	CHECK_INT(setenv("RUNVM_TEST_A", "ours", 1), ==, 0);
	CHECK_INT(loop_new(&f.loop), ==, 0);
	CHECK_INT(spawn_start(f.loop, &config, on_process_exit, &f, &f.spawn, NULL), ==, 0);
	finish(&f);
	CHECK_INT(f.status, ==, 0);
	teardown(&f);
}

/* The program gets what was listed under the same number, and nothing else. */
static void test_descriptors(void)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int memfd = memfd_create("x", MFD_CLOEXEC);
	_cleanup_close_ int leak = fcntl(null_fd, F_DUPFD, 100);
	_cleanup_close_ int file = fcntl(memfd, F_DUPFD_CLOEXEC, 110);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *script = NULL;
	struct fixture f;

	CHECK(leak >= 100 && file >= 110);
	script = xasprintf("cd /proc/self/fd && [ ! -e %d ] && [ -e %d ] && "
			   "readlink 0 >/proc/self/fd/%d",
			   leak, file, file);
	start(&f, script, &file, 1);
	finish(&f);
	CHECK_INT(f.status, ==, 0);
	CHECK_INT(lseek(file, 0, SEEK_SET), ==, 0);
	CHECK_INT(io_read_fd(file, 1000, &text), ==, 0);
	CHECK_CONTAINS(text.data, "/dev/null\n");
	teardown(&f);
}

static void test_signals(void)
{
	_cleanup_free_ char *said = NULL;
	struct fixture f;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_INT(sigprocmask(SIG_BLOCK, &set, NULL), ==, 0);
	(void)signal(SIGUSR2, SIG_IGN);
	start(&f, "grep -E '^Sig(Blk|Ign)' /proc/self/status >&2", NULL, 0);
	finish(&f);
	said = spawn_stderr(f.spawn);
	CHECK_STR(said, "SigBlk: 0000000000000000; SigIgn: 0000000000000000");
	CHECK_INT(sigprocmask(SIG_UNBLOCK, &set, NULL), ==, 0);
	(void)signal(SIGUSR2, SIG_DFL);
	teardown(&f);
}

static void test_session(void)
{
	struct fixture f;

	start(&f, "exec sleep 1000", NULL, 0);
	for (int i = 0; i < 1000 && getsid(spawn_pid(f.spawn)) != spawn_pid(f.spawn); i++)
		(void)loop_iterate(f.loop, loop_now() + 10000);
	CHECK_INT(getsid(spawn_pid(f.spawn)), ==, spawn_pid(f.spawn));
	CHECK_INT(spawn_kill(f.spawn, SIGTERM), ==, 0);
	finish(&f);
	CHECK(WIFSIGNALED(f.status) && WTERMSIG(f.status) == SIGTERM);
	CHECK_INT(spawn_kill(f.spawn, SIGTERM), ==, -ESRCH);
	teardown(&f);
}

/* Its child lives on and holds the pipe: the end is noticed all the same. */
static void test_orphan(void)
{
	_cleanup_free_ char *said = NULL;
	struct fixture f;

	start(&f, "sleep 2 & echo bye >&2", NULL, 0);
	finish(&f);
	said = spawn_stderr(f.spawn);
	CHECK_STR(said, "bye");
	teardown(&f);
}

static void test_refused(void)
{
	char *const argv[] = {(char *)"x", NULL};
	struct spawn_config config = {.name = "x", .path = "/nonexistent", .argv = argv};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct spawn *spawn;
	struct loop *loop;

	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(spawn_start(loop, &config, on_process_exit, NULL, &spawn, &err), ==, -ENOENT);
	config.path = "sh";
	CHECK_INT(spawn_start(loop, &config, on_process_exit, NULL, &spawn, &err), ==, -EINVAL);
	config.path = "/etc/passwd";
	CHECK_INT(spawn_start(loop, &config, on_process_exit, NULL, &spawn, &err), ==, -EACCES);
	CHECK_STR(error_message(&err), "execute x \"/etc/passwd\": Permission denied");
	loop_free(loop);
}

int main(void)
{
	TEST_RUN(test_status);
	TEST_RUN(test_stderr);
	TEST_RUN(test_no_program);
	TEST_RUN(test_environment);
	TEST_RUN(test_descriptors);
	TEST_RUN(test_signals);
	TEST_RUN(test_session);
	TEST_RUN(test_orphan);
	TEST_RUN(test_refused);
	return test_end();
}
