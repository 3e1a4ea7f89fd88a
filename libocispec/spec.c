// SPDX-License-Identifier: Apache-2.0
/*
 * What spec.h offers beside the checks: the tables' functions by the name of each struct.
 */
#include "libocispec/spec.h"

#include <string.h>

#include "lib/io.h"
#include "libocispec/spec-table.h"

int oci_spec_parse(const char *json, size_t len, struct oci_spec **ret, struct error *err)
{
	void *spec;
	int r = spec_parse(&spec_table_oci_spec, json, len, &spec, err);

	if (r < 0)
		return r;
	*ret = spec;
	return 0;
}

int oci_spec_load(int dirfd, const char *path, struct oci_spec **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = io_read_file(dirfd, path, OCI_SPEC_MAX_SIZE, &text);

	if (r < 0)
		return error_errno(err, r, "read \"%s\"", path);
	r = oci_spec_parse(text.data ? text.data : "", text.len, ret, err);
	if (r < 0) {
		(void)error_prefix(err, "%s", path);
		return r;
	}
	return 0;
}

char *oci_spec_write(const struct oci_spec *spec, bool pretty)
{
	return spec_write(&spec_table_oci_spec, spec, pretty ? "\t" : NULL);
}

struct oci_spec *oci_spec_copy(const struct oci_spec *spec)
{
	return spec_copy(&spec_table_oci_spec, spec);
}

void oci_spec_free(struct oci_spec *spec)
{
	spec_destroy(&spec_table_oci_spec, spec);
}

int oci_process_parse(const char *json, size_t len, struct oci_process **ret, struct error *err)
{
	void *process;
	int r = spec_parse(&spec_table_oci_process, json, len, &process, err);

	if (r < 0)
		return r;
	*ret = process;
	return 0;
}

char *oci_process_write(const struct oci_process *process, bool pretty)
{
	return spec_write(&spec_table_oci_process, process, pretty ? "\t" : NULL);
}

struct oci_process *oci_process_copy(const struct oci_process *process)
{
	return spec_copy(&spec_table_oci_process, process);
}

void oci_process_free(struct oci_process *process)
{
	spec_destroy(&spec_table_oci_process, process);
}

int oci_resources_parse(const char *json, size_t len, struct oci_resources **ret, struct error *err)
{
	void *resources;
	int r = spec_parse(&spec_table_oci_resources, json, len, &resources, err);

	if (r < 0)
		return r;
	*ret = resources;
	return 0;
}

char *oci_resources_write(const struct oci_resources *resources, bool pretty)
{
	return spec_write(&spec_table_oci_resources, resources, pretty ? "\t" : NULL);
}

struct oci_resources *oci_resources_copy(const struct oci_resources *resources)
{
	return spec_copy(&spec_table_oci_resources, resources);
}

void oci_resources_free(struct oci_resources *resources)
{
	spec_destroy(&spec_table_oci_resources, resources);
}

const struct oci_namespace *oci_namespace_find(const struct oci_spec *spec,
					       enum oci_namespace_type type)
{
	if (!spec->linux)
		return NULL;
	for (size_t i = 0; i < spec->linux->n_namespaces; i++)
		if (spec->linux->namespaces[i].type == type)
			return &spec->linux->namespaces[i];
	return NULL;
}

bool oci_mount_is_bind(const struct oci_mount *mount)
{
	if (mount->type && !strcmp(mount->type, "bind"))
		return true;
	for (size_t i = 0; i < mount->n_options; i++)
		if (!strcmp(mount->options[i], "bind") || !strcmp(mount->options[i], "rbind"))
			return true;
	return false;
}

const char *oci_entry_get(const struct oci_entry *entries, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(entries[i].key, key))
			return entries[i].value;
	return NULL;
}

const char *oci_spec_annotation(const struct oci_spec *spec, const char *key)
{
	return oci_entry_get(spec->annotations, spec->n_annotations, key);
}
