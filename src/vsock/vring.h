/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7) in shared memory. No descriptors of the
 * host are known here: who kicks, who is called and when is the caller's (vhost-user.c).
 *
 * Theory of operation: the driver puts the heads of descriptor chains into the available ring; the
 * device takes them with vring_pop(), reads or fills the memory they describe, gives them back with
 * vring_push() and, once for many, vring_publish(), which tells whether the driver wants to be
 * called. Chains are given back in the order in which they came, and before the caller returns to
 * its event loop; so one index says where the device stands, nothing is in flight when the ring
 * stops, and vring_unpop() can return the last chains unused.
 *
 * The driver is hostile. It can write to all of this at any time, so each index and descriptor is
 * copied once and the copy is checked. What no driver does (an index out of range, a loop, a
 * buffer outside memory, a wrong direction) makes the ring broken: vring_pop() fails from then on.
 */
#ifndef RUNVM_VRING_H
#define RUNVM_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/error.h"
#include "vsock/guest-memory.h"

/* Bits of the features (virtio 1.2, 6) that concern a ring. */
#define VRING_F_INDIRECT_DESC 28
#define VRING_F_EVENT_IDX     29

#define VRING_MAX_SIZE	      1024 /* entries; QEMU's vsock device has 128 */
#define VRING_MAX_IOV	      128  /* parts of memory in one chain */

/**
 * struct vring - one virtqueue
 * @mem: borrowed
 * @num: entries, a power of two, 0 while unset
 * @writable: the direction of its buffers: true when the device writes them (the rx queue)
 * @indirect, @event_idx: features that the driver took
 * @desc_user, @avail_user, @used_user: addresses of its parts in the front end's address space
 * @desc, @avail, @used: the same parts here, NULL while not mapped
 * @next_avail: index of the next chain to take, and (nothing is in flight) where used stands
 * @next_used: index of the next used element to write
 * @published: what the driver sees as used index
 * @call_anyway: the next vring_publish() asks for a call whatever the driver wants: after a start,
 *	when nobody knows what it has seen
 * @notify: the driver was asked to kick
 */
struct vring {
	struct guest_memory *mem;
	uint16_t num;
	bool writable;
	bool indirect;
	bool event_idx;
	bool broken;
	bool call_anyway;
	bool notify;
	uint64_t desc_user;
	uint64_t avail_user;
	uint64_t used_user;
	const uint8_t *desc;
	uint16_t *avail;
	uint8_t *used;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t published;
};

/**
 * struct vring_chain - a buffer of the driver
 * @head: its first descriptor, which names it
 * @iov: the caller's array; pointers into guest memory
 * @size: bytes in all
 */
struct vring_chain {
	uint16_t head;
	struct iovec *iov;
	size_t n_iov;
	size_t size;
};

/**
 * vring_init() - a stopped ring without a size
 * @mem: borrowed for the ring's life
 * @writable: whether its buffers are for the device to write
 */
void vring_init(struct vring *v, struct guest_memory *mem, bool writable);

/* Return: 0, -EINVAL unless @num is a power of two up to VRING_MAX_SIZE. */
int vring_set_num(struct vring *v, uint32_t num, struct error *err);

/* Addresses in the front end's space; looked up by vring_map(). Return: 0, -EINVAL if unaligned. */
int vring_set_addresses(struct vring *v, uint64_t desc, uint64_t avail, uint64_t used,
			struct error *err);

/* Where to begin: the index that an earlier run stopped at, 0 for a fresh ring. */
void vring_set_base(struct vring *v, uint16_t base);

/**
 * vring_map() - look its parts up in memory, at the start and whenever the memory has changed
 *
 * Return: 0, -EFAULT when a part is not (wholly) there: the ring is then as if empty.
 */
int vring_map(struct vring *v, struct error *err);
void vring_unmap(struct vring *v);
static inline bool vring_mapped(const struct vring *v)
{
	return v->desc != NULL;
}

/**
 * vring_pop() - take the next chain
 * @iov: room for VRING_MAX_IOV parts
 *
 * Return: 1; 0 with none available; -EIO when the ring is or was broken, with @err set in the first
 * case alone.
 */
int vring_pop(struct vring *v, struct iovec *iov, struct vring_chain *ret, struct error *err);

/* Puts the last @n chains taken back, in full; none of them may have been pushed. */
void vring_unpop(struct vring *v, unsigned n);

/* Gives a chain back; @written: bytes put into it from its beginning, 0 for one that was read. */
void vring_push(struct vring *v, uint16_t head, uint32_t written);

/* Shows the driver what was pushed. Return: whether it wants to be called. */
bool vring_publish(struct vring *v);

/**
 * vring_set_notify() - ask for kicks, or for none
 *
 * A request not to kick is a hint: kicks may come all the same.
 *
 * Return: true when chains are available although kicks are asked for now: they came in between and
 * no kick will tell.
 */
bool vring_set_notify(struct vring *v, bool on);

/* Copies out of a chain, from @offset on; the range has to lie in it. */
void vring_chain_read(const struct vring_chain *c, size_t offset, void *to, size_t len);
/* Copies into a chain; the same. */
void vring_chain_write(const struct vring_chain *c, size_t offset, const void *from, size_t len);

/**
 * vring_chain_slice() - the parts of a range of a chain
 * @len: cut where the chain ends
 * @out: room for c->n_iov parts
 *
 * Return: how many parts there are.
 */
size_t vring_chain_slice(const struct vring_chain *c, size_t offset, size_t len, struct iovec *out);

#endif
