/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on an event loop: connections in, calls to handlers, replies out. vminitd's whole ear and
 * mouth. A client speaks gRPC, or frames if it is one of ours (rpc/frame.h); its first bytes tell,
 * and handlers see no difference. It knows no method: services are descriptors of protobuf-c plus
 * tables of handlers.
 *
 *	static void start_process(struct rpc_call *call, const ProtobufCMessage *message)
 *	{
 *		const SANDBOX(StartProcessRequest) *request = (const void *)message;
 *		SANDBOX(StartProcessResponse) response = SANDBOX_INIT(START_PROCESS_RESPONSE);
 *		_cleanup_error_ struct error err = ERROR_INIT;
 *		...
 *		if (container_start(rpc_call_data(call), request->id, &response.pid, &err) < 0)
 *			rpc_call_fail(call, &err);
 *		else
 *			rpc_call_reply(call, &response.base);
 *	}
 *	static const struct rpc_method methods[] = {{"StartProcess", start_process}, ...};
 *
 * Theory of operation: a handler is entered once, when the request is whole, in the order in which
 * requests of a connection become whole. It may answer at once or keep the call and answer any time
 * later (a WaitProcess may be open for weeks). A call ends in one of three ways: the handler ends it
 * (reply, end, fail), or the client goes away or cancels it, or its deadline passes; in the latter
 * two the function given to rpc_call_on_cancel() is called. The struct rpc_call is gone after
 * that, save that a handler that ended its call may still read its request until it returns.
 * Nothing is answered before the handler's connection has taken it: what a client does not read
 * waits in memory, bounded, and for that rpc_call_send() can say no.
 */
#ifndef RUNVM_RPC_SERVER_H
#define RUNVM_RPC_SERVER_H

#include <stddef.h>
#include <protobuf-c/protobuf-c.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "rpc/grpc.h"

/* Connections of a server; one more is closed at once. */
#define RPC_MAX_CONNECTIONS 512
/* Calls open at once on a connection of gRPC (frames: FRAME_MAX_OPEN), and in a server. */
#define RPC_MAX_STREAMS 256
#define RPC_MAX_CALLS	4096
/* What may wait for a slow client in one streaming call before rpc_call_send() refuses. */
#define RPC_MAX_QUEUED (256U << 10)
/* What requests of one connection that are not answered yet may hold. */
#define RPC_MAX_BUFFERED (16U << 20)

struct rpc_server;
struct rpc_call;

/**
 * typedef rpc_handler_fn - serve one call
 * @request: decoded, of the method's input type; valid until the call is over (and until the
 *	handler returns)
 */
typedef void rpc_handler_fn(struct rpc_call *call, const ProtobufCMessage *request);

/* The call is gone when this returns; nothing may be sent on it any more. */
typedef void rpc_cancel_fn(struct rpc_call *call, void *data);

/**
 * struct rpc_method - who serves a method
 * @name: as in the .proto file
 *
 * A method of the service without an entry answers UNIMPLEMENTED.
 */
struct rpc_method {
	const char *name;
	rpc_handler_fn *handle;
};

/**
 * rpc_server_new() - a server without services and connections
 * @loop: borrowed, outlives the server
 */
struct rpc_server *rpc_server_new(struct loop *loop);
/* Closes every connection and calls every cancel function. NULL is allowed. Not from a handler. */
void rpc_server_free(struct rpc_server *server);

/**
 * rpc_server_add_service() - serve a service
 * @methods: copied
 * @data: what rpc_call_data() gives to its handlers
 *
 * A method that the service does not have aborts: it is a typing error in the table.
 */
void rpc_server_add_service(struct rpc_server *server, const ProtobufCServiceDescriptor *service,
			    const struct rpc_method *methods, size_t n_methods, void *data);

/**
 * rpc_server_accept() - serve a connected stream socket
 * @fd: taken, also on failure
 *
 * Return: 0, or -EMFILE with RPC_MAX_CONNECTIONS open, -ENOMEM.
 */
int rpc_server_accept(struct rpc_server *server, int fd);
/* Accepts whatever connects to a listening socket; on one of vsock the host alone. @fd: taken. */
void rpc_server_listen(struct rpc_server *server, int fd);

void *rpc_call_data(struct rpc_call *call);
/* "StartProcess". */
const char *rpc_call_method(struct rpc_call *call);

/**
 * rpc_call_on_cancel() - learn that nobody waits for the answer any more
 *
 * For a call that is kept; a second one replaces the first, NULL forgets it.
 */
void rpc_call_on_cancel(struct rpc_call *call, rpc_cancel_fn *fn, void *data);

/**
 * rpc_call_hold() - let no later request of this connection in before this call is over
 *
 * For a handler that is kept although what comes after depends on it.
 */
void rpc_call_hold(struct rpc_call *call);

/* The answer of a unary method. Ends the call. */
void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *reply);

/**
 * rpc_call_send() - one message of a streaming answer
 *
 * Return: 0; -EAGAIN when RPC_MAX_QUEUED bytes wait for the client, -EMSGSIZE when it is larger than
 * GRPC_MAX_MESSAGE. Nothing was sent then and the call goes on.
 */
int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message);
/* The good end of a streaming answer. Ends the call. */
void rpc_call_end(struct rpc_call *call);

/**
 * rpc_call_fail() - answer with an error
 *
 * The status comes from err->errnum (grpc_status_from_errno()); message and errno arrive in the
 * client's struct error. Ends the call.
 */
void rpc_call_fail(struct rpc_call *call, const struct error *err);
/* The same with a status that the errno would not give; 0 for no errno. Ends the call. */
void rpc_call_fail_status(struct rpc_call *call, enum grpc_status status, int errnum,
			  const char *fmt, ...) _printf_(4, 5);

#endif
