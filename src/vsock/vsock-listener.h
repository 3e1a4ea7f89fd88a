/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening unix socket by which clients of the host reach ports of the guest. It accepts, reads
 * the line `CONNECT <port>\n` where the client has to say which port it wants, and hands the socket
 * on. The device (vsock-device.c) is the only caller and does the rest.
 *
 * Clients are other programs of the host, and not all of them are good: the line has a bound and a
 * deadline, and who is slow keeps nobody waiting.
 */
#ifndef RUNVM_VSOCK_LISTENER_H
#define RUNVM_VSOCK_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/loop.h"

#define VSOCK_CONNECT_LINE_MAX 32
#define VSOCK_CONNECT_DEADLINE (10 * USEC_PER_SEC)

struct vsock_listener;

/**
 * struct vsock_listener_ops - what a listener asks and tells
 * @room: whether one more client can be had; if not, it is closed at once
 * @client: a client for @port; @fd is owned by the callee and non-blocking; @answer_ok: it waits
 *	for an "OK" line
 */
struct vsock_listener_ops {
	bool (*room)(void *data);
	void (*client)(void *data, int fd, uint32_t port, bool answer_ok);
};

/**
 * vsock_listener_new() - serve a listening socket
 * @fd: owned from here on; made non-blocking
 * @direct_port: the port for all clients, 0 if they name it
 * @ops: borrowed, constant
 */
struct vsock_listener *vsock_listener_new(struct loop *loop, int fd, uint32_t direct_port,
					  const struct vsock_listener_ops *ops, void *data);

/* Closes it, and the clients that have not said yet where they want to go. */
void vsock_listener_free(struct vsock_listener *l);

/* How many clients have not said yet. */
size_t vsock_listener_waiting(const struct vsock_listener *l);

/**
 * vsock_parse_connect() - read a CONNECT line
 * @line: @len bytes, not terminated
 * @port: the guest's port
 *
 * Return: the line's length with its newline; 0 while it is not complete; -EINVAL when these bytes
 * do not begin such a line, or the port is not one.
 */
int vsock_parse_connect(const char *line, size_t len, uint32_t *port);

#endif
