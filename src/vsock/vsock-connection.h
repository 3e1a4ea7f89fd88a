/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection between a unix socket on the host and a socket of the guest: its state, its flow
 * control and the bytes that wait for the host's reader. Knows no rings and no other connections;
 * the device (vsock-device.c) brings packets, asks for packets and holds the lists.
 *
 * Theory of operation. Ports: `host_port` is the end on CID 2, `guest_port` the guest's. States:
 *
 *	CONNECTING   a client of the host wants in: REQUEST waits to be sent, or its answer to come
 *	OPEN         bytes go both ways until each half has ended
 *	LINGERING    the host's socket is closed and the guest knows; its RST is awaited
 *	DRAINING     the guest's socket is gone (RST, or SHUTDOWN of both halves); what it sent is still
 *		     being written to the host's socket
 *	DEAD         nothing is left but, perhaps, a RST to be sent
 *
 * From the guest: the payload is written to the unix socket straight from the guest's memory; what
 * the socket does not take is copied into a ring of `buf_alloc` bytes, more than which the guest may
 * not have under way (its credit). When the host's reader has taken enough, CREDIT_UPDATE tells.
 *
 * To the guest: the unix socket is read straight into the guest's buffers, as far as the guest's
 * credit goes. Nothing is copied and nothing waits here; back-pressure is the unix socket's.
 *
 * Ends: end of file on the unix socket is sent as SHUTDOWN(SEND), after the last byte; a reader that
 * is gone as SHUTDOWN(RECEIVE). SHUTDOWN(SEND) from the guest becomes shutdown(SHUT_WR) after the
 * last byte, SHUTDOWN(RECEIVE) becomes shutdown(SHUT_RD). So byte streams end exactly, whoever ends
 * them. Linux answers SHUTDOWN of both halves by RST when its reader has read all.
 *
 * Control packets are not queued: each connection has one bit for each kind that is due, and is put
 * together when the guest has a buffer for it. So nothing grows when the guest takes none.
 */
#ifndef RUNVM_VSOCK_CONNECTION_H
#define RUNVM_VSOCK_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "lib/loop.h"
#include "vsock/vsock-packet.h"

/* What the guest may have under way on one connection, and the same once there are many of them. */
#define VSOCK_BUF_ALLOC	     (256u << 10)
#define VSOCK_BUF_ALLOC_MANY (64u << 10)
#define VSOCK_MANY	     128

enum vsock_state { VSOCK_CONNECTING, VSOCK_OPEN, VSOCK_LINGERING, VSOCK_DRAINING, VSOCK_DEAD };

/**
 * struct vsock_connection - one connection
 * @data: the device, for @source
 * @hash_link, @all_link, @control_link, @data_link, @linger_link: the device's lists
 * @fd: the unix socket, owned; -1 once closed
 * @source: watches @fd, edge-triggered
 * @due: bits 1 << VSOCK_OP_* of packets to be sent
 * @answer_ok: the client waits for an "OK" line
 * @readable: @fd may have bytes or an end to read
 * @hung_up: both halves of @fd have ended: no more events will come
 * @eof: the host sends no more
 * @no_write: the host takes no more; what still comes is dropped
 * @write_blocked: @fd took less than it was given; EPOLLOUT is watched for
 * @request_sent: the guest knows of the connection
 * @shutdown_sent, @shutdown_received: VSOCK_SHUTDOWN_*
 * @batch: how many of the guest's buffers to offer to the next read
 * @linger_until: when to stop waiting for the guest's RST
 * @tx_cnt, @peer_buf_alloc, @peer_fwd_cnt: credit of the way to the guest
 * @rx_cnt, @fwd_cnt, @told_fwd_cnt, @buf_alloc: credit of the way from the guest: bytes that came,
 *	bytes that left for the host, and what of that the guest has been told
 * @buffer: ring of @buf_alloc bytes, NULL while empty; @buffer_start, @buffer_len
 */
struct vsock_connection {
	void *data;
	LIST_ENTRY(vsock_connection) hash_link;
	TAILQ_ENTRY(vsock_connection) all_link;
	TAILQ_ENTRY(vsock_connection) control_link;
	TAILQ_ENTRY(vsock_connection) data_link;
	TAILQ_ENTRY(vsock_connection) linger_link;
	bool in_hash, in_control, in_data, in_linger;
	int fd;
	struct loop_source *source;
	uint32_t host_port;
	uint32_t guest_port;
	enum vsock_state state;
	unsigned due;
	bool answer_ok;
	bool readable;
	bool hung_up;
	bool eof;
	bool no_write;
	bool write_blocked;
	bool request_sent;
	unsigned shutdown_sent;
	unsigned shutdown_received;
	unsigned batch;
	uint64_t linger_until;
	uint32_t tx_cnt;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t rx_cnt;
	uint32_t fwd_cnt;
	uint32_t told_fwd_cnt;
	uint32_t buf_alloc;
	uint8_t *buffer;
	size_t buffer_start;
	size_t buffer_len;
};

/**
 * vsock_connection_new() - a connection without a place in any list
 * @fd: owned from here on, non-blocking
 * @state: VSOCK_CONNECTING (REQUEST is due) or VSOCK_OPEN (RESPONSE is due)
 * @fn, @data: called for events of @fd; to be handed on to vsock_connection_event()
 */
struct vsock_connection *vsock_connection_new(struct loop *loop, int fd, enum vsock_state state,
					      uint32_t buf_alloc, loop_fn *fn, void *data);

/* Closes and frees; the caller has taken it out of its lists. */
void vsock_connection_free(struct vsock_connection *c);

/* Events of the unix socket. */
void vsock_connection_event(struct vsock_connection *c, uint32_t events);

/**
 * vsock_connection_packet() - a packet from the guest
 * @h: decoded
 * @iov: h->len bytes of payload, in shared memory
 */
void vsock_connection_packet(struct vsock_connection *c, const struct vsock_header *h,
			     const struct iovec *iov, size_t n_iov);

/**
 * vsock_connection_next() - the control packet that is due next
 * @h: op, flags and credit are filled in; ports and CIDs are the device's to fill
 *
 * Return: false with none due; else the packet counts as sent.
 */
bool vsock_connection_next(struct vsock_connection *c, struct vsock_header *h);

/* How many bytes could be sent to the guest now: 0, or the guest's credit if any may be there. */
size_t vsock_connection_room(const struct vsock_connection *c);

/**
 * vsock_connection_read() - read bytes for the guest
 * @iov: the guest's buffers, no more than vsock_connection_room() bytes
 *
 * Return: bytes read, which count as sent; 0 with none there now, or none ever again.
 */
size_t vsock_connection_read(struct vsock_connection *c, const struct iovec *iov, size_t n_iov);

/* The credit fields of a packet to the guest. */
void vsock_connection_credit(struct vsock_connection *c, struct vsock_header *h);

/* Whether bytes may be there that only the guest's credit keeps back. */
bool vsock_connection_stalled(const struct vsock_connection *c);
/*
 * Ask the guest for its credit. Linux tells it unasked when it has read enough, and would answer
 * each question with the little that it has read since; so this is for the case that nothing comes.
 */
void vsock_connection_ask_credit(struct vsock_connection *c);

/* Ends it without the guest's consent: RST is due if the guest knows of it; its bytes drain. */
void vsock_connection_reset(struct vsock_connection *c);

/* The guest has forgotten it: no packet is due any more; its bytes drain. */
void vsock_connection_forget(struct vsock_connection *c);

/* Dead, and with nothing due. */
static inline bool vsock_connection_done(const struct vsock_connection *c)
{
	return c->state == VSOCK_DEAD && !c->due;
}

#endif
