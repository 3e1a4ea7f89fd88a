// SPDX-License-Identifier: Apache-2.0
#include "command/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "container/container.h"
#include "lib/alloc.h"
#include "lib/io.h"

/* clang-format off */
const struct command *const commands[] = {
	&command_create,
	&command_delete,
	&command_kill,
	&command_list,
	&command_run,
	&command_spec,
	&command_start,
	&command_state,
	&command_template,
	&command_features,
	&command_help,
	NULL,
};
/* clang-format on */

static const char *const log_format_names[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
	NULL,
};

static const char *const rootless_names[] = {
	[ROOTLESS_AUTO] = "auto",
	[ROOTLESS_TRUE] = "true",
	[ROOTLESS_FALSE] = "false",
	NULL,
};

static const char *const cgroup_manager_names[] = {
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
	[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_DISABLED] = "disabled",
	NULL,
};

const struct option_def global_option_defs[] = {
	OPTION(struct globals, debug, OPTION_FLAG, "debug", 0, NULL, "enable debug logging"),
	OPTION(struct globals, log_path, OPTION_STRING, "log", 0, "value",
	       "file to append log lines to, instead of standard error"),
	OPTION(struct globals, log_format, OPTION_ENUM, "log-format", 0, "value",
	       "format of the log: text or json", .default_value = "text",
	       .choices = log_format_names),
	OPTION(struct globals, root, OPTION_STRING, "root", 0, "value",
	       "directory of the containers' state, best on a tmpfs (default: "
	       "\"" CONTAINER_DEFAULT_ROOT "\", or \"$XDG_RUNTIME_DIR/runvm\" for an ordinary "
	       "user)"),
	OPTION(struct globals, cgroup_manager, OPTION_ENUM, "cgroup-manager", 0, "value",
	       "who manages the host's cgroups: cgroupfs, systemd or disabled",
	       .default_value = "cgroupfs", .choices = cgroup_manager_names),
	OPTION(struct globals, systemd_cgroup, OPTION_FLAG, "systemd-cgroup", 0, NULL,
	       "the same as --cgroup-manager systemd; cgroupsPath is of the form "
	       "\"slice:prefix:name\" then"),
	OPTION(struct globals, rootless, OPTION_ENUM, "rootless", 0, "value",
	       "go on where the host's cgroups are not permitted: true, false or auto",
	       .default_value = "auto", .choices = rootless_names),
	OPTION(struct globals, trace_path, OPTION_STRING, "trace-start", 0, "value",
	       "file to append the steps of a start to, with their times"),
	OPTION(struct globals, show_version, OPTION_FLAG, "version", 'v', NULL,
	       "print the version"),
	OPTION_END,
};

const struct command *command_find(const char *name)
{
	if (!strcmp(name, "h"))
		return &command_help;
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

int command_check_args(const struct command *command, size_t n_args, struct error *err)
{
	if (command->min_args == command->max_args && n_args != command->min_args)
		return error_set(err, EINVAL, "\"%s\" requires exactly %zu argument(s)",
				 command->name, command->min_args);
	if (n_args < command->min_args)
		return error_set(err, EINVAL, "\"%s\" requires a minimum of %zu argument(s)",
				 command->name, command->min_args);
	if (n_args > command->max_args)
		return error_set(err, EINVAL, "\"%s\" requires a maximum of %zu argument(s)",
				 command->name, command->max_args);
	return 0;
}

/* Whether root here is an ordinary user outside. */
static bool is_mapped_root(void)
{
	_cleanup_strbuf_ struct strbuf map = STRBUF_INIT;
	unsigned long inside, outside, count;
	const char *user = getenv("USER");

	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map) < 0 || !map.len)
		return false;
	if (sscanf(map.data, "%lu %lu %lu", &inside, &outside, &count) == 3 && !outside)
		return false;
	return user && *user && strcmp(user, "root") != 0;
}

char *command_default_root(enum rootless_mode rootless)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

	if (rootless == ROOTLESS_FALSE || !runtime_dir || runtime_dir[0] != '/')
		return xstrdup(CONTAINER_DEFAULT_ROOT);
	if (rootless == ROOTLESS_AUTO && geteuid() == 0 && !is_mapped_root())
		return xstrdup(CONTAINER_DEFAULT_ROOT);
	return xasprintf("%s/runvm", runtime_dir);
}

int command_print(const char *text, struct error *err)
{
	int r = io_write_all(STDOUT_FILENO, text, strlen(text));

	return r < 0 ? error_errno(err, r, "write to standard output") : 0;
}
