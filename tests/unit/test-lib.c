// SPDX-License-Identifier: Apache-2.0
/* Files, sockets, packets and processes of src/lib. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/packet.h"
#include "lib/process.h"
#include "lib/socket.h"
#include "temporary.h"
#include "test.h"

static void test_replace_file(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *dir = temporary_dir();
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	struct stat st;

	CHECK_INT(io_replace_file(dirfd, "f", "one", 3, 0640, &err), ==, 0);
	CHECK_INT(io_replace_file(dirfd, "f", "two", 3, 0600, &err), ==, 0);
	CHECK_INT(io_read_file(dirfd, "f", 100, &text), ==, 0);
	CHECK_STR(text.data, "two");
	CHECK_INT(fstatat(dirfd, "f", &st, 0), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0600);
	CHECK_INT(io_read_file(dirfd, "f", 2, &text), ==, -EFBIG);
	CHECK_INT(io_replace_file(dirfd, "no/such", "x", 1, 0600, &err), ==, -ENOENT);
	CHECK_CONTAINS(error_message(&err), "no/such");
	close(dirfd);
}

static void test_make_parents(void)
{
	_cleanup_free_ char *path = xasprintf("%s/a//b/c/", temporary_dir());
	struct stat st;

	CHECK_INT(io_make_parents("", 0700), ==, 0);
	CHECK_INT(io_make_parents("relative", 0700), ==, 0);
	CHECK_INT(io_make_parents("/", 0700), ==, 0);
	CHECK_INT(io_make_parents(path, 0700), ==, 0);
	CHECK_INT(stat(path, &st), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0700);
	CHECK_INT(io_make_parents(path, 0700), ==, 0);
	CHECK_INT(io_make_parents("/etc/passwd/x/y", 0700), ==, -ENOTDIR);
}

/* Names far longer than the 107 bytes of sun_path. */
static void test_long_socket_name(void)
{
	const char *dir = temporary_dir();
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	char name[120], deep[200];
	_cleanup_free_ char *path = NULL;
	int sub, listener, client;
	struct stat st;

	memset(deep, 'd', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	CHECK_INT(mkdirat(dirfd, deep, 0700), ==, 0);
	sub = openat(dirfd, deep, O_PATH | O_DIRECTORY);
	listener = socket_listen_at(sub, "s", SOCK_STREAM);
	CHECK_INT(listener, >=, 0);
	CHECK_INT(fstatat(sub, "s", &st, 0), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0600);
	CHECK_INT(socket_listen_at(sub, "s", SOCK_STREAM), ==, -EADDRINUSE);
	client = socket_connect_at(sub, "s", SOCK_STREAM);
	CHECK_INT(client, >=, 0);
	CHECK_INT(socket_connect_at(sub, "t", SOCK_STREAM), ==, -ENOENT);
	close(client);
	path = xasprintf("%s/%s/s", dir, deep);
	client = socket_connect_path(path, SOCK_STREAM);
	CHECK_INT(client, >=, 0);
	path[strlen(path) - 1] = 't';
	CHECK_INT(socket_connect_path(path, SOCK_STREAM), ==, -ENOENT);
	CHECK_INT(socket_connect_path("/missing/s", SOCK_STREAM), ==, -ENOENT);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK_INT(socket_listen_at(sub, name, SOCK_STREAM), ==, -ENAMETOOLONG);
	close(client);
	close(listener);
	close(sub);
	close(dirfd);
}

static void test_pass_fds(void)
{
	int pair[2], fds[2], got[2] = {-1, -1};
	size_t n = 1;
	char text[8];

	CHECK_INT(socket_pair(SOCK_SEQPACKET, pair), ==, 0);
	fds[0] = open("/dev/null", O_RDONLY);
	fds[1] = open("/dev/zero", O_RDONLY);
	CHECK_INT(socket_send_fds(pair[0], "hello", 5, fds, 2), ==, 5);
	CHECK_INT(socket_recv_fds(pair[1], text, sizeof(text), got, &n), ==, 5);
	CHECK_INT(n, ==, 1);
	CHECK_INT(fcntl(got[0], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
	close(got[0]);
	n = 2;
	CHECK_INT(socket_send_fds(pair[0], "too long for it", 15, fds, 2), ==, 15);
	CHECK_INT(socket_recv_fds(pair[1], text, sizeof(text), got, &n), ==, -EMSGSIZE);
	close(pair[0]);
	n = 2;
	CHECK_INT(socket_recv_fds(pair[1], text, sizeof(text), got, &n), ==, 0);
	close(fds[0]);
	close(fds[1]);
	close(pair[1]);
}

static void test_packet(void)
{
	_cleanup_error_ struct error err = ERROR_INIT, back = ERROR_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int pair[2];

	CHECK_INT(socket_pair(SOCK_SEQPACKET, pair), ==, 0);
	CHECK_INT(packet_send(pair[0], 'A', NULL), ==, 0);
	CHECK_INT(packet_send(pair[0], 'B', "text"), ==, 0);
	error_set(&err, ENOSPC, "no room: %d", 7);
	CHECK_INT(packet_send_error(pair[0], 'F', &err), ==, 0);
	CHECK_INT(packet_receive(pair[1], &text), ==, 'A');
	CHECK_STR(text.data, "");
	CHECK_INT(packet_receive(pair[1], &text), ==, 'B');
	CHECK_STR(text.data, "text");
	CHECK_INT(packet_receive(pair[1], &text), ==, 'F');
	CHECK_INT(packet_error(text.data, &back), ==, -ENOSPC);
	CHECK_STR(error_message(&back), "no room: 7");
	CHECK_INT(packet_error("garbage", &back), ==, -EIO);
	close(pair[0]);
	CHECK_INT(packet_receive(pair[1], &text), ==, 0);
	CHECK_INT(packet_send(pair[1], 'C', "nobody"), ==, -EPIPE);
	close(pair[1]);
}

static void test_process_ref(void)
{
	struct process_ref self, child, later;
	pid_t pid = fork();
	int fd, status;

	if (!pid) {
		prctl(PR_SET_NAME, ") R 1 2 (");
		for (;;)
			pause();
	}
	CHECK_INT(process_ref_get(getpid(), &self), ==, 0);
	CHECK(process_ref_alive(&self));
	CHECK_INT(process_ref_get(pid, &child), ==, 0);
	later = child;
	later.start++;
	CHECK(!process_ref_alive(&later));
	CHECK_INT(process_ref_open(&later), ==, -ESRCH);
	CHECK_INT(process_ref_signal(&later, SIGKILL), ==, -ESRCH);
	fd = process_ref_open(&child);
	CHECK_INT(fd, >=, 0);
	CHECK_INT(process_wait_end(fd, 1000), ==, -ETIME);
	CHECK_INT(process_ref_signal(&child, SIGTERM), ==, 0);
	CHECK_INT(process_wait_end(fd, 5000000), ==, 0);
	CHECK(!process_ref_alive(&child)); /* a zombie is not alive */
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(process_exit_code(status), ==, 128 + SIGTERM);
	CHECK_INT(process_ref_get(pid, &child), ==, -ESRCH);
	close(fd);
}

/* In a child: of ten descriptors, those that are kept, and 0 to 2. */
static void test_close_others(void)
{
	static const int keep[] = {25, -1, 21, 2, 21, 20};
	pid_t pid = fork();
	int status;

	if (!pid) {
		unsigned int open = 0;

		for (int fd = 20; fd < 30; fd++)
			if (dup2(STDERR_FILENO, fd) < 0)
				_exit(1);
		process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
		for (int fd = 0; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				open |= fd < 30 ? 1U << fd : 1U << 31;
		_exit(open == (7U | 1U << 20 | 1U << 21 | 1U << 25) ? 0 : 2);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(status, ==, 0);
}

int main(void)
{
	TEST_RUN(test_replace_file);
	TEST_RUN(test_make_parents);
	TEST_RUN(test_long_socket_name);
	TEST_RUN(test_pass_fds);
	TEST_RUN(test_packet);
	TEST_RUN(test_process_ref);
	TEST_RUN(test_close_others);
	return test_end();
}
