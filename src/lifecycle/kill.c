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

int lifecycle_kill(struct container *c, int signal, bool all, struct error *err)
{
	enum oci_status status = container_state(c);
	int r;

	if (status == OCI_STATUS_STOPPED && all)
		return 0; /* nobody is left; runc says nothing either */
	if (status == OCI_STATUS_STOPPED || status == OCI_STATUS_CREATING)
		return error_set(err, ESRCH, "container not running");
	r = tell_guest(c, signal, all, err);
	/* It has ended, and is about to say so: its status and its output are still on the way. */
	if (r == -EBUSY && all) {
		error_clear(err);
		return 0;
	}
	if (r == -EBUSY)
		return error_set(err, ESRCH, "container not running");
	/* A VM that does not answer any more still has a process that can be killed. */
	if (r < 0 && r != -ESRCH && signal == SIGKILL)
		r = process_ref_signal(&c->status.standin, SIGKILL);
	if (r == -ESRCH && !process_ref_alive(&c->status.standin))
		r = error_set(err, ESRCH, "container not running");
	return r;
}
