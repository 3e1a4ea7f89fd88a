/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the server share: server.c (services, listeners), connection.c (a client, and the
 * order in which its calls reach their handlers), call.c (the life of a call), and the two wires that
 * turn bytes into calls and answers into bytes: wire-http2.c and wire-frames.c. Nobody else includes
 * this; handlers see rpc/server.h.
 */
#ifndef RUNVM_RPC_CALL_H
#define RUNVM_RPC_CALL_H

#include "rpc/frame.h"
#include "rpc/server.h"
#include "rpc/session.h"

struct rpc_connection;
struct listener;

struct rpc_service {
	struct rpc_service *next;
	const ProtobufCServiceDescriptor *descriptor;
	void *data;
	rpc_handler_fn
		*handlers[]; /* by the descriptor's index of the method; NULL: unimplemented */
};

struct rpc_server {
	struct loop *loop;
	struct rpc_service *services;
	struct listener *listeners;
	struct rpc_connection *connections;
	unsigned int n_connections;
	unsigned int n_calls;
};

/**
 * struct rpc_wire - how the answers of a connection become bytes
 * @session: the session's part of it
 * @pack: append a message to call->out. Return: 0, or -EMSGSIZE
 * @progress: send what is new: more in call->out, or (CALL_OVER) the end. May free the call
 * @release: free what the wire has in the connection, but its calls
 */
struct rpc_wire {
	struct rpc_session_ops session;
	int (*pack)(struct rpc_call *call, const ProtobufCMessage *message);
	void (*progress)(struct rpc_call *call);
	void (*release)(struct rpc_connection *connection);
};

/* Both give the session rpc_connection_deliver() and rpc_connection_ended(). */
extern const struct rpc_wire rpc_wire_http2;
extern const struct rpc_wire rpc_wire_frames;

/* Of a connection that speaks frames: the preface's bytes that came, the last number of a call. */
struct frames_state {
	struct frame_reader reader;
	size_t preface;
	uint32_t last_call;
	unsigned int n_open;
};

/**
 * struct rpc_connection - a client
 * @wire: NULL before the first byte
 * @http2, @frames: of the wire
 * @calls: all of them, oldest first
 * @ready: those whose request is whole and whose handler has not been entered, oldest first
 * @holding: lets nothing of @ready in before it is over (rpc_call_hold())
 * @buffered: bytes of requests that the calls hold
 * @some_closed: a call of @calls has no way back to the client and waits to be told so
 */
struct rpc_connection {
	struct rpc_session session;
	struct rpc_server *server;
	struct rpc_connection *next, **link;
	const struct rpc_wire *wire;
	struct nghttp2_session *http2;
	struct frames_state frames;
	struct rpc_call *calls, **calls_end;
	struct rpc_call *ready, **ready_end;
	struct rpc_call *holding;
	size_t buffered;
	bool some_closed;
};

enum rpc_call_state {
	CALL_RECEIVING, /* the request is not whole */
	CALL_READY,	/* the request is whole */
	CALL_ENTERED,	/* the handler owns it */
	CALL_OVER,	/* the answer is known, and on its way where there is one */
};

/* Of a call that came over HTTP/2: the request's headers and messages, and how far the answer is. */
struct http2_call {
	size_t header_bytes;
	bool timeout_given;
	bool timeout_invalid;
	bool headers_whole;
	bool method_post;
	bool content_type_valid;
	struct grpc_reader reader;
	bool request_whole;
	bool answering; /* headers are submitted, data and trailers come from the call */
	bool suggest_identity;
};

/**
 * struct rpc_call - a call
 * @id: the wire's name of it: the stream, or the number
 * @queued: in rpc_connection.ready, and freed by nobody before it leaves that
 * @closed: the wire has forgotten it: nothing can be answered
 * @received: bytes of the request, as rpc_connection.buffered counts them
 * @timeout: microseconds, until rpc_call_start_deadline()
 * @out: what of the answer is packed and waits
 * @out_sent: how much of that the wire has taken and not removed yet
 */
struct rpc_call {
	struct rpc_connection *connection;
	struct rpc_call *next, **link;
	struct rpc_call *next_ready;
	uint32_t id;
	enum rpc_call_state state;
	bool queued;
	bool closed;

	/* The request; the method is an index in the service */
	struct rpc_service *service;
	unsigned int method;
	uint64_t timeout;
	size_t received;
	ProtobufCMessage *request;
	struct http2_call http2;

	/* Who else ends it */
	struct loop_source *deadline;
	rpc_cancel_fn *cancel;
	void *cancel_data;

	/* The answer */
	struct strbuf out;
	size_t out_sent;
	enum grpc_status status;
	int errnum;
	char *message;
};

/* call.c */
struct rpc_call *rpc_call_new(struct rpc_connection *connection, uint32_t id);
void rpc_call_free(struct rpc_call *call);
/* Ends a call that has not reached its handler. */
void rpc_call_refuse(struct rpc_call *call, enum grpc_status status, const char *fmt, ...)
	_printf_(3, 4);
/* Refuses a call of what there is not. Return: false when it was. */
bool rpc_call_check_method(struct rpc_call *call);
/* Counts @len more bytes of a request. Return: false when that was too much, and it is refused. */
bool rpc_call_receive(struct rpc_call *call, size_t len);
/* Decodes the message of the request, or refuses. Return: false likewise. */
bool rpc_call_decode(struct rpc_call *call, const uint8_t *bytes, size_t len);
/* Starts the clock of a call with a timeout. */
void rpc_call_start_deadline(struct rpc_call *call);
/* The request is whole: its handler comes with the next rpc_connection_deliver(). */
void rpc_call_ready(struct rpc_call *call);
/* The wire has forgotten the call. Frees it, now or when a handler and the queue let it go. */
void rpc_call_closed(struct rpc_call *call);
/* Calls its cancel function, if it has one and a handler has the call. */
void rpc_call_cancelled(struct rpc_call *call);

/* connection.c */
/* @fd: taken. */
void rpc_connection_new(struct rpc_server *server, int fd);
void rpc_connection_free(struct rpc_connection *connection);
bool rpc_connection_deliver(struct rpc_session *session);
void rpc_connection_ended(struct rpc_session *session);

#endif
