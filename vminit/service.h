/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services of vminitd, whichever wire a call comes by: handlers that turn requests into calls of
 * container.c, setup.c, network.c and system calls, and what comes back into replies.
 */
#ifndef VMINIT_SERVICE_H
#define VMINIT_SERVICE_H

#include "rpc/api.h"
#include "rpc/server.h"
#include "vminit/container.h"
#include "vminit/setup.h"
#include "vminit/transport.h"

struct event_stream;

/**
 * struct service - what all handlers share
 * @containers: borrowed
 * @set_up: Setup was called, or came with the handover
 * @setup_error: what went wrong in the latter
 * @streams: open Events calls
 */
struct service {
	struct loop *loop;
	struct containers *containers;
	bool set_up;
	struct error setup_error;
	struct event_stream *streams;
};

/**
 * service_begin() - a loop, a table of containers whose children it reaps, and a server of both services
 * @service: filled in; lives as long as the process
 * @cgroup_fd, @cgroup_path, @transport: see containers_new()
 * @ret: has neither connections nor a listener yet
 *
 * Return: 0, or -errno, with which the process can only end.
 */
int service_begin(struct service *service, int cgroup_fd, const char *cgroup_path,
		  const struct transport *transport, struct rpc_server **ret, struct error *err);

/* Makes the public service, and the project's own, known to a server. @service outlives it. */
void service_add_sandbox(struct service *service, struct rpc_server *server);
void service_add_guest(struct service *service, struct rpc_server *server);

/* service-guest.c: the values of a request, which they point into. */
struct setup service_setup_values(const GUEST(SetupRequest) * request);

/* service-container.c: answer @call when the container (or process) is created. */

/* What CreateContainer and CreateProcess have in common. */
struct service_create {
	const char *container_id;
	const char *process_id; /* NULL or the container's: its init */
	const ProtobufCBinaryData *configuration;
	struct stdio_ports ports;
	uint32_t rows;
	uint32_t columns;
	void (*reply)(struct rpc_call *call, struct process *process);
};

void service_create(struct rpc_call *call, const struct service_create *create);
/* Removes a container and answers @call, by @reply or with the error. */
void service_remove(struct rpc_call *call, struct container *container,
		    void (*reply)(struct rpc_call *call));
/* Finds a process, or fails the call and returns NULL. */
struct process *service_find_process(struct rpc_call *call, const char *container_id,
				     const char *process_id);
struct container *service_find_container(struct rpc_call *call, const char *container_id);

/* service-events.c: service_event() is for containers_watch(), with the service as data. */
void service_event(enum container_event kind, struct container *container, struct process *process,
		   void *data);
void service_events(struct rpc_call *call, const ProtobufCMessage *message);
/* service-list.c */
void service_list_processes(struct rpc_call *call, const ProtobufCMessage *message);

/* service-system.c: methods of the public service that concern the guest itself. */
void service_mount(struct rpc_call *call, const ProtobufCMessage *message);
void service_umount(struct rpc_call *call, const ProtobufCMessage *message);
void service_setenv(struct rpc_call *call, const ProtobufCMessage *message);
void service_getenv(struct rpc_call *call, const ProtobufCMessage *message);
void service_mkdir(struct rpc_call *call, const ProtobufCMessage *message);
void service_sysctl(struct rpc_call *call, const ProtobufCMessage *message);
void service_set_time(struct rpc_call *call, const ProtobufCMessage *message);
void service_write_file(struct rpc_call *call, const ProtobufCMessage *message);
void service_stat(struct rpc_call *call, const ProtobufCMessage *message);
void service_sync(struct rpc_call *call, const ProtobufCMessage *message);
void service_kill(struct rpc_call *call, const ProtobufCMessage *message);
void service_ip_link_set(struct rpc_call *call, const ProtobufCMessage *message);

#endif
