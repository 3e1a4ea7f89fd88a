// SPDX-License-Identifier: Apache-2.0
/*
 * From structs to JSON text, by the tables.
 */
#include "libocispec/spec-table.h"

static void write_object(const struct spec_table *table, const void *object, struct json_writer *w);

static bool is_given(const struct spec_field *f, const void *member)
{
	switch (f->kind) {
	case SPEC_STRING:
	case SPEC_STRINGS:
	case SPEC_UINT32S:
	case SPEC_MAP:
	case SPEC_OBJECT:
	case SPEC_OBJECTS:
	case SPEC_OBJECT_MAP:
		return *(const spec_pointer *)member;
	case SPEC_FLAG:
		return f->required || *(const bool *)member;
	case SPEC_PRESENCE:
		return *(const bool *)member;
	case SPEC_BOOL:
		return ((const struct oci_bool *)member)->set;
	case SPEC_INT:
		return ((const struct oci_int *)member)->set;
	case SPEC_UINT:
		return ((const struct oci_uint *)member)->set;
	case SPEC_INT64:
	case SPEC_UINT64:
	case SPEC_UINT32:
	case SPEC_ENUM:
	case SPEC_EMBEDDED:
	case SPEC_KINDS:
		break;
	}
	return true;
}

static void write_strings(char *const *strings, size_t n, struct json_writer *w)
{
	json_write_begin_array(w);
	for (size_t i = 0; i < n; i++)
		json_write_string(w, strings[i]);
	json_write_end_array(w);
}

static void write_uint32s(const uint32_t *numbers, size_t n, struct json_writer *w)
{
	json_write_begin_array(w);
	for (size_t i = 0; i < n; i++)
		json_write_uint(w, numbers[i]);
	json_write_end_array(w);
}

static void write_map(const struct oci_entry *entries, size_t n, struct json_writer *w)
{
	json_write_begin_object(w);
	for (size_t i = 0; i < n; i++) {
		json_write_key(w, entries[i].key);
		json_write_string(w, entries[i].value);
	}
	json_write_end_object(w);
}

static void write_objects(const struct spec_table *table, const char *element, size_t n,
			  struct json_writer *w)
{
	json_write_begin_array(w);
	for (size_t i = 0; i < n; i++, element += table->size)
		write_object(table, element, w);
	json_write_end_array(w);
}

static void write_object_map(const struct spec_table *table, const char *element, size_t n,
			     struct json_writer *w)
{
	json_write_begin_object(w);
	for (size_t i = 0; i < n; i++, element += table->size) {
		json_write_key(w, *(const spec_pointer *)(const void *)element);
		write_object(table, element, w);
	}
	json_write_end_object(w);
}

static void write_presence(struct json_writer *w)
{
	json_write_begin_object(w);
	json_write_end_object(w);
}

static void write_field(const struct spec_field *f, const void *object, struct json_writer *w)
{
	const void *member = spec_member_const(object, f);

	switch (f->kind) {
	case SPEC_STRING:
		json_write_string(w, *(const spec_pointer *)member);
		break;
	case SPEC_FLAG:
		json_write_bool(w, *(const bool *)member);
		break;
	case SPEC_BOOL:
		json_write_bool(w, ((const struct oci_bool *)member)->value);
		break;
	case SPEC_INT:
		json_write_int(w, ((const struct oci_int *)member)->value);
		break;
	case SPEC_UINT:
		json_write_uint(w, ((const struct oci_uint *)member)->value);
		break;
	case SPEC_INT64:
		json_write_int(w, *(const int64_t *)member);
		break;
	case SPEC_UINT64:
		json_write_uint(w, *(const uint64_t *)member);
		break;
	case SPEC_UINT32:
		json_write_uint(w, *(const uint32_t *)member);
		break;
	case SPEC_ENUM:
		json_write_string(w, f->names(*(const unsigned *)member));
		break;
	case SPEC_STRINGS:
		write_strings(*(const spec_pointer *)member, spec_count(object, f), w);
		break;
	case SPEC_UINT32S:
		write_uint32s(*(const spec_pointer *)member, spec_count(object, f), w);
		break;
	case SPEC_MAP:
		write_map(*(const spec_pointer *)member, spec_count(object, f), w);
		break;
	case SPEC_OBJECT:
		write_object(f->table, *(const spec_pointer *)member, w);
		break;
	case SPEC_EMBEDDED:
		write_object(f->table, member, w);
		break;
	case SPEC_OBJECTS:
		write_objects(f->table, *(const spec_pointer *)member, spec_count(object, f), w);
		break;
	case SPEC_OBJECT_MAP:
		write_object_map(f->table, *(const spec_pointer *)member, spec_count(object, f), w);
		break;
	case SPEC_PRESENCE:
		write_presence(w);
		break;
	case SPEC_KINDS:
		break;
	}
}

static void write_object(const struct spec_table *table, const void *object, struct json_writer *w)
{
	json_write_begin_object(w);
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct spec_field *f = &table->fields[i];

		if (!is_given(f, spec_member_const(object, f)))
			continue;
		json_write_key(w, f->name);
		write_field(f, object, w);
	}
	json_write_end_object(w);
}

char *spec_write(const struct spec_table *table, const void *object, const char *indent)
{
	struct strbuf b = STRBUF_INIT;
	struct json_writer w = JSON_WRITER(&b, indent);

	write_object(table, object, &w);
	return strbuf_take(&b);
}
