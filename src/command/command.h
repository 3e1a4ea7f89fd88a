/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: what a command is, and the one list of them. Each command is a file cmd-<name>.c that
 * exports one struct command; command.c lists them; main.c finds the one that is asked for, parses
 * its options, calls it and logs its error.
 *
 *	struct kill_options {
 *		bool all;
 *	};
 *
 *	static const struct option_def kill_option_defs[] = {
 *		OPTION(struct kill_options, all, OPTION_FLAG, "all", 'a', NULL, "signal ..."),
 *		OPTION_END,
 *	};
 *
 *	static int kill_run(const struct globals *globals, const void *options, char **args,
 *			    size_t n_args, struct error *err)
 *	{
 *		const struct kill_options *o = options;
 *		...
 *	}
 *
 *	const struct command command_kill = {
 *		.name = "kill",
 *		.summary = "send a signal to the init process of a container",
 *		.arguments = "<container-id> [signal]",
 *		.description = "...\n",
 *		.options = kill_option_defs,
 *		.options_size = sizeof(struct kill_options),
 *		.min_args = 1,
 *		.max_args = 2,
 *		.handler = kill_run,
 *	};
 */
#ifndef RUNVM_COMMAND_COMMAND_H
#define RUNVM_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "command/options.h"
#include "lib/error.h"
#include "lib/log.h"

/* --rootless */
enum rootless_mode { ROOTLESS_AUTO, ROOTLESS_TRUE, ROOTLESS_FALSE };

/* --cgroup-manager, as crun has it; podman passes it with cgroups disabled */
enum cgroup_manager { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED };

/**
 * struct globals - the options in front of the command
 * @root: of --root, absolute, not canonical; it need not exist
 * @log_path: of --log, absolute; NULL for none. main opened it already; for child programs.
 * @trace_path: of --trace-start; main opened it already
 * @log_format: of --log-format
 * @debug: of --debug; the log level is set already
 * @systemd_cgroup: of --systemd-cgroup; for commands @cgroup_manager is what counts
 * @rootless: of --rootless
 * @cgroup_manager: of --cgroup-manager; --systemd-cgroup is the same as systemd here
 * @show_version: main's own
 */
struct globals {
	const char *root;
	const char *log_path;
	const char *trace_path;
	enum log_format log_format;
	bool debug;
	bool systemd_cgroup;
	enum rootless_mode rootless;
	enum cgroup_manager cgroup_manager;
	bool show_version;
};

/* A command has no upper limit of arguments. */
#define COMMAND_ARGS_ANY ((size_t)-1)

/**
 * typedef command_fn - carries out a command
 * @globals: borrowed
 * @options: the command's options struct, filled
 * @args: the n_args arguments behind the options, NULL-terminated
 *
 * Return: the exit code of the program, 0 to 255, with nothing logged; or -errno with @err set,
 * which main logs once and turns into the command's .failure_code.
 */
typedef int command_fn(const struct globals *globals, const void *options, char **args,
		       size_t n_args, struct error *err);

/**
 * struct command - one command
 * @name: as given on the command line
 * @summary: one line for the list of commands, no capital, no full stop
 * @arguments: of the usage line, behind the options: "<container-id> [signal]"; NULL for none
 * @usage: NULL or paragraphs that explain the arguments, lines of at most 80 columns
 * @description: NULL or paragraphs for the help, lines of at most 80 columns, each ending in \n
 * @options: ends with OPTION_END; NULL for none. `--help, -h` is there without being listed.
 * @options_size: of the struct that @options describe; 0 for none
 * @has_subcommands: options behind the first argument are not this command's
 * @min_args, @max_args: how many arguments; main refuses others with runc's words
 * @failure_code: exit code for an error; 0 stands for 1 (exec has 255)
 * @handler: see command_fn
 */
struct command {
	const char *name;
	const char *summary;
	const char *arguments;
	const char *usage;
	const char *description;
	const struct option_def *options;
	size_t options_size;
	bool has_subcommands;
	size_t min_args;
	size_t max_args;
	int failure_code;
	command_fn *handler;
};

/* Every command, in the order of the help; NULL-terminated. */
extern const struct command *const commands[];

/* The global options, into struct globals. */
extern const struct option_def global_option_defs[];

/* Return: NULL when there is none of that name. "h" is "help". */
const struct command *command_find(const char *name);

/**
 * command_check_args() - the number of arguments
 *
 * Return: 0, or -EINVAL with runc's words: `runvm: "state" requires exactly 1 argument(s)`.
 */
int command_check_args(const struct command *command, size_t n_args, struct error *err);

/**
 * command_default_root() - the root without --root
 * @rootless: of --rootless; ROOTLESS_AUTO looks whether the user is root
 *
 * /run/runvm for root, $XDG_RUNTIME_DIR/runvm for others; and for who is root in a user namespace
 * alone, when USER says that it is another user's, as with runc.
 *
 * Return: owned by the caller.
 */
char *command_default_root(enum rootless_mode rootless);

/* Writes a command's output to stdout. Return: 0 or -errno. */
int command_print(const char *text, struct error *err);

extern const struct command command_create;
extern const struct command command_delete;
extern const struct command command_features;
extern const struct command command_help;
extern const struct command command_kill;
extern const struct command command_list;
extern const struct command command_run;
extern const struct command command_spec;
extern const struct command command_start;
extern const struct command command_state;
extern const struct command command_template;

#endif
