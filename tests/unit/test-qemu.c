// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a VM, with a QEMU that is played by this program itself: qemu_start() executes it
 * again, and the last argument says how it behaves. The commands it gets are recorded in the file
 * that is the guest's memory.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "libocispec/json.h"
#include "test.h"
#include "vmm/console.h"
#include "vmm/qemu.h"
#include "vmm/qmp-wire.h"
#include "vmm/spawn.h"

/* The player. */

struct fake {
	int qmp;
	int console;
	int record;
	const char *mode;
};

static bool mode_is(const struct fake *f, const char *mode)
{
	return !strcmp(f->mode, mode);
}

static void tell(int fd, const char *text)
{
	(void)io_write_all(fd, text, strlen(text));
}

static void fake_came_up(struct fake *f)
{
	if (mode_is(f, "abort"))
		abort();
	if (mode_is(f, "internal-error"))
		tell(f->qmp, "{\"event\":\"STOP\"}\n");
	if (mode_is(f, "hang") || mode_is(f, "internal-error") || mode_is(f, "load"))
		return;
	if (mode_is(f, "early-panic"))
		tell(f->console, "dying\nKernel panic - not syncing: x\ntrace\n");
	else if (!mode_is(f, "early-off"))
		tell(f->console, "vminitd: ready\r\n");
	if (mode_is(f, "panic"))
		tell(f->console, "Kernel panic - not syncing: y\ntrace\n");
	if (mode_is(f, "off") || mode_is(f, "panic") || mode_is(f, "early-panic") ||
	    mode_is(f, "early-off")) {
		tell(f->qmp, "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,"
			     "\"reason\":\"guest-shutdown\"}}\n");
		_exit(0);
	}
	if (mode_is(f, "garbage"))
		tell(f->qmp, "garbage\n");
	if (mode_is(f, "close"))
		f->qmp = close_keep_errno(f->qmp);
	if (mode_is(f, "die"))
		raise(SIGKILL);
}

static void fake_command(struct fake *f, const char *line, size_t len)
{
	_cleanup_json_ struct json *root = NULL;
	const char *name;
	uint64_t id;

	(void)io_write_all(f->record, line, len);
	if (json_parse(line, len, len, &root, NULL) < 0)
		_exit(99);
	name = qmp_string(root, "execute");
	(void)json_get_uint(json_member(root, "id"), UINT64_MAX, &id, NULL);
	if (!strcmp(name, "device_add") && mode_is(f, "plug-fail") && strstr(line, "\"0.1\"")) {
		dprintf(f->qmp,
			"{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":%d}\n",
			(int)id);
		return;
	}
	dprintf(f->qmp, "{\"return\":%s,\"id\":%d}\n",
		strcmp(name, "query-status") ? "{}" : "{\"status\":\"internal-error\"}", (int)id);
	if (!strcmp(name, "qmp_capabilities"))
		fake_came_up(f);
	else if (!strcmp(name, "migrate-incoming") || !strcmp(name, "migrate"))
		dprintf(f->qmp,
			"{\"event\":\"MIGRATION\",\"data\":{\"status\":\"active\"}}\n"
			"{\"event\":\"MIGRATION\",\"data\":{\"status\":\"%s\"}}\n",
			mode_is(f, "save-fail") ? "failed" : "completed");
	else if (!strcmp(name, "device_del"))
		tell(f->qmp, "{\"event\":\"DEVICE_DELETED\",\"data\":{\"path\":\"/x\"}}\n"
			     "{\"event\":\"DEVICE_DELETED\",\"data\":{\"device\":\"b\"}}\n"
			     "{\"event\":\"DEVICE_DELETED\",\"data\":{\"device\":\"a\"}}\n");
	else if (!strcmp(name, "quit"))
		_exit(0);
}

/* vminitd's part of a save. */
static void fake_console(struct fake *f)
{
	char byte;

	if (read(f->console, &byte, 1) != 1)
		_exit(97);
	dprintf(f->record, "console: %c\n", byte);
	tell(f->console, "vminitd: releases its devices\r\n");
	tell(f->console, "vminitd: handover at 0x1f000\r\n");
}

/* Return: whether QMP has something. */
static bool fake_wait(struct fake *f)
{
	struct pollfd fds[] = {{.fd = f->qmp, .events = POLLIN},
			       {.fd = f->console, .events = POLLIN}};

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		_exit(96);
	if (fds[1].revents)
		fake_console(f);
	return fds[0].revents;
}

static int fake_main(int argc, char **argv)
{
	struct fake f = {.mode = argv[argc - 1], .record = -1};
	struct strbuf in = STRBUF_INIT;

	for (int i = 1; i < argc; i++) {
		const char *path = strstr(argv[i], "mem-path=/proc/self/fd/");

		(void)sscanf(argv[i], "socket,id=qmp,fd=%d", &f.qmp);
		(void)sscanf(argv[i], "socket,id=console,fd=%d", &f.console);
		if (path)
			(void)sscanf(path, "mem-path=/proc/self/fd/%d", &f.record);
	}
	if (mode_is(&f, "refuse")) {
		fprintf(stderr, "unknown option\n");
		return 1;
	}
	if (mode_is(&f, "refuse-kvm")) {
		fprintf(stderr, "failed to initialize kvm\n");
		return 1;
	}
	tell(f.qmp, "{\"QMP\":{}}\r\n");
	for (;;) {
		char *room = strbuf_reserve(&in, 4096), *newline;
		ssize_t n;

		if (!fake_wait(&f))
			continue;
		n = read(f.qmp, room, 4096);
		if (n <= 0)
			_exit(98);
		in.len += (size_t)n;
		while ((newline = memchr(in.data, '\n', in.len))) {
			fake_command(&f, in.data, (size_t)(newline + 1 - in.data));
			strbuf_consume(&in, (size_t)(newline + 1 - in.data));
		}
	}
}

/* The tests. */

struct fixture {
	struct loop *loop;
	struct qemu *qemu;
	int record;
	struct strbuf heard;
	bool gone;
	bool free_when_ready;
};

static void on_up(_unused_ struct qemu *qemu, void *data)
{
	strbuf_puts(&((struct fixture *)data)->heard, "up ");
}

static void on_ready(struct qemu *qemu, void *data)
{
	struct fixture *f = data;

	strbuf_printf(&f->heard, "ready:%s ", qemu_state_name(qemu_get_state(qemu)));
	if (f->free_when_ready) {
		qemu_free(qemu);
		f->qemu = NULL;
		f->gone = true;
	}
}

static void on_failed(_unused_ struct qemu *qemu, enum qemu_failure kind, const struct error *err,
		      void *data)
{
	strbuf_printf(&((struct fixture *)data)->heard, "failed:%s:%s ", qemu_failure_name(kind),
		      error_message(err));
}

static void on_gone(_unused_ struct qemu *qemu, enum qemu_end end, const struct error *err,
		    void *data)
{
	static const char *const names[] = {"guest", "panic", "asked", "died"};
	struct fixture *f = data;

	strbuf_printf(&f->heard, "exit:%s:%s", names[end], error_message(err));
	f->gone = true;
}

static const struct qemu_ops ops = {
	.on_up = on_up, .on_ready = on_ready, .on_failed = on_failed, .on_exit = on_gone};

static void on_done(_unused_ struct qemu *qemu, const struct error *err, void *data)
{
	strbuf_printf(&((struct fixture *)data)->heard, "done:%s ",
		      err ? error_message(err) : "ok");
}

static void setup(struct fixture *f, const char *mode, struct qemu_config config, int state_fd)
{
	struct accel accel = {.kvm = config.kvm, .reason = (char *)"no flag"};
	struct qemu_start start = {.config = &config,
				   .accel = &accel,
				   .state_fd = state_fd,
				   .console_log_fd = -1,
				   .boot_timeout = strcmp(mode, "hang") ? 0 : 50000};
	_cleanup_error_ struct error err = ERROR_INIT;

	*f = (struct fixture){.record = memfd_create("record", MFD_CLOEXEC)};
	CHECK_INT(loop_new(&f->loop), ==, 0);
	config.program = "/proc/self/exe";
	config.cpus = 1;
	config.memory = 2 << 20;
	config.memory_fd = f->record;
	config.kernel = "/dev/null";
	config.extra = &mode;
	config.n_extra = 1;
	config.incoming = state_fd >= 0;
	config.root_ports = 2;
	if (qemu_start(f->loop, &start, &ops, f, &f->qemu, &err) < 0)
		TEST_FAIL("%s", error_message(&err));
}

/* Until something that contains @text was heard. */
static void wait_for(struct fixture *f, const char *text)
{
	uint64_t deadline = loop_now() + 20 * USEC_PER_SEC;

	while (!f->heard.data || !strstr(f->heard.data, text))
		if (loop_iterate(f->loop, deadline) < 0 && loop_now() >= deadline)
			TEST_FAIL("no \"%s\" in: %s", text, f->heard.data ? f->heard.data : "");
}

static void check_heard(struct fixture *f, const char *expected)
{
	CHECK_STR(f->heard.data ? f->heard.data : "", expected);
	strbuf_free(&f->heard);
}

static void check_record(struct fixture *f, const char *expected)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	CHECK_INT(lseek(f->record, 0, SEEK_SET), ==, 0);
	CHECK_INT(io_read_fd(f->record, 100000, &text), ==, 0);
	CHECK_STR(text.data ? text.data : "", expected);
}

static void teardown(struct fixture *f)
{
	qemu_free(f->qemu);
	loop_free(f->loop);
	close_keep_errno(f->record);
	strbuf_free(&f->heard);
}

/* From start to end, and all that is heard. */
static void check_life(const char *mode, bool kvm, const char *expected)
{
	struct fixture f;

	setup(&f, mode, (struct qemu_config){.kvm = kvm}, -1);
	wait_for(&f, "exit:");
	CHECK_INT(qemu_get_state(f.qemu), ==, QEMU_GONE);
	/* The deadline may pass before QMP is up. */
	if (!strcmp(mode, "hang") && !strncmp(f.heard.data, "up ", 3))
		strbuf_consume(&f.heard, 3);
	check_heard(&f, expected);
	teardown(&f);
}

/* The same text comes with on_failed and again with on_exit. */
#define TWICE(text, between) text between text

static void test_ends(void)
{
	check_life("off", false, "up ready:running exit:guest:the guest ended");
	check_life("panic", false,
		   "up ready:running exit:panic:the guest's kernel panicked; the guest's console: "
		   "vminitd: ready | Kernel panic - not syncing: y");
	check_life("die", false,
		   "up ready:running exit:died:QEMU was killed by signal 9 (Killed); "
		   "the guest's console: vminitd: ready");
}

static void test_early_ends(void)
{
	check_life("refuse", false,
		   "failed:process:" TWICE("QEMU exited with status 1 before the guest was up; "
					   "QEMU said: unknown option",
					   " exit:died:"));
	check_life("early-off", false,
		   "up failed:boot:" TWICE("the guest ended before it was up", " exit:died:"));
	check_life("early-panic", false,
		   "up failed:boot:" TWICE("the guest's kernel panicked before the guest was up; "
					   "the guest's console: dying | "
					   "Kernel panic - not syncing: x",
					   " exit:panic:"));
	check_life("abort", false,
		   "up failed:process:" TWICE("QEMU was killed by signal 6 (Aborted) before the "
					      "guest was up",
					      " exit:died:"));
	check_life("hang", false,
		   "failed:boot:" TWICE("the guest was not up after 0 seconds (without KVM)",
					" exit:died:"));
}

#define NOTE "; note that no flag"

static void test_accel(void)
{
	check_life("refuse", true,
		   "failed:process:" TWICE("QEMU exited with status 1 before the guest was up; "
					   "QEMU said: unknown option" NOTE,
					   " exit:died:"));
	check_life("refuse-kvm", true,
		   "failed:acceleration:" TWICE("QEMU exited with status 1 before the guest was "
						"up; QEMU said: failed to initialize kvm" NOTE,
						" exit:died:"));
	check_life("abort", true,
		   "up failed:acceleration:" TWICE("QEMU was killed by signal 6 (Aborted) before "
						   "the guest was up" NOTE,
						   " exit:died:"));
	check_life("internal-error", true,
		   "up failed:acceleration:" TWICE(
			   "the VM stopped with an internal error of KVM" NOTE, " exit:died:"));
	check_life("hang", true,
		   "failed:acceleration:" TWICE("the guest was not up after 0 seconds "
						"(with KVM)" NOTE,
						" exit:died:"));
}

static void test_qmp_trouble(void)
{
	struct fixture f;

	setup(&f, "garbage", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "exit:");
	CHECK_CONTAINS(f.heard.data, "failed:qmp:QEMU sent what is not QMP");
	teardown(&f);
	setup(&f, "close", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "exit:");
	CHECK_CONTAINS(f.heard.data, "failed:qmp:QEMU closed its QMP connection");
	teardown(&f);
}

static void test_asked(void)
{
	struct fixture f;

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready:");
	qemu_kill(f.qemu);
	wait_for(&f, "exit:");
	check_heard(&f, "up ready:running exit:asked:the VM was ended");
	teardown(&f);

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready:");
	qemu_quit(f.qemu);
	wait_for(&f, "exit:");
	check_heard(&f, "up ready:running exit:asked:the VM was ended");
	teardown(&f);

	setup(&f, "hang", (struct qemu_config){.kvm = false}, -1);
	qemu_quit(f.qemu);
	wait_for(&f, "exit:");
	check_heard(&f, "exit:asked:the VM was ended");
	teardown(&f);
}

static void test_free(void)
{
	struct fixture f;
	pid_t pid;

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	pid = qemu_pid(f.qemu);
	qemu_free(f.qemu);
	f.qemu = NULL;
	CHECK_INT(kill(pid, 0), ==, -1);
	check_heard(&f, "");
	teardown(&f);

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	f.free_when_ready = true;
	CHECK_INT(loop_run_until(f.loop, &f.gone, loop_now() + 10 * USEC_PER_SEC), ==, 0);
	(void)loop_iterate(f.loop, loop_now());
	check_heard(&f, "up ready:running ");
	teardown(&f);
}

static const struct qemu_device pair[] = {
	{.kind = QEMU_DEVICE_RNG, .id = "a"},
	{.kind = QEMU_DEVICE_NET, .id = "b", .net = {.backend = QEMU_NET_USER}},
};

static void test_plug(void)
{
	struct qemu_device same = {.kind = QEMU_DEVICE_RNG, .id = "a"};
	struct qemu_device other = {.kind = QEMU_DEVICE_RNG, .id = "c"};
	struct fixture f;

	setup(&f, "ok", (struct qemu_config){.paused = true}, -1);
	CHECK_INT(qemu_plug(f.qemu, pair, 2, on_done, &f, NULL), ==, -ESHUTDOWN);
	wait_for(&f, "up");
	CHECK_INT(qemu_get_state(f.qemu), ==, QEMU_HELD);
	CHECK_INT(qemu_plug(f.qemu, pair, 0, on_done, &f, NULL), ==, -EINVAL);
	CHECK_INT(qemu_plug(f.qemu, pair, 2, on_done, &f, NULL), ==, 0);
	CHECK_INT(qemu_plug(f.qemu, &same, 1, on_done, &f, NULL), ==, -EINVAL);
	wait_for(&f, "done:ok");
	qemu_continue(f.qemu, NULL, NULL);
	wait_for(&f, "ready:running");
	CHECK_INT(qemu_plug(f.qemu, &other, 1, on_done, &f, NULL), ==, 0);
	other.id = "d";
	CHECK_INT(qemu_plug(f.qemu, &other, 1, on_done, &f, NULL), ==, -ENOSPC);
	CHECK_INT(qemu_unplug(f.qemu, "nobody", on_done, &f, NULL), ==, -ENODEV);
	strbuf_free(&f.heard);
	wait_for(&f, "done:ok");
	strbuf_free(&f.heard);
	CHECK_INT(qemu_unplug(f.qemu, "b", on_done, &f, NULL), ==, 0);
	wait_for(&f, "done:ok");
	CHECK_INT(qemu_plug(f.qemu, pair, 1, on_done, &f, NULL), ==, 0);
	strbuf_free(&f.heard);
	wait_for(&f, "done:ok");
	check_record(
		&f,
		"{\"execute\":\"qmp_capabilities\",\"id\":1}\n"
		"{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"user\",\"id\":\"net-b\"},"
		"\"id\":2}\n"
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\","
		"\"id\":\"b\",\"bus\":\"rp0\",\"addr\":\"0.1\",\"multifunction\":true,"
		"\"netdev\":\"net-b\",\"mac\":\"00:00:00:00:00:00\",\"romfile\":\"\"},\"id\":3}\n"
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-rng-pci\","
		"\"id\":\"a\",\"bus\":\"rp0\",\"addr\":\"0.0\",\"multifunction\":true},\"id\":4}\n"
		"{\"execute\":\"cont\",\"id\":5}\n"
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-rng-pci\","
		"\"id\":\"c\",\"bus\":\"rp1\",\"addr\":\"0.0\"},\"id\":6}\n"
		"{\"execute\":\"device_del\",\"arguments\":{\"id\":\"a\"},\"id\":7}\n"
		"{\"execute\":\"netdev_del\",\"arguments\":{\"id\":\"net-b\"},\"id\":8}\n"
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-rng-pci\","
		"\"id\":\"a\",\"bus\":\"rp0\",\"addr\":\"0.0\"},\"id\":9}\n");
	teardown(&f);
}

static void test_plug_fails(void)
{
	struct fixture f;

	setup(&f, "plug-fail", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready");
	strbuf_free(&f.heard);
	CHECK_INT(qemu_plug(f.qemu, pair, 2, on_done, &f, NULL), ==, 0);
	wait_for(&f, "done:");
	check_heard(&f, "done:QEMU: device_add: no ");
	/* The slot is lost, its names are free. */
	CHECK_INT(qemu_plug(f.qemu, pair, 1, on_done, &f, NULL), ==, 0);
	wait_for(&f, "done:ok");
	CHECK_INT(qemu_plug(f.qemu, &pair[1], 1, on_done, &f, NULL), ==, -ENOSPC);
	teardown(&f);
}

static void test_chardev(void)
{
	struct qemu_chardev chardev = {"fs2", STDIN_FILENO};
	struct fixture f;

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready");
	CHECK_INT(qemu_add_chardev(f.qemu, &chardev, on_done, &f, NULL), ==, 0);
	wait_for(&f, "done:ok");
	check_record(&f, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n"
			 "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"fs2\"},\"id\":2}\n"
			 "{\"execute\":\"chardev-add\",\"arguments\":{\"id\":\"fs2\",\"backend\":"
			 "{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{"
			 "\"str\":\"fs2\"}},"
			 "\"server\":false}}},\"id\":3}\n");
	teardown(&f);
}

#define CAPABILITIES                                                                  \
	"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[" \
	"{\"capability\":\"x-ignore-shared\",\"state\":true},"                        \
	"{\"capability\":\"events\",\"state\":true}]},"

static void test_restore(void)
{
	_cleanup_close_ int state = memfd_create("state", MFD_CLOEXEC);
	struct fixture f;

	setup(&f, "load", (struct qemu_config){.kvm = false}, state);
	wait_for(&f, "ready");
	check_heard(&f, "up ready:paused ");
	qemu_continue(f.qemu, on_done, &f);
	wait_for(&f, "done:ok");
	CHECK_INT(qemu_get_state(f.qemu), ==, QEMU_RUNNING);
	check_record(
		&f,
		"{\"execute\":\"qmp_capabilities\",\"id\":1}\n" CAPABILITIES "\"id\":2}\n"
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"},\"id\":3}\n"
		"{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:state\"},\"id\":4}\n"
		"{\"execute\":\"cont\",\"id\":5}\n");
	teardown(&f);
}

static void test_save(void)
{
	_cleanup_close_ int state = memfd_create("state", MFD_CLOEXEC);
	struct fixture f;
	uint64_t address;

	setup(&f, "ok", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready");
	CHECK(!console_handover(qemu_console(f.qemu), &address));
	qemu_save(f.qemu, state, on_done, &f);
	wait_for(&f, "done:ok");
	CHECK(console_handover(qemu_console(f.qemu), &address));
	CHECK_INT(address, ==, 0x1f000);
	wait_for(&f, "exit:");
	check_heard(&f, "up ready:running done:ok exit:asked:the VM was ended");
	check_record(&f, "{\"execute\":\"qmp_capabilities\",\"id\":1}\nconsole: s\n"
			 "{\"execute\":\"stop\",\"id\":2}\n" CAPABILITIES "\"id\":3}\n"
			 "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"},\"id\":4}\n"
			 "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"},\"id\":5}\n"
			 "{\"execute\":\"quit\",\"id\":6}\n");
	teardown(&f);

	setup(&f, "save-fail", (struct qemu_config){.kvm = false}, -1);
	wait_for(&f, "ready");
	qemu_save(f.qemu, state, on_done, &f);
	wait_for(&f, "done:");
	check_heard(&f, "up ready:running done:save the VM as a template: QEMU: migration failed ");
	CHECK_INT(qemu_get_state(f.qemu), ==, QEMU_PAUSED);
	teardown(&f);
}

static void test_refused(void)
{
	struct qemu_config config = {.program = "/nonexistent/qemu",
				     .cpus = 1,
				     .memory = 2 << 20,
				     .memory_fd = -1,
				     .kernel = "/dev/null"};
	struct qemu_start start = {.config = &config, .state_fd = -1, .console_log_fd = -1};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qemu *qemu;
	struct loop *loop;

	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(qemu_start(loop, &start, &ops, NULL, &qemu, &err), ==, -ENOENT);
	CHECK_STR(error_message(&err),
		  "execute QEMU \"/nonexistent/qemu\": No such file or directory");
	config.kernel = "/nonexistent/vmlinux";
	CHECK_INT(qemu_start(loop, &start, &ops, NULL, &qemu, &err), ==, -ENOENT);
	CHECK_STR(error_message(&err), "read the guest's kernel \"/nonexistent/vmlinux\": "
				       "No such file or directory");
	start.state_fd = 0;
	CHECK_INT(qemu_start(loop, &start, &ops, NULL, &qemu, &err), ==, -EINVAL);
	loop_free(loop);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return fake_main(argc, argv);
	TEST_RUN(test_ends);
	TEST_RUN(test_early_ends);
	TEST_RUN(test_accel);
	TEST_RUN(test_qmp_trouble);
	TEST_RUN(test_asked);
	TEST_RUN(test_free);
	TEST_RUN(test_plug);
	TEST_RUN(test_plug_fails);
	TEST_RUN(test_chardev);
	TEST_RUN(test_restore);
	TEST_RUN(test_save);
	TEST_RUN(test_refused);
	return test_end();
}
