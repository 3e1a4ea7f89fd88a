// SPDX-License-Identifier: Apache-2.0
/*
 * The program: global options, the log, the command; its error is logged here, once.
 *
 * Where lines go is as with runc. Without --log: to stderr, plain, or in JSON with --log-format
 * json. With --log: to the file, and the error that ends the program to stderr as well. So
 * warnings do not get into the output of a container, whose stderr is ours when an engine calls.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "command/command.h"
#include "command/help.h"
#include "lib/alloc.h"
#include "lib/process.h"
#include "lib/trace.h"

#define UNKNOWN_COMMAND 3 /* runc's exit code for it */

/**
 * struct program - what main owns
 * @log_fd: of --log; -1 for none; 2 where the log is stderr itself
 * @trace_fd: of --trace-start; -1 for none
 */
struct program {
	struct globals globals;
	char *root;
	char *log_path;
	int log_fd;
	int trace_fd;
};

static void cleanup_program(struct program *p)
{
	log_set_file(-1, LOG_FORMAT_TEXT);
	if (p->log_fd != STDERR_FILENO)
		close_keep_errno(p->log_fd);
	trace_set_file(-1);
	close_keep_errno(p->trace_fd);
	free(p->root);
	free(p->log_path);
}

/* What is opened later must not become the standard input, output or error of something. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close_keep_errno(fd);
	/* They are inherited by what we execute, as the caller's would be. */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)fcntl(fd, F_SETFD, 0);
}

static int report(const struct program *p, int code, const struct error *err)
{
	if (p->log_fd != STDERR_FILENO)
		log_set_stderr(STDERR_FILENO);
	log_error("%s", error_message(err));
	return code;
}

static char *absolute_path(const char *path)
{
	_cleanup_free_ char *cwd = NULL;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	return xasprintf("%s/%s", cwd ? cwd : "", path);
}

static int open_log(struct program *p, struct error *err)
{
	const struct globals *g = &p->globals;

	if (g->debug)
		log_set_level(LOG_LEVEL_DEBUG);
	if (!g->log_path) {
		if (g->log_format == LOG_FORMAT_TEXT)
			return 0;
		p->log_fd = STDERR_FILENO;
	} else if (!strcmp(g->log_path, "/dev/stderr")) {
		/* It cannot be opened where it is a socket. */
		p->log_fd = STDERR_FILENO;
	} else {
		p->log_fd = open(g->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
				 0644);
		if (p->log_fd < 0)
			return error_errno(err, errno, "open the log \"%s\"", g->log_path);
	}
	log_set_stderr(-1);
	log_set_file(p->log_fd, g->log_format);
	return 0;
}

static int open_trace(struct program *p, struct error *err)
{
	const char *path = p->globals.trace_path;

	if (!path)
		return 0;
	p->trace_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
	if (p->trace_fd < 0)
		return error_errno(err, errno, "open the trace \"%s\"", path);
	trace_set_file(p->trace_fd);
	trace_step("begins");
	return 0;
}

/* Turns what was given into what commands get, see struct globals. */
static void complete_globals(struct program *p)
{
	struct globals *g = &p->globals;

	p->root = g->root && *g->root ? absolute_path(g->root) : command_default_root(g->rootless);
	g->root = p->root;
	p->log_path = g->log_path && *g->log_path ? absolute_path(g->log_path) : NULL;
	g->log_path = p->log_path;
	if (g->systemd_cgroup && g->cgroup_manager == CGROUP_MANAGER_CGROUPFS)
		g->cgroup_manager = CGROUP_MANAGER_SYSTEMD;
}

/* What runc prints to stdout for a wrong command line; the error itself goes to the log. */
static void print_usage(const struct command *command, const char *detail)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_printf(&text, "Incorrect Usage%s%s\n\n", detail ? ": " : ".", detail ? detail : "");
	if (command)
		help_command(&text, command);
	else
		help_program(&text);
	(void)command_print(text.data, NULL);
}

static int print_help(const struct program *p, const struct command *command)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	if (command)
		help_command(&text, command);
	else if (p->globals.show_version)
		help_version(&text);
	else
		help_program(&text);
	return command_print(text.data, &err) < 0 ? report(p, 1, &err) : 0;
}

static int call(struct program *p, const struct command *command, void *options, char **args)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t n_args = 0;
	bool help = false;
	int r;
	ssize_t n;

	n = (command->has_subcommands ? options_parse : options_parse_anywhere)(
		command->options, options, args, &help, &err);
	if (n < 0) {
		print_usage(command, error_message(&err));
		return report(p, 1, &err);
	}
	if (help)
		return print_help(p, command);
	args += n;
	while (args[n_args])
		n_args++;
	if (command_check_args(command, n_args, &err) < 0) {
		print_usage(command, NULL);
		return report(p, 1, &err);
	}
	r = command->handler(&p->globals, options, args, n_args, &err);
	if (r < 0)
		return report(p, command->failure_code ? command->failure_code : 1, &err);
	return r;
}

static int run(struct program *p, char **args)
{
	_cleanup_error_ struct error usage_err = ERROR_INIT, err = ERROR_INIT;
	_cleanup_free_ void *options = NULL;
	const struct command *command;
	bool help;
	int r;
	ssize_t n = options_parse(global_option_defs, &p->globals, args, &help, &usage_err);

	complete_globals(p);
	r = open_log(p, &err);
	if (!r)
		r = open_trace(p, &err);
	if (n < 0) {
		print_usage(NULL, error_message(&usage_err));
		return report(p, 1, &usage_err);
	}
	if (r < 0)
		return report(p, 1, &err);
	args += n;
	if (help || p->globals.show_version || !args[0])
		return print_help(p, NULL);
	command = command_find(args[0]);
	if (!command) {
		error_set(&err, EINVAL, "No help topic for '%s': there is no such command",
			  args[0]);
		return report(p, UNKNOWN_COMMAND, &err);
	}
	options = xcalloc(1, command->options_size + 1);
	r = call(p, command, options, args + 1);
	options_clear(command->options, options);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(cleanup_program) struct program p = {.log_fd = -1, .trace_fd = -1};

	/* execve() may have been given no arguments at all. */
	if (argc < 1)
		return EXIT_FAILURE;
	/* Who ignores it, and passes that on, has no children to wait for. */
	(void)signal(SIGCHLD, SIG_DFL);
	process_init_title(argc, argv);
	open_standard_fds();
	return run(&p, argv + 1);
}
