// SPDX-License-Identifier: Apache-2.0
#include "vsock/vsock-packet.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The layout on the wire; every field is little-endian. */
struct wire_header {
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
} __attribute__((packed));

_Static_assert(sizeof(struct wire_header) == VSOCK_HEADER_SIZE, "virtio 1.2, 5.10.6");

static const char *const op_names[] = {
	[VSOCK_OP_INVALID] = "INVALID",
	[VSOCK_OP_REQUEST] = "REQUEST",
	[VSOCK_OP_RESPONSE] = "RESPONSE",
	[VSOCK_OP_RST] = "RST",
	[VSOCK_OP_SHUTDOWN] = "SHUTDOWN",
	[VSOCK_OP_RW] = "RW",
	[VSOCK_OP_CREDIT_UPDATE] = "CREDIT_UPDATE",
	[VSOCK_OP_CREDIT_REQUEST] = "CREDIT_REQUEST",
};

_Static_assert(sizeof(op_names) / sizeof(op_names[0]) == VSOCK_OP_COUNT, "one name an operation");

int vsock_header_decode(const uint8_t bytes[VSOCK_HEADER_SIZE], size_t available,
			struct vsock_header *h)
{
	struct wire_header w;

	memcpy(&w, bytes, sizeof(w));
	*h = (struct vsock_header){
		.src_cid = le64toh(w.src_cid),
		.dst_cid = le64toh(w.dst_cid),
		.src_port = le32toh(w.src_port),
		.dst_port = le32toh(w.dst_port),
		.len = le32toh(w.len),
		.type = le16toh(w.type),
		.op = le16toh(w.op),
		.flags = le32toh(w.flags),
		.buf_alloc = le32toh(w.buf_alloc),
		.fwd_cnt = le32toh(w.fwd_cnt),
	};
	if (h->type != VSOCK_TYPE_STREAM)
		return -EPROTONOSUPPORT;
	if (h->op == VSOCK_OP_INVALID || h->op >= VSOCK_OP_COUNT || h->len > available)
		return -EBADMSG;
	return 0;
}

void vsock_header_encode(const struct vsock_header *h, uint8_t bytes[VSOCK_HEADER_SIZE])
{
	const struct wire_header w = {
		.src_cid = htole64(h->src_cid),
		.dst_cid = htole64(h->dst_cid),
		.src_port = htole32(h->src_port),
		.dst_port = htole32(h->dst_port),
		.len = htole32(h->len),
		.type = htole16(h->type),
		.op = htole16(h->op),
		.flags = htole32(h->flags),
		.buf_alloc = htole32(h->buf_alloc),
		.fwd_cnt = htole32(h->fwd_cnt),
	};

	memcpy(bytes, &w, sizeof(w));
}

const char *vsock_op_name(uint16_t op)
{
	return op < VSOCK_OP_COUNT ? op_names[op] : "unknown";
}
