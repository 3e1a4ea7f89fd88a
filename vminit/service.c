// SPDX-License-Identifier: Apache-2.0
#include "vminit/service.h"

#include <signal.h>

static void child_signal(struct loop_source *source _unused_,
			 const struct signalfd_siginfo *info _unused_, void *data)
{
	containers_reap(data);
}

int service_begin(struct service *service, int cgroup_fd, const char *cgroup_path,
		  const struct transport *transport, struct rpc_server **ret, struct error *err)
{
	sigset_t children;
	int r;

	*service = (struct service){0};
	r = loop_new(&service->loop);
	if (r < 0)
		return error_errno(err, r, "event loop");
	service->containers = containers_new(service->loop, cgroup_fd, cgroup_path, transport);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	if (!loop_add_signals(service->loop, &children, child_signal, service->containers))
		return error_errno(err, errno, "signals");
	*ret = rpc_server_new(service->loop);
	service_add_sandbox(service, *ret);
	service_add_guest(service, *ret);
	return 0;
}
