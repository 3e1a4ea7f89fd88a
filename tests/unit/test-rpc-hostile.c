// SPDX-License-Identifier: Apache-2.0
/*
 * Clients that do not keep to gRPC, or to HTTP/2: one made of nghttp2 alone, which says what a test
 * tells it to, and plain bytes. Those that do not keep to frames are in test-frames.c.
 */
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "lib/strbuf.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

#define PATIENCE  (20 * USEC_PER_SEC)
#define MAX_LINES 8

struct line {
	const char *name, *value;
};

/**
 * struct script - what a raw client says
 * @body: sent as DATA; @body_len bytes, @repeat times
 * @open: no END_STREAM at all
 */
struct script {
	struct line headers[MAX_LINES];
	const char *body;
	size_t body_len;
	unsigned int repeat;
	bool open;
};

static struct loop *loop;
static struct rpc_server *server;
static struct test_service service;

static struct {
	int fd;
	struct loop_source *source;
	nghttp2_session *http2;
	const struct script *script;
	unsigned int repeated;
	size_t body_at;
	bool over;	    /* the stream is closed, or the connection */
	struct strbuf seen; /* "name: value\n" of every header, and the bytes of DATA */
} raw;

static size_t lines(const struct line *from, nghttp2_nv *to)
{
	size_t n;

	for (n = 0; n < MAX_LINES && from[n].name; n++)
		to[n] = (nghttp2_nv){.name = (uint8_t *)from[n].name,
				     .value = (uint8_t *)from[n].value,
				     .namelen = strlen(from[n].name),
				     .valuelen = strlen(from[n].value)};
	return n;
}

static ssize_t raw_body(nghttp2_session *http2 _unused_, int32_t stream _unused_, uint8_t *buffer,
			size_t len, uint32_t *flags, nghttp2_data_source *source _unused_,
			void *data _unused_)
{
	const struct script *s = raw.script;
	size_t n = s->body_len - raw.body_at;

	if (n > len)
		n = len;
	if (n)
		memcpy(buffer, s->body + raw.body_at, n);
	raw.body_at += n;
	if (raw.body_at == s->body_len && ++raw.repeated < s->repeat)
		raw.body_at = 0;
	if (raw.body_at < s->body_len)
		return (ssize_t)n;
	if (s->open)
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int raw_header(nghttp2_session *http2 _unused_, const nghttp2_frame *frame _unused_,
		      const uint8_t *name, size_t name_len, const uint8_t *value, size_t len,
		      uint8_t flags _unused_, void *data _unused_)
{
	strbuf_append(&raw.seen, name, name_len);
	strbuf_puts(&raw.seen, ": ");
	strbuf_append(&raw.seen, value, len);
	strbuf_putc(&raw.seen, '\n');
	return 0;
}

static int raw_close(nghttp2_session *http2 _unused_, int32_t stream _unused_,
		     uint32_t code _unused_, void *data _unused_)
{
	raw.over = true;
	return 0;
}

static void raw_write(void)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(raw.http2, &bytes)) > 0)
		if (io_write_all(raw.fd, bytes, (size_t)n) < 0)
			raw.over = true;
}

static void raw_ready(struct loop_source *source, uint32_t events _unused_, void *data _unused_)
{
	uint8_t buffer[4096];
	ssize_t n = recv(raw.fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n <= 0 || (raw.http2 && nghttp2_session_mem_recv(raw.http2, buffer, (size_t)n) < 0)) {
		raw.over = true;
		loop_set_events(source, 0);
	} else if (raw.http2) {
		raw_write();
	}
}

/* One end of a pair for the raw client: HTTP/2, or just bytes. */
static int raw_open(bool http2)
{
	nghttp2_session_callbacks *callbacks;
	int pair[2];

	memset(&raw, 0, sizeof(raw));
	service = (struct test_service){0};
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	raw.fd = pair[0];
	raw.source = loop_add_fd(loop, raw.fd, EPOLLIN, raw_ready, NULL);
	CHECK_INT(nghttp2_session_callbacks_new(&callbacks), ==, 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, raw_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, raw_close);
	if (http2)
		CHECK_INT(nghttp2_session_client_new(&raw.http2, callbacks, NULL), ==, 0);
	nghttp2_session_callbacks_del(callbacks);
	if (raw.http2)
		CHECK_INT(nghttp2_submit_settings(raw.http2, 0, NULL, 0), ==, 0);
	return pair[1];
}

static void raw_done(void)
{
	rpc_server_free(server);
	server = NULL;
	nghttp2_session_del(raw.http2);
	loop_remove(raw.source);
	close(raw.fd);
	strbuf_free(&raw.seen);
	loop_free(loop);
}

static void serve(int fd)
{
	server = rpc_server_new(loop);
	test_service_add(server, &service);
	CHECK_INT(rpc_server_accept(server, fd), ==, 0);
}

#define PATH "/com.apple.containerization.sandbox.v3.SandboxContext/Getenv"
#define HTTP                      \
	{":scheme", "http"},      \
	{                         \
		":authority", "x" \
	}
#define COMMON                     \
	{":method", "POST"}, HTTP, \
	{                          \
		":path", PATH      \
	}
#define GRPC                                       \
	{                                          \
		"content-type", "application/grpc" \
	}
/* Field 1 is "k". */
#define GOOD .body = "\0\0\0\0\3\n\1k", .body_len = 8

/* What the server answers to a raw request, for the next check. */
static const char *ask(const struct script *script)
{
	static char seen[4096];
	nghttp2_data_provider provider = {.read_callback = raw_body};
	nghttp2_nv nv[MAX_LINES];

	serve(raw_open(true));
	raw.script = script;
	CHECK_INT(nghttp2_submit_request(raw.http2, NULL, nv, lines(script->headers, nv),
					 script->body_len || script->open ? &provider : NULL, NULL),
		  >, 0);
	raw_write();
	CHECK_INT(loop_run_until(loop, &raw.over, loop_now() + PATIENCE), ==, 0);
	(void)snprintf(seen, sizeof(seen), "%s", raw.seen.data ?: "");
	raw_done();
	return seen;
}

#define ASK(...) ask(&(const struct script){__VA_ARGS__})

static void test_odd_headers(void)
{
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, GOOD), "\ngrpc-status: 0\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, {"content-type", "application/grpc+proto"}}, GOOD),
		       "\ngrpc-status: 0\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, {"content-type", "text/html"}}, GOOD),
		       ":status: 415\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON}, GOOD), ":status: 415\n");
	CHECK_CONTAINS(ASK(.headers = {{":method", "GET"}, HTTP, {":path", PATH}, GRPC}),
		       ":status: 405\n");
	CHECK_CONTAINS(ASK(.headers = {{":method", "POST"}, HTTP, {":path", "/"}, GRPC}, GOOD),
		       "\ngrpc-status: 12\n");
	CHECK_CONTAINS(ASK(.headers = {{":method", "POST"}, HTTP, {":path", PATH "x"}, GRPC}, GOOD),
		       "\ngrpc-status: 12\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC, {"grpc-timeout", "soon"}}, GOOD),
		       "\ngrpc-status: 3\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC, {"grpc-encoding", "gzip"}}, GOOD),
		       "\ngrpc-accept-encoding: identity\ngrpc-status: 12\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC, {"grpc-encoding", "identity"}}, GOOD),
		       "\ngrpc-status: 0\n");
}

static void test_odd_messages(void)
{
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}), "\ngrpc-status: 12\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, GOOD, .repeat = 2), "\ngrpc-status: 12\n");
	/* Cut off, compressed, a bad flag, too long, and not a message. */
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, .body = "\0\0\0\0\3\n", .body_len = 6),
		       "\ngrpc-status: 13\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, .body = "\1\0\0\0\3\n\1k", .body_len = 8),
		       "\ngrpc-status: 13\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, .body = "\7\0\0\0\3\n\1k", .body_len = 8),
		       "\ngrpc-status: 13\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, .body = "\0\xff\0\0\0", .body_len = 5),
		       "\ngrpc-status: 8\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC}, .body = "\0\0\0\0\2\n\7", .body_len = 7),
		       "\ngrpc-status: 13\n");
}

/* The request never ends: the answer does not wait for it. */
static void test_early_answer(void)
{
	CHECK_CONTAINS(ASK(.headers = {COMMON, {"content-type", "text/html"}}, .open = true),
		       ":status: 415\n");
	CHECK_CONTAINS(
		ASK(.headers = {COMMON, GRPC}, .body = "\0\xff\0\0\0", .body_len = 5, .open = true),
		"\ngrpc-status: 8\n");
	CHECK_CONTAINS(ASK(.headers = {COMMON, GRPC, {"grpc-timeout", "1m"}}, .open = true),
		       "\ngrpc-status: 4\n");
}

static void test_large_headers(void)
{
	_cleanup_free_ char *value = xcalloc(1, 20001);

	memset(value, 'v', 20000);
	CHECK_STR(ASK(.headers = {COMMON, GRPC, {"x", value}}, GOOD), "");
}

/* Bytes that are no HTTP/2, or stop anywhere: the connection ends, and the server lives on. */
static void feed_server(const void *bytes, size_t len, bool then_close)
{
	serve(raw_open(false));
	CHECK_INT(io_write_all(raw.fd, bytes, len), ==, 0);
	if (then_close)
		(void)shutdown(raw.fd, SHUT_WR);
	CHECK_INT(loop_run_until(loop, &raw.over, loop_now() + PATIENCE), ==, 0);
	raw_done();
}

static void test_garbage(void)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	char frame[sizeof(preface) + 64];

	feed_server("GET / HTTP/1.1\r\n\r\n", 18, false);
	feed_server("\0", 1, true);
	for (size_t i = 0; i < sizeof(preface); i++)
		feed_server(preface, i, true);
	/* Every type of frame with nonsense in it. */
	memcpy(frame, preface, sizeof(preface) - 1);
	for (int type = 0; type < 12; type++) {
		memset(frame + sizeof(preface) - 1, 0xa5, 64);
		memcpy(frame + sizeof(preface) - 1, "\0\0\x20", 3);
		frame[sizeof(preface) + 2] = (char)type;
		feed_server(frame, sizeof(frame), true);
	}
}

int main(void)
{
	TEST_RUN(test_odd_headers);
	TEST_RUN(test_odd_messages);
	TEST_RUN(test_early_answer);
	TEST_RUN(test_large_headers);
	TEST_RUN(test_garbage);
	return test_end();
}
