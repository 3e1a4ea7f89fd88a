/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a container as `state` prints it and hooks get it on stdin (runtime.md, "State"),
 * with what runc adds. It is the JSON only: where a state is kept is not this room's business.
 */
#ifndef RUNVM_OCISPEC_STATE_H
#define RUNVM_OCISPEC_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "libocispec/spec.h"

/* The statuses of runtime.md, and runc's "paused". */
enum oci_status {
	OCI_STATUS_CREATING,
	OCI_STATUS_CREATED,
	OCI_STATUS_RUNNING,
	OCI_STATUS_PAUSED,
	OCI_STATUS_STOPPED,
	OCI_STATUSES,
};

/* Indexed by enum oci_status: "creating" ... */
extern const char *const oci_status_names[OCI_STATUSES];

/**
 * struct oci_state - a state
 * @pid: on the host, of the container's stand-in; 0 when there is none
 * @bundle: absolute path
 * @rootfs: absolute path; an extra of runc, like the two below, NULL in what hooks get
 * @created: time in the form of RFC 3339 with nanoseconds
 * @owner: name of the user who created the container; may be ""
 *
 * The strings of a parsed one are owned, see oci_state_free(); to write one, any will do.
 */
struct oci_state {
	char *oci_version;
	char *id;
	int64_t pid;
	enum oci_status status;
	char *bundle;
	char *rootfs;
	char *created;
	struct oci_entry *annotations;
	size_t n_annotations;
	char *owner;
};

/**
 * oci_state_write() - the state as JSON
 * @pretty: indented by two spaces, as runc's `state` has it
 *
 * Members that are NULL are left out.
 *
 * Return: owned by the caller.
 */
char *oci_state_write(const struct oci_state *state, bool pretty);

/**
 * oci_state_parse() - read a state back
 * @ret: owned by the caller; written only on success
 *
 * Return: 0; -EINVAL with the JSON path, -EFBIG, -ENOMEM, as oci_spec_parse().
 */
int oci_state_parse(const char *json, size_t len, struct oci_state **ret, struct error *err);

void oci_state_free(struct oci_state *state);

static inline void oci_state_freep(struct oci_state **state)
{
	oci_state_free(*state);
}

#define _cleanup_state_ _cleanup_(oci_state_freep)

#endif
