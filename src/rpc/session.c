// SPDX-License-Identifier: Apache-2.0
#include "rpc/session.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"

/* One read; a request of a container's config.json fits in one or two. */
#define READ_SIZE 16384
/* Reads in one turn, so that a busy peer does not keep the loop. */
#define READS_PER_TURN 8
#define READS_TO_DRAIN 1024
/* What is taken from nghttp2 ahead of the socket. */
#define WRITE_AHEAD (64U << 10)
/* An output buffer larger than this is not kept while idle. */
#define WRITE_KEEP 4096

bool rpc_session_over(const struct rpc_session *s)
{
	return s->end.errnum != 0;
}

static void session_end(struct rpc_session *s, int errnum, const char *predicate,
			const char *detail)
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
	ssize_t n, r;

	if (rpc_session_over(s))
		return 0;
	do
		n = recv(s->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (!n || (n < 0 && (errno == ECONNRESET || errno == EPIPE))) {
		session_end(s, ECONNRESET, "closed the connection", NULL);
		return 0;
	}
	if (n < 0) {
		session_end(s, errno, "cannot be read from", strerror(errno));
		return 0;
	}
	s->corked = true;
	r = nghttp2_session_mem_recv(s->http2, buffer, (size_t)n);
	s->corked = false;
	if (r < 0) {
		session_end(s, EPROTO, "sent what is not HTTP/2", nghttp2_strerror((int)r));
		return 0;
	}
	return (size_t)n;
}

/* The peer takes no more bytes, so it is going away; it may have answered something before. */
static void session_drain(struct rpc_session *s)
{
	for (int i = 0; i < READS_TO_DRAIN; i++)
		if (!session_read(s))
			break;
	session_end(s, ECONNRESET, "closed the connection", NULL);
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

/* Takes the next piece from nghttp2. Return: false when there is none. */
static bool session_fill(struct rpc_session *s)
{
	const uint8_t *data;
	ssize_t n = 0;

	while (s->out.len < WRITE_AHEAD) {
		n = nghttp2_session_mem_send(s->http2, &data);
		if (n <= 0)
			break;
		strbuf_append(&s->out, data, (size_t)n);
	}
	if (n < 0)
		session_end(s, EPROTO, "cannot be written to", nghttp2_strerror((int)n));
	return s->out.len > 0;
}

void rpc_session_flush(struct rpc_session *s)
{
	bool written;

	if (s->corked || rpc_session_over(s))
		return;
	do
		written = session_write(s);
	while (written && !s->mute && session_fill(s));

	if (written && s->out.allocated > WRITE_KEEP)
		strbuf_free(&s->out);
	if (written && !nghttp2_session_want_read(s->http2) &&
	    !nghttp2_session_want_write(s->http2))
		session_end(s, EPROTO, "broke the rules of HTTP/2, or said goodbye", NULL);
	if (rpc_session_over(s))
		rpc_session_deliver_later(s);
	else
		loop_set_events(s->source, EPOLLIN | (written ? 0 : EPOLLOUT));
}

static int session_settings(struct rpc_session *s, uint32_t max_streams)
{
	/* No dynamic header table: it would cost memory and save a few bytes of a few. */
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RPC_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_MAX_HEADERS},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};

	if (max_streams)
		settings[3] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
						       max_streams};
	if (nghttp2_submit_settings(s->http2, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) ||
	    nghttp2_session_set_local_window_size(s->http2, NGHTTP2_FLAG_NONE, 0,
						  RPC_CONNECTION_WINDOW))
		return -ENOMEM;
	return 0;
}

static int session_http2(struct rpc_session *s, uint32_t max_streams)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int r = -ENOMEM;

	if (!nghttp2_session_callbacks_new(&callbacks) && !nghttp2_option_new(&option)) {
		s->ops->setup(callbacks);
		nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
		/* Closed streams would be kept for priorities, which gRPC does not use. */
		nghttp2_option_set_no_closed_streams(option, 1);
		r = max_streams ? nghttp2_session_server_new2(&s->http2, callbacks, s, option)
				: nghttp2_session_client_new2(&s->http2, callbacks, s, option);
		r = r ? -ENOMEM : session_settings(s, max_streams);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r;
}

int rpc_session_open(struct rpc_session *s, struct loop *loop, int fd, uint32_t max_streams,
		     const struct rpc_session_ops *ops)
{
	int r;

	*s = (struct rpc_session){.ops = ops, .loop = loop, .fd = fd};
	r = session_http2(s, max_streams);
	if (r < 0) {
		rpc_session_close(s);
		return r;
	}
	s->source = loop_add_fd(loop, fd, EPOLLIN, on_ready, s);
	return 0;
}

void rpc_session_close(struct rpc_session *s)
{
	loop_remove(s->source);
	loop_remove(s->later);
	s->source = s->later = NULL;
	nghttp2_session_del(s->http2);
	s->http2 = NULL;
	s->fd = close_keep_errno(s->fd);
	strbuf_free(&s->out);
}

nghttp2_nv rpc_header(const char *name, const char *value, size_t len)
{
	return (nghttp2_nv){.name = (uint8_t *)name,
			    .value = (uint8_t *)value,
			    .namelen = strlen(name),
			    .valuelen = len,
			    .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

nghttp2_nv rpc_header_const(const char *name, const char *value)
{
	nghttp2_nv nv = rpc_header(name, value, strlen(value));

	nv.flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	return nv;
}
