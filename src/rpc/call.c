// SPDX-License-Identifier: Apache-2.0
/* The life of a call and its answer, whatever the wire: see "Theory of operation" of server.h. */
#include "rpc/call.h"

#include <stdarg.h>

#include "lib/alloc.h"

struct rpc_call *rpc_call_new(struct rpc_connection *c, uint32_t id)
{
	struct rpc_call *call = xnew(struct rpc_call);

	call->connection = c;
	call->id = id;
	call->link = c->calls_end;
	*call->link = call;
	c->calls_end = &call->next;
	c->server->n_calls++;
	return call;
}

/* The call is over, or gone: what it held back may come in. */
static void release_held(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	if (c->holding != call)
		return;
	c->holding = NULL;
	if (c->ready)
		rpc_session_deliver_later(&c->session);
}

void rpc_call_free(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	else
		c->calls_end = call->link;
	release_held(call);
	c->server->n_calls--;
	c->buffered -= call->received;
	loop_remove(call->deadline);
	grpc_reader_next(&call->http2.reader);
	grpc_free(call->request);
	strbuf_free(&call->out);
	free(call->message);
	free(call);
}

void *rpc_call_data(struct rpc_call *call)
{
	return call->service->data;
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

void rpc_call_cancelled(struct rpc_call *call)
{
	bool entered = call->state == CALL_ENTERED;

	call->state = CALL_OVER;
	if (entered && call->cancel)
		call->cancel(call, call->cancel_data);
}

/* Sends what is new. */
static void progress(struct rpc_call *call)
{
	if (!call->closed)
		call->connection->wire->progress(call);
}

/* @message: taken, may be NULL. */
static void finish(struct rpc_call *call, enum grpc_status status, int errnum, char *message)
{
	call->state = CALL_OVER;
	call->status = status;
	call->errnum = errnum < 0 ? -errnum : errnum;
	free(call->message);
	call->message = message;
	loop_remove(call->deadline);
	call->deadline = NULL;
	release_held(call);
	/* May free the call. */
	progress(call);
}

void rpc_call_refuse(struct rpc_call *call, enum grpc_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finish(call, status, 0, xvasprintf(fmt, ap));
	va_end(ap);
}

bool rpc_call_check_method(struct rpc_call *call)
{
	if (!call->service)
		rpc_call_refuse(call, GRPC_UNIMPLEMENTED, "there is no such service or method");
	else if (!call->service->handlers[call->method])
		rpc_call_refuse(call, GRPC_UNIMPLEMENTED, "%s is not implemented",
				rpc_call_method(call));
	else
		return true;
	return false;
}

bool rpc_call_receive(struct rpc_call *call, size_t len)
{
	call->received += len;
	call->connection->buffered += len;
	if (call->connection->buffered <= RPC_MAX_BUFFERED)
		return true;
	rpc_call_refuse(call, GRPC_RESOURCE_EXHAUSTED,
			"open requests of the connection are too large");
	return false;
}

/* statuscodes.md says which status. */
bool rpc_call_decode(struct rpc_call *call, const uint8_t *bytes, size_t len)
{
	const ProtobufCMethodDescriptor *method = &call->service->descriptor->methods[call->method];

	call->request = grpc_unpack(method->input, bytes, len);
	if (!call->request)
		rpc_call_refuse(call, GRPC_INTERNAL, "the request of %s cannot be decoded",
				method->name);
	return call->request;
}

void rpc_call_ready(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	call->state = CALL_READY;
	call->queued = true;
	*c->ready_end = call;
	c->ready_end = &call->next_ready;
}

void rpc_call_closed(struct rpc_call *call)
{
	struct rpc_connection *c = call->connection;

	/* A handler that has it is told outside of the wire; a queue that has it is emptied there. */
	if (call->state == CALL_ENTERED || call->queued) {
		call->closed = true;
		c->some_closed = true;
		rpc_session_deliver_later(&c->session);
	} else {
		rpc_call_free(call);
	}
}

static void on_deadline(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct rpc_call *call = data;
	struct rpc_session *session = &call->connection->session;

	/* What the cancel function does to other calls goes out with this answer. */
	session->corked = true;
	rpc_call_cancelled(call);
	session->corked = false;
	finish(call, GRPC_DEADLINE_EXCEEDED, ETIMEDOUT,
	       xstrdup("the deadline of the call has passed"));
}

void rpc_call_start_deadline(struct rpc_call *call)
{
	uint64_t now = loop_now();

	call->deadline = loop_add_timer(call->connection->server->loop,
					call->timeout < LOOP_FOREVER - now ? now + call->timeout
									   : LOOP_FOREVER,
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
	if (call->connection->wire->pack(call, reply) < 0)
		finish(call, GRPC_RESOURCE_EXHAUSTED, EMSGSIZE,
		       xasprintf("the answer is larger than %u bytes", GRPC_MAX_MESSAGE));
	else
		finish(call, GRPC_OK, 0, NULL);
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	int r;

	if (!may_answer(call))
		return 0;
	if (call->out.len - call->out_sent > RPC_MAX_QUEUED)
		return -EAGAIN;
	r = call->connection->wire->pack(call, message);
	if (r == 0)
		progress(call);
	return r;
}

void rpc_call_end(struct rpc_call *call)
{
	if (may_answer(call))
		finish(call, GRPC_OK, 0, NULL);
}

void rpc_call_fail(struct rpc_call *call, const struct error *err)
{
	if (may_answer(call))
		finish(call, grpc_status_from_errno(err->errnum), err->errnum,
		       xstrdup(error_message(err)));
}

void rpc_call_fail_status(struct rpc_call *call, enum grpc_status status, int errnum,
			  const char *fmt, ...)
{
	va_list ap;

	if (!may_answer(call))
		return;
	va_start(ap, fmt);
	finish(call, status, errnum, xvasprintf(fmt, ap));
	va_end(ap);
}
