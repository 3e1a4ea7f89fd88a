/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a vsock packet (virtio 1.2, 5.10.6), as bytes and as a struct. Pure functions: the
 * device and the fuzz target call them. What a field means for a connection is not decided here.
 */
#ifndef RUNVM_VSOCK_PACKET_H
#define RUNVM_VSOCK_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define VSOCK_HEADER_SIZE 44

enum vsock_op {
	VSOCK_OP_INVALID,
	VSOCK_OP_REQUEST,
	VSOCK_OP_RESPONSE,
	VSOCK_OP_RST,
	VSOCK_OP_SHUTDOWN,
	VSOCK_OP_RW,
	VSOCK_OP_CREDIT_UPDATE,
	VSOCK_OP_CREDIT_REQUEST,
	VSOCK_OP_COUNT
};

#define VSOCK_TYPE_STREAM 1

/* Flags of VSOCK_OP_SHUTDOWN: what the sender will not do any more. */
#define VSOCK_SHUTDOWN_RECEIVE 1u
#define VSOCK_SHUTDOWN_SEND    2u
#define VSOCK_SHUTDOWN_BOTH    3u

/**
 * struct vsock_header - a packet without its payload
 * @len: bytes of payload
 * @type: VSOCK_TYPE_STREAM, or what the guest has put there
 * @op: below VSOCK_OP_COUNT once vsock_header_decode() took it
 * @flags: those of @op
 * @buf_alloc: the sender's whole receive buffer for this connection, in bytes
 * @fwd_cnt: bytes that the sender has taken out of it so far, modulo 2^32
 */
struct vsock_header {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
};

/**
 * vsock_header_decode() - read a packet from the guest
 * @bytes: a copy of the first VSOCK_HEADER_SIZE bytes, not shared memory
 * @available: bytes that the guest's buffer holds behind the header
 * @h: filled in every case, so that a refused packet can be answered
 *
 * Return: 0; -EPROTONOSUPPORT for a type other than stream; -EBADMSG for an unknown operation, or a
 * payload that is longer than the buffer.
 */
int vsock_header_decode(const uint8_t bytes[VSOCK_HEADER_SIZE], size_t available,
			struct vsock_header *h);

void vsock_header_encode(const struct vsock_header *h, uint8_t bytes[VSOCK_HEADER_SIZE]);

/* The operation's name, for the log. */
const char *vsock_op_name(uint16_t op);

#endif
