// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "libocispec/json.h"

static void new_line(struct json_writer *w)
{
	if (!w->indent)
		return;
	strbuf_putc(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		strbuf_puts(w->out, w->indent);
}

/* What goes in front of a key, or of a value in an array. */
static void separate(struct json_writer *w)
{
	if (!w->depth)
		return;
	if (!w->empty)
		strbuf_putc(w->out, ',');
	w->empty = false;
	new_line(w);
}

static void begin_value(struct json_writer *w)
{
	if (w->after_key)
		w->after_key = false;
	else
		separate(w);
}

static void begin(struct json_writer *w, char bracket)
{
	begin_value(w);
	strbuf_putc(w->out, bracket);
	w->depth++;
	w->empty = true;
}

static void end(struct json_writer *w, char bracket)
{
	w->depth--;
	if (!w->empty)
		new_line(w);
	w->empty = false;
	strbuf_putc(w->out, bracket);
}

void json_write_begin_object(struct json_writer *w)
{
	begin(w, '{');
}

void json_write_end_object(struct json_writer *w)
{
	end(w, '}');
}

void json_write_begin_array(struct json_writer *w)
{
	begin(w, '[');
}

void json_write_end_array(struct json_writer *w)
{
	end(w, ']');
}

void json_write_key(struct json_writer *w, const char *key)
{
	separate(w);
	strbuf_json_string(w->out, key);
	strbuf_puts(w->out, w->indent ? ": " : ":");
	w->after_key = true;
}

void json_write_raw(struct json_writer *w, const char *json)
{
	begin_value(w);
	strbuf_puts(w->out, json);
}

void json_write_string(struct json_writer *w, const char *s)
{
	if (!s) {
		json_write_null(w);
		return;
	}
	begin_value(w);
	strbuf_json_string(w->out, s);
}

void json_write_int(struct json_writer *w, int64_t value)
{
	begin_value(w);
	strbuf_printf(w->out, "%" PRIi64, value);
}

void json_write_uint(struct json_writer *w, uint64_t value)
{
	begin_value(w);
	strbuf_printf(w->out, "%" PRIu64, value);
}

void json_write_bool(struct json_writer *w, bool value)
{
	json_write_raw(w, value ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
	json_write_raw(w, "null");
}

void json_write_value(struct json_writer *w, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		json_write_null(w);
		break;
	case JSON_BOOL:
		json_write_bool(w, value->boolean);
		break;
	case JSON_NUMBER:
		json_write_raw(w, value->text);
		break;
	case JSON_STRING:
		json_write_string(w, value->text);
		break;
	case JSON_ARRAY:
		json_write_begin_array(w);
		json_for_each(item, value)
			json_write_value(w, item);
		json_write_end_array(w);
		break;
	case JSON_OBJECT:
		json_write_begin_object(w);
		json_for_each(member, value) {
			json_write_key(w, member->key);
			json_write_value(w, member);
		}
		json_write_end_object(w);
		break;
	}
}

void json_write_member_string(struct json_writer *w, const char *key, const char *s)
{
	if (!s)
		return;
	json_write_key(w, key);
	json_write_string(w, s);
}

void json_write_member_int(struct json_writer *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

void json_write_member_uint(struct json_writer *w, const char *key, uint64_t value)
{
	json_write_key(w, key);
	json_write_uint(w, value);
}

void json_write_member_bool(struct json_writer *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}
