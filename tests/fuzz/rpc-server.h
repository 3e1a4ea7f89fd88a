/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of both wires have in common: turns of a loop, and a server that gets bytes. */
#ifndef FUZZ_RPC_SERVER_H
#define FUZZ_RPC_SERVER_H

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/socket.h"
#include "rpc/api.h"
#include "rpc/server.h"

/* As many turns as bytes that are all there can need. */
static void run(struct loop *loop)
{
	for (int i = 0; i < 20; i++)
		if (loop_iterate(loop, 0) < 0)
			break;
}

/* The life of a server with one client, which says @preface, then @data, and goes. */
static void serve(const struct rpc_method *methods, size_t n_methods, const char *preface,
		  size_t preface_size, const uint8_t *data, size_t size)
{
	struct rpc_server *server;
	struct loop *loop;
	int pair[2];

	if (loop_new(&loop) < 0 || socket_pair(SOCK_STREAM | SOCK_NONBLOCK, pair) < 0)
		abort();
	server = rpc_server_new(loop);
	rpc_server_add_service(server, SANDBOX_SERVICE, methods, n_methods, NULL);
	if (rpc_server_accept(server, pair[0]) < 0)
		abort();
	(void)io_write_all(pair[1], preface, preface_size);
	(void)io_write_all(pair[1], data, size);
	run(loop);
	close(pair[1]);
	run(loop);
	rpc_server_free(server);
	loop_free(loop);
}

#endif
