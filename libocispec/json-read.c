// SPDX-License-Identifier: Apache-2.0
/*
 * yajl's events become a tree in an arena: the nodes and strings of a document are cut from blocks
 * that are freed together, which is quick for a large document and cannot leak for a broken one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/alloc.h"
#include "libocispec/json.h"

#define BLOCK_SIZE 16384

struct block {
	struct block *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char data[];
};

/* The root is the first member: json_free() finds the document by it. */
struct document {
	struct json root;
	struct block *blocks;
};

/**
 * struct reader - the state of json_parse()
 * @current: the array or object that is being filled; NULL before and after the root
 * @key: of the value that comes next, in an object
 * @failure: of an event function, -errno; @err says why
 */
struct reader {
	struct document *document;
	struct json *current;
	const char *key;
	unsigned depth;
	size_t values;
	int failure;
	struct error *err;
};

static void *arena_alloc(struct document *d, size_t size)
{
	struct block *b = d->blocks;
	void *p;

	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!b || size > b->size - b->used) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		*b = (struct block){.next = d->blocks, .size = room};
		d->blocks = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

static void free_blocks(struct document *d)
{
	while (d->blocks) {
		struct block *next = d->blocks->next;

		free(d->blocks);
		d->blocks = next;
	}
}

static int fail_memory(struct reader *r)
{
	r->failure = error_set(r->err, ENOMEM, "out of memory for a JSON document");
	return 0;
}

/*
 * The event functions return 1 to go on and 0 to stop, as yajl wants it.
 */

/* Puts a value where the parser is. Return: NULL with ->failure set. */
static struct json *add_value(struct reader *r, enum json_type type)
{
	struct json *parent = r->current;
	struct json *v;

	if (++r->values > JSON_MAX_VALUES) {
		r->failure = error_set(r->err, EFBIG, "a JSON document of more than %u values",
				       JSON_MAX_VALUES);
		return NULL;
	}
	v = parent ? arena_alloc(r->document, sizeof(*v)) : &r->document->root;
	if (!v) {
		fail_memory(r);
		return NULL;
	}
	*v = (struct json){.type = type, .parent = parent, .key = r->key};
	r->key = NULL;
	if (parent) {
		if (parent->last)
			parent->last->next = v;
		else
			parent->first = v;
		parent->last = v;
		parent->count++;
	}
	return v;
}

/* A copy that ends with a NUL; NULL with ->failure set. */
static const char *add_text(struct reader *r, const void *text, size_t len)
{
	char *copy = arena_alloc(r->document, len + 1);

	if (!copy) {
		fail_memory(r);
		return NULL;
	}
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static int on_null(void *data)
{
	return add_value(data, JSON_NULL) != NULL;
}

static int on_boolean(void *data, int boolean)
{
	struct json *v = add_value(data, JSON_BOOL);

	if (v)
		v->boolean = boolean;
	return v != NULL;
}

static int on_number(void *data, const char *text, size_t len)
{
	struct reader *r = data;
	struct json *v = add_value(r, JSON_NUMBER);

	if (v)
		v->text = add_text(r, text, len);
	return v && v->text;
}

static int on_string(void *data, const unsigned char *text, size_t len)
{
	struct reader *r = data;
	struct json *v = add_value(r, JSON_STRING);

	if (!v)
		return 0;
	if (memchr(text, '\0', len)) {
		r->failure = json_error(r->err, v, "a string with a NUL character in it");
		return 0;
	}
	v->text = add_text(r, text, len);
	return v->text != NULL;
}

static int on_key(void *data, const unsigned char *text, size_t len)
{
	struct reader *r = data;

	if (memchr(text, '\0', len)) {
		r->failure = json_error(r->err, r->current, "a key with a NUL character in it");
		return 0;
	}
	r->key = add_text(r, text, len);
	return r->key != NULL;
}

static int on_start(void *data, enum json_type type)
{
	struct reader *r = data;
	struct json *v = add_value(r, type);

	if (!v)
		return 0;
	if (++r->depth > JSON_MAX_DEPTH) {
		r->failure = error_set(r->err, EFBIG, "a JSON document of more than %d levels",
				       JSON_MAX_DEPTH);
		return 0;
	}
	r->current = v;
	return 1;
}

static int on_start_map(void *data)
{
	return on_start(data, JSON_OBJECT);
}

static int on_start_array(void *data)
{
	return on_start(data, JSON_ARRAY);
}

static int on_end_array(void *data)
{
	struct reader *r = data;

	r->current = r->current->parent;
	r->depth--;
	return 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

/* Sorted, since the object may be as large as the document. */
static int check_keys(struct reader *r, const struct json *object)
{
	_cleanup_free_ const struct json **members = NULL;
	size_t n = 0;

	if (object->count < 2)
		return 1;
	members = calloc(object->count, sizeof(*members));
	if (!members)
		return fail_memory(r);
	json_for_each(member, object)
		members[n++] = member;
	qsort(members, n, sizeof(*members), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (compare_keys(&members[i - 1], &members[i]))
			continue;
		r->failure = json_error(r->err, members[i], "given twice");
		return 0;
	}
	return 1;
}

static int on_end_map(void *data)
{
	struct reader *r = data;

	return check_keys(r, r->current) && on_end_array(r);
}

static const yajl_callbacks events = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl does not check what its allocator returns; what it asks for is bounded by the document. */
static void *yajl_malloc(_unused_ void *data, size_t size)
{
	return xmalloc(size);
}

static void *yajl_realloc(_unused_ void *data, void *p, size_t size)
{
	return xreallocarray(p, size, 1);
}

static void yajl_release(_unused_ void *data, void *p)
{
	free(p);
}

/* yajl's sentence with the place in the text. */
static int fail_syntax(yajl_handle yajl, const char *text, size_t len, size_t at, struct error *err)
{
	unsigned char *why = yajl_get_error(yajl, 0, (const unsigned char *)text, len);
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at && i < len; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	why[strcspn((char *)why, "\n")] = '\0';
	error_set(err, EINVAL, "not JSON: line %zu, column %zu: %s", line, column, (char *)why);
	yajl_free_error(yajl, why);
	return -EINVAL;
}

static int feed(struct reader *r, yajl_handle yajl, const char *text, size_t len)
{
	yajl_status status = yajl_parse(yajl, (const unsigned char *)text, len);
	size_t at = yajl_get_bytes_consumed(yajl);

	/* yajl counts the last byte of what it did not like as consumed. */
	if (at)
		at--;
	if (status == yajl_status_ok) {
		status = yajl_complete_parse(yajl);
		at = len;
	}
	if (r->failure)
		return r->failure;
	if (status != yajl_status_ok)
		return fail_syntax(yajl, text, len, at, r->err);
	return 0;
}

int json_parse(const char *text, size_t len, size_t limit, struct json **ret, struct error *err)
{
	yajl_alloc_funcs allocator = {yajl_malloc, yajl_realloc, yajl_release, NULL};
	struct reader reader = {.err = err};
	yajl_handle yajl;
	int r;

	if (len > limit)
		return error_set(err, EFBIG, "a JSON document of %zu bytes: the limit is %zu", len,
				 limit);
	reader.document = xnew(struct document);
	yajl = yajl_alloc(&events, &allocator, &reader);
	r = feed(&reader, yajl, text, len);
	yajl_free(yajl);
	if (r < 0) {
		json_free(&reader.document->root);
		return r;
	}
	*ret = &reader.document->root;
	return 0;
}

void json_free(struct json *root)
{
	struct document *d = (struct document *)root;

	if (!d)
		return;
	free_blocks(d);
	free(d);
}
