// SPDX-License-Identifier: Apache-2.0
#include "vminit/stdio.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "vminit/terminal.h"

/* One read: what a pipe holds by default, and the largest packet of virtio-vsock. */
#define CHUNK_SIZE (64U << 10)
/* Chunks that one stream may copy before others get their turn. */
#define CHUNKS_PER_TURN 16

/**
 * struct stream - one direction of one standard stream
 * @from, @to: owned, non-blocking; -1 when closed
 * @from_source, @to_source: NULL until the connection stands and both ends are there
 * @output: towards the host
 * @connecting: the socket's source while it connects
 * @kept: what @to did not take yet: kept_at of kept_len bytes are gone; owned
 */
struct stream {
	struct stdio *stdio;
	int from;
	int to;
	struct loop_source *from_source;
	struct loop_source *to_source;
	struct loop_source *connecting;
	bool output;
	uint8_t *kept;
	size_t kept_at;
	size_t kept_len;
};

/**
 * struct stdio - the streams of a process
 * @child_fds: the program's ends, until stdio_close_child_fds()
 * @terminal_slave: see stdio_set_terminal()
 * @has_terminal: the streams lead to a pty
 * @check: the deferred check_connected() for a process without any connection
 * @reported: ops->connected was called
 */
struct stdio {
	struct loop *loop;
	const struct stdio_ops *ops;
	void *data;
	struct stream streams[STDIO_STREAMS];
	int child_fds[STDIO_STREAMS];
	int terminal_master;
	int terminal_slave;
	struct loop_source *check;
	bool has_terminal;
	bool reported;
	bool draining;
	bool drained;
};

static void check_drained(struct stdio *stdio);
static void hang_up(struct stdio *stdio);

static bool stream_open(const struct stream *s)
{
	return s->from >= 0 || s->to >= 0;
}

static void stream_close(struct stream *s)
{
	loop_remove(s->from_source);
	loop_remove(s->to_source);
	loop_remove(s->connecting);
	s->from_source = s->to_source = s->connecting = NULL;
	s->from = close_keep_errno(s->from);
	s->to = close_keep_errno(s->to);
	free(s->kept);
	s->kept = NULL;
	s->kept_at = s->kept_len = 0;
}

static void stream_end(struct stream *s)
{
	stream_close(s);
	check_drained(s->stdio);
}

/* The destination takes no more, ever. */
static void stream_broken(struct stream *s)
{
	struct stdio *stdio = s->stdio;
	bool output = s->output;

	stream_end(s);
	if (output && stdio->has_terminal)
		hang_up(stdio);
}

/* Return: 0 when nothing is kept any more, -EAGAIN, or another -errno. */
static int flush_kept(struct stream *s)
{
	while (s->kept_at < s->kept_len) {
		ssize_t n = write(s->to, s->kept + s->kept_at, s->kept_len - s->kept_at);

		if (n < 0)
			return -errno;
		s->kept_at += (size_t)n;
	}
	free(s->kept);
	s->kept = NULL;
	s->kept_at = s->kept_len = 0;
	return 0;
}

/* Copies one chunk. Return: bytes, 0 at the end of the source, -EAGAIN, -EPIPE: @to is broken. */
static ssize_t copy_chunk(struct stream *s)
{
	/* One for all streams: it is empty between two calls. */
	static uint8_t chunk[CHUNK_SIZE];
	ssize_t n = read(s->from, chunk, sizeof(chunk)), written;

	/* EIO: no slave of the pty is left; other errors end a source as well. */
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : 0;
	written = write(s->to, chunk, (size_t)n);
	if (written < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		written = 0;
	}
	if (written < n) {
		s->kept_len = (size_t)(n - written);
		s->kept = xmemdup(chunk + written, s->kept_len);
	}
	return n;
}

static void stream_wait(struct stream *s)
{
	bool blocked = s->kept_len > 0;
	uint32_t hangup = s->output ? EPOLLRDHUP : EPOLLERR;

	loop_set_events(s->from_source, blocked ? 0 : EPOLLIN);
	loop_set_events(s->to_source, blocked ? EPOLLOUT | hangup : hangup);
}

static void pump(struct stream *s)
{
	int r = flush_kept(s);

	if (r < 0 && r != -EAGAIN) {
		stream_broken(s);
		return;
	}
	for (int i = 0; !s->kept_len && i < CHUNKS_PER_TURN; i++) {
		ssize_t n = copy_chunk(s);

		if (n == -EPIPE) {
			stream_broken(s);
			return;
		}
		if (!n || (n == -EAGAIN && s->stdio->draining)) {
			stream_end(s);
			return;
		}
		if (n == -EAGAIN)
			break;
	}
	stream_wait(s);
}

static void from_event(struct loop_source *source, uint32_t events, void *data)
{
	(void)source;
	(void)events;
	pump(data);
}

static void to_event(struct loop_source *source, uint32_t events, void *data)
{
	struct stream *s = data;

	(void)source;
	/* For a pipe EPOLLERR says that nobody reads; for a socket, any end of the host's is its end. */
	if (events & (EPOLLERR | EPOLLHUP | (s->output ? EPOLLRDHUP : 0)))
		stream_broken(s);
	else
		pump(s);
}

/* Both ends are there and the connection stands. */
static void stream_start(struct stream *s)
{
	struct loop *loop = s->stdio->loop;

	if (s->from < 0 || s->to < 0 || s->connecting || s->from_source)
		return;
	s->from_source = loop_add_fd(loop, s->from, EPOLLIN, from_event, s);
	s->to_source = loop_add_fd(loop, s->to, s->output ? EPOLLRDHUP : EPOLLERR, to_event, s);
	if (s->stdio->draining)
		pump(s);
}

static void report_connected(struct stdio *stdio, const struct error *err)
{
	if (stdio->reported)
		return;
	stdio->reported = true;
	stdio->ops->connected(stdio->data, err);
}

static void check_connected(struct stdio *stdio)
{
	for (int i = 0; i < STDIO_STREAMS; i++)
		if (stdio->streams[i].connecting)
			return;
	report_connected(stdio, NULL);
}

static void connect_event(struct loop_source *source, uint32_t events, void *data)
{
	static const char *const names[STDIO_STREAMS] = {"stdin", "stdout", "stderr"};
	struct stream *s = data;
	struct stdio *stdio = s->stdio;
	int index = (int)(s - stdio->streams), failure = 0;
	socklen_t len = sizeof(failure);

	(void)events;
	loop_remove(source);
	s->connecting = NULL;
	if (getsockopt(s->output ? s->to : s->from, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
		failure = errno;
	if (failure) {
		_cleanup_error_ struct error err = ERROR_INIT;

		error_errno(&err, failure, "connect the %s of the process to the host",
			    names[index]);
		stream_end(s);
		report_connected(stdio, &err);
		return;
	}
	stream_start(s);
	check_connected(stdio);
}

static void deferred_check(struct loop_source *source, uint32_t events, void *data)
{
	struct stdio *stdio = data;

	(void)source;
	(void)events;
	stdio->check = NULL;
	check_connected(stdio);
}

static bool is_output(int stream)
{
	return stream != 0;
}

static int make_pipe(struct stdio_pipes *pipes, int i)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pipes->childs[i] = fds[is_output(i) ? 1 : 0];
	pipes->ours[i] = fds[is_output(i) ? 0 : 1];
	/* Only our end: the flag belongs to the open file, and the program expects a blocking one. */
	return io_set_nonblocking(pipes->ours[i], true);
}

int stdio_pipes_make(struct stdio_pipes *ret)
{
	struct stdio_pipes pipes = STDIO_PIPES_INIT;

	for (int i = 0; i < STDIO_STREAMS; i++) {
		int r = make_pipe(&pipes, i);

		if (r < 0) {
			stdio_pipes_close(&pipes);
			return r;
		}
	}
	*ret = pipes;
	return 0;
}

void stdio_pipes_close(struct stdio_pipes *pipes)
{
	for (int i = 0; i < STDIO_STREAMS; i++) {
		pipes->ours[i] = close_keep_errno(pipes->ours[i]);
		pipes->childs[i] = close_keep_errno(pipes->childs[i]);
	}
}

/* One of @ahead, or a new one. */
static int take_pipe(struct stdio *stdio, int i, struct stdio_pipes *ahead)
{
	struct stdio_pipes own = STDIO_PIPES_INIT;
	struct stdio_pipes *pipes = ahead && ahead->ours[i] >= 0 ? ahead : &own;
	struct stream *s = &stdio->streams[i];
	int r = pipes == &own ? make_pipe(&own, i) : 0;

	*(s->output ? &s->from : &s->to) = TAKE_FD(pipes->ours[i]);
	stdio->child_fds[i] = TAKE_FD(pipes->childs[i]);
	return r;
}

static int open_stream(struct stdio *stdio, const struct transport *transport, int i, uint32_t port,
		       struct stdio_pipes *pipes)
{
	struct stream *s = &stdio->streams[i];
	int fd;

	fd = transport->connect(transport, port);
	if (fd < 0)
		return fd;
	*(s->output ? &s->to : &s->from) = fd;
	s->connecting = loop_add_fd(stdio->loop, fd, EPOLLOUT, connect_event, s);
	return stdio->has_terminal ? 0 : take_pipe(stdio, i, pipes);
}

int stdio_new(struct loop *loop, const struct transport *transport, const struct stdio_ports *ports,
	      bool terminal, struct stdio_pipes *pipes, const struct stdio_ops *ops, void *data,
	      struct stdio **ret, struct error *err)
{
	struct stdio *stdio = xnew(struct stdio);
	bool any = false;

	*stdio = (struct stdio){.loop = loop,
				.ops = ops,
				.data = data,
				.has_terminal = terminal,
				.terminal_master = -1,
				.terminal_slave = -1};
	for (int i = 0; i < STDIO_STREAMS; i++) {
		stdio->streams[i] = (struct stream){
			.stdio = stdio, .from = -1, .to = -1, .output = is_output(i)};
		stdio->child_fds[i] = -1;
	}
	/* A terminal has one output. */
	for (int i = 0; i < (terminal ? 2 : STDIO_STREAMS); i++) {
		int r = 0;

		if (!ports->stream[i].set)
			continue;
		any = true;
		r = open_stream(stdio, transport, i, ports->stream[i].port, pipes);
		if (r < 0) {
			error_errno(err, r, "connect the process to port %u of the host",
				    ports->stream[i].port);
			stdio_free(stdio);
			return r;
		}
	}
	if (!any)
		stdio->check = loop_defer(loop, deferred_check, stdio);
	*ret = stdio;
	return 0;
}

void stdio_free(struct stdio *stdio)
{
	if (!stdio)
		return;
	for (int i = 0; i < STDIO_STREAMS; i++)
		stream_close(&stdio->streams[i]);
	loop_remove(stdio->check);
	stdio_close_child_fds(stdio);
	close_keep_errno(stdio->terminal_master);
	close_keep_errno(stdio->terminal_slave);
	free(stdio);
}

void stdio_child_fds(const struct stdio *stdio, int ret[STDIO_STREAMS])
{
	memcpy(ret, stdio->child_fds, sizeof(stdio->child_fds));
}

void stdio_close_child_fds(struct stdio *stdio)
{
	for (int i = 0; i < STDIO_STREAMS; i++)
		stdio->child_fds[i] = close_keep_errno(stdio->child_fds[i]);
}

static void hang_up(struct stdio *stdio)
{
	for (int i = 0; i < STDIO_STREAMS; i++)
		stream_close(&stdio->streams[i]);
	stdio->terminal_master = close_keep_errno(stdio->terminal_master);
	stdio->terminal_slave = close_keep_errno(stdio->terminal_slave);
	check_drained(stdio);
}

void stdio_set_terminal(struct stdio *stdio, int master, int slave)
{
	close_keep_errno(stdio->terminal_master);
	close_keep_errno(stdio->terminal_slave);
	stdio->terminal_master = master;
	stdio->terminal_slave = slave;
	(void)io_set_nonblocking(master, true);
	/* Copies: a descriptor can be in an epoll set once. */
	for (int i = 0; i < 2; i++) {
		struct stream *s = &stdio->streams[i];
		int fd;

		if ((s->output ? s->to : s->from) < 0)
			continue;
		fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
		*(s->output ? &s->from : &s->to) = fd;
		stream_start(s);
	}
}

int stdio_resize(struct stdio *stdio, uint16_t rows, uint16_t columns)
{
	if (stdio->terminal_master < 0)
		return -ENOTTY;
	return terminal_resize(stdio->terminal_master, rows, columns);
}

void stdio_close_stdin(struct stdio *stdio)
{
	stream_close(&stdio->streams[0]);
	stdio->child_fds[0] = close_keep_errno(stdio->child_fds[0]);
	check_connected(stdio);
}

static void check_drained(struct stdio *stdio)
{
	if (!stdio->draining || stdio->drained)
		return;
	for (int i = 0; i < STDIO_STREAMS; i++)
		if (stream_open(&stdio->streams[i]))
			return;
	stdio->drained = true;
	stdio->ops->drained(stdio->data);
}

void stdio_drain(struct stdio *stdio)
{
	if (stdio->draining)
		return;
	stdio_close_child_fds(stdio);
	stdio->terminal_slave = close_keep_errno(stdio->terminal_slave);
	stream_close(&stdio->streams[0]);
	/* Streams that end here must not report before all of them have been looked at. */
	for (int i = 1; i < STDIO_STREAMS; i++) {
		struct stream *s = &stdio->streams[i];

		if (s->output && s->from < 0)
			stream_close(s);
	}
	stdio->draining = true;
	for (int i = 1; i < STDIO_STREAMS; i++)
		if (stdio->streams[i].from_source)
			pump(&stdio->streams[i]);
	check_drained(stdio);
}
