// SPDX-License-Identifier: Apache-2.0
/* The encodings of gRPC (src/rpc/grpc.c). */
#include "rpc/grpc.h"

#include "lib/alloc.h"
#include "rpc/api.h"
#include "tests/unit/test.h"

static void test_timeout_parse(void)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} good[] = {
		{"4S", 4000000},    {"4010m", 4010000},
		{"1H", 3600000000}, {"2M", 120000000},
		{"7u", 7},	    {"1n", 1},
		{"1000n", 1},	    {"1001n", 2},
		{"0S", 0},	    {"99999999H", UINT64_C(99999999) * 3600 * 1000000},
	};
	static const char *const bad[] = {"",	 "S",	"4",	      "4s",   "-4S", "4 S",
					  "+4S", "4SS", "123456789S", "0x4S", "4.5S"};
	uint64_t usec;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK_INT(grpc_timeout_parse(good[i].text, strlen(good[i].text), &usec), ==, 0);
		CHECK_INT(usec, ==, good[i].usec);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(grpc_timeout_parse(bad[i], strlen(bad[i]), &usec), ==, -EINVAL);
}

static void test_message_encode(void)
{
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
		{"plain text, \"quoted\"", "plain text, \"quoted\""},
		{"100%", "100%25"},
		{"M\xc3\xbcll", "M%C3%BCll"},
		{"two\nlines\x1b[31m\x7f", "two%0Alines%1B[31m%7F"},
		{"", ""},
	};
	_cleanup_strbuf_ struct strbuf long_one = STRBUF_INIT;
	_cleanup_free_ char *text = xcalloc(1, 3 * GRPC_MAX_STATUS_MESSAGE + 1);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf encoded = STRBUF_INIT;

		grpc_message_encode(&encoded, cases[i].plain);
		CHECK_STR(encoded.data ?: "", cases[i].encoded);
	}
	memset(text, 'x', 3 * GRPC_MAX_STATUS_MESSAGE);
	grpc_message_encode(&long_one, text);
	CHECK_INT(long_one.len, ==, GRPC_MAX_STATUS_MESSAGE);
}

static void test_status(void)
{
	CHECK_STR(grpc_status_name(GRPC_NOT_FOUND), "NOT_FOUND");
	CHECK_STR(grpc_status_name((enum grpc_status)99), "UNKNOWN");

	CHECK_INT(grpc_status_from_errno(-ENOENT), ==, GRPC_NOT_FOUND);
	CHECK_INT(grpc_status_from_errno(ESRCH), ==, GRPC_NOT_FOUND);
	CHECK_INT(grpc_status_from_errno(EXFULL), ==, GRPC_INTERNAL);
	CHECK_INT(grpc_status_to_errno(GRPC_NOT_FOUND), ==, ENOENT);
	CHECK_INT(grpc_status_to_errno(GRPC_OK), ==, 0);
	for (int i = 1; i < GRPC_STATUS_COUNT; i++) {
		int errnum = grpc_status_to_errno((enum grpc_status)i);

		CHECK_INT(errnum, >, 0);
		CHECK_INT(grpc_status_from_errno(errnum), ==, i == GRPC_UNKNOWN ? GRPC_UNKNOWN : i);
	}

	CHECK_INT(grpc_errno_check(0), ==, 0);
	CHECK_INT(grpc_errno_check(ENOENT), ==, ENOENT);
	CHECK_INT(grpc_errno_check(EHWPOISON), ==, EHWPOISON);
	CHECK_INT(grpc_errno_check(EHWPOISON + 1), ==, 0);
	CHECK_INT(grpc_errno_check(UINT32_MAX), ==, 0);
}

static void test_content_type(void)
{
	CHECK(grpc_content_type_valid("application/grpc", 16));
	CHECK(grpc_content_type_valid("application/grpc+proto", 22));
	CHECK(grpc_content_type_valid("application/grpc;charset=x", 26));
	CHECK(grpc_content_type_valid("Application/GRPC", 16));
	CHECK(!grpc_content_type_valid("application/grpc-web", 20));
	CHECK(!grpc_content_type_valid("application/grp", 15));
	CHECK(!grpc_content_type_valid("text/html", 9));
	CHECK(!grpc_content_type_valid("", 0));
}

/* Two messages, one of them empty, cut at every size. */
static void test_reader_pieces(void)
{
	static const uint8_t wire[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0};

	for (size_t piece = 1; piece <= sizeof(wire); piece++) {
		struct grpc_reader reader = {.have = 0};
		size_t at = 0, messages = 0;

		while (at < sizeof(wire)) {
			size_t n = sizeof(wire) - at < piece ? sizeof(wire) - at : piece;
			bool whole;
			ssize_t taken = grpc_reader_feed(&reader, wire + at, n, &whole);

			CHECK_INT(taken, >, 0);
			at += (size_t)taken;
			if (!whole)
				continue;
			if (messages++ == 0) {
				CHECK_INT(reader.length, ==, 3);
				CHECK(!memcmp(reader.body, "abc", 3));
			} else {
				CHECK_INT(reader.length, ==, 0);
			}
			grpc_reader_next(&reader);
		}
		CHECK_INT(messages, ==, 2);
		CHECK(grpc_reader_at_start(&reader));
	}
}

static void test_reader_refuses(void)
{
	struct grpc_reader reader = {.have = 0};
	bool whole;

	CHECK_INT(grpc_reader_feed(&reader, (const uint8_t *)"\1\0\0\0\0", 5, &whole), ==,
		  -EOPNOTSUPP);
	grpc_reader_next(&reader);
	CHECK_INT(grpc_reader_feed(&reader, (const uint8_t *)"\2\0\0\0\0", 5, &whole), ==, -EPROTO);
	grpc_reader_next(&reader);
	CHECK_INT(grpc_reader_feed(&reader, (const uint8_t *)"\0\0\x40\0\1", 5, &whole), ==,
		  -EMSGSIZE);
	grpc_reader_next(&reader);
	CHECK_INT(grpc_reader_feed(&reader, (const uint8_t *)"\0\xff\xff\xff\xff", 5, &whole), ==,
		  -EMSGSIZE);
	grpc_reader_next(&reader);
	CHECK_INT(grpc_reader_feed(&reader, (const uint8_t *)"\0\0\x40\0\0", 5, &whole), ==, 5);
	CHECK(!whole);
	CHECK(!grpc_reader_at_start(&reader));
	grpc_reader_next(&reader);
}

static void test_pack(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *huge = xmalloc(GRPC_MAX_MESSAGE + 1);
	SANDBOX(KillRequest) request = SANDBOX_INIT(KILL_REQUEST);
	SANDBOX(GetenvRequest) too_large = SANDBOX_INIT(GETENV_REQUEST);
	SANDBOX(KillRequest) * back;

	request.pid = 1;
	request.signal = 15;
	CHECK_INT(grpc_pack(&out, &request.base), ==, 0);
	CHECK_INT(out.len, ==, 9);
	/* Field 1 and field 3, as the contract has them. */
	CHECK(!memcmp(out.data, "\0\0\0\0\4\x08\x01\x18\x0f", 9));
	back = (void *)grpc_unpack(request.base.descriptor, (uint8_t *)out.data + 5, out.len - 5);
	CHECK(back);
	CHECK_INT(back->pid, ==, 1);
	CHECK_INT(back->signal, ==, 15);
	grpc_free(&back->base);

	memset(huge, 'x', GRPC_MAX_MESSAGE);
	huge[GRPC_MAX_MESSAGE] = '\0';
	too_large.key = huge;
	CHECK_INT(grpc_pack(&out, &too_large.base), ==, -EMSGSIZE);
	CHECK_INT(out.len, ==, 9);
}

/* Two bytes on the wire for each struct of a hundred: decoding stops at its budget. */
static void test_unpack_bounded(void)
{
	size_t size = GRPC_MAX_MESSAGE;
	_cleanup_free_ uint8_t *wire = xcalloc(1, size);

	for (size_t i = 0; i < size; i += 2)
		wire[i] = 0x0a;
	CHECK(!grpc_unpack(
		&com__apple__containerization__sandbox__v3__container_statistics_response__descriptor,
		wire, size));
	CHECK(!grpc_unpack(&com__apple__containerization__sandbox__v3__kill_request__descriptor,
			   (const uint8_t *)"\x08", 1));
}

int main(void)
{
	TEST_RUN(test_timeout_parse);
	TEST_RUN(test_message_encode);
	TEST_RUN(test_status);
	TEST_RUN(test_content_type);
	TEST_RUN(test_reader_pieces);
	TEST_RUN(test_reader_refuses);
	TEST_RUN(test_pack);
	TEST_RUN(test_unpack_bounded);
	return test_end();
}
