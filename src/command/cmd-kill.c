// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "command/command.h"
#include "command/signals.h"
#include "lifecycle/lifecycle.h"

struct kill_options {
	bool all;
};

static const struct option_def kill_option_defs[] = {
	OPTION(struct kill_options, all, OPTION_FLAG, "all", 'a', NULL,
	       "send the specified signal to all processes inside the container"),
	OPTION_END,
};

static int kill_run(const struct globals *globals, const void *options, char **args, size_t n_args,
		    struct error *err)
{
	const struct kill_options *o = options;
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *name = n_args > 1 ? args[1] : "SIGTERM";
	int r, signal;

	r = container_open(globals->root, args[0], CONTAINER_UNLOCKED, &c, err);
	if (r < 0)
		return r;
	signal = signal_parse(name);
	if (signal < 0)
		return error_set(err, EINVAL, "unknown signal \"%s\"", name);
	return lifecycle_kill(&c, signal, o->all, err);
}

const struct command command_kill = {
	.name = "kill",
	.summary = "kill sends the specified signal (default: SIGTERM) to the container's init "
		   "process",
	.arguments = "<container-id> [signal]",
	.usage =
		"Where \"<container-id>\" is the name for the instance of the container and\n"
		"\"[signal]\" is the signal to be sent to the init process, by number or by name,\n"
		"with or without SIG.\n",
	.options = kill_option_defs,
	.options_size = sizeof(struct kill_options),
	.min_args = 1,
	.max_args = 2,
	.handler = kill_run,
};
