// SPDX-License-Identifier: Apache-2.0
/* The directory of a container: ids, the lock, what killed commands leave, strange neighbours. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "container/container.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "tests/unit/temporary.h"
#include "tests/unit/test.h"

static const char *root_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", temporary_dir(), name);
	return path;
}

static void test_ids(void)
{
	static const char *const good[] = {"a", "A-b_c.d+e", "...", "0", "-a", ".x"};
	static const char *const bad[] = {"",	 ".",	"..",	    "a/b", "/",	  "../x",
					  "a b", "a\n", "\xc3\xa9", "a,b", "a:b", "a%b"};
	char long_id[CONTAINER_ID_MAX + 2];
	_cleanup_error_ struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK_INT(container_check_id(good[i], NULL), ==, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(container_check_id(bad[i], NULL), ==, -EINVAL);
	memset(long_id, 'x', sizeof(long_id));
	long_id[sizeof(long_id) - 1] = '\0';
	CHECK_INT(container_check_id(long_id, &err), ==, -EINVAL);
	CHECK_CONTAINS(err.message, "invalid container ID format");
	CHECK_INT(container_check_id("", &err), ==, -EINVAL);
	CHECK_STR(err.message, "container id cannot be empty");
}

static void test_life(void)
{
	const char *root = root_of("life/deep/er");
	_cleanup_container_ struct container c = CONTAINER_INIT, other = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(container_create(root, "c1", &c, &err), ==, 0);
	CHECK_STR(c.status.id, "c1");
	CHECK_INT(strlen(c.status.created), ==, strlen("2026-01-02T03:04:05.123456789Z"));
	CHECK_INT(container_create(root, "c1", &other, &err), ==, -EEXIST);
	CHECK_CONTAINS(err.message, "container with given ID already exists");
	c.status.bundle = xstrdup("/b");
	CHECK_INT(container_save(&c, &err), ==, 0);
	container_close(&c);

	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &other, &err), ==, 0);
	CHECK_STR(other.status.bundle, "/b");
	CHECK_INT(other.lock_fd, ==, -1);
	container_close(&other);

	CHECK_INT(container_open(root, "c1", CONTAINER_LOCKED, &c, &err), ==, 0);
	CHECK_INT(io_replace_file(c.dirfd, "console.log", "x", 1, 0600, NULL), ==, 0);
	CHECK_INT(mkdirat(c.dirfd, "empty", 0700), ==, 0);
	CHECK_INT(container_remove(&c, &err), ==, 0);
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &other, &err), ==, -ENOENT);
	CHECK_CONTAINS(err.message, "container does not exist");
	container_close(&c);
	CHECK_INT(container_create(root, "c1", &c, &err), ==, 0);
}

static void test_not_there(void)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	char id[300];

	CHECK_INT(container_open(root_of("nowhere"), "x", CONTAINER_LOCKED, &c, &err), ==, -ENOENT);
	CHECK_CONTAINS(err.message, "does not exist");
	CHECK_INT(access(root_of("nowhere"), F_OK), ==, -1);
	CHECK_INT(container_open(root_of("nowhere"), "../x", CONTAINER_LOCKED, &c, &err), ==,
		  -EINVAL);
	close(temporary_subdir("long"));
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	CHECK_INT(container_open(root_of("long"), id, CONTAINER_LOCKED, &c, &err), ==, -ENOENT);
	CHECK_INT(container_create(root_of("long"), id, &c, &err), ==, -ENAMETOOLONG);
}

static void test_bad_root(void)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int dir = temporary_subdir("bad-root");
	char **ids = NULL;

	CHECK_INT(io_replace_file(dir, "file", "", 0, 0600, NULL), ==, 0);
	CHECK_INT(container_create(root_of("bad-root/file"), "x", &c, &err), ==, -ENOTDIR);
	CHECK_CONTAINS(err.message, "bad-root/file");
	CHECK_INT(container_create(root_of("bad-root/file/below"), "x", &c, NULL), ==, -ENOTDIR);
	CHECK_INT(container_open(root_of("bad-root/file"), "x", CONTAINER_LOCKED, &c, NULL), ==,
		  -ENOTDIR);
	CHECK_INT(container_list(root_of("bad-root/file"), &ids, &err), ==, -ENOTDIR);
	CHECK(!ids);
	/* sysfs takes no directories, not even from root. */
	CHECK_INT(container_create("/sys/kernel/runvm-test", "x", &c, NULL), <, 0);
	if (geteuid() == 0)
		return;
	CHECK_INT(container_create("/runvm-test", "x", &c, &err), ==, -EACCES);
}

/* A limit of the file size stands for a full disk: nothing of the container is left. */
static void test_full_disk(void)
{
	const char *root = root_of("full");
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int status;
	pid_t pid;

	close(temporary_subdir("full"));
	pid = fork();
	if (!pid) {
		struct rlimit limit = {16, 16};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(container_create(root, "c1", &c, NULL) == -EFBIG ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(status, ==, 0);
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &c, NULL), ==, -ENOENT);
	CHECK_INT(access(root_of("full/c1"), F_OK), ==, -1);
}

static void test_damaged(void)
{
	const char *root = root_of("damaged");
	_cleanup_container_ struct container c = CONTAINER_INIT, other = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(container_create(root, "c1", &c, NULL), ==, 0);
	CHECK_INT(io_replace_file(c.dirfd, STATUS_FILE, "{", 1, 0600, NULL), ==, 0);
	CHECK_INT(container_reload(&c, &err), ==, -EBADMSG);
	CHECK_CONTAINS(err.message, "container \"c1\"");
	CHECK_STR(c.status.id, "c1");
	container_close(&c);
	CHECK_INT(container_open(root, "c1", CONTAINER_LOCKED, &other, &err), ==, -EBADMSG);
	CHECK(other.dirfd >= 0 && other.lock_fd >= 0);
	CHECK_INT(container_state(&other), ==, OCI_STATUS_STOPPED);
	CHECK_INT(container_remove(&other, &err), ==, 0);
}

/* A directory that a dead create left before its first status, and ones that are not ours. */
static void test_bare(void)
{
	const char *root = root_of("bare");
	_cleanup_close_ int root_fd = temporary_subdir("bare"), dir = -1;
	_cleanup_container_ struct container c = CONTAINER_INIT;

	CHECK_INT(mkdirat(root_fd, "early", 0700), ==, 0);
	dir = openat(root_fd, "early", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(io_replace_file(dir, ".status.json.17", "{", 1, 0600, NULL), ==, 0);
	CHECK_INT(container_open(root, "early", CONTAINER_LOCKED, &c, NULL), ==, 0);
	CHECK_STR(c.status.id, NULL);
	CHECK_INT(container_state(&c), ==, OCI_STATUS_STOPPED);
	CHECK_INT(container_remove(&c, NULL), ==, 0);
	container_close(&c);
	CHECK_INT(faccessat(root_fd, "early", F_OK, 0), ==, -1);

	CHECK_INT(mkdirat(root_fd, "home", 0700), ==, 0);
	close_keep_errno(dir);
	dir = openat(root_fd, "home", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(io_replace_file(dir, "diary", "x", 1, 0600, NULL), ==, 0);
	CHECK_INT(container_open(root, "home", CONTAINER_LOCKED, &c, NULL), ==, -ENOENT);
	CHECK_INT(symlinkat("home", root_fd, "link"), ==, 0);
	CHECK_INT(container_open(root, "link", CONTAINER_LOCKED, &c, NULL), ==, -ENOENT);
	CHECK_INT(io_replace_file(root_fd, "file", "x", 1, 0600, NULL), ==, 0);
	CHECK_INT(container_open(root, "file", CONTAINER_LOCKED, &c, NULL), ==, -ENOENT);
}

static void test_full_subdirectory(void)
{
	const char *root = root_of("subdirectory");
	_cleanup_container_ struct container c = CONTAINER_INIT, again = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(container_create(root, "c1", &c, NULL), ==, 0);
	CHECK_INT(mkdirat(c.dirfd, "d", 0700), ==, 0);
	CHECK_INT(mkdirat(c.dirfd, "d/e", 0700), ==, 0);
	CHECK_INT(container_remove(&c, &err), ==, -ENOTEMPTY);
	CHECK_CONTAINS(err.message, "c1/d\"");
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &again, NULL), ==, 0);
}

static void test_states(void)
{
	const char *root = root_of("states");
	_cleanup_container_ struct container c = CONTAINER_INIT, seen = CONTAINER_INIT;
	pid_t pid;

	CHECK_INT(container_create(root, "c1", &c, NULL), ==, 0);
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &seen, NULL), ==, 0);
	CHECK_INT(container_state(&seen), ==, OCI_STATUS_CREATING);
	CHECK_INT(container_state(&c), ==, OCI_STATUS_STOPPED);

	pid = fork();
	if (!pid) {
		container_close(&c);
		for (;;)
			pause();
	}
	CHECK_INT(process_ref_get(pid, &c.status.standin), ==, 0);
	c.status.phase = STATUS_CREATED;
	CHECK_INT(container_state(&c), ==, OCI_STATUS_CREATED);
	c.status.phase = STATUS_STARTED;
	CHECK_INT(container_state(&c), ==, OCI_STATUS_RUNNING);
	/* The pid is there, but of another process. */
	c.status.standin.start++;
	CHECK_INT(container_state(&c), ==, OCI_STATUS_STOPPED);
	c.status.standin.start--;
	CHECK_INT(container_save(&c, NULL), ==, 0);
	CHECK_INT(container_reload(&seen, NULL), ==, 0);
	CHECK_INT(container_state(&seen), ==, OCI_STATUS_RUNNING);
	kill(pid, SIGKILL);
	/* A zombie counts as gone: it is looked at before it is reaped. */
	CHECK_INT(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), ==, 0);
	CHECK_INT(container_state(&seen), ==, OCI_STATUS_STOPPED);
	waitpid(pid, NULL, 0);
	CHECK_INT(container_state(&seen), ==, OCI_STATUS_STOPPED);
}

/* The create that held the lock is killed: creating becomes stopped by itself. */
static void test_killed_create(void)
{
	const char *root = root_of("killed");
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int ready[2];
	pid_t pid;
	char byte;

	CHECK_INT(pipe(ready), ==, 0);
	pid = fork();
	if (!pid) {
		if (container_create(root, "c1", &c, NULL) == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	CHECK_INT(read(ready[0], &byte, 1), ==, 1);
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &c, NULL), ==, 0);
	CHECK_INT(container_state(&c), ==, OCI_STATUS_CREATING);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_INT(container_state(&c), ==, OCI_STATUS_STOPPED);
	close(ready[0]);
	close(ready[1]);
}

#define RACERS 8

/* Many make the same id at once: one wins, the others are told. */
static void test_concurrent_create(void)
{
	const char *root = root_of("race");

	for (int round = 0; round < 20; round++) {
		_cleanup_container_ struct container c = CONTAINER_INIT;
		pid_t pids[RACERS];
		int winners = 0, status;

		for (int i = 0; i < RACERS; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				int r = container_create(root, "c1", &c, NULL);

				_exit(r == 0 ? 0 : r == -EEXIST ? 1 : 2);
			}
		}
		for (int i = 0; i < RACERS; i++) {
			CHECK_INT(waitpid(pids[i], &status, 0), ==, pids[i]);
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
			winners += WEXITSTATUS(status) == 0;
		}
		CHECK_INT(winners, ==, 1);
		CHECK_INT(container_open(root, "c1", CONTAINER_LOCKED, &c, NULL), ==, 0);
		CHECK_INT(container_remove(&c, NULL), ==, 0);
	}
}

/* Adds 1 to a counter in a file under the lock; without exclusion some would be lost. */
static int add_one(const char *root)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int r = container_open(root, "c1", CONTAINER_LOCKED, &c, NULL);

	if (r < 0)
		return r;
	c.status.standin.start++;
	return container_save(&c, NULL);
}

static void test_exclusion(void)
{
	const char *root = root_of("exclusion");
	_cleanup_container_ struct container c = CONTAINER_INIT;
	pid_t pids[RACERS];
	int status;

	CHECK_INT(container_create(root, "c1", &c, NULL), ==, 0);
	c.status.standin = (struct process_ref){.pid = 1, .start = 0};
	CHECK_INT(container_save(&c, NULL), ==, 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int r = 0;

			container_close(&c);
			for (int j = 0; !r && j < 50; j++)
				r = add_one(root);
			_exit(r ? 1 : 0);
		}
	}
	container_close(&c);
	for (int i = 0; i < RACERS; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), ==, pids[i]);
		CHECK_INT(status, ==, 0);
	}
	CHECK_INT(container_open(root, "c1", CONTAINER_UNLOCKED, &c, NULL), ==, 0);
	CHECK_INT(c.status.standin.start, ==, RACERS * 50);
}

/* Who waited for the lock of a container that is removed meanwhile finds that it is gone. */
static void test_removed_while_waiting(void)
{
	const char *root = root_of("waiting");
	_cleanup_container_ struct container c = CONTAINER_INIT;
	pid_t pid;
	int status;

	CHECK_INT(container_create(root, "c1", &c, NULL), ==, 0);
	pid = fork();
	if (!pid) {
		struct container other = CONTAINER_INIT;

		container_close(&c);
		_exit(container_open(root, "c1", CONTAINER_LOCKED, &other, NULL) == -ENOENT ? 0
											    : 1);
	}
	CHECK_INT(container_remove(&c, NULL), ==, 0);
	container_close(&c);
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(status, ==, 0);
}

static void test_list(void)
{
	static const char *const ids[] = {"b", "a", "c"};
	const char *root = root_of("list");
	_cleanup_close_ int root_fd = -1;
	char **listed;

	CHECK_INT(container_list(root, &listed, NULL), ==, 0);
	CHECK(listed && !listed[0]);
	container_list_free(listed);
	root_fd = temporary_subdir("list");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		_cleanup_container_ struct container c = CONTAINER_INIT;

		CHECK_INT(container_create(root, ids[i], &c, NULL), ==, 0);
	}
	CHECK_INT(mkdirat(root_fd, "not an id", 0700), ==, 0);
	CHECK_INT(mkdirat(root_fd, "foreign", 0700), ==, 0);
	CHECK_INT(mkdirat(root_fd, "foreign/x", 0700), ==, 0);
	CHECK_INT(mkdirat(root_fd, "early", 0700), ==, 0);
	CHECK_INT(symlinkat("a", root_fd, "link"), ==, 0);
	CHECK_INT(io_replace_file(root_fd, "file", "x", 1, 0600, NULL), ==, 0);
	CHECK_INT(mkfifoat(root_fd, "fifo", 0600), ==, 0);
	CHECK_INT(container_list(root, &listed, NULL), ==, 4);
	CHECK_STR(listed[0], "a");
	CHECK_STR(listed[1], "b");
	CHECK_STR(listed[2], "c");
	CHECK_STR(listed[3], "early");
	CHECK(!listed[4]);
	container_list_free(listed);
}

int main(void)
{
	TEST_RUN(test_ids);
	TEST_RUN(test_life);
	TEST_RUN(test_not_there);
	TEST_RUN(test_bad_root);
	TEST_RUN(test_full_disk);
	TEST_RUN(test_damaged);
	TEST_RUN(test_bare);
	TEST_RUN(test_full_subdirectory);
	TEST_RUN(test_states);
	TEST_RUN(test_killed_create);
	TEST_RUN(test_concurrent_create);
	TEST_RUN(test_exclusion);
	TEST_RUN(test_removed_while_waiting);
	TEST_RUN(test_list);
	return test_end();
}
