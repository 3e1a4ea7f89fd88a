/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the vsock device, for its tests: a front end as QEMU is one, on a socketpair, and
 * a guest's driver on a memfd. All of it runs on the test's one thread and turns the device's event
 * loop while it waits. The driver is strict where a lost notification would hide: it kicks only when
 * the device asks for it, and complains when something was used without the call that it asked for.
 */
#ifndef RUNVM_TEST_VSOCK_DRIVER_H
#define RUNVM_TEST_VSOCK_DRIVER_H

#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/socket.h"
#include "tests/unit/test.h"
#include "vsock/vhost-user-message.h"
#include "vsock/vring.h"
#include "vsock/vsock-device.h"
#include "vsock/vsock-packet.h"

#define GUEST_CID	      3
#define GUEST_BASE	      UINT64_C(0x40000000)
#define USER_BASE	      UINT64_C(0x7f1200000000)
#define GUEST_MEMORY	      (16u << 20)
#define RING_SIZE	      128
#define RING_OFFSET(q)	      ((q)*0x10000u)
#define AVAIL_OFFSET(q)	      (RING_OFFSET(q) + 0x4000u)
#define USED_OFFSET(q)	      (RING_OFFSET(q) + 0x8000u)
#define TABLE_OFFSET(q, slot) (0x40000u + ((q)*RING_SIZE + (slot)) * 64u)
#define RX_BUFFER	      4096u
#define RX_OFFSET(slot)	      (0x100000u + (slot)*8192u)
#define TX_OFFSET(slot)	      (0x300000u + (slot)*0x11000u)
#define WAIT_TIME	      (10 * USEC_PER_SEC)

enum { RX, TX };

struct packet {
	struct vsock_header h;
	uint8_t data[65536];
};

struct queue {
	uint16_t avail;
	uint16_t used;
	unsigned busy;
	bool slot_busy[RING_SIZE];
};

struct driver {
	struct loop *loop;
	struct vsock_device *dev;
	int qemu;
	int dirfd;
	char dir[32];
	int mem_fd;
	uint8_t *mem;
	int kick[2], call[2];
	struct queue q[2];
	bool indirect, event_idx, quiet;
	bool ready, failed;
	int failed_errno;
	char failed_message[256];
	unsigned calls, kicks;
	uint32_t buf_alloc, fwd_cnt;
};

static inline void driver_on_ready(void *data)
{
	((struct driver *)data)->ready = true;
}

static inline void driver_on_failed(void *data, const struct error *err)
{
	struct driver *d = data;

	d->failed = true;
	d->failed_errno = err->errnum;
	snprintf(d->failed_message, sizeof(d->failed_message), "%s", error_message(err));
}

static const struct vsock_device_ops driver_ops = {driver_on_ready, driver_on_failed};

static inline void turn(struct driver *d)
{
	int r = loop_iterate(d->loop, loop_now() + USEC_PER_MSEC);

	CHECK(r == 0 || r == -ETIME);
}

/* Until nothing happens any more. */
static inline void settle_down(struct driver *d)
{
	while (loop_iterate(d->loop, loop_now() + 3 * USEC_PER_MSEC) == 0)
		;
}

#define WAIT_FOR(d, condition)                                           \
	do {                                                             \
		uint64_t until_ = loop_now() + WAIT_TIME;                \
		while (!(condition)) {                                   \
			turn(d);                                         \
			if (loop_now() > until_)                         \
				TEST_FAIL("waited for: %s", #condition); \
		}                                                        \
	} while (0)

/* ---- The front end ---- */

static inline void fe_send(struct driver *d, uint32_t request, uint32_t flags, const void *payload,
			   uint32_t size, const int *fds, size_t n_fds)
{
	uint8_t bytes[VHOST_USER_MAX_MESSAGE];
	uint32_t header[3] = {request, VHOST_USER_FLAG_VERSION | flags, size};

	memcpy(bytes, header, sizeof(header));
	if (size)
		memcpy(bytes + sizeof(header), payload, size);
	CHECK_INT(socket_send_fds(d->qemu, bytes, sizeof(header) + size, fds, n_fds), ==,
		  sizeof(header) + size);
}

static inline bool fe_readable(struct driver *d)
{
	struct pollfd p = {.fd = d->qemu, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static inline uint32_t fe_reply(struct driver *d, uint32_t request, void *payload, uint32_t size)
{
	uint32_t header[3];

	WAIT_FOR(d, fe_readable(d));
	CHECK_INT(io_read_exact(d->qemu, header, sizeof(header)), ==, 0);
	CHECK_INT(header[0], ==, request);
	CHECK_INT(header[1], ==, VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY);
	CHECK(header[2] <= size);
	CHECK_INT(io_read_exact(d->qemu, payload, header[2]), ==, 0);
	return header[2];
}

static inline uint64_t fe_get(struct driver *d, uint32_t request)
{
	uint64_t value = 0;

	fe_send(d, request, 0, NULL, 0, NULL, 0);
	CHECK_INT(fe_reply(d, request, &value, sizeof(value)), ==, sizeof(value));
	return value;
}

static inline void fe_set(struct driver *d, uint32_t request, uint64_t value, int fd)
{
	fe_send(d, request, 0, &value, sizeof(value), &fd, fd >= 0);
}

/* With an answer; returns it: 0 when the back end took it. */
static inline uint64_t fe_acked(struct driver *d, uint32_t request, const void *payload,
				uint32_t size, int fd)
{
	uint64_t value = 99;

	fe_send(d, request, VHOST_USER_FLAG_NEED_REPLY, payload, size, &fd, fd >= 0);
	CHECK_INT(fe_reply(d, request, &value, sizeof(value)), ==, sizeof(value));
	return value;
}

static inline void fe_state(struct driver *d, uint32_t request, uint32_t index, uint32_t num)
{
	uint32_t state[2] = {index, num};

	fe_send(d, request, 0, state, sizeof(state), NULL, 0);
}

static inline uint32_t fe_get_base(struct driver *d, uint32_t index)
{
	uint32_t state[2] = {index, 0};

	fe_send(d, VHOST_USER_GET_VRING_BASE, 0, state, sizeof(state), NULL, 0);
	CHECK_INT(fe_reply(d, VHOST_USER_GET_VRING_BASE, state, sizeof(state)), ==, 8);
	CHECK_INT(state[0], ==, index);
	return state[1];
}

static inline uint64_t fe_region(struct driver *d, uint32_t request, uint64_t offset, uint64_t size,
				 bool with_fd)
{
	uint64_t region[5] = {0, GUEST_BASE + offset, size, USER_BASE + offset, offset};

	return fe_acked(d, request, region, sizeof(region), with_fd ? d->mem_fd : -1);
}

/* What QEMU does when the device is plugged. */
static inline void fe_plug(struct driver *d)
{
	struct {
		uint32_t offset, size, flags;
		uint8_t data[8];
	} config = {0, 8, 0, {0}};

	CHECK_INT(fe_get(d, VHOST_USER_GET_FEATURES), ==, UINT64_C(0x170000000));
	CHECK(fe_get(d, VHOST_USER_GET_PROTOCOL_FEATURES) & 0x209);
	fe_set(d, VHOST_USER_SET_PROTOCOL_FEATURES, 0x8209, -1);
	CHECK_INT(fe_get(d, VHOST_USER_GET_QUEUE_NUM), ==, 2);
	CHECK_INT(fe_get(d, VHOST_USER_GET_MAX_MEM_SLOTS), >=, 32);
	fe_send(d, VHOST_USER_SET_OWNER, 0, NULL, 0, NULL, 0);
	fe_send(d, VHOST_USER_GET_CONFIG, 0, &config, sizeof(config), NULL, 0);
	CHECK_INT(fe_reply(d, VHOST_USER_GET_CONFIG, &config, sizeof(config)), ==, sizeof(config));
	CHECK_INT(config.data[0], ==, GUEST_CID);
}

static inline void fe_start_rings(struct driver *d, uint32_t base_rx, uint32_t base_tx)
{
	uint32_t bases[2] = {base_rx, base_tx};

	for (uint32_t i = 0; i < 2; i++) {
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} address = {i,
			     0,
			     USER_BASE + RING_OFFSET(i),
			     USER_BASE + USED_OFFSET(i),
			     USER_BASE + AVAIL_OFFSET(i),
			     0};

		fe_state(d, VHOST_USER_SET_VRING_NUM, i, RING_SIZE);
		fe_state(d, VHOST_USER_SET_VRING_BASE, i, bases[i]);
		fe_send(d, VHOST_USER_SET_VRING_ADDR, 0, &address, sizeof(address), NULL, 0);
		fe_set(d, VHOST_USER_SET_VRING_KICK, i, d->kick[i]);
		fe_set(d, VHOST_USER_SET_VRING_CALL, i, d->call[i]);
		fe_state(d, VHOST_USER_SET_VRING_ENABLE, i, 1);
	}
}

/* ---- The driver ---- */

static inline uint16_t *mem16(struct driver *d, size_t offset)
{
	return (uint16_t *)(void *)(d->mem + offset);
}

static inline void put_desc(struct driver *d, size_t at, uint64_t address, uint32_t len,
			    uint16_t flags, uint16_t next)
{
	memcpy(d->mem + at, &address, 8);
	memcpy(d->mem + at + 8, &len, 4);
	memcpy(d->mem + at + 12, &flags, 2);
	memcpy(d->mem + at + 14, &next, 2);
}

static inline unsigned slots(const struct driver *d)
{
	return d->indirect ? RING_SIZE : RING_SIZE / 2;
}

static inline void kick(struct driver *d, int q)
{
	uint64_t one = 1;

	d->kicks++;
	CHECK_INT(write(d->kick[q], &one, sizeof(one)), ==, sizeof(one));
}

/* Shows @head to the device, and kicks if that wants to hear of it. */
static inline void offer(struct driver *d, int q, uint16_t head)
{
	uint16_t old = d->q[q].avail, now = (uint16_t)(old + 1), event;

	*mem16(d, AVAIL_OFFSET(q) + 4 + 2u * (old % RING_SIZE)) = head;
	__atomic_store_n(mem16(d, AVAIL_OFFSET(q) + 2), now, __ATOMIC_SEQ_CST);
	d->q[q].avail = now;
	event = *mem16(d, USED_OFFSET(q) + 4 + 8 * RING_SIZE);
	if (d->event_idx ? (uint16_t)(now - event - 1) < 1 : !*mem16(d, USED_OFFSET(q)))
		kick(d, q);
}

/* A buffer of two parts: header and data. */
static inline void offer_parts(struct driver *d, int q, unsigned slot, uint32_t at, uint32_t len)
{
	uint16_t w = q == RX ? 2 : 0;
	size_t table = RING_OFFSET(q);
	uint16_t first = (uint16_t)slot, second;

	if (d->indirect) {
		put_desc(d, RING_OFFSET(q) + slot * 16, GUEST_BASE + TABLE_OFFSET(q, slot), 32, 4,
			 0);
		table = TABLE_OFFSET(q, slot);
		first = 0;
		second = 1;
	} else {
		first = (uint16_t)(slot * 2);
		second = (uint16_t)(slot * 2 + 1);
	}
	put_desc(d, table + first * 16u, GUEST_BASE + at, VSOCK_HEADER_SIZE, w | 1, second);
	put_desc(d, table + second * 16u, GUEST_BASE + at + VSOCK_HEADER_SIZE, len, w, 0);
	d->q[q].slot_busy[slot] = true;
	d->q[q].busy++;
	offer(d, q, d->indirect ? (uint16_t)slot : first);
}

/* Takes one used buffer. Return: its slot, -1 for none. */
static inline int take_used(struct driver *d, int q, uint32_t *len)
{
	uint16_t used = __atomic_load_n(mem16(d, USED_OFFSET(q) + 2), __ATOMIC_ACQUIRE);
	struct queue *queue = &d->q[q];
	uint32_t element[2];
	unsigned slot;

	if (used == queue->used)
		return -1;
	memcpy(element, d->mem + USED_OFFSET(q) + 4 + 8 * (queue->used % RING_SIZE), 8);
	slot = d->indirect ? element[0] : element[0] / 2;
	CHECK(slot < slots(d) && queue->slot_busy[slot]);
	queue->slot_busy[slot] = false;
	queue->busy--;
	queue->used++;
	if (len)
		*len = element[1];
	return (int)slot;
}

/* Asks to be called for the next used buffer; true when one is there already. */
static inline bool want_call(struct driver *d, int q)
{
	uint64_t count;

	(void)!read(d->call[q], &count, sizeof(count));
	*mem16(d, AVAIL_OFFSET(q) + 4 + 2 * RING_SIZE) = d->q[q].used;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(mem16(d, USED_OFFSET(q) + 2), __ATOMIC_SEQ_CST) != d->q[q].used;
}

/* Once something is used, the call that was asked for has to be there. */
static inline void check_call(struct driver *d, int q)
{
	uint64_t count;

	CHECK_INT(read(d->call[q], &count, sizeof(count)), ==, sizeof(count));
	d->calls++;
}

static inline void rx_fill(struct driver *d)
{
	for (unsigned i = 0; i < slots(d); i++)
		if (!d->q[RX].slot_busy[i])
			offer_parts(d, RX, i, RX_OFFSET(i), RX_BUFFER);
}

static inline bool rx_used(struct driver *d)
{
	return __atomic_load_n(mem16(d, USED_OFFSET(RX) + 2), __ATOMIC_SEQ_CST) != d->q[RX].used;
}

/* The next packet if there is one. */
static inline bool try_receive(struct driver *d, struct packet *p)
{
	uint32_t len;
	int slot = take_used(d, RX, &len);

	if (slot < 0)
		return false;
	CHECK(len >= VSOCK_HEADER_SIZE && len <= VSOCK_HEADER_SIZE + RX_BUFFER);
	CHECK_INT(vsock_header_decode(d->mem + RX_OFFSET((unsigned)slot), len - VSOCK_HEADER_SIZE,
				      &p->h),
		  ==, 0);
	CHECK_INT(p->h.len, ==, len - VSOCK_HEADER_SIZE);
	CHECK(p->h.src_cid == VSOCK_CID_HOST && p->h.dst_cid == GUEST_CID);
	memcpy(p->data, d->mem + RX_OFFSET((unsigned)slot) + VSOCK_HEADER_SIZE, p->h.len);
	if (!d->quiet)
		offer_parts(d, RX, (unsigned)slot, RX_OFFSET((unsigned)slot), RX_BUFFER);
	return true;
}

static inline void receive(struct driver *d, struct packet *p)
{
	if (try_receive(d, p))
		return;
	if (!want_call(d, RX)) {
		WAIT_FOR(d, rx_used(d));
		check_call(d, RX);
	}
	CHECK(try_receive(d, p));
}

static inline void expect(struct driver *d, struct packet *p, uint16_t op)
{
	receive(d, p);
	if (p->h.op != op)
		TEST_FAIL("%s came, not %s", vsock_op_name(p->h.op), vsock_op_name(op));
}

/* A free tx slot; waits for the device. */
static inline unsigned tx_slot(struct driver *d)
{
	for (;;) {
		while (take_used(d, TX, NULL) >= 0)
			;
		for (unsigned i = 0; i < slots(d); i++)
			if (!d->q[TX].slot_busy[i])
				return i;
		if (!want_call(d, TX)) {
			WAIT_FOR(d, *mem16(d, USED_OFFSET(TX) + 2) != d->q[TX].used);
			check_call(d, TX);
		}
	}
}

static inline void transmit(struct driver *d, const struct vsock_header *h, const void *data)
{
	unsigned slot = tx_slot(d);
	struct vsock_header full = *h;

	full.src_cid = GUEST_CID;
	full.dst_cid = VSOCK_CID_HOST;
	full.type = VSOCK_TYPE_STREAM;
	full.buf_alloc = d->buf_alloc;
	full.fwd_cnt = d->fwd_cnt;
	vsock_header_encode(&full, d->mem + TX_OFFSET(slot));
	if (data)
		memcpy(d->mem + TX_OFFSET(slot) + VSOCK_HEADER_SIZE, data, h->len);
	offer_parts(d, TX, slot, TX_OFFSET(slot), h->len ? h->len : 1);
}

static inline void transmit_op(struct driver *d, uint16_t op, uint32_t guest_port,
			       uint32_t host_port, uint32_t flags, const void *data, uint32_t len)
{
	struct vsock_header h = {.op = op,
				 .src_port = guest_port,
				 .dst_port = host_port,
				 .flags = flags,
				 .len = len};

	transmit(d, &h, data);
}

/* ---- Both ---- */

static inline void driver_reset(struct driver *d)
{
	memset(d->mem, 0, 0x40000);
	memset(d->q, 0, sizeof(d->q));
}

static inline void driver_init(struct driver *d, bool indirect, bool event_idx)
{
	int pair[2];

	memset(d, 0, sizeof(*d));
	d->indirect = indirect;
	d->event_idx = event_idx;
	d->buf_alloc = 256u << 10;
	CHECK_INT(loop_new(&d->loop), ==, 0);
	d->mem_fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK_INT(ftruncate(d->mem_fd, GUEST_MEMORY), ==, 0);
	d->mem = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, d->mem_fd, 0);
	CHECK(d->mem != MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		d->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		d->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	strcpy(d->dir, "/tmp/test-vsock.XXXXXX");
	CHECK(mkdtemp(d->dir));
	d->dirfd = open(d->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(d->dirfd >= 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	d->qemu = pair[0];
	CHECK_INT(vsock_device_new(d->loop, GUEST_CID, pair[1], d->dirfd, &driver_ops, d, &d->dev,
				   NULL),
		  ==, 0);
}

/* Features, memory and rings, as when the guest's driver says DRIVER_OK. */
static inline void driver_start(struct driver *d)
{
	uint64_t features = UINT64_C(0x140000000) | (d->indirect ? 1u << 28 : 0) |
			    (d->event_idx ? 1u << 29 : 0);

	fe_set(d, VHOST_USER_SET_FEATURES, features, -1);
	CHECK_INT(fe_region(d, VHOST_USER_ADD_MEM_REG, 0, GUEST_MEMORY, true), ==, 0);
	fe_start_rings(d, 0, 0);
	rx_fill(d);
	WAIT_FOR(d, d->ready || d->failed);
}

static inline void driver_up(struct driver *d, bool indirect, bool event_idx)
{
	driver_init(d, indirect, event_idx);
	fe_plug(d);
	driver_start(d);
	CHECK(d->ready);
}

static inline void driver_down(struct driver *d)
{
	char command[64];

	vsock_device_free(d->dev);
	loop_free(d->loop);
	close(d->qemu);
	close(d->mem_fd);
	munmap(d->mem, GUEST_MEMORY);
	for (int i = 0; i < 2; i++) {
		close(d->kick[i]);
		close(d->call[i]);
	}
	close(d->dirfd);
	snprintf(command, sizeof(command), "rm -rf %s", d->dir);
	CHECK_INT(system(command), ==, 0);
}

/* A host client on a socketpair to @port. Return: its (non-blocking) end. */
static inline int driver_client(struct driver *d, uint32_t port)
{
	int pair[2];

	CHECK_INT(socket_pair(SOCK_STREAM | SOCK_NONBLOCK, pair), ==, 0);
	CHECK_INT(vsock_device_connect(d->dev, port, pair[1]), ==, 0);
	return pair[0];
}

/* ... and the guest takes it. Return: the client's end; *host_port for packets. */
static inline int driver_connect(struct driver *d, uint32_t port, uint32_t *host_port)
{
	static struct packet p;
	int fd = driver_client(d, port);

	expect(d, &p, VSOCK_OP_REQUEST);
	CHECK_INT(p.h.dst_port, ==, port);
	*host_port = p.h.src_port;
	transmit_op(d, VSOCK_OP_RESPONSE, port, *host_port, 0, NULL, 0);
	return fd;
}

static inline void read_text(struct driver *d, int fd, const char *text)
{
	char got[256];
	size_t len = strlen(text), have = 0;

	CHECK(len < sizeof(got));
	for (uint64_t until = loop_now() + WAIT_TIME; have < len && loop_now() < until; turn(d)) {
		ssize_t n = read(fd, got + have, len - have);

		if (n > 0)
			have += (size_t)n;
		else if (n == 0)
			break;
	}
	got[have] = '\0';
	CHECK_STR(got, text);
}

static inline void read_end(struct driver *d, int fd)
{
	char byte;
	ssize_t n;

	WAIT_FOR(d, (n = read(fd, &byte, 1)) >= 0 || errno != EAGAIN);
	CHECK(n <= 0);
}

#endif
