/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection on the event loop: bytes between a socket and a wire, which is HTTP/2 or frames. What
 * client.c and the server share; nobody else includes this.
 *
 * Theory of operation: users of client and server want to do anything inside their functions, and a
 * wire is in the middle of something while it takes bytes. So it only notes what came, and users are
 * called from rpc_session_ops.deliver(), which the loop calls between two reads. What is submitted
 * there goes out in one send(2) afterwards; what is submitted at any other time goes out with
 * rpc_session_flush().
 * Output is taken from the wire only while the socket takes it, RPC_WRITE_AHEAD ahead: what a slow peer
 * does not read stays in its call, under that call's bounds.
 * An end is never announced from within flush: it waits for the next turn of the loop.
 */
#ifndef RUNVM_RPC_SESSION_H
#define RUNVM_RPC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "lib/strbuf.h"

/* With that much in rpc_session.out, a wire puts no more there. */
#define RPC_WRITE_AHEAD (64U << 10)

struct rpc_session;

/**
 * struct rpc_session_ops - what a wire does, and client and server with it
 * @receive: takes all of @bytes, at least one; rpc_session_end() when they make no sense
 * @fill: puts what is to be sent behind session->out
 * @deliver: call users with what came; returns false when that freed the session
 * @ended: the connection is over, session->end says why; it frees the session
 */
struct rpc_session_ops {
	void (*receive)(struct rpc_session *session, const uint8_t *bytes, size_t len);
	void (*fill)(struct rpc_session *session);
	bool (*deliver)(struct rpc_session *session);
	void (*ended)(struct rpc_session *session);
};

/**
 * struct rpc_session - the connection; embedded in what client and server keep
 * @ops: a server's changes when the first byte says which wire it is
 * @out: of the wire, not yet taken by the socket
 * @end: set once the connection is over: a predicate whose subject is the peer
 * @corked: inside the wire or in the middle of a turn: flush does nothing, for it comes at the end
 * @mute: the peer takes no more; what it sent before is read in the next turn, then it ends
 */
struct rpc_session {
	const struct rpc_session_ops *ops;
	struct loop *loop;
	struct loop_source *source;
	struct loop_source *later;
	int fd;
	struct strbuf out;
	struct error end;
	bool corked;
	bool mute;
};

/* Takes a connected socket. */
void rpc_session_open(struct rpc_session *session, struct loop *loop, int fd,
		      const struct rpc_session_ops *ops);
/* Closes at once and calls nobody; session->end stays, for its owner to read and clear. */
void rpc_session_close(struct rpc_session *session);
/* Ends it because of the peer, for "vminitd <predicate>: <detail>". @detail may be NULL. */
void rpc_session_end(struct rpc_session *session, int errnum, const char *predicate,
		     const char *detail);
/* Writes what was submitted. */
void rpc_session_flush(struct rpc_session *session);
/* Asks for deliver() in the next turn of the loop. */
void rpc_session_deliver_later(struct rpc_session *session);
/* True when nothing can be submitted any more. */
bool rpc_session_over(const struct rpc_session *session);

#endif
