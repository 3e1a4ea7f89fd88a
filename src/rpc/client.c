// SPDX-License-Identifier: Apache-2.0
/*
 * See "Theory of operation" of client.h. The callbacks of nghttp2 collect messages and the status of
 * each request; deliver() then calls the users, who may do anything there, freeing the client
 * included: so it looks for the next request anew each time.
 */
#include "rpc/client.h"

#include <string.h>

#include "lib/alloc.h"
#include "lib/log.h"
#include "rpc/session.h"

/* A decoded message of an answer that its user has not seen. */
struct arrival {
	struct arrival *next;
	ProtobufCMessage *message;
};

struct rpc_client {
	struct rpc_session session;
	char *peer;
	struct rpc_request *requests, **requests_end; /* oldest first, and so are they delivered */
	bool some_news;				      /* a request may have arrivals, or be over */
	bool leaving;				      /* the server sent GOAWAY: no new requests */
	bool delivering;			      /* rpc_client_free() only sets @freed */
	bool freed;
	bool ended;
};

struct rpc_request {
	struct rpc_client *client;
	struct rpc_request *next, **link;
	const ProtobufCMethodDescriptor *method;
	int32_t stream; /* -1: none, or no longer */
	uint64_t timeout;
	struct loop_source *deadline;

	struct strbuf body;
	size_t body_sent;

	size_t header_bytes;
	unsigned int http_status;
	bool content_type_valid;
	bool has_status;
	enum grpc_status remote_status;
	int remote_errno;
	struct strbuf remote_message;
	struct grpc_reader reader;
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
	grpc_reader_next(&r->reader);
	strbuf_free(&r->body);
	strbuf_free(&r->remote_message);
	error_clear(&r->err);
	free(r);
}

/* Makes nghttp2 forget the request, and the server too if it has not ended its answer. */
static void request_detach(struct rpc_request *r, bool reset)
{
	nghttp2_session *http2 = r->client->session.http2;

	if (r->stream < 0)
		return;
	(void)nghttp2_session_set_stream_user_data(http2, r->stream, NULL);
	if (reset)
		(void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, r->stream,
						NGHTTP2_CANCEL);
	r->stream = -1;
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
	request_detach(r, true);
}

/* "HTTP to gRPC Status Code Mapping" (grpc/doc/http-grpc-status-mapping.md). */
static enum grpc_status status_from_http(unsigned int http_status)
{
	switch (http_status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

static enum grpc_status status_from_reset(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM:
		return GRPC_UNAVAILABLE;
	case NGHTTP2_CANCEL:
		return GRPC_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return GRPC_RESOURCE_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY:
		return GRPC_PERMISSION_DENIED;
	default:
		return GRPC_INTERNAL;
	}
}

/* The server ended its answer. */
static void answer_whole(struct rpc_request *r)
{
	enum grpc_status status;

	if (r->over)
		return;
	if (r->http_status != 200 && !r->has_status) {
		status = status_from_http(r->http_status);
		request_fail(r, status, grpc_status_to_errno(status),
			     "answered with an HTTP error, not as a gRPC server");
	} else if (!r->has_status) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "ended its answer without a status");
	} else if (r->remote_status != GRPC_OK) {
		(void)error_set(&r->err, r->remote_errno ?: grpc_status_to_errno(r->remote_status),
				"%s",
				r->remote_message.len ? r->remote_message.data
						      : grpc_status_name(r->remote_status));
		request_over(r, r->remote_status);
	} else if (!grpc_reader_at_start(&r->reader)) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "ended its answer within a message");
	} else if (!r->streaming && !r->n_messages) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "answered without a message");
	} else {
		request_over(r, GRPC_OK);
	}
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name_bytes,
		     size_t name_len, const uint8_t *value_bytes, size_t len,
		     uint8_t flags _unused_, void *data _unused_)
{
	struct rpc_request *r = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	const char *name = (const char *)name_bytes, *value = (const char *)value_bytes;

	if (!r || r->over)
		return 0;
	r->header_bytes += name_len + len + 32;
	if (r->header_bytes > RPC_MAX_HEADERS) {
		request_fail(r, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
			     "answered with too many headers");
	} else if (RPC_HEADER_IS(name, name_len, ":status")) {
		/* nghttp2 has checked that it is three digits. */
		r->http_status = (unsigned int)strtoul(value, NULL, 10);
	} else if (RPC_HEADER_IS(name, name_len, "content-type")) {
		r->content_type_valid = grpc_content_type_valid(value, len);
	} else if (RPC_HEADER_IS(name, name_len, "grpc-encoding")) {
		if (!RPC_HEADER_IS(value, len, "identity"))
			request_fail(r, GRPC_INTERNAL, EPROTO, "answered compressed");
	} else if (RPC_HEADER_IS(name, name_len, "grpc-status")) {
		r->has_status = true;
		r->remote_status = grpc_status_parse(value, len);
	} else if (RPC_HEADER_IS(name, name_len, "runvm-errno")) {
		r->remote_errno = grpc_errno_parse(value, len);
	} else if (RPC_HEADER_IS(name, name_len, "grpc-message")) {
		strbuf_free(&r->remote_message);
		grpc_message_decode(&r->remote_message, value, len);
	}
	return 0;
}

static void message_whole(struct rpc_request *r)
{
	struct arrival *a;
	ProtobufCMessage *message;

	if (!r->streaming && r->n_messages) {
		request_fail(r, GRPC_INTERNAL, EPROTO, "answered with several messages");
		return;
	}
	message = grpc_unpack(r->method->output, r->reader.body, r->reader.length);
	grpc_reader_next(&r->reader);
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

static int on_data(nghttp2_session *http2, uint8_t flags _unused_, int32_t stream,
		   const uint8_t *bytes, size_t len, void *data _unused_)
{
	struct rpc_request *r = nghttp2_session_get_stream_user_data(http2, stream);

	/* The body of an HTTP error is for people. */
	if (!r || r->http_status != 200 || !r->content_type_valid)
		return 0;
	while (len && !r->over) {
		bool whole;
		ssize_t n = grpc_reader_feed(&r->reader, bytes, len, &whole);

		if (n == -EMSGSIZE || n == -ENOMEM) {
			request_fail(r, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
				     "answered with too large a message");
			return 0;
		}
		if (n < 0) {
			request_fail(r, GRPC_INTERNAL, EPROTO, "answered with a bad length prefix");
			return 0;
		}
		bytes += n;
		len -= (size_t)n;
		if (whole)
			message_whole(r);
	}
	return 0;
}

static int on_frame_recv(nghttp2_session *http2, const nghttp2_frame *frame, void *data)
{
	struct rpc_client *client = data;
	struct rpc_request *r;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		client->leaving = true;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	r = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	if (!r || r->over)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && r->http_status == 200 && !r->content_type_valid)
		request_fail(r, GRPC_UNKNOWN, EPROTO, "answered with a content-type not of gRPC");
	if (!r->over && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		answer_whole(r);
		/* Where the request is not all sent yet, nobody will read the rest. */
		request_detach(r, r->body_sent < r->body.len);
	}
	return 0;
}

static int on_stream_close(nghttp2_session *http2, int32_t stream, uint32_t code, void *data)
{
	struct rpc_client *client = data;
	struct rpc_request *r = nghttp2_session_get_stream_user_data(http2, stream);
	enum grpc_status status;

	if (!r)
		return 0;
	r->stream = -1;
	status = client->leaving ? GRPC_UNAVAILABLE : status_from_reset(code);
	request_fail(r, status, grpc_status_to_errno(status),
		     client->leaving ? "is about to end the connection" : "gave up the call");
	rpc_session_deliver_later(&client->session);
	return 0;
}

static ssize_t read_body(nghttp2_session *http2, int32_t stream, uint8_t *buffer, size_t len,
			 uint32_t *flags, nghttp2_data_source *source _unused_, void *data _unused_)
{
	struct rpc_request *r = nghttp2_session_get_stream_user_data(http2, stream);
	size_t n;

	if (!r)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = r->body.len - r->body_sent;
	if (n > len)
		n = len;
	memcpy(buffer, r->body.data + r->body_sent, n);
	r->body_sent += n;
	if (r->body_sent == r->body.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		strbuf_free(&r->body);
		r->body_sent = 0;
	}
	return (ssize_t)n;
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
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
			r->stream = -1;
			request_fail(r, GRPC_UNAVAILABLE, session->end.errnum,
				     error_message(&session->end));
		}
	}
	(void)deliver(session);
}

static const struct rpc_session_ops client_ops = {
	.setup = set_callbacks,
	.deliver = deliver,
	.ended = ended,
};

struct rpc_client *rpc_client_new(struct loop *loop, int fd, const char *peer)
{
	struct rpc_client *client = xnew(struct rpc_client);

	/* Out of memory is all that can go wrong, and these sizes are ours. */
	if (rpc_session_open(&client->session, loop, fd, 0, &client_ops) < 0)
		abort();
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
	return !client->leaving && !rpc_session_over(&client->session);
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

static void request_submit(struct rpc_request *r, const ProtobufCServiceDescriptor *service)
{
	nghttp2_data_provider provider = {.read_callback = read_body};
	_cleanup_free_ char *path = xasprintf("/%s/%s", service->name, r->method->name);
	char timeout[GRPC_TIMEOUT_SIZE];
	nghttp2_nv nv[7];
	size_t n = 0;

	nv[n++] = rpc_header_const(":method", "POST");
	nv[n++] = rpc_header_const(":scheme", "http");
	nv[n++] = rpc_header(":path", path, strlen(path));
	nv[n++] = rpc_header_const(":authority", "localhost");
	nv[n++] = rpc_header_const("te", "trailers");
	nv[n++] = rpc_header_const("content-type", "application/grpc");
	if (r->timeout != RPC_NO_TIMEOUT) {
		uint64_t now = loop_now();

		grpc_timeout_format(r->timeout, timeout);
		nv[n++] = rpc_header("grpc-timeout", timeout, strlen(timeout));
		r->deadline = loop_add_timer(r->client->session.loop,
					     r->timeout < LOOP_FOREVER - now ? now + r->timeout
									     : LOOP_FOREVER,
					     on_deadline, r);
	}
	r->stream = nghttp2_submit_request(r->client->session.http2, NULL, nv, n, &provider, r);
	if (r->stream < 0) {
		r->stream = -1;
		request_fail(r, GRPC_UNAVAILABLE, EPROTO, "cannot be sent any more requests");
	}
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
	r->stream = -1;
	r->arrivals_end = &r->arrivals;
	r->link = client->requests_end;
	*r->link = r;
	client->requests_end = &r->next;

	if (client->leaving)
		request_fail(r, GRPC_UNAVAILABLE, ECONNRESET, "is about to end the connection");
	else if (rpc_session_over(&client->session))
		request_fail(r, GRPC_UNAVAILABLE, client->session.end.errnum,
			     error_message(&client->session.end));
	else if (grpc_pack(&r->body, message) < 0)
		request_fail(r, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
			     "cannot be sent this: the request is too large");
	else
		request_submit(r, service);

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
	request_detach(r, true);
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
