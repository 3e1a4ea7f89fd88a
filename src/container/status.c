// SPDX-License-Identifier: Apache-2.0
#include "container/status.h"

#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"
#include "libocispec/json.h"

#define STATUS_MAX_SIZE (1U << 20) /* bytes; a bundle's path may be long, nothing else is */

static const char *const phase_names[] = {
	[STATUS_CREATING] = "creating",
	[STATUS_CREATED] = "created",
	[STATUS_STARTED] = "started",
};

struct string_field {
	const char *key;
	size_t offset;
};

static const struct string_field string_fields[] = {
	{"id", offsetof(struct status, id)},
	{"ociVersion", offsetof(struct status, oci_version)},
	{"bundle", offsetof(struct status, bundle)},
	{"rootfs", offsetof(struct status, rootfs)},
	{"created", offsetof(struct status, created)},
	{"owner", offsetof(struct status, owner)},
	{"vm", offsetof(struct status, vm)},
};

static char **string_of(struct status *status, const struct string_field *field)
{
	return (char **)((char *)status + field->offset);
}

static const char *string_in(const struct status *status, const struct string_field *field)
{
	return *(char *const *)((const char *)status + field->offset);
}

static int read_phase(const struct json *root, enum status_phase *ret, struct error *err)
{
	const struct json *value;
	const char *name;
	int r = json_require(root, "phase", &value, err);

	if (!r)
		r = json_get_string(value, &name, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(phase_names); i++)
		if (!strcmp(name, phase_names[i])) {
			*ret = (enum status_phase)i;
			return 0;
		}
	return json_error(err, value, "unknown phase \"%s\"", name);
}

/* A process that is not there is absent. */
static int read_process(const struct json *root, const char *key, struct process_ref *ret,
			struct error *err)
{
	const struct json *object = json_member(root, key), *pid_value, *start_value;
	uint64_t start;
	int64_t pid;
	int r;

	if (!object)
		return 0;
	r = json_require(object, "pid", &pid_value, err);
	if (!r)
		r = json_get_int(pid_value, 1, INT32_MAX, &pid, err);
	if (!r)
		r = json_require(object, "start", &start_value, err);
	if (!r)
		r = json_get_uint(start_value, UINT64_MAX, &start, err);
	if (!r)
		*ret = (struct process_ref){.pid = (pid_t)pid, .start = start};
	return r;
}

static int read_cgroups(const struct json *root, struct status *status, struct error *err)
{
	const struct json *array = json_member(root, "cgroups");
	int r;

	if (!array)
		return 0;
	r = json_expect(array, JSON_ARRAY, err);
	if (r < 0)
		return r;
	status->cgroups = xcalloc(array->count + 1, sizeof(char *));
	json_for_each(value, array) {
		const char *path;

		r = json_get_string(value, &path, err);
		if (r < 0)
			return r;
		status->cgroups[status->n_cgroups++] = xstrdup(path);
	}
	return 0;
}

static int read_fields(const struct json *root, struct status *status, struct error *err)
{
	const struct json *value;
	int r = json_expect(root, JSON_OBJECT, err);

	for (size_t i = 0; !r && i < ARRAY_SIZE(string_fields); i++) {
		const char *s;

		value = json_member(root, string_fields[i].key);
		if (!value)
			continue;
		r = json_get_string(value, &s, err);
		if (!r)
			*string_of(status, &string_fields[i]) = xstrdup(s);
	}
	if (!r)
		r = read_phase(root, &status->phase, err);
	if (!r)
		r = read_process(root, "standin", &status->standin, err);
	if (!r)
		r = read_process(root, "monitor", &status->monitor, err);
	value = json_member(root, "terminal");
	if (!r && value)
		r = json_get_bool(value, &status->terminal, err);
	if (!r)
		r = read_cgroups(root, status, err);
	if (!r && !status->id)
		r = error_set(err, EINVAL, "id: missing");
	return r;
}

int status_read(int dirfd, struct status *ret, struct error *err)
{
	_cleanup_status_ struct status status = {0};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_json_ struct json *root = NULL;
	int r;

	r = io_read_file(dirfd, STATUS_FILE, STATUS_MAX_SIZE, &text);
	if (r == -EFBIG)
		return error_set(err, EBADMSG, STATUS_FILE ": damaged: larger than %u bytes",
				 STATUS_MAX_SIZE);
	if (r < 0)
		return error_errno(err, r, "read " STATUS_FILE);
	r = json_parse(text.data ? text.data : "", text.len, STATUS_MAX_SIZE, &root, err);
	if (!r)
		r = read_fields(root, &status, err);
	if (r < 0) {
		error_prefix(err, STATUS_FILE ": damaged");
		if (err && r != -ENOMEM)
			err->errnum = EBADMSG;
		return r == -ENOMEM ? r : -EBADMSG;
	}
	*ret = status;
	status = (struct status){0};
	return 0;
}

static void write_process(struct json_writer *w, const char *key, const struct process_ref *ref)
{
	if (ref->pid <= 0)
		return;
	json_write_key(w, key);
	json_write_begin_object(w);
	json_write_member_int(w, "pid", ref->pid);
	json_write_member_uint(w, "start", ref->start);
	json_write_end_object(w);
}

int status_write(int dirfd, const struct status *status, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_writer w = JSON_WRITER(&text, "  ");

	json_write_begin_object(&w);
	for (size_t i = 0; i < ARRAY_SIZE(string_fields); i++)
		json_write_member_string(&w, string_fields[i].key,
					 string_in(status, &string_fields[i]));
	json_write_member_string(&w, "phase", phase_names[status->phase]);
	write_process(&w, "standin", &status->standin);
	write_process(&w, "monitor", &status->monitor);
	json_write_member_bool(&w, "terminal", status->terminal);
	json_write_key(&w, "cgroups");
	json_write_begin_array(&w);
	for (size_t i = 0; i < status->n_cgroups; i++)
		json_write_string(&w, status->cgroups[i]);
	json_write_end_array(&w);
	json_write_end_object(&w);
	strbuf_putc(&text, '\n');
	return io_replace_file(dirfd, STATUS_FILE, text.data, text.len, 0600, err);
}

void status_clear(struct status *status)
{
	for (size_t i = 0; i < ARRAY_SIZE(string_fields); i++)
		free(*string_of(status, &string_fields[i]));
	for (size_t i = 0; i < status->n_cgroups; i++)
		free(status->cgroups[i]);
	free(status->cgroups);
	*status = (struct status){0};
}
