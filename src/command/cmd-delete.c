// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "command/command.h"
#include "lifecycle/lifecycle.h"

struct delete_options {
	bool force;
};

static const struct option_def delete_option_defs[] = {
	OPTION(struct delete_options, force, OPTION_FLAG, "force", 'f', NULL,
	       "forcibly deletes the container if it is still running (uses SIGKILL)"),
	OPTION_END,
};

/* With --force nobody waits for a start that does not end. */
static void interrupt_others(const char *root, const char *id)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_container_ struct container c = CONTAINER_INIT;

	if (!container_open(root, id, CONTAINER_UNLOCKED, &c, &ignored) && container_is_locked(&c))
		lifecycle_interrupt(&c);
}

static int delete_run(const struct globals *globals, const void *options, char **args,
		      size_t n_args _unused_, struct error *err)
{
	const struct delete_options *o = options;
	_cleanup_container_ struct container c = CONTAINER_INIT;
	enum oci_status status;
	int r;

	if (o->force)
		interrupt_others(globals->root, args[0]);
	r = container_open(globals->root, args[0], CONTAINER_LOCKED, &c, err);
	if (r == -ENOENT && o->force) {
		error_clear(err);
		return 0;
	}
	/* A damaged status says nothing of processes, but what is left has to go. */
	if (r == -EBADMSG && o->force)
		error_clear(err);
	else if (r < 0)
		return r;
	status = container_state(&c);
	/* One that was never started may go, as with runc. */
	if (!o->force && status != OCI_STATUS_STOPPED && status != OCI_STATUS_CREATED)
		return error_set(err, EBUSY, "cannot delete container %s that is not stopped: %s",
				 c.id, oci_status_names[status]);
	return lifecycle_destroy(&c, err);
}

const struct command command_delete = {
	.name = "delete",
	.summary = "delete any resources held by the container often used with detached container",
	.arguments = "<container-id>",
	.usage = "Where \"<container-id>\" is the name for the instance of the container.\n",
	.options = delete_option_defs,
	.options_size = sizeof(struct delete_options),
	.min_args = 1,
	.max_args = 1,
	.handler = delete_run,
};
