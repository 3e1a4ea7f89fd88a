// SPDX-License-Identifier: Apache-2.0
/* create's side of a monitor. */
#include "monitor/monitor.h"

#include <signal.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "container/cgroup.h"
#include "guest/guest.h"
#include "lib/packet.h"
#include "lib/socket.h"
#include "monitor/lease.h"

static const struct {
	const char *name;
	int type;
} listeners_of_vm[] = {
	{GUEST_VSOCK_SOCKET, SOCK_STREAM},
	{GUEST_RPC_SOCKET, SOCK_STREAM},
	{LEASE_SOCKET, SOCK_SEQPACKET},
};

#define N_LISTENERS ARRAY_SIZE(listeners_of_vm)

static void close_listeners(int fds[N_LISTENERS])
{
	for (size_t i = 0; i < N_LISTENERS; i++)
		fds[i] = close_keep_errno(fds[i]);
}

static int make_listeners(int vm_dirfd, int fds[N_LISTENERS], struct error *err)
{
	for (size_t i = 0; i < N_LISTENERS; i++) {
		fds[i] = socket_listen_at(vm_dirfd, listeners_of_vm[i].name,
					  listeners_of_vm[i].type | SOCK_NONBLOCK);
		if (fds[i] < 0)
			return error_errno(err, fds[i], "listen on \"%s\"",
					   listeners_of_vm[i].name);
	}
	return 0;
}

int monitor_start(const struct monitor_config *config, struct monitor *ret, struct error *err)
{
	struct monitor monitor = MONITOR_INIT;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS,
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)&monitor.pidfd,
	};
	int listeners[N_LISTENERS] = {-1, -1, -1}, pair[2], r;
	_cleanup_close_ int child_end = -1;
	pid_t pid;

	r = make_listeners(config->vm_dirfd, listeners, err);
	if (r < 0) {
		close_listeners(listeners);
		return r;
	}
	r = socket_pair(SOCK_SEQPACKET, pair);
	if (r < 0) {
		close_listeners(listeners);
		return error_errno(err, r, "socketpair");
	}
	monitor.lease = pair[0];
	child_end = pair[1];
	pid = cgroup_clone(&args, config->cgroups);
	if (!pid) {
		close_keep_errno(monitor.lease);
		monitor_main(config, args.flags & CLONE_INTO_CGROUP, child_end, listeners);
	}
	close_listeners(listeners);
	if (pid < 0) {
		r = error_errno(err, errno, "clone the monitor");
		monitor_clear(&monitor);
		return r;
	}
	r = process_ref_get(pid, &monitor.process);
	if (r < 0) {
		monitor_clear(&monitor);
		return error_errno(err, r, "the monitor (pid %d)", (int)pid);
	}
	*ret = monitor;
	return 0;
}

int monitor_receive(struct monitor *monitor, enum monitor_ready *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = packet_receive(monitor->lease, &text);

	if (r == LEASE_READY) {
		*ret = !strcmp(text.data, LEASE_WARM)	     ? MONITOR_WARM
		       : !strcmp(text.data, LEASE_FELL_BACK) ? MONITOR_FELL_BACK
							     : MONITOR_COLD;
		return 0;
	}
	if (r == LEASE_FAILED || r == LEASE_DOWN)
		return packet_error(text.data, err);
	if (r < 0)
		return error_errno(err, r, "hear from the monitor");
	return error_set(err, ECHILD, "the monitor of the VM died");
}

void monitor_clear(struct monitor *monitor)
{
	close_keep_errno(monitor->lease);
	close_keep_errno(monitor->pidfd);
	*monitor = (struct monitor)MONITOR_INIT;
}
