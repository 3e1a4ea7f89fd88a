/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard streams of one process: its pipes, or its pty, on one side, a stream socket to the
 * host each on the other.
 *
 * Theory of operation: a stream copies from one descriptor to another, non-blocking, on the loop.
 * What the destination does not take at once is kept (never more than one read's worth), and nothing
 * more is read until it is gone: back-pressure reaches whoever writes. Ends are passed on:
 *  - the host ends its stdin connection: the pipe's write end is closed (with a terminal nothing
 *    happens, since a terminal does not end);
 *  - the program closes its stdin: the stdin connection is closed;
 *  - the host closes an output connection, or ends its direction of it: the pipe's read end is
 *    closed, and the program gets SIGPIPE; a terminal is hung up;
 *  - the program and all who share its output close it: the output connection is closed;
 *  - the process ends: stdio_drain().
 */
#ifndef VMINIT_STDIO_H
#define VMINIT_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "vminit/transport.h"

#define STDIO_STREAMS 3

/* Ports of the host for stdin, stdout, stderr; absent ones lead to /dev/null. */
struct stdio_ports {
	struct {
		bool set;
		uint32_t port;
	} stream[STDIO_STREAMS];
};

/**
 * struct stdio_pipes - pipes that were made ahead
 * @ours, @childs: the two ends of each, owned; -1: none. Ours do not block.
 */
struct stdio_pipes {
	int ours[STDIO_STREAMS];
	int childs[STDIO_STREAMS];
};

#define STDIO_PIPES_INIT                                       \
	{                                                      \
		.ours = {-1, -1, -1}, .childs = { -1, -1, -1 } \
	}

/* Makes all of them. Return: 0 or -errno. */
int stdio_pipes_make(struct stdio_pipes *ret);
/* Closes what is left of them. */
void stdio_pipes_close(struct stdio_pipes *pipes);

struct stdio;

/**
 * struct stdio_ops - what the process learns
 * @connected: once: all connections stand (@err NULL) or one failed
 * @drained: once after stdio_drain(): everything the process wrote is on its way, all is closed
 *
 * Called from the loop, or from within stdio_drain(). Neither may free the stdio.
 */
struct stdio_ops {
	void (*connected)(void *data, const struct error *err);
	void (*drained)(void *data);
};

/**
 * stdio_new() - make the pipes and begin to connect
 * @terminal: no pipes; stdio_set_terminal() brings the pty
 * @pipes: those that it needs are taken from here; NULL: it makes them
 * @ops: borrowed
 * @ret: to be freed by stdio_free(); written only on success
 */
int stdio_new(struct loop *loop, const struct transport *transport, const struct stdio_ports *ports,
	      bool terminal, struct stdio_pipes *pipes, const struct stdio_ops *ops, void *data,
	      struct stdio **ret, struct error *err);
/* Closes everything; what was not delivered is lost. NULL is allowed. */
void stdio_free(struct stdio *stdio);

/* The program's ends, borrowed; -1 for /dev/null or a terminal. */
void stdio_child_fds(const struct stdio *stdio, int ret[STDIO_STREAMS]);
/* Closes them, once the child has its own. */
void stdio_close_child_fds(struct stdio *stdio);

/**
 * stdio_set_terminal() - the pty is there
 * @master: taken
 * @slave: taken, and kept open until the process ends: a terminal that nobody has open for a moment
 *	would look like one that has ended
 */
void stdio_set_terminal(struct stdio *stdio, int master, int slave);
/* Return: 0, -ENOTTY without a terminal. */
int stdio_resize(struct stdio *stdio, uint16_t rows, uint16_t columns);
/* As if the host had ended stdin. */
void stdio_close_stdin(struct stdio *stdio);

/**
 * stdio_drain() - the process has ended: deliver what it left in the pipes, then close
 *
 * Nothing that others still write is waited for.
 */
void stdio_drain(struct stdio *stdio);

#endif
