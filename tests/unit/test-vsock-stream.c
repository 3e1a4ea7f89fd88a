// SPDX-License-Identifier: Apache-2.0
/* Bytes in bulk: all arrive, in order, once, and then the end does. */
#include <signal.h>

#include "tests/unit/test-vsock-driver.h"

#define BULK (100u << 20)

static struct packet p;

/* One direction of a stream: a generator at one end, a checker at the other. */
struct flow {
	uint64_t state_out, state_in;
	uint64_t sent, received, total;
};

static uint8_t next_byte(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint8_t)(*state >> 56);
}

static size_t flow_make(struct flow *f, uint8_t *to, size_t len)
{
	if (len > f->total - f->sent)
		len = (size_t)(f->total - f->sent);
	for (size_t i = 0; i < len; i++)
		to[i] = next_byte(&f->state_out);
	f->sent += len;
	return len;
}

static void flow_check(struct flow *f, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (from[i] != next_byte(&f->state_in))
			TEST_FAIL("byte %" PRIu64 " differs", f->received + i);
	f->received += len;
}

/* One connection: the client's end, and what the guest knows of it. */
struct stream {
	struct flow to_guest, to_host;
	uint8_t pending[65536]; /* what the client has made and the socket has not taken */
	size_t pending_start, pending_len;
	uint32_t tx_cnt, peer_buf_alloc, peer_fwd_cnt;
	uint32_t fwd_cnt, told;
	int fd;
	uint32_t guest_port, host_port;
	bool host_closed, guest_closed, got_shutdown, got_eof, reset;
};

static void stream_open(struct driver *d, struct stream *s, uint32_t port, uint64_t to_guest,
			uint64_t to_host)
{
	memset(s, 0, sizeof(*s));
	s->fd = driver_client(d, port);
	expect(d, &p, VSOCK_OP_REQUEST);
	s->guest_port = port;
	s->host_port = p.h.src_port;
	s->peer_buf_alloc = p.h.buf_alloc;
	s->to_guest.total = to_guest;
	s->to_host.total = to_host;
	transmit_op(d, VSOCK_OP_RESPONSE, port, s->host_port, 0, NULL, 0);
}

static void stream_op(struct driver *d, struct stream *s, uint16_t op, uint32_t flags,
		      const void *data, uint32_t len)
{
	d->fwd_cnt = s->fwd_cnt;
	s->told = s->fwd_cnt;
	transmit_op(d, op, s->guest_port, s->host_port, flags, data, len);
}

/* The client: writes and reads what it can. */
static bool client_step(struct stream *s)
{
	static uint8_t buffer[1 << 18];
	bool moved = false;
	ssize_t n;

	if (!s->pending_len) {
		s->pending_start = 0;
		s->pending_len = flow_make(&s->to_guest, s->pending, sizeof(s->pending));
	}
	if (s->pending_len) {
		n = write(s->fd, s->pending + s->pending_start, s->pending_len);
		if (n > 0) {
			s->pending_start += (size_t)n;
			s->pending_len -= (size_t)n;
			moved = true;
		}
	} else if (!s->host_closed) {
		shutdown(s->fd, SHUT_WR);
		s->host_closed = true;
	}
	n = read(s->fd, buffer, sizeof(buffer));
	if (n > 0)
		flow_check(&s->to_host, buffer, (size_t)n);
	s->got_eof = s->got_eof || n == 0;
	return moved || n > 0;
}

/* The guest: sends what the credit allows, in packets of odd sizes. */
static bool guest_step(struct driver *d, struct stream *s)
{
	static uint8_t buffer[65536];
	uint32_t room = s->peer_buf_alloc - (s->tx_cnt - s->peer_fwd_cnt);
	size_t len = 1 + (s->tx_cnt * 7919u) % 65536;

	if (s->guest_closed)
		return false;
	if (s->to_host.sent == s->to_host.total) {
		stream_op(d, s, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND, NULL, 0);
		s->guest_closed = true;
		return true;
	}
	if (!room)
		return false;
	len = flow_make(&s->to_host, buffer, len < room ? len : room);
	s->tx_cnt += (uint32_t)len;
	stream_op(d, s, VSOCK_OP_RW, 0, buffer, (uint32_t)len);
	return true;
}

static void guest_packet(struct driver *d, struct stream *s)
{
	s->peer_buf_alloc = p.h.buf_alloc;
	s->peer_fwd_cnt = p.h.fwd_cnt;
	if (p.h.op == VSOCK_OP_RW) {
		CHECK(!s->got_shutdown);
		flow_check(&s->to_guest, p.data, p.h.len);
		s->fwd_cnt += p.h.len;
		if (s->fwd_cnt - s->told > d->buf_alloc / 2)
			stream_op(d, s, VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	} else if (p.h.op == VSOCK_OP_SHUTDOWN) {
		CHECK_INT(s->to_guest.received, ==, s->to_guest.total);
		s->got_shutdown = true;
		if (p.h.flags == VSOCK_SHUTDOWN_BOTH) {
			stream_op(d, s, VSOCK_OP_RST, 0, NULL, 0);
			s->reset = true;
		}
	} else {
		CHECK_INT(p.h.op, ==, VSOCK_OP_CREDIT_UPDATE);
	}
}

static bool stream_ended(const struct stream *s)
{
	return s->got_eof && s->got_shutdown && s->guest_closed;
}

static void run(struct driver *d, struct stream *streams, size_t n, bool (*stop)(struct stream *))
{
	uint64_t idle_since = loop_now();

	for (;;) {
		bool moved = false, done = true;

		for (size_t i = 0; i < n; i++) {
			moved = client_step(&streams[i]) || moved;
			moved = guest_step(d, &streams[i]) || moved;
			done = done && stream_ended(&streams[i]);
		}
		while (try_receive(d, &p)) {
			struct stream *s = NULL;

			for (size_t i = 0; i < n; i++)
				if (streams[i].host_port == p.h.src_port)
					s = &streams[i];
			CHECK(s);
			guest_packet(d, s);
			moved = true;
		}
		if (done || (stop && stop(streams)))
			return;
		if (moved)
			idle_since = loop_now();
		else if (loop_now() > idle_since + WAIT_TIME)
			TEST_FAIL("stuck: %" PRIu64 " bytes to the guest, %" PRIu64 " to the host",
				  streams[0].to_guest.received, streams[0].to_host.received);
		(void)loop_iterate(d->loop, moved ? 0 : loop_now() + USEC_PER_MSEC);
	}
}

static void finish(struct driver *d, struct stream *streams, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CHECK_INT(streams[i].to_guest.received, ==, streams[i].to_guest.total);
		CHECK_INT(streams[i].to_host.received, ==, streams[i].to_host.total);
		close(streams[i].fd);
		if (streams[i].reset)
			continue;
		stream_op(d, &streams[i], VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	}
	WAIT_FOR(d, !vsock_device_connections(d->dev));
	CHECK(!d->failed);
}

static void bulk(bool indirect, bool event_idx, uint64_t to_guest, uint64_t to_host)
{
	static struct stream s;
	struct driver d;

	driver_up(&d, indirect, event_idx);
	stream_open(&d, &s, 10, to_guest, to_host);
	run(&d, &s, 1, NULL);
	finish(&d, &s, 1);
	driver_down(&d);
}

static void test_bulk_both_ways(void)
{
	bulk(true, true, BULK, BULK);
}

static void test_bulk_to_the_guest(void)
{
	bulk(true, true, BULK, 0);
}

static void test_bulk_to_the_host(void)
{
	bulk(false, true, 0, BULK);
}

static void test_without_event_idx(void)
{
	bulk(true, false, BULK / 8, BULK / 8);
	bulk(false, false, BULK / 8, BULK / 8);
}

static void test_many_streams(void)
{
	enum { MANY = 16 };
	static struct stream s[MANY];
	struct driver d;

	driver_up(&d, true, true);
	d.buf_alloc = 20000;
	for (uint32_t i = 0; i < MANY; i++)
		stream_open(&d, &s[i], 100 + i, 100000 * i, 3000000 / (i + 1));
	run(&d, s, MANY, NULL);
	finish(&d, s, MANY);
	driver_down(&d);
}

static bool half_way(struct stream *s)
{
	return s->to_guest.received > BULK / 20 && s->to_host.received > BULK / 20;
}

/* Stopped amid the flow, and started where it stopped: not a byte is lost or comes twice. */
static void test_pause_while_bytes_flow(void)
{
	static struct stream s;
	struct driver d;

	driver_up(&d, true, true);
	stream_open(&d, &s, 10, BULK / 10, BULK / 10);
	run(&d, &s, 1, half_way);
	for (int i = 0; i < 5; i++) {
		uint32_t rx = fe_get_base(&d, RX), tx = fe_get_base(&d, TX);

		settle_down(&d);
		fe_start_rings(&d, rx, tx);
		(void)client_step(&s);
		turn(&d);
	}
	run(&d, &s, 1, NULL);
	finish(&d, &s, 1);
	driver_down(&d);
}

/* Unplugged amid the flow, the front end gone: what the guest has sent arrives, then the end. */
static void test_unplug_while_bytes_flow(void)
{
	static struct stream s;
	struct driver d;

	driver_up(&d, true, true);
	stream_open(&d, &s, 10, BULK, BULK);
	run(&d, &s, 1, half_way);
	shutdown(d.qemu, SHUT_RDWR);
	WAIT_FOR(&d, d.failed);
	s.to_guest.total = s.to_guest.sent;
	s.pending_len = 0;
	while (!s.got_eof) {
		uint8_t byte;
		ssize_t n = recv(s.fd, &byte, 1, MSG_PEEK);

		/* Bytes of ours that nobody will read make this a reset, after the last byte. */
		if (n < 0 && errno == ECONNRESET)
			break;
		(void)client_step(&s);
		turn(&d);
	}
	CHECK_INT(s.to_host.received, ==, s.to_host.sent);
	CHECK_INT(vsock_device_connections(d.dev), ==, 0);
	close(s.fd);
	driver_down(&d);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TEST_RUN(test_bulk_both_ways);
	TEST_RUN(test_bulk_to_the_guest);
	TEST_RUN(test_bulk_to_the_host);
	TEST_RUN(test_without_event_idx);
	TEST_RUN(test_many_streams);
	TEST_RUN(test_pause_while_bytes_flow);
	TEST_RUN(test_unplug_while_bytes_flow);
	return test_end();
}
