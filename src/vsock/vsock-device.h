/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vsock device of one VM: a vhost-user-vsock back end for QEMU on the monitor's event loop, and
 * on the host unix sockets in the convention of Firecracker and Cloud Hypervisor. The monitor is
 * the only caller. Protocol and order of events are told in vsock-device.c, the connections in
 * vsock-connection.h.
 *
 * Not here: the making of sockets and directories, QEMU's command line, what is said on port 1024.
 */
#ifndef RUNVM_VSOCK_DEVICE_H
#define RUNVM_VSOCK_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"

#define VSOCK_CID_HOST	      2 /* virtio 1.2, 5.10.4 */
#define VSOCK_CID_GUEST_MIN   3
#define VSOCK_PORT_VMINITD    1024
#define VSOCK_MAX_CONNECTIONS 4096

struct vsock_device;

/**
 * struct vsock_device_ops - what the device tells its owner
 * @ready: the guest's driver is up and the rings run; connections that waited are being opened.
 *	Called again after every reset of the device (a reboot of the guest, a second plug).
 * @failed: the device has stopped for good: QEMU hung up or broke the protocol, or the guest put
 *	into its rings what no driver would. Connections are closed by then, but for those whose
 *	client has yet to read what the guest sent: they end when it has, and an owner that wants no
 *	output lost waits (with a deadline) until vsock_device_connections() is 0. Called at most
 *	once; @err is borrowed.
 *
 * Either may be NULL, and either may call vsock_device_free().
 */
struct vsock_device_ops {
	void (*ready)(void *data);
	void (*failed)(void *data, const struct error *err);
};

/**
 * vsock_device_new() - make a vsock device
 * @guest_cid: the guest's address, VSOCK_CID_GUEST_MIN or above and below 0xffffffff; each VM has a
 *	device of its own, so that all of them may use the same one
 * @vhost_fd: one end of a stream socketpair whose other end is QEMU's chardev; owned from here on,
 *	also when this fails
 * @dirfd: where `vsock.sock_PORT` is looked up when the guest connects to PORT; borrowed for the
 *	life of the device; /proc has to be mounted
 * @ops: borrowed, constant
 * @data: for @ops
 * @ret: the device, to be freed by vsock_device_free()
 *
 * Return: 0; -EINVAL for a reserved @guest_cid.
 */
int vsock_device_new(struct loop *loop, uint64_t guest_cid, int vhost_fd, int dirfd,
		     const struct vsock_device_ops *ops, void *data, struct vsock_device **ret,
		     struct error *err);

/**
 * vsock_device_listen() - serve clients of a listening unix stream socket
 * @listen_fd: owned from here on
 * @direct_port: 0: each client names the guest's port itself (`CONNECT <port>\n`, answered by
 *	`OK <host port>\n`); another: each client is connected to that port straight away
 *
 * Clients that come before the guest's driver is up wait for it. One that the guest refuses is
 * closed without an answer.
 */
void vsock_device_listen(struct vsock_device *dev, int listen_fd, uint32_t direct_port);

/**
 * vsock_device_connect() - connect a descriptor to a port of the guest
 * @port: the guest's port
 * @fd: a connected unix stream socket (one end of a socketpair); owned from here on, also when this
 *	fails. It becomes non-blocking.
 *
 * Return: 0 (the rest happens later: a refusal shows as the end of the stream), -EMFILE when there
 * are VSOCK_MAX_CONNECTIONS, -ESHUTDOWN when the device has failed.
 */
int vsock_device_connect(struct vsock_device *dev, uint32_t port, int fd);

/* How many connections there are in all states, those that wait for a CONNECT line included. */
size_t vsock_device_connections(const struct vsock_device *dev);

/* Closes everything. NULL is allowed. Never calls @ops. */
void vsock_device_free(struct vsock_device *dev);

#endif
