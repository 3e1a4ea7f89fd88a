// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "lib/error.h"
#include "lib/strbuf.h"
#include "test.h"

static void test_append(void)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < 1000; i++)
		strbuf_printf(&b, "%d,", i);
	CHECK_INT(b.len, ==, 3890);
	CHECK_INT(b.data[b.len], ==, '\0');
	CHECK(!strncmp(b.data, "0,1,2,", 6));
}

static void test_consume(void)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "hello world");
	strbuf_consume(&b, 6);
	CHECK_STR(b.data, "world");
	strbuf_consume(&b, 5);
	CHECK_STR(b.data, "");
	CHECK_INT(b.len, ==, 0);
}

static void test_take(void)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	char *s = strbuf_take(&b);

	CHECK_STR(s, "");
	free(s);
	strbuf_putc(&b, 'x');
	s = strbuf_take(&b);
	CHECK_STR(s, "x");
	CHECK(!b.data);
	free(s);
}

static void test_json_string(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", "\"\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"\n\t\r\x01\x1f", "\"\\n\\t\\r\\u0001\\u001f\""},
		{"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
		{"\xf0\x9f\x90\xa7", "\"\xf0\x9f\x90\xa7\""},
		/* a lone byte, an overlong form, a surrogate, past U+10FFFF, a cut sequence */
		{"\xff", "\"\xef\xbf\xbd\""},
		{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_json_string(&b, cases[i].in);
		CHECK_STR(b.data, cases[i].out);
	}
}

static void test_error(void)
{
	_cleanup_error_ struct error err = ERROR_INIT, other = ERROR_INIT;

	CHECK_INT(error_set(NULL, EIO, "nobody listens"), ==, -EIO);
	CHECK_INT(error_set(&err, -ENOENT, "no %s", "file"), ==, -ENOENT);
	CHECK_STR(error_message(&err), "no file");
	CHECK_INT(error_prefix(&err, "open \"%s\"", "x"), ==, -ENOENT);
	CHECK_STR(error_message(&err), "open \"x\": no file");
	CHECK_INT(error_errno(&err, EACCES, "read"), ==, -EACCES);
	CHECK_STR(error_message(&err), "read: Permission denied");
	error_move(&other, &err);
	CHECK_INT(other.errnum, ==, EACCES);
	CHECK_INT(err.errnum, ==, 0);
	CHECK(!err.message);
}

int main(void)
{
	TEST_RUN(test_append);
	TEST_RUN(test_consume);
	TEST_RUN(test_take);
	TEST_RUN(test_json_string);
	TEST_RUN(test_error);
	return test_end();
}
