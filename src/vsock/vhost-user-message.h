/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the vhost-user protocol (QEMU, docs/interop/vhost-user.rst), from bytes to structs.
 * Pure functions over a buffer: the back end (vhost-user.c) and the fuzz target call them. Numbers
 * are in the machine's byte order, as the protocol has it. What a message does is not known here.
 */
#ifndef RUNVM_VHOST_USER_MESSAGE_H
#define RUNVM_VHOST_USER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_REQUEST_COUNT
};

#define VHOST_USER_HEADER_SIZE	   12
#define VHOST_USER_MAX_TABLE	   8 /* regions in SET_MEM_TABLE */
#define VHOST_USER_MAX_FDS	   8
#define VHOST_USER_MAX_CONFIG	   256 /* bytes of configuration space */
#define VHOST_USER_MAX_PAYLOAD	   (12 + VHOST_USER_MAX_CONFIG)
#define VHOST_USER_MAX_MESSAGE	   (VHOST_USER_HEADER_SIZE + VHOST_USER_MAX_PAYLOAD)

#define VHOST_USER_FLAG_VERSION	   0x1u
#define VHOST_USER_FLAG_REPLY	   0x4u
#define VHOST_USER_FLAG_NEED_REPLY 0x8u

/* In the number of SET_VRING_KICK, CALL and ERR: the ring, and that no descriptor comes with it. */
#define VHOST_USER_VRING_MASK  0xffu
#define VHOST_USER_VRING_NO_FD 0x100u

struct vhost_user_region {
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address;
	uint64_t offset;
};

/**
 * struct vhost_user_message - one request of the front end
 * @request: enum vhost_user_request, or a number that this back end does not know, whose payload is
 *	skipped then
 * @known: whether it is one
 * @need_reply: the front end waits for an answer if REPLY_ACK was agreed on
 * @number: requests with one number
 * @state: ring and number
 * @address: where a ring lies, in the front end's address space
 * @table, @region: memory
 * @config: a part of the configuration space
 */
struct vhost_user_message {
	uint32_t request;
	bool known;
	bool need_reply;
	union {
		uint64_t number;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
		struct {
			uint32_t index;
			uint32_t flags;
			uint64_t desc;
			uint64_t used;
			uint64_t avail;
		} address;
		struct {
			uint32_t n;
			struct vhost_user_region regions[VHOST_USER_MAX_TABLE];
		} table;
		struct vhost_user_region region;
		struct {
			uint32_t offset;
			uint32_t size;
			uint32_t flags;
		} config;
	};
};

/**
 * vhost_user_message_length() - how long the message is that begins with these bytes
 *
 * Return: the length with the header, at most VHOST_USER_MAX_MESSAGE; -EPROTO for a wrong version,
 * a reply, or a payload longer than any.
 */
int vhost_user_message_length(const uint8_t header[VHOST_USER_HEADER_SIZE], struct error *err);

/**
 * vhost_user_message_decode() - read a whole message
 * @len: as vhost_user_message_length() said
 * @n_fds: how many descriptors came with it
 *
 * Return: 0; -EPROTO when the payload or the number of descriptors does not fit the request.
 */
int vhost_user_message_decode(const uint8_t *bytes, size_t len, size_t n_fds,
			      struct vhost_user_message *ret, struct error *err);

/* The header of a reply with a payload of @size bytes. */
void vhost_user_reply_header(uint32_t request, uint32_t size,
			     uint8_t header[VHOST_USER_HEADER_SIZE]);

/* The request's name, for messages. */
const char *vhost_user_request_name(uint32_t request);

#endif
