// SPDX-License-Identifier: Apache-2.0
/* The status file: what is written is read back, and what is damaged is said to be. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "container/status.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "tests/unit/temporary.h"
#include "tests/unit/test.h"

static struct status example(void)
{
	struct status s = {
		.id = xstrdup("c1"),
		.oci_version = xstrdup("1.2.0"),
		.bundle = xstrdup("/b/\"quoted\"\n\xc3\xa9"),
		.rootfs = xstrdup("/b/rootfs"),
		.created = xstrdup("2026-01-02T03:04:05.000000006Z"),
		.owner = xstrdup(""),
		.vm = xstrdup("pod"),
		.phase = STATUS_STARTED,
		.standin = {.pid = 123, .start = UINT64_MAX},
		.monitor = {.pid = 4194304, .start = 1},
		.terminal = true,
		.n_cgroups = 2,
	};

	s.cgroups = xcalloc(3, sizeof(char *));
	s.cgroups[0] = xstrdup("/sys/fs/cgroup/memory/x");
	s.cgroups[1] = xstrdup("/sys/fs/cgroup/cpu/x");
	return s;
}

static void test_round_trip(void)
{
	_cleanup_close_ int dir = temporary_subdir("round-trip");
	_cleanup_status_ struct status a = example(), b = {0};
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(status_write(dir, &a, &err), ==, 0);
	CHECK_INT(status_read(dir, &b, &err), ==, 0);
	CHECK_STR(b.id, a.id);
	CHECK_STR(b.oci_version, a.oci_version);
	CHECK_STR(b.bundle, a.bundle);
	CHECK_STR(b.rootfs, a.rootfs);
	CHECK_STR(b.created, a.created);
	CHECK_STR(b.owner, "");
	CHECK_STR(b.vm, a.vm);
	CHECK_INT(b.phase, ==, STATUS_STARTED);
	CHECK_INT(b.standin.pid, ==, 123);
	CHECK(b.standin.start == UINT64_MAX);
	CHECK_INT(b.monitor.pid, ==, 4194304);
	CHECK(b.terminal);
	CHECK_INT(b.n_cgroups, ==, 2);
	CHECK_STR(b.cgroups[1], "/sys/fs/cgroup/cpu/x");
	CHECK(!b.cgroups[2]);
}

static void test_little(void)
{
	_cleanup_close_ int dir = temporary_subdir("little");
	_cleanup_status_ struct status a = {.id = xstrdup("x")}, b = {0};

	CHECK_INT(status_write(dir, &a, NULL), ==, 0);
	CHECK_INT(status_read(dir, &b, NULL), ==, 0);
	CHECK_STR(b.id, "x");
	CHECK_STR(b.bundle, NULL);
	CHECK_INT(b.phase, ==, STATUS_CREATING);
	CHECK_INT(b.standin.pid, ==, 0);
	CHECK_INT(b.n_cgroups, ==, 0);
}

static void test_text(void)
{
	_cleanup_close_ int dir = temporary_subdir("text");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_status_ struct status a = {
		.id = xstrdup("x"), .bundle = xstrdup("/b"), .standin = {.pid = 7, .start = 8}};

	CHECK_INT(status_write(dir, &a, NULL), ==, 0);
	CHECK_INT(io_read_file(dir, STATUS_FILE, 4096, &text), ==, 0);
	CHECK_STR(text.data, "{\n"
			     "  \"id\": \"x\",\n"
			     "  \"bundle\": \"/b\",\n"
			     "  \"phase\": \"creating\",\n"
			     "  \"standin\": {\n"
			     "    \"pid\": 7,\n"
			     "    \"start\": 8\n"
			     "  },\n"
			     "  \"terminal\": false,\n"
			     "  \"cgroups\": []\n"
			     "}\n");
}

static void test_missing(void)
{
	_cleanup_close_ int dir = temporary_subdir("missing");
	_cleanup_status_ struct status s = {.phase = STATUS_CREATED};

	CHECK_INT(status_read(dir, &s, NULL), ==, -ENOENT);
	CHECK_INT(s.phase, ==, STATUS_CREATED);
}

static void test_damaged(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "status.json: damaged"},
		{"{\"id\": \"c1\", \"pha", "status.json: damaged"},
		{"[]", "expected an object"},
		{"{\"phase\": \"created\"}", "id: missing"},
		{"{\"id\": \"x\"}", "phase"},
		{"{\"id\": 1, \"phase\": \"created\"}", "id: expected a string"},
		{"{\"id\": \"x\", \"phase\": \"flying\"}", "unknown phase \"flying\""},
		{"{\"id\": \"x\", \"phase\": \"created\", \"standin\": 5}", "standin"},
		{"{\"id\": \"x\", \"phase\": \"created\", \"standin\": {\"pid\": 1}}", "start"},
		{"{\"id\": \"x\", \"phase\": \"created\", \"standin\": {\"pid\": -1, \"start\": "
		 "1}}",
		 "standin.pid"},
		{"{\"id\": \"x\", \"phase\": \"created\", \"monitor\": {\"pid\": 99999999999, "
		 "\"start\": 1}}",
		 "monitor.pid"},
		{"{\"id\": \"x\", \"phase\": \"created\", \"terminal\": 1}", "terminal"},
		{"{\"id\": \"x\", \"phase\": \"created\", \"cgroups\": [\"/a\", 1]}", "cgroups[1]"},
		{"{\"id\": \"x\", \"phase\": \"created\"} {}", "status.json: damaged"},
	};
	_cleanup_close_ int dir = temporary_subdir("damaged");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_status_ struct status s = {0};
		_cleanup_error_ struct error err = ERROR_INIT;

		CHECK_INT(io_replace_file(dir, STATUS_FILE, cases[i].text, strlen(cases[i].text),
					  0600, NULL),
			  ==, 0);
		CHECK_INT(status_read(dir, &s, &err), ==, -EBADMSG);
		CHECK_INT(err.errnum, ==, EBADMSG);
		CHECK_CONTAINS(err.message, cases[i].message);
		CHECK_STR(s.id, NULL);
		CHECK_INT(status_read(dir, &s, NULL), ==, -EBADMSG);
	}
}

static void test_too_large(void)
{
	_cleanup_close_ int dir = temporary_subdir("large");
	_cleanup_free_ char *text = xmalloc(2 << 20);
	_cleanup_status_ struct status s = {0};

	memset(text, ' ', 2 << 20);
	CHECK_INT(io_replace_file(dir, STATUS_FILE, text, 2 << 20, 0600, NULL), ==, 0);
	CHECK_INT(status_read(dir, &s, NULL), ==, -EBADMSG);
}

/* A limit of the file size stands for a full disk: the write fails half way in both cases. */
static void test_full_disk(void)
{
	_cleanup_close_ int dir = temporary_subdir("full");
	_cleanup_status_ struct status a = example(), b = {0};
	int status;
	pid_t pid;

	CHECK_INT(status_write(dir, &a, NULL), ==, 0);
	pid = fork();
	if (!pid) {
		struct rlimit limit = {16, 16};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		a.phase = STATUS_CREATING;
		_exit(status_write(dir, &a, NULL) == -EFBIG ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(status, ==, 0);
	CHECK_INT(status_read(dir, &b, NULL), ==, 0);
	CHECK_INT(b.phase, ==, STATUS_STARTED);
}

/* A writer is killed at any moment: the file is always whole. */
static void test_killed_writer(void)
{
	_cleanup_close_ int dir = temporary_subdir("killed");
	_cleanup_status_ struct status a = example();

	CHECK_INT(status_write(dir, &a, NULL), ==, 0);
	for (int i = 0; i < 50; i++) {
		_cleanup_status_ struct status b = {0};
		pid_t pid = fork();

		if (!pid)
			for (;;) {
				a.phase =
					a.phase == STATUS_STARTED ? STATUS_CREATED : STATUS_STARTED;
				(void)status_write(dir, &a, NULL);
			}
		for (int j = 0; j < i % 10; j++) {
			_cleanup_status_ struct status c = {0};

			CHECK_INT(status_read(dir, &c, NULL), ==, 0);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK_INT(status_read(dir, &b, NULL), ==, 0);
		CHECK_STR(b.id, "c1");
	}
}

int main(void)
{
	TEST_RUN(test_round_trip);
	TEST_RUN(test_little);
	TEST_RUN(test_text);
	TEST_RUN(test_missing);
	TEST_RUN(test_damaged);
	TEST_RUN(test_too_large);
	TEST_RUN(test_full_disk);
	TEST_RUN(test_killed_writer);
	return test_end();
}
