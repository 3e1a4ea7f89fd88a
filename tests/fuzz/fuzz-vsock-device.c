// SPDX-License-Identifier: Apache-2.0
/*
 * A running vsock device, and a guest, a host and a QEMU that do as the input says: one byte of
 * operation, some of arguments. The guest writes anywhere into the first pages of its memory, where
 * the rings are, and offers what it likes; packets for ports that exist are made easy to come by.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/socket.h"
#include "vsock/vhost-user-message.h"
#include "vsock/vsock-device.h"
#include "vsock/vsock-packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY	   65536u
#define GUEST_BASE 0x1000u
#define USER_BASE  0x700000u
#define ENTRIES	   8u
#define RING(q)	   ((q)*0x400u)
#define AVAIL(q)   (RING(q) + 0x100u)
#define USED(q)	   (RING(q) + 0x200u)
#define PACKET	   0x1000u
#define N_CLIENTS  3
#define FIRST_PORT 0x40000000u

struct world {
	struct loop *loop;
	struct vsock_device *dev;
	int qemu, mem_fd, kick[2], call[2], clients[N_CLIENTS];
	uint8_t *mem;
	uint16_t avail[2];
	const uint8_t *data;
	size_t size;
};

static uint32_t get(struct world *w, size_t n)
{
	uint32_t value = 0;

	if (n > w->size)
		n = w->size;
	memcpy(&value, w->data, n);
	w->data += n;
	w->size -= n;
	return value;
}

static void turn(struct world *w)
{
	while (loop_iterate(w->loop, 0) == 0)
		;
}

static void message(struct world *w, uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint8_t bytes[VHOST_USER_MAX_MESSAGE];
	uint32_t header[3] = {request, 1, size};

	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, size);
	(void)socket_send_fds(w->qemu, bytes, sizeof(header) + size, &fd, fd >= 0);
	turn(w);
	(void)!recv(w->qemu, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void start_ring(struct world *w, uint32_t q, uint32_t base)
{
	uint64_t address[5] = {q, USER_BASE + RING(q), USER_BASE + USED(q), USER_BASE + AVAIL(q),
			       0};
	uint64_t number = q;

	message(w, VHOST_USER_SET_VRING_NUM, (uint32_t[]){q, ENTRIES}, 8, -1);
	message(w, VHOST_USER_SET_VRING_BASE, (uint32_t[]){q, base}, 8, -1);
	message(w, VHOST_USER_SET_VRING_ADDR, address, sizeof(address), -1);
	message(w, VHOST_USER_SET_VRING_KICK, &number, 8, w->kick[q]);
	message(w, VHOST_USER_SET_VRING_CALL, &number, 8, w->call[q]);
	message(w, VHOST_USER_SET_VRING_ENABLE, (uint32_t[]){q, 1}, 8, -1);
}

static void put_desc(struct world *w, uint32_t at, uint64_t address, uint32_t len, uint32_t flags)
{
	memcpy(w->mem + at, &address, 8);
	memcpy(w->mem + at + 8, &len, 4);
	memcpy(w->mem + at + 12, &flags, 4);
}

static void offer(struct world *w, uint32_t q, uint16_t head)
{
	uint64_t one = 1;

	memcpy(w->mem + AVAIL(q) + 4 + 2u * (w->avail[q] % ENTRIES), &head, 2);
	w->avail[q]++;
	memcpy(w->mem + AVAIL(q) + 2, &w->avail[q], 2);
	(void)!write(w->kick[q], &one, sizeof(one));
}

static void good_packet(struct world *w)
{
	struct vsock_header h = {.src_cid = 3, .dst_cid = 2, .type = 1, .buf_alloc = 4096};
	uint32_t at = PACKET + w->avail[1] % ENTRIES * 0x400u;

	h.op = (uint16_t)get(w, 1) % 9;
	h.src_port = 10 + get(w, 1) % N_CLIENTS;
	h.dst_port = FIRST_PORT + get(w, 1) % N_CLIENTS;
	h.flags = get(w, 1) % 4;
	h.len = get(w, 2) % 0x900;
	h.fwd_cnt = get(w, 1) * 100;
	vsock_header_encode(&h, w->mem + at);
	put_desc(w, RING(1) + w->avail[1] % ENTRIES * 16, GUEST_BASE + at,
		 VSOCK_HEADER_SIZE + h.len, 0);
	offer(w, 1, w->avail[1] % ENTRIES);
}

static void good_buffer(struct world *w)
{
	uint16_t slot = w->avail[0] % ENTRIES;

	put_desc(w, RING(0) + slot * 16u, GUEST_BASE + 0x8000 + slot * 0x400u, get(w, 1) * 4 + 44,
		 2);
	offer(w, 0, slot);
}

static void scribble(struct world *w)
{
	uint32_t at = get(w, 2) % 0x1000, len = 1 + get(w, 1) % 32;

	for (uint32_t i = 0; i < len; i++)
		w->mem[at + i] = (uint8_t)get(w, 1);
}

static void front_end(struct world *w)
{
	uint8_t payload[48] = {0};
	uint32_t request = get(w, 1) % 40, size = get(w, 1) % sizeof(payload);

	for (uint32_t i = 0; i < size; i++)
		payload[i] = (uint8_t)get(w, 1);
	message(w, request, payload, size, get(w, 1) % 2 ? w->mem_fd : -1);
}

static void client(struct world *w)
{
	uint32_t which = get(w, 1);
	int *fd = &w->clients[which % N_CLIENTS];
	static char bytes[4096];

	switch (which / N_CLIENTS % 5) {
	case 0:
		(void)!send(*fd, bytes, get(w, 2) % sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 1:
		(void)!recv(*fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		break;
	case 2:
		shutdown(*fd, SHUT_WR);
		break;
	case 3:
		shutdown(*fd, SHUT_RD);
		break;
	default:
		*fd = close_keep_errno(*fd);
		break;
	}
}

static void step(struct world *w)
{
	switch (get(w, 1) % 8) {
	case 0:
		scribble(w);
		break;
	case 1:
	case 2:
		good_packet(w);
		break;
	case 3:
		good_buffer(w);
		break;
	case 4:
		client(w);
		break;
	case 5:
		offer(w, get(w, 1) % 2, (uint16_t)get(w, 1));
		break;
	case 6:
		front_end(w);
		break;
	default:
		break;
	}
	turn(w);
}

static void begin(struct world *w)
{
	static const struct vsock_device_ops ops = {NULL, NULL};
	uint64_t region[5] = {0, GUEST_BASE, MEMORY, USER_BASE, 0};
	uint64_t features = UINT64_C(0x140000000) | (uint64_t)(get(w, 1) % 4) << 28;
	int pair[2];

	if (loop_new(&w->loop) < 0 || socket_pair(SOCK_STREAM, pair) < 0)
		abort();
	w->qemu = pair[0];
	w->mem_fd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(w->mem_fd, MEMORY) < 0)
		abort();
	w->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, w->mem_fd, 0);
	if (w->mem == MAP_FAILED ||
	    vsock_device_new(w->loop, 3, pair[1], -1, &ops, NULL, &w->dev, NULL) < 0)
		abort();
	for (uint32_t i = 0; i < N_CLIENTS; i++) {
		if (socket_pair(SOCK_STREAM | SOCK_NONBLOCK, pair) < 0)
			abort();
		w->clients[i] = pair[0];
		(void)vsock_device_connect(w->dev, 10 + i, pair[1]);
	}
	message(w, VHOST_USER_SET_FEATURES, &features, 8, -1);
	message(w, VHOST_USER_ADD_MEM_REG, region, sizeof(region), w->mem_fd);
	for (uint32_t i = 0; i < 2; i++) {
		w->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		w->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		start_ring(w, i, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.data = data, .size = size};

	log_set_stderr(-1);
	begin(&w);
	while (w.size)
		step(&w);
	vsock_device_free(w.dev);
	loop_free(w.loop);
	close(w.qemu);
	close(w.mem_fd);
	munmap(w.mem, MEMORY);
	for (int i = 0; i < 2; i++) {
		close(w.kick[i]);
		close(w.call[i]);
	}
	for (int i = 0; i < N_CLIENTS; i++)
		close_keep_errno(w.clients[i]);
	return 0;
}
