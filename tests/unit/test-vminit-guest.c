// SPDX-License-Identifier: Apache-2.0
/* vminitd's rooms together, on this host: the life of containers, their streams and their errors. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "vminit-harness.h"
#include "lib/process.h"
#include "libocispec/seccomp-program.h"
#include "vminit/spare.h"

static struct harness h;

/* Runs a script and gives its output without the last line's end. */
static int run(const char *script, const char *process, const char *linux_members,
	       const char *members, struct strbuf *out)
{
	_cleanup_free_ char *config = harness_config(&h, script, process, linux_members, members);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = harness_run(&h, config, out, &err);

	if (r < 0)
		strbuf_printf(out, "error: %s", error_message(&err));
	while (out->len && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	return r;
}

#define CHECK_RUN(script, process, linux_members, members, code, output)                         \
	do {                                                                                     \
		_cleanup_strbuf_ struct strbuf out_ = STRBUF_INIT;                               \
		int code_ = run(script, process, linux_members, members, &out_);                 \
		if (code_ != (code) || strcmp(out_.data ? out_.data : "", output) != 0)          \
			TEST_FAIL("%s: status %d, output: %s", script ? script : process, code_, \
				  out_.data ? out_.data : "");                                   \
	} while (0)

static void test_run(void)
{
	CHECK_RUN("echo hello; exit 7", "", "", "", 7, "hello");
	CHECK_RUN("kill -KILL $$; sleep 5", "", "", "", 0, "");
	CHECK_RUN("kill -TERM $(sh -c 'echo $PPID')", "", "", "", 0, "");
	CHECK_RUN("echo $$; ls /proc/self/fd | wc -l", "", "", "", 0, "1\n4");
}

static void test_process(void)
{
	CHECK_RUN("id -u; id -g; id -G; umask",
		  ",\"user\":{\"uid\":12,\"gid\":34,"
		  "\"additionalGids\":[56,78],\"umask\":63}",
		  "", "", 0, "12\n34\n34 56 78\n0077");
	CHECK_RUN(
		"grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status",
		",\"user\":{\"uid\":5,\"gid\":5},"
		"\"noNewPrivileges\":true,\"capabilities\":{\"bounding\":[\"CAP_KILL\","
		"\"CAP_CHOWN\"],\"effective\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"],"
		"\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]}",
		"", "", 0,
		"CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
		"CapBnd:\t0000000000000021\nCapAmb:\t0000000000000020\nNoNewPrivs:\t1\nSeccomp:"
		"\t0");
	CHECK_RUN("ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj",
		  ",\"oomScoreAdj\":321,\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":77,"
		  "\"hard\":99}]",
		  "", "", 0, "77\n99\n321");
	CHECK_RUN("cat /proc/self/oom_score_adj; ulimit -n", "", "", "", 0, "0\n1024");
	CHECK_RUN("grep -cE '^Cap.*0000000000000000' /proc/self/status", "", "", "", 0, "5");
	CHECK_RUN("pwd", ",\"cwd\":\"/tmp/a/b\"", "", "", 0, "/tmp/a/b");
	CHECK_RUN("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", "", "", "", 0,
		  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000");
}

static void test_namespaces(void)
{
	CHECK_RUN("uname -n; cat /proc/sys/kernel/domainname; cat /proc/self/cgroup | tail -1 | "
		  "cut -c1-3;"
		  "cat /sys/class/net/lo/operstate 2>/dev/null; cat /proc/sys/kernel/shmmni",
		  "", ",\"sysctl\":{\"kernel.shmmni\":\"1234\"}",
		  "],\"hostname\":\"tester\",\"domainname\":\"example\",\"annotations\":{},\"x\":[",
		  0, "tester\nexample\n0::\n1234");
	CHECK_RUN("cat /proc/self/timens_offsets | tr -s ' ' | head -1", "",
		  ",\"timeOffsets\":{\"monotonic\":{\"secs\":1000}}", "", -EINVAL,
		  "error: linux.timeOffsets: needs a \"time\" namespace in linux.namespaces");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	CHECK(f);
	fputs(text, f);
	fclose(f);
}

static void test_mounts(void)
{
	_cleanup_free_ char *file = xasprintf("%s/../file", h.rootfs);
	_cleanup_free_ char *readonly =
		xasprintf(",{\"destination\":\"/data/x\",\"type\":\"bind\",\"source\":\"%s\","
			  "\"options\":[\"bind\",\"ro\",\"noexec\"]}",
			  file);
	_cleanup_free_ char *escape = xasprintf("%s/../outside", h.rootfs);
	_cleanup_free_ char *link = xasprintf("%s/link", h.rootfs);

	write_file(file, "content");
	CHECK_RUN("cat /data/x; (echo no > /data/x) 2>/dev/null || echo :read-only; "
		  "grep ' /data/x ' /proc/self/mountinfo | cut -d' ' -f6",
		  "", "", readonly, 0, "content:read-only\nro,noexec,relatime");
	/* A symlink of the rootfs leads nowhere outside, and its dangling target is made inside. */
	CHECK(!symlink("/../../outside", link));
	CHECK_RUN("ls -d /outside; grep -c ' /outside ' /proc/self/mountinfo", "", "",
		  ",{\"destination\":\"/link\",\"type\":\"tmpfs\",\"options\":[\"size=64k\"]}", 0,
		  "/outside\n1");
	CHECK(access(escape, F_OK) < 0);
	unlink(link);
	CHECK_RUN("df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /t", "", "",
		  ",{\"destination\":\"/"
		  "t\",\"type\":\"tmpfs\",\"options\":[\"size=64k\",\"mode=1750\"]}",
		  0, "64\n1750");
	CHECK_RUN("mkdir -p /etc/copied/d; echo 5 > /etc/copied/d/f; chmod 640 /etc/copied/d/f; "
		  "ln -s f /etc/copied/d/l; chown 7 /etc/copied/d/f",
		  ",\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\"],"
		  "\"effective\":[\"CAP_CHOWN\"]}",
		  "", "", 0, "");
	CHECK_RUN(
		"stat -c '%a %u' /etc/copied/d/l /etc/copied/d/f; rm -r /etc/copied/d", "", "",
		",{\"destination\":\"/etc/copied\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]}",
		0, "777 0\n640 7");
	CHECK_RUN("ls /etc/copied/d", "", "", "", 0, "f\nl");
	CHECK_RUN("touch /root-file 2>/dev/null || echo read-only; mount | grep -c cgroup2", "", "",
		  ",{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"ro\"]},"
		  "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"options\":[\"ro\"]}",
		  0, "1");
}

static void test_masks(void)
{
	CHECK_RUN(
		"wc -c < /proc/version; ls /proc/fs 2>&1 | wc -l; echo 1 > /proc/sys/kernel/panic",
		"",
		",\"maskedPaths\":[\"/proc/version\",\"/proc/fs\",\"/nope\"],"
		"\"readonlyPaths\":[\"/proc/sys\",\"/nope\"]",
		"", 2, "0\n0");
}

static void test_devices(void)
{
	CHECK_RUN("cd /dev; ls -d console core fd full null ptmx random stderr stdin stdout tty "
		  "urandom zero fuse 2>/dev/null | tr '\\n' ' '; stat -c '%a %t:%T' null fuse; "
		  "readlink ptmx fd",
		  "",
		  ",\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,"
		  "\"fileMode\":384,\"uid\":1,\"gid\":2}]",
		  "", 0,
		  "core fd full fuse null ptmx random stderr stdin stdout tty urandom zero "
		  "666 1:3\n600 a:e5\npts/ptmx\n/proc/self/fd");
}

static void test_exec_errors(void)
{
	CHECK_RUN(NULL, ",\"args\":[\"nonesuch\"]", "", "", -ENOENT,
		  "error: exec: \"nonesuch\": executable file not found in $PATH");
	CHECK_RUN(NULL, ",\"args\":[\"/nonexist\"]", "", "", -ENOENT,
		  "error: exec: \"/nonexist\": stat /nonexist: no such file or directory");
	CHECK_RUN(NULL, ",\"args\":[\"/usr\"]", "", "", -EACCES,
		  "error: exec: \"/usr\": permission denied");
	CHECK_RUN("true", "", "",
		  ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/srv/none\","
		  "\"options\":[\"bind\"]}",
		  -ENOENT,
		  "error: mount \"/data\" in the container: source \"/srv/none\": No such file or "
		  "directory");
	CHECK_RUN("true", "", "", ",{\"destination\":\"/data\",\"type\":\"nofs\"}", -ENODEV,
		  "error: mount \"/data\" in the container: the guest's kernel has no file system "
		  "\"nofs\"");
}

static void test_seccomp(void)
{
	const char *profile = ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
			      "\"architectures\":[\"SCMP_ARCH_X86_64\","
			      "\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\","
			      "\"nosuchcall\"],"
			      "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":28}]}";

	CHECK_RUN("mkdir /tmp/q 2>&1 | sed 's/.*: //'; grep ^Seccomp: /proc/self/status", "",
		  profile, "", 0, "No space left on device\nSeccomp:\t2");
	CHECK_RUN("mkdir /tmp/q 2>&1 | sed 's/.*: //'; id -u",
		  ",\"user\":{\"uid\":9,\"gid\":9},"
		  "\"noNewPrivileges\":true",
		  profile, "", 0, "No space left on device\n9");
	CHECK_RUN("mkdir /tmp/q 2>&1 | sed 's/.*: //'; id -u", ",\"user\":{\"uid\":9,\"gid\":9}",
		  profile, "", 0, "No space left on device\n9");
}

/* The same as text, compiled by the client. */
static void test_seccomp_program(void)
{
	static char mkdir_name[] = "mkdir", mkdirat_name[] = "mkdirat";
	char *names[] = {mkdir_name, mkdirat_name, NULL};
	struct oci_syscall rule = {.names = names,
				   .n_names = 2,
				   .action = (char *)"SCMP_ACT_ERRNO",
				   .errno_ret = {true, 28}};
	struct oci_seccomp profile = {
		.default_action = (char *)"SCMP_ACT_ALLOW", .syscalls = &rule, .n_syscalls = 1};
	struct seccomp_program program = {0}, again = {0};
	_cleanup_free_ char *text = NULL, *annotation = NULL;

	CHECK_INT(seccomp_program_compile(&profile, &program, NULL), ==, 0);
	text = seccomp_program_encode(&program);
	CHECK_INT(seccomp_program_decode(text, &again), ==, 0);
	CHECK_INT(program.length, ==, again.length);
	CHECK(!memcmp(program.instructions, again.instructions, program.length * 8U));
	free(program.instructions);
	free(again.instructions);
	CHECK_INT(seccomp_program_decode("0:AAAA", &again), ==, -EINVAL);
	CHECK_INT(seccomp_program_decode("0:AAAAAAAAAA*=", &again), ==, -EINVAL);
	CHECK_INT(seccomp_program_decode("AAAAAAAAAAA=", &again), ==, -EINVAL);
	annotation = xasprintf("],\"annotations\":{\"runvm.seccomp\":\"%s\"},\"x\":[", text);
	CHECK_RUN("mkdir /tmp/q 2>&1 | sed 's/.*: //'; grep ^Seccomp: /proc/self/status", "", "",
		  annotation, 0, "No space left on device\nSeccomp:\t2");
}

static void test_hooks(void)
{
	CHECK_RUN("cat /tmp/hook", "", "",
		  "],\"hooks\":{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
		  "\"grep -o '\\\"id\\\":\\\"run\\\"' > /tmp/hook; echo $A >> "
		  "/tmp/hook\"],\"env\":[\"A=b\"]}]},"
		  "\"x\":[",
		  0, "\"id\":\"run\"\nb");
	CHECK_RUN("true", "", "",
		  "],\"hooks\":{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
		  "\"echo broken; exit 3\"]}]},\"x\":[",
		  -EIO, "error: hooks.startContainer[0]: \"/bin/sh\" exited with status 3: broken");
	CHECK_RUN("true", "", "",
		  "],\"hooks\":{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
		  "\"sleep 60\"],\"timeout\":1}]},\"x\":[",
		  -ETIME, "error: hooks.startContainer[0]: \"/bin/sh\" did not end within 1 s");
}

static void test_terminal(void)
{
	CHECK_RUN("tty; stty size; test -c /dev/console && echo console; ps -o tty= -p 1",
		  ",\"terminal\":true,\"consoleSize\":{\"width\":91,\"height\":37}", "", "", 0,
		  "/dev/pts/0\r\n37 91\r\nconsole\r\npts/0\r");
}

static void ignore_reply(struct rpc_request *request, const ProtobufCMessage *reply,
			 const struct error *err, void *data)
{
	(void)request;
	(void)reply;
	(void)err;
	(void)data;
}

static void test_life(void)
{
	_cleanup_free_ char *config = harness_config(&h, "sleep 100", "", "", "");
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(harness_create(&h, "c1", config, NULL, &err), ==, 0);
	CHECK_INT(harness_create(&h, "c1", config, NULL, &err), ==, -EEXIST);
	CHECK_INT(harness_start_process(&h, "c2", NULL, &err), ==, -ENOENT);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, -EBUSY);
	CHECK_CONTAINS(error_message(&err), "cannot start an already running container");
	CHECK_INT(harness_kill(&h, "c1", SIGKILL, &err), ==, 0);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 137);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 137);
	CHECK_INT(harness_kill(&h, "c1", SIGTERM, &err), ==, -EBUSY);
	CHECK_CONTAINS(error_message(&err), "process already finished");
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, -ENOENT);
}

/* Letters for the events in their order: e for an end, r for a removal, . for the stream's end. */
static char event_letters[8];

static void event_message(struct rpc_request *request, const ProtobufCMessage *message, void *data)
{
	const GUEST(Event) *event = (const void *)message;
	size_t n = strlen(event_letters);

	(void)request;
	(void)data;
	if (n < sizeof(event_letters) - 1)
		event_letters[n] =
			event->event_case == GUEST_CONST(EVENT__EVENT_PROCESS_EXITED) ? 'e' : 'r';
}

static void event_end(struct rpc_request *request, const ProtobufCMessage *reply,
		      const struct error *err, void *data)
{
	(void)request;
	(void)reply;
	(void)data;
	strcat(event_letters, err ? "!" : ".");
}

static void test_events(void)
{
	_cleanup_free_ char *config = harness_config(&h, "exit 1", "", "", "");
	GUEST(EventsRequest) request = GUEST_INIT(EVENTS_REQUEST);
	char *ids[] = {(char *)"c1"};
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(harness_create(&h, "c1", config, NULL, &err), ==, 0);
	request.container_ids = ids;
	request.n_container_ids = 1;
	rpc_client_stream(h.client, GUEST_SERVICE, "Events", &request.base, HARNESS_TIMEOUT,
			  event_message, event_end, NULL);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 1);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
	for (int i = 0; i < 100 && strlen(event_letters) < 3; i++)
		loop_iterate(h.loop, loop_now() + 100000);
	CHECK_STR(event_letters, "er.");
}

static void test_kill_created(void)
{
	_cleanup_free_ char *config = harness_config(&h, "sleep 100", "", "", "");
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(harness_create(&h, "c1", config, NULL, &err), ==, 0);
	CHECK_INT(harness_kill(&h, "c1", SIGTERM, &err), ==, 0);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 143);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

static void test_exec(void)
{
	_cleanup_free_ char *config =
		harness_config(&h, "echo in > /dev/mark; sleep 100", "", "", "");
	_cleanup_free_ char *command =
		harness_config(&h,
			       "until test -s /dev/mark; do sleep 0.01; done; cat /dev/mark; "
			       "readlink /proc/self/ns/mnt /proc/1/ns/mnt | uniq | wc -l; "
			       "sleep 50 & exit 3",
			       "", "", "");
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	GUEST(ListProcessesRequest) request = GUEST_INIT(LIST_PROCESSES_REQUEST);
	const GUEST(ListProcessesResponse) * list;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	ProtobufCMessage *reply = NULL;

	CHECK_INT(harness_create(&h, "c1", config, NULL, &err), ==, 0);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_exec(&h, "c1", "e1", command, streams, &err), ==, 0);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_exec(&h, "c1", "e1", command, NULL, &err), ==, -EEXIST);
	CHECK_INT(harness_start_process(&h, "c1", "e1", &err), ==, 0);
	/* The process in the background holds the pipe, and delays nothing. */
	harness_stream_read(&streams[1], &out);
	CHECK_STR(out.data, "in\n1\n");
	CHECK_INT(harness_wait(&h, "c1", "e1", &err), ==, 3);
	harness_stream_close(&streams[1]);
	request.container_id = (char *)"c1";
	CHECK_INT(rpc_client_call_sync(h.client, GUEST_SERVICE, "ListProcesses", &request.base,
				       HARNESS_TIMEOUT, &reply, &err),
		  ==, 0);
	/* The init, its sleep, and the one that the exec'd process left. */
	list = (const void *)reply;
	CHECK_INT(list->n_processes, ==, 3);
	for (size_t i = 0; i < list->n_processes; i++) {
		const GUEST(Process) *p = list->processes[i];

		/* The others may be in the middle of execve, where they have no arguments. */
		CHECK_STR(p->process_id, p->container_pid == 1 ? "c1" : "");
		CHECK(p->n_arguments || p->container_pid != 1);
	}
	grpc_free(reply);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

static void test_stdio(void)
{
	_cleanup_free_ char *config = harness_config(&h, "cat", "", "", "");
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	_cleanup_error_ struct error err = ERROR_INIT;
	static uint8_t sent[1 << 20], got[1 << 20];
	pid_t writer;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	harness_stream_open(&h, &streams[0]);
	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
	harness_stream_accept(&streams[0]);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	writer = fork();
	if (writer == 0) {
		for (int i = 0; i < 16; i++)
			if (io_write_all(streams[0].fd, sent, sizeof(sent)) < 0)
				_exit(1);
		_exit(0);
	}
	harness_stream_close(&streams[0]);
	for (int i = 0; i < 16; i++) {
		CHECK_INT(io_read_exact(streams[1].fd, got, sizeof(got)), ==, 0);
		CHECK(!memcmp(sent, got, sizeof(got)));
	}
	CHECK_INT(io_read_exact(streams[1].fd, got, 1), ==, -ENODATA);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 0);
	harness_stream_close(&streams[1]);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

/* A host that closes the stream: the program gets SIGPIPE. */
static void test_sigpipe(void)
{
	_cleanup_free_ char *config = harness_config(&h, NULL, ",\"args\":[\"yes\"]", "", "");
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	_cleanup_error_ struct error err = ERROR_INIT;

	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	harness_stream_close(&streams[1]);
	/* As pid 1 it ignores the signal, and ends by the error of write(2). */
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 1);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

/* Without a pid namespace the init's end still ends the others, and before the answer. */
static void test_no_pid_namespace(void)
{
	_cleanup_free_ char *config = harness_config(
		&h, "(trap '' HUP TERM; sleep 200) & sleep 0.1; echo $!; exit 4", "", "", "");
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	char *pid_namespace = strstr(config, "{\"type\":\"pid\"},");
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	memset(pid_namespace, ' ', strlen("{\"type\":\"pid\"},"));
	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	/* The pipe ends only when the one in the background is gone too. */
	harness_stream_read(&streams[1], &out);
	CHECK_INT(atoi(out.data), >, 1);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 4);
	harness_stream_close(&streams[1]);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

/* The client goes away while it creates: the container does not stay. */
static void test_cancelled_create(void)
{
	_cleanup_free_ char *config = harness_config(&h, "sleep 100", "", "", "");
	GUEST(CreateContainerRequest) request = GUEST_INIT(CREATE_CONTAINER_REQUEST);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct rpc_request *call;
	int r;

	request.container_id = (char *)"c1";
	request.configuration.data = (uint8_t *)config;
	request.configuration.len = strlen(config);
	call = rpc_client_call(h.client, GUEST_SERVICE, "CreateContainer", &request.base,
			       HARNESS_TIMEOUT, ignore_reply, NULL);
	rpc_request_cancel(call);
	for (int i = 0; i < 1000; i++) {
		r = harness_create(&h, "c1", config, NULL, &err);
		if (r != -EEXIST)
			break;
		usleep(10000);
	}
	CHECK_INT(r, ==, 0);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

static void test_pause(void)
{
	_cleanup_free_ char *config = harness_config(
		&h, "trap 'exit 9' TERM; echo on; while :; do sleep 0.02; done", "", "", "");
	GUEST(PauseContainerRequest) pause = GUEST_INIT(PAUSE_CONTAINER_REQUEST);
	GUEST(ResumeContainerRequest) resume = GUEST_INIT(RESUME_CONTAINER_REQUEST);
	GUEST(SignalContainerRequest) signal = GUEST_INIT(SIGNAL_CONTAINER_REQUEST);
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	_cleanup_error_ struct error err = ERROR_INIT;
	char line[3];

	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	CHECK_INT(io_read_exact(streams[1].fd, line, 3), ==, 0);
	pause.container_id = resume.container_id = signal.container_id = (char *)"c1";
	CHECK_INT(rpc_client_call_sync(h.client, GUEST_SERVICE, "PauseContainer", &pause.base,
				       HARNESS_TIMEOUT, NULL, &err),
		  ==, 0);
	signal.signal = SIGTERM;
	CHECK_INT(rpc_client_call_sync(h.client, GUEST_SERVICE, "SignalContainer", &signal.base,
				       HARNESS_TIMEOUT, NULL, &err),
		  ==, 0);
	CHECK_INT(rpc_client_call_sync(h.client, GUEST_SERVICE, "ResumeContainer", &resume.base,
				       HARNESS_TIMEOUT, NULL, &err),
		  ==, 0);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 9);
	harness_stream_close(&streams[1]);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

/* A terminal whose host end is closed is hung up. */
static void test_hangup(void)
{
	_cleanup_free_ char *config =
		harness_config(&h, "trap 'exit 8' HUP; echo on; while :; do sleep 0.02; done",
			       ",\"terminal\":true", "", "");
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	_cleanup_error_ struct error err = ERROR_INIT;
	char line[4];

	harness_stream_open(&h, &streams[0]);
	harness_stream_open(&h, &streams[1]);
	CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
	harness_stream_accept(&streams[0]);
	harness_stream_accept(&streams[1]);
	CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
	CHECK_INT(io_read_exact(streams[1].fd, line, 4), ==, 0);
	CHECK(!memcmp(line, "on\r\n", 4));
	/* The end of stdin alone does not end a terminal. */
	harness_stream_close(&streams[0]);
	CHECK_INT(harness_kill(&h, "c1", SIGWINCH, &err), ==, 0);
	harness_stream_close(&streams[1]);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 8);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

/* Start without waiting for create. */
static void test_pipelined(void)
{
	_cleanup_free_ char *config = harness_config(&h, "exit 6", "", "", "");
	SANDBOX(StartProcessRequest) start = SANDBOX_INIT(START_PROCESS_REQUEST);
	GUEST(CreateContainerRequest) request = GUEST_INIT(CREATE_CONTAINER_REQUEST);
	_cleanup_error_ struct error err = ERROR_INIT;

	request.container_id = start.id = (char *)"c1";
	request.configuration.data = (uint8_t *)config;
	request.configuration.len = strlen(config);
	rpc_client_call(h.client, GUEST_SERVICE, "CreateContainer", &request.base, HARNESS_TIMEOUT,
			ignore_reply, NULL);
	rpc_client_call(h.client, SANDBOX_SERVICE, "StartProcess", &start.base, HARNESS_TIMEOUT,
			ignore_reply, NULL);
	CHECK_INT(harness_wait(&h, "c1", NULL, &err), ==, 6);
	CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
}

static void test_many(void)
{
	for (int i = 0; i < 50; i++)
		CHECK_RUN("echo $$", "", "", "", 0, "1");
}

static void test_nothing_left(void)
{
	CHECK_INT(harness_stop(&h), ==, 0);
}

/* What a process may have inherited from vminitd, and what its namespaces and mounts are. */
#define LOOK                                                                                    \
	"echo $$; uname -n; cat /proc/sys/kernel/domainname /proc/self/cgroup | tail -n 2; "    \
	"cut -d' ' -f4- /proc/self/mountinfo; cat /proc/self/limits /proc/self/oom_score_adj; " \
	"grep -E '^(Umask|Groups|Sig[PBIC]|Cap|NoNew|Cpus|NSpid)' /proc/self/status; "          \
	"cut -d' ' -f5,6,7,18,19 /proc/$$/stat; ls /proc/self/fd | wc -l; pwd"
#define NAMED "],\"hostname\":\"tester\",\"x\":["

static bool spare_there(void)
{
	SANDBOX(StatRequest) request = SANDBOX_INIT(STAT_REQUEST);
	_cleanup_free_ char *path = harness_cgroup(SPARE_CGROUP);
	_cleanup_error_ struct error err = ERROR_INIT;
	ProtobufCMessage *reply = NULL;
	bool there;

	request.path = path;
	CHECK_INT(rpc_client_call_sync(h.client, SANDBOX_SERVICE, "Stat", &request.base,
				       HARNESS_TIMEOUT, &reply, &err),
		  ==, 0);
	there = ((SANDBOX(StatResponse) *)reply)->stat != NULL;
	grpc_free(reply);
	return there;
}

static void start_with_spare(void)
{
	h = (struct harness){.with_spare = true};
	harness_start(&h);
	CHECK(spare_there());
}

static void test_spare(void)
{
	_cleanup_strbuf_ struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;

	start_with_spare();
	CHECK_INT(run(LOOK, "", "", NAMED, &first), ==, 0);
	/* It was used, or its cgroup would not have gone with the container. */
	CHECK(!spare_there());
	CHECK_INT(run(LOOK, "", "", NAMED, &second), ==, 0);
	CHECK(first.len > 500);
	CHECK_STR(first.data, second.data);
	CHECK_INT(harness_stop(&h), ==, 0);
}

/* Two of the pipes have no use: those streams are the guest's /dev/null, as a cloned init's are. */
static void test_spare_streams(void)
{
	start_with_spare();
	for (int round = 0; round < 2; round++) {
		_cleanup_free_ char *config = harness_config(
			&h, "readlink /proc/self/fd/0 /proc/self/fd/2; echo lost >&2", "", "",
			NAMED);
		struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		_cleanup_error_ struct error err = ERROR_INIT;

		harness_stream_open(&h, &streams[1]);
		CHECK_INT(harness_create(&h, "c1", config, streams, &err), ==, 0);
		harness_stream_accept(&streams[1]);
		CHECK_INT(harness_start_process(&h, "c1", NULL, &err), ==, 0);
		harness_stream_read(&streams[1], &out);
		CHECK_STR(out.data, "/null\n/null\n");
		CHECK(spare_there() == !round);
		CHECK_INT(harness_remove(&h, "c1", &err), ==, 0);
		CHECK(!spare_there());
		harness_stream_close(&streams[1]);
	}
	CHECK_INT(harness_stop(&h), ==, 0);
}

/* A sysctl that a new namespace begins with. */
static void test_spare_outdated(void)
{
	SANDBOX(SysctlRequest__SettingsEntry)
	setting = SANDBOX_INIT(SYSCTL_REQUEST__SETTINGS_ENTRY);
	SANDBOX(SysctlRequest__SettingsEntry) * settings[] = {&setting};
	SANDBOX(SysctlRequest) request = SANDBOX_INIT(SYSCTL_REQUEST);
	_cleanup_error_ struct error err = ERROR_INIT;

	start_with_spare();
	setting.key = (char *)"kernel.domainname";
	setting.value = (char *)"changed";
	request.settings = settings;
	request.n_settings = 1;
	CHECK_INT(rpc_client_call_sync(h.client, SANDBOX_SERVICE, "Sysctl", &request.base,
				       HARNESS_TIMEOUT, NULL, &err),
		  ==, 0);
	CHECK_RUN("cat /proc/sys/kernel/domainname", "", "", NAMED, 0, "changed");
	CHECK(!spare_there());
	CHECK_INT(harness_stop(&h), ==, 0);
}

/* Once the first container did not want it, nobody gets it: the two would share a network. */
static void test_spare_unfit(void)
{
	uint64_t deadline = loop_now() + HARNESS_TIMEOUT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	start_with_spare();
	/* No name. */
	CHECK_RUN("echo $$", "", "", "", 0, "1");
	CHECK(spare_there());
	CHECK_INT(run(LOOK, "", "", NAMED, &out), ==, 0);
	CHECK(spare_there());
	while (spare_there())
		CHECK(loop_now() < deadline);
	CHECK_INT(harness_stop(&h), ==, 0);
}

/* The one child of vminitd. */
static pid_t spare_pid(void)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task/%d/children", h.pid, h.pid);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	CHECK_INT(io_read_file(AT_FDCWD, path, 4096, &text), ==, 0);
	return text.data ? atoi(text.data) : 0;
}

static void test_spare_killed(void)
{
	uint64_t deadline = loop_now() + HARNESS_TIMEOUT;
	pid_t pid;

	start_with_spare();
	pid = spare_pid();
	CHECK(pid > 1);
	CHECK_INT(kill(pid, SIGKILL), ==, 0);
	/* vminitd reaps it, and its cgroup goes. */
	while (spare_there())
		CHECK(loop_now() < deadline);
	CHECK_RUN("echo $$", "", "", NAMED, 0, "1");
	CHECK(!spare_there());
	CHECK_INT(harness_stop(&h), ==, 0);
}

int main(void)
{
	const char *missing = harness_missing();

	if (missing) {
		printf("1..0 # SKIP %s\n", missing);
		return getenv("STRICT") ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	/* The guest's pid 1 is born with every signal by default; this process may not be. */
	process_reset_signals();
	harness_start(&h);
	TEST_RUN(test_run);
	TEST_RUN(test_process);
	TEST_RUN(test_namespaces);
	TEST_RUN(test_mounts);
	TEST_RUN(test_masks);
	TEST_RUN(test_devices);
	TEST_RUN(test_exec_errors);
	TEST_RUN(test_seccomp);
	TEST_RUN(test_seccomp_program);
	TEST_RUN(test_hooks);
	TEST_RUN(test_terminal);
	TEST_RUN(test_life);
	TEST_RUN(test_events);
	TEST_RUN(test_kill_created);
	TEST_RUN(test_exec);
	TEST_RUN(test_stdio);
	TEST_RUN(test_sigpipe);
	TEST_RUN(test_no_pid_namespace);
	TEST_RUN(test_cancelled_create);
	TEST_RUN(test_pause);
	TEST_RUN(test_hangup);
	TEST_RUN(test_pipelined);
	TEST_RUN(test_many);
	TEST_RUN(test_nothing_left);
	TEST_RUN(test_spare);
	TEST_RUN(test_spare_streams);
	TEST_RUN(test_spare_outdated);
	TEST_RUN(test_spare_unfit);
	TEST_RUN(test_spare_killed);
	return test_end();
}
