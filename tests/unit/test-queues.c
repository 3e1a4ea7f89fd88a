// SPDX-License-Identifier: Apache-2.0
/* The virtqueues of a VM that is saved, in a memory made by hand. */
#include <errno.h>
#include <linux/fuse.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "template/queues.h"
#include "test.h"

#define MIB	    UINT64_C(1048576)
#define MEMORY_SIZE (2 * MIB)

/* Physical addresses; each part of a queue has a page. */
enum { RX = 0x10000, EVENT = 0x20000, DESCRIPTORS = 0, AVAILABLE = 0x1000, USED = 0x2000 };
#define BUFFER 0x30000
/* The share's queue, a table of its own for a request, and its two parts. */
enum { SHARE = 0x40000, TABLE = 0x50000, HEAD = 0x60000, INIT = 0x61000 };

static const struct qemu_config config = {.arch = VM_ARCH_X86_64, .memory = MEMORY_SIZE};

static struct handover_queue queue_at(uint64_t address)
{
	return (struct handover_queue){address + DESCRIPTORS, address + AVAILABLE, address + USED};
}

static void write_at(int memfd, uint64_t at, const void *data, size_t len)
{
	CHECK_INT(pwrite(memfd, data, len, (off_t)at), ==, len);
}

static void write_16(int memfd, uint64_t at, uint16_t value)
{
	write_at(memfd, at, &value, sizeof(value));
}

static uint32_t read_at(int memfd, uint64_t at, size_t len)
{
	uint32_t value = 0;

	CHECK_INT(pread(memfd, &value, len, (off_t)at), ==, len);
	return value;
}

/* A request of two parts as a driver leaves it, @direct: without a table of its own. */
static void put_request(int memfd, bool direct, uint32_t opcode)
{
	const struct fuse_in_header head = {.len = sizeof(head) + sizeof(struct fuse_init_in),
					    .opcode = opcode};
	const struct fuse_init_in init = {.major = 7, .minor = 31, .max_readahead = 131072};
	const struct vring_desc parts[] = {
		{.addr = HEAD, .len = sizeof(head), .flags = VRING_DESC_F_NEXT, .next = 2},
		{.addr = 0xdead},
		{.addr = INIT, .len = sizeof(init), .flags = VRING_DESC_F_NEXT, .next = 3},
	};
	const struct vring_desc d = {
		.addr = TABLE, .len = 4 * sizeof(d), .flags = VRING_DESC_F_INDIRECT};

	write_16(memfd, SHARE + AVAILABLE + 2, 1);
	write_at(memfd, SHARE + DESCRIPTORS, &d, sizeof(d));
	write_at(memfd, direct ? SHARE + DESCRIPTORS : TABLE, parts, sizeof(parts));
	write_at(memfd, HEAD, &head, sizeof(head));
	write_at(memfd, INIT, &init, sizeof(init));
}

/* Three queues; the second has offered its descriptor 5 for events. */
static int new_memory(struct handover *ret)
{
	const struct vring_desc d = {.addr = BUFFER, .len = 4, .flags = VRING_DESC_F_WRITE};
	int memfd = memfd_create("memory", MFD_CLOEXEC);

	CHECK_INT(ftruncate(memfd, MEMORY_SIZE), ==, 0);
	write_16(memfd, EVENT + AVAILABLE + 2, 1);
	write_16(memfd, EVENT + AVAILABLE + 4, 5);
	write_at(memfd, EVENT + DESCRIPTORS + 5 * sizeof(d), &d, sizeof(d));
	write_at(memfd, BUFFER, "\xff\xff\xff\xff\xff", 5);
	put_request(memfd, false, FUSE_INIT);
	*ret = (struct handover){.n_queues = 3,
				 .event_queue = 1,
				 .share_queue = 2,
				 .queues = {queue_at(RX), queue_at(EVENT), queue_at(SHARE)}};
	return memfd;
}

static void test_event(void)
{
	struct handover page;
	_cleanup_close_ int memfd = new_memory(&page);

	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, 0);
	CHECK_INT(read_at(memfd, EVENT + USED + 2, 2), ==, 1);
	CHECK_INT(read_at(memfd, EVENT + USED + 4, 4), ==, 5);
	CHECK_INT(read_at(memfd, EVENT + USED + 8, 4), ==, 4);
	CHECK_INT(read_at(memfd, BUFFER, 4), ==, 0);
	CHECK_INT(read_at(memfd, BUFFER + 4, 1), ==, 0xff);
	CHECK_INT(read_at(memfd, RX + USED + 2, 2), ==, 0);
	/* It is used now. */
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
}

static uint32_t read_ahead(int memfd)
{
	return read_at(memfd, INIT + offsetof(struct fuse_init_in, max_readahead), 4);
}

static void test_read_ahead(void)
{
	for (int direct = 0; direct < 2; direct++) {
		struct handover page;
		_cleanup_close_ int memfd = new_memory(&page);

		put_request(memfd, direct, FUSE_INIT);
		CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, 0);
		CHECK_INT(read_ahead(memfd), ==, HANDOVER_READ_AHEAD);
		CHECK_INT(read_at(memfd, INIT + offsetof(struct fuse_init_in, minor), 4), ==, 31);
		CHECK_INT(read_at(memfd, INIT + offsetof(struct fuse_init_in, flags), 4), ==, 0);
	}
}

/* Another request than the first one of a mount, none at all, or one that cannot be. */
static void test_no_share(void)
{
	const struct vring_desc bad[] = {
		{.addr = TABLE, .len = 64, .flags = VRING_DESC_F_WRITE},
		{.addr = MEMORY_SIZE - 8, .len = 64, .flags = VRING_DESC_F_INDIRECT},
		{.addr = HEAD, .len = sizeof(struct fuse_in_header)},
		{.addr = HEAD, .len = 39, .flags = VRING_DESC_F_NEXT, .next = 2},
		{.addr = HEAD, .len = 40, .flags = VRING_DESC_F_NEXT, .next = 0xffff},
	};
	struct handover page;
	_cleanup_close_ int memfd = new_memory(&page);

	put_request(memfd, false, FUSE_LOOKUP);
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	put_request(memfd, false, FUSE_INIT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_at(memfd, SHARE + DESCRIPTORS, &bad[i], sizeof(bad[i]));
		CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	}
	put_request(memfd, false, FUSE_INIT);
	write_at(memfd, HEAD, "\0\0\0\0", 4);
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	put_request(memfd, false, FUSE_INIT);
	write_16(memfd, SHARE + AVAILABLE + 2, 0);
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	CHECK_INT(read_ahead(memfd), ==, 131072);
}

static void test_no_queues(void)
{
	const struct handover none = {.n_queues = 0, .event_queue = 9};

	CHECK_INT(queues_prepare(&config, -1, &none, NULL), ==, 0);
}

static void test_used(void)
{
	struct handover page;
	_cleanup_close_ int memfd = new_memory(&page);

	write_16(memfd, RX + USED + 2, 1);
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	CHECK_INT(read_at(memfd, EVENT + USED + 2, 2), ==, 0);
}

/* Every number that the guest says, beyond what there is. */
static void test_hostile(void)
{
	static const uint64_t outside[] = {MEMORY_SIZE, MEMORY_SIZE - 1, UINT64_MAX, UINT64_MAX - 3,
					   UINT64_C(1) << 63};
	const struct vring_desc bad[] = {
		{.addr = BUFFER, .len = 3, .flags = VRING_DESC_F_WRITE},
		{.addr = BUFFER, .len = 4},
		{.addr = BUFFER, .len = 16, .flags = VRING_DESC_F_INDIRECT},
		{.addr = MEMORY_SIZE - 3, .len = 4, .flags = VRING_DESC_F_WRITE},
		{.addr = UINT64_MAX, .len = 4, .flags = VRING_DESC_F_WRITE},
	};
	struct handover good, page;
	_cleanup_close_ int memfd = new_memory(&good);

	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		for (int part = 0; part < 3; part++) {
			struct handover_queue *q = &page.queues[1];

			page = good;
			*(part == 0   ? &q->descriptors
			  : part == 1 ? &q->available
				      : &q->used) = outside[i];
			CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_at(memfd, EVENT + DESCRIPTORS + 5 * sizeof(bad[i]), &bad[i], sizeof(bad[i]));
		CHECK_INT(queues_prepare(&config, memfd, &good, NULL), ==, -EPROTO);
	}
	page = good;
	page.n_queues = HANDOVER_QUEUES + 1;
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	page = good;
	page.event_queue = 3;
	CHECK_INT(queues_prepare(&config, memfd, &page, NULL), ==, -EPROTO);
	write_16(memfd, EVENT + AVAILABLE + 2, 0);
	CHECK_INT(queues_prepare(&config, memfd, &good, NULL), ==, -EPROTO);
	/* Nothing grew. */
	CHECK_INT(lseek(memfd, 0, SEEK_END), ==, MEMORY_SIZE);
}

int main(void)
{
	TEST_RUN(test_event);
	TEST_RUN(test_read_ahead);
	TEST_RUN(test_no_share);
	TEST_RUN(test_no_queues);
	TEST_RUN(test_used);
	TEST_RUN(test_hostile);
	return test_end();
}
