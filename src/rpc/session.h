/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection on the event loop: bytes between a socket and nghttp2. What client.c and
 * server.c share; nobody else includes this.
 *
 * Theory of operation: nghttp2 forbids its own functions inside some of its callbacks, and users of
 * client and server want to do anything inside theirs. So callbacks of nghttp2 only note what came,
 * and users are called from rpc_session_ops.deliver(), which the loop calls between two reads. What
 * is submitted there goes out in one send(2) afterwards; what is submitted at any other time goes out
 * with rpc_session_flush().
 * Output is taken from nghttp2 only while the socket takes it, 64 KiB ahead at most: what a slow
 * peer does not read stays in its call, under that call's bounds.
 * An end is never announced from within flush: it waits for the next turn of the loop.
 */
#ifndef RUNVM_RPC_SESSION_H
#define RUNVM_RPC_SESSION_H

#include <nghttp2/nghttp2.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "lib/strbuf.h"

/* The header lists of one request or answer; more resets the stream. */
#define RPC_MAX_HEADERS (16U << 10)
/* Flow control: what a peer may send ahead in a stream and in the connection. */
#define RPC_STREAM_WINDOW     (256U << 10)
#define RPC_CONNECTION_WINDOW (1U << 20)

struct rpc_session;

/**
 * struct rpc_session_ops - what client and server do
 * @setup: sets the callbacks of nghttp2
 * @deliver: call users with what came; returns false when that freed the session
 * @ended: the connection is over, session->end says why; it frees the session
 */
struct rpc_session_ops {
	void (*setup)(nghttp2_session_callbacks *callbacks);
	bool (*deliver)(struct rpc_session *session);
	void (*ended)(struct rpc_session *session);
};

/**
 * struct rpc_session - the connection; embedded in what client and server keep
 * @out: taken from nghttp2, not yet by the socket
 * @end: set once the connection is over: a predicate whose subject is the peer
 * @corked: inside nghttp2 or in the middle of a turn: flush does nothing, for it comes at the end
 * @mute: the peer takes no more; what it sent before is read in the next turn, then it ends
 */
struct rpc_session {
	const struct rpc_session_ops *ops;
	struct loop *loop;
	struct loop_source *source;
	struct loop_source *later;
	nghttp2_session *http2;
	int fd;
	struct strbuf out;
	struct error end;
	bool corked;
	bool mute;
};

/**
 * rpc_session_open() - take a connected socket, and submit SETTINGS
 * @max_streams: calls at once that the peer may open; 0 makes it a client's session
 * @fd: taken, also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int rpc_session_open(struct rpc_session *session, struct loop *loop, int fd, uint32_t max_streams,
		     const struct rpc_session_ops *ops);
/* Closes at once and calls nobody; session->end stays, for its owner to read and clear. */
void rpc_session_close(struct rpc_session *session);
/* Writes what was submitted. */
void rpc_session_flush(struct rpc_session *session);
/* Asks for deliver() in the next turn of the loop. */
void rpc_session_deliver_later(struct rpc_session *session);
/* True when nothing can be submitted any more. */
bool rpc_session_over(const struct rpc_session *session);

/* A header with a name, and perhaps a value, that lives forever. */
nghttp2_nv rpc_header(const char *name, const char *value, size_t len);
nghttp2_nv rpc_header_const(const char *name, const char *value);
/* Is the header of this name? @name is a literal in lower case, as HTTP/2 has them. */
#define RPC_HEADER_IS(name, len, literal) \
	((len) == sizeof(literal) - 1 && !memcmp(name, literal, sizeof(literal) - 1))

#endif
