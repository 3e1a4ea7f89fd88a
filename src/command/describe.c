// SPDX-License-Identifier: Apache-2.0
#include "command/describe.h"

#include <unistd.h>

#include "lib/alloc.h"
#include "libocispec/spec.h"

static char *text_or_empty(const char *s)
{
	return xstrdup(s ? s : "");
}

/* Moves the annotations of the container's config.json into @state. */
static int read_annotations(const struct container *c, struct oci_state *state, struct error *err)
{
	_cleanup_spec_ struct oci_spec *spec = NULL;
	int r;

	/* A create that was killed early has not written it yet. */
	if (faccessat(c->dirfd, CONTAINER_CONFIG, F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	r = oci_spec_load(c->dirfd, CONTAINER_CONFIG, &spec, err);
	if (r < 0) {
		error_prefix(err, "container \"%s\" in \"%s\"", c->id, c->root_path);
		return r;
	}
	state->annotations = TAKE_PTR(spec->annotations);
	state->n_annotations = spec->n_annotations;
	spec->n_annotations = 0;
	return 0;
}

int describe_container(const struct container *c, bool annotations, struct oci_state **ret,
		       struct error *err)
{
	_cleanup_state_ struct oci_state *state = xnew(struct oci_state);
	const struct status *s = &c->status;
	int r;

	state->oci_version = xstrdup(s->oci_version ? s->oci_version : OCI_SPEC_VERSION);
	state->id = xstrdup(c->id);
	state->status = container_state(c);
	/* While it is being created there may be a stand-in already, or not yet. */
	if (state->status != OCI_STATUS_STOPPED && process_ref_alive(&s->standin))
		state->pid = s->standin.pid;
	state->bundle = text_or_empty(s->bundle);
	state->rootfs = text_or_empty(s->rootfs);
	state->created = text_or_empty(s->created);
	state->owner = text_or_empty(s->owner);
	if (annotations) {
		r = read_annotations(c, state, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(state);
	return 0;
}
