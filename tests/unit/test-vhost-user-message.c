// SPDX-License-Identifier: Apache-2.0
/* The decoders of src/vsock that need nobody at the other end: messages, packets, CONNECT lines. */
#include "tests/unit/test.h"
#include "vsock/vhost-user-message.h"
#include "vsock/vsock-listener.h"
#include "vsock/vsock-packet.h"

static uint8_t buffer[VHOST_USER_MAX_MESSAGE];

static size_t build(uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	uint32_t header[3] = {request, flags, size};

	memcpy(buffer, header, sizeof(header));
	memcpy(buffer + sizeof(header), payload, size);
	return sizeof(header) + size;
}

static void test_length(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	build(1, 1, "", 0);
	CHECK_INT(vhost_user_message_length(buffer, &err), ==, 12);
	build(1, 2, "", 0);
	CHECK_INT(vhost_user_message_length(buffer, &err), ==, -EPROTO);
	build(1, 5, "", 0);
	CHECK_INT(vhost_user_message_length(buffer, &err), ==, -EPROTO);
	memset(buffer + 8, 0xff, 4);
	CHECK_INT(vhost_user_message_length(buffer, &err), ==, -EPROTO);
}

static void test_table(void)
{
	uint64_t table[9] = {2, 1, 2, 3, 4, 5, 6, 7, 8};
	struct vhost_user_message m;
	size_t len = build(VHOST_USER_SET_MEM_TABLE, 9, table, sizeof(table));

	CHECK_INT(vhost_user_message_decode(buffer, len, 2, &m, NULL), ==, 0);
	CHECK(m.known && m.need_reply);
	CHECK_INT(m.table.n, ==, 2);
	CHECK(m.table.regions[1].guest_address == 5 && m.table.regions[1].size == 6 &&
	      m.table.regions[1].user_address == 7 && m.table.regions[1].offset == 8);
	CHECK_INT(vhost_user_message_decode(buffer, len, 1, &m, NULL), ==, -EPROTO);
	CHECK_INT(vhost_user_message_decode(buffer, len - 1, 2, &m, NULL), ==, -EPROTO);
	table[0] = 9;
	len = build(VHOST_USER_SET_MEM_TABLE, 9, table, sizeof(table));
	CHECK_INT(vhost_user_message_decode(buffer, len, 9, &m, NULL), ==, -EPROTO);
}

static void test_descriptors(void)
{
	struct vhost_user_message m;
	uint64_t number = 1;
	size_t len = build(VHOST_USER_SET_VRING_CALL, 1, &number, 8);

	CHECK_INT(vhost_user_message_decode(buffer, len, 1, &m, NULL), ==, 0);
	CHECK_INT(vhost_user_message_decode(buffer, len, 0, &m, NULL), ==, -EPROTO);
	number = 1 | VHOST_USER_VRING_NO_FD;
	len = build(VHOST_USER_SET_VRING_CALL, 1, &number, 8);
	CHECK_INT(vhost_user_message_decode(buffer, len, 0, &m, NULL), ==, 0);
	CHECK_INT(vhost_user_message_decode(buffer, len, 1, &m, NULL), ==, -EPROTO);
	len = build(VHOST_USER_GET_FEATURES, 1, "", 0);
	CHECK_INT(vhost_user_message_decode(buffer, len, 1, &m, NULL), ==, -EPROTO);
	len = build(99, 1, "abc", 3);
	CHECK_INT(vhost_user_message_decode(buffer, len, 3, &m, NULL), ==, 0);
	CHECK(!m.known);
}

static void test_header(void)
{
	static const uint8_t bytes[VSOCK_HEADER_SIZE] = {
		3, 0,	 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 1, 0,
		0, 0x40, 5, 0, 0, 0, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4, 0, 7, 0, 0, 0x80,
	};
	uint8_t again[VSOCK_HEADER_SIZE];
	struct vsock_header h;

	CHECK_INT(vsock_header_decode(bytes, 5, &h), ==, 0);
	CHECK(h.src_cid == 3 && h.dst_cid == 2 && h.src_port == 1024 && h.dst_port == 0x40000001);
	CHECK(h.op == VSOCK_OP_RW && h.buf_alloc == 0x40000 && h.fwd_cnt == 0x80000007);
	vsock_header_encode(&h, again);
	CHECK(memcmp(again, bytes, sizeof(bytes)) == 0);
	CHECK_INT(vsock_header_decode(bytes, 4, &h), ==, -EBADMSG);
	again[30] = VSOCK_OP_COUNT;
	CHECK_INT(vsock_header_decode(again, 5, &h), ==, -EBADMSG);
	again[28] = 2;
	CHECK_INT(vsock_header_decode(again, 5, &h), ==, -EPROTONOSUPPORT);
	CHECK_STR(vsock_op_name(VSOCK_OP_RST), "RST");
	CHECK_STR(vsock_op_name(99), "unknown");
}

static int parse(const char *line, uint32_t *port)
{
	return vsock_parse_connect(line, strlen(line), port);
}

static void test_connect_line(void)
{
	uint32_t port = 0;

	CHECK_INT(parse("CONNECT 1024\nmore", &port), ==, 13);
	CHECK_INT(port, ==, 1024);
	CHECK_INT(parse("CONNECT 4294967294\n", &port), ==, 19);
	CHECK_INT(port, ==, UINT32_MAX - 1);
	CHECK_INT(parse("CONNECT 4294967295\n", &port), ==, -EINVAL);
	CHECK_INT(parse("C", &port), ==, 0);
	CHECK_INT(parse("CONNECT ", &port), ==, 0);
	CHECK_INT(parse("CONNECT 1", &port), ==, 0);
	CHECK_INT(parse("CONNECT \n", &port), ==, -EINVAL);
	CHECK_INT(parse("CONNECT 1 \n", &port), ==, -EINVAL);
	CHECK_INT(parse("CONNECT 1\r\n", &port), ==, -EINVAL);
	CHECK_INT(parse("connect 1\n", &port), ==, -EINVAL);
	CHECK_INT(parse("CONNECT 00000000000000000000000000", &port), ==, -EINVAL);
}

int main(void)
{
	TEST_RUN(test_length);
	TEST_RUN(test_table);
	TEST_RUN(test_descriptors);
	TEST_RUN(test_header);
	TEST_RUN(test_connect_line);
	return test_end();
}
