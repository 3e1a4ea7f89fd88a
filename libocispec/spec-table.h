/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that say which member of a struct a JSON property is. The same tables read, write, copy
 * and free, so a property is listed once. Inside of libocispec and its tests.
 *
 * The macros check at compile time that a member has the C type that its kind stands for.
 */
#ifndef RUNVM_OCISPEC_SPEC_TABLE_H
#define RUNVM_OCISPEC_SPEC_TABLE_H

#include "libocispec/json.h"
#include "libocispec/spec.h"

enum spec_kind {
	SPEC_STRING,	 /* char * */
	SPEC_FLAG,	 /* bool: false when absent, written when true or required */
	SPEC_BOOL,	 /* struct oci_bool */
	SPEC_INT,	 /* struct oci_int */
	SPEC_UINT,	 /* struct oci_uint */
	SPEC_INT64,	 /* int64_t: 0 when absent, always written */
	SPEC_UINT64,	 /* uint64_t, likewise */
	SPEC_UINT32,	 /* uint32_t, likewise */
	SPEC_ENUM,	 /* an enum, a string in JSON */
	SPEC_STRINGS,	 /* char ** and a count */
	SPEC_UINT32S,	 /* uint32_t * and a count */
	SPEC_MAP,	 /* struct oci_entry * and a count, an object in JSON */
	SPEC_OBJECT,	 /* a pointer to a struct */
	SPEC_EMBEDDED,	 /* a struct, always written */
	SPEC_OBJECTS,	 /* an array of structs and a count */
	SPEC_OBJECT_MAP, /* likewise; an object in JSON, the key is the struct's first member */
	SPEC_PRESENCE,	 /* bool: an object was there; written as an empty one */
	SPEC_KINDS,
};

/**
 * struct spec_field - a property
 * @required: its absence is an error
 * @offset: of the member
 * @count: of the member with the number of elements
 * @min: lowest value of a signed integer; unsigned ones begin at 0
 * @max: highest value of an integer; that of elements for SPEC_UINT32S
 * @table: of the struct, or of the elements
 * @names: of a SPEC_ENUM: the name of a value, NULL beyond the last
 * @noun: of a SPEC_ENUM: what such a name is called in messages
 */
struct spec_field {
	const char *name;
	enum spec_kind kind;
	bool required;
	size_t offset;
	size_t count;
	int64_t min;
	uint64_t max;
	const struct spec_table *table;
	const char *(*names)(unsigned value);
	const char *noun;
};

/* The properties of a struct, in the order in which they are written. */
struct spec_table {
	size_t size;
	const struct spec_field *fields;
	size_t n_fields;
};

/* clang-format off */
#define SPEC_SAME_TYPE(T, member, type) \
	__builtin_types_compatible_p(__typeof__(((struct T *)0)->member), type)
/* The offset of a member; does not compile when the member is not of this type. */
#define SPEC_OFFSET(T, member, type) \
	(offsetof(struct T, member) + 0 * sizeof(char[SPEC_SAME_TYPE(T, member, type) ? 1 : -1]))
#define SPEC_COUNT(T, member) .count = SPEC_OFFSET(T, n_##member, size_t)

#define STRING(T, m) .kind = SPEC_STRING, .offset = SPEC_OFFSET(T, m, char *)
#define FLAG(T, m)   .kind = SPEC_FLAG, .offset = SPEC_OFFSET(T, m, bool)
#define BOOL(T, m)   .kind = SPEC_BOOL, .offset = SPEC_OFFSET(T, m, struct oci_bool)
#define INT_FROM_TO(T, m, low, high)                                                     \
	.kind = SPEC_INT, .offset = SPEC_OFFSET(T, m, struct oci_int), .min = (low), \
	.max = (high)
#define INT(T, m)   INT_FROM_TO(T, m, INT64_MIN, INT64_MAX)
#define INT32(T, m) INT_FROM_TO(T, m, INT32_MIN, INT32_MAX)
#define UINT_TO(T, m, high) \
	.kind = SPEC_UINT, .offset = SPEC_OFFSET(T, m, struct oci_uint), .max = (high)
#define UINT(T, m)           UINT_TO(T, m, UINT64_MAX)
#define PLAIN_INT64(T, m)                                                             \
	.kind = SPEC_INT64, .offset = SPEC_OFFSET(T, m, int64_t), .min = INT64_MIN, \
	.max = INT64_MAX
#define PLAIN_UINT64(T, m) \
	.kind = SPEC_UINT64, .offset = SPEC_OFFSET(T, m, uint64_t), .max = UINT64_MAX
#define PLAIN_UINT32(T, m) \
	.kind = SPEC_UINT32, .offset = SPEC_OFFSET(T, m, uint32_t), .max = UINT32_MAX
#define ENUM(T, m, type, names_, noun_)                                       \
	.kind = SPEC_ENUM, .offset = SPEC_OFFSET(T, m, enum type), .names = (names_), \
	.noun = (noun_)
#define STRINGS(T, m) .kind = SPEC_STRINGS, .offset = SPEC_OFFSET(T, m, char **), SPEC_COUNT(T, m)
#define UINT32S(T, m)                                                                         \
	.kind = SPEC_UINT32S, .offset = SPEC_OFFSET(T, m, uint32_t *), SPEC_COUNT(T, m), \
	.max = UINT32_MAX
#define MAP(T, m) \
	.kind = SPEC_MAP, .offset = SPEC_OFFSET(T, m, struct oci_entry *), SPEC_COUNT(T, m)
#define OBJECT(T, m, sub)                                                         \
	.kind = SPEC_OBJECT, .offset = SPEC_OFFSET(T, m, struct sub *), \
	.table = &spec_table_##sub
#define EMBEDDED(T, m, sub) \
	.kind = SPEC_EMBEDDED, .offset = SPEC_OFFSET(T, m, struct sub), .table = &spec_table_##sub
#define OBJECTS(T, m, sub)                                                                     \
	.kind = SPEC_OBJECTS, .offset = SPEC_OFFSET(T, m, struct sub *), SPEC_COUNT(T, m), \
	.table = &spec_table_##sub
/* @key: the first member of the element */
#define OBJECT_MAP(T, m, sub, key)                                                    \
	.kind = SPEC_OBJECT_MAP,                                                      \
	.offset = SPEC_OFFSET(T, m, struct sub *) +                                   \
		  0 * sizeof(char[offsetof(struct sub, key) == 0 ? 1 : -1]) +         \
		  0 * SPEC_OFFSET(sub, key, char *),                                  \
	SPEC_COUNT(T, m), .table = &spec_table_##sub
#define PRESENCE(T, m) .kind = SPEC_PRESENCE, .offset = SPEC_OFFSET(T, m, bool)

#define SPEC_TABLE(T)                                           \
	const struct spec_table spec_table_##T = {              \
		.size = sizeof(struct T),                       \
		.fields = T##_fields,                           \
		.n_fields = ARRAY_SIZE(T##_fields),             \
	}
/* clang-format on */

extern const struct spec_table spec_table_oci_spec;
extern const struct spec_table spec_table_oci_process;
extern const struct spec_table spec_table_oci_resources;
extern const struct spec_table spec_table_oci_linux;
extern const struct spec_table spec_table_oci_id_mapping;
extern const struct spec_table spec_table_oci_vm;
extern const struct spec_table spec_table_oci_state;

/**
 * spec_read() - a struct from a JSON object
 * @ret: allocated; freed by spec_destroy(); written only on success
 *
 * Return: 0, -EINVAL with the path in @err, -ENOMEM.
 */
int spec_read(const struct spec_table *table, const struct json *value, void **ret,
	      struct error *err);

/* json_parse() and spec_read() in one. */
int spec_parse(const struct spec_table *table, const char *json, size_t len, void **ret,
	       struct error *err);

/* The struct as JSON, owned by the caller. @indent: see struct json_writer. */
char *spec_write(const struct spec_table *table, const void *object, const char *indent);

/* A deep copy; NULL of NULL. */
void *spec_copy(const struct spec_table *table, const void *object);

/* Frees a struct and what it owns. NULL is allowed. */
void spec_destroy(const struct spec_table *table, void *object);

/* A pointer member of any type, seen as void *: without the attribute -O2 may miss the access. */
typedef void *spec_pointer __attribute__((__may_alias__));

/* Members of a struct by a field, for those who walk the tables. */
static inline void *spec_member(void *object, const struct spec_field *f)
{
	return (char *)object + f->offset;
}

static inline const void *spec_member_const(const void *object, const struct spec_field *f)
{
	return (const char *)object + f->offset;
}

static inline size_t spec_count(const void *object, const struct spec_field *f)
{
	return *(const size_t *)(const void *)((const char *)object + f->count);
}

static inline void spec_set_count(void *object, const struct spec_field *f, size_t n)
{
	*(size_t *)(void *)((char *)object + f->count) = n;
}

#endif
