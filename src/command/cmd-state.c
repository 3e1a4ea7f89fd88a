// SPDX-License-Identifier: Apache-2.0
/* state: the state of a container as JSON. */
#include "command/command.h"
#include "command/describe.h"
#include "lib/alloc.h"

static int state_run(const struct globals *globals, const void *options, char **args, size_t n_args,
		     struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_state_ struct oci_state *state = NULL;
	_cleanup_free_ char *json = NULL, *text = NULL;
	int r;

	(void)options;
	(void)n_args;
	r = container_open(globals->root, args[0], CONTAINER_UNLOCKED, &c, err);
	if (!r)
		r = describe_container(&c, true, &state, err);
	if (r < 0)
		return r;
	json = oci_state_write(state, true);
	text = xasprintf("%s\n", json);
	return command_print(text, err);
}

const struct command command_state = {
	.name = "state",
	.summary = "output the state of a container",
	.arguments = "<container-id>",
	.usage = "\"<container-id>\" is the name of the container.\n",
	.description =
		"The state is a JSON object as the OCI runtime specification has it, with\n"
		"rootfs, created and owner as runc adds them. \"pid\" is the process on the host\n"
		"that stands for the container's first one, 0 when that has ended.\n",
	.min_args = 1,
	.max_args = 1,
	.handler = state_run,
};
