/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the wire between our own host side and vminitd, beside gRPC over HTTP/2 on the same socket.
 * Pure functions over buffers, for bytes of a hostile peer; no I/O (session.c) and no calls (client.c,
 * wire-frames.c).
 *
 * Theory of operation. Strangers speak gRPC to vminitd. The host's own processes have no use for what
 * HTTP/2 brings along, and without KVM the guest pays for each piece of code that it runs the first
 * time: so they say FRAME_PREFACE where HTTP/2's preface would be, and send frames from then on. The
 * server says nothing before it has something to answer. A frame is a struct frame and @length bytes
 * of body:
 *
 *	client			server
 *	FRAME_REQUEST			the body is the message of the call that is made
 *				FRAME_MESSAGE	the reply; of a streaming method, none or many
 *				FRAME_END	status, errno, and its text as the body
 *	FRAME_CANCEL			the call is given up; no FRAME_END needs to come
 *
 * The client numbers its calls, rising; a number is never used again. What it cancels may have been
 * answered already, so it ignores what it gets for calls that are over. Calls reach the server in the
 * order of their requests. There are no windows: FRAME_MAX_OPEN bounds the calls that are open at
 * once, and a call is open from its FRAME_REQUEST to FRAME_END or FRAME_CANCEL. Whatever breaks these
 * rules ends the connection.
 *
 * Methods are numbers: the place of the service in frame_services[], that of the method in its .proto
 * file. A VM may run a vminitd older or newer than the host's programs: a method is added at the end
 * of its service, or else the number in FRAME_PREFACE is raised.
 */
#ifndef RUNVM_RPC_FRAME_H
#define RUNVM_RPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <protobuf-c/protobuf-c.h>

#include "lib/strbuf.h"

/* What a client says first. HTTP/2 begins with a "P" (RFC 9113, section 3.4), this never does. */
#define FRAME_PREFACE	   "runvm-1\n"
#define FRAME_PREFACE_SIZE (sizeof(FRAME_PREFACE) - 1)

/* Calls open at once on a connection; a client lets others wait their turn. */
#define FRAME_MAX_OPEN 256

enum frame_kind {
	FRAME_REQUEST = 1,
	FRAME_CANCEL,
	FRAME_MESSAGE,
	FRAME_END,
	FRAME_KINDS,
};

/**
 * struct frame - what stands before a body; on the wire the same, little-endian
 * @length: of the body, in bytes
 * @call: the number of the call
 * @kind: enum frame_kind; the rest is 0 in other kinds than those named
 * @service, @method: FRAME_REQUEST: what is called
 * @status: FRAME_END: enum grpc_status
 * @errnum: FRAME_END: a positive errno value, or 0
 * @timeout: FRAME_REQUEST: microseconds, or FRAME_NO_TIMEOUT
 */
struct frame {
	uint32_t length;
	uint32_t call;
	uint8_t kind;
	uint8_t service;
	uint8_t method;
	uint8_t status;
	uint32_t errnum;
	uint64_t timeout;
};
#define FRAME_NO_TIMEOUT UINT64_MAX

#define FRAME_SERVICES	 2
extern const ProtobufCServiceDescriptor *const frame_services[FRAME_SERVICES];

/* Appends a frame. @frame's length is set here. */
void frame_put(struct strbuf *out, struct frame frame, const void *body, size_t len);
/* The same with a message as the body. Return: 0, or -EMSGSIZE (nothing is appended). */
int frame_pack(struct strbuf *out, struct frame frame, const ProtobufCMessage *message);
/* Appends a FRAME_END. @text: NULL for none; cut at GRPC_MAX_STATUS_MESSAGE bytes. */
void frame_put_end(struct strbuf *out, uint32_t call, uint8_t status, uint32_t errnum,
		   const char *text);

/**
 * struct frame_reader - takes bytes apart into frames
 * @frame: of the frame at hand, once it is whole
 * @body: of it; owned; NULL without bytes
 * @have: how much of header and body has come
 *
 * All zero is the start.
 */
struct frame_reader {
	struct frame frame;
	uint8_t *body;
	size_t have;
};

/**
 * frame_reader_feed() - take bytes up to the end of a frame
 * @ret_whole: true when a frame is whole; frame_reader_next() has to come before more is fed
 *
 * Return: bytes taken, or -EPROTO (no such kind), -EMSGSIZE (too long for its kind), -ENOMEM.
 */
ssize_t frame_reader_feed(struct frame_reader *reader, const uint8_t *data, size_t len,
			  bool *ret_whole);
/* Forgets the frame at hand. */
void frame_reader_next(struct frame_reader *reader);
/* What an error of frame_reader_feed() means, for people. */
const char *frame_fault(ssize_t error);

/* The text of a FRAME_END, as one line: control characters become spaces. For free(). */
char *frame_text(const uint8_t *body, size_t len);

#endif
