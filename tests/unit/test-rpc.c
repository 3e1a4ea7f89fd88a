// SPDX-License-Identifier: Apache-2.0
/* Client and server of src/rpc against each other, over a socket pair in one process. */
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/socket.h"
#include "rpc/client.h"
#include "rpc/frame.h"
#include "tests/unit/test-rpc-service.h"
#include "tests/unit/test.h"

/* Nothing here takes longer, unless it hangs. */
#define PATIENCE (20 * USEC_PER_SEC)

static struct loop *loop;
static struct rpc_server *server;
static struct rpc_client *client;
static struct test_service service;

static void set_up(void)
{
	int pair[2];

	service = (struct test_service){0};
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	server = rpc_server_new(loop);
	test_service_add(server, &service);
	CHECK_INT(rpc_server_accept(server, pair[0]), ==, 0);
	client = rpc_client_new(loop, pair[1], "vminitd");
}

static void tear_down(void)
{
	rpc_client_free(client);
	client = NULL;
	rpc_server_free(server);
	server = NULL;
	loop_free(loop);
}

/* What a call came to. */
struct outcome {
	bool done;
	enum grpc_status status;
	int errnum;
	char message[256];
	char text[256]; /* a string of the reply */
	int exit_code;
	unsigned int n_messages;
	struct rpc_client *free_client;
	unsigned int cancel_after;
};

static void on_done(struct rpc_request *request, const ProtobufCMessage *reply,
		    const struct error *err, void *data)
{
	struct outcome *o = data;

	if (o->done)
		abort();
	o->done = true;
	o->status = rpc_request_status(request);
	if (err) {
		o->errnum = err->errnum;
		(void)snprintf(o->message, sizeof(o->message), "%s", error_message(err));
	} else if (reply && !strcmp(reply->descriptor->short_name, "GetenvResponse")) {
		(void)snprintf(o->text, sizeof(o->text), "%s",
			       ((const SANDBOX(GetenvResponse) *)reply)->value);
	} else if (reply && !strcmp(reply->descriptor->short_name, "WaitProcessResponse")) {
		o->exit_code = ((const SANDBOX(WaitProcessResponse) *)reply)->exitcode;
	}
	if (o->free_client) {
		rpc_client_free(o->free_client);
		client = NULL;
	}
}

static void on_message(struct rpc_request *request, const ProtobufCMessage *message, void *data)
{
	const SANDBOX(CopyResponse) *response = (const void *)message;
	struct outcome *o = data;

	if (response->total_size == o->n_messages)
		o->n_messages++;
	if (o->cancel_after && o->n_messages == o->cancel_after) {
		o->done = true;
		rpc_request_cancel(request);
	}
}

static struct rpc_request *start_getenv(const char *key, uint64_t timeout, struct outcome *o)
{
	SANDBOX(GetenvRequest) request = SANDBOX_INIT(GETENV_REQUEST);

	request.key = (char *)key;
	return rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &request.base, timeout, on_done,
			       o);
}

static struct rpc_request *start_wait_for(const char *id, uint64_t timeout, struct outcome *o)
{
	SANDBOX(WaitProcessRequest) request = SANDBOX_INIT(WAIT_PROCESS_REQUEST);

	request.id = (char *)id;
	return rpc_client_call(client, SANDBOX_SERVICE, "WaitProcess", &request.base, timeout,
			       on_done, o);
}

static struct rpc_request *start_wait(uint64_t timeout, struct outcome *o)
{
	return start_wait_for("init", timeout, o);
}

static struct rpc_request *start_copy(const char *path, uint32_t n, struct outcome *o)
{
	SANDBOX(CopyRequest) request = SANDBOX_INIT(COPY_REQUEST);

	request.path = (char *)path;
	request.mode = n;
	return rpc_client_stream(client, SANDBOX_SERVICE, "Copy", &request.base, RPC_NO_TIMEOUT,
				 on_message, on_done, o);
}

static void finish(struct outcome *o)
{
	CHECK_INT(loop_run_until(loop, &o->done, loop_now() + PATIENCE), ==, 0);
}

/* Iterates until *n is @wanted. */
static void until(const unsigned int *n, unsigned int wanted)
{
	uint64_t deadline = loop_now() + PATIENCE;

	while (*n != wanted)
		CHECK_INT(loop_iterate(loop, deadline), ==, 0);
}

static void test_unary(void)
{
	struct outcome o = {.done = false};

	set_up();
	start_getenv("PATH", RPC_NO_TIMEOUT, &o);
	/* Callbacks come from the loop alone. */
	CHECK(!o.done);
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_OK);
	CHECK_STR(o.text, "value of PATH");
	tear_down();
}

static void test_sync(void)
{
	SANDBOX(GetenvRequest) request = SANDBOX_INIT(GETENV_REQUEST);
	ProtobufCMessage *reply = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;

	set_up();
	request.key = (char *)"HOME";
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE,
				       &reply, &err),
		  ==, 0);
	CHECK_STR(((SANDBOX(GetenvResponse) *)reply)->value, "value of HOME");
	grpc_free(reply);
	reply = NULL;
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE,
				       NULL, NULL),
		  ==, 0);
	request.key = (char *)"missing";
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE,
				       &reply, &err),
		  ==, -ENOENT);
	CHECK(!reply);
	CHECK_STR(error_message(&err), "variable \"missing\": No such file or directory");
	tear_down();
}

static void test_errors(void)
{
	struct outcome missing = {.done = false}, exists = {.done = false}, ugly = {.done = false};

	set_up();
	start_getenv("missing", RPC_NO_TIMEOUT, &missing);
	start_getenv("exists", RPC_NO_TIMEOUT, &exists);
	start_getenv("ugly", RPC_NO_TIMEOUT, &ugly);
	finish(&ugly);
	CHECK_INT(missing.status, ==, GRPC_NOT_FOUND);
	CHECK_INT(missing.errnum, ==, ENOENT);
	CHECK_STR(missing.message, "variable \"missing\": No such file or directory");
	CHECK_INT(exists.status, ==, GRPC_ALREADY_EXISTS);
	CHECK_INT(exists.errnum, ==, EEXIST);
	CHECK_STR(exists.message, "exists is there");
	CHECK_INT(ugly.status, ==, GRPC_NOT_FOUND);
	CHECK_INT(ugly.errnum, ==, ESRCH);
	CHECK_STR(ugly.message, "100% M\xc3\xbcll in two lines");
	tear_down();
}

static void test_unimplemented(void)
{
	SANDBOX(MkdirRequest) request = SANDBOX_INIT(MKDIR_REQUEST);
	GUEST(SetupRequest) setup = GUEST_INIT(SETUP_REQUEST);
	struct outcome method = {.done = false}, other = {.done = false};

	set_up();
	rpc_client_call(client, SANDBOX_SERVICE, "Mkdir", &request.base, RPC_NO_TIMEOUT, on_done,
			&method);
	rpc_client_call(client, GUEST_SERVICE, "Setup", &setup.base, RPC_NO_TIMEOUT, on_done,
			&other);
	finish(&other);
	CHECK_INT(method.status, ==, GRPC_UNIMPLEMENTED);
	CHECK_STR(method.message, "Mkdir is not implemented");
	CHECK_INT(other.status, ==, GRPC_UNIMPLEMENTED);
	CHECK_STR(other.message, "there is no such service or method");
	tear_down();
}

/* Over many reads and writes. */
static void test_big(void)
{
	enum { SIZE = 3 << 20 };
	_cleanup_free_ uint8_t *data = xmalloc(SIZE + 1);
	SANDBOX(WriteFileRequest) write = SANDBOX_INIT(WRITE_FILE_REQUEST);
	SANDBOX(StatRequest) stat = SANDBOX_INIT(STAT_REQUEST);
	ProtobufCMessage *reply;
	_cleanup_error_ struct error err = ERROR_INIT;

	set_up();
	memset(data, 'z', SIZE);
	data[SIZE] = '\0';
	write.data.data = data;
	write.data.len = SIZE;
	write.mode = 'z';
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "WriteFile", &write.base, PATIENCE,
				       NULL, &err),
		  ==, 0);
	stat.path = (char *)data;
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Stat", &stat.base, PATIENCE,
				       &reply, &err),
		  ==, 0);
	CHECK_INT(strlen(((SANDBOX(StatResponse) *)reply)->error), ==, SIZE);
	CHECK(!strcmp(((SANDBOX(StatResponse) *)reply)->error, (char *)data));
	grpc_free(reply);
	tear_down();
}

static void test_too_big(void)
{
	_cleanup_free_ char *data = xmalloc(GRPC_MAX_MESSAGE + 1);
	SANDBOX(StatRequest) stat = SANDBOX_INIT(STAT_REQUEST);
	_cleanup_error_ struct error err = ERROR_INIT;

	set_up();
	memset(data, 'z', GRPC_MAX_MESSAGE);
	data[GRPC_MAX_MESSAGE] = '\0';
	stat.path = data;
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Stat", &stat.base, PATIENCE, NULL,
				       &err),
		  ==, -EMSGSIZE);
	CHECK_CONTAINS(error_message(&err), "too large");
	stat.path = (char *)"huge";
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Stat", &stat.base, PATIENCE, NULL,
				       &err),
		  ==, -EMSGSIZE);
	CHECK_STR(error_message(&err), "the answer is larger than 4194304 bytes");
	/* Nothing is broken. */
	stat.path = (char *)"small";
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "Stat", &stat.base, PATIENCE, NULL,
				       &err),
		  ==, 0);
	tear_down();
}

static void test_hundreds_at_once(void)
{
	enum { N = 600 };
	static struct outcome waits[100], o[N];

	set_up();
	memset(waits, 0, sizeof(waits));
	memset(o, 0, sizeof(o));
	for (int i = 0; i < 100; i++)
		start_wait(RPC_NO_TIMEOUT, &waits[i]);
	/* More than there may be open at once: the rest waits its turn. */
	for (int i = 0; i < N; i++)
		start_getenv("k", RPC_NO_TIMEOUT, &o[i]);
	for (int i = 0; i < N; i++) {
		finish(&o[i]);
		CHECK_STR(o[i].text, "value of k");
	}
	CHECK_INT(service.n_calls, ==, N);
	CHECK_INT(service.n_waiting, ==, 100);
	tear_down();
	CHECK_INT(service.n_cancelled, ==, 100);
}

/* Replies come in the order of the requests, and so do the callbacks. */
static void on_ordered(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		       const struct error *err _unused_, void *data)
{
	unsigned int *sequence = data;

	*sequence = *sequence * 10 + service.n_cancelled++;
}

static void test_order(void)
{
	SANDBOX(GetenvRequest) request = SANDBOX_INIT(GETENV_REQUEST);
	unsigned int first = 0, second = 0, third = 0;

	set_up();
	request.key = (char *)"k";
	rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE, on_ordered,
			&first);
	rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE, on_ordered,
			&second);
	rpc_client_call(client, SANDBOX_SERVICE, "Getenv", &request.base, PATIENCE, on_ordered,
			&third);
	until(&service.n_cancelled, 3);
	CHECK_INT(first * 100 + second * 10 + third, ==, 12);
	tear_down();
}

static void test_pending(void)
{
	struct outcome wait = {.done = false}, other = {.done = false};

	set_up();
	start_wait(RPC_NO_TIMEOUT, &wait);
	start_getenv("meanwhile", RPC_NO_TIMEOUT, &other);
	finish(&other);
	CHECK_INT(service.n_waiting, ==, 1);
	CHECK(!wait.done);
	/* From outside of any handler of the server. */
	test_service_exit(&service, 42);
	finish(&wait);
	CHECK_INT(wait.status, ==, GRPC_OK);
	CHECK_INT(wait.exit_code, ==, 42);
	tear_down();
	CHECK_INT(service.n_cancelled, ==, 0);
}

static void test_hold(void)
{
	struct outcome hold = {.done = false}, late = {.done = false}, held = {.done = false},
		       never = {.done = false};
	struct rpc_request *request;

	/* Released by its answer; a deadline and a cancellation reach those that are held. */
	set_up();
	start_wait_for("hold", RPC_NO_TIMEOUT, &hold);
	start_getenv("late", 30 * USEC_PER_MSEC, &late);
	request = start_getenv("never", RPC_NO_TIMEOUT, &never);
	start_getenv("held", RPC_NO_TIMEOUT, &held);
	finish(&late);
	CHECK_INT(late.status, ==, GRPC_DEADLINE_EXCEEDED);
	rpc_request_cancel(request);
	CHECK_INT(service.n_calls, ==, 0);
	test_service_exit(&service, 0);
	finish(&held);
	CHECK(hold.done && !never.done);
	CHECK_STR(held.text, "value of held");
	CHECK_INT(service.n_calls, ==, 1);

	/* By cancellation, and by its deadline. */
	request = start_wait_for("hold", RPC_NO_TIMEOUT, &hold);
	held = (struct outcome){.done = false};
	start_getenv("held", RPC_NO_TIMEOUT, &held);
	until(&service.n_waiting, 1);
	rpc_request_cancel(request);
	finish(&held);
	hold = held = (struct outcome){.done = false};
	start_wait_for("hold", 30 * USEC_PER_MSEC, &hold);
	start_getenv("held", RPC_NO_TIMEOUT, &held);
	finish(&held);
	CHECK_INT(service.n_calls, ==, 3);

	/* And never. */
	start_wait_for("hold", RPC_NO_TIMEOUT, &never);
	start_getenv("held", RPC_NO_TIMEOUT, &never);
	until(&service.n_waiting, 1);
	tear_down();
	CHECK_INT(service.n_calls, ==, 3);
}

static void test_stream(void)
{
	struct outcome some = {.done = false}, none = {.done = false}, failed = {.done = false};

	set_up();
	start_copy("", 1000, &some);
	start_copy("", 0, &none);
	start_copy("fail", 3, &failed);
	finish(&some);
	finish(&none);
	finish(&failed);
	CHECK_INT(some.status, ==, GRPC_OK);
	CHECK_INT(some.n_messages, ==, 1000);
	CHECK_INT(none.status, ==, GRPC_OK);
	CHECK_INT(none.n_messages, ==, 0);
	CHECK_INT(failed.status, ==, GRPC_UNKNOWN);
	CHECK_INT(failed.errnum, ==, EIO);
	CHECK_STR(failed.message, "the disk is on fire");
	CHECK_INT(failed.n_messages, ==, 3);
	tear_down();
}

/* The handler never yields, so what it may queue is bounded; all that was taken arrives. */
static void test_stream_bounded(void)
{
	struct outcome o = {.done = false, .n_messages = 1};

	set_up();
	start_copy("flood", 0, &o);
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_OK);
	CHECK_INT(service.flooded, >=, RPC_MAX_QUEUED / 1100);
	CHECK_INT(service.flooded, <=, RPC_MAX_QUEUED / 1024 + 1);
	tear_down();
}

static void test_deadline(void)
{
	struct outcome o = {.done = false};

	set_up();
	start_wait(30 * USEC_PER_MSEC, &o);
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_DEADLINE_EXCEEDED);
	CHECK_INT(o.errnum, ==, ETIMEDOUT);
	until(&service.n_cancelled, 1);
	CHECK_INT(service.n_waiting, ==, 0);
	tear_down();
}

/* A server that does not even read: the client keeps the time itself. */
static void test_deadline_alone(void)
{
	SANDBOX(WaitProcessRequest) request = SANDBOX_INIT(WAIT_PROCESS_REQUEST);
	_cleanup_error_ struct error err = ERROR_INIT;
	int pair[2];

	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	client = rpc_client_new(loop, pair[0], "vminitd");
	CHECK_INT(rpc_client_call_sync(client, SANDBOX_SERVICE, "WaitProcess", &request.base, 1500,
				       NULL, &err),
		  ==, -ETIMEDOUT);
	CHECK_STR(error_message(&err), "WaitProcess: vminitd did not answer within 0.0015 s");
	close(pair[1]);
	tear_down();
}

static void test_cancel(void)
{
	struct outcome o = {.done = false}, other = {.done = false};
	struct rpc_request *request;

	set_up();
	request = start_wait(PATIENCE, &o);
	until(&service.n_waiting, 1);
	rpc_request_cancel(request);
	until(&service.n_cancelled, 1);
	/* One that never left. */
	rpc_request_cancel(start_wait(PATIENCE, &o));
	start_getenv("x", RPC_NO_TIMEOUT, &other);
	finish(&other);
	CHECK(!o.done);
	CHECK_INT(service.n_waiting, ==, 0);
	tear_down();
}

static void test_cancel_in_message(void)
{
	struct outcome o = {.done = false, .cancel_after = 5}, other = {.done = false};

	set_up();
	start_copy("", 100, &o);
	finish(&o);
	CHECK_INT(o.n_messages, ==, 5);
	start_getenv("x", RPC_NO_TIMEOUT, &other);
	finish(&other);
	CHECK_INT(o.n_messages, ==, 5);
	tear_down();
}

static void test_client_leaves(void)
{
	struct outcome o = {.done = false};

	set_up();
	start_wait(RPC_NO_TIMEOUT, &o);
	until(&service.n_waiting, 1);
	rpc_client_free(client);
	client = NULL;
	until(&service.n_cancelled, 1);
	CHECK(!o.done);
	tear_down();
}

static void test_server_leaves(void)
{
	struct outcome o = {.done = false}, later = {.done = false};

	set_up();
	start_wait(RPC_NO_TIMEOUT, &o);
	until(&service.n_waiting, 1);
	rpc_server_free(server);
	server = NULL;
	CHECK_INT(service.n_cancelled, ==, 1);
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_UNAVAILABLE);
	CHECK_INT(o.errnum, ==, ECONNRESET);
	CHECK_STR(o.message, "WaitProcess: vminitd closed the connection");
	CHECK(!rpc_client_alive(client));
	start_getenv("x", RPC_NO_TIMEOUT, &later);
	CHECK(!later.done);
	finish(&later);
	CHECK_INT(later.status, ==, GRPC_UNAVAILABLE);
	CHECK_STR(later.message, "Getenv: vminitd closed the connection");
	tear_down();
}

static void test_free_in_callback(void)
{
	struct outcome o = {.done = false}, never = {.done = false};

	set_up();
	o.free_client = client;
	start_getenv("x", RPC_NO_TIMEOUT, &o);
	start_getenv("y", RPC_NO_TIMEOUT, &never);
	finish(&o);
	CHECK(!client);
	CHECK(!never.done);
	tear_down();

	/* The same when the connection ends. */
	set_up();
	o = (struct outcome){.free_client = client};
	start_wait(RPC_NO_TIMEOUT, &o);
	until(&service.n_waiting, 1);
	rpc_server_free(server);
	server = NULL;
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_UNAVAILABLE);
	tear_down();
}

/* The socket may lead to a VM that is not there yet: everything is on its way at once. */
static void test_first_flight(void)
{
	struct outcome o = {.done = false};
	char bytes[4096];
	int pair[2];
	ssize_t n;

	service = (struct test_service){0};
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	client = rpc_client_new(loop, pair[0], "vminitd");
	start_getenv("early", RPC_NO_TIMEOUT, &o);
	n = recv(pair[1], bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	CHECK_INT(n, ==, FRAME_PREFACE_SIZE + sizeof(struct frame) + 7);
	CHECK(!memcmp(bytes, FRAME_PREFACE, FRAME_PREFACE_SIZE));
	CHECK(!memcmp(bytes + n - 7, "\n\5early", 7));

	server = rpc_server_new(loop);
	test_service_add(server, &service);
	CHECK_INT(rpc_server_accept(server, pair[1]), ==, 0);
	finish(&o);
	CHECK_STR(o.text, "value of early");
	tear_down();
}

static void test_connections_bounded(void)
{
	struct outcome o = {.done = false};

	set_up();
	for (int i = 0; i <= RPC_MAX_CONNECTIONS; i++) {
		int pair[2];

		CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
		CHECK_INT(rpc_server_accept(server, pair[0]), ==,
			  i < RPC_MAX_CONNECTIONS - 1 ? 0 : -EMFILE);
		close(pair[1]);
	}
	/* The server sees those leave, and the first one is as it was. */
	start_getenv("x", RPC_NO_TIMEOUT, &o);
	finish(&o);
	CHECK_INT(o.status, ==, GRPC_OK);
	tear_down();
}

int main(void)
{
	TEST_RUN(test_unary);
	TEST_RUN(test_sync);
	TEST_RUN(test_errors);
	TEST_RUN(test_unimplemented);
	TEST_RUN(test_big);
	TEST_RUN(test_too_big);
	TEST_RUN(test_hundreds_at_once);
	TEST_RUN(test_order);
	TEST_RUN(test_pending);
	TEST_RUN(test_hold);
	TEST_RUN(test_stream);
	TEST_RUN(test_stream_bounded);
	TEST_RUN(test_deadline);
	TEST_RUN(test_deadline_alone);
	TEST_RUN(test_cancel);
	TEST_RUN(test_cancel_in_message);
	TEST_RUN(test_client_leaves);
	TEST_RUN(test_server_leaves);
	TEST_RUN(test_free_in_callback);
	TEST_RUN(test_first_flight);
	TEST_RUN(test_connections_bounded);
	return test_end();
}
