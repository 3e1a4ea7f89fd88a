// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "guest/guest.h"
#include "lifecycle/lifecycle.h"

static int tell_guest(const struct container *c, int signal, bool all, struct error *err)
{
	struct rpc_client *client = NULL;
	struct loop *loop = NULL;
	int r;

	r = loop_new(&loop);
	if (r < 0)
		return error_errno(err, r, "epoll_create1");
	r = guest_connect(loop, c->dirfd, &client, err);
	if (!r)
		r = all ? guest_signal_container_sync(client, c->id, signal, err)
			: guest_kill_process_sync(client, c->id, signal, err);
	rpc_client_free(client);
	loop_free(loop);
	return r;
}

/*
 * SIGKILL ends a container whatever its guest says of it, or does not say. An honest one has ended it
 * by now, and the stand-in follows with the last of its output.
 */
static int make_sure(const struct container *c, int standin)
{
	if (process_wait_end(standin, GUEST_KILL_TIMEOUT) == 0)
		return 0;
	(void)process_ref_signal(&c->status.standin, SIGKILL);
	return process_wait_end(standin, GUEST_KILL_TIMEOUT);
}

int lifecycle_kill(struct container *c, int signal, bool all, struct error *err)
{
	_cleanup_close_ int standin = process_ref_open(&c->status.standin);
	enum oci_status status = container_state(c);
	int r;

	if (status == OCI_STATUS_STOPPED && all)
		return 0; /* nobody is left; runc says nothing either */
	if (status == OCI_STATUS_STOPPED || status == OCI_STATUS_CREATING)
		return error_set(err, ESRCH, "container not running");
	r = tell_guest(c, signal, all, err);
	if (signal == SIGKILL && standin >= 0 && make_sure(c, standin) < 0)
		return error_set(err, ETIME, "the stand-in (pid %d) does not die",
				 (int)c->status.standin.pid);
	/* It had ended, and its status and its output were on their way. */
	if (r == -EBUSY && !all)
		return error_set(err, ESRCH, "container not running");
	/* A VM that does not answer any more still had a process that could be killed. */
	if (r == -EBUSY || (r < 0 && r != -ESRCH && signal == SIGKILL)) {
		error_clear(err);
		return 0;
	}
	/* It ended meanwhile, and its VM with it. */
	if (r < 0 && !process_ref_alive(&c->status.standin)) {
		error_clear(err);
		r = all ? 0 : error_set(err, ESRCH, "container not running");
	}
	return r;
}
