// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/lifecycle.h"

char *lifecycle_state(const struct container *c, enum oci_status status,
		      const struct oci_spec *spec)
{
	const struct oci_state state = {
		.oci_version = c->status.oci_version,
		.id = c->id,
		.pid = status == OCI_STATUS_STOPPED ? 0 : c->status.standin.pid,
		.status = status,
		.bundle = c->status.bundle,
		.annotations = spec->annotations,
		.n_annotations = spec->n_annotations,
	};

	return oci_state_write(&state, false);
}

int lifecycle_load_config(const struct container *c, struct oci_spec **ret, struct error *err)
{
	return oci_spec_load(c->dirfd, "config.json", ret, err);
}
