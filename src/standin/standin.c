// SPDX-License-Identifier: Apache-2.0
/* create's side of a stand-in: to clone it, to hear from it, to let it live or end it. */
#include "standin/standin.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "container/cgroup.h"
#include "lib/alloc.h"
#include "lib/loop.h"
#include "lib/packet.h"
#include "lib/socket.h"

static bool wants_new(const struct plan *plan, enum oci_namespace_type type)
{
	for (size_t i = 0; i < plan->n_namespaces; i++)
		if (plan->namespaces[i].type == type)
			return !plan->namespaces[i].path;
	return false;
}

int standin_start(const struct standin_config *config, struct standin *ret, struct error *err)
{
	_cleanup_(standin_clear) struct standin standin = STANDIN_INIT;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)&standin.pidfd,
	};
	_cleanup_close_ int child_end = -1;
	int pair[2], r;
	pid_t pid;

	r = socket_pair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return error_errno(err, r, "socketpair");
	standin.control = pair[0];
	child_end = pair[1];
	if (wants_new(config->plan, OCI_NAMESPACE_PID))
		args.flags |= CLONE_NEWPID;
	pid = cgroup_clone(&args, config->cgroups);
	if (pid < 0)
		return error_errno(err, errno, "clone the stand-in");
	if (!pid) {
		close_keep_errno(standin.control);
		standin_main(config, args.flags & CLONE_INTO_CGROUP, child_end);
	}
	r = process_ref_get(pid, &standin.process);
	if (r < 0)
		return error_errno(err, r, "the stand-in (pid %d)", (int)pid);
	*ret = standin;
	standin = (struct standin)STANDIN_INIT;
	return 0;
}

int standin_wait(struct standin *standin, enum standin_message expected, int other,
		 uint64_t deadline, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	for (;;) {
		struct pollfd fds[] = {{.fd = standin->control, .events = POLLIN},
				       {.fd = other, .events = POLLIN}};
		uint64_t now = loop_now();
		int r;

		if (now >= deadline)
			return error_set(err, ETIME, "the stand-in did not answer in time");
		r = poll(fds, ARRAY_SIZE(fds), (int)((deadline - now) / USEC_PER_MSEC) + 1);
		if (r < 0 && errno != EINTR)
			return error_errno(err, errno, "poll");
		if (r <= 0)
			continue;
		if (!fds[0].revents)
			return -EAGAIN;
		r = packet_receive(standin->control, &text);
		if (r == (int)expected)
			return 0;
		if (r == STANDIN_FAILED)
			return packet_error(text.data, err);
		if (r < 0)
			return error_errno(err, r, "hear from the stand-in");
		return error_set(err, ECHILD, "the stand-in ended without a word");
	}
}

int standin_run_hooks(struct standin *standin, const char *state, struct error *err)
{
	int r = 0;

	for (; !r && strlen(state) >= PACKET_MAX; state += PACKET_MAX / 2) {
		_cleanup_free_ char *part = xstrndup(state, PACKET_MAX / 2);

		r = packet_send(standin->control, STANDIN_HOOKS_PART, part);
	}
	if (!r)
		r = packet_send(standin->control, STANDIN_HOOKS, state);
	return r < 0 ? error_errno(err, r, "speak to the stand-in") : 0;
}

int standin_commit(struct standin *standin, struct error *err)
{
	int r = packet_send(standin->control, STANDIN_COMMIT, NULL);

	if (r < 0)
		return error_errno(err, r, "speak to the stand-in");
	standin->control = close_keep_errno(standin->control);
	return 0;
}

void standin_clear(struct standin *standin)
{
	if (standin->control >= 0 && standin->pidfd >= 0) {
		siginfo_t info;

		(void)syscall(SYS_pidfd_send_signal, standin->pidfd, SIGKILL, NULL, 0);
		(void)waitid(P_PIDFD, (id_t)standin->pidfd, &info, WEXITED);
	}
	close_keep_errno(standin->control);
	close_keep_errno(standin->pidfd);
	*standin = (struct standin)STANDIN_INIT;
}
