// SPDX-License-Identifier: Apache-2.0
/*
 * config.json, a bare process, bare resources and a state from any bytes. What is accepted has to
 * be written, and the text to be accepted again and written the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libocispec/spec-table.h"
#include "libocispec/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frees @object. */
static void check_round_trip(const struct spec_table *table, void *object)
{
	_cleanup_free_ char *first = spec_write(table, object, NULL);
	_cleanup_free_ char *second = NULL;
	void *again = NULL, *copy = spec_copy(table, object);

	spec_destroy(table, object);
	/* Escapes can make the text longer than the limit. */
	if (spec_parse(table, first, strlen(first), &again, NULL) < 0 &&
	    strlen(first) <= OCI_SPEC_MAX_SIZE)
		abort();
	if (again) {
		second = spec_write(table, copy, "\t");
		spec_destroy(table, copy);
		copy = NULL;
		free(second);
		second = spec_write(table, again, NULL);
		if (strcmp(first, second) != 0)
			abort();
	}
	spec_destroy(table, copy);
	spec_destroy(table, again);
}

static void try(const struct spec_table *table, const char *text, size_t size)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	void *object = NULL;

	if (spec_parse(table, text, size, &object, &err) < 0) {
		if (!err.message || strchr(err.message, '\n') || object)
			abort();
		return;
	}
	if (table == &spec_table_oci_spec)
		(void)oci_spec_validate(object, &err);
	else if (table == &spec_table_oci_process)
		(void)oci_process_validate(object, "", &err);
	else if (table == &spec_table_oci_resources)
		(void)oci_resources_validate(object, "linux.resources", &err);
	if (err.message && strchr(err.message, '\n'))
		abort();
	check_round_trip(table, object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	try(&spec_table_oci_spec, text, size);
	try(&spec_table_oci_process, text, size);
	try(&spec_table_oci_resources, text, size);
	try(&spec_table_oci_state, text, size);
	return 0;
}
