// SPDX-License-Identifier: Apache-2.0
/*
 * The server's side of gRPC over HTTP/2, by nghttp2: streams become calls, and answers headers, data
 * and trailers.
 *
 * Theory of operation: nghttp2 forbids its own functions inside some of its callbacks, which run
 * inside nghttp2_session_mem_recv() and _mem_send(). They only note what came, and call no handler
 * (connection.c). Data of an answer is taken from its call when nghttp2 asks for it, which HTTP/2's
 * flow control decides.
 */
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "rpc/call.h"

/* The header lists of one request; more resets the stream. */
#define MAX_HEADERS (16U << 10)
/* Flow control: what a client may send ahead in a stream and in the connection. */
#define STREAM_WINDOW	  (256U << 10)
#define CONNECTION_WINDOW (1U << 20)
/* Output buffers larger than this are not kept between two messages of a stream. */
#define OUT_KEEP 4096

/* A header with a name, and perhaps a value, that lives forever. */
static nghttp2_nv header(const char *name, const char *value, size_t len)
{
	return (nghttp2_nv){.name = (uint8_t *)name,
			    .value = (uint8_t *)value,
			    .namelen = strlen(name),
			    .valuelen = len,
			    .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

static nghttp2_nv header_const(const char *name, const char *value)
{
	nghttp2_nv nv = header(name, value, strlen(value));

	nv.flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	return nv;
}

/* Is the header of this name? @name is a literal in lower case, as HTTP/2 has them. */
#define HEADER_IS(name, len, literal) \
	((len) == sizeof(literal) - 1 && !memcmp(name, literal, sizeof(literal) - 1))

struct trailers {
	nghttp2_nv nv[3];
	size_t n;
	char status[12];
	char errnum[12];
	struct strbuf message;
};

static nghttp2_nv number(const char *name, char text[12], int number)
{
	return header(name, text, (size_t)snprintf(text, 12, "%d", number));
}

static void make_trailers(const struct rpc_call *call, struct trailers *t)
{
	t->nv[t->n++] = number("grpc-status", t->status, (int)call->status);
	if (call->message) {
		grpc_message_encode(&t->message, call->message);
		t->nv[t->n++] = header("grpc-message", t->message.data ?: "", t->message.len);
	}
	if (call->errnum)
		t->nv[t->n++] = number("runvm-errno", t->errnum, call->errnum);
}

static ssize_t read_answer(nghttp2_session *http2, int32_t stream, uint8_t *buffer, size_t len,
			   uint32_t *flags, nghttp2_data_source *source _unused_,
			   void *user_data _unused_)
{
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, stream);
	struct trailers t = {.n = 0};
	size_t n;
	int r;

	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = call->out.len - call->out_sent;
	if (n > len)
		n = len;
	if (n)
		memcpy(buffer, call->out.data + call->out_sent, n);
	call->out_sent += n;
	if (call->out_sent < call->out.len)
		return (ssize_t)n;

	call->out.len = call->out_sent = 0;
	if (call->out.allocated > OUT_KEEP)
		strbuf_free(&call->out);
	if (call->state != CALL_OVER)
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;

	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	make_trailers(call, &t);
	r = nghttp2_submit_trailer(http2, stream, t.nv, t.n);
	strbuf_free(&t.message);
	return r ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : (ssize_t)n;
}

static void submit(struct rpc_call *call, nghttp2_nv *nv, size_t n_nv, bool data)
{
	nghttp2_session *http2 = call->connection->http2;
	nghttp2_data_provider provider = {.read_callback = read_answer};

	if (nghttp2_submit_response(http2, (int32_t)call->id, nv, n_nv, data ? &provider : NULL))
		(void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, (int32_t)call->id,
						NGHTTP2_INTERNAL_ERROR);
	call->http2.answering = true;
}

/* Submits what is new: headers first, then more data, and trailers once the call is over. */
static void progress(struct rpc_call *call)
{
	struct trailers t = {.n = 0};
	nghttp2_nv nv[6];
	size_t n = 0;

	if (call->http2.answering) {
		/* Fails when it is not deferred: then it goes on by itself. */
		(void)nghttp2_session_resume_data(call->connection->http2, (int32_t)call->id);
		rpc_session_flush(&call->connection->session);
		return;
	}
	nv[n++] = header_const(":status", "200");
	nv[n++] = header_const("content-type", "application/grpc");
	if (call->http2.suggest_identity)
		nv[n++] = header_const("grpc-accept-encoding", "identity");
	/* Without a message the trailers come with the headers ("Trailers-Only"). */
	if (call->state == CALL_OVER && !call->out.len) {
		make_trailers(call, &t);
		memcpy(nv + n, t.nv, t.n * sizeof(nv[0]));
		submit(call, nv, n + t.n, false);
		strbuf_free(&t.message);
	} else {
		submit(call, nv, n, true);
	}
	rpc_session_flush(&call->connection->session);
}

/* Answers with an HTTP status alone, to who does not speak gRPC. */
static void answer_http(struct rpc_call *call, const char *http_status)
{
	nghttp2_nv nv = header_const(":status", http_status);

	call->state = CALL_OVER;
	submit(call, &nv, 1, false);
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
	call = rpc_call_new(c, (uint32_t)frame->hd.stream_id);
	if (nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, call)) {
		rpc_call_free(call);
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
	call->http2.header_bytes += name_len + len + 32;
	if (call->http2.header_bytes > MAX_HEADERS)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (call->http2.headers_whole)
		return 0;

	if (HEADER_IS(name, name_len, ":path")) {
		find_method(call, value, len);
	} else if (HEADER_IS(name, name_len, ":method")) {
		call->http2.method_post = HEADER_IS(value, len, "POST");
	} else if (HEADER_IS(name, name_len, "content-type")) {
		call->http2.content_type_valid = grpc_content_type_valid(value, len);
	} else if (HEADER_IS(name, name_len, "grpc-encoding")) {
		call->http2.suggest_identity = !HEADER_IS(value, len, "identity");
	} else if (HEADER_IS(name, name_len, "grpc-timeout")) {
		call->http2.timeout_invalid = grpc_timeout_parse(value, len, &call->timeout) < 0;
		call->http2.timeout_given = true;
	}
	return 0;
}

static void headers_whole(struct rpc_call *call)
{
	call->http2.headers_whole = true;
	if (!call->http2.method_post)
		answer_http(call, "405");
	else if (!call->http2.content_type_valid)
		answer_http(call, "415");
	else if (!rpc_call_check_method(call))
		return;
	else if (call->http2.suggest_identity)
		rpc_call_refuse(call, GRPC_UNIMPLEMENTED,
				"compressed messages are not implemented");
	else if (call->http2.timeout_invalid)
		rpc_call_refuse(call, GRPC_INVALID_ARGUMENT,
				"grpc-timeout is not 1 to 8 digits and a unit");
	else if (call->http2.timeout_given)
		rpc_call_start_deadline(call);
}

/* statuscodes.md says which statuses: INTERNAL for bytes that are no message. */
static void refuse_bytes(struct rpc_call *call, ssize_t r)
{
	if (r == -EMSGSIZE)
		rpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
				"the request is larger than %u bytes", GRPC_MAX_MESSAGE);
	else if (r == -ENOMEM)
		rpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
	else if (r == -EOPNOTSUPP)
		rpc_call_refuse(call, GRPC_INTERNAL,
				"the request is compressed, without grpc-encoding");
	else
		rpc_call_refuse(call, GRPC_INTERNAL, "the request has a bad length prefix");
}

static void message_whole(struct rpc_call *call)
{
	if (call->request)
		rpc_call_refuse(call, GRPC_UNIMPLEMENTED, "%s takes one request, not several",
				rpc_call_method(call));
	else
		(void)rpc_call_decode(call, call->http2.reader.body, call->http2.reader.length);
	grpc_reader_next(&call->http2.reader);
}

static int on_data(nghttp2_session *http2, uint8_t flags _unused_, int32_t stream,
		   const uint8_t *bytes, size_t len, void *data _unused_)
{
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, stream);

	if (!call || call->state != CALL_RECEIVING)
		return 0;
	if (!rpc_call_receive(call, len))
		return 0;
	while (len && call->state == CALL_RECEIVING) {
		bool whole;
		ssize_t n = grpc_reader_feed(&call->http2.reader, bytes, len, &whole);

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
	call->http2.request_whole = true;
	if (call->state != CALL_RECEIVING)
		return;
	if (!grpc_reader_at_start(&call->http2.reader)) {
		rpc_call_refuse(call, GRPC_INTERNAL, "the request ends within a message");
	} else if (!call->request) {
		rpc_call_refuse(call, GRPC_UNIMPLEMENTED, "the request has no message");
	} else {
		rpc_call_ready(call);
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
	if (frame->hd.type == NGHTTP2_HEADERS && !call->http2.headers_whole)
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
	if (call && !call->http2.request_whole)
		(void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *http2, int32_t stream, uint32_t code _unused_,
			   void *data _unused_)
{
	struct rpc_call *call = nghttp2_session_get_stream_user_data(http2, stream);

	if (call)
		rpc_call_closed(call);
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

static int start(struct rpc_connection *c)
{
	/* No dynamic header table: it would cost memory and save a few bytes of a few. */
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADERS},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, RPC_MAX_STREAMS},
	};
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int r = -ENOMEM;

	if (!nghttp2_session_callbacks_new(&callbacks) && !nghttp2_option_new(&option)) {
		set_callbacks(callbacks);
		nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
		/* Closed streams would be kept for priorities, which gRPC does not use. */
		nghttp2_option_set_no_closed_streams(option, 1);
		if (!nghttp2_session_server_new2(&c->http2, callbacks, c, option) &&
		    !nghttp2_submit_settings(c->http2, NGHTTP2_FLAG_NONE, settings,
					     ARRAY_SIZE(settings)) &&
		    !nghttp2_session_set_local_window_size(c->http2, NGHTTP2_FLAG_NONE, 0,
							   CONNECTION_WINDOW))
			r = 0;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r;
}

static void receive(struct rpc_session *session, const uint8_t *bytes, size_t len)
{
	struct rpc_connection *c = (struct rpc_connection *)session;
	ssize_t n;

	if (!c->http2 && start(c) < 0) {
		rpc_session_end(session, ENOMEM, "cannot be served", strerror(ENOMEM));
		return;
	}
	n = nghttp2_session_mem_recv(c->http2, bytes, len);
	if (n < 0)
		rpc_session_end(session, EPROTO, "sent what is not HTTP/2",
				nghttp2_strerror((int)n));
}

static void fill(struct rpc_session *session)
{
	struct rpc_connection *c = (struct rpc_connection *)session;
	const uint8_t *data;
	ssize_t n = 0;

	while (session->out.len < RPC_WRITE_AHEAD) {
		n = nghttp2_session_mem_send(c->http2, &data);
		if (n <= 0)
			break;
		strbuf_append(&session->out, data, (size_t)n);
	}
	if (n < 0)
		rpc_session_end(session, EPROTO, "cannot be written to", nghttp2_strerror((int)n));
	else if (!session->out.len && !nghttp2_session_want_read(c->http2) &&
		 !nghttp2_session_want_write(c->http2))
		rpc_session_end(session, EPROTO, "broke the rules of HTTP/2, or said goodbye",
				NULL);
}

static int pack(struct rpc_call *call, const ProtobufCMessage *message)
{
	strbuf_consume(&call->out, call->out_sent);
	call->out_sent = 0;
	return grpc_pack(&call->out, message);
}

static void release(struct rpc_connection *c)
{
	nghttp2_session_del(c->http2);
}

const struct rpc_wire rpc_wire_http2 = {
	.session =
		{
			.receive = receive,
			.fill = fill,
			.deliver = rpc_connection_deliver,
			.ended = rpc_connection_ended,
		},
	.pack = pack,
	.progress = progress,
	.release = release,
};
