// SPDX-License-Identifier: Apache-2.0
/*
 * Peers that do not keep to gRPC, or to HTTP/2: a client and a server made of nghttp2 alone, which
 * say what a test tells them to, and plain bytes.
 */
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "lib/strbuf.h"
#include "rpc/client.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

#define PATIENCE  (20 * USEC_PER_SEC)
#define MAX_LINES 8

struct line {
	const char *name, *value;
};

/**
 * struct script - what a raw peer says
 * @body: sent as DATA; @body_len bytes, @repeat times
 * @trailers: none: END_STREAM comes with the data, or the headers
 * @open: no END_STREAM at all
 * @reset: RST_STREAM with this code after the headers
 * @goaway: says GOAWAY first, and takes no stream
 */
struct script {
	struct line headers[MAX_LINES];
	const char *body;
	size_t body_len;
	unsigned int repeat;
	struct line trailers[MAX_LINES];
	bool open;
	uint32_t reset;
	bool goaway;
};

static struct loop *loop;
static struct rpc_server *server;
static struct rpc_client *client;
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

static ssize_t raw_body(nghttp2_session *http2, int32_t stream, uint8_t *buffer, size_t len,
			uint32_t *flags, nghttp2_data_source *source _unused_, void *data _unused_)
{
	const struct script *s = raw.script;
	nghttp2_nv nv[MAX_LINES];
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
	if (s->trailers[0].name) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		(void)nghttp2_submit_trailer(http2, stream, nv, lines(s->trailers, nv));
	}
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

static int raw_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *data _unused_)
{
	const struct script *s = raw.script;
	nghttp2_data_provider provider = {.read_callback = raw_body};
	nghttp2_nv nv[MAX_LINES];

	if (!nghttp2_session_check_server_session(http2) || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (s->goaway) {
		(void)nghttp2_submit_goaway(http2, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
		return 0;
	}
	if (s->headers[0].name)
		(void)nghttp2_submit_response(http2, frame->hd.stream_id, nv, lines(s->headers, nv),
					      s->body_len || s->open ? &provider : NULL);
	if (s->reset)
		(void)nghttp2_submit_rst_stream(http2, 0, frame->hd.stream_id, s->reset);
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

/* One end of a pair for the raw peer: as a client, a server, or (neither) just bytes. */
static int raw_open(bool as_client, bool as_server)
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
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, raw_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, raw_close);
	if (as_client)
		CHECK_INT(nghttp2_session_client_new(&raw.http2, callbacks, NULL), ==, 0);
	if (as_server)
		CHECK_INT(nghttp2_session_server_new(&raw.http2, callbacks, NULL), ==, 0);
	nghttp2_session_callbacks_del(callbacks);
	if (raw.http2)
		CHECK_INT(nghttp2_submit_settings(raw.http2, 0, NULL, 0), ==, 0);
	return pair[1];
}

static void raw_done(void)
{
	rpc_client_free(client);
	client = NULL;
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
	test_service_add(server, &service, NULL);
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

	serve(raw_open(true, false));
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
	serve(raw_open(false, false));
	CHECK_INT(io_write_all(raw.fd, bytes, len), ==, 0);
	if (then_close)
		(void)shutdown(raw.fd, SHUT_WR);
	CHECK_INT(loop_run_until(loop, &raw.over, loop_now() + PATIENCE), ==, 0);
	raw_done();
}

static void test_garbage_to_server(void)
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

/* What a call comes to. */
static struct {
	bool done;
	enum grpc_status status;
	int errnum;
	char message[512];
	unsigned int n_messages;
} outcome;

static void on_message(struct rpc_request *request _unused_,
		       const ProtobufCMessage *message _unused_, void *data _unused_)
{
	outcome.n_messages++;
}

static void on_done(struct rpc_request *request, const ProtobufCMessage *reply _unused_,
		    const struct error *err, void *data _unused_)
{
	outcome.done = true;
	outcome.status = rpc_request_status(request);
	if (err) {
		outcome.errnum = err->errnum;
		(void)snprintf(outcome.message, sizeof(outcome.message), "%s", error_message(err));
	}
}

static void start(bool streaming)
{
	SANDBOX(GetenvRequest) getenv = SANDBOX_INIT(GETENV_REQUEST);
	SANDBOX(CopyRequest) copy = SANDBOX_INIT(COPY_REQUEST);

	memset(&outcome, 0, sizeof(outcome));
	getenv.key = (char *)"k";
	if (streaming)
		rpc_client_stream(client, SANDBOX_SERVICE, "Copy", &copy.base, PATIENCE, on_message,
				  on_done, NULL);
	else
		rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &getenv.base, PATIENCE, on_done,
				NULL);
}

/* What our client makes of a raw answer: the message of its error, "" for success. */
static const char *answer(bool streaming, const struct script *script)
{
	int fd = raw_open(false, true);

	client = rpc_client_new(loop, fd, "vminitd");
	raw.script = script;
	start(streaming);
	CHECK_INT(loop_run_until(loop, &outcome.done, loop_now() + PATIENCE), ==, 0);
	CHECK_INT(outcome.status == GRPC_OK, ==, outcome.message[0] == '\0');
	raw_done();
	return outcome.message;
}

#define ANSWER(...)	   answer(false, &(const struct script){__VA_ARGS__})
#define ANSWER_STREAM(...) answer(true, &(const struct script){__VA_ARGS__})
#define OK		   {":status", "200"}, GRPC
#define STATUS(code)	   .trailers = {{"grpc-status", code}}

static void test_odd_answers(void)
{
	CHECK_STR(ANSWER(.headers = {OK}, GOOD, STATUS("0")), "");
	CHECK_STR(ANSWER(.headers = {{":status", "503"}, {"content-type", "text/html"}},
			 .body = "<html>", .body_len = 6),
		  "Getenv: vminitd answered with an HTTP error, not as a gRPC server");
	CHECK_INT(outcome.status, ==, GRPC_UNAVAILABLE);
	CHECK_STR(ANSWER(.headers = {{":status", "200"}, {"content-type", "text/html"}},
			 .body = "<html>", .body_len = 6),
		  "Getenv: vminitd answered with a content-type not of gRPC");
	CHECK_STR(ANSWER(.headers = {OK, {"grpc-encoding", "gzip"}}, GOOD, STATUS("0")),
		  "Getenv: vminitd answered compressed");
	CHECK_STR(ANSWER(.headers = {OK}, GOOD),
		  "Getenv: vminitd ended its answer without a status");
	CHECK_STR(ANSWER(.headers = {OK, {"grpc-status", "0"}}),
		  "Getenv: vminitd answered without a message");
	CHECK_STR(ANSWER(.headers = {OK}, GOOD, .repeat = 2, STATUS("0")),
		  "Getenv: vminitd answered with several messages");
	CHECK_STR(ANSWER(.headers = {OK}, .body = "\0\0\0\0\3\n", .body_len = 6, STATUS("0")),
		  "Getenv: vminitd ended its answer within a message");
	CHECK_STR(ANSWER(.headers = {OK}, .body = "\1\0\0\0\0", .body_len = 5, STATUS("0")),
		  "Getenv: vminitd answered with a bad length prefix");
	CHECK_STR(ANSWER(.headers = {OK}, .body = "\0\xff\0\0\0", .body_len = 5, .open = true),
		  "Getenv: vminitd answered with too large a message");
	CHECK_INT(outcome.status, ==, GRPC_RESOURCE_EXHAUSTED);
	CHECK_STR(ANSWER(.headers = {OK}, .body = "\0\0\0\0\2\n\7", .body_len = 7, STATUS("0")),
		  "Getenv: vminitd answered with what cannot be decoded");
	CHECK_STR(ANSWER(.headers = {OK}, .reset = NGHTTP2_CANCEL),
		  "Getenv: vminitd gave up the call");
	CHECK_INT(outcome.status, ==, GRPC_CANCELLED);
	CHECK_STR(ANSWER(.goaway = true), "Getenv: vminitd is about to end the connection");
	CHECK_INT(outcome.status, ==, GRPC_UNAVAILABLE);
}

static void test_odd_statuses(void)
{
	CHECK_STR(ANSWER(.headers = {OK, {"grpc-status", "5"}}), "NOT_FOUND");
	CHECK_INT(outcome.errnum, ==, ENOENT);
	CHECK_STR(ANSWER(.headers = {OK,
				     {"grpc-status", "5"},
				     {"runvm-errno", "3"},
				     {"grpc-message", "no%0Asuch%1B process%"}}),
		  "no such  process%");
	CHECK_INT(outcome.errnum, ==, ESRCH);
	CHECK_STR(ANSWER(.headers = {OK, {"grpc-status", "999"}, {"runvm-errno", "99999"}}),
		  "UNKNOWN");
	CHECK_INT(outcome.errnum, ==, EIO);
	/* An errno does not make a success an error, nor a failure a success. */
	CHECK_STR(ANSWER(.headers = {OK}, GOOD,
			 .trailers = {{"grpc-status", "0"}, {"runvm-errno", "2"}}),
		  "");
	CHECK_STR(ANSWER(.headers = {OK, {"grpc-status", "13"}, {"runvm-errno", "0"}}), "INTERNAL");
	CHECK_INT(outcome.errnum, >, 0);
}

static void test_long_stream(void)
{
	static const char empty_messages[50000];

	CHECK_STR(ANSWER_STREAM(.headers = {OK}, .body = empty_messages,
				.body_len = sizeof(empty_messages), STATUS("0")),
		  "");
	CHECK_INT(outcome.n_messages, ==, sizeof(empty_messages) / GRPC_PREFIX_SIZE);
}

static void test_large_answer_headers(void)
{
	_cleanup_free_ char *value = xcalloc(1, 20001);

	memset(value, 'v', 20000);
	CHECK_STR(ANSWER(.headers = {OK, {"x", value}}, GOOD, STATUS("0")),
		  "Getenv: vminitd answered with too many headers");
}

static void feed_client(const void *bytes, size_t len)
{
	int fd = raw_open(false, false);

	client = rpc_client_new(loop, fd, "vminitd");
	start(false);
	if (len)
		CHECK_INT(io_write_all(raw.fd, bytes, len), ==, 0);
	(void)shutdown(raw.fd, SHUT_RDWR);
	CHECK_INT(loop_run_until(loop, &outcome.done, loop_now() + PATIENCE), ==, 0);
	CHECK_INT(outcome.status, !=, GRPC_OK);
	CHECK_CONTAINS(outcome.message, "Getenv: vminitd ");
	raw_done();
}

static void test_garbage_to_client(void)
{
	char frame[9 + 64];

	feed_client("", 0);
	CHECK_STR(outcome.message, "Getenv: vminitd closed the connection");
	feed_client("HTTP/1.1 200 OK\r\n\r\n", 19);
	for (int type = 0; type < 12; type++) {
		memset(frame, 0xa5, sizeof(frame));
		memcpy(frame, "\0\0\x40", 3);
		frame[3] = (char)type;
		feed_client(frame, sizeof(frame));
		/* ... and on the stream of the call. */
		memcpy(frame + 4, "\4\0\0\0\1", 5);
		feed_client(frame, sizeof(frame));
	}
}

int main(void)
{
	TEST_RUN(test_odd_headers);
	TEST_RUN(test_odd_messages);
	TEST_RUN(test_early_answer);
	TEST_RUN(test_large_headers);
	TEST_RUN(test_garbage_to_server);
	TEST_RUN(test_odd_answers);
	TEST_RUN(test_odd_statuses);
	TEST_RUN(test_long_stream);
	TEST_RUN(test_large_answer_headers);
	TEST_RUN(test_garbage_to_client);
	return test_end();
}
