/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: a reader that gives a tree whose nodes know their path, and a writer over a strbuf.
 *
 * The reader is for documents of any origin: config.json, status files, replies of QMP. yajl finds
 * the tokens and checks the UTF-8; this room bounds size, depth and number of values, and refuses
 * what readers disagree about: a key that comes twice in one object, and strings and keys with a
 * NUL in them. Nothing is converted before it is asked for, so integers never become doubles.
 *
 * An error message begins with the path of the value, `linux.resources.memory.limit` or
 * `mounts[2].destination` or `annotations["org.example.x"]`; the root's path is empty and left out.
 */
#ifndef RUNVM_OCISPEC_JSON_H
#define RUNVM_OCISPEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/strbuf.h"

/* Deeper and larger documents are refused with -EFBIG. */
#define JSON_MAX_DEPTH	64
#define JSON_MAX_VALUES (1U << 18)

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/**
 * struct json - a value of a document, with the values in it
 * @key: its name in the object that it is in, else NULL
 * @parent: NULL for the root
 * @next: the next one in the same array or object, in the order of the text
 * @count: of an array or object
 * @text: the content of a string, the digits of a number as they were written; else NULL
 *
 * Everything belongs to the document and goes with its root. Read only.
 */
struct json {
	enum json_type type;
	bool boolean;
	const char *key;
	const char *text;
	struct json *parent;
	struct json *next;
	struct json *first;
	struct json *last;
	size_t count;
};

#define json_for_each(value, container) \
	for (const struct json *value = (container)->first; value; value = value->next)

/**
 * json_parse() - read one document
 * @text: need not end with a NUL
 * @len: bytes
 * @limit: more bytes than this are refused
 * @ret: the root, freed by json_free(); written only on success
 *
 * Return: 0; -EINVAL for what is not one JSON document or is refused (see the top), with line and
 * column or the path; -EFBIG for too large, too deep or too many values; -ENOMEM.
 */
int json_parse(const char *text, size_t len, size_t limit, struct json **ret, struct error *err);

/* Frees the document. Only for a root. NULL is allowed. */
void json_free(struct json *root);

static inline void json_freep(struct json **root)
{
	json_free(*root);
}

#define _cleanup_json_ _cleanup_(json_freep)

/* The path of a value, owned by the caller; "" for the root. */
char *json_path(const struct json *value);

/* Puts `.key` behind a path, or `["key"]` where the key is not a plain word. */
void json_append_key(struct strbuf *path, const char *key);

/* "a string", "an object" ...: for messages. */
const char *json_type_name(enum json_type type);

/**
 * json_quote() - text for a message: quoted, escaped, cut when long, always one line
 *
 * Return: owned by the caller.
 */
char *json_quote(const char *text);

/**
 * json_error() - report what is wrong with a value, its path in front
 *
 * Return: -EINVAL.
 */
int json_error(struct error *err, const struct json *value, const char *fmt, ...) _printf_(3, 4);

/* Reports that a value is not @expected ("an integer"). Return: -EINVAL. */
int json_error_type(struct error *err, const struct json *value, const char *expected);

/**
 * json_member() - a member of an object
 * @object: may be NULL or not an object, so that calls can be nested
 *
 * Return: NULL when there is none, or it is null.
 */
const struct json *json_member(const struct json *object, const char *key);

/* json_member(), or -EINVAL with the path of the member that is missing. */
int json_require(const struct json *object, const char *key, const struct json **ret,
		 struct error *err);

/*
 * The value as a C type. Return: 0, or -EINVAL with the path in @err. @ret is written only on
 * success; a string is borrowed from the document.
 */
int json_get_string(const struct json *value, const char **ret, struct error *err);
int json_get_bool(const struct json *value, bool *ret, struct error *err);
int json_get_int(const struct json *value, int64_t min, int64_t max, int64_t *ret,
		 struct error *err);
int json_get_uint(const struct json *value, uint64_t max, uint64_t *ret, struct error *err);
/* 0 when it is of the type. */
int json_expect(const struct json *value, enum json_type type, struct error *err);

/**
 * struct json_writer - puts JSON text into a strbuf
 * @out: borrowed
 * @indent: of one level ("\t", "  "), with line ends; NULL for text without any white space
 *
 * The caller keeps the order right: in an object each value after its key. Commas, line ends and
 * escapes are the writer's. Numbers are exact; bytes that are not UTF-8 become U+FFFD.
 */
struct json_writer {
	struct strbuf *out;
	const char *indent;
	unsigned depth;
	bool empty;
	bool after_key;
};

#define JSON_WRITER(buffer, indentation) \
	((struct json_writer){.out = (buffer), .indent = (indentation)})

void json_write_begin_object(struct json_writer *w);
void json_write_end_object(struct json_writer *w);
void json_write_begin_array(struct json_writer *w);
void json_write_end_array(struct json_writer *w);
void json_write_key(struct json_writer *w, const char *key);
/* NULL writes null. */
void json_write_string(struct json_writer *w, const char *s);
void json_write_int(struct json_writer *w, int64_t value);
void json_write_uint(struct json_writer *w, uint64_t value);
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
/* @json is put in as it is: it has to be one JSON value. */
void json_write_raw(struct json_writer *w, const char *json);
/* A value that was read, with all that is in it. */
void json_write_value(struct json_writer *w, const struct json *value);

/* A member of an object in one call; a string that is NULL is left out. */
void json_write_member_string(struct json_writer *w, const char *key, const char *s);
void json_write_member_int(struct json_writer *w, const char *key, int64_t value);
void json_write_member_uint(struct json_writer *w, const char *key, uint64_t value);
void json_write_member_bool(struct json_writer *w, const char *key, bool value);

#endif
