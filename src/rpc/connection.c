// SPDX-License-Identifier: Apache-2.0
/*
 * A client's connection: HTTP/2 streams become calls, and calls reach their handlers. What a client
 * does wrong ends its call with a status; what breaks HTTP/2 ends the connection.
 *
 * Theory of operation: the callbacks of nghttp2 run inside nghttp2_session_mem_recv() and _mem_send()
 * and call no handler: a whole request is queued as ready, a lost stream is marked. deliver() then
 * enters the handlers in order, and tells those whose stream is lost.
 */
#include <stdarg.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/log.h"
#include "rpc/call.h"

static struct rpc_call *call_new(struct rpc_connection *c, int32_t stream)
{
	struct rpc_call *call = xnew(struct rpc_call);

	call->connection = c;
	call->stream = stream;
	call->next = c->calls;
	call->link = &c->calls;
	if (call->next)
		call->next->link = &call->next;
	c->calls = call;
	c->server->n_calls++;
	return call;
}

static void call_free(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	rpc_call_release(call);
	c->server->n_calls--;
	c->buffered -= call->received;
	loop_remove(call->deadline);
	grpc_reader_next(&call->reader);
	grpc_free(call->request);
	strbuf_free(&call->out);
	free(call->message);
	free(call);
}

/* Ends a call that has not reached its handler. */
static void refuse(struct rpc_call *call, enum grpc_status status, const char *fmt, ...)
	_printf_(3, 4);
static void refuse(struct rpc_call *call, enum grpc_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	rpc_call_finish(call, status, 0, xvasprintf(fmt, ap));
	va_end(ap);
}

/* Finds "/service/method". An unknown one leaves call->service or its handler NULL. */
static void find_method(struct rpc_call *call, const char *path, size_t len)
{
	for (struct rpc_service *s = call->connection->server->services; s; s = s->next) {
		size_t n = strlen(s->descriptor->name);

		if (len < n + 2 || path[0] != '/' || path[n + 1] != '/' ||
		    memcmp(path + 1, s->descriptor->name, n) != 0)
			continue;
		for (unsigned int i = 0; i < s->descriptor->n_methods; i++) {
			const char *name = s->descriptor->methods[i].name;

			if (strlen(name) == len - n - 2 &&
			    !memcmp(path + n + 2, name, len - n - 2)) {
				call->service = s;
				call->method = i;
				return;
			}
		}
	}
}

static int on_begin_headers(nghttp2_session *http2, const nghttp2_frame *frame, void *data)
{
	struct rpc_connection *c = data;
	struct rpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (c->server->n_calls >= RPC_MAX_CALLS)
		return nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						 NGHTTP2_REFUSED_STREAM)
			       ? NGHTTP2_ERR_CALLBACK_FAILURE
			       : 0;
	call = call_new(c, frame->hd.stream_id);
	if (nghttp2_session_set_stream_user_data(http2, call->stream, call)) {
		call_free(call);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return 0;
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name_bytes,
		     size_t name_len, const uint8_t *value_bytes, size_t len,
		     uint8_t flags _unused_, void *data _unused_)
{
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	const char *name = (const char *)name_bytes, *value = (const char *)value_bytes;

	if (!call)
		return 0;
	/* 32 more for each, as SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113, section 6.5.2). */
	call->header_bytes += name_len + len + 32;
	if (call->header_bytes > RPC_MAX_HEADERS)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (call->headers_whole)
		return 0;

	if (RPC_HEADER_IS(name, name_len, ":path")) {
		find_method(call, value, len);
	} else if (RPC_HEADER_IS(name, name_len, ":method")) {
		call->method_post = RPC_HEADER_IS(value, len, "POST");
	} else if (RPC_HEADER_IS(name, name_len, "content-type")) {
		call->content_type_valid = grpc_content_type_valid(value, len);
	} else if (RPC_HEADER_IS(name, name_len, "grpc-encoding")) {
		call->suggest_identity = !RPC_HEADER_IS(value, len, "identity");
	} else if (RPC_HEADER_IS(name, name_len, "grpc-timeout")) {
		call->timeout_invalid = grpc_timeout_parse(value, len, &call->timeout) < 0;
		call->timeout_given = true;
	}
	return 0;
}

static void headers_whole(struct rpc_call *call)
{
	call->headers_whole = true;
	if (!call->method_post)
		rpc_call_finish_http(call, "405");
	else if (!call->content_type_valid)
		rpc_call_finish_http(call, "415");
	else if (!call->service)
		refuse(call, GRPC_UNIMPLEMENTED, "there is no such service or method");
	else if (!call->service->handlers[call->method])
		refuse(call, GRPC_UNIMPLEMENTED, "%s is not implemented", rpc_call_method(call));
	else if (call->suggest_identity)
		refuse(call, GRPC_UNIMPLEMENTED, "compressed messages are not implemented");
	else if (call->timeout_invalid)
		refuse(call, GRPC_INVALID_ARGUMENT, "grpc-timeout is not 1 to 8 digits and a unit");
	else if (call->timeout_given)
		rpc_call_start_deadline(call);
}

/* statuscodes.md says which statuses: INTERNAL for bytes that are no message. */
static void refuse_bytes(struct rpc_call *call, ssize_t r)
{
	if (r == -EMSGSIZE)
		refuse(call, GRPC_RESOURCE_EXHAUSTED, "the request is larger than %u bytes",
		       GRPC_MAX_MESSAGE);
	else if (r == -ENOMEM)
		refuse(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
	else if (r == -EOPNOTSUPP)
		refuse(call, GRPC_INTERNAL, "the request is compressed, without grpc-encoding");
	else
		refuse(call, GRPC_INTERNAL, "the request has a bad length prefix");
}

static void message_whole(struct rpc_call *call)
{
	const ProtobufCMethodDescriptor *method = &call->service->descriptor->methods[call->method];

	if (call->request) {
		refuse(call, GRPC_UNIMPLEMENTED, "%s takes one request, not several", method->name);
		return;
	}
	call->request = grpc_unpack(method->input, call->reader.body, call->reader.length);
	grpc_reader_next(&call->reader);
	if (!call->request)
		refuse(call, GRPC_INTERNAL, "the request of %s cannot be decoded", method->name);
}

static int on_data(nghttp2_session *http2, uint8_t flags _unused_, int32_t stream,
		   const uint8_t *bytes, size_t len, void *data)
{
	struct rpc_connection *c = data;
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, stream);

	if (!call || call->state != CALL_RECEIVING)
		return 0;
	call->received += len;
	c->buffered += len;
	if (c->buffered > RPC_MAX_BUFFERED) {
		refuse(call, GRPC_RESOURCE_EXHAUSTED,
		       "open requests of the connection are too large");
		return 0;
	}
	while (len && call->state == CALL_RECEIVING) {
		bool whole;
		ssize_t n = grpc_reader_feed(&call->reader, bytes, len, &whole);

		if (n < 0) {
			refuse_bytes(call, n);
			return 0;
		}
		bytes += n;
		len -= (size_t)n;
		if (whole)
			message_whole(call);
	}
	return 0;
}

static void request_whole(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	call->request_whole = true;
	if (call->state != CALL_RECEIVING)
		return;
	if (!grpc_reader_at_start(&call->reader)) {
		refuse(call, GRPC_INTERNAL, "the request ends within a message");
	} else if (!call->request) {
		refuse(call, GRPC_UNIMPLEMENTED, "the request has no message");
	} else {
		call->state = CALL_READY;
		call->queued = true;
		*c->ready_end = call;
		c->ready_end = &call->next_ready;
	}
}

static int on_frame_recv(nghttp2_session *http2, const nghttp2_frame *frame, void *data _unused_)
{
	struct rpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	call = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	if (!call)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !call->headers_whole)
		headers_whole(call);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		request_whole(call);
	return 0;
}

/* An answer that came before the end of the request makes the rest of it needless. */
static int on_frame_send(nghttp2_session *http2, const nghttp2_frame *frame, void *data _unused_)
{
	struct rpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	call = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	if (call && !call->request_whole)
		(void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, call->stream,
						NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *http2, int32_t stream, uint32_t code _unused_,
			   void *data)
{
	struct rpc_connection *c = data;
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, stream);

	if (!call)
		return 0;
	/* A handler that has it is told outside of nghttp2; a queue that has it is emptied there. */
	if (call->state == CALL_ENTERED || call->queued) {
		call->closed = true;
		c->some_closed = true;
		rpc_session_deliver_later(&c->session);
	} else {
		call_free(call);
	}
	return 0;
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

static void enter_handlers(struct rpc_connection *c)
{
	while (c->ready && !c->holding) {
		struct rpc_call *call = c->ready;

		c->ready = call->next_ready;
		if (!c->ready)
			c->ready_end = &c->ready;
		call->queued = false;
		/* Held back, it may have lost its stream or passed its deadline. */
		if (call->closed) {
			call_free(call);
		} else if (call->state == CALL_READY) {
			call->state = CALL_ENTERED;
			call->service->handlers[call->method](call, call->request);
		}
	}
}

static void forget_closed(struct rpc_connection *c)
{
	struct rpc_call *call = c->calls;

	c->some_closed = false;
	/* A cancel function may end any call, but calls are freed here alone. */
	while (call) {
		struct rpc_call *next = call->next;

		if (call->closed && !call->queued) {
			rpc_call_cancelled(call);
			call_free(call);
		}
		call = next;
	}
}

static bool deliver(struct rpc_session *session)
{
	struct rpc_connection *c = (struct rpc_connection *)session;

	/* First: one of them may hold the others back. */
	if (c->some_closed)
		forget_closed(c);
	enter_handlers(c);
	return true;
}

static void ended(struct rpc_session *session)
{
	log_debug("a client of the gRPC server %s", error_message(&session->end));
	rpc_connection_free((struct rpc_connection *)session);
}

static const struct rpc_session_ops connection_ops = {
	.setup = set_callbacks,
	.deliver = deliver,
	.ended = ended,
};

int rpc_connection_new(struct rpc_server *server, int fd)
{
	struct rpc_connection *c = xnew(struct rpc_connection);
	int r;

	r = rpc_session_open(&c->session, server->loop, fd, RPC_MAX_STREAMS, &connection_ops);
	if (r < 0) {
		free(c);
		return r;
	}
	c->server = server;
	c->ready_end = &c->ready;
	c->next = server->connections;
	c->link = &server->connections;
	if (c->next)
		c->next->link = &c->next;
	server->connections = c;
	server->n_connections++;
	return 0;
}

void rpc_connection_free(struct rpc_connection *c)
{
	/* First of all nothing can be submitted any more, whatever the cancel functions try. */
	c->ready = NULL;
	for (struct rpc_call *call = c->calls; call; call = call->next) {
		call->closed = true;
		call->queued = false;
	}
	forget_closed(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->server->n_connections--;
	rpc_session_close(&c->session);
	error_clear(&c->session.end);
	free(c);
}
