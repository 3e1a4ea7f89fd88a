// SPDX-License-Identifier: Apache-2.0
/* Frames (src/rpc/frame.c), and peers that do not keep to them: bytes, to server and client. */
#include "rpc/frame.h"

#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "rpc/client.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

#define PATIENCE (20 * USEC_PER_SEC)

/* --- the bytes --- */

static void test_bytes(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	SANDBOX(KillRequest) kill = SANDBOX_INIT(KILL_REQUEST);
	struct frame request = {
		.kind = FRAME_REQUEST, .call = 0x01020304, .service = 1, .method = 2, .timeout = 5};

	kill.pid = 1;
	kill.signal = 15;
	CHECK_INT(frame_pack(&out, request, &kill.base), ==, 0);
	CHECK_INT(out.len, ==, 24 + 4);
	CHECK(!memcmp(out.data,
		      "\4\0\0\0\4\3\2\1\1\1\2\0\0\0\0\0\5\0\0\0\0\0\0\0"
		      "\x08\x01\x18\x0f",
		      28));
	strbuf_free(&out);
	frame_put_end(&out, 7, GRPC_NOT_FOUND, ENOENT, "no");
	CHECK_INT(out.len, ==, 24 + 2);
	CHECK(!memcmp(out.data, "\2\0\0\0\7\0\0\0\4\0\0\5\2\0\0\0\0\0\0\0\0\0\0\0no", 26));
	strbuf_free(&out);
	frame_put_end(&out, 7, GRPC_OK, 0, NULL);
	CHECK_INT(out.len, ==, 24);
}

static void test_pack_bounded(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *huge = xmalloc(GRPC_MAX_MESSAGE + 1);
	SANDBOX(GetenvRequest) getenv = SANDBOX_INIT(GETENV_REQUEST);

	memset(huge, 'x', GRPC_MAX_MESSAGE);
	huge[GRPC_MAX_MESSAGE] = '\0';
	getenv.key = huge;
	CHECK_INT(frame_pack(&out, (struct frame){.kind = FRAME_MESSAGE}, &getenv.base), ==,
		  -EMSGSIZE);
	CHECK_INT(out.len, ==, 0);
	frame_put_end(&out, 1, GRPC_INTERNAL, 0, huge);
	CHECK_INT(out.len, ==, 24 + GRPC_MAX_STATUS_MESSAGE);
}

/* Numbers that a vminitd of another version relies on: a failure here asks for a new preface. */
static void test_methods(void)
{
	static const struct {
		unsigned int service, method;
		const char *name;
	} places[] = {
		{0, 0, "Mount"},	   {0, 3, "Getenv"},	      {0, 12, "CreateProcess"},
		{0, 14, "StartProcess"},   {0, 15, "KillProcess"},    {0, 16, "WaitProcess"},
		{0, 17, "ResizeProcess"},  {0, 29, "Kill"},	      {1, 0, "Setup"},
		{1, 2, "CreateContainer"}, {1, 3, "RemoveContainer"}, {1, 4, "SignalContainer"},
		{1, 9, "ListSteps"},	   {1, 10, "Events"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		CHECK_STR(frame_services[places[i].service]->methods[places[i].method].name,
			  places[i].name);
	for (size_t i = 0; i < FRAME_SERVICES; i++)
		CHECK_INT(frame_services[i]->n_methods, <=, UINT8_MAX);
}

/* Three frames, one of them without a body, cut at every size. */
static void test_reader_pieces(void)
{
	_cleanup_strbuf_ struct strbuf wire = STRBUF_INIT;

	frame_put(&wire, (struct frame){.kind = FRAME_MESSAGE, .call = 1}, "abc", 3);
	frame_put(&wire, (struct frame){.kind = FRAME_CANCEL, .call = 2}, NULL, 0);
	frame_put_end(&wire, 3, GRPC_INTERNAL, EIO, "de");
	for (size_t piece = 1; piece <= wire.len; piece++) {
		struct frame_reader reader = {.have = 0};
		size_t at = 0;
		unsigned int n_frames = 0;

		while (at < wire.len) {
			size_t n = wire.len - at < piece ? wire.len - at : piece;
			bool whole;
			ssize_t taken = frame_reader_feed(&reader, (const uint8_t *)wire.data + at,
							  n, &whole);

			CHECK_INT(taken, >, 0);
			at += (size_t)taken;
			if (!whole)
				continue;
			n_frames++;
			CHECK_INT(reader.frame.call, ==, n_frames);
			if (n_frames == 1)
				CHECK(reader.frame.length == 3 && !memcmp(reader.body, "abc", 3));
			else if (n_frames == 2)
				CHECK(!reader.frame.length && !reader.body);
			else
				CHECK(reader.frame.status == GRPC_INTERNAL &&
				      reader.frame.errnum == EIO && reader.frame.length == 2);
			frame_reader_next(&reader);
		}
		CHECK_INT(n_frames, ==, 3);
		CHECK_INT(reader.have, ==, 0);
	}
}

static ssize_t feed_header(uint8_t kind, uint32_t length)
{
	struct frame frame = {.kind = kind, .call = 1, .length = length};
	struct frame_reader reader = {.have = 0};
	bool whole;
	ssize_t n = frame_reader_feed(&reader, (const uint8_t *)&frame, sizeof(frame), &whole);

	frame_reader_next(&reader);
	return n;
}

static void test_reader_refuses(void)
{
	CHECK_INT(feed_header(FRAME_REQUEST, GRPC_MAX_MESSAGE), ==, 24);
	CHECK_INT(feed_header(FRAME_REQUEST, GRPC_MAX_MESSAGE + 1), ==, -EMSGSIZE);
	CHECK_INT(feed_header(FRAME_MESSAGE, UINT32_MAX), ==, -EMSGSIZE);
	CHECK_INT(feed_header(FRAME_CANCEL, 1), ==, -EMSGSIZE);
	CHECK_INT(feed_header(FRAME_END, GRPC_MAX_STATUS_MESSAGE), ==, 24);
	CHECK_INT(feed_header(FRAME_END, GRPC_MAX_STATUS_MESSAGE + 1), ==, -EMSGSIZE);
	CHECK_INT(feed_header(0, 0), ==, -EPROTO);
	CHECK_INT(feed_header(FRAME_KINDS, 0), ==, -EPROTO);
	CHECK_INT(feed_header(255, 0), ==, -EPROTO);
}

static void test_text(void)
{
	char *text = frame_text((const uint8_t *)"100% M\xc3\xbcll\n\x1b[31m\x7f\0x", 19);

	CHECK_STR(text, "100% M\xc3\xbcll  [31m  x");
	free(text);
	text = frame_text((const uint8_t *)"\xc2\x9b[2J \xc2\xa7 \xc2\x80\xc3\x9f", 13);
	CHECK_STR(text, "  [2J \xc2\xa7   \xc3\x9f");
	free(text);
	text = frame_text(NULL, 0);
	CHECK_STR(text, "");
	free(text);
}

/* --- the server --- */

static struct loop *loop;
static struct rpc_server *server;
static struct test_service service;
static int raw = -1;
static struct strbuf out; /* what goes to the other end next */

static int open_raw(void)
{
	int pair[2];

	service = (struct test_service){0};
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	raw = pair[0];
	return pair[1];
}

static void serve(void)
{
	int fd = open_raw();

	server = rpc_server_new(loop);
	test_service_add(server, &service);
	CHECK_INT(rpc_server_accept(server, fd), ==, 0);
	strbuf_puts(&out, FRAME_PREFACE);
}

static void close_raw(void)
{
	rpc_server_free(server);
	server = NULL;
	raw = close_keep_errno(raw);
	strbuf_free(&out);
	loop_free(loop);
}

static void write_out(void)
{
	CHECK_INT(io_write_all(raw, out.data, out.len), ==, 0);
	strbuf_free(&out);
}

static uint8_t place(unsigned int service_index, const char *method)
{
	const ProtobufCServiceDescriptor *s = frame_services[service_index];

	return (uint8_t)(protobuf_c_service_descriptor_get_method_by_name(s, method) - s->methods);
}

static void put_request(uint32_t call, const char *method, const void *body, size_t len)
{
	struct frame frame = {.kind = FRAME_REQUEST,
			      .call = call,
			      .method = place(0, method),
			      .timeout = FRAME_NO_TIMEOUT};

	frame_put(&out, frame, body, len);
}

/* Getenv of "k". */
static void put_good(uint32_t call)
{
	put_request(call, "Getenv", "\n\1k", 3);
}

/* Reads until a frame is whole. Return: false when the server ended the connection. */
static bool next_frame(struct frame_reader *reader)
{
	uint64_t deadline = loop_now() + PATIENCE;
	bool whole = false;

	frame_reader_next(reader);
	while (!whole) {
		uint8_t byte;
		ssize_t n = recv(raw, &byte, 1, MSG_DONTWAIT);

		if (n == 1)
			CHECK_INT(frame_reader_feed(reader, &byte, 1, &whole), ==, 1);
		else if (n == 0 || errno != EAGAIN)
			return false;
		else
			CHECK_INT(loop_iterate(loop, deadline), ==, 0);
	}
	return true;
}

/* The status of the next answer, whose text is @wanted; -1 when the connection ended instead. */
static int status_of(uint32_t call, const char *wanted)
{
	struct frame_reader reader = {.have = 0};
	int status;

	write_out();
	do {
		if (!next_frame(&reader))
			return -1;
		CHECK_INT(reader.frame.call, ==, call);
	} while (reader.frame.kind == FRAME_MESSAGE);
	CHECK_INT(reader.frame.kind, ==, FRAME_END);
	status = reader.frame.status;
	CHECK_INT(reader.frame.length, ==, strlen(wanted));
	CHECK(!reader.frame.length || !memcmp(reader.body, wanted, reader.frame.length));
	frame_reader_next(&reader);
	return status;
}

static void test_server_good(void)
{
	serve();
	put_good(1);
	CHECK_INT(status_of(1, ""), ==, GRPC_OK);
	/* Rising is enough. */
	put_good(100);
	CHECK_INT(status_of(100, ""), ==, GRPC_OK);
	put_good(UINT32_MAX);
	CHECK_INT(status_of(UINT32_MAX, ""), ==, GRPC_OK);
	close_raw();
}

/* A call that cannot be served is refused, and the connection goes on. */
static void test_server_refuses(void)
{
	serve();
	frame_put(&out, (struct frame){.kind = FRAME_REQUEST, .call = 1, .service = 2}, NULL, 0);
	CHECK_INT(status_of(1, "there is no such service or method"), ==, GRPC_UNIMPLEMENTED);
	frame_put(&out, (struct frame){.kind = FRAME_REQUEST, .call = 2, .method = 255}, NULL, 0);
	CHECK_INT(status_of(2, "there is no such service or method"), ==, GRPC_UNIMPLEMENTED);
	/* A service that is in the table and not served. */
	frame_put(&out, (struct frame){.kind = FRAME_REQUEST, .call = 3, .service = 1}, NULL, 0);
	CHECK_INT(status_of(3, "there is no such service or method"), ==, GRPC_UNIMPLEMENTED);
	put_request(4, "Mkdir", NULL, 0);
	CHECK_INT(status_of(4, "Mkdir is not implemented"), ==, GRPC_UNIMPLEMENTED);
	put_request(5, "Getenv", "\n\7", 2);
	CHECK_INT(status_of(5, "the request of Getenv cannot be decoded"), ==, GRPC_INTERNAL);
	frame_put(&out,
		  (struct frame){.kind = FRAME_REQUEST,
				 .call = 6,
				 .method = place(0, "WaitProcess"),
				 .timeout = 1000},
		  NULL, 0);
	CHECK_INT(status_of(6, "the deadline of the call has passed"), ==, GRPC_DEADLINE_EXCEEDED);
	put_good(7);
	CHECK_INT(status_of(7, ""), ==, GRPC_OK);
	close_raw();
}

static void test_server_cancel(void)
{
	serve();
	put_request(1, "WaitProcess", NULL, 0);
	frame_put(&out, (struct frame){.kind = FRAME_CANCEL, .call = 1}, NULL, 0);
	/* Of calls that are over, or never were. */
	frame_put(&out, (struct frame){.kind = FRAME_CANCEL, .call = 1}, NULL, 0);
	frame_put(&out, (struct frame){.kind = FRAME_CANCEL, .call = 77}, NULL, 0);
	put_request(2, "WaitProcess", NULL, 0);
	put_good(3);
	CHECK_INT(status_of(3, ""), ==, GRPC_OK);
	/* The first was given up before its handler saw it. */
	CHECK_INT(service.n_waiting, ==, 1);
	frame_put(&out, (struct frame){.kind = FRAME_CANCEL, .call = 2}, NULL, 0);
	put_good(4);
	CHECK_INT(status_of(4, ""), ==, GRPC_OK);
	CHECK_INT(service.n_cancelled, ==, 1);
	close_raw();
}

/* What was given up no longer counts; one more than may be open ends the connection. */
static void test_server_open_bounded(void)
{
	uint32_t call = 0;

	serve();
	for (int i = 0; i < 3 * FRAME_MAX_OPEN; i++) {
		put_request(++call, "WaitProcess", NULL, 0);
		frame_put(&out, (struct frame){.kind = FRAME_CANCEL, .call = call}, NULL, 0);
	}
	for (int i = 0; i < FRAME_MAX_OPEN - 1; i++)
		put_request(++call, "WaitProcess", NULL, 0);
	put_good(++call);
	CHECK_INT(status_of(call, ""), ==, GRPC_OK);
	CHECK_INT(service.n_waiting, ==, FRAME_MAX_OPEN - 1);
	put_request(++call, "WaitProcess", NULL, 0);
	put_good(++call);
	CHECK_INT(status_of(call, ""), ==, -1);
	CHECK_INT(service.n_waiting, ==, 0);
	close_raw();
}

/* Whatever is held back counts, over all connections, and so do the bytes of it. */
static void test_server_held_bounded(void)
{
	static const uint8_t body[1 << 20] = {'\n'};
	uint32_t call = 1;

	/* A request of one field, with a length of three bytes. */
	_cleanup_free_ uint8_t *large = xmemdup(body, sizeof(body));
	large[1] = 0xfc;
	large[2] = 0xff;
	large[3] = 0x3f;
	memset(large + 4, 'x', sizeof(body) - 4);
	serve();
	put_request(call, "WaitProcess", "\n\4hold", 6);
	for (unsigned int i = 0; i < RPC_MAX_BUFFERED / sizeof(body); i++)
		put_request(++call, "Getenv", large, sizeof(body));
	(void)io_set_nonblocking(raw, true);
	for (size_t at = 0; at < out.len;) {
		ssize_t n = send(raw, out.data + at, out.len - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else
			CHECK_INT(loop_iterate(loop, loop_now() + PATIENCE), ==, 0);
	}
	strbuf_free(&out);
	CHECK_INT(status_of(call, "open requests of the connection are too large"), ==,
		  GRPC_RESOURCE_EXHAUSTED);
	close_raw();
}

/* Bytes that are no frames, or stop anywhere: the connection ends, and the server lives on. */
static void feed_server(const void *bytes, size_t len)
{
	struct frame_reader reader = {.have = 0};

	serve();
	strbuf_free(&out);
	CHECK_INT(io_write_all(raw, bytes, len), ==, 0);
	(void)shutdown(raw, SHUT_WR);
	while (next_frame(&reader))
		;
	frame_reader_next(&reader);
	close_raw();
}

static void feed_server_frame(struct frame frame)
{
	struct strbuf bytes = STRBUF_INIT;

	serve();
	put_good(2);
	frame.length = 0;
	strbuf_append(&bytes, out.data, out.len);
	strbuf_append(&bytes, &frame, sizeof(frame));
	close_raw();
	/* Nothing is shut down here: the server ends it by itself. */
	serve();
	strbuf_free(&out);
	out = bytes;
	put_good(3);
	CHECK_INT(status_of(2, ""), ==, -1);
	close_raw();
}

static void test_server_garbage(void)
{
	_cleanup_strbuf_ struct strbuf good = STRBUF_INIT;
	char bytes[128];

	strbuf_puts(&good, FRAME_PREFACE);
	frame_put(&good, (struct frame){.kind = FRAME_REQUEST, .call = 1, .method = 3}, "\n\1k", 3);
	for (size_t i = 0; i <= good.len; i++)
		feed_server(good.data, i);
	feed_server("runvm-2\n", 8);
	feed_server("rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 36);
	memcpy(bytes, FRAME_PREFACE, FRAME_PREFACE_SIZE);
	memset(bytes + FRAME_PREFACE_SIZE, 0xa5, sizeof(bytes) - FRAME_PREFACE_SIZE);
	feed_server(bytes, sizeof(bytes));
	feed_server_frame((struct frame){.kind = 0, .call = 3});
	feed_server_frame((struct frame){.kind = FRAME_KINDS, .call = 3});
	feed_server_frame((struct frame){.kind = FRAME_MESSAGE, .call = 3});
	feed_server_frame((struct frame){.kind = FRAME_END, .call = 3});
	feed_server_frame((struct frame){.kind = FRAME_REQUEST, .call = 2});
	feed_server_frame((struct frame){.kind = FRAME_REQUEST, .call = 0});
}

/* Every answer waits for who does not read it, and is whole when that reads at last. */
static void test_server_slow_reader(void)
{
	struct frame_reader reader = {.have = 0};
	unsigned int messages = 0, ends = 0;

	serve();
	for (uint32_t i = 1; i <= 8; i++)
		put_request(i, "Copy", "\x12\5flood", 7);
	write_out();
	while (loop_iterate(loop, loop_now() + 50 * USEC_PER_MSEC) == 0)
		;
	CHECK_INT(service.flooded, >=, 8 * (RPC_MAX_QUEUED / 1100));
	CHECK_INT(service.flooded, <=, 8 * (RPC_MAX_QUEUED / 1024 + 1));
	while (ends < 8) {
		CHECK(next_frame(&reader));
		if (reader.frame.kind == FRAME_MESSAGE)
			messages++;
		else
			ends++;
	}
	frame_reader_next(&reader);
	CHECK_INT(messages, ==, service.flooded);
	close_raw();
}

/* --- the client --- */

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

/* What our client makes of the bytes in @out: the message of its error, "" for success. */
static const char *answer(bool streaming)
{
	SANDBOX(GetenvRequest) getenv = SANDBOX_INIT(GETENV_REQUEST);
	SANDBOX(CopyRequest) copy = SANDBOX_INIT(COPY_REQUEST);
	int fd = open_raw();
	struct rpc_client *client = rpc_client_new(loop, fd, "vminitd");

	memset(&outcome, 0, sizeof(outcome));
	getenv.key = (char *)"k";
	if (streaming)
		rpc_client_stream(client, SANDBOX_SERVICE, "Copy", &copy.base, PATIENCE, on_message,
				  on_done, NULL);
	else
		rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &getenv.base, PATIENCE, on_done,
				NULL);
	if (out.len)
		write_out();
	(void)shutdown(raw, SHUT_WR);
	CHECK_INT(loop_run_until(loop, &outcome.done, loop_now() + PATIENCE), ==, 0);
	CHECK_INT(outcome.status == GRPC_OK, ==, outcome.message[0] == '\0');
	rpc_client_free(client);
	close_raw();
	return outcome.message;
}

static void put_message(uint32_t call, const char *body, size_t len)
{
	frame_put(&out, (struct frame){.kind = FRAME_MESSAGE, .call = call}, body, len);
}

static void test_client_answers(void)
{
	put_message(1, "\n\1k", 3);
	frame_put_end(&out, 1, GRPC_OK, 0, NULL);
	CHECK_STR(answer(false), "");
	frame_put_end(&out, 1, GRPC_OK, 0, NULL);
	CHECK_STR(answer(false), "Getenv: vminitd answered without a message");
	put_message(1, "\n\1k", 3);
	put_message(1, "\n\1k", 3);
	CHECK_STR(answer(false), "Getenv: vminitd answered with several messages");
	put_message(1, "\n\7", 2);
	CHECK_STR(answer(false), "Getenv: vminitd answered with what cannot be decoded");
	put_message(1, "\n\1k", 3);
	CHECK_STR(answer(false), "Getenv: vminitd closed the connection");
	CHECK_INT(outcome.status, ==, GRPC_UNAVAILABLE);
	CHECK_STR(answer(false), "Getenv: vminitd closed the connection");
}

static void test_client_statuses(void)
{
	frame_put_end(&out, 1, GRPC_NOT_FOUND, 0, NULL);
	CHECK_STR(answer(false), "NOT_FOUND");
	CHECK_INT(outcome.errnum, ==, ENOENT);
	frame_put_end(&out, 1, GRPC_NOT_FOUND, ESRCH, "no\nsuch\x1b process");
	CHECK_STR(answer(false), "no such  process");
	CHECK_INT(outcome.errnum, ==, ESRCH);
	frame_put_end(&out, 1, 99, 99999, NULL);
	CHECK_STR(answer(false), "UNKNOWN");
	CHECK_INT(outcome.errnum, ==, EIO);
	/* A message before it does not make a failure a success, nor an errno the reverse. */
	put_message(1, "\n\1k", 3);
	frame_put_end(&out, 1, GRPC_INTERNAL, 0, NULL);
	CHECK_STR(answer(false), "INTERNAL");
	CHECK_INT(outcome.errnum, >, 0);
	put_message(1, "\n\1k", 3);
	frame_put_end(&out, 1, GRPC_OK, ENOENT, "what");
	CHECK_STR(answer(false), "");
}

static void test_client_stream(void)
{
	enum { N = 2000 };

	for (int i = 0; i < N; i++)
		put_message(1, NULL, 0);
	frame_put_end(&out, 1, GRPC_OK, 0, NULL);
	CHECK_STR(answer(true), "");
	CHECK_INT(outcome.n_messages, ==, N);
	put_message(1, NULL, 0);
	put_message(1, "\n\7", 2);
	put_message(1, NULL, 0);
	CHECK_STR(answer(true), "Copy: vminitd answered with what cannot be decoded");
	CHECK_INT(outcome.n_messages, ==, 1);
}

#define NO_FRAME "Getenv: vminitd sent what is no frame of a server: "

static const char *answer_frame(struct frame frame)
{
	strbuf_append(&out, &frame, sizeof(frame));
	/* Too late. */
	put_message(1, "\n\1k", 3);
	frame_put_end(&out, 1, GRPC_OK, 0, NULL);
	return answer(false);
}

static void test_client_garbage(void)
{
	static const char http2[] = "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0\0\0\0\0\0\0\0";
	_cleanup_strbuf_ struct strbuf good = STRBUF_INIT;

	CHECK_STR(answer_frame((struct frame){.kind = 0}),
		  NO_FRAME "there is no such kind of frame");
	CHECK_INT(outcome.status, ==, GRPC_UNAVAILABLE);
	CHECK_INT(outcome.errnum, ==, EPROTO);
	CHECK_STR(answer_frame((struct frame){.kind = 77}),
		  NO_FRAME "there is no such kind of frame");
	CHECK_STR(answer_frame((struct frame){.kind = FRAME_MESSAGE, .length = UINT32_MAX}),
		  NO_FRAME "a frame is too long");
	CHECK_STR(answer_frame((struct frame){.kind = FRAME_REQUEST, .call = 1}),
		  NO_FRAME "it is of a client's kind");
	CHECK_STR(answer_frame((struct frame){.kind = FRAME_CANCEL, .call = 1}),
		  NO_FRAME "it is of a client's kind");
	CHECK_STR(answer_frame((struct frame){.kind = FRAME_END, .call = 2}),
		  NO_FRAME "nobody made that call");
	CHECK_STR(answer_frame((struct frame){.kind = FRAME_END, .call = 0}),
		  NO_FRAME "nobody made that call");
	strbuf_append(&out, http2, sizeof(http2));
	CHECK_CONTAINS(answer(false), NO_FRAME);
	strbuf_puts(&out, "HTTP/1.1 400 Bad Request\r\n\r\n");
	CHECK_CONTAINS(answer(false), NO_FRAME);

	/* Cut off anywhere. */
	frame_put(&good, (struct frame){.kind = FRAME_MESSAGE, .call = 1}, "\n\1k", 3);
	frame_put_end(&good, 1, GRPC_OK, 0, NULL);
	for (size_t i = 0; i < good.len; i++) {
		strbuf_append(&out, good.data, i);
		CHECK_STR(answer(false), "Getenv: vminitd closed the connection");
	}
}

int main(void)
{
	TEST_RUN(test_bytes);
	TEST_RUN(test_pack_bounded);
	TEST_RUN(test_methods);
	TEST_RUN(test_reader_pieces);
	TEST_RUN(test_reader_refuses);
	TEST_RUN(test_text);
	TEST_RUN(test_server_good);
	TEST_RUN(test_server_refuses);
	TEST_RUN(test_server_cancel);
	TEST_RUN(test_server_open_bounded);
	TEST_RUN(test_server_held_bounded);
	TEST_RUN(test_server_garbage);
	TEST_RUN(test_server_slow_reader);
	TEST_RUN(test_client_answers);
	TEST_RUN(test_client_statuses);
	TEST_RUN(test_client_stream);
	TEST_RUN(test_client_garbage);
	return test_end();
}
