// SPDX-License-Identifier: Apache-2.0
/* A guest that means harm, and a front end that does not keep to the protocol. */
#include <signal.h>

#include "tests/unit/test-vsock-driver.h"

static struct packet p;

/* Offers one tx chain that begins at descriptor 0, after @fill has written it. */
static void hostile(bool indirect, void (*fill)(struct driver *d), const char *message)
{
	struct driver d;
	uint32_t port;
	int fd;

	driver_up(&d, indirect, true);
	fd = driver_connect(&d, 10, &port);
	settle_down(&d);
	while (take_used(&d, TX, NULL) >= 0)
		;
	fill(&d);
	kick(&d, TX);
	WAIT_FOR(&d, d.failed);
	CHECK_CONTAINS(d.failed_message, message);
	/* The process lives on, and clients are told. */
	read_end(&d, fd);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	close(fd);
	driver_down(&d);
}

static void show(struct driver *d, uint16_t head, unsigned n)
{
	*mem16(d, AVAIL_OFFSET(TX) + 4 + 2u * (d->q[TX].avail % RING_SIZE)) = head;
	d->q[TX].avail = (uint16_t)(d->q[TX].avail + n);
	*mem16(d, AVAIL_OFFSET(TX) + 2) = d->q[TX].avail;
}

static void fill_index_jumps(struct driver *d)
{
	show(d, 0, RING_SIZE + 1);
}

static void fill_head_out_of_range(struct driver *d)
{
	show(d, RING_SIZE, 1);
}

static void fill_next_out_of_range(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + TX_OFFSET(0), 10, 1, 0xffff);
	show(d, 0, 1);
}

static void fill_loop(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + TX_OFFSET(0), 0, 1, 1);
	put_desc(d, RING_OFFSET(TX) + 16, GUEST_BASE + TX_OFFSET(0), 0, 1, 0);
	show(d, 0, 1);
}

static void fill_loop_of_bytes(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + TX_OFFSET(0), 1, 1, 0);
	show(d, 0, 1);
}

static void fill_outside(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE - 1, 44, 0, 0);
	show(d, 0, 1);
}

static void fill_past_the_end(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + GUEST_MEMORY - 43, 44, 0, 0);
	show(d, 0, 1);
}

static void fill_wraps_around(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), UINT64_MAX - 20, 44, 0, 0);
	show(d, 0, 1);
}

static void fill_huge(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE, 0xffffffff, 0, 0);
	show(d, 0, 1);
}

static void fill_wrong_direction(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + TX_OFFSET(0), 44, 2, 0);
	show(d, 0, 1);
}

static void fill_too_short(struct driver *d)
{
	put_desc(d, RING_OFFSET(TX), GUEST_BASE + TX_OFFSET(0), 43, 0, 0);
	show(d, 0, 1);
}

static void fill_table(struct driver *d, uint64_t address, uint32_t len, uint16_t flags)
{
	put_desc(d, RING_OFFSET(TX), address, len, flags, 1);
	show(d, 0, 1);
}

static void fill_table_size(struct driver *d)
{
	fill_table(d, GUEST_BASE + TABLE_OFFSET(TX, 0), 17, 4);
}

static void fill_table_empty(struct driver *d)
{
	fill_table(d, GUEST_BASE + TABLE_OFFSET(TX, 0), 0, 4);
}

static void fill_table_with_next(struct driver *d)
{
	fill_table(d, GUEST_BASE + TABLE_OFFSET(TX, 0), 32, 5);
}

static void fill_table_outside(struct driver *d)
{
	fill_table(d, GUEST_BASE + GUEST_MEMORY - 15, 16, 4);
}

static void fill_table_wraps(struct driver *d)
{
	fill_table(d, UINT64_MAX - 15, 32, 4);
}

static void fill_table_in_table(struct driver *d)
{
	put_desc(d, TABLE_OFFSET(TX, 0), GUEST_BASE + TABLE_OFFSET(TX, 0), 32, 4, 0);
	fill_table(d, GUEST_BASE + TABLE_OFFSET(TX, 0), 32, 4);
}

static void fill_table_next(struct driver *d)
{
	put_desc(d, TABLE_OFFSET(TX, 0), GUEST_BASE + TX_OFFSET(0), 44, 1, 2);
	fill_table(d, GUEST_BASE + TABLE_OFFSET(TX, 0), 32, 4);
}

static void test_hostile_descriptors(void)
{
	hostile(false, fill_index_jumps, "index jumps");
	hostile(false, fill_head_out_of_range, "out of range");
	hostile(false, fill_next_out_of_range, "out of range");
	hostile(false, fill_loop, "loop");
	hostile(false, fill_loop_of_bytes, "too many buffers");
	hostile(false, fill_outside, "outside memory");
	hostile(false, fill_past_the_end, "outside memory");
	hostile(false, fill_wraps_around, "wraps around");
	hostile(false, fill_huge, "outside memory");
	hostile(false, fill_wrong_direction, "wrong direction");
	hostile(false, fill_too_short, "packet of 43 bytes");
}

static void test_hostile_tables(void)
{
	hostile(false, fill_table_size, "where none may be");
	hostile(true, fill_table_size, "bad size");
	hostile(true, fill_table_empty, "bad size");
	hostile(true, fill_table_with_next, "behind an indirect table");
	hostile(true, fill_table_outside, "outside memory");
	hostile(true, fill_table_wraps, "wraps around");
	hostile(true, fill_table_in_table, "where none may be");
	hostile(true, fill_table_next, "out of range");
}

static void test_hostile_rx_buffers(void)
{
	static const uint32_t sizes[] = {0, 10, VSOCK_HEADER_SIZE};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct driver d;
		uint32_t port;
		int fd;

		driver_up(&d, true, true);
		fd = driver_connect(&d, 10, &port);
		settle_down(&d);
		/* All buffers that are offered become too small while nobody looks. */
		for (unsigned slot = 0; slot < slots(&d); slot++)
			put_desc(&d, RING_OFFSET(RX) + slot * 16, GUEST_BASE + RX_OFFSET(slot),
				 sizes[i], 2, 0);
		CHECK_INT(write(fd, "x", 1), ==, 1);
		WAIT_FOR(&d, d.failed);
		CHECK_CONTAINS(d.failed_message, "buffer");
		close(fd);
		driver_down(&d);
	}
}

static void raw_packet(struct driver *d, struct vsock_header h, uint32_t room)
{
	unsigned slot = tx_slot(d);

	vsock_header_encode(&h, d->mem + TX_OFFSET(slot));
	offer_parts(d, TX, slot, TX_OFFSET(slot), room);
}

static void test_hostile_packets(void)
{
	static const struct vsock_header good = {.src_cid = GUEST_CID,
						 .dst_cid = VSOCK_CID_HOST,
						 .type = VSOCK_TYPE_STREAM,
						 .src_port = 10};
	struct vsock_header h;
	struct driver d;
	uint32_t port;
	int fd;

	driver_up(&d, true, true);
	/* Other addresses: nobody answers. */
	h = good;
	h.op = VSOCK_OP_REQUEST;
	h.src_cid = 4;
	raw_packet(&d, h, 1);
	h = good;
	h.op = VSOCK_OP_REQUEST;
	h.dst_cid = 5;
	raw_packet(&d, h, 1);
	settle_down(&d);
	CHECK(!try_receive(&d, &p));
	/* An unknown type is answered by RST of that type (virtio 1.2, 5.10.6.4.1). */
	h = good;
	h.op = VSOCK_OP_REQUEST;
	h.type = 2;
	h.dst_port = 55;
	raw_packet(&d, h, 1);
	WAIT_FOR(&d, rx_used(&d));
	CHECK(vsock_header_decode(d.mem + RX_OFFSET(0), 0, &h) == -EPROTONOSUPPORT);
	CHECK(h.op == VSOCK_OP_RST && h.type == 2 && h.src_port == 55);
	CHECK_INT(take_used(&d, RX, NULL), ==, 0);
	/* A payload that is longer than its buffer ends the connection. */
	fd = driver_connect(&d, 10, &port);
	h = good;
	h.dst_port = port;
	h.op = VSOCK_OP_RW;
	h.len = 0xffffffff;
	raw_packet(&d, h, 100);
	expect(&d, &p, VSOCK_OP_RST);
	read_end(&d, fd);
	close(fd);
	/* So do operations that do not fit. */
	for (uint16_t op = 0; op < 12; op++) {
		if (op == VSOCK_OP_RST || op == VSOCK_OP_SHUTDOWN || op == VSOCK_OP_RW ||
		    op == VSOCK_OP_CREDIT_UPDATE || op == VSOCK_OP_CREDIT_REQUEST)
			continue;
		fd = driver_connect(&d, 10, &port);
		h = good;
		h.dst_port = port;
		h.op = op;
		raw_packet(&d, h, 1);
		expect(&d, &p, VSOCK_OP_RST);
		read_end(&d, fd);
		close(fd);
	}
	/* Credit that makes no sense holds bytes back, and no more than that. */
	fd = driver_connect(&d, 10, &port);
	h = good;
	h.dst_port = port;
	h.op = VSOCK_OP_CREDIT_UPDATE;
	h.buf_alloc = 1000;
	h.fwd_cnt = 0x80000000;
	raw_packet(&d, h, 1);
	settle_down(&d);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	settle_down(&d);
	CHECK(!try_receive(&d, &p));
	CHECK(!d.failed);
	CHECK_INT(vsock_device_connections(d.dev), ==, 1);
	close(fd);
	driver_down(&d);
}

static void send_bad(struct driver *d, uint32_t request, const void *payload, uint32_t size, int fd,
		     const char *message)
{
	driver_init(d, true, true);
	fe_send(d, request, 0, payload, size, &fd, fd >= 0);
	WAIT_FOR(d, d->failed);
	CHECK_CONTAINS(d->failed_message, message);
	driver_down(d);
}

static void test_front_end_errors(void)
{
	uint32_t state[2] = {9, 128}, big[2] = {0, 3};
	uint64_t word = 0x100, region[5] = {0, GUEST_BASE, UINT64_MAX - 4095, USER_BASE, 0};
	struct driver d;
	uint8_t zero[64] = {0};

	send_bad(&d, VHOST_USER_SET_VRING_NUM, state, 8, -1, "no virtqueue 9");
	send_bad(&d, VHOST_USER_SET_VRING_NUM, big, 8, -1, "3 entries");
	send_bad(&d, VHOST_USER_SET_VRING_NUM, state, 7, -1, "7 bytes");
	send_bad(&d, VHOST_USER_SET_VRING_KICK, &word, 8, -1, "without a kick");
	send_bad(&d, VHOST_USER_SET_VRING_KICK, &word, 8, 0, "descriptors");
	send_bad(&d, VHOST_USER_SET_FEATURES, "\0\0\0\0\0\0\0\1", 8, -1, "not offered");
	send_bad(&d, VHOST_USER_ADD_MEM_REG, region, sizeof(region), 0, "makes no sense");
	send_bad(&d, VHOST_USER_SET_MEM_TABLE, "\377\0\0\0\0\0\0\0", 8, -1, "payload");
	send_bad(&d, 6, zero, 16, -1, "unknown request 6");
	send_bad(&d, 200, zero, 64, 0, "unknown request 200");
	/* A header that no message has. */
	driver_init(&d, true, true);
	CHECK_INT(write(d.qemu, "\1\0\0\0\1\0\0\0\377\377\0\0", 12), ==, 12);
	WAIT_FOR(&d, d.failed);
	CHECK_CONTAINS(d.failed_message, "65535 bytes");
	driver_down(&d);
	/* Addresses outside memory are refused when the ring is to start; the answer says so. */
	driver_init(&d, true, true);
	fe_plug(&d);
	word = 0;
	CHECK_INT(fe_acked(&d, VHOST_USER_SET_VRING_KICK, &word, 8, d.kick[0]), ==, 1);
	CHECK(!d.failed);
	/* Messages in pieces are put together. */
	for (int i = 0; i < 12; i++) {
		CHECK_INT(write(d.qemu, &"\1\0\0\0\1\0\0\0\0\0\0"[i], 1), ==, 1);
		turn(&d);
	}
	CHECK_INT(fe_reply(&d, VHOST_USER_GET_FEATURES, &word, 8), ==, 8);
	driver_down(&d);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Whatever comes: no descriptor stays behind. Last, so that all before it is counted too. */
static void test_no_descriptors_left(void)
{
	int before = count_fds();

	test_hostile_packets();
	test_front_end_errors();
	test_hostile_rx_buffers();
	CHECK_INT(count_fds(), ==, before);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TEST_RUN(test_hostile_descriptors);
	TEST_RUN(test_hostile_tables);
	TEST_RUN(test_hostile_rx_buffers);
	TEST_RUN(test_hostile_packets);
	TEST_RUN(test_front_end_errors);
	TEST_RUN(test_no_descriptors_left);
	return test_end();
}
