/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client on an event loop: one connection, many calls at once. The host's commands, monitor and
 * stand-ins speak to vminitd through it, in frames (rpc/frame.h), not in gRPC.
 *
 * Theory of operation: the first call writes preface and request in one go and waits for nothing, so
 * the socket may lead to a VM that is still booting. Nothing reconnects: when the
 * connection ends, every open call ends with UNAVAILABLE (errno ECONNRESET) and so does every later
 * one. Callbacks come from the loop alone, never from within a function called here.
 * The peer is hostile: replies are bounded, and bytes that make no sense end the connection.
 */
#ifndef RUNVM_RPC_CLIENT_H
#define RUNVM_RPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "rpc/grpc.h"

/* A call without a deadline of its own. */
#define RPC_NO_TIMEOUT UINT64_MAX

struct rpc_client;
struct rpc_request;

/**
 * typedef rpc_message_fn - a message of a streaming answer
 * @message: decoded; valid during the call
 */
typedef void rpc_message_fn(struct rpc_request *request, const ProtobufCMessage *message,
			    void *data);
/**
 * typedef rpc_done_fn - a call is over; the request is gone when this returns
 * @reply: of a unary call that succeeded; valid during the call; NULL otherwise
 * @err: NULL on success
 */
typedef void rpc_done_fn(struct rpc_request *request, const ProtobufCMessage *reply,
			 const struct error *err, void *data);

/**
 * rpc_client_new() - a client on a connected stream socket
 * @loop: borrowed, outlives the client
 * @fd: taken
 * @peer: what error messages call the other side ("vminitd"); copied
 */
struct rpc_client *rpc_client_new(struct loop *loop, int fd, const char *peer);
/* Drops open calls without calling their functions. NULL is allowed. Allowed in callbacks. */
void rpc_client_free(struct rpc_client *client);
/* False once the connection has ended: every later call will fail. */
bool rpc_client_alive(const struct rpc_client *client);

/**
 * rpc_client_call() - start a call
 * @service: descriptor; SANDBOX_SERVICE or GUEST_SERVICE (rpc/api.h)
 * @method: as in the .proto file; an unknown one aborts
 * @request: encoded before this returns
 * @timeout: microseconds from now, RPC_NO_TIMEOUT for none; the server gets it too
 * @done: called exactly once, unless the call is cancelled or the client freed
 *
 * Return: the request, valid until @done returns; never NULL.
 */
struct rpc_request *rpc_client_call(struct rpc_client *client,
				    const ProtobufCServiceDescriptor *service, const char *method,
				    const ProtobufCMessage *request, uint64_t timeout,
				    rpc_done_fn *done, void *data);
/* The same for a method that answers with a stream: @message is called for each of it. */
struct rpc_request *rpc_client_stream(struct rpc_client *client,
				      const ProtobufCServiceDescriptor *service, const char *method,
				      const ProtobufCMessage *request, uint64_t timeout,
				      rpc_message_fn *message, rpc_done_fn *done, void *data);
/* Gives the call up, here and at the server; no function of it is called any more. */
void rpc_request_cancel(struct rpc_request *request);
/* The status of a call that is over, for its rpc_done_fn. */
enum grpc_status rpc_request_status(const struct rpc_request *request);

/**
 * rpc_client_call_sync() - call and wait, iterating the client's loop meanwhile
 * @ret_reply: the reply, for grpc_free(); may be NULL when nobody reads it
 *
 * For commands; a monitor has handlers that must not wait. Not from a function that the loop calls:
 * the loop does not nest.
 *
 * Return: 0, or -errno with the server's message in @err.
 */
int rpc_client_call_sync(struct rpc_client *client, const ProtobufCServiceDescriptor *service,
			 const char *method, const ProtobufCMessage *request, uint64_t timeout,
			 ProtobufCMessage **ret_reply, struct error *err);

#endif
