// SPDX-License-Identifier: Apache-2.0
/*
 * Values of a JSON tree as C types, and messages that say where one is wrong.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alloc.h"
#include "libocispec/json.h"

/* Of a value that a message quotes. */
#define QUOTE_MAX 100

char *json_quote(const char *text)
{
	_cleanup_free_ char *cut = NULL;
	struct strbuf b = STRBUF_INIT;
	size_t len = strnlen(text, QUOTE_MAX + 1);

	if (len > QUOTE_MAX) {
		len = QUOTE_MAX;
		/* Not inside of a character. */
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		cut = xasprintf("%.*s...", (int)len, text);
		text = cut;
	}
	strbuf_json_string(&b, text);
	return strbuf_take(&b);
}

static bool is_plain(const char *key)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-";

	return *key && strlen(key) <= QUOTE_MAX && !key[strspn(key, plain)];
}

void json_append_key(struct strbuf *b, const char *key)
{
	_cleanup_free_ char *quoted = NULL;

	if (is_plain(key)) {
		strbuf_printf(b, "%s%s", b->len ? "." : "", key);
		return;
	}
	quoted = json_quote(key);
	strbuf_printf(b, "[%s]", quoted);
}

static void append_path(struct strbuf *b, const struct json *value)
{
	size_t index = 0;

	if (!value->parent)
		return;
	append_path(b, value->parent);
	if (value->key) {
		json_append_key(b, value->key);
		return;
	}
	json_for_each(item, value->parent) {
		if (item == value)
			break;
		index++;
	}
	strbuf_printf(b, "[%zu]", index);
}

char *json_path(const struct json *value)
{
	struct strbuf b = STRBUF_INIT;

	append_path(&b, value);
	return strbuf_take(&b);
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
	};

	_Static_assert(ARRAY_SIZE(names) == JSON_OBJECT + 1, "every type has a name");
	return names[type];
}

int json_error(struct error *err, const struct json *value, const char *fmt, ...)
{
	_cleanup_free_ char *path = json_path(value);
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	return error_set(err, EINVAL, "%s%s%s", path, *path ? ": " : "", what);
}

int json_error_type(struct error *err, const struct json *value, const char *expected)
{
	return json_error(err, value, "expected %s, got %s", expected, json_type_name(value->type));
}

int json_expect(const struct json *value, enum json_type type, struct error *err)
{
	return value->type == type ? 0 : json_error_type(err, value, json_type_name(type));
}

const struct json *json_member(const struct json *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	json_for_each(member, object)
		if (!strcmp(member->key, key))
			return member->type == JSON_NULL ? NULL : member;
	return NULL;
}

int json_require(const struct json *object, const char *key, const struct json **ret,
		 struct error *err)
{
	const struct json *member = json_member(object, key);
	struct strbuf path = STRBUF_INIT;

	if (!member) {
		append_path(&path, object);
		json_append_key(&path, key);
		error_set(err, EINVAL, "%s: missing, but required", path.data);
		strbuf_free(&path);
		return -EINVAL;
	}
	*ret = member;
	return 0;
}

int json_get_string(const struct json *value, const char **ret, struct error *err)
{
	int r = json_expect(value, JSON_STRING, err);

	if (r < 0)
		return r;
	*ret = value->text;
	return 0;
}

int json_get_bool(const struct json *value, bool *ret, struct error *err)
{
	int r = json_expect(value, JSON_BOOL, err);

	if (r < 0)
		return r;
	*ret = value->boolean;
	return 0;
}

/* The sign and the digits apart; yajl has seen to it that the text is a JSON number. */
static int get_integer(const struct json *value, bool *negative, uint64_t *magnitude,
		       bool *overflow, struct error *err)
{
	const char *digits = value->text;

	if (value->type != JSON_NUMBER)
		return json_error_type(err, value, "an integer");
	*negative = *digits == '-';
	if (*negative)
		digits++;
	if (!*digits || digits[strspn(digits, "0123456789")])
		return json_error(err, value, "expected an integer, got %.*s", QUOTE_MAX,
				  value->text);
	errno = 0;
	*magnitude = strtoull(digits, NULL, 10);
	*overflow = errno == ERANGE;
	return 0;
}

int json_get_int(const struct json *value, int64_t min, int64_t max, int64_t *ret,
		 struct error *err)
{
	bool negative = false, overflow = false;
	uint64_t magnitude = 0;
	int64_t n = 0;
	int r = get_integer(value, &negative, &magnitude, &overflow, err);

	if (r < 0)
		return r;
	if (negative && magnitude == (uint64_t)INT64_MAX + 1)
		n = INT64_MIN;
	else if (magnitude <= INT64_MAX)
		n = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	else
		overflow = true;
	if (overflow || n < min || n > max)
		return json_error(err, value,
				  "expected an integer from %" PRIi64 " to %" PRIi64 ", got %.*s",
				  min, max, QUOTE_MAX, value->text);
	*ret = n;
	return 0;
}

int json_get_uint(const struct json *value, uint64_t max, uint64_t *ret, struct error *err)
{
	bool negative = false, overflow = false;
	uint64_t magnitude = 0;
	int r = get_integer(value, &negative, &magnitude, &overflow, err);

	if (r < 0)
		return r;
	if (overflow || magnitude > max || (negative && magnitude))
		return json_error(err, value, "expected an integer from 0 to %" PRIu64 ", got %.*s",
				  max, QUOTE_MAX, value->text);
	*ret = magnitude;
	return 0;
}
