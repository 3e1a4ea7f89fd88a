// SPDX-License-Identifier: Apache-2.0
/*
 * Split virtqueues (virtio 1.2, 2.7) as bytes in a file. All numbers are little-endian; the machines
 * that runvm runs on are, too.
 */
#include "template/queues.h"

#include <linux/fuse.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stddef.h>
#include <unistd.h>

#include "vmm/memory.h"

/**
 * struct memory - the guest's
 * @config: how it is laid out
 */
struct memory {
	const struct qemu_config *config;
	int fd;
};

/* Where @len bytes at @offset from a physical address are, in one piece. Return: or -ERANGE. */
static off_t place(const struct memory *m, uint64_t address, size_t offset, size_t len)
{
	uint64_t first, last;

	if (__builtin_add_overflow(address, offset, &address) ||
	    __builtin_add_overflow(address, len - 1, &last) ||
	    vm_memory_offset(m->config, address, &first) < 0 ||
	    vm_memory_offset(m->config, last, &last) < 0 || last - first != len - 1)
		return -ERANGE;
	return (off_t)first;
}

static bool get(const struct memory *m, uint64_t address, size_t offset, void *data, size_t len)
{
	off_t at = place(m, address, offset, len);

	return at >= 0 && pread(m->fd, data, len, at) == (ssize_t)len;
}

static bool put(const struct memory *m, uint64_t address, size_t offset, const void *data,
		size_t len)
{
	off_t at = place(m, address, offset, len);

	return at >= 0 && pwrite(m->fd, data, len, at) == (ssize_t)len;
}

static bool is_fresh(const struct memory *m, const struct handover_queue *q)
{
	uint16_t used;

	return get(m, q->used, offsetof(struct vring_used, idx), &used, sizeof(used)) && !used;
}

static bool leave_event(const struct memory *m, const struct handover_queue *q)
{
	const struct virtio_vsock_event event = {.id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET};
	struct vring_used_elem element = {.len = sizeof(event)};
	uint16_t offered, head, one = 1;
	struct vring_desc d;

	if (!get(m, q->available, offsetof(struct vring_avail, idx), &offered, sizeof(offered)) ||
	    !offered ||
	    !get(m, q->available, offsetof(struct vring_avail, ring), &head, sizeof(head)) ||
	    !get(m, q->descriptors, head * sizeof(d), &d, sizeof(d)) ||
	    d.flags != VRING_DESC_F_WRITE || d.len < sizeof(event))
		return false;
	element.id = head;
	return put(m, d.addr, 0, &event, sizeof(event)) &&
	       put(m, q->used, offsetof(struct vring_used, ring), &element, sizeof(element)) &&
	       put(m, q->used, offsetof(struct vring_used, idx), &one, sizeof(one));
}

/* The descriptors of the first request that a driver has made available: of the queue or of its own. */
static bool first_request(const struct memory *m, const struct handover_queue *q,
			  struct vring_desc *ret, uint64_t *ret_table)
{
	uint16_t offered, head;

	if (!get(m, q->available, offsetof(struct vring_avail, idx), &offered, sizeof(offered)) ||
	    offered != 1 ||
	    !get(m, q->available, offsetof(struct vring_avail, ring), &head, sizeof(head)) ||
	    !get(m, q->descriptors, head * sizeof(*ret), ret, sizeof(*ret)))
		return false;
	*ret_table = q->descriptors;
	if (!(ret->flags & VRING_DESC_F_INDIRECT))
		return true;
	*ret_table = ret->addr;
	return get(m, *ret_table, 0, ret, sizeof(*ret));
}

/*
 * FUSE_INIT of a file system that is mounted. The kernel asks for the read-ahead that every file system
 * has at its birth, and takes no more for an answer.
 */
static bool widen_read_ahead(const struct memory *m, const struct handover_queue *q)
{
	const uint32_t read_ahead = HANDOVER_READ_AHEAD;
	struct fuse_in_header head;
	struct vring_desc d;
	uint64_t table;

	return first_request(m, q, &d, &table) && d.len == sizeof(head) &&
	       (d.flags & VRING_DESC_F_NEXT) && get(m, d.addr, 0, &head, sizeof(head)) &&
	       head.opcode == FUSE_INIT && get(m, table, d.next * sizeof(d), &d, sizeof(d)) &&
	       d.len == head.len - sizeof(head) &&
	       d.len >= offsetof(struct fuse_init_in, max_readahead) + sizeof(read_ahead) &&
	       put(m, d.addr, offsetof(struct fuse_init_in, max_readahead), &read_ahead,
		   sizeof(read_ahead));
}

int queues_prepare(const struct qemu_config *config, int memfd, const struct handover *page,
		   struct error *err)
{
	const struct memory memory = {config, memfd};

	if (!page->n_queues)
		return 0;
	if (page->n_queues > HANDOVER_QUEUES || page->event_queue >= page->n_queues ||
	    page->share_queue >= page->n_queues)
		return error_set(err, EPROTO, "the guest tells of %u virtqueues", page->n_queues);
	for (uint32_t i = 0; i < page->n_queues; i++)
		if (!is_fresh(&memory, &page->queues[i]))
			return error_set(err, EPROTO,
					 "a virtqueue of the guest is not at its beginning");
	if (!leave_event(&memory, &page->queues[page->event_queue]))
		return error_set(err, EPROTO, "the guest's vsock device waits for no events");
	if (!widen_read_ahead(&memory, &page->queues[page->share_queue]))
		return error_set(err, EPROTO, "the guest has not mounted its share");
	return 0;
}
