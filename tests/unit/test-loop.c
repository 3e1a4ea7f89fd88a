// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/loop.h"
#include "lib/relay.h"
#include "test.h"

#define SOON (5 * USEC_PER_SEC)

struct state {
	struct loop *loop;
	struct loop_source *other;
	int calls;
	bool done;
	enum relay_end end;
};

static void finish(struct loop_source *source, uint32_t events, void *data)
{
	struct state *s = data;

	(void)source;
	(void)events;
	s->calls++;
	s->done = true;
}

static void test_timer(void)
{
	struct state s = {.done = false};
	uint64_t begin = loop_now();

	CHECK_INT(loop_new(&s.loop), ==, 0);
	(void)loop_add_timer(s.loop, begin + 20 * USEC_PER_MSEC, finish, &s);
	CHECK_INT(loop_run_until(s.loop, &s.done, begin + SOON), ==, 0);
	CHECK_INT(loop_now() - begin, >=, 20 * USEC_PER_MSEC);
	s.done = false;
	CHECK_INT(loop_run_until(s.loop, &s.done, loop_now() + 5000), ==, -ETIME);
	CHECK_INT(s.calls, ==, 1);
	loop_free(s.loop);
}

static void remove_other(struct loop_source *source, uint32_t events, void *data)
{
	struct state *s = data;

	loop_remove(s->other);
	loop_remove(source);
	finish(source, events, data);
}

/* Of two sources that are ready at once, the first removes the second: that is never called. */
static void test_remove_in_call(void)
{
	struct state s = {.done = false}, victim = {.done = false};
	int a[2], b[2];

	CHECK_INT(loop_new(&s.loop), ==, 0);
	CHECK_INT(pipe(a), ==, 0);
	CHECK_INT(pipe(b), ==, 0);
	CHECK_INT(write(a[1], "x", 1), ==, 1);
	CHECK_INT(write(b[1], "x", 1), ==, 1);
	(void)loop_add_fd(s.loop, a[0], EPOLLIN, remove_other, &s);
	s.other = loop_add_fd(s.loop, b[0], EPOLLIN, finish, &victim);
	CHECK_INT(loop_run_until(s.loop, &s.done, loop_now() + SOON), ==, 0);
	CHECK_INT(loop_iterate(s.loop, loop_now()), ==, -ETIME);
	CHECK_INT(victim.calls, ==, 0);
	loop_free(s.loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void on_usr1(struct loop_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct state *s = data;

	(void)source;
	s->calls = (int)info->ssi_signo;
	s->done = true;
}

static void test_signal(void)
{
	struct state s = {.done = false};
	sigset_t set;

	CHECK_INT(loop_new(&s.loop), ==, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(loop_add_signals(s.loop, &set, on_usr1, &s));
	CHECK_INT(kill(getpid(), SIGUSR1), ==, 0);
	CHECK_INT(loop_run_until(s.loop, &s.done, loop_now() + SOON), ==, 0);
	CHECK_INT(s.calls, ==, SIGUSR1);
	loop_free(s.loop);
}

/* A regular file, which epoll refuses, is ready all the time; asked for errors alone it never is. */
static void test_regular_file(void)
{
	struct state s = {.done = false};
	struct loop_source *source;
	int fd = open("/dev/null", O_RDWR);

	CHECK_INT(loop_new(&s.loop), ==, 0);
	source = loop_add_fd(s.loop, fd, EPOLLIN, finish, &s);
	CHECK_INT(loop_run_until(s.loop, &s.done, loop_now() + SOON), ==, 0);
	loop_set_events(source, EPOLLERR);
	s.calls = 0;
	CHECK_INT(loop_iterate(s.loop, loop_now() + 1000), ==, -ETIME);
	CHECK_INT(s.calls, ==, 0);
	loop_free(s.loop);
	close(fd);
}

static void on_relay_done(struct relay *relay, enum relay_end end, void *data)
{
	struct state *s = data;

	(void)relay;
	s->end = end;
	s->done = true;
}

/* More than all buffers hold goes through a slow reader, byte for byte, and the end comes last. */
static void test_relay(void)
{
	enum { TOTAL = 4 << 20 };
	struct state s = {.done = false};
	size_t sent = 0, got = 0;
	struct relay *relay;
	int in[2], out[2];
	bool same = true;
	char chunk[10000];

	CHECK_INT(loop_new(&s.loop), ==, 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, in), ==, 0);
	CHECK_INT(pipe2(out, O_NONBLOCK), ==, 0);
	relay = relay_new(s.loop, in[0], out[1], on_relay_done, &s);
	while (!s.done) {
		ssize_t n;

		if (sent < TOTAL) {
			for (size_t i = 0; i < sizeof(chunk); i++)
				chunk[i] = (char)((sent + i) % 251);
			n = write(in[1], chunk,
				  TOTAL - sent < sizeof(chunk) ? TOTAL - sent : sizeof(chunk));
			if (n > 0)
				sent += (size_t)n;
			if (sent == TOTAL)
				CHECK_INT(shutdown(in[1], SHUT_WR), ==, 0);
		}
		(void)loop_iterate(s.loop, loop_now() + 1000);
		n = read(out[0], chunk, sizeof(chunk) / 3);
		for (ssize_t i = 0; i < n; i++)
			same = same && chunk[i] == (char)((got + (size_t)i) % 251);
		if (n > 0)
			got += (size_t)n;
	}
	for (ssize_t n; (n = read(out[0], chunk, sizeof(chunk))) > 0;)
		got += (size_t)n;
	CHECK_INT(s.end, ==, RELAY_EOF);
	CHECK_INT(got, ==, TOTAL);
	CHECK(same);
	relay_free(relay);
	loop_free(s.loop);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

/* The reader goes while there is nothing to write: that shows all the same. */
static void test_relay_lost_reader(void)
{
	struct state s = {.done = false};
	struct relay *relay;
	int in[2], out[2];

	CHECK_INT(loop_new(&s.loop), ==, 0);
	CHECK_INT(pipe2(in, O_NONBLOCK), ==, 0);
	CHECK_INT(pipe2(out, O_NONBLOCK), ==, 0);
	relay = relay_new(s.loop, in[0], out[1], on_relay_done, &s);
	CHECK_INT(loop_iterate(s.loop, loop_now() + 1000), ==, -ETIME);
	close(out[0]);
	CHECK_INT(loop_run_until(s.loop, &s.done, loop_now() + SOON), ==, 0);
	CHECK_INT(s.end, ==, RELAY_BROKEN);
	relay_free(relay);
	loop_free(s.loop);
	close(in[0]);
	close(in[1]);
	close(out[1]);
}

static void test_poll_timeout(void)
{
	CHECK_INT(loop_poll_timeout(LOOP_FOREVER, 5), ==, -1);
	CHECK_INT(loop_poll_timeout(5, 5), ==, 0);
	CHECK_INT(loop_poll_timeout(4, 5), ==, 0);
	CHECK_INT(loop_poll_timeout(6, 5), ==, 1);
	CHECK_INT(loop_poll_timeout(5 + USEC_PER_MSEC, 5), ==, 1);
	CHECK_INT(loop_poll_timeout(6 + USEC_PER_MSEC, 5), ==, 2);
	/* Years do not turn into a time that is past. */
	CHECK_INT(loop_poll_timeout(LOOP_FOREVER - 1, 5), >, 0);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	TEST_RUN(test_timer);
	TEST_RUN(test_poll_timeout);
	TEST_RUN(test_remove_in_call);
	TEST_RUN(test_signal);
	TEST_RUN(test_regular_file);
	TEST_RUN(test_relay);
	TEST_RUN(test_relay_lost_reader);
	return test_end();
}
