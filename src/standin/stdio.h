/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stdio of a stand-in's process: listening sockets to which vminitd connects over vsock, and the
 * relays between them and what create inherited, or the slave of the host's terminal.
 *
 * A socket's name (`vsock.sock_<port>`) goes as soon as its one connection has come.
 */
#ifndef RUNVM_STDIO_H
#define RUNVM_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"

enum stdio_stream { STDIO_IN, STDIO_OUT, STDIO_ERR, STDIO_STREAMS };

struct stdio;

/**
 * stdio_new() - listen for the streams
 * @vm_dirfd: where the sockets are made
 * @fds: one for each stream, owned from here on; -1 for a stream that there is not
 * @drained: called from the loop when stdio_drained() becomes true
 */
int stdio_new(struct loop *loop, int vm_dirfd, int fds[STDIO_STREAMS], void (*drained)(void *data),
	      void *data, struct stdio **ret, struct error *err);

/* The vsock port of a stream; 0 when there is none. */
uint32_t stdio_port(const struct stdio *stdio, enum stdio_stream stream);

/**
 * stdio_process_ended() - no connection comes any more
 *
 * What already waits to be accepted is taken; a stream without a connection counts as ended.
 */
void stdio_process_ended(struct stdio *stdio);

/* Whether all output has ended and was delivered. */
bool stdio_drained(const struct stdio *stdio);

/* Removes names that are left. NULL is allowed. */
void stdio_free(struct stdio *stdio);

#endif
