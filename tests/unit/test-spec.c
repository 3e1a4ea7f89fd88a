// SPDX-License-Identifier: Apache-2.0
/*
 * Every property that the tables know is read, written and copied: the documents are made from the
 * tables themselves, so none can be forgotten here; and the schemas say which there have to be.
 */
#include "tests/unit/test.h"

#include "lib/alloc.h"
#include "libocispec/spec-table.h"
#include "libocispec/state.h"

/* Of test-spec-properties.c: every property of the schemas as a path, ends with a NULL. */
extern const char *const schema_properties[];

/* What the generator does with the property that it is asked to treat. */
enum treatment { AS_IT_IS, WRONG_TYPE, NULLED, EMPTIED };

/**
 * struct generator - makes a document that has every property
 * @target: number of the property to treat, counted from 1 in the order of the document
 * @path: of that property, when it was reached
 * @field: likewise
 */
struct generator {
	struct json_writer w;
	enum treatment treatment;
	size_t target;
	size_t count;
	struct strbuf here;
	char *path;
	const struct spec_field *field;
};

static void generate_object(struct generator *g, const struct spec_table *table);

static const char *wrong_value(const struct spec_field *f)
{
	return f->kind == SPEC_STRING || f->kind == SPEC_ENUM ? "[1]" : "\"wrong\"";
}

static const char *empty_value(const struct spec_field *f)
{
	switch (f->kind) {
	case SPEC_STRINGS:
	case SPEC_UINT32S:
	case SPEC_OBJECTS:
		return "[]";
	case SPEC_MAP:
	case SPEC_OBJECT_MAP:
		return "{}";
	default:
		return NULL;
	}
}

static void generate_elements(struct generator *g, const struct spec_field *f, bool map)
{
	size_t len = g->here.len;

	for (int i = 0; i < 2; i++) {
		strbuf_printf(&g->here, map ? ".key%d" : "[%d]", i);
		if (map)
			json_write_key(&g->w, i ? "key1" : "key0");
		generate_object(g, f->table);
		g->here.len = len;
		g->here.data[len] = '\0';
	}
}

static void generate_value(struct generator *g, const struct spec_field *f)
{
	struct json_writer *w = &g->w;

	switch (f->kind) {
	case SPEC_STRING:
		json_write_string(w, f->name);
		break;
	case SPEC_FLAG:
	case SPEC_BOOL:
		json_write_bool(w, true);
		break;
	case SPEC_INT:
	case SPEC_INT64:
		json_write_int(w, g->count % 2 ? f->min : (int64_t)f->max);
		break;
	case SPEC_UINT:
	case SPEC_UINT64:
	case SPEC_UINT32:
		json_write_uint(w, f->max);
		break;
	case SPEC_ENUM:
		json_write_string(w, f->names(g->count % 3));
		break;
	case SPEC_STRINGS:
		json_write_raw(w, "[\"one\",\"\",\"t\\\"w\\no\"]");
		break;
	case SPEC_UINT32S:
		json_write_raw(w, "[0,4294967295]");
		break;
	case SPEC_MAP:
		json_write_raw(w, "{\"z.z\":\"one\",\"a\":\"\",\"\":\"x\"}");
		break;
	case SPEC_OBJECT:
	case SPEC_EMBEDDED:
		generate_object(g, f->table);
		break;
	case SPEC_OBJECTS:
		json_write_begin_array(w);
		generate_elements(g, f, false);
		json_write_end_array(w);
		break;
	case SPEC_OBJECT_MAP:
		json_write_begin_object(w);
		generate_elements(g, f, true);
		json_write_end_object(w);
		break;
	case SPEC_PRESENCE:
		json_write_raw(w, "{}");
		break;
	case SPEC_KINDS:
		abort();
	}
}

static void generate_property(struct generator *g, const struct spec_field *f)
{
	bool target = ++g->count == g->target && g->treatment != AS_IT_IS;

	json_write_key(&g->w, f->name);
	if (target) {
		g->path = xstrdup(g->here.data);
		g->field = f;
	}
	if (target && g->treatment == WRONG_TYPE)
		json_write_raw(&g->w, wrong_value(f));
	else if (target && g->treatment == NULLED)
		json_write_null(&g->w);
	else if (target && empty_value(f))
		json_write_raw(&g->w, empty_value(f));
	else
		generate_value(g, f);
}

static void generate_object(struct generator *g, const struct spec_table *table)
{
	size_t len = g->here.len;

	json_write_begin_object(&g->w);
	for (size_t i = 0; i < table->n_fields; i++) {
		json_append_key(&g->here, table->fields[i].name);
		generate_property(g, &table->fields[i]);
		g->here.len = len;
		g->here.data[len] = '\0';
	}
	json_write_end_object(&g->w);
}

/* Return: the document; @path and @field are those of the target, NULL when there is none. */
static char *generate(const struct spec_table *table, enum treatment treatment, size_t target,
		      char **path, const struct spec_field **field)
{
	struct strbuf out = STRBUF_INIT;
	struct generator g = {
		.w = JSON_WRITER(&out, NULL), .treatment = treatment, .target = target};

	strbuf_puts(&g.here, "");
	generate_object(&g, table);
	strbuf_free(&g.here);
	if (path)
		*path = g.path;
	if (field)
		*field = g.field;
	return strbuf_take(&out);
}

/* Parsed and written it is the same, and so is a copy. */
static void check_same(const struct spec_table *table, const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *written, *pretty, *copied;
	void *object = NULL, *copy, *again = NULL;

	if (spec_parse(table, text, strlen(text), &object, &err) < 0)
		TEST_FAIL("%s", err.message);
	written = spec_write(table, object, NULL);
	pretty = spec_write(table, object, "\t");
	copy = spec_copy(table, object);
	spec_destroy(table, object);
	CHECK_STR(written, text);
	copied = spec_write(table, copy, NULL);
	CHECK_STR(copied, text);
	spec_destroy(table, copy);
	free(copied);
	free(written);

	CHECK_INT(spec_parse(table, pretty, strlen(pretty), &again, &err), ==, 0);
	written = spec_write(table, again, NULL);
	CHECK_STR(written, text);
	spec_destroy(table, again);
	free(written);
	free(pretty);
}

static const struct spec_table *const roots[] = {
	&spec_table_oci_spec,
	&spec_table_oci_process,
	&spec_table_oci_resources,
	&spec_table_oci_state,
};

static void test_every_property_round_trips(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		_cleanup_free_ char *text = generate(roots[i], AS_IT_IS, 0, NULL, NULL);

		check_same(roots[i], text);
	}
}

static void test_every_empty_array_is_kept(void)
{
	for (size_t n = 1;; n++) {
		const struct spec_field *field;
		_cleanup_free_ char *path = NULL;
		_cleanup_free_ char *text =
			generate(&spec_table_oci_spec, EMPTIED, n, &path, &field);

		if (!path)
			break;
		if (empty_value(field))
			check_same(&spec_table_oci_spec, text);
	}
}

static void test_every_wrong_type_is_refused(void)
{
	size_t n;

	for (n = 1;; n++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *path = NULL, *start = NULL;
		_cleanup_free_ char *text =
			generate(&spec_table_oci_spec, WRONG_TYPE, n, &path, NULL);
		struct oci_spec *spec = NULL;

		if (!path)
			break;
		start = xasprintf("%s: expected ", path);
		CHECK_INT(oci_spec_parse(text, strlen(text), &spec, &err), ==, -EINVAL);
		CHECK(!spec);
		if (strncmp(err.message, start, strlen(start)) != 0)
			TEST_FAIL("not about %s: %s", path, err.message);
	}
	CHECK_INT(n, >, 300);
}

static void test_every_null_is_absent(void)
{
	for (size_t n = 1;; n++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *path = NULL, *expected = NULL;
		const struct spec_field *field;
		_cleanup_free_ char *text =
			generate(&spec_table_oci_spec, NULLED, n, &path, &field);
		_cleanup_spec_ struct oci_spec *spec = NULL;
		int r;

		if (!path)
			break;
		r = oci_spec_parse(text, strlen(text), &spec, &err);
		if (field->required) {
			expected = xasprintf("%s: missing, but required", path);
			CHECK_INT(r, ==, -EINVAL);
			CHECK_STR(err.message, expected);
		} else if (r < 0) {
			TEST_FAIL("%s", err.message);
		}
	}
}

static void test_truncated_at_every_byte(void)
{
	_cleanup_free_ char *text = generate(&spec_table_oci_spec, AS_IT_IS, 0, NULL, NULL);

	for (size_t len = 0; len < strlen(text); len++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		/* Of its own size, so that reading beyond the end is noticed. */
		_cleanup_free_ char *part = xmemdup(text, len);
		struct oci_spec *spec = NULL;

		CHECK_INT(oci_spec_parse(part, len, &spec, &err), ==, -EINVAL);
		CHECK_CONTAINS(err.message, "not JSON: line 1, column");
	}
}

static const struct spec_field *find(const struct spec_table *table, const char *name, size_t len)
{
	for (size_t i = 0; table && i < table->n_fields; i++)
		if (strlen(table->fields[i].name) == len &&
		    !strncmp(table->fields[i].name, name, len))
			return &table->fields[i];
	return NULL;
}

/* Whether the tables have a path such as mounts[].destination. */
static bool tables_have(const char *path)
{
	const struct spec_table *table = &spec_table_oci_spec;
	const struct spec_field *f = NULL;

	while (*path) {
		size_t len = strcspn(path, ".[{");

		f = find(table, path, len);
		if (!f)
			return false;
		path += len;
		if (!strncmp(path, "[]", 2) && f->kind != SPEC_OBJECTS)
			return false;
		if (!strncmp(path, "{}", 2) && f->kind != SPEC_OBJECT_MAP)
			return false;
		path += strspn(path, "[]{}.");
		table = f->table;
	}
	return f;
}

/* Whether a property of the schema is not in the tables on purpose. */
static bool is_left_out(const char *path)
{
	static const char *const left_out[] = {
		/* of Windows */
		"process.commandLine",
		"process.user.username",
		/* A map of clocks here, as it is in Go. */
		"linux.timeOffsets.boottime.secs",
		"linux.timeOffsets.boottime.nanosecs",
		"linux.timeOffsets.monotonic.secs",
		"linux.timeOffsets.monotonic.nanosecs",
		"linux.timeOffsets.boottime",
		"linux.timeOffsets.monotonic",
	};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (!strcmp(path, left_out[i]))
			return true;
	return false;
}

static void test_every_property_of_the_schema(void)
{
	size_t n = 0;

	for (const char *const *p = schema_properties; *p; p++, n++)
		if (!is_left_out(*p) && !tables_have(*p))
			TEST_FAIL("no %s in the tables", *p);
	CHECK_INT(n, >, 200);
	CHECK(tables_have("linux.timeOffsets{}.secs"));
	CHECK(tables_have("linux.timeOffsets{}.nanosecs"));
	CHECK(!tables_have("linux.nosuch"));
}

int main(void)
{
	TEST_RUN(test_every_property_round_trips);
	TEST_RUN(test_every_empty_array_is_kept);
	TEST_RUN(test_every_wrong_type_is_refused);
	TEST_RUN(test_every_null_is_absent);
	TEST_RUN(test_truncated_at_every_byte);
	TEST_RUN(test_every_property_of_the_schema);
	return test_end();
}
