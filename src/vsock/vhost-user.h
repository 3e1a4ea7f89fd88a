/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user back end on the event loop: what the front end (QEMU) asks over its socket, the
 * guest's memory, the rings and their kick and call descriptors. What travels in the rings is the
 * device's (vsock-device.c), the only caller.
 *
 * Theory of operation, as QEMU 7.2 to 10 does it: when the device is plugged, GET_FEATURES,
 * GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_OWNER, GET_CONFIG, and QEMU's reply to the plug waits
 * for them. When the guest's driver is up: SET_FEATURES, the memory, then for each ring NUM, BASE,
 * ADDR, KICK, CALL and ENABLE. A ring runs from its KICK on while it is enabled; GET_VRING_BASE
 * stops it and takes its index away.
 *
 * The rings stop when the guest resets the device or reboots, when the device is unplugged, and
 * also while the VM is paused. In the last case alone they start again where they stopped: so a
 * start at another index is reported as fresh, which tells the device that the driver has forgotten
 * every connection. SET_OWNER begins everything anew.
 *
 * QEMU replaces a memory region by REM_MEM_REG and ADD_MEM_REG while the guest runs. Between the
 * two the rings rest (REMAP_REST), lest a buffer in the region count as one outside memory.
 */
#ifndef RUNVM_VHOST_USER_H
#define RUNVM_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "vsock/vring.h"

#define VHOST_USER_RINGS 2

struct vhost_user;

/**
 * struct vhost_user_ops - what the back end tells the device
 * @kicked: there may be something in ring @index, which is usable
 * @started: both rings run; @fresh: from the beginning, see above. Their kicks are reported next.
 * @stopping: the rings are about to stop and can be used for the last time
 * @stopped: not both of them run any more
 * @failed: the front end hung up or broke the protocol, and the back end has stopped for good. The
 *	last call, and the only one that may free the back end.
 */
struct vhost_user_ops {
	void (*kicked)(void *data, unsigned index);
	void (*started)(void *data, bool fresh);
	void (*stopping)(void *data);
	void (*stopped)(void *data);
	void (*failed)(void *data, const struct error *err);
};

/**
 * struct vhost_user_config - the device that is offered
 * @features: virtio features, without VHOST_USER_F_PROTOCOL_FEATURES
 * @ring_writable: for each ring, whether its buffers are for the device to write
 * @space: configuration space, @space_size bytes; borrowed
 */
struct vhost_user_config {
	uint64_t features;
	bool ring_writable[VHOST_USER_RINGS];
	const uint8_t *space;
	size_t space_size;
};

/**
 * vhost_user_new() - serve a front end
 * @fd: a stream socket; owned from here on, also when this fails
 * @config: borrowed for the back end's life, and so is @ops
 *
 * Return: 0, -errno when the socket cannot be made non-blocking.
 */
int vhost_user_new(struct loop *loop, int fd, const struct vhost_user_config *config,
		   const struct vhost_user_ops *ops, void *data, struct vhost_user **ret,
		   struct error *err);

/* Closes the socket, unmaps memory. NULL is allowed. Calls no ops. */
void vhost_user_free(struct vhost_user *vu);

/* The ring; take from it only while vhost_user_usable(). */
struct vring *vhost_user_ring(struct vhost_user *vu, unsigned index);
/* Both rings run and memory is at rest. */
bool vhost_user_usable(const struct vhost_user *vu);

/* Shows the driver what was pushed to the ring and calls it if it wants that. */
void vhost_user_publish(struct vhost_user *vu, unsigned index);

#endif
