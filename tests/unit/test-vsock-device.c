// SPDX-License-Identifier: Apache-2.0
/* The vsock device between clients of the host and a well-behaved guest. */
#include <signal.h>

#include "tests/unit/test-vsock-driver.h"

static struct packet p;

static int listen_at(struct driver *d, const char *name)
{
	int fd = socket_listen_at(d->dirfd, name, SOCK_STREAM | SOCK_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

static int dial(struct driver *d, const char *name, const char *text)
{
	int fd = socket_connect_at(d->dirfd, name, SOCK_STREAM | SOCK_NONBLOCK);

	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, strlen(text)), ==, strlen(text));
	return fd;
}

static void test_client_waits_for_the_driver(void)
{
	struct driver d;
	uint32_t port;
	char ok[32];
	int fd;

	driver_init(&d, true, true);
	vsock_device_listen(d.dev, listen_at(&d, "vsock.sock"), 0);
	/* What follows the line is the guest's, also when it comes in one piece. */
	fd = dial(&d, "vsock.sock", "CONNECT 1024\nhello");
	settle_down(&d);
	fe_plug(&d);
	driver_start(&d);
	expect(&d, &p, VSOCK_OP_REQUEST);
	CHECK_INT(p.h.dst_port, ==, 1024);
	CHECK_INT(p.h.buf_alloc, >=, 65536);
	port = p.h.src_port;
	transmit_op(&d, VSOCK_OP_RESPONSE, 1024, port, 0, NULL, 0);
	snprintf(ok, sizeof(ok), "OK %u\n", port);
	read_text(&d, fd, ok);
	expect(&d, &p, VSOCK_OP_RW);
	CHECK_INT(p.h.len, ==, 5);
	CHECK(memcmp(p.data, "hello", 5) == 0);
	transmit_op(&d, VSOCK_OP_RW, 1024, port, 0, "world", 5);
	read_text(&d, fd, "world");
	close(fd);
	expect(&d, &p, VSOCK_OP_SHUTDOWN);
	CHECK_INT(p.h.flags, ==, VSOCK_SHUTDOWN_BOTH);
	CHECK_INT(vsock_device_connections(d.dev), ==, 1);
	transmit_op(&d, VSOCK_OP_RST, 1024, port, 0, NULL, 0);
	WAIT_FOR(&d, !vsock_device_connections(d.dev));
	driver_down(&d);
}

static void test_client_is_refused(void)
{
	struct driver d;
	int fd, direct;

	driver_up(&d, true, true);
	vsock_device_listen(d.dev, listen_at(&d, "vsock.sock"), 0);
	vsock_device_listen(d.dev, listen_at(&d, "vminitd.sock"), 1024);
	fd = dial(&d, "vsock.sock", "CONNECT 7\n");
	expect(&d, &p, VSOCK_OP_REQUEST);
	transmit_op(&d, VSOCK_OP_RST, 7, p.h.src_port, 0, NULL, 0);
	read_end(&d, fd);
	close(fd);
	direct = dial(&d, "vminitd.sock", "");
	expect(&d, &p, VSOCK_OP_REQUEST);
	CHECK_INT(p.h.dst_port, ==, 1024);
	transmit_op(&d, VSOCK_OP_RST, 1024, p.h.src_port, 0, NULL, 0);
	read_end(&d, direct);
	close(direct);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	driver_down(&d);
}

static void test_connect_lines(void)
{
	static const char *const bad[] = {"GET / HTTP/1.1\r\n",
					  "CONNECT \n",
					  "CONNECT x\n",
					  "CONNECT 4294967295\n",
					  "CONNECT 99999999999999999999999\n",
					  "CONNECT 1 \n",
					  "CONNECT 000000000000000000000000000000001\n",
					  "CONNECTED",
					  "\n"};
	struct driver d;
	int slow, fd;

	driver_up(&d, false, false);
	vsock_device_listen(d.dev, listen_at(&d, "vsock.sock"), 0);
	slow = dial(&d, "vsock.sock", "CONN");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = dial(&d, "vsock.sock", bad[i]);
		read_end(&d, fd);
		close(fd);
	}
	/* A client that goes away with half a line leaves nothing behind. */
	fd = dial(&d, "vsock.sock", "CONNECT 5");
	settle_down(&d);
	CHECK_INT(vsock_device_connections(d.dev), ==, 2);
	close(fd);
	WAIT_FOR(&d, vsock_device_connections(d.dev) == 1);
	CHECK_INT(write(slow, "ECT 9\n", 6), ==, 6);
	expect(&d, &p, VSOCK_OP_REQUEST);
	CHECK_INT(p.h.dst_port, ==, 9);
	close(slow);
	expect(&d, &p, VSOCK_OP_RST);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	driver_down(&d);
}

static void test_guest_connects(void)
{
	struct driver d;
	int listener, fd = -1;

	driver_up(&d, true, true);
	transmit_op(&d, VSOCK_OP_REQUEST, 900, 5000, 0, NULL, 0);
	expect(&d, &p, VSOCK_OP_RST);
	CHECK(p.h.src_port == 5000 && p.h.dst_port == 900);
	listener = listen_at(&d, "vsock.sock_5000");
	transmit_op(&d, VSOCK_OP_REQUEST, 900, 5000, 0, NULL, 0);
	expect(&d, &p, VSOCK_OP_RESPONSE);
	WAIT_FOR(&d, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	transmit_op(&d, VSOCK_OP_RW, 900, 5000, 0, "from the guest", 14);
	read_text(&d, fd, "from the guest");
	CHECK_INT(write(fd, "to it", 5), ==, 5);
	expect(&d, &p, VSOCK_OP_RW);
	CHECK(p.h.len == 5 && !memcmp(p.data, "to it", 5));
	/* A client that closes while the last bytes are under way loses none of them. */
	transmit_op(&d, VSOCK_OP_RW, 900, 5000, 0, "last", 4);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 900, 5000, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	expect(&d, &p, VSOCK_OP_RST);
	read_text(&d, fd, "last");
	read_end(&d, fd);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	/* Packets for nobody are answered by RST, and a RST by nothing. */
	transmit_op(&d, VSOCK_OP_RW, 900, 5000, 0, "x", 1);
	expect(&d, &p, VSOCK_OP_RST);
	transmit_op(&d, VSOCK_OP_RST, 900, 5000, 0, NULL, 0);
	settle_down(&d);
	CHECK(!try_receive(&d, &p));
	close(fd);
	close(listener);
	driver_down(&d);
}

static void test_half_close_by_the_host(void)
{
	struct driver d;
	uint32_t port;
	int fd;

	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	CHECK_INT(write(fd, "question", 8), ==, 8);
	shutdown(fd, SHUT_WR);
	expect(&d, &p, VSOCK_OP_RW);
	CHECK_INT(p.h.len, ==, 8);
	expect(&d, &p, VSOCK_OP_SHUTDOWN);
	CHECK_INT(p.h.flags, ==, VSOCK_SHUTDOWN_SEND);
	transmit_op(&d, VSOCK_OP_RW, 10, port, 0, "answer", 6);
	read_text(&d, fd, "answer");
	transmit_op(&d, VSOCK_OP_RW, 10, port, 0, "!", 1);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 10, port, VSOCK_SHUTDOWN_SEND, NULL, 0);
	read_text(&d, fd, "!");
	read_end(&d, fd);
	/* Both halves have ended: the guest is told and resets. */
	expect(&d, &p, VSOCK_OP_SHUTDOWN);
	CHECK_INT(p.h.flags, ==, VSOCK_SHUTDOWN_BOTH);
	transmit_op(&d, VSOCK_OP_RST, 10, port, 0, NULL, 0);
	WAIT_FOR(&d, !vsock_device_connections(d.dev));
	close(fd);
	driver_down(&d);
}

static void test_half_close_by_the_guest(void)
{
	struct driver d;
	uint32_t port;
	int fd;

	driver_up(&d, false, true);
	fd = driver_connect(&d, 10, &port);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 10, port, VSOCK_SHUTDOWN_SEND, NULL, 0);
	read_end(&d, fd);
	CHECK_INT(write(fd, "still", 5), ==, 5);
	expect(&d, &p, VSOCK_OP_RW);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 10, port, VSOCK_SHUTDOWN_RECEIVE, NULL, 0);
	expect(&d, &p, VSOCK_OP_RST);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	close(fd);
	/* The guest reads no more: the client notices when it writes. */
	fd = driver_connect(&d, 10, &port);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 10, port, VSOCK_SHUTDOWN_RECEIVE, NULL, 0);
	settle_down(&d);
	CHECK_INT(send(fd, "x", 1, MSG_NOSIGNAL), ==, -1);
	CHECK_INT(errno, ==, EPIPE);
	close(fd);
	driver_down(&d);
}

static void test_reader_goes_away(void)
{
	struct driver d;
	uint32_t port;
	int fd;

	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	CHECK_INT(write(fd, "bye", 3), ==, 3);
	close(fd);
	/* Its bytes go first or last, but they go; then, or before, that nobody reads. */
	receive(&d, &p);
	if (p.h.op == VSOCK_OP_SHUTDOWN) {
		CHECK_INT(p.h.flags, ==, VSOCK_SHUTDOWN_RECEIVE);
		receive(&d, &p);
	}
	CHECK_INT(p.h.op, ==, VSOCK_OP_RW);
	CHECK_INT(p.h.len, ==, 3);
	expect(&d, &p, VSOCK_OP_SHUTDOWN);
	CHECK_INT(p.h.flags, ==, VSOCK_SHUTDOWN_BOTH);
	/* What the guest still sends disappears; its own end is answered. */
	transmit_op(&d, VSOCK_OP_RW, 10, port, 0, "lost", 4);
	transmit_op(&d, VSOCK_OP_SHUTDOWN, 10, port, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	expect(&d, &p, VSOCK_OP_RST);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	driver_down(&d);
}

static void test_credit_of_the_guest(void)
{
	static uint8_t block[65536];
	struct driver d;
	uint32_t port, sent = 0;
	size_t got = 0;
	ssize_t n;
	int fd;

	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	/* Nobody reads: 256 KiB are kept and what the socket holds; updates come as room is made. */
	for (;;) {
		while (try_receive(&d, &p))
			CHECK_INT(p.h.op, ==, VSOCK_OP_CREDIT_UPDATE);
		if (p.h.op == VSOCK_OP_REQUEST)
			p.h.fwd_cnt = 0;
		if (p.h.buf_alloc - (sent - p.h.fwd_cnt) < sizeof(block))
			break;
		memset(block, (int)(sent >> 16), sizeof(block));
		transmit_op(&d, VSOCK_OP_RW, 10, port, 0, block, sizeof(block));
		sent += sizeof(block);
		settle_down(&d);
	}
	CHECK(sent >= 256u << 10 && sent <= 1u << 20);
	while (got < sent) {
		n = read(fd, block, sizeof(block));
		CHECK(n > 0 || errno == EAGAIN);
		for (ssize_t i = 0; i < n; i++, got++)
			CHECK_INT(block[i], ==, got >> 16);
		turn(&d);
	}
	while (try_receive(&d, &p))
		;
	CHECK(sent - p.h.fwd_cnt <= p.h.buf_alloc / 2);
	transmit_op(&d, VSOCK_OP_CREDIT_REQUEST, 10, port, 0, NULL, 0);
	expect(&d, &p, VSOCK_OP_CREDIT_UPDATE);
	CHECK_INT(p.h.fwd_cnt, ==, sent);
	/* Beyond the credit: the connection is reset, the device goes on. */
	do {
		transmit_op(&d, VSOCK_OP_RW, 10, port, 0, block, sizeof(block));
		sent += sizeof(block);
		settle_down(&d);
	} while (!try_receive(&d, &p) || p.h.op == VSOCK_OP_CREDIT_UPDATE);
	CHECK_INT(p.h.op, ==, VSOCK_OP_RST);
	CHECK(!d.failed);
	close(fd);
	driver_down(&d);
}

/* Linux sends no more than its own buffer holds, however large that of the host is. */
static void test_guest_with_a_small_buffer(void)
{
	static const char text[4096] = "";
	char got[4096];
	struct driver d;
	uint32_t port;
	int fd;

	driver_init(&d, true, true);
	d.buf_alloc = sizeof(text);
	fe_plug(&d);
	driver_start(&d);
	fd = driver_connect(&d, 10, &port);
	for (unsigned i = 0; i < 10; i++) {
		transmit_op(&d, VSOCK_OP_RW, 10, port, 0, text, sizeof(text));
		WAIT_FOR(&d, read(fd, got, sizeof(got)) > 0);
		expect(&d, &p, VSOCK_OP_CREDIT_UPDATE);
		CHECK_INT(p.h.fwd_cnt, ==, (i + 1) * sizeof(text));
	}
	close(fd);
	driver_down(&d);
}

static void test_credit_of_the_host(void)
{
	static uint8_t block[65536];
	struct driver d;
	uint32_t port, got = 0;
	int fd;

	driver_init(&d, true, true);
	d.buf_alloc = 10000;
	fe_plug(&d);
	driver_start(&d);
	fd = driver_connect(&d, 10, &port);
	CHECK_INT(write(fd, block, sizeof(block)), ==, sizeof(block));
	settle_down(&d);
	while (try_receive(&d, &p)) {
		CHECK_INT(p.h.op, ==, VSOCK_OP_RW);
		got += p.h.len;
	}
	CHECK_INT(got, ==, 10000);
	/* It asks after a while, for the case that the guest forgot to tell. */
	expect(&d, &p, VSOCK_OP_CREDIT_REQUEST);
	while (got < sizeof(block)) {
		d.fwd_cnt = got;
		transmit_op(&d, VSOCK_OP_CREDIT_UPDATE, 10, port, 0, NULL, 0);
		settle_down(&d);
		while (try_receive(&d, &p))
			got += p.h.len;
		CHECK(got - d.fwd_cnt <= d.buf_alloc);
	}
	CHECK_INT(got, ==, sizeof(block));
	close(fd);
	driver_down(&d);
}

static void test_no_buffers_of_the_guest(void)
{
	struct driver d;
	uint32_t port;
	unsigned rsts = 0;
	int fd, other;

	/* Quiet: buffers are not offered again until rx_fill(). */
	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	d.quiet = true;
	for (unsigned i = 0; i < 400; i++) {
		/* More RSTs are due than there are buffers and places: the tx ring waits, for a while. */
		if (d.q[TX].busy == slots(&d))
			break;
		transmit_op(&d, VSOCK_OP_RW, 77, 77, 0, "x", 1);
		settle_down(&d);
		while (take_used(&d, TX, NULL) >= 0)
			;
	}
	CHECK_INT(d.q[TX].busy, ==, slots(&d));
	CHECK_INT(write(fd, "data", 4), ==, 4);
	other = driver_client(&d, 11);
	settle_down(&d);
	for (int round = 0; round < 20; round++) {
		while (try_receive(&d, &p))
			rsts += p.h.op == VSOCK_OP_RST;
		rx_fill(&d);
		settle_down(&d);
	}
	CHECK(rsts > 256);
	while (take_used(&d, TX, NULL) >= 0)
		;
	CHECK_INT(d.q[TX].busy, ==, 0);
	d.quiet = false;
	CHECK(!d.failed);
	close(fd);
	close(other);
	driver_down(&d);
}

static void test_pause_and_reset(void)
{
	struct driver d;
	uint32_t port, rx, tx;
	int fd, waiting;

	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	settle_down(&d);
	/* Paused with a packet in the ring that nobody was told of: it is not lost. */
	CHECK_INT(write(fd, "one", 3), ==, 3);
	rx = fe_get_base(&d, RX);
	tx = fe_get_base(&d, TX);
	fe_state(&d, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	d.ready = false;
	settle_down(&d);
	fe_start_rings(&d, rx, tx);
	expect(&d, &p, VSOCK_OP_RW);
	CHECK(!d.ready);
	transmit_op(&d, VSOCK_OP_RW, 10, port, 0, "two", 3);
	read_text(&d, fd, "two");
	/* What is in the ring when it stops is taken before it does. */
	transmit_op(&d, VSOCK_OP_RW, 10, port, 0, "three", 5);
	fe_state(&d, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	fe_state(&d, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	CHECK_INT(fe_get_base(&d, RX), ==, rx + 1);
	CHECK_INT(fe_get_base(&d, TX), ==, tx + 2);
	read_text(&d, fd, "three");
	/* The guest boots again: its connections are gone, who waits goes on waiting. */
	(void)fe_get_base(&d, RX);
	(void)fe_get_base(&d, TX);
	waiting = driver_client(&d, 20);
	driver_reset(&d);
	fe_start_rings(&d, 0, 0);
	rx_fill(&d);
	read_end(&d, fd);
	WAIT_FOR(&d, d.ready);
	expect(&d, &p, VSOCK_OP_REQUEST);
	CHECK_INT(p.h.dst_port, ==, 20);
	CHECK_INT(vsock_device_connections(d.dev), ==, 1);
	close(fd);
	/* Unplugged and plugged again: QEMU 7.2 adds memory that it has not removed. */
	(void)fe_get_base(&d, RX);
	(void)fe_get_base(&d, TX);
	fe_plug(&d);
	driver_reset(&d);
	d.ready = false;
	driver_start(&d);
	CHECK(d.ready && !d.failed);
	read_end(&d, waiting);
	fd = driver_connect(&d, 10, &port);
	close(fd);
	close(waiting);
	driver_down(&d);
}

static void test_last_words(void)
{
	static uint8_t block[65536];
	struct driver d;
	uint32_t port;
	size_t got = 0;
	ssize_t n = 1;
	int fd, idle;

	driver_up(&d, true, true);
	fd = driver_connect(&d, 10, &port);
	idle = driver_client(&d, 11);
	settle_down(&d);
	/* More than a socket holds, and QEMU is gone before the device has looked. */
	for (int i = 0; i < 4; i++)
		transmit_op(&d, VSOCK_OP_RW, 10, port, 0, block, sizeof(block));
	shutdown(d.qemu, SHUT_RDWR);
	WAIT_FOR(&d, d.failed);
	CHECK_CONTAINS(d.failed_message, "hung up");
	read_end(&d, idle);
	CHECK_INT(vsock_device_connections(d.dev), ==, 1);
	while (n != 0) {
		n = read(fd, block, sizeof(block));
		CHECK(n >= 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		turn(&d);
	}
	CHECK_INT(got, ==, 4 * sizeof(block));
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	CHECK_INT(vsock_device_connect(d.dev, 1, dup(0)), ==, -ESHUTDOWN);
	close(fd);
	close(idle);
	driver_down(&d);
}

static void test_memory_hot_plug(void)
{
	struct driver d;
	uint32_t port;
	int fd;

	driver_init(&d, true, true);
	fe_plug(&d);
	fe_set(&d, VHOST_USER_SET_FEATURES, UINT64_C(0x170000000), -1);
	/* The rings in one region, the buffers for reading in two others that meet within one. */
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, 0, 0x101000, true), ==, 0);
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, 0x101000, 0x200000, true), ==, 0);
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, 0x301000, GUEST_MEMORY - 0x301000, true),
		  ==, 0);
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, 0x300000, 0x2000, true), !=, 0);
	CHECK_INT(fe_region(&d, VHOST_USER_REM_MEM_REG, 0x300000, 0x2000, false), !=, 0);
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, GUEST_MEMORY, 4096, true), !=, 0);
	fe_start_rings(&d, 0, 0);
	rx_fill(&d);
	fd = driver_connect(&d, 10, &port);
	/* While a region is exchanged for another nothing breaks, whatever uses it. */
	CHECK_INT(fe_region(&d, VHOST_USER_REM_MEM_REG, 0x101000, 0x200000, true), ==, 0);
	CHECK_INT(write(fd, "early", 5), ==, 5);
	turn(&d);
	turn(&d);
	CHECK_INT(fe_region(&d, VHOST_USER_ADD_MEM_REG, 0x101000, 0x200000, true), ==, 0);
	expect(&d, &p, VSOCK_OP_RW);
	CHECK(!d.failed);
	close(fd);
	driver_down(&d);
}

static void test_many_connections(void)
{
	enum { MANY = 300 };
	static int fds[MANY];
	static uint32_t ports[MANY];
	struct driver d;

	driver_up(&d, true, true);
	for (int i = 0; i < MANY; i++)
		fds[i] = driver_connect(&d, (uint32_t)(100 + i), &ports[i]);
	settle_down(&d);
	CHECK_INT(vsock_device_connections(d.dev), ==, MANY);
	for (int i = 0; i < MANY; i++)
		CHECK_INT(write(fds[i], &i, sizeof(i)), ==, sizeof(i));
	for (int i = 0; i < MANY; i++) {
		uint32_t which;

		expect(&d, &p, VSOCK_OP_RW);
		CHECK_INT(p.h.len, ==, 4);
		memcpy(&which, p.data, 4);
		CHECK_INT(p.h.dst_port, ==, 100 + which);
		CHECK_INT(p.h.src_port, ==, ports[which]);
	}
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	for (int i = 0; i < MANY; i++) {
		expect(&d, &p, VSOCK_OP_SHUTDOWN);
		if (p.h.flags == VSOCK_SHUTDOWN_BOTH)
			transmit_op(&d, VSOCK_OP_RST, p.h.dst_port, p.h.src_port, 0, NULL, 0);
	}
	WAIT_FOR(&d, !vsock_device_connections(d.dev));
	driver_down(&d);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TEST_RUN(test_client_waits_for_the_driver);
	TEST_RUN(test_client_is_refused);
	TEST_RUN(test_connect_lines);
	TEST_RUN(test_guest_connects);
	TEST_RUN(test_half_close_by_the_host);
	TEST_RUN(test_half_close_by_the_guest);
	TEST_RUN(test_reader_goes_away);
	TEST_RUN(test_credit_of_the_guest);
	TEST_RUN(test_guest_with_a_small_buffer);
	TEST_RUN(test_credit_of_the_host);
	TEST_RUN(test_no_buffers_of_the_guest);
	TEST_RUN(test_pause_and_reset);
	TEST_RUN(test_last_words);
	TEST_RUN(test_memory_hot_plug);
	TEST_RUN(test_many_connections);
	return test_end();
}
