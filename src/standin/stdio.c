// SPDX-License-Identifier: Apache-2.0
#include "standin/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/relay.h"
#include "lib/socket.h"

#define FIRST_PORT    0x10000U /* above what people choose by hand */
#define PORT_ATTEMPTS 1000
#define NAME_MAX_SIZE 32

struct stream {
	struct stdio *stdio;
	enum stdio_stream which;
	int fd;	  /* the host's side */
	int conn; /* the guest's side */
	int listener;
	struct loop_source *listen_source;
	uint32_t port;
	struct relay *relay;
	bool ended;
};

struct stdio {
	struct loop *loop;
	int vm_dirfd;
	struct stream streams[STDIO_STREAMS];
	void (*drained)(void *data);
	void *data;
};

static void socket_name(uint32_t port, char name[NAME_MAX_SIZE])
{
	snprintf(name, NAME_MAX_SIZE, "vsock.sock_%u", port);
}

static void stop_listening(struct stream *s)
{
	char name[NAME_MAX_SIZE];

	if (s->listener < 0)
		return;
	loop_remove(s->listen_source);
	s->listen_source = NULL;
	s->listener = close_keep_errno(s->listener);
	socket_name(s->port, name);
	(void)unlinkat(s->stdio->vm_dirfd, name, 0);
}

static void stream_close(struct stream *s)
{
	relay_free(s->relay);
	s->relay = NULL;
	s->conn = close_keep_errno(s->conn);
	s->fd = close_keep_errno(s->fd);
}

static void stream_end(struct stream *s)
{
	stream_close(s);
	s->ended = true;
	if (stdio_drained(s->stdio))
		s->stdio->drained(s->stdio->data);
}

static void on_relay_done(struct relay *relay _unused_, enum relay_end end, void *data)
{
	struct stream *s = data;

	/* The guest's end of an ended stdin stays open: closing it whole would be a reset. */
	if (s->which == STDIO_IN && end == RELAY_EOF) {
		relay_free(s->relay);
		s->relay = NULL;
		(void)shutdown(s->conn, SHUT_WR);
		s->fd = close_keep_errno(s->fd);
		s->ended = true;
		return;
	}
	/* A lost reader: closing the connection is what gives the program its SIGPIPE. */
	stream_end(s);
}

static void connect_stream(struct stream *s, int conn)
{
	stop_listening(s);
	s->conn = conn;
	s->relay = s->which == STDIO_IN ? relay_new(s->stdio->loop, s->fd, conn, on_relay_done, s)
					: relay_new(s->stdio->loop, conn, s->fd, on_relay_done, s);
}

static void on_connection(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct stream *s = data;
	int conn = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn >= 0)
		connect_stream(s, conn);
}

static int stream_listen(struct stream *s, uint32_t *next_port, struct error *err)
{
	char name[NAME_MAX_SIZE];

	for (int i = 0; i < PORT_ATTEMPTS; i++) {
		s->port = (*next_port)++;
		socket_name(s->port, name);
		s->listener =
			socket_listen_at(s->stdio->vm_dirfd, name, SOCK_STREAM | SOCK_NONBLOCK);
		if (s->listener >= 0) {
			s->listen_source =
				loop_add_fd(s->stdio->loop, s->listener, EPOLLIN, on_connection, s);
			return 0;
		}
		if (s->listener != -EADDRINUSE)
			break;
	}
	return error_errno(err, s->listener, "listen on \"%s\"", name);
}

int stdio_new(struct loop *loop, int vm_dirfd, int fds[STDIO_STREAMS], void (*drained)(void *data),
	      void *data, struct stdio **ret, struct error *err)
{
	struct stdio *stdio = xnew(struct stdio);
	uint32_t port = 0;
	int r = 0;

	stdio->loop = loop;
	stdio->vm_dirfd = vm_dirfd;
	stdio->drained = drained;
	stdio->data = data;
	/* A random start: processes of one VM rarely try the same ports. */
	(void)!getrandom(&port, sizeof(port), 0);
	port = FIRST_PORT + port % 0x40000000U;
	for (int i = 0; i < STDIO_STREAMS; i++) {
		struct stream *s = &stdio->streams[i];

		*s = (struct stream){.stdio = stdio,
				     .which = (enum stdio_stream)i,
				     .conn = -1,
				     .listener = -1,
				     .fd = TAKE_FD(fds[i])};
		s->ended = s->fd < 0;
	}
	for (int i = 0; i < STDIO_STREAMS && !r; i++)
		if (stdio->streams[i].fd >= 0)
			r = stream_listen(&stdio->streams[i], &port, err);
	if (r < 0) {
		stdio_free(stdio);
		return r;
	}
	*ret = stdio;
	return 0;
}

uint32_t stdio_port(const struct stdio *stdio, enum stdio_stream stream)
{
	return stdio->streams[stream].port;
}

void stdio_process_ended(struct stdio *stdio)
{
	for (int i = 0; i < STDIO_STREAMS; i++) {
		struct stream *s = &stdio->streams[i];

		if (s->listener < 0)
			continue;
		on_connection(s->listen_source, 0, s);
		if (s->listener >= 0) {
			stop_listening(s);
			stream_close(s);
			s->ended = true;
		}
	}
	/* Nobody reads what would still come on stdin. */
	stream_close(&stdio->streams[STDIO_IN]);
	stdio->streams[STDIO_IN].ended = true;
}

bool stdio_drained(const struct stdio *stdio)
{
	return stdio->streams[STDIO_OUT].ended && stdio->streams[STDIO_ERR].ended;
}

void stdio_free(struct stdio *stdio)
{
	if (!stdio)
		return;
	for (int i = 0; i < STDIO_STREAMS; i++) {
		stop_listening(&stdio->streams[i]);
		stream_close(&stdio->streams[i]);
	}
	free(stdio);
}
