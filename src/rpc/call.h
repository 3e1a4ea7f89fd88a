/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the server share: server.c (services, listeners), connection.c (HTTP/2 to calls)
 * and call.c (calls to HTTP/2). Nobody else includes this; handlers see rpc/server.h.
 */
#ifndef RUNVM_RPC_CALL_H
#define RUNVM_RPC_CALL_H

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
 * struct rpc_connection - a client
 * @calls: all of them, in no order
 * @ready: those whose request is whole and whose handler has not been entered, oldest first
 * @holding: lets nothing of @ready in before it is over (rpc_call_hold())
 * @buffered: bytes of requests that the calls hold
 * @some_closed: a call of @calls has lost its stream and waits to be told so
 */
struct rpc_connection {
	struct rpc_session session;
	struct rpc_server *server;
	struct rpc_connection *next, **link;
	struct rpc_call *calls;
	struct rpc_call *ready, **ready_end;
	struct rpc_call *holding;
	size_t buffered;
	bool some_closed;
};

enum rpc_call_state {
	CALL_RECEIVING, /* the request is not whole */
	CALL_READY,	/* the request is whole */
	CALL_ENTERED,	/* the handler owns it */
	CALL_OVER,	/* the answer is known, and on its way where the stream is open */
};

struct rpc_call {
	struct rpc_connection *connection;
	struct rpc_call *next, **link;
	struct rpc_call *next_ready;
	bool queued; /* in rpc_connection.ready, and freed by nobody before it leaves that */
	int32_t stream;
	enum rpc_call_state state;

	/* The request's headers */
	struct rpc_service *service;
	unsigned int method; /* index in the service, once that is known */
	size_t header_bytes;
	uint64_t timeout; /* microseconds, where given */
	bool timeout_given;
	bool timeout_invalid;
	bool headers_whole;
	bool method_post;
	bool content_type_valid;

	/* The request */
	struct grpc_reader reader;
	size_t received;
	bool request_whole;
	ProtobufCMessage *request;

	/* Who else ends it */
	bool closed; /* the stream is gone */
	struct loop_source *deadline;
	rpc_cancel_fn *cancel;
	void *cancel_data;

	/* The answer */
	struct strbuf out;
	size_t out_sent;
	bool answering; /* headers are submitted, data and trailers come from @out and @status */
	bool suggest_identity;
	enum grpc_status status;
	int errnum;
	char *message;
};

/* call.c */
/* Ends a call that no handler has, or has any more. @message: taken, may be NULL. */
void rpc_call_finish(struct rpc_call *call, enum grpc_status status, int errnum, char *message);
/* Answers with an HTTP status alone, to who does not speak gRPC. */
void rpc_call_finish_http(struct rpc_call *call, const char *http_status);
/* Starts the clock of a call with a grpc-timeout. */
void rpc_call_start_deadline(struct rpc_call *call);
/* The call is over, or gone: what it held back may come in. */
void rpc_call_release(struct rpc_call *call);
/* Calls its cancel function, if it has one and a handler has the call. */
void rpc_call_cancelled(struct rpc_call *call);

/* connection.c */
/* @fd: taken, also on failure. Return: 0 or -ENOMEM. */
int rpc_connection_new(struct rpc_server *server, int fd);
void rpc_connection_free(struct rpc_connection *connection);

#endif
