// SPDX-License-Identifier: Apache-2.0
#include "vsock/vsock-connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/log.h"

#define DUE(op) (1u << (op))

/* Both events are edges; EPOLLOUT is only asked for while a write is blocked. */
#define WATCH_READ  (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define WATCH_WRITE (WATCH_READ | EPOLLOUT)

struct vsock_connection *vsock_connection_new(struct loop *loop, int fd, enum vsock_state state,
					      uint32_t buf_alloc, loop_fn *fn, void *data)
{
	struct vsock_connection *c = xnew(struct vsock_connection);

	c->data = data;
	c->fd = fd;
	c->state = state;
	c->due = DUE(state == VSOCK_CONNECTING ? VSOCK_OP_REQUEST : VSOCK_OP_RESPONSE);
	c->request_sent = state != VSOCK_CONNECTING;
	c->buf_alloc = buf_alloc;
	c->batch = 1;
	/* Bytes may be there already, for which there would be no edge. */
	c->readable = true;
	c->source = loop_add_fd(loop, fd, WATCH_READ, fn, c);
	return c;
}

static void close_socket(struct vsock_connection *c)
{
	loop_remove(c->source);
	c->source = NULL;
	c->fd = close_keep_errno(c->fd);
	free(c->buffer);
	c->buffer = NULL;
	c->buffer_len = 0;
}

void vsock_connection_free(struct vsock_connection *c)
{
	close_socket(c);
	free(c);
}

static void watch_write(struct vsock_connection *c, bool on)
{
	if (c->write_blocked == on)
		return;
	c->write_blocked = on;
	if (!c->hung_up)
		loop_set_events(c->source, on ? WATCH_WRITE : WATCH_READ);
}

/* The host's reader is gone: what waits for it is dropped, and counts as taken. */
static void stop_writing(struct vsock_connection *c)
{
	c->no_write = true;
	c->fwd_cnt += (uint32_t)c->buffer_len;
	c->buffer_len = 0;
	free(c->buffer);
	c->buffer = NULL;
	if (c->fd >= 0)
		watch_write(c, false);
}

/*
 * Whatever has happened, look at what follows from the ends that both sides have reached. All
 * transitions but those of RESPONSE and RST are made here.
 */
static void settle(struct vsock_connection *c)
{
	unsigned wanted;

	if (c->state == VSOCK_OPEN && c->shutdown_received == VSOCK_SHUTDOWN_BOTH) {
		/* virtio 1.2, 5.10.6.6: a clean disconnect is answered by RST. */
		c->due = DUE(VSOCK_OP_RST);
		c->state = VSOCK_DRAINING;
	}
	if (c->state == VSOCK_DRAINING) {
		if (c->buffer_len && !c->no_write)
			return;
		close_socket(c);
		c->state = VSOCK_DEAD;
		return;
	}
	if (c->state != VSOCK_OPEN)
		return;
	if ((c->shutdown_received & VSOCK_SHUTDOWN_SEND) && !c->buffer_len && !c->no_write) {
		(void)shutdown(c->fd, SHUT_WR);
		c->no_write = true;
	}
	wanted = (c->eof ? VSOCK_SHUTDOWN_SEND : 0) |
		 (c->no_write && !(c->shutdown_received & VSOCK_SHUTDOWN_SEND)
			  ? VSOCK_SHUTDOWN_RECEIVE
			  : 0);
	/* Both halves of the unix socket have ended, each in its own way: tell the guest so. */
	if (c->eof && c->hung_up)
		wanted = VSOCK_SHUTDOWN_BOTH;
	if (wanted & ~c->shutdown_sent)
		c->due |= DUE(VSOCK_OP_SHUTDOWN);
	c->shutdown_sent |= wanted;
	if (c->shutdown_sent == VSOCK_SHUTDOWN_BOTH && c->eof) {
		close_socket(c);
		c->state = VSOCK_LINGERING;
	}
}

static bool send_blocked(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Writes what waits. */
static void flush_buffer(struct vsock_connection *c)
{
	while (c->buffer_len && !c->no_write) {
		size_t first = c->buf_alloc - c->buffer_start;
		struct iovec iov[2];
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};
		ssize_t n;

		if (first > c->buffer_len)
			first = c->buffer_len;
		iov[0] = (struct iovec){c->buffer + c->buffer_start, first};
		if (first < c->buffer_len) {
			iov[1] = (struct iovec){c->buffer, c->buffer_len - first};
			msg.msg_iovlen = 2;
		}
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (send_blocked(n)) {
			watch_write(c, true);
			return;
		}
		if (n < 0) {
			stop_writing(c);
			break;
		}
		c->buffer_start = (c->buffer_start + (size_t)n) % c->buf_alloc;
		c->buffer_len -= (size_t)n;
		c->fwd_cnt += (uint32_t)n;
	}
	if (c->buffer_len)
		return;
	free(c->buffer);
	c->buffer = NULL;
	watch_write(c, false);
}

/* Keeps what the socket did not take. There is room: the guest's credit has been checked. */
static bool buffer_append(struct vsock_connection *c, const struct iovec *iov, size_t n_iov,
			  size_t skip)
{
	if (!c->buffer) {
		/* The guest makes these come and go, so failure is an end of this connection alone. */
		c->buffer = malloc(c->buf_alloc);
		c->buffer_start = 0;
		if (!c->buffer)
			return false;
	}
	for (size_t i = 0; i < n_iov; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t len = iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		p += skip;
		len -= skip;
		skip = 0;
		while (len) {
			size_t end = (c->buffer_start + c->buffer_len) % c->buf_alloc;
			size_t part = c->buf_alloc - end;

			if (part > len)
				part = len;
			memcpy(c->buffer + end, p, part);
			c->buffer_len += part;
			p += part;
			len -= part;
		}
	}
	return true;
}

static void take_payload(struct vsock_connection *c, const struct vsock_header *h,
			 const struct iovec *iov, size_t n_iov)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n_iov};
	ssize_t n = 0;

	if (h->len > c->buf_alloc - (c->rx_cnt - c->fwd_cnt)) {
		vsock_connection_reset(c);
		return;
	}
	c->rx_cnt += h->len;
	if (!h->len)
		return;
	if (!c->no_write && !c->buffer_len) {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && !send_blocked(n))
			stop_writing(c);
		if (n < 0)
			n = 0;
	}
	if (c->no_write) {
		c->fwd_cnt += h->len;
		return;
	}
	c->fwd_cnt += (uint32_t)n;
	if ((size_t)n == h->len)
		return;
	if (!buffer_append(c, iov, n_iov, (size_t)n)) {
		vsock_connection_reset(c);
		return;
	}
	watch_write(c, true);
}

/*
 * Tell the guest of free room when it sees less than half of it. It waits only when it sees none,
 * so this comes in time, and not more often than twice a buffer. Linux uses no more of our buffer
 * than its own socket has (since early 2026, also in 6.1): half of the smaller one is meant.
 */
static void update_credit(struct vsock_connection *c)
{
	uint32_t untold = c->fwd_cnt - c->told_fwd_cnt;
	uint32_t window = c->buf_alloc < c->peer_buf_alloc ? c->buf_alloc : c->peer_buf_alloc;

	if (c->state == VSOCK_OPEN && untold && untold >= window / 2)
		c->due |= DUE(VSOCK_OP_CREDIT_UPDATE);
}

static void answer_client(struct vsock_connection *c)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "OK %" PRIu32 "\n", c->host_port);

	/* The first bytes ever written to it, so they fit; and if not, the client is gone. */
	if (send(c->fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		stop_writing(c);
	c->answer_ok = false;
}

static void packet_connecting(struct vsock_connection *c, const struct vsock_header *h)
{
	switch (h->op) {
	case VSOCK_OP_RESPONSE:
		if (!c->request_sent)
			break;
		c->state = VSOCK_OPEN;
		if (c->answer_ok)
			answer_client(c);
		return;
	case VSOCK_OP_RST:
		vsock_connection_forget(c);
		return;
	default:
		break;
	}
	vsock_connection_reset(c);
}

static void packet_open(struct vsock_connection *c, const struct vsock_header *h,
			const struct iovec *iov, size_t n_iov)
{
	switch (h->op) {
	case VSOCK_OP_RW:
		/* After SHUTDOWN(SEND) there is nothing more to come. */
		if (c->shutdown_received & VSOCK_SHUTDOWN_SEND)
			vsock_connection_reset(c);
		else
			take_payload(c, h, iov, n_iov);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		c->due |= DUE(VSOCK_OP_CREDIT_UPDATE);
		break;
	case VSOCK_OP_SHUTDOWN:
		c->shutdown_received |= h->flags & VSOCK_SHUTDOWN_BOTH;
		if (h->flags & VSOCK_SHUTDOWN_RECEIVE) {
			(void)shutdown(c->fd, SHUT_RD);
			c->eof = true;
		}
		break;
	case VSOCK_OP_RST:
		vsock_connection_forget(c);
		break;
	default:
		vsock_connection_reset(c);
		break;
	}
}

static void packet_lingering(struct vsock_connection *c, const struct vsock_header *h)
{
	if (h->op == VSOCK_OP_RST) {
		vsock_connection_forget(c);
	} else if (h->op == VSOCK_OP_REQUEST) {
		vsock_connection_reset(c);
	} else if (h->op == VSOCK_OP_SHUTDOWN) {
		c->shutdown_received |= h->flags & VSOCK_SHUTDOWN_BOTH;
		if (c->shutdown_received == VSOCK_SHUTDOWN_BOTH)
			vsock_connection_reset(c);
	}
}

void vsock_connection_packet(struct vsock_connection *c, const struct vsock_header *h,
			     const struct iovec *iov, size_t n_iov)
{
	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	switch (c->state) {
	case VSOCK_CONNECTING:
		packet_connecting(c, h);
		break;
	case VSOCK_OPEN:
		packet_open(c, h, iov, n_iov);
		break;
	case VSOCK_LINGERING:
		packet_lingering(c, h);
		break;
	case VSOCK_DRAINING:
	case VSOCK_DEAD:
		break;
	}
	settle(c);
	update_credit(c);
}

/* Both halves of the unix socket have ended; bytes may be left that the host has sent. */
static void hang_up(struct vsock_connection *c)
{
	uint8_t byte;

	c->hung_up = true;
	stop_writing(c);
	/* It would be reported for ever; bytes that are left are read when there is credit. */
	loop_set_events(c->source, 0);
	if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return;
	c->eof = true;
	/* A client that went away while it waited, and left nothing to be delivered. */
	if (c->state == VSOCK_CONNECTING)
		vsock_connection_reset(c);
}

void vsock_connection_event(struct vsock_connection *c, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (events & EPOLLOUT)
		flush_buffer(c);
	if (events & (EPOLLHUP | EPOLLERR))
		hang_up(c);
	settle(c);
	update_credit(c);
}

void vsock_connection_credit(struct vsock_connection *c, struct vsock_header *h)
{
	h->buf_alloc = c->buf_alloc;
	h->fwd_cnt = c->fwd_cnt;
	c->told_fwd_cnt = c->fwd_cnt;
}

bool vsock_connection_next(struct vsock_connection *c, struct vsock_header *h)
{
	/* RESPONSE before all else; SHUTDOWN after all else but RST, which is always alone. */
	static const enum vsock_op order[] = {
		VSOCK_OP_REQUEST,	 VSOCK_OP_RESPONSE, VSOCK_OP_CREDIT_UPDATE,
		VSOCK_OP_CREDIT_REQUEST, VSOCK_OP_SHUTDOWN, VSOCK_OP_RST,
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!(c->due & DUE(order[i])))
			continue;
		c->due &= ~DUE(order[i]);
		/* Any packet tells the credit. */
		c->due &= ~DUE(VSOCK_OP_CREDIT_UPDATE);
		*h = (struct vsock_header){
			.type = VSOCK_TYPE_STREAM,
			.op = (uint16_t)order[i],
			.flags = order[i] == VSOCK_OP_SHUTDOWN ? c->shutdown_sent : 0,
		};
		vsock_connection_credit(c, h);
		c->request_sent = true;
		return true;
	}
	return false;
}

size_t vsock_connection_room(const struct vsock_connection *c)
{
	uint32_t under_way = c->tx_cnt - c->peer_fwd_cnt;

	if (c->state != VSOCK_OPEN || !c->readable || c->eof || (c->due & DUE(VSOCK_OP_RESPONSE)))
		return 0;
	return under_way < c->peer_buf_alloc ? c->peer_buf_alloc - under_way : 0;
}

size_t vsock_connection_read(struct vsock_connection *c, const struct iovec *iov, size_t n_iov)
{
	ssize_t n;

	do
		n = readv(c->fd, iov, (int)n_iov);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->tx_cnt += (uint32_t)n;
		return (size_t)n;
	}
	c->readable = false;
	if (n < 0 && errno == EAGAIN)
		return 0;
	/* ECONNRESET comes after the last byte, from a client that left some of ours unread. */
	c->eof = true;
	settle(c);
	return 0;
}

bool vsock_connection_stalled(const struct vsock_connection *c)
{
	return c->state == VSOCK_OPEN && c->readable && !c->eof &&
	       c->tx_cnt - c->peer_fwd_cnt >= c->peer_buf_alloc;
}

void vsock_connection_ask_credit(struct vsock_connection *c)
{
	c->due |= DUE(VSOCK_OP_CREDIT_REQUEST);
}

void vsock_connection_reset(struct vsock_connection *c)
{
	bool known = c->request_sent;

	if (c->state == VSOCK_DRAINING || c->state == VSOCK_DEAD)
		return;
	vsock_connection_forget(c);
	if (known)
		c->due = DUE(VSOCK_OP_RST);
}

void vsock_connection_forget(struct vsock_connection *c)
{
	c->due = 0;
	if (c->state != VSOCK_DEAD)
		c->state = VSOCK_DRAINING;
	settle(c);
}
