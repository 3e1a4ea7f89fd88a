// SPDX-License-Identifier: Apache-2.0
#include "libocispec/state.h"

#include "libocispec/spec-table.h"

const char *const oci_status_names[] = {
	[OCI_STATUS_CREATING] = "creating", [OCI_STATUS_CREATED] = "created",
	[OCI_STATUS_RUNNING] = "running",   [OCI_STATUS_PAUSED] = "paused",
	[OCI_STATUS_STOPPED] = "stopped",
};
_Static_assert(ARRAY_SIZE(oci_status_names) == OCI_STATUSES, "every status has a name");

static const char *status_name(unsigned status)
{
	return status < OCI_STATUSES ? oci_status_names[status] : NULL;
}

/* In runc's order. */
static const struct spec_field oci_state_fields[] = {
	{"ociVersion", STRING(oci_state, oci_version), .required = true},
	{"id", STRING(oci_state, id), .required = true},
	{"pid", PLAIN_INT64(oci_state, pid)},
	{"status", ENUM(oci_state, status, oci_status, status_name, "status"), .required = true},
	{"bundle", STRING(oci_state, bundle), .required = true},
	{"rootfs", STRING(oci_state, rootfs)},
	{"created", STRING(oci_state, created)},
	{"annotations", MAP(oci_state, annotations)},
	{"owner", STRING(oci_state, owner)},
};
SPEC_TABLE(oci_state);

char *oci_state_write(const struct oci_state *state, bool pretty)
{
	return spec_write(&spec_table_oci_state, state, pretty ? "  " : NULL);
}

int oci_state_parse(const char *json, size_t len, struct oci_state **ret, struct error *err)
{
	void *state;
	int r = spec_parse(&spec_table_oci_state, json, len, &state, err);

	if (r < 0)
		return r;
	*ret = state;
	return 0;
}

void oci_state_free(struct oci_state *state)
{
	spec_destroy(&spec_table_oci_state, state);
}
