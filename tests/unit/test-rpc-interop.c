// SPDX-License-Identifier: Apache-2.0
/*
 * The RPC room against grpcio: serves test-rpc-service.h on a unix socket and runs
 * tests/interop/rpc-interop.py, which tests it and reports.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

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
	int dirfd, fd, code;

	if (!mkdtemp(directory) || loop_new(&loop) < 0)
		return EXIT_FAILURE;
	dirfd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = socket_listen_at(dirfd, "rpc.sock", SOCK_STREAM);
	pidfd = start_python(directory);
	if (dirfd < 0 || fd < 0 || pidfd < 0)
		return EXIT_FAILURE;

	server = rpc_server_new(loop);
	test_service_add(server, &service);
	rpc_server_listen(server, fd);
	(void)loop_add_fd(loop, pidfd, EPOLLIN, on_child, &pidfd);
	code = loop_run(loop);
	rpc_server_free(server);
	loop_free(loop);
	close(dirfd);
	remove_tree(directory);
	return code;
}
