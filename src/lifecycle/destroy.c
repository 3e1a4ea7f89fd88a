// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include "container/cgroup.h"
#include "container/hooks.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/trace.h"
#include "lifecycle/lifecycle.h"

/* What the monitor may take to write back what the container left in the guest's memory. */
#define MONITOR_END_TIMEOUT (12 * USEC_PER_SEC)
#define KILL_TIMEOUT	    (10 * USEC_PER_SEC)

/* Waits for a process, which may be a child of ours, and kills it when it takes too long. */
static int end_process(const struct process_ref *ref, uint64_t grace, const char *what,
		       struct error *err)
{
	_cleanup_close_ int fd = process_ref_open(ref);
	siginfo_t info;

	if (fd < 0)
		return 0;
	if (!grace || process_wait_end(fd, grace) < 0) {
		(void)process_ref_signal(ref, SIGKILL);
		if (process_wait_end(fd, KILL_TIMEOUT) < 0)
			return error_set(err, ETIME, "the %s (pid %d) does not die", what,
					 (int)ref->pid);
	}
	(void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	return 0;
}

void lifecycle_interrupt(const struct container *c)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	/* Who has the lock hears of it, and lets go. */
	if (!end_process(&c->status.standin, 0, "stand-in", &ignored))
		(void)end_process(&c->status.monitor, MONITOR_END_TIMEOUT, "monitor", &ignored);
}

static void run_poststop(struct container *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *state = NULL;

	if (lifecycle_load_config(c, &spec, &err) < 0 || !spec->hooks || !spec->hooks->n_poststop)
		return;
	state = lifecycle_state(c, OCI_STATUS_STOPPED, spec);
	/* runtime.md, "Lifecycle": a warning, and the container is gone all the same. */
	if (hooks_run(spec->hooks->poststop, spec->hooks->n_poststop, state, c->status.bundle,
		      &err) < 0)
		log_warning("poststop: %s", error_message(&err));
}

int lifecycle_destroy(struct container *c, struct error *err)
{
	int r;

	r = end_process(&c->status.standin, 0, "stand-in", err);
	/* Without the stand-in's lease it ends by itself; pid 1 of its namespace, it goes last. */
	if (!r)
		r = end_process(&c->status.monitor, MONITOR_END_TIMEOUT, "monitor", err);
	trace_step("monitor ended");
	if (!r)
		r = cgroup_remove(c->status.cgroups, err);
	if (r < 0)
		return r;
	run_poststop(c);
	r = container_remove(c, err);
	trace_step("destroyed");
	return r;
}
