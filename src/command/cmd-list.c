// SPDX-License-Identifier: Apache-2.0
/* list: the containers of a root, as a table or as JSON. */
#include <inttypes.h>
#include <string.h>

#include "command/command.h"
#include "command/describe.h"
#include "command/list-options.h"
#include "lib/alloc.h"
#include "lib/strbuf.h"
#include "libocispec/json.h"

#define MIN_COLUMN     12 /* runc's */
#define COLUMN_PADDING 3

static const struct option_def list_option_defs[] = {LIST_OPTIONS("display only container IDs")};

enum column {
	COLUMN_ID,
	COLUMN_PID,
	COLUMN_STATUS,
	COLUMN_BUNDLE,
	COLUMN_CREATED,
	COLUMN_OWNER,
	COLUMNS
};

static const char *const headings[] = {
	[COLUMN_ID] = "ID",	    [COLUMN_PID] = "PID",	  [COLUMN_STATUS] = "STATUS",
	[COLUMN_BUNDLE] = "BUNDLE", [COLUMN_CREATED] = "CREATED", [COLUMN_OWNER] = "OWNER",
};
_Static_assert(ARRAY_SIZE(headings) == COLUMNS, "every column has a heading");

/* A bundle's path can hold anything; a terminal must not be told by it what to do. */
static char *printable(const char *s)
{
	char *copy = xstrdup(s);

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

static size_t width_of(const char *s)
{
	size_t n = 0;

	/* Continuation bytes of UTF-8 take no room. */
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void append_row(struct strbuf *out, const size_t *widths, char *const *cells)
{
	for (int i = 0; i < COLUMNS; i++) {
		strbuf_puts(out, cells[i]);
		if (i + 1 == COLUMNS)
			break;
		for (size_t n = width_of(cells[i]); n < widths[i]; n++)
			strbuf_putc(out, ' ');
	}
	strbuf_putc(out, '\n');
}

static void append_table(struct strbuf *out, struct oci_state *const *states, size_t n)
{
	_cleanup_free_ char **cells = xcalloc((n + 1) * COLUMNS, sizeof(char *));
	size_t widths[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		cells[i] = xstrdup(headings[i]);
	for (size_t i = 0; i < n; i++) {
		char **row = cells + (i + 1) * COLUMNS;

		row[COLUMN_ID] = xstrdup(states[i]->id);
		row[COLUMN_PID] = xasprintf("%" PRId64, states[i]->pid);
		row[COLUMN_STATUS] = xstrdup(oci_status_names[states[i]->status]);
		row[COLUMN_BUNDLE] = printable(states[i]->bundle);
		row[COLUMN_CREATED] = printable(states[i]->created);
		row[COLUMN_OWNER] = printable(states[i]->owner);
	}
	for (int i = 0; i < COLUMNS; i++) {
		widths[i] = MIN_COLUMN;
		for (size_t j = 0; j <= n; j++) {
			size_t width = width_of(cells[j * COLUMNS + i]) + COLUMN_PADDING;

			if (width > widths[i])
				widths[i] = width;
		}
	}
	for (size_t j = 0; j <= n; j++)
		append_row(out, widths, cells + j * COLUMNS);
	for (size_t i = 0; i < (n + 1) * COLUMNS; i++)
		free(cells[i]);
}

static void append_json(struct strbuf *out, struct oci_state *const *states, size_t n)
{
	struct json_writer w = JSON_WRITER(out, NULL);

	json_write_begin_array(&w);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *json = oci_state_write(states[i], false);

		json_write_raw(&w, json);
	}
	json_write_end_array(&w);
	strbuf_putc(out, '\n');
}

/* One that cannot be read is warned about, and the others are listed. */
static struct oci_state *read_state(const char *root, const char *id, bool annotations)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_state *state = NULL;
	int r;

	r = container_open(root, id, CONTAINER_UNLOCKED, &c, &err);
	if (!r)
		r = describe_container(&c, annotations, &state, &err);
	/* Removed meanwhile, most likely. */
	if (r < 0 && r != -ENOENT)
		log_warning("list: %s", error_message(&err));
	return r < 0 ? NULL : state;
}

static int list_run(const struct globals *globals, const void *options, char **args, size_t n_args,
		    struct error *err)
{
	const struct list_options *o = options;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ struct oci_state **states = NULL;
	char **ids = NULL;
	ssize_t n_ids;
	size_t n = 0;

	(void)args;
	(void)n_args;
	n_ids = container_list(globals->root, &ids, err);
	if (n_ids < 0)
		return (int)n_ids;
	states = xcalloc((size_t)n_ids + 1, sizeof(*states));
	for (size_t i = 0; ids[i]; i++) {
		if (o->quiet) {
			strbuf_printf(&out, "%s\n", ids[i]);
			continue;
		}
		states[n] = read_state(globals->root, ids[i], o->format == LIST_JSON);
		if (states[n])
			n++;
	}
	container_list_free(ids);
	if (!o->quiet && o->format == LIST_JSON)
		append_json(&out, states, n);
	else if (!o->quiet)
		append_table(&out, states, n);
	for (size_t i = 0; i < n; i++)
		oci_state_free(states[i]);
	return out.len ? command_print(out.data, err) : 0;
}

const struct command command_list = {
	.name = "list",
	.summary = "list the containers under the given root",
	.usage = "The root is that of the global option \"--root\".\n",
	.description = "The JSON is an array of states as the command state prints them.\n",
	.options = list_option_defs,
	.options_size = sizeof(struct list_options),
	.min_args = 0,
	.max_args = 0,
	.handler = list_run,
};
