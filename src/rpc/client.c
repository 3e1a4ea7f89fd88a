// SPDX-License-Identifier: Apache-2.0
/*
 * See "Theory of operation" of client.h. What comes is collected as messages and the status of each
 * request; deliver() then calls the users, who may do anything there, freeing the client
 * included: so it looks for the next request anew each time.
 */
#include "rpc/client.h"

#include <assert.h>

#include "lib/alloc.h"
#include "lib/log.h"
#include "rpc/frame.h"
#include "rpc/session.h"

static_assert(RPC_NO_TIMEOUT == FRAME_NO_TIMEOUT, "a timeout is sent as it is");

/* A decoded message of an answer that its user has not seen. */
struct arrival {
	struct arrival *next;
	ProtobufCMessage *message;
};

struct rpc_client {
	struct rpc_session session;
	char *peer;
	struct frame_reader reader;
	struct rpc_request *requests, **requests_end; /* oldest first, and so are they delivered */
	uint32_t last_call;			      /* the last number that was given */
	unsigned int n_open;			      /* requests that are */
	bool some_news;				      /* a request may have arrivals, or be over */
	bool delivering;			      /* rpc_client_free() only sets @freed */
	bool freed;
	bool ended;
};

struct rpc_request {
	struct rpc_client *client;
	struct rpc_request *next, **link;
	const ProtobufCMethodDescriptor *method;
	uint64_t timeout;
	struct loop_source *deadline;

	uint32_t call;	   /* its number */
	struct strbuf out; /* its frame, until that is sent */
	bool open;	   /* it is sent, and the server has not ended it */

	struct arrival *arrivals, **arrivals_end;
	unsigned int n_messages;

	bool over;	/* @status and @err are final */
	bool delivered; /* its rpc_done_fn has been entered */
	enum grpc_status status;
	struct error err;

	bool streaming;
	rpc_message_fn *message;
	rpc_done_fn *done;
	void *data;
};

static void request_free(struct rpc_request *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	else
		r->client->requests_end = r->link;
	loop_remove(r->deadline);
	while (r->arrivals) {
		struct arrival *a = r->arrivals;

		r->arrivals = a->next;
		grpc_free(a->message);
		free(a);
	}
	strbuf_free(&r->out);
	error_clear(&r->err);
	free(r);
}

/* Gives up what the server has of it, or will get. */
static void request_give_up(struct rpc_request *r)
{
	strbuf_free(&r->out);
	if (!r->open)
		return;
	r->open = false;
	r->client->n_open--;
	frame_put(&r->client->session.out, (struct frame){.kind = FRAME_CANCEL, .call = r->call},
		  NULL, 0);
}

/* The end of a call, good or bad; r->err is set before for a bad one. */
static void request_over(struct rpc_request *r, enum grpc_status status)
{
	r->over = true;
	r->status = status;
	r->client->some_news = true;
	loop_remove(r->deadline);
	r->deadline = NULL;
}

/* The call fails here, not at the server: "StartProcess: vminitd <predicate>". */
static void request_fail(struct rpc_request *r, enum grpc_status status, int errnum,
			 const char *predicate)
{
	if (r->over)
		return;
	(void)error_set(&r->err, errnum, "%s: %s %s", r->method->name, r->client->peer, predicate);
	request_over(r, status);
	request_give_up(r);
}

static void on_message(struct rpc_request *r, const uint8_t *body, size_t len)
{
	struct arrival *a;
	ProtobufCMessage *message;

	if (!r->streaming && r->n_messages) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "answered with several messages");
		return;
	}
	message = grpc_unpack(r->method->output, body, len);
	if (!message) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "answered with what cannot be decoded");
		return;
	}
	a = xnew(struct arrival);
	a->message = message;
	*r->arrivals_end = a;
	r->arrivals_end = &a->next;
	r->n_messages++;
	r->client->some_news = true;
}

static void on_end(struct rpc_request *r, const struct frame *f, const uint8_t *body)
{
	enum grpc_status status = f->status < GRPC_STATUS_COUNT ? f->status : GRPC_UNKNOWN;
	_cleanup_free_ char *text = NULL;

	r->open = false;
	r->client->n_open--;
	if (status != GRPC_OK) {
		text = frame_text(body, f->length);
		(void)error_set(&r->err,
				grpc_errno_check(f->errnum) ?: grpc_status_to_errno(status), "%s",
				text[0] ? text : grpc_status_name(status));
		request_over(r, status);
	} else if (!r->streaming && !r->n_messages) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "answered without a message");
	} else {
		request_over(r, GRPC_OK);
	}
}

static void end(struct rpc_client *client, const char *detail)
{
	rpc_session_end(&client->session, EPROTO, "sent what is no frame of a server", detail);
}

static void on_frame(struct rpc_client *client, const struct frame *f, const uint8_t *body)
{
	struct rpc_request *r = client->requests;

	if (f->kind != FRAME_MESSAGE && f->kind != FRAME_END) {
		end(client, "it is of a client's kind");
		return;
	}
	if (!f->call || f->call > client->last_call) {
		end(client, "nobody made that call");
		return;
	}
	while (r && r->call < f->call)
		r = r->next;
	/* It may have been given up: this was sent before the server knew. */
	if (!r || r->call != f->call || !r->open)
		return;
	if (f->kind == FRAME_MESSAGE)
		on_message(r, body, f->length);
	else
		on_end(r, f, body);
}

static void receive(struct rpc_session *session, const uint8_t *bytes, size_t len)
{
	struct rpc_client *client = (struct rpc_client *)session;
	struct frame_reader *reader = &client->reader;

	while (len && !rpc_session_over(session)) {
		bool whole;
		ssize_t n = frame_reader_feed(reader, bytes, len, &whole);

		if (n < 0) {
			end(client, frame_fault(n));
			return;
		}
		bytes += n;
		len -= (size_t)n;
		if (whole) {
			on_frame(client, &reader->frame, reader->body);
			frame_reader_next(reader);
		}
	}
}

static void fill(struct rpc_session *session)
{
	struct rpc_client *client = (struct rpc_client *)session;

	for (struct rpc_request *r = client->requests; r; r = r->next) {
		if (client->n_open == FRAME_MAX_OPEN || session->out.len >= RPC_WRITE_AHEAD)
			return;
		if (!r->out.len)
			continue;
		strbuf_append(&session->out, r->out.data, r->out.len);
		strbuf_free(&r->out);
		r->open = true;
		client->n_open++;
	}
}

static void deliver_request(struct rpc_request *r)
{
	struct arrival *a = r->arrivals;

	if (a && r->streaming) {
		ProtobufCMessage *message = a->message;

		r->arrivals = a->next;
		if (!r->arrivals)
			r->arrivals_end = &r->arrivals;
		free(a);
		/* May cancel the request. */
		r->message(r, message, r->data);
		grpc_free(message);
		return;
	}
	r->delivered = true;
	r->done(r, r->status == GRPC_OK && a ? a->message : NULL,
		r->status == GRPC_OK ? NULL : &r->err, r->data);
	request_free(r);
}

static void client_destroy(struct rpc_client *client)
{
	while (client->requests)
		request_free(client->requests);
	frame_reader_next(&client->reader);
	rpc_session_close(&client->session);
	error_clear(&client->session.end);
	free(client->peer);
	free(client);
}

/* Return: false when a user freed the client. */
static bool deliver(struct rpc_session *session)
{
	struct rpc_client *client = (struct rpc_client *)session;

	client->delivering = true;
	while (client->some_news && !client->freed) {
		struct rpc_request *r = client->requests;

		while (r && !r->over && !(r->streaming && r->arrivals))
			r = r->next;
		if (r)
			deliver_request(r);
		else
			client->some_news = false;
	}
	client->delivering = false;
	if (client->freed) {
		client_destroy(client);
		return false;
	}
	return true;
}

static void ended(struct rpc_session *session)
{
	struct rpc_client *client = (struct rpc_client *)session;

	if (!client->ended) {
		client->ended = true;
		rpc_session_close(session);
		for (struct rpc_request *r = client->requests; r; r = r->next) {
			r->open = false;
			request_fail(r, GRPC_UNAVAILABLE, session->end.errnum,
				     error_message(&session->end));
		}
	}
	(void)deliver(session);
}

static const struct rpc_session_ops client_ops = {
	.receive = receive,
	.fill = fill,
	.deliver = deliver,
	.ended = ended,
};

struct rpc_client *rpc_client_new(struct loop *loop, int fd, const char *peer)
{
	struct rpc_client *client = xnew(struct rpc_client);

	rpc_session_open(&client->session, loop, fd, &client_ops);
	strbuf_append(&client->session.out, FRAME_PREFACE, FRAME_PREFACE_SIZE);
	client->peer = xstrdup(peer);
	client->requests_end = &client->requests;
	return client;
}

void rpc_client_free(struct rpc_client *client)
{
	if (client && client->delivering)
		client->freed = true;
	else if (client)
		client_destroy(client);
}

bool rpc_client_alive(const struct rpc_client *client)
{
	return !rpc_session_over(&client->session);
}

static void on_deadline(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct rpc_request *r = data;
	char predicate[64];

	(void)snprintf(predicate, sizeof(predicate), "did not answer within %g s",
		       (double)r->timeout / (double)USEC_PER_SEC);
	request_fail(r, GRPC_DEADLINE_EXCEEDED, ETIMEDOUT, predicate);
	rpc_session_deliver_later(&r->client->session);
}

static uint8_t service_index(const ProtobufCServiceDescriptor *service)
{
	uint8_t i = 0;

	while (frame_services[i] != service)
		if (++i == FRAME_SERVICES) {
			log_error("no service %s", service->name);
			abort();
		}
	return i;
}

/* Makes the frame of the request. Return: 0, or -EMSGSIZE. */
static int request_pack(struct rpc_request *r, const ProtobufCServiceDescriptor *service,
			const ProtobufCMessage *message)
{
	const struct frame frame = {
		.kind = FRAME_REQUEST,
		.call = r->call,
		.service = service_index(service),
		.method = (uint8_t)(r->method - service->methods),
		.timeout = r->timeout,
	};

	return frame_pack(&r->out, frame, message);
}

static void request_start_deadline(struct rpc_request *r)
{
	uint64_t now = loop_now();

	if (r->timeout == RPC_NO_TIMEOUT)
		return;
	r->deadline = loop_add_timer(
		r->client->session.loop,
		r->timeout < LOOP_FOREVER - now ? now + r->timeout : LOOP_FOREVER, on_deadline, r);
}

static const ProtobufCMethodDescriptor *find_method(const ProtobufCServiceDescriptor *service,
						    const char *name)
{
	const ProtobufCMethodDescriptor *method =
		protobuf_c_service_descriptor_get_method_by_name(service, name);

	if (!method) {
		log_error("no method %s in service %s", name, service->name);
		abort();
	}
	return method;
}

static struct rpc_request *request_start(struct rpc_client *client,
					 const ProtobufCServiceDescriptor *service,
					 const ProtobufCMessage *message, struct rpc_request init)
{
	struct rpc_request *r = xmemdup(&init, sizeof(init));

	r->client = client;
	if (client->last_call < UINT32_MAX)
		r->call = ++client->last_call;
	r->arrivals_end = &r->arrivals;
	r->link = client->requests_end;
	*r->link = r;
	client->requests_end = &r->next;

	if (rpc_session_over(&client->session))
		request_fail(r, GRPC_UNAVAILABLE, client->session.end.errnum,
			     error_message(&client->session.end));
	else if (!r->call)
		request_fail(r, GRPC_UNAVAILABLE, EOVERFLOW, "cannot be sent any more requests");
	else if (request_pack(r, service, message) < 0)
		request_fail(r, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
			     "cannot be sent this: the request is too large");
	else
		request_start_deadline(r);

	if (r->over)
		rpc_session_deliver_later(&client->session);
	else
		rpc_session_flush(&client->session);
	return r;
}

struct rpc_request *rpc_client_call(struct rpc_client *client,
				    const ProtobufCServiceDescriptor *service, const char *method,
				    const ProtobufCMessage *request, uint64_t timeout,
				    rpc_done_fn *done, void *data)
{
	return request_start(client, service, request,
			     (struct rpc_request){.method = find_method(service, method),
						  .timeout = timeout,
						  .done = done,
						  .data = data});
}

struct rpc_request *rpc_client_stream(struct rpc_client *client,
				      const ProtobufCServiceDescriptor *service, const char *method,
				      const ProtobufCMessage *request, uint64_t timeout,
				      rpc_message_fn *message, rpc_done_fn *done, void *data)
{
	return request_start(client, service, request,
			     (struct rpc_request){.method = find_method(service, method),
						  .timeout = timeout,
						  .streaming = true,
						  .message = message,
						  .done = done,
						  .data = data});
}

void rpc_request_cancel(struct rpc_request *r)
{
	struct rpc_client *client = r->client;

	/* From its own rpc_done_fn: nothing is left to cancel, and it is freed after that. */
	if (r->delivered)
		return;
	request_give_up(r);
	request_free(r);
	rpc_session_flush(&client->session);
}

enum grpc_status rpc_request_status(const struct rpc_request *r)
{
	return r->status;
}

struct sync_call {
	bool done;
	int result;
	ProtobufCMessage *reply;
	struct error *err;
};

static void on_sync_done(struct rpc_request *r, const ProtobufCMessage *reply,
			 const struct error *err, void *data)
{
	struct sync_call *sync = data;

	sync->done = true;
	if (err)
		sync->result = error_set(sync->err, err->errnum, "%s", error_message(err));
	else if (reply)
		sync->reply = TAKE_PTR(r->arrivals->message);
}

int rpc_client_call_sync(struct rpc_client *client, const ProtobufCServiceDescriptor *service,
			 const char *method, const ProtobufCMessage *request, uint64_t timeout,
			 ProtobufCMessage **ret_reply, struct error *err)
{
	struct sync_call sync = {.err = err};
	struct loop *loop = client->session.loop;
	struct rpc_request *r;
	int code;

	r = rpc_client_call(client, service, method, request, timeout, on_sync_done, &sync);
	code = loop_run_until(loop, &sync.done, LOOP_FOREVER);
	if (code < 0 && !sync.done) {
		rpc_request_cancel(r);
		return error_errno(err, code, "%s: the event loop failed", method);
	}
	if (sync.result < 0 || !ret_reply)
		grpc_free(sync.reply);
	else
		*ret_reply = sync.reply;
	return sync.result;
}
