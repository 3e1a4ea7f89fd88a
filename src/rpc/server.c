// SPDX-License-Identifier: Apache-2.0
#include "rpc/server.h"

#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "rpc/call.h"

/* How long a listener rests when descriptors have run out. */
#define ACCEPT_REST (100 * USEC_PER_MSEC)

struct listener {
	struct listener *next;
	struct rpc_server *server;
	struct loop_source *source;
	struct loop_source *rest;
	int fd;
};

struct rpc_server *rpc_server_new(struct loop *loop)
{
	struct rpc_server *server = xnew(struct rpc_server);

	server->loop = loop;
	return server;
}

void rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return;
	while (server->listeners) {
		struct listener *l = server->listeners;

		server->listeners = l->next;
		loop_remove(l->source);
		loop_remove(l->rest);
		close_keep_errno(l->fd);
		free(l);
	}
	while (server->connections)
		rpc_connection_free(server->connections);
	while (server->services) {
		struct rpc_service *service = server->services;

		server->services = service->next;
		free(service);
	}
	free(server);
}

void rpc_server_add_service(struct rpc_server *server, const ProtobufCServiceDescriptor *descriptor,
			    const struct rpc_method *methods, size_t n_methods, void *data)
{
	struct rpc_service *service;

	service =
		xcalloc(1, sizeof(*service) + descriptor->n_methods * sizeof(service->handlers[0]));
	service->descriptor = descriptor;
	service->data = data;
	for (size_t i = 0; i < n_methods; i++) {
		const ProtobufCMethodDescriptor *method =
			protobuf_c_service_descriptor_get_method_by_name(descriptor,
									 methods[i].name);

		if (!method) {
			log_error("no method %s in service %s", methods[i].name, descriptor->name);
			abort();
		}
		service->handlers[method - descriptor->methods] = methods[i].handle;
	}
	service->next = server->services;
	server->services = service;
}

int rpc_server_accept(struct rpc_server *server, int fd)
{
	if (server->n_connections >= RPC_MAX_CONNECTIONS) {
		close_keep_errno(fd);
		return -EMFILE;
	}
	rpc_connection_new(server, fd);
	return 0;
}

static void on_rested(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct listener *l = data;

	loop_set_events(l->source, EPOLLIN);
}

static void on_connect(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct listener *l = data;
	union {
		struct sockaddr any;
		struct sockaddr_vm vm;
	} peer = {0};
	socklen_t len = sizeof(peer);
	int fd, r;

	/* Another one is seen in the next turn; to look for it here would be the dearer question. */
	fd = accept4(l->fd, &peer.any, &len, SOCK_CLOEXEC);
	if (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN))
		return;
	/* With a kernel that has vsock's loopback a container reaches this port. */
	if (fd >= 0 && peer.any.sa_family == AF_VSOCK && peer.vm.svm_cid != VMADDR_CID_HOST) {
		close_keep_errno(fd);
		return;
	}
	r = fd < 0 ? -errno : rpc_server_accept(l->server, fd);
	if (r == 0)
		return;
	log_warning("a connection to the gRPC server is refused: %s", strerror(-r));
	/* Level-triggered: without a rest this would be a busy loop until one closes. */
	loop_set_events(source, 0);
	loop_set_deadline(l->rest, loop_now() + ACCEPT_REST);
}

void rpc_server_listen(struct rpc_server *server, int fd)
{
	struct listener *l = xnew(struct listener);

	(void)io_set_nonblocking(fd, true);
	l->server = server;
	l->fd = fd;
	l->source = loop_add_fd(server->loop, fd, EPOLLIN, on_connect, l);
	l->rest = loop_add_timer(server->loop, LOOP_FOREVER, on_rested, l);
	l->next = server->listeners;
	server->listeners = l;
}
