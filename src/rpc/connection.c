// SPDX-License-Identifier: Apache-2.0
/*
 * A client's connection: which wire it speaks, and the order in which calls reach their handlers. What
 * a client does wrong ends its call with a status; what breaks the wire's rules ends the connection.
 *
 * Theory of operation: a wire enters no handler: it queues a call whose request is whole as ready, and
 * marks one that the client gave up. deliver() then enters the handlers in order, and tells those who
 * lost their call.
 */
#include "lib/alloc.h"
#include "lib/log.h"
#include "rpc/call.h"

static void enter_handlers(struct rpc_connection *c)
{
	while (c->ready && !c->holding) {
		struct rpc_call *call = c->ready;

		c->ready = call->next_ready;
		if (!c->ready)
			c->ready_end = &c->ready;
		call->queued = false;
		/* Held back, it may have been given up or passed its deadline. */
		if (call->closed) {
			rpc_call_free(call);
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
			rpc_call_free(call);
		}
		call = next;
	}
}

bool rpc_connection_deliver(struct rpc_session *session)
{
	struct rpc_connection *c = (struct rpc_connection *)session;

	/* First: one of them may hold the others back. */
	if (c->some_closed)
		forget_closed(c);
	enter_handlers(c);
	return true;
}

void rpc_connection_ended(struct rpc_session *session)
{
	log_debug("a client of the server %s", error_message(&session->end));
	rpc_connection_free((struct rpc_connection *)session);
}

/* The first byte tells the two prefaces apart; each wire looks at all of its own. */
static void choose_wire(struct rpc_session *session, const uint8_t *bytes, size_t len)
{
	struct rpc_connection *c = (struct rpc_connection *)session;

	c->wire = bytes[0] == FRAME_PREFACE[0] ? &rpc_wire_frames : &rpc_wire_http2;
	session->ops = &c->wire->session;
	session->ops->receive(session, bytes, len);
}

static void fill_nothing(struct rpc_session *session _unused_)
{
}

static const struct rpc_session_ops first_ops = {
	.receive = choose_wire,
	.fill = fill_nothing,
	.deliver = rpc_connection_deliver,
	.ended = rpc_connection_ended,
};

void rpc_connection_new(struct rpc_server *server, int fd)
{
	struct rpc_connection *c = xnew(struct rpc_connection);

	rpc_session_open(&c->session, server->loop, fd, &first_ops);
	c->server = server;
	c->calls_end = &c->calls;
	c->ready_end = &c->ready;
	c->next = server->connections;
	c->link = &server->connections;
	if (c->next)
		c->next->link = &c->next;
	server->connections = c;
	server->n_connections++;
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
	if (c->wire)
		c->wire->release(c);
	rpc_session_close(&c->session);
	error_clear(&c->session.end);
	free(c);
}
