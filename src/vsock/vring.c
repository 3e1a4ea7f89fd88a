// SPDX-License-Identifier: Apache-2.0
#include "vsock/vring.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#define DESC_SIZE	     16
#define DESC_F_NEXT	     1
#define DESC_F_WRITE	     2
#define DESC_F_INDIRECT	     4

#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY     1

/* Offsets in units of 16 bits: flags, index, then the ring. */
#define RING_FLAGS	  0
#define RING_INDEX	  1
#define RING_ENTRIES	  2

#define USED_HEADER_SIZE  4
#define USED_ELEMENT_SIZE 8

struct descriptor {
	uint64_t address;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

void vring_init(struct vring *v, struct guest_memory *mem, bool writable)
{
	*v = (struct vring){.mem = mem, .writable = writable};
}

int vring_set_num(struct vring *v, uint32_t num, struct error *err)
{
	if (!num || num > VRING_MAX_SIZE || (num & (num - 1)))
		return error_set(err, EINVAL, "vhost-user: %" PRIu32 " entries in a virtqueue",
				 num);
	v->num = (uint16_t)num;
	return 0;
}

int vring_set_addresses(struct vring *v, uint64_t desc, uint64_t avail, uint64_t used,
			struct error *err)
{
	/* virtio 1.2, 2.7: alignment is the driver's duty, and what lets plain loads be atomic. */
	if (desc % 16 || avail % 2 || used % 4)
		return error_set(err, EINVAL,
				 "vhost-user: unaligned virtqueue: 0x%" PRIx64 ", 0x%" PRIx64
				 ", 0x%" PRIx64,
				 desc, avail, used);
	v->desc_user = desc;
	v->avail_user = avail;
	v->used_user = used;
	return 0;
}

void vring_set_base(struct vring *v, uint16_t base)
{
	v->next_avail = base;
	v->next_used = base;
	v->published = base;
	v->broken = false;
}

void vring_unmap(struct vring *v)
{
	v->desc = NULL;
	v->avail = NULL;
	v->used = NULL;
}

int vring_map(struct vring *v, struct error *err)
{
	size_t event = sizeof(uint16_t);
	void *desc, *avail, *used;

	vring_unmap(v);
	if (!v->num)
		return error_set(err, EFAULT, "vhost-user: virtqueue without a size");
	desc = guest_memory_at_user(v->mem, v->desc_user, (size_t)DESC_SIZE * v->num);
	avail = guest_memory_at_user(v->mem, v->avail_user,
				     sizeof(uint16_t) * (RING_ENTRIES + (size_t)v->num) + event);
	used = guest_memory_at_user(v->mem, v->used_user,
				    USED_HEADER_SIZE + (size_t)USED_ELEMENT_SIZE * v->num + event);
	if (!desc || !avail || !used)
		return error_set(err, EFAULT, "vhost-user: virtqueue outside the guest's memory");
	/* The front end's addresses are aligned, but who says that its regions are? */
	if ((uintptr_t)desc % 16 || (uintptr_t)avail % 2 || (uintptr_t)used % 4)
		return error_set(err, EFAULT, "vhost-user: unaligned memory region");
	v->desc = desc;
	v->avail = avail;
	v->used = used;
	v->call_anyway = true;
	return 0;
}

static uint16_t load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static void store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, htole16(value), __ATOMIC_RELAXED);
}

static uint16_t *used_word(const struct vring *v, size_t i)
{
	return (uint16_t *)(void *)v->used + i;
}

/* The driver's word on the used ring, and ours on the available one: each behind the other ring. */
static uint16_t *used_event(const struct vring *v)
{
	return v->avail + RING_ENTRIES + v->num;
}

static uint16_t *avail_event(const struct vring *v)
{
	return used_word(v, (USED_HEADER_SIZE + (size_t)USED_ELEMENT_SIZE * v->num) / 2);
}

static int vring_break(struct vring *v, struct error *err, const char *what)
{
	v->broken = true;
	return error_set(err, EIO, "vsock: the guest's %s queue is broken: %s",
			 v->writable ? "rx" : "tx", what);
}

static void decode_descriptor(const uint8_t bytes[DESC_SIZE], struct descriptor *ret)
{
	memcpy(&ret->address, bytes, 8);
	memcpy(&ret->len, bytes + 8, 4);
	memcpy(&ret->flags, bytes + 12, 2);
	memcpy(&ret->next, bytes + 14, 2);
	ret->address = le64toh(ret->address);
	ret->len = le32toh(ret->len);
	ret->flags = le16toh(ret->flags);
	ret->next = le16toh(ret->next);
}

/*
 * A descriptor table: the ring's own (@indirect false) or an indirect one at @address. What a
 * chain may hold in all is counted in @steps, so that no arrangement of tables makes a long loop.
 */
struct walk {
	struct vring *v;
	struct vring_chain *chain;
	bool indirect;
	uint64_t address;
	uint32_t entries;
	unsigned steps;
};

static int walk_read(struct walk *w, uint32_t i, struct descriptor *ret)
{
	uint8_t bytes[DESC_SIZE];

	if (w->indirect) {
		if (guest_memory_read(w->v->mem, w->address + (uint64_t)i * DESC_SIZE, bytes,
				      sizeof(bytes)) < 0)
			return -EFAULT;
	} else {
		memcpy(bytes, w->v->desc + (size_t)i * DESC_SIZE, sizeof(bytes));
		/* Not to be fetched again for a check that comes later. */
		__asm__ volatile("" ::: "memory");
	}
	decode_descriptor(bytes, ret);
	return 0;
}

static int walk_buffer(struct walk *w, const struct descriptor *d, struct error *err)
{
	struct vring_chain *c = w->chain;
	uint64_t address = d->address;
	size_t left = d->len;

	if (!!(d->flags & DESC_F_WRITE) != w->v->writable)
		return vring_break(w->v, err, "a buffer of the wrong direction");
	if (address + left < address)
		return vring_break(w->v, err, "a buffer that wraps around");
	/* virtio 1.2, 2.7.5: no chain holds more, and used lengths have 32 bits. */
	if (left > UINT32_MAX - c->size)
		return vring_break(w->v, err, "a chain of more than 2^32 bytes");
	while (left) {
		size_t part = left;
		void *p = guest_memory_at(w->v->mem, address, &part);

		if (!p)
			return vring_break(w->v, err, "a buffer outside memory");
		if (c->n_iov == VRING_MAX_IOV)
			return vring_break(w->v, err, "a chain of too many buffers");
		c->iov[c->n_iov++] = (struct iovec){.iov_base = p, .iov_len = part};
		c->size += part;
		address += part;
		left -= part;
	}
	return 0;
}

/* Enters the table that a descriptor leads to; a table within a table is against the rules. */
static int walk_enter(struct walk *w, const struct descriptor *d, struct error *err)
{
	if (!w->v->indirect || w->indirect)
		return vring_break(w->v, err, "an indirect table where none may be");
	if (d->flags & DESC_F_NEXT)
		return vring_break(w->v, err, "a descriptor behind an indirect table");
	if (!d->len || d->len % DESC_SIZE)
		return vring_break(w->v, err, "an indirect table of a bad size");
	if (d->address + d->len < d->address)
		return vring_break(w->v, err, "an indirect table that wraps around");
	w->indirect = true;
	w->address = d->address;
	w->entries = d->len / DESC_SIZE;
	return 0;
}

static int walk_chain(struct walk *w, uint16_t head, struct error *err)
{
	uint32_t i = head;
	int r;

	for (;;) {
		struct descriptor d;

		if (i >= w->entries)
			return vring_break(w->v, err, "a descriptor out of range");
		if (w->steps++ > VRING_MAX_SIZE)
			return vring_break(w->v, err, "a loop of descriptors");
		if (walk_read(w, i, &d) < 0)
			return vring_break(w->v, err, "an indirect table outside memory");
		if (d.flags & DESC_F_INDIRECT) {
			r = walk_enter(w, &d, err);
			if (r < 0)
				return r;
			i = 0;
			continue;
		}
		r = walk_buffer(w, &d, err);
		if (r < 0)
			return r;
		if (!(d.flags & DESC_F_NEXT))
			return 0;
		i = d.next;
	}
}

int vring_pop(struct vring *v, struct iovec *iov, struct vring_chain *ret, struct error *err)
{
	struct walk w = {.v = v, .chain = ret, .entries = v->num};
	uint16_t avail, head;
	int r;

	if (v->broken)
		return -EIO;
	if (!vring_mapped(v))
		return 0;
	avail = (uint16_t)(load16(v->avail + RING_INDEX) - v->next_avail);
	if (!avail)
		return 0;
	if (avail > v->num)
		return vring_break(v, err, "its available index jumps");
	/* The entry was written before the index; read them in the other order. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	head = load16(v->avail + RING_ENTRIES + (v->next_avail & (v->num - 1)));
	*ret = (struct vring_chain){.head = head, .iov = iov};
	r = walk_chain(&w, head, err);
	if (r < 0)
		return r;
	v->next_avail++;
	return 1;
}

void vring_unpop(struct vring *v, unsigned n)
{
	v->next_avail = (uint16_t)(v->next_avail - n);
}

void vring_push(struct vring *v, uint16_t head, uint32_t written)
{
	uint32_t element[2] = {htole32(head), htole32(written)};
	size_t i = v->next_used & (v->num - 1);

	memcpy(v->used + USED_HEADER_SIZE + i * USED_ELEMENT_SIZE, element, sizeof(element));
	v->next_used++;
}

bool vring_publish(struct vring *v)
{
	uint16_t old = v->published, now = v->next_used, event;
	bool anyway = v->call_anyway;

	if (old == now || !vring_mapped(v))
		return false;
	/* The driver sees the index only after the elements ... */
	__atomic_store_n(used_word(v, RING_INDEX), htole16(now), __ATOMIC_RELEASE);
	v->published = now;
	v->call_anyway = false;
	/* ... and is asked for its wish only after it could see the index (virtio 1.2, 2.7.7). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (anyway)
		return true;
	if (!v->event_idx)
		return !(load16(v->avail + RING_FLAGS) & AVAIL_F_NO_INTERRUPT);
	/* Has the index gone past the one it waits for? */
	event = load16(used_event(v));
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool vring_set_notify(struct vring *v, bool on)
{
	if (!vring_mapped(v) || v->broken)
		return false;
	v->notify = on;
	if (!v->event_idx)
		store16(used_word(v, RING_FLAGS), on ? 0 : USED_F_NO_NOTIFY);
	else if (on)
		store16(avail_event(v), v->next_avail);
	/* With event_idx an index left behind is no wish. */
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(v->avail + RING_INDEX) != v->next_avail;
}

/*
 * Copies from a chain (@to) or into one (@from, with @to NULL); the caller has compared the range
 * with the chain's size.
 */
static void chain_copy(const struct vring_chain *c, size_t offset, uint8_t *to, const uint8_t *from,
		       size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < c->n_iov && done < len; i++) {
		const struct iovec *v = &c->iov[i];
		uint8_t *p = v->iov_base;
		size_t part;

		if (offset >= v->iov_len) {
			offset -= v->iov_len;
			continue;
		}
		part = v->iov_len - offset;
		if (part > len - done)
			part = len - done;
		if (to)
			memcpy(to + done, p + offset, part);
		else
			memcpy(p + offset, from + done, part);
		offset = 0;
		done += part;
	}
	__asm__ volatile("" ::: "memory");
}

void vring_chain_read(const struct vring_chain *c, size_t offset, void *to, size_t len)
{
	chain_copy(c, offset, to, NULL, len);
}

void vring_chain_write(const struct vring_chain *c, size_t offset, const void *from, size_t len)
{
	chain_copy(c, offset, NULL, from, len);
}

size_t vring_chain_slice(const struct vring_chain *c, size_t offset, size_t len, struct iovec *out)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_iov && len; i++) {
		const struct iovec *v = &c->iov[i];
		size_t part;

		if (offset >= v->iov_len) {
			offset -= v->iov_len;
			continue;
		}
		part = v->iov_len - offset;
		if (part > len)
			part = len;
		out[n++] = (struct iovec){.iov_base = (uint8_t *)v->iov_base + offset,
					  .iov_len = part};
		offset = 0;
		len -= part;
	}
	return n;
}
