// SPDX-License-Identifier: Apache-2.0
/*
 * From a JSON tree to structs, by the tables. A struct is linked into its parent before it is
 * filled, and counts are right at every moment, so that what was read before an error is freed by
 * the same spec_destroy() as a whole spec.
 */
#include <stdlib.h>
#include <string.h>

#include "libocispec/spec-table.h"

typedef int read_fn(const struct spec_field *f, const struct json *v, void *object,
		    struct error *err);

static int read_object(const struct spec_table *table, const struct json *v, void *object,
		       struct error *err);

/* For memory of a size that the document chooses. */
static int out_of_memory(const struct json *v, struct error *err)
{
	(void)json_error(err, v, "out of memory");
	if (err)
		err->errnum = ENOMEM;
	return -ENOMEM;
}

static int copy_string(const struct json *v, const char *text, void *ret, struct error *err)
{
	char *copy = strdup(text);

	*(spec_pointer *)ret = copy;
	return copy ? 0 : out_of_memory(v, err);
}

/* Zeroed, with room for one more; not NULL for an array of no elements. */
static void *alloc_elements(const struct spec_field *f, const struct json *v, size_t size,
			    void *object, struct error *err)
{
	void *elements = calloc(v->count + 1, size);

	if (!elements) {
		(void)out_of_memory(v, err);
		return NULL;
	}
	*(spec_pointer *)spec_member(object, f) = elements;
	spec_set_count(object, f, v->count);
	return elements;
}

/* An empty string counts as absent where absence is allowed, as it does for Go's types. */
static int read_string(const struct spec_field *f, const struct json *v, void *object,
		       struct error *err)
{
	const char *text;
	int r = json_get_string(v, &text, err);

	if (r < 0)
		return r;
	if (!*text && !f->required)
		return 0;
	return copy_string(v, text, spec_member(object, f), err);
}

static int read_flag(const struct spec_field *f, const struct json *v, void *object,
		     struct error *err)
{
	return json_get_bool(v, spec_member(object, f), err);
}

static int read_bool(const struct spec_field *f, const struct json *v, void *object,
		     struct error *err)
{
	struct oci_bool *b = spec_member(object, f);

	b->set = true;
	return json_get_bool(v, &b->value, err);
}

static int read_int(const struct spec_field *f, const struct json *v, void *object,
		    struct error *err)
{
	struct oci_int *n = spec_member(object, f);

	n->set = true;
	return json_get_int(v, f->min, (int64_t)f->max, &n->value, err);
}

static int read_uint(const struct spec_field *f, const struct json *v, void *object,
		     struct error *err)
{
	struct oci_uint *n = spec_member(object, f);

	n->set = true;
	return json_get_uint(v, f->max, &n->value, err);
}

static int read_int64(const struct spec_field *f, const struct json *v, void *object,
		      struct error *err)
{
	return json_get_int(v, f->min, (int64_t)f->max, spec_member(object, f), err);
}

static int read_uint64(const struct spec_field *f, const struct json *v, void *object,
		       struct error *err)
{
	return json_get_uint(v, f->max, spec_member(object, f), err);
}

static int read_uint32(const struct spec_field *f, const struct json *v, void *object,
		       struct error *err)
{
	uint64_t n;
	int r = json_get_uint(v, f->max, &n, err);

	if (r < 0)
		return r;
	*(uint32_t *)spec_member(object, f) = (uint32_t)n;
	return 0;
}

static int read_enum(const struct spec_field *f, const struct json *v, void *object,
		     struct error *err)
{
	_cleanup_free_ char *quoted = NULL;
	const char *text;
	int r = json_get_string(v, &text, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; f->names(i); i++) {
		if (strcmp(text, f->names(i)) != 0)
			continue;
		*(unsigned *)spec_member(object, f) = i;
		return 0;
	}
	quoted = json_quote(text);
	return json_error(err, v, "unknown %s %s", f->noun, quoted);
}

static int read_strings(const struct spec_field *f, const struct json *v, void *object,
			struct error *err)
{
	const char *text;
	char **strings;
	size_t i = 0;
	int r = json_expect(v, JSON_ARRAY, err);

	if (r < 0)
		return r;
	strings = alloc_elements(f, v, sizeof(*strings), object, err);
	if (!strings)
		return -ENOMEM;
	json_for_each(item, v) {
		r = json_get_string(item, &text, err);
		if (!r)
			r = copy_string(item, text, &strings[i++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_uint32s(const struct spec_field *f, const struct json *v, void *object,
			struct error *err)
{
	uint32_t *numbers;
	uint64_t n;
	int r = json_expect(v, JSON_ARRAY, err);

	if (r < 0)
		return r;
	numbers = alloc_elements(f, v, sizeof(*numbers), object, err);
	if (!numbers)
		return -ENOMEM;
	json_for_each(item, v) {
		r = json_get_uint(item, f->max, &n, err);
		if (r < 0)
			return r;
		*numbers++ = (uint32_t)n;
	}
	return 0;
}

static int read_map(const struct spec_field *f, const struct json *v, void *object,
		    struct error *err)
{
	struct oci_entry *entry;
	const char *text;
	int r = json_expect(v, JSON_OBJECT, err);

	if (r < 0)
		return r;
	entry = alloc_elements(f, v, sizeof(*entry), object, err);
	if (!entry)
		return -ENOMEM;
	json_for_each(member, v) {
		r = json_get_string(member, &text, err);
		if (!r)
			r = copy_string(member, member->key, &entry->key, err);
		if (!r)
			r = copy_string(member, text, &entry->value, err);
		if (r < 0)
			return r;
		entry++;
	}
	return 0;
}

static int read_child(const struct spec_field *f, const struct json *v, void *object,
		      struct error *err)
{
	void *child = calloc(1, f->table->size);

	if (!child)
		return out_of_memory(v, err);
	*(spec_pointer *)spec_member(object, f) = child;
	return read_object(f->table, v, child, err);
}

static int read_embedded(const struct spec_field *f, const struct json *v, void *object,
			 struct error *err)
{
	return read_object(f->table, v, spec_member(object, f), err);
}

static int read_objects(const struct spec_field *f, const struct json *v, void *object,
			struct error *err)
{
	char *element;
	int r = json_expect(v, JSON_ARRAY, err);

	if (r < 0)
		return r;
	element = alloc_elements(f, v, f->table->size, object, err);
	if (!element)
		return -ENOMEM;
	json_for_each(item, v) {
		r = read_object(f->table, item, element, err);
		if (r < 0)
			return r;
		element += f->table->size;
	}
	return 0;
}

static int read_object_map(const struct spec_field *f, const struct json *v, void *object,
			   struct error *err)
{
	char *element;
	int r = json_expect(v, JSON_OBJECT, err);

	if (r < 0)
		return r;
	element = alloc_elements(f, v, f->table->size, object, err);
	if (!element)
		return -ENOMEM;
	json_for_each(member, v) {
		r = copy_string(member, member->key, element, err);
		if (!r)
			r = read_object(f->table, member, element, err);
		if (r < 0)
			return r;
		element += f->table->size;
	}
	return 0;
}

static int read_presence(const struct spec_field *f, const struct json *v, void *object,
			 struct error *err)
{
	*(bool *)spec_member(object, f) = true;
	return json_expect(v, JSON_OBJECT, err);
}

static read_fn *const readers[] = {
	[SPEC_STRING] = read_string,	 [SPEC_FLAG] = read_flag,
	[SPEC_BOOL] = read_bool,	 [SPEC_INT] = read_int,
	[SPEC_UINT] = read_uint,	 [SPEC_INT64] = read_int64,
	[SPEC_UINT64] = read_uint64,	 [SPEC_UINT32] = read_uint32,
	[SPEC_ENUM] = read_enum,	 [SPEC_STRINGS] = read_strings,
	[SPEC_UINT32S] = read_uint32s,	 [SPEC_MAP] = read_map,
	[SPEC_OBJECT] = read_child,	 [SPEC_EMBEDDED] = read_embedded,
	[SPEC_OBJECTS] = read_objects,	 [SPEC_OBJECT_MAP] = read_object_map,
	[SPEC_PRESENCE] = read_presence,
};
_Static_assert(ARRAY_SIZE(readers) == SPEC_KINDS, "every kind has a reader");

static const struct spec_field *find_field(const struct spec_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_fields; i++)
		if (!strcmp(table->fields[i].name, name))
			return &table->fields[i];
	return NULL;
}

static int read_object(const struct spec_table *table, const struct json *v, void *object,
		       struct error *err)
{
	const struct json *ignored;
	int r = json_expect(v, JSON_OBJECT, err);

	if (r < 0)
		return r;
	json_for_each(member, v) {
		const struct spec_field *f = find_field(table, member->key);

		if (!f || member->type == JSON_NULL)
			continue;
		r = readers[f->kind](f, member, object, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < table->n_fields; i++) {
		if (!table->fields[i].required)
			continue;
		r = json_require(v, table->fields[i].name, &ignored, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int spec_read(const struct spec_table *table, const struct json *value, void **ret,
	      struct error *err)
{
	void *object = calloc(1, table->size);
	int r;

	if (!object)
		return out_of_memory(value, err);
	r = read_object(table, value, object, err);
	if (r < 0) {
		spec_destroy(table, object);
		return r;
	}
	*ret = object;
	return 0;
}

int spec_parse(const struct spec_table *table, const char *json, size_t len, void **ret,
	       struct error *err)
{
	_cleanup_json_ struct json *root = NULL;
	int r = json_parse(json, len, OCI_SPEC_MAX_SIZE, &root, err);

	return r < 0 ? r : spec_read(table, root, ret, err);
}
