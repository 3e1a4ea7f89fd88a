// SPDX-License-Identifier: Apache-2.0
#include "command/command.h"
#include "command/create-options.h"
#include "lifecycle/foreground.h"
#include "lifecycle/lifecycle.h"

struct run_options {
	struct create_options create;
	bool detach;
	bool keep;
	bool no_subreaper;
};

static const struct option_def run_option_defs[] = {
	CREATE_OPTIONS(struct run_options),
	OPTION(struct run_options, detach, OPTION_FLAG, "detach", 'd', NULL,
	       "detach from the container's process"),
	OPTION(struct run_options, keep, OPTION_FLAG, "keep", 0, NULL,
	       "do not delete the container after it exits"),
	OPTION(struct run_options, no_subreaper, OPTION_FLAG, "no-subreaper", 0, NULL,
	       "has no effect: runvm reaps its own children alone"),
	OPTION_END,
};

static void foreground_freep(struct foreground **fg)
{
	foreground_free(*fg);
}

/* After a failure, or the end of a foreground container. What went wrong first is what counts. */
static int clean_up(struct container *c, int result, struct error *err)
{
	_cleanup_error_ struct error later = ERROR_INIT;
	int r = lifecycle_destroy(c, &later);

	if (r < 0 && result >= 0) {
		error_move(err, &later);
		return r;
	}
	return result;
}

/*
 * The same for a container that was not locked meanwhile: somebody may have deleted it, and even
 * made another of that name.
 */
static int clean_up_if_there(const struct container *c, int result, struct error *err)
{
	_cleanup_container_ struct container now = CONTAINER_INIT;
	_cleanup_error_ struct error later = ERROR_INIT;
	int r = container_open(c->root_path, c->id, CONTAINER_LOCKED, &now, &later);

	if (r == -ENOENT)
		return result;
	if (r < 0) {
		if (result >= 0)
			error_move(err, &later);
		return result < 0 ? result : r;
	}
	if (now.status.standin.pid != c->status.standin.pid ||
	    now.status.standin.start != c->status.standin.start)
		return result;
	return clean_up(&now, result, err);
}

static int run_detached(const char *id, struct lifecycle_create *create, struct error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int r;

	create->detached = true;
	r = lifecycle_create(id, create, &c, err);
	if (r < 0)
		return r;
	r = lifecycle_started(&c, err);
	return r < 0 ? clean_up(&c, r, err) : r;
}

static int run_foreground(const char *id, struct lifecycle_create *create, bool keep,
			  struct error *err)
{
	_cleanup_(foreground_freep) struct foreground *fg = NULL;
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const struct oci_process *process = create->bundle->spec->process;
	bool terminal = process && process->terminal;
	int r;

	r = foreground_new(terminal && !create->console_socket, &fg, err);
	if (r < 0)
		return r;
	create->console_fd = foreground_console(fg);
	r = lifecycle_create(id, create, &c, err);
	if (r < 0)
		return r;
	r = lifecycle_started(&c, err);
	if (r < 0)
		return clean_up(&c, r, err);
	/* kill, delete --force and the like are not to wait for the container's end. */
	container_unlock(&c);
	r = foreground_wait(fg, &c.status.standin, c.dirfd, err);
	if (r < 0 || !keep)
		r = clean_up_if_there(&c, r, err);
	return r;
}

static int run_run(const struct globals *globals, const void *options, char **args,
		   size_t n_args _unused_, struct error *err)
{
	const struct run_options *o = options;
	_cleanup_bundle_ struct bundle *bundle = NULL;
	struct lifecycle_create create;
	int r;

	r = create_options_apply(&o->create, globals, &create, &bundle, err);
	if (r < 0)
		return r;
	create.start = true;
	if (o->detach)
		return run_detached(args[0], &create, err);
	return run_foreground(args[0], &create, o->keep, err);
}

const struct command command_run = {
	.name = "run",
	.summary = "create and run a container",
	.arguments = "<container-id>",
	.usage =
		"Where \"<container-id>\" is your name for the instance of the container that you\n"
		"are starting. The name you provide for the container instance must be unique on\n"
		"your host.\n",
	.description =
		"The run command boots a virtual machine and runs the container of a bundle\n"
		"in it. Without --detach it waits for the container's end, deletes it, and\n"
		"exits with the status of its process (128+n when signal n ended it).\n",
	.options = run_option_defs,
	.options_size = sizeof(struct run_options),
	.min_args = 1,
	.max_args = 1,
	.handler = run_run,
};
