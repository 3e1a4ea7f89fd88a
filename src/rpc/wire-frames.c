// SPDX-License-Identifier: Apache-2.0
/* The server's side of frames: see "Theory of operation" of frame.h. */
#include "rpc/call.h"

static void end(struct rpc_connection *c, const char *detail)
{
	rpc_session_end(&c->session, EPROTO, "sent what is no frame of a client", detail);
}

static struct rpc_service *find_service(const struct rpc_server *server, unsigned int index)
{
	struct rpc_service *s = index < FRAME_SERVICES ? server->services : NULL;

	while (s && s->descriptor != frame_services[index])
		s = s->next;
	return s;
}

static void on_request(struct rpc_connection *c, const struct frame *f, const uint8_t *body)
{
	struct rpc_call *call;

	if (f->call <= c->frames.last_call) {
		end(c, "the numbers of calls do not rise");
		return;
	}
	if (c->frames.n_open == FRAME_MAX_OPEN) {
		end(c, "too many calls are open at once");
		return;
	}
	c->frames.last_call = f->call;
	c->frames.n_open++;
	call = rpc_call_new(c, f->call);
	/* Over the limit for a moment: what is refused holds no request, and is gone when answered. */
	if (c->server->n_calls > RPC_MAX_CALLS) {
		rpc_call_refuse(call, GRPC_UNAVAILABLE, "too many calls are open");
		return;
	}
	call->service = find_service(c->server, f->service);
	if (call->service && f->method >= call->service->descriptor->n_methods)
		call->service = NULL;
	call->method = f->method;
	if (!rpc_call_check_method(call) || !rpc_call_receive(call, f->length) ||
	    !rpc_call_decode(call, body, f->length))
		return;
	if (f->timeout != FRAME_NO_TIMEOUT) {
		call->timeout = f->timeout;
		rpc_call_start_deadline(call);
	}
	rpc_call_ready(call);
}

/* One that is not there has been answered before this came. */
static void on_cancel(struct rpc_connection *c, uint32_t id)
{
	struct rpc_call *call = c->calls;

	while (call && (call->id != id || call->closed))
		call = call->next;
	if (!call)
		return;
	c->frames.n_open--;
	rpc_call_closed(call);
}

static void on_frame(struct rpc_connection *c, const struct frame *f, const uint8_t *body)
{
	if (f->kind == FRAME_REQUEST)
		on_request(c, f, body);
	else if (f->kind == FRAME_CANCEL)
		on_cancel(c, f->call);
	else
		end(c, "it is of a server's kind");
}

/* Return: bytes taken. */
static size_t take_preface(struct rpc_connection *c, const uint8_t *bytes, size_t len)
{
	static const uint8_t preface[] = FRAME_PREFACE;
	size_t n = 0;

	while (n < len && c->frames.preface < FRAME_PREFACE_SIZE)
		if (bytes[n++] != preface[c->frames.preface++])
			end(c, "the preface is another");
	return n;
}

static void receive(struct rpc_session *session, const uint8_t *bytes, size_t len)
{
	struct rpc_connection *c = (struct rpc_connection *)session;
	struct frame_reader *reader = &c->frames.reader;
	size_t at = take_preface(c, bytes, len);

	while (at < len && !rpc_session_over(session)) {
		bool whole;
		ssize_t n = frame_reader_feed(reader, bytes + at, len - at, &whole);

		if (n < 0) {
			end(c, frame_fault(n));
			return;
		}
		at += (size_t)n;
		if (whole) {
			on_frame(c, &reader->frame, reader->body);
			frame_reader_next(reader);
		}
	}
}

/*
 * Takes what all calls have, so that a call with much to say does not keep back another. It takes more
 * when the client has read that: what waits for one that does not read is bounded by what
 * FRAME_MAX_OPEN calls may hold, twice.
 */
static void fill(struct rpc_session *session)
{
	struct rpc_connection *c = (struct rpc_connection *)session;
	struct rpc_call *next;

	if (session->out.len >= RPC_WRITE_AHEAD)
		return;
	for (struct rpc_call *call = c->calls; call; call = next) {
		next = call->next;
		if (call->closed)
			continue;
		if (call->out.len) {
			strbuf_append(&session->out, call->out.data, call->out.len);
			strbuf_free(&call->out);
		}
		if (call->state == CALL_OVER) {
			frame_put_end(&session->out, call->id, (uint8_t)call->status,
				      (uint32_t)call->errnum, call->message);
			c->frames.n_open--;
			rpc_call_closed(call);
		}
	}
}

static int pack(struct rpc_call *call, const ProtobufCMessage *message)
{
	return frame_pack(&call->out, (struct frame){.kind = FRAME_MESSAGE, .call = call->id},
			  message);
}

static void progress(struct rpc_call *call)
{
	rpc_session_flush(&call->connection->session);
}

static void release(struct rpc_connection *c)
{
	frame_reader_next(&c->frames.reader);
}

const struct rpc_wire rpc_wire_frames = {
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
