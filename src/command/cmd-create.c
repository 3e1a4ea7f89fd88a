// SPDX-License-Identifier: Apache-2.0
#include "command/command.h"
#include "command/create-options.h"
#include "lifecycle/lifecycle.h"

struct create_command_options {
	struct create_options create;
};

static const struct option_def create_option_defs[] = {
	CREATE_OPTIONS(struct create_command_options),
	OPTION_END,
};

static int create_run(const struct globals *globals, const void *options, char **args,
		      size_t n_args _unused_, struct error *err)
{
	const struct create_command_options *o = options;
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_bundle_ struct bundle *bundle = NULL;
	struct lifecycle_create create;
	int r;

	r = create_options_apply(&o->create, globals, &create, &bundle, err);
	if (r < 0)
		return r;
	create.detached = true;
	return lifecycle_create(args[0], &create, &c, err);
}

const struct command command_create = {
	.name = "create",
	.summary = "create a container",
	.arguments = "<container-id>",
	.usage =
		"Where \"<container-id>\" is your name for the instance of the container that you\n"
		"are starting. The name you provide for the container instance must be unique on\n"
		"your host.\n",
	.description = "The create command boots a virtual machine and creates the container of a\n"
		       "bundle in it. The bundle is a directory with a specification file named\n"
		       "\"config.json\" and a root filesystem. The process of config.json waits\n"
		       "until the start command lets it go.\n",
	.options = create_option_defs,
	.options_size = sizeof(struct create_command_options),
	.min_args = 1,
	.max_args = 1,
	.handler = create_run,
};
