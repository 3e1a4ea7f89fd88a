// SPDX-License-Identifier: Apache-2.0
/*
 * Deep copies of structs and their end, by the tables. A copy starts as the bytes of the original,
 * then each pointer in it is replaced by a copy of what it points to.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/alloc.h"
#include "libocispec/spec-table.h"

static void copy_members(const struct spec_table *table, void *object);
static void free_members(const struct spec_table *table, void *object);

/* @n elements and a zeroed one behind them; @n is 0 for an array that is there but empty. */
static void *copy_array(const void *elements, size_t n, size_t size)
{
	void *copy = xcalloc(n + 1, size);

	if (n)
		memcpy(copy, elements, n * size);
	return copy;
}

static char **copy_strings(char *const *strings, size_t n)
{
	char **copy = copy_array(strings, n, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(copy[i]);
	return copy;
}

static struct oci_entry *copy_map(const struct oci_entry *entries, size_t n)
{
	struct oci_entry *copy = copy_array(entries, n, sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i].key = xstrdup(copy[i].key);
		copy[i].value = xstrdup(copy[i].value);
	}
	return copy;
}

static void *copy_objects(const struct spec_field *f, const void *elements, size_t n)
{
	char *copy = copy_array(elements, n, f->table->size);

	for (size_t i = 0; i < n; i++) {
		char *element = copy + i * f->table->size;

		if (f->kind == SPEC_OBJECT_MAP) {
			spec_pointer *key = (spec_pointer *)element;

			*key = xstrdup(*key);
		}
		copy_members(f->table, element);
	}
	return copy;
}

static void copy_members(const struct spec_table *table, void *object)
{
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct spec_field *f = &table->fields[i];
		spec_pointer *p = spec_member(object, f);

		switch (f->kind) {
		case SPEC_STRING:
			*p = xstrdup(*p);
			break;
		case SPEC_STRINGS:
			if (*p)
				*p = copy_strings(*p, spec_count(object, f));
			break;
		case SPEC_UINT32S:
			if (*p)
				*p = copy_array(*p, spec_count(object, f), sizeof(uint32_t));
			break;
		case SPEC_MAP:
			if (*p)
				*p = copy_map(*p, spec_count(object, f));
			break;
		case SPEC_OBJECT:
			*p = spec_copy(f->table, *p);
			break;
		case SPEC_OBJECTS:
		case SPEC_OBJECT_MAP:
			if (*p)
				*p = copy_objects(f, *p, spec_count(object, f));
			break;
		case SPEC_EMBEDDED:
			copy_members(f->table, p);
			break;
		default:
			/* A scalar: its bytes are there. */
			break;
		}
	}
}

static void free_elements(const struct spec_field *f, void *elements, size_t n)
{
	for (size_t i = 0; elements && i < n; i++) {
		char *element = (char *)elements + i * f->table->size;

		if (f->kind == SPEC_OBJECT_MAP)
			free(*(spec_pointer *)element);
		free_members(f->table, element);
	}
	free(elements);
}

static void free_strings(char **strings, size_t n)
{
	for (size_t i = 0; strings && i < n; i++)
		free(strings[i]);
	free(strings);
}

static void free_map(struct oci_entry *entries, size_t n)
{
	for (size_t i = 0; entries && i < n; i++) {
		free(entries[i].key);
		free(entries[i].value);
	}
	free(entries);
}

static void free_members(const struct spec_table *table, void *object)
{
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct spec_field *f = &table->fields[i];
		spec_pointer *p = spec_member(object, f);

		switch (f->kind) {
		case SPEC_STRING:
		case SPEC_UINT32S:
			free(*p);
			break;
		case SPEC_STRINGS:
			free_strings(*p, spec_count(object, f));
			break;
		case SPEC_MAP:
			free_map(*p, spec_count(object, f));
			break;
		case SPEC_OBJECT:
			spec_destroy(f->table, *p);
			break;
		case SPEC_OBJECTS:
		case SPEC_OBJECT_MAP:
			free_elements(f, *p, spec_count(object, f));
			break;
		case SPEC_EMBEDDED:
			free_members(f->table, p);
			break;
		default:
			break;
		}
	}
}

void *spec_copy(const struct spec_table *table, const void *object)
{
	void *copy;

	if (!object)
		return NULL;
	copy = xmemdup(object, table->size);
	copy_members(table, copy);
	return copy;
}

void spec_destroy(const struct spec_table *table, void *object)
{
	if (!object)
		return;
	free_members(table, object);
	free(object);
}
