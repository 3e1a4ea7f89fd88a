// SPDX-License-Identifier: Apache-2.0
#include "vsock/vhost-user-message.h"

#include <inttypes.h>
#include <string.h>

enum payload {
	PAYLOAD_NONE,
	PAYLOAD_U64,
	PAYLOAD_STATE,
	PAYLOAD_ADDRESS,
	PAYLOAD_TABLE,
	PAYLOAD_REGION,
	PAYLOAD_CONFIG,
	PAYLOAD_COUNT
};

enum fd_rule {
	FDS_NONE,
	FDS_VRING, /* one, unless the number says that there is none */
	FDS_TABLE, /* one a region */
	FDS_ONE,
	FDS_IGNORE, /* REM_MEM_REG: some front ends send one by mistake */
};

static const struct {
	const char *name;
	enum payload payload;
	enum fd_rule fds;
} requests[] = {
	[VHOST_USER_GET_FEATURES] = {"GET_FEATURES", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_SET_FEATURES] = {"SET_FEATURES", PAYLOAD_U64, FDS_NONE},
	[VHOST_USER_SET_OWNER] = {"SET_OWNER", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_RESET_OWNER] = {"RESET_OWNER", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", PAYLOAD_TABLE, FDS_TABLE},
	[VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", PAYLOAD_STATE, FDS_NONE},
	[VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", PAYLOAD_ADDRESS, FDS_NONE},
	[VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", PAYLOAD_STATE, FDS_NONE},
	[VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", PAYLOAD_STATE, FDS_NONE},
	[VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", PAYLOAD_U64, FDS_VRING},
	[VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", PAYLOAD_U64, FDS_VRING},
	[VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", PAYLOAD_U64, FDS_VRING},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", PAYLOAD_U64, FDS_NONE},
	[VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", PAYLOAD_STATE, FDS_NONE},
	[VHOST_USER_GET_CONFIG] = {"GET_CONFIG", PAYLOAD_CONFIG, FDS_NONE},
	[VHOST_USER_SET_CONFIG] = {"SET_CONFIG", PAYLOAD_CONFIG, FDS_NONE},
	[VHOST_USER_RESET_DEVICE] = {"RESET_DEVICE", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", PAYLOAD_NONE, FDS_NONE},
	[VHOST_USER_ADD_MEM_REG] = {"ADD_MEM_REG", PAYLOAD_REGION, FDS_ONE},
	[VHOST_USER_REM_MEM_REG] = {"REM_MEM_REG", PAYLOAD_REGION, FDS_IGNORE},
};

_Static_assert(ARRAY_SIZE(requests) == VHOST_USER_REQUEST_COUNT, "one row a request");

/* The fixed part of each payload; a table and a configuration space are longer. */
static const size_t payload_sizes[] = {
	[PAYLOAD_NONE] = 0,  [PAYLOAD_U64] = 8,	    [PAYLOAD_STATE] = 8,   [PAYLOAD_ADDRESS] = 40,
	[PAYLOAD_TABLE] = 8, [PAYLOAD_REGION] = 40, [PAYLOAD_CONFIG] = 12,
};

_Static_assert(ARRAY_SIZE(payload_sizes) == PAYLOAD_COUNT, "one size a payload");

#define REGION_SIZE 32

static uint32_t get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static bool request_known(uint32_t request)
{
	return request < VHOST_USER_REQUEST_COUNT && requests[request].name;
}

const char *vhost_user_request_name(uint32_t request)
{
	return request_known(request) ? requests[request].name : "unknown request";
}

int vhost_user_message_length(const uint8_t header[VHOST_USER_HEADER_SIZE], struct error *err)
{
	uint32_t request = get32(header), flags = get32(header + 4), size = get32(header + 8);

	if ((flags & 3) != VHOST_USER_FLAG_VERSION || (flags & VHOST_USER_FLAG_REPLY))
		return error_set(err, EPROTO,
				 "vhost-user: request %" PRIu32 " has flags 0x%" PRIx32, request,
				 flags);
	if (size > VHOST_USER_MAX_PAYLOAD)
		return error_set(err, EPROTO,
				 "vhost-user: request %" PRIu32 " of %" PRIu32 " bytes", request,
				 size);
	return VHOST_USER_HEADER_SIZE + (int)size;
}

static void decode_region(const uint8_t *p, struct vhost_user_region *ret)
{
	ret->guest_address = get64(p);
	ret->size = get64(p + 8);
	ret->user_address = get64(p + 16);
	ret->offset = get64(p + 24);
}

static bool decode_payload(enum payload payload, const uint8_t *p, size_t size,
			   struct vhost_user_message *ret)
{
	size_t fixed = payload_sizes[payload], more = 0;

	if (size < fixed)
		return false;
	switch (payload) {
	case PAYLOAD_U64:
		ret->number = get64(p);
		break;
	case PAYLOAD_STATE:
		ret->state.index = get32(p);
		ret->state.num = get32(p + 4);
		break;
	case PAYLOAD_ADDRESS:
		ret->address.index = get32(p);
		ret->address.flags = get32(p + 4);
		ret->address.desc = get64(p + 8);
		ret->address.used = get64(p + 16);
		ret->address.avail = get64(p + 24);
		break;
	case PAYLOAD_TABLE:
		ret->table.n = get32(p);
		if (ret->table.n > VHOST_USER_MAX_TABLE)
			return false;
		more = (size_t)ret->table.n * REGION_SIZE;
		if (size != fixed + more)
			return false;
		for (size_t i = 0; i < ret->table.n; i++)
			decode_region(p + fixed + i * REGION_SIZE, &ret->table.regions[i]);
		break;
	case PAYLOAD_REGION:
		decode_region(p + 8, &ret->region);
		break;
	case PAYLOAD_CONFIG:
		ret->config.offset = get32(p);
		ret->config.size = get32(p + 4);
		ret->config.flags = get32(p + 8);
		more = ret->config.size;
		break;
	case PAYLOAD_NONE:
	case PAYLOAD_COUNT:
		break;
	}
	return size == fixed + more;
}

static bool fds_fit(enum fd_rule rule, const struct vhost_user_message *m, size_t n_fds)
{
	switch (rule) {
	case FDS_VRING:
		return n_fds == (m->number & VHOST_USER_VRING_NO_FD ? 0u : 1u);
	case FDS_TABLE:
		return n_fds == m->table.n;
	case FDS_ONE:
		return n_fds == 1;
	case FDS_IGNORE:
		return true;
	case FDS_NONE:
		break;
	}
	return n_fds == 0;
}

int vhost_user_message_decode(const uint8_t *bytes, size_t len, size_t n_fds,
			      struct vhost_user_message *ret, struct error *err)
{
	const uint8_t *payload = bytes + VHOST_USER_HEADER_SIZE;
	size_t size = len - VHOST_USER_HEADER_SIZE;

	*ret = (struct vhost_user_message){
		.request = get32(bytes),
		.need_reply = get32(bytes + 4) & VHOST_USER_FLAG_NEED_REPLY,
	};
	ret->known = request_known(ret->request);
	if (!ret->known)
		return 0;
	if (!decode_payload(requests[ret->request].payload, payload, size, ret))
		return error_set(err, EPROTO, "vhost-user: %s with a payload of %zu bytes",
				 requests[ret->request].name, size);
	if (!fds_fit(requests[ret->request].fds, ret, n_fds))
		return error_set(err, EPROTO, "vhost-user: %s with %zu descriptors",
				 requests[ret->request].name, n_fds);
	return 0;
}

void vhost_user_reply_header(uint32_t request, uint32_t size,
			     uint8_t header[VHOST_USER_HEADER_SIZE])
{
	uint32_t words[3] = {request, VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY, size};

	memcpy(header, words, sizeof(words));
}
