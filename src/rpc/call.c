// SPDX-License-Identifier: Apache-2.0
/* The life of a call after its request is whole, and its answer: see "Theory of operation" of
 * server.h. */
#include "rpc/call.h"

#include <stdarg.h>
#include <string.h>

#include "lib/alloc.h"

/* Output buffers larger than this are not kept between two messages of a stream. */
#define OUT_KEEP 4096

void *rpc_call_data(struct rpc_call *call)
{
	return call->service->data;
}

struct loop *rpc_call_loop(struct rpc_call *call)
{
	return call->connection->server->loop;
}

const char *rpc_call_method(struct rpc_call *call)
{
	return call->service->descriptor->methods[call->method].name;
}

void rpc_call_on_cancel(struct rpc_call *call, rpc_cancel_fn *fn, void *data)
{
	call->cancel = fn;
	call->cancel_data = data;
}

void rpc_call_hold(struct rpc_call *call)
{
	if (call->state == CALL_ENTERED)
		call->connection->holding = call;
}

void rpc_call_release(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	if (c->holding != call)
		return;
	c->holding = NULL;
	if (c->ready)
		rpc_session_deliver_later(&c->session);
}

void rpc_call_cancelled(struct rpc_call *call)
{
	bool entered = call->state == CALL_ENTERED;

	call->state = CALL_OVER;
	if (entered && call->cancel)
		call->cancel(call, call->cancel_data);
}

struct trailers {
	nghttp2_nv nv[3];
	size_t n;
	char status[12];
	char errnum[12];
	struct strbuf message;
};

static nghttp2_nv number_header(const char *name, char text[12], int number)
{
	return rpc_header(name, text, (size_t)snprintf(text, 12, "%d", number));
}

static void make_trailers(const struct rpc_call *call, struct trailers *t)
{
	t->nv[t->n++] = number_header("grpc-status", t->status, (int)call->status);
	if (call->message) {
		grpc_message_encode(&t->message, call->message);
		t->nv[t->n++] = rpc_header("grpc-message", t->message.data ?: "", t->message.len);
	}
	if (call->errnum)
		t->nv[t->n++] = number_header("runvm-errno", t->errnum, call->errnum);
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
	nghttp2_session *http2 = call->connection->session.http2;
	nghttp2_data_provider provider = {.read_callback = read_answer};

	if (nghttp2_submit_response(http2, call->stream, nv, n_nv, data ? &provider : NULL))
		(void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, call->stream,
						NGHTTP2_INTERNAL_ERROR);
	call->answering = true;
}

/* Submits what is new: headers first, then more data, and trailers once the call is over. */
static void call_progress(struct rpc_call *call)
{
	struct trailers t = {.n = 0};
	nghttp2_nv nv[6];
	size_t n = 0;

	if (call->closed)
		return;
	if (call->answering) {
		/* Fails when it is not deferred: then it goes on by itself. */
		(void)nghttp2_session_resume_data(call->connection->session.http2, call->stream);
		rpc_session_flush(&call->connection->session);
		return;
	}
	nv[n++] = rpc_header_const(":status", "200");
	nv[n++] = rpc_header_const("content-type", "application/grpc");
	if (call->suggest_identity)
		nv[n++] = rpc_header_const("grpc-accept-encoding", "identity");
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

void rpc_call_finish(struct rpc_call *call, enum grpc_status status, int errnum, char *message)
{
	call->state = CALL_OVER;
	call->status = status;
	call->errnum = errnum < 0 ? -errnum : errnum;
	free(call->message);
	call->message = message;
	loop_remove(call->deadline);
	call->deadline = NULL;
	rpc_call_release(call);
	/* May free the call. */
	call_progress(call);
}

void rpc_call_finish_http(struct rpc_call *call, const char *http_status)
{
	nghttp2_nv nv = rpc_header_const(":status", http_status);

	call->state = CALL_OVER;
	submit(call, &nv, 1, false);
}

static void on_deadline(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct rpc_call *call = data;
	struct rpc_session *session = &call->connection->session;

	/* What the cancel function does to other calls goes out with this answer. */
	session->corked = true;
	rpc_call_cancelled(call);
	session->corked = false;
	rpc_call_finish(call, GRPC_DEADLINE_EXCEEDED, ETIMEDOUT,
			xstrdup("the deadline of the call has passed"));
}

void rpc_call_start_deadline(struct rpc_call *call)
{
	call->deadline = loop_add_timer(call->connection->server->loop, loop_now() + call->timeout,
					on_deadline, call);
}

/* A second answer is a bug of the handler, unless its cancel function is running. */
static bool may_answer(const struct rpc_call *call)
{
	return call->state == CALL_ENTERED;
}

void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *reply)
{
	if (!may_answer(call))
		return;
	if (grpc_pack(&call->out, reply) < 0)
		rpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
				xasprintf("the answer is larger than %u bytes", GRPC_MAX_MESSAGE));
	else
		rpc_call_finish(call, GRPC_OK, 0, NULL);
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	int r;

	if (!may_answer(call))
		return 0;
	if (call->out.len - call->out_sent > RPC_MAX_QUEUED)
		return -EAGAIN;
	strbuf_consume(&call->out, call->out_sent);
	call->out_sent = 0;
	r = grpc_pack(&call->out, message);
	if (r == 0)
		call_progress(call);
	return r;
}

void rpc_call_end(struct rpc_call *call)
{
	if (may_answer(call))
		rpc_call_finish(call, GRPC_OK, 0, NULL);
}

void rpc_call_fail(struct rpc_call *call, const struct error *err)
{
	if (may_answer(call))
		rpc_call_finish(call, grpc_status_from_errno(err->errnum), err->errnum,
				xstrdup(error_message(err)));
}

void rpc_call_fail_status(struct rpc_call *call, enum grpc_status status, int errnum,
			  const char *fmt, ...)
{
	va_list ap;

	if (!may_answer(call))
		return;
	va_start(ap, fmt);
	rpc_call_finish(call, status, errnum, xvasprintf(fmt, ap));
	va_end(ap);
}
