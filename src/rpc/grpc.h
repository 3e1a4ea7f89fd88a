/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encodings of gRPC: status codes and messages, which both wires have, and what is of HTTP/2:
 * length-prefixed messages, grpc-timeout, grpc-message. Pure functions over buffers, for bytes of a
 * hostile peer; no I/O and no HTTP/2 (wire-http2.c). The other wire's are in frame.h.
 *
 * Source: "gRPC over HTTP2" (grpc/doc/PROTOCOL-HTTP2.md) and grpc/doc/statuscodes.md.
 */
#ifndef RUNVM_RPC_GRPC_H
#define RUNVM_RPC_GRPC_H

#include <stdbool.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "lib/error.h"
#include "lib/strbuf.h"

/* The largest message, either way. grpcio's own default for what it receives is the same. */
#define GRPC_MAX_MESSAGE (4U << 20)
/* What decoding one message may allocate: a few bytes on the wire can ask for large structs. */
#define GRPC_MAX_DECODED (16U << 20)
/* The longest grpc-message that is sent or kept, before percent-encoding. */
#define GRPC_MAX_STATUS_MESSAGE 2048U
/* Flag and length in front of each message. */
#define GRPC_PREFIX_SIZE 5U

/* The codes of statuscodes.md. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15,
	GRPC_UNAUTHENTICATED = 16,
};
#define GRPC_STATUS_COUNT 17

/* "NOT_FOUND" ...; never NULL. */
const char *grpc_status_name(enum grpc_status status);
/* @errnum: positive or negative; what has no counterpart is GRPC_INTERNAL. */
enum grpc_status grpc_status_from_errno(int errnum);
/* A positive errno value, for a peer that sends none; 0 for GRPC_OK. */
int grpc_status_to_errno(enum grpc_status status);

/* Return: @errnum, a peer's, where Linux knows it; otherwise 0. */
int grpc_errno_check(uint32_t errnum);

/**
 * grpc_message_encode() - percent-encode an error message for grpc-message
 *
 * Cuts at GRPC_MAX_STATUS_MESSAGE bytes.
 */
void grpc_message_encode(struct strbuf *out, const char *message);
/**
 * grpc_timeout_parse() - read grpc-timeout: 1 to 8 digits and one of H M S m u n
 * @ret_usec: microseconds, rounded up
 *
 * Return: 0, or -EINVAL.
 */
int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_usec);
/* "application/grpc", alone or followed by '+' or ';' (so not application/grpc-web). */
bool grpc_content_type_valid(const char *text, size_t len);

/**
 * struct grpc_reader - takes one direction of a call apart into messages
 * @prefix: the first bytes of the message at hand
 * @have: how much of prefix and body has come
 * @length: of the body, once the prefix is whole
 * @body: owned; allocated when the prefix is whole
 *
 * All zero is the start.
 */
struct grpc_reader {
	uint8_t prefix[GRPC_PREFIX_SIZE];
	uint32_t have;
	uint32_t length;
	uint8_t *body;
};

/**
 * grpc_reader_feed() - take bytes up to the end of a message
 * @ret_whole: true when a message is whole: it is body[0..length), and grpc_reader_next() has to
 *	come before more is fed
 *
 * Return: bytes taken, or -EMSGSIZE (longer than GRPC_MAX_MESSAGE), -EOPNOTSUPP (compressed),
 * -EPROTO (bad flag), -ENOMEM.
 */
ssize_t grpc_reader_feed(struct grpc_reader *reader, const uint8_t *data, size_t len,
			 bool *ret_whole);
/* Forgets the message at hand. */
void grpc_reader_next(struct grpc_reader *reader);
/* True between messages: an end of the stream elsewhere cuts one off. */
bool grpc_reader_at_start(const struct grpc_reader *reader);

/**
 * grpc_pack() - append a message with its prefix
 *
 * Return: 0, or -EMSGSIZE (nothing is appended).
 */
int grpc_pack(struct strbuf *out, const ProtobufCMessage *message);

/**
 * grpc_unpack() - decode a message within GRPC_MAX_DECODED bytes of memory
 *
 * Return: the message, for grpc_free(); NULL when it is malformed or asks for too much.
 */
ProtobufCMessage *grpc_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			      size_t len);
/* NULL is allowed. */
void grpc_free(ProtobufCMessage *message);

#endif
