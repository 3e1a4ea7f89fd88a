// SPDX-License-Identifier: Apache-2.0
/* help: the list of commands, or the help of one. */
#include "command/command.h"
#include "command/help.h"

#define NO_SUCH_TOPIC 3 /* runc's exit code for it */

static int help_run(const struct globals *globals, const void *options, char **args, size_t n_args,
		    struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const struct command *topic = NULL;

	(void)globals;
	(void)options;
	if (n_args) {
		topic = command_find(args[0]);
		if (!topic) {
			log_error("No help topic for '%s'", args[0]);
			return NO_SUCH_TOPIC;
		}
		help_command(&text, topic);
	} else {
		help_program(&text);
	}
	return command_print(text.data, err);
}

const struct command command_help = {
	.name = "help",
	.summary = "list the commands, or show the help of one",
	.arguments = "[command]",
	.min_args = 0,
	.max_args = 1,
	.handler = help_run,
};
