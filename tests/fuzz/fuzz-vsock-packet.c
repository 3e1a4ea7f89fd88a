// SPDX-License-Identifier: Apache-2.0
/*
 * The small decoders of src/vsock: packet headers, messages of vhost-user, CONNECT lines. What is
 * accepted keeps the bounds that the callers rely on, and a header is written as it was read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vsock/vhost-user-message.h"
#include "vsock/vsock-listener.h"
#include "vsock/vsock-packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_header(const uint8_t *data, size_t size)
{
	uint8_t again[VSOCK_HEADER_SIZE];
	struct vsock_header h;

	if (size < VSOCK_HEADER_SIZE)
		return;
	if (!vsock_header_decode(data, size - VSOCK_HEADER_SIZE, &h) &&
	    (h.len > size - VSOCK_HEADER_SIZE || h.op >= VSOCK_OP_COUNT))
		abort();
	vsock_header_encode(&h, again);
	if (memcmp(again, data, sizeof(again)) != 0)
		abort();
}

static void fuzz_message(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vhost_user_message m;
	int length;

	if (size < VHOST_USER_HEADER_SIZE + 1)
		return;
	length = vhost_user_message_length(data + 1, &err);
	if (length < 0)
		return;
	if (length > VHOST_USER_MAX_MESSAGE)
		abort();
	if ((size_t)length > size - 1)
		return;
	if (vhost_user_message_decode(data + 1, (size_t)length, data[0] % 9, &m, &err) < 0)
		return;
	if (m.known && m.request == VHOST_USER_SET_MEM_TABLE && m.table.n != data[0] % 9u)
		abort();
	if (m.known && m.request == VHOST_USER_GET_CONFIG && m.config.size > VHOST_USER_MAX_CONFIG)
		abort();
}

static void fuzz_line(const uint8_t *data, size_t size)
{
	uint32_t port = UINT32_MAX;
	int r;

	if (!size)
		return;
	r = vsock_parse_connect((const char *)data, size, &port);
	if (r > 0 && ((size_t)r > size || data[r - 1] != '\n' || port == UINT32_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_header(data, size);
	fuzz_message(data, size);
	fuzz_line(data, size);
	return 0;
}
