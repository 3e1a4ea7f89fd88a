// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test.h"

#include "lib/alloc.h"
#include "libocispec/json.h"

#define LIMIT (1024 * 1024)

/* The document again, without white space; or the message. The caller frees it. */
static char *reread(const char *text, size_t len)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_json_ struct json *root = NULL;
	struct strbuf b = STRBUF_INIT;
	struct json_writer w = JSON_WRITER(&b, NULL);

	if (json_parse(text, len, LIMIT, &root, &err) < 0)
		return xstrdup(err.message);
	json_write_value(&w, root);
	return strbuf_take(&b);
}

static void check_reread(const char *text, const char *expected)
{
	_cleanup_free_ char *got = reread(text, strlen(text));

	CHECK_STR(got, expected);
}

static void test_values(void)
{
	check_reread(" null ", "null");
	check_reread("[true,false, []\n, {}]", "[true,false,[],{}]");
	check_reread("{\"a\":{\"b\":[1,-2,3.50,1e3]},\"\":\"x\"}",
		     "{\"a\":{\"b\":[1,-2,3.50,1e3]},\"\":\"x\"}");
	check_reread("18446744073709551616", "18446744073709551616");
	check_reread("\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n/\"");
}

static void test_broken_text(void)
{
	check_reread("", "not JSON: line 1, column 1: parse error: premature EOF");
	check_reread("{\"a\": }",
		     "not JSON: line 1, column 7: parse error: unallowed token at this "
		     "point in JSON text");
	check_reread("{\n  \"a\" 1}",
		     "not JSON: line 2, column 7: parse error: object key and value must be "
		     "separated by a colon (':')");
	check_reread("{} {}", "not JSON: line 1, column 4: parse error: trailing garbage");
	check_reread("// comment\n1", "not JSON: line 1, column 1: lexical error: probable comment "
				      "found in input text, comments are not enabled.");
	check_reread("\"\xff\"", "not JSON: line 1, column 2: lexical error: invalid bytes in UTF8 "
				 "string.");
}

static void test_refused(void)
{
	check_reread("{\"a\": {\"b\": 1, \"c\": 2, \"b\": 3}}", "a.b: given twice");
	check_reread("{\"a\": [0, \"x\\u0000y\"]}", "a[1]: a string with a NUL character in it");
	check_reread("{\"a\": {\"x\\u0000y\": 1}}", "a: a key with a NUL character in it");
	check_reread("{\"x\\u0000y\": 1}", "a key with a NUL character in it");
}

static char *nested(size_t depth)
{
	char *text = xmalloc(2 * depth + 1);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
	return text;
}

static void test_depth(void)
{
	_cleanup_free_ char *most = nested(JSON_MAX_DEPTH);
	_cleanup_free_ char *more = nested(JSON_MAX_DEPTH + 1);
	_cleanup_free_ char *many = nested(400000);

	check_reread(most, most);
	check_reread(more, "a JSON document of more than 64 levels");
	check_reread(many, "a JSON document of more than 64 levels");
}

static void test_size(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct json *root = NULL;

	CHECK_INT(json_parse("[1, 2]", 6, 5, &root, &err), ==, -EFBIG);
	CHECK_STR(err.message, "a JSON document of 6 bytes: the limit is 5");
	strbuf_putc(&b, '[');
	for (unsigned i = 1; i < JSON_MAX_VALUES; i++)
		strbuf_puts(&b, "1,");
	strbuf_puts(&b, "1]");
	CHECK_INT(json_parse(b.data, b.len, LIMIT, &root, &err), ==, -EFBIG);
	CHECK_CONTAINS(err.message, "more than 262144 values");
	CHECK(!root);
}

/* Many keys in one object, in an order that is bad for a naive sort. */
static void test_many_keys(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_json_ struct json *root = NULL;

	strbuf_puts(&b, "{\"last\":1");
	for (int i = 0; i < 50000; i++)
		strbuf_printf(&b, ",\"%d\":0", i);
	strbuf_puts(&b, "}");
	CHECK_INT(json_parse(b.data, b.len, LIMIT, &root, &err), ==, 0);
	CHECK_INT(root->count, ==, 50001);
}

static void test_paths(void)
{
	static const char text[] = "{\"a\": [{\"b-c_1\": [[7]]}], \"x.y\\n\": {\"\": 8}}";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_json_ struct json *root = NULL;
	const struct json *v;
	int64_t n;
	bool b;

	CHECK_INT(json_parse(text, strlen(text), LIMIT, &root, &err), ==, 0);
	v = json_member(json_member(root, "a")->first, "b-c_1");
	CHECK_INT(json_get_bool(v->first->first, &b, &err), ==, -EINVAL);
	CHECK_STR(err.message, "a[0].b-c_1[0][0]: expected a boolean, got a number");
	v = json_member(json_member(root, "x.y\n"), "");
	CHECK_INT(json_get_bool(v, &b, &err), ==, -EINVAL);
	CHECK_STR(err.message, "[\"x.y\\n\"][\"\"]: expected a boolean, got a number");
	CHECK_INT(json_get_int(root, 0, 9, &n, &err), ==, -EINVAL);
	CHECK_STR(err.message, "expected an integer, got an object");
	CHECK_INT(json_require(json_member(root, "a")->first, "zz", &v, &err), ==, -EINVAL);
	CHECK_STR(err.message, "a[0].zz: missing, but required");
	CHECK(!json_member(json_member(root, "a"), "b"));
	CHECK(!json_member(NULL, "b"));
}

/* Return: "" or the message, to be freed. */
static char *get_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_json_ struct json *root = NULL;

	CHECK_INT(json_parse(text, strlen(text), LIMIT, &root, &err), ==, 0);
	return xstrdup(json_get_int(root, min, max, ret, &err) < 0 ? err.message : "");
}

static char *get_uint(const char *text, uint64_t max, uint64_t *ret)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_json_ struct json *root = NULL;

	CHECK_INT(json_parse(text, strlen(text), LIMIT, &root, &err), ==, 0);
	return xstrdup(json_get_uint(root, max, ret, &err) < 0 ? err.message : "");
}

static void check_int(const char *text, int64_t min, int64_t max, int64_t expected)
{
	int64_t n = 0;
	_cleanup_free_ char *message = get_int(text, min, max, &n);

	CHECK_STR(message, "");
	CHECK_INT(n, ==, expected);
}

static void check_no_int(const char *text, int64_t min, int64_t max, const char *expected)
{
	int64_t n = 77;
	_cleanup_free_ char *message = get_int(text, min, max, &n);

	CHECK_STR(message, expected);
	CHECK_INT(n, ==, 77);
}

static void test_integers(void)
{
	check_int("-0", 0, 0, 0);
	check_int("9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX);
	check_int("-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN);
	check_int("-1000", -1000, 1000, -1000);
	check_no_int("9223372036854775808", INT64_MIN, INT64_MAX,
		     "expected an integer from -9223372036854775808 to 9223372036854775807, "
		     "got 9223372036854775808");
	check_no_int("-9223372036854775809", -5, 5,
		     "expected an integer from -5 to 5, got -9223372036854775809");
	check_no_int("99999999999999999999999", 0, 5,
		     "expected an integer from 0 to 5, got 99999999999999999999999");
	check_no_int("6", 0, 5, "expected an integer from 0 to 5, got 6");
	check_no_int("1e3", 0, 5000, "expected an integer, got 1e3");
	check_no_int("1.5", 0, 5, "expected an integer, got 1.5");
	check_no_int("1.0", 0, 5, "expected an integer, got 1.0");
	check_no_int("\"1\"", 0, 5, "expected an integer, got a string");
	check_no_int("true", 0, 5, "expected an integer, got a boolean");
}

static void test_unsigned_integers(void)
{
	static const struct {
		const char *text;
		uint64_t max, expected;
		const char *message;
	} cases[] = {
		{"18446744073709551615", UINT64_MAX, UINT64_MAX, ""},
		{"-0", 5, 0, ""},
		{"4294967295", UINT32_MAX, UINT32_MAX, ""},
		{"4294967296", UINT32_MAX, 0,
		 "expected an integer from 0 to 4294967295, got 4294967296"},
		{"18446744073709551616", UINT64_MAX, 0,
		 "expected an integer from 0 to 18446744073709551615, got 18446744073709551616"},
		{"-1", 5, 0, "expected an integer from 0 to 5, got -1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n = 0;
		_cleanup_free_ char *message = get_uint(cases[i].text, cases[i].max, &n);

		CHECK_STR(message, cases[i].message);
		CHECK(n == cases[i].expected);
	}
}

static void test_quote(void)
{
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{"plain", "\"plain\""},
		{"a\nb\x01\"", "\"a\\nb\\u0001\\\"\""},
		{"\xff", "\"\xef\xbf\xbd\""},
	};
	char text[300];
	_cleanup_free_ char *quoted = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *q = json_quote(cases[i].text);

		CHECK_STR(q, cases[i].quoted);
	}
	memset(text, 'x', sizeof(text));
	/* A character of two bytes across the place where it is cut. */
	memcpy(text + 99, "\xc3\xa9", 2);
	text[sizeof(text) - 1] = '\0';
	quoted = json_quote(text);
	CHECK_INT(strlen(quoted), ==, 99 + 3 + 2);
	CHECK_STR(quoted + 95, "xxxxx...\"");
}

static void write_sample(struct json_writer *w)
{
	json_write_begin_object(w);
	json_write_member_string(w, "s", "a\"\\\t\xfe");
	json_write_member_string(w, "absent", NULL);
	json_write_member_int(w, "i", INT64_MIN);
	json_write_member_uint(w, "u", UINT64_MAX);
	json_write_member_bool(w, "b", false);
	json_write_key(w, "list");
	json_write_begin_array(w);
	json_write_null(w);
	json_write_begin_object(w);
	json_write_end_object(w);
	json_write_begin_array(w);
	json_write_end_array(w);
	json_write_raw(w, "{\"raw\":1}");
	json_write_string(w, NULL);
	json_write_end_array(w);
	json_write_key(w, "k\n");
	json_write_bool(w, true);
	json_write_end_object(w);
}

static void test_writer(void)
{
	_cleanup_strbuf_ struct strbuf compact = STRBUF_INIT, pretty = STRBUF_INIT;
	struct json_writer w = JSON_WRITER(&compact, NULL);

	write_sample(&w);
	CHECK_STR(compact.data, "{\"s\":\"a\\\"\\\\\\t\xef\xbf\xbd\",\"i\":-9223372036854775808,"
				"\"u\":18446744073709551615,\"b\":false,"
				"\"list\":[null,{},[],{\"raw\":1},null],\"k\\n\":true}");
	w = JSON_WRITER(&pretty, "  ");
	write_sample(&w);
	CHECK_STR(pretty.data,
		  "{\n  \"s\": \"a\\\"\\\\\\t\xef\xbf\xbd\",\n  \"i\": -9223372036854775808,\n"
		  "  \"u\": 18446744073709551615,\n  \"b\": false,\n"
		  "  \"list\": [\n    null,\n    {},\n    [],\n    {\"raw\":1},\n    null\n  ],\n"
		  "  \"k\\n\": true\n}");
}

int main(void)
{
	TEST_RUN(test_values);
	TEST_RUN(test_broken_text);
	TEST_RUN(test_refused);
	TEST_RUN(test_depth);
	TEST_RUN(test_size);
	TEST_RUN(test_many_keys);
	TEST_RUN(test_paths);
	TEST_RUN(test_integers);
	TEST_RUN(test_unsigned_integers);
	TEST_RUN(test_quote);
	TEST_RUN(test_writer);
	return test_end();
}
