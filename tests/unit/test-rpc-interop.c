// SPDX-License-Identifier: Apache-2.0
/*
 * The RPC room against grpcio: serves test-rpc-service.h on a unix socket and runs
 * tests/interop/rpc-interop.py, which tests it and reports. That asks by Setenv("dial", socket) for
 * the other direction: this program's client calls a server of Python's then.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "rpc/client.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

#define PATIENCE  (20 * USEC_PER_SEC)
#define BIG	  (1U << 20)
#define N_STREAM  200U
#define N_DIALLED 5

static struct {
	int dirfd;
	struct rpc_call *call;
	struct rpc_client *client;
	unsigned int n_done;
	unsigned int n_messages;
	char *big;
	struct error err;
} dial;

/* The calls of the other direction, in the order in which they are made. */
enum dialled { DIAL_GOOD, DIAL_MISSING, DIAL_SLOW, DIAL_BIG, DIAL_STREAM };

static void on_dialled(struct rpc_request *request, const ProtobufCMessage *reply,
		       const struct error *err, void *data)
{
	enum dialled which = (enum dialled)(intptr_t)data;
	enum grpc_status status = rpc_request_status(request);
	const char *text = "";
	bool good = false;

	if (which == DIAL_GOOD && reply)
		text = ((const SANDBOX(GetenvResponse) *)reply)->value;
	else if (which == DIAL_BIG && reply)
		text = ((const SANDBOX(StatResponse) *)reply)->error;
	switch (which) {
	case DIAL_GOOD:
		good = !strcmp(text, "python's PATH");
		break;
	case DIAL_MISSING:
		good = status == GRPC_NOT_FOUND && err->errnum == ENOENT &&
		       !strcmp(error_message(err), "no missing, 100% M\xc3\xbcll");
		break;
	case DIAL_SLOW:
		good = status == GRPC_DEADLINE_EXCEEDED && err->errnum == ETIMEDOUT;
		break;
	case DIAL_BIG:
		good = !strcmp(text, dial.big);
		break;
	case DIAL_STREAM:
		good = status == GRPC_OK && dial.n_messages == N_STREAM;
		break;
	}
	if (!good)
		(void)error_set(&dial.err, EPROTO, "call %d: %s: %s", which,
				grpc_status_name(status), err ? error_message(err) : "no error");
	if (++dial.n_done < N_DIALLED)
		return;
	rpc_client_free(dial.client);
	if (dial.err.errnum) {
		rpc_call_fail(dial.call, &dial.err);
	} else {
		SANDBOX(SetenvResponse) response = SANDBOX_INIT(SETENV_RESPONSE);

		rpc_call_reply(dial.call, &response.base);
	}
	error_clear(&dial.err);
	free(TAKE_PTR(dial.big));
}

static void on_dialled_message(struct rpc_request *request _unused_,
			       const ProtobufCMessage *message, void *data _unused_)
{
	const SANDBOX(CopyResponse) *response = (const void *)message;

	dial.n_messages += response->total_size == dial.n_messages;
}

static void do_setenv(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(SetenvRequest) *request = (const void *)message;
	SANDBOX(GetenvRequest) env = SANDBOX_INIT(GETENV_REQUEST);
	SANDBOX(StatRequest) stat = SANDBOX_INIT(STAT_REQUEST);
	SANDBOX(CopyRequest) copy = SANDBOX_INIT(COPY_REQUEST);
	int fd = socket_connect_at(dial.dirfd, request->value, SOCK_STREAM);

	if (fd < 0) {
		rpc_call_fail_status(call, GRPC_NOT_FOUND, fd, "cannot dial %s", request->value);
		return;
	}
	dial.call = call;
	dial.client = rpc_client_new(rpc_call_loop(call), fd, "python");
	env.key = (char *)"PATH";
	rpc_client_call(dial.client, SANDBOX_SERVICE, "Getenv", &env.base, PATIENCE, on_dialled,
			(void *)DIAL_GOOD);
	env.key = (char *)"missing";
	rpc_client_call(dial.client, SANDBOX_SERVICE, "Getenv", &env.base, RPC_NO_TIMEOUT,
			on_dialled, (void *)DIAL_MISSING);
	env.key = (char *)"slow";
	rpc_client_call(dial.client, SANDBOX_SERVICE, "Getenv", &env.base, 50 * USEC_PER_MSEC,
			on_dialled, (void *)DIAL_SLOW);
	dial.big = xcalloc(1, BIG + 1);
	memset(dial.big, 'b', BIG);
	stat.path = dial.big;
	rpc_client_call(dial.client, SANDBOX_SERVICE, "Stat", &stat.base, PATIENCE, on_dialled,
			(void *)DIAL_BIG);
	copy.mode = N_STREAM;
	rpc_client_stream(dial.client, SANDBOX_SERVICE, "Copy", &copy.base, PATIENCE,
			  on_dialled_message, on_dialled, (void *)DIAL_STREAM);
}

static void on_child(struct loop_source *source, uint32_t events _unused_, void *data)
{
	siginfo_t info = {.si_code = 0};
	const int *pidfd = data;

	(void)waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED);
	loop_stop(loop_of(source), info.si_code == CLD_EXITED ? info.si_status : EXIT_FAILURE);
}

static int start_python(const char *directory)
{
	const char *srcdir = getenv("srcdir") ?: ".";
	_cleanup_free_ char *script = xasprintf("%s/tests/interop/rpc-interop.py", srcdir);
	_cleanup_free_ char *protos = xasprintf("%s/src/rpc", srcdir);
	_cleanup_free_ char *path = xasprintf("%s/rpc.sock", directory);
	/* Debian's own, which has grpcio as a package. */
	char *argv[] = {(char *)"/usr/bin/python3", script, path, protos, (char *)directory, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		/* The interpreter's modules are not built for what this test may be built with. */
		unsetenv("LD_PRELOAD");
		execv(argv[0], argv);
		printf("1..0 # SKIP %s: %s\n", argv[0], strerror(errno));
		fflush(stdout);
		_exit(0);
	}
	return pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
}

static void remove_tree(const char *directory)
{
	const char *argv[] = {"rm", "-rf", directory, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char **)argv);
		_exit(EXIT_FAILURE);
	}
	(void)waitpid(pid, NULL, 0);
}

int main(void)
{
	char directory[] = "/tmp/runvm-test-XXXXXX";
	struct test_service service = {.n_calls = 0};
	_cleanup_close_ int pidfd = -1;
	struct rpc_server *server;
	struct loop *loop;
	int fd, code;

	if (!mkdtemp(directory) || loop_new(&loop) < 0)
		return EXIT_FAILURE;
	dial.dirfd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = socket_listen_at(dial.dirfd, "rpc.sock", SOCK_STREAM);
	pidfd = start_python(directory);
	if (dial.dirfd < 0 || fd < 0 || pidfd < 0)
		return EXIT_FAILURE;

	server = rpc_server_new(loop);
	test_service_add(server, &service, do_setenv);
	rpc_server_listen(server, fd);
	(void)loop_add_fd(loop, pidfd, EPOLLIN, on_child, &pidfd);
	code = loop_run(loop);
	rpc_server_free(server);
	loop_free(loop);
	close(dial.dirfd);
	remove_tree(directory);
	return code;
}
