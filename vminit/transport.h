/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How vminitd and the host reach each other: vsock. A test on a host without a VM has one of its
 * own over unix sockets; nothing else in vminitd knows what carries its bytes.
 */
#ifndef VMINIT_TRANSPORT_H
#define VMINIT_TRANSPORT_H

#include <stdint.h>

#include "lib/error.h"

/* Where vminitd listens for calls: gRPC, and frames of our own (rpc/frame.h). */
#define TRANSPORT_PORT_RPC 1024

/**
 * struct transport - a way to the host
 * @connect: begin to connect to a port of the host. Return: a non-blocking, close-on-exec stream
 *	socket that becomes writable when the connection stands or has failed (SO_ERROR says which),
 *	or -errno.
 */
struct transport {
	int (*connect)(const struct transport *transport, uint32_t port);
};

extern const struct transport transport_vsock;

/**
 * transport_vsock_listen() - listen on a port of this VM
 *
 * Works before there is any vsock device, and through a save and restore of the VM.
 *
 * Return: a non-blocking, close-on-exec socket, or -errno.
 */
int transport_vsock_listen(uint32_t port, struct error *err);

#endif
