/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host asks of vminitd, as calls with plain arguments. The requests for a container's init
 * carry its id alone (see guest.proto). Whoever calls needs an rpc_client on the VM's socket.
 */
#ifndef RUNVM_GUEST_H
#define RUNVM_GUEST_H

#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "rpc/client.h"

#define GUEST_VSOCK_SOCKET "vsock.sock"	  /* CONNECT <port>, see vsock/vsock-device.h */
#define GUEST_RPC_SOCKET   "vminitd.sock" /* straight to vminitd */

/* How long a command waits for an answer of a VM that runs. */
#define GUEST_TIMEOUT (30 * USEC_PER_SEC)

/**
 * struct guest_container - what CreateContainer gets
 * @config: config.json for the guest
 * @ports: vsock ports of stdin, stdout, stderr; 0 for none
 * @rows, @columns: of the terminal; 0 for what the configuration says
 */
struct guest_container {
	const char *id;
	const char *config;
	uint32_t ports[3];
	uint32_t rows, columns;
};

/* The same for SIGKILL, after which the VM itself is killed; engines wait for ten seconds. */
#define GUEST_KILL_TIMEOUT (5 * USEC_PER_SEC)

/* A client on `vminitd.sock` in a VM's directory. Return: 0 or -errno. */
int guest_connect(struct loop *loop, int vm_dirfd, struct rpc_client **ret, struct error *err);

/*
 * What guest_setup() would send, as bytes for a handover (rpc/handover.h). It holds the VM's entropy.
 * Return: how many, 0 when @size is too small.
 */
size_t guest_setup_pack(void *buffer, size_t size);

/* Asynchronous; @done as in rpc/client.h. The reply types are those of the .proto files. */
void guest_setup(struct rpc_client *client, uint64_t timeout, rpc_done_fn *done, void *data);
void guest_create_container(struct rpc_client *client, const struct guest_container *container,
			    rpc_done_fn *done, void *data);
/* Answered when execve has succeeded in the guest, or has failed. */
void guest_start_process(struct rpc_client *client, const char *id, rpc_done_fn *done, void *data);
void guest_wait_process(struct rpc_client *client, const char *id, rpc_done_fn *done, void *data);
void guest_kill_process(struct rpc_client *client, const char *id, int signal, rpc_done_fn *done,
			void *data);
void guest_resize_process(struct rpc_client *client, const char *id, uint32_t rows,
			  uint32_t columns, rpc_done_fn *done, void *data);
void guest_remove_container(struct rpc_client *client, const char *id, uint64_t timeout,
			    rpc_done_fn *done, void *data);

/* The steps of the guest so far, for guest_trace_steps(). */
void guest_list_steps(struct rpc_client *client, rpc_done_fn *done, void *data);
/* Writes them into the trace (lib/trace.h), the guest's times turned into the host's. */
void guest_trace_steps(const ProtobufCMessage *reply);

/* Exit code in the reply of guest_wait_process(): 128+n for signal n. */
int guest_exit_code(const ProtobufCMessage *reply);

/**
 * guest_start_process_sync() - let a created container go
 *
 * Return: 0; -errno with vminitd's words (a failed execve, a failed startContainer hook).
 */
int guest_start_process_sync(struct rpc_client *client, const char *id, struct error *err);
int guest_kill_process_sync(struct rpc_client *client, const char *id, int signal,
			    struct error *err);
/* To all processes of the container. */
int guest_signal_container_sync(struct rpc_client *client, const char *id, int signal,
				struct error *err);

#endif
