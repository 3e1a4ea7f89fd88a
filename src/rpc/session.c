// SPDX-License-Identifier: Apache-2.0
#include "rpc/session.h"

#include <string.h>
#include <sys/socket.h>

/* One read; a request of a container's config.json fits in one or two. */
#define READ_SIZE 16384
/* Reads in one turn, so that a busy peer does not keep the loop. */
#define READS_PER_TURN 8
#define READS_TO_DRAIN 1024
/* An output buffer larger than this is not kept while idle. */
#define WRITE_KEEP 4096

bool rpc_session_over(const struct rpc_session *s)
{
	return s->end.errnum != 0;
}

void rpc_session_end(struct rpc_session *s, int errnum, const char *predicate, const char *detail)
{
	if (rpc_session_over(s))
		return;
	(void)error_set(&s->end, errnum, detail ? "%s: %s" : "%s", predicate, detail);
	loop_set_events(s->source, 0);
}

/* Return: bytes read, 0 when nothing more is there now or the connection is over. */
static size_t session_read(struct rpc_session *s)
{
	uint8_t buffer[READ_SIZE];
	ssize_t n;

	if (rpc_session_over(s))
		return 0;
	do
		n = recv(s->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (!n || (n < 0 && (errno == ECONNRESET || errno == EPIPE))) {
		rpc_session_end(s, ECONNRESET, "closed the connection", NULL);
		return 0;
	}
	if (n < 0) {
		rpc_session_end(s, errno, "cannot be read from", strerror(errno));
		return 0;
	}
	s->corked = true;
	s->ops->receive(s, buffer, (size_t)n);
	s->corked = false;
	return (size_t)n;
}

/* The peer takes no more bytes, so it is going away; it may have answered something before. */
static void session_drain(struct rpc_session *s)
{
	for (int i = 0; i < READS_TO_DRAIN; i++)
		if (!session_read(s))
			break;
	rpc_session_end(s, ECONNRESET, "closed the connection", NULL);
}

/* One turn of the loop: users first, then the answers of all of them at once, then the end. */
static void session_turn(struct rpc_session *s)
{
	if (s->mute)
		session_drain(s);
	s->corked = true;
	if (!s->ops->deliver(s))
		return;
	s->corked = false;
	rpc_session_flush(s);
	if (rpc_session_over(s))
		s->ops->ended(s);
}

static void on_later(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct rpc_session *s = data;

	s->later = NULL;
	session_turn(s);
}

void rpc_session_deliver_later(struct rpc_session *s)
{
	if (!s->later)
		s->later = loop_defer(s->loop, on_later, s);
}

static void on_ready(struct loop_source *source _unused_, uint32_t events, void *data)
{
	struct rpc_session *s = data;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		for (int i = 0; i < READS_PER_TURN; i++)
			if (session_read(s) < READ_SIZE)
				break;
	}
	session_turn(s);
}

/* Sends what waits. Return: true when all of it went. */
static bool session_write(struct rpc_session *s)
{
	while (s->out.len) {
		ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			strbuf_consume(&s->out, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return false;
		s->mute = true;
		strbuf_free(&s->out);
		rpc_session_deliver_later(s);
	}
	return true;
}

void rpc_session_flush(struct rpc_session *s)
{
	bool pending, written;

	if (s->corked || rpc_session_over(s))
		return;
	do {
		s->ops->fill(s);
		pending = s->out.len > 0;
		written = session_write(s);
	} while (pending && written && !s->mute && !rpc_session_over(s));

	if (written && s->out.allocated > WRITE_KEEP)
		strbuf_free(&s->out);
	if (rpc_session_over(s))
		rpc_session_deliver_later(s);
	else
		loop_set_events(s->source, EPOLLIN | (written ? 0 : EPOLLOUT));
}

void rpc_session_open(struct rpc_session *s, struct loop *loop, int fd,
		      const struct rpc_session_ops *ops)
{
	*s = (struct rpc_session){.ops = ops, .loop = loop, .fd = fd};
	s->source = loop_add_fd(loop, fd, EPOLLIN, on_ready, s);
}

void rpc_session_close(struct rpc_session *s)
{
	loop_remove(s->source);
	loop_remove(s->later);
	s->source = s->later = NULL;
	s->fd = close_keep_errno(s->fd);
	strbuf_free(&s->out);
}
