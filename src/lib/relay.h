/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a byte stream, from one descriptor to another, through a bounded buffer on an
 * event loop: stdio of processes on both sides of a VM.
 *
 * Theory of operation: while the buffer is empty the source is watched, else the destination; so
 * a slow reader stops the writer, and at most RELAY_BUFFER bytes are in between. The destination
 * is watched for errors all the time: a reader that is gone shows before there is data for it.
 * The relay ends once, with its reason, when the source has ended and all of it was written, or
 * when the destination takes no more.
 */
#ifndef RUNVM_RELAY_H
#define RUNVM_RELAY_H

#include "lib/loop.h"

#define RELAY_BUFFER 65536

enum relay_end {
	RELAY_EOF,    /* the source has ended (or failed) and every byte of it was delivered */
	RELAY_BROKEN, /* the destination takes no more; bytes may be lost */
};

struct relay;

/* Called from the loop, once; relay_free() may be called from it. */
typedef void relay_done_fn(struct relay *relay, enum relay_end end, void *data);

/**
 * relay_new() - start to copy
 * @from, @to: borrowed until relay_free(); two descriptors that no other source of @loop watches.
 *	Sockets may block (MSG_DONTWAIT is used); others must not: see relay_open_own().
 */
struct relay *relay_new(struct loop *loop, int from, int to, relay_done_fn *fn, void *data);
/* Closes nothing. NULL is allowed. */
void relay_free(struct relay *relay);

/**
 * relay_open_own() - a descriptor of one's own for an inherited one
 * @fd: borrowed; a pipe, a terminal, a socket, a file
 * @flags: O_RDONLY, O_WRONLY or O_RDWR
 *
 * O_NONBLOCK belongs to the open file, which is shared with whoever inherited it: setting it would
 * change a shell's terminal. So pipes and terminals are opened again; where that is not allowed
 * the descriptor is duplicated, and a write of more than PIPE_BUF bytes may block.
 *
 * Return: a close-on-exec descriptor, or -errno.
 */
int relay_open_own(int fd, int flags);

#endif
