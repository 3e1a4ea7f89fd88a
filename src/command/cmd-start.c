// SPDX-License-Identifier: Apache-2.0
#include "command/command.h"
#include "lifecycle/lifecycle.h"

static int start_run(const struct globals *globals, const void *options _unused_, char **args,
		     size_t n_args _unused_, struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int r;

	r = container_open(globals->root, args[0], CONTAINER_LOCKED, &c, err);
	if (r < 0)
		return r;
	return lifecycle_start(&c, err);
}

const struct command command_start = {
	.name = "start",
	.summary = "executes the user defined process in a created container",
	.arguments = "<container-id>",
	.usage =
		"Where \"<container-id>\" is your name for the instance of the container that you\n"
		"are starting.\n",
	.description = "The start command lets the process of a created container go.\n",
	.min_args = 1,
	.max_args = 1,
	.handler = start_run,
};
