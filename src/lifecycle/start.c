// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>

#include "container/hooks.h"
#include "guest/guest.h"
#include "lib/log.h"
#include "lib/trace.h"
#include "lifecycle/lifecycle.h"

static void client_freep(struct rpc_client **client)
{
	rpc_client_free(*client);
}

static void loop_freep(struct loop **loop)
{
	loop_free(*loop);
}

static int check_state(const struct container *c, struct error *err)
{
	/* runc's words, which engines match. */
	switch (container_state(c)) {
	case OCI_STATUS_CREATED:
		return 0;
	case OCI_STATUS_STOPPED:
		return error_set(err, ESRCH, "cannot start a container that has stopped");
	case OCI_STATUS_RUNNING:
		return error_set(err, EBUSY, "cannot start an already running container");
	default:
		return error_set(err, EINVAL, "cannot start a container in the %s state",
				 oci_status_names[container_state(c)]);
	}
}

static int tell_guest(const struct container *c, struct error *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(client_freep) struct rpc_client *client = NULL;
	int r;

	r = loop_new(&loop);
	if (r < 0)
		return error_errno(err, r, "epoll_create1");
	r = guest_connect(loop, c->dirfd, &client, err);
	if (r < 0)
		return r;
	return guest_start_process_sync(client, c->id, err);
}

static int run_poststart(struct container *c, struct error *err)
{
	_cleanup_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *state = NULL;
	int r;

	r = lifecycle_load_config(c, &spec, err);
	if (r < 0)
		return r;
	if (!spec->hooks || !spec->hooks->n_poststart)
		return 0;
	state = lifecycle_state(c, OCI_STATUS_RUNNING, spec);
	return hooks_run(spec->hooks->poststart, spec->hooks->n_poststart, state, c->status.bundle,
			 err);
}

int lifecycle_started(struct container *c, struct error *err)
{
	int r = run_poststart(c, err);

	/* runtime.md, "Lifecycle": an error of these hooks stops the container. */
	if (r < 0)
		(void)process_ref_signal(&c->status.standin, SIGKILL);
	return r;
}

int lifecycle_start(struct container *c, struct error *err)
{
	int r;

	r = check_state(c, err);
	if (r < 0)
		return r;
	r = tell_guest(c, err);
	trace_step("started");
	/* A start that was killed before it could write it down: the guest knows better. */
	if (r == -EALREADY)
		r = error_set(err, EBUSY, "cannot start an already running container");
	if (r < 0 && r != -EBUSY)
		return r;
	c->status.phase = STATUS_STARTED;
	if (container_save(c, r < 0 ? NULL : err) < 0)
		return r < 0 ? r : -err->errnum;
	if (r < 0)
		return r;
	return lifecycle_started(c, err);
}
