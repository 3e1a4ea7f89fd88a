// SPDX-License-Identifier: Apache-2.0
/* ListProcesses: every process of a container's cgroup, with what ps shows. */
#include "vminit/service.h"

#include <string.h>

#include "lib/alloc.h"
#include "lib/loop.h"
#include "vminit/proc-info.h"

/*
 * The reply has to fit in a message (GRPC_MAX_MESSAGE), and what is read for it in the memory of a VM whose
 * containers mean no good. More processes are left out. Arguments are cut, those of one and those of all:
 * a byte of them may take two in the message.
 */
#define MAX_LISTED	  4096
#define MAX_ARGUMENTS	  65536
#define MAX_ALL_ARGUMENTS (1024 * 1024)

/**
 * struct row - one process and the message about it, which points into this
 */
struct row {
	struct proc_info info;
	GUEST(Process) message;
	Google__Protobuf__Timestamp started_at;
	char state[2];
	char **arguments;
};

static char **split_arguments(struct strbuf *text, size_t *ret_n)
{
	char **arguments = NULL;
	size_t n = 0;

	for (size_t at = 0; at < text->len; at += strlen(text->data + at) + 1) {
		arguments = xreallocarray(arguments, n + 1, sizeof(*arguments));
		arguments[n++] = text->data + at;
	}
	*ret_n = n;
	return arguments;
}

static const char *process_id(struct container *container, pid_t pid)
{
	for (struct process *p = container->processes; p; p = p->next)
		if (p->pid == pid && p->state < PROCESS_ENDED)
			return p->id;
	return "";
}

static void fill_row(struct row *row, struct container *container, pid_t pid)
{
	uint64_t tick = USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec started = proc_info_start_time(row->info.start_ticks);

	row->message = (GUEST(Process))GUEST_INIT(PROCESS);
	row->started_at = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	row->started_at.seconds = started.tv_sec;
	row->started_at.nanos = (int32_t)started.tv_nsec;
	row->state[0] = row->info.state;
	row->arguments = split_arguments(&row->info.arguments, &row->message.n_arguments);
	row->message.pid = pid;
	row->message.ppid = row->info.ppid;
	row->message.container_pid = row->info.container_pid;
	row->message.uid = row->info.uid;
	row->message.process_id = (char *)process_id(container, pid);
	row->message.command = row->info.command;
	row->message.arguments = row->arguments;
	row->message.state = row->state;
	row->message.cpu_usec = row->info.cpu_ticks * tick;
	row->message.rss_bytes = row->info.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	row->message.started_at = &row->started_at;
	row->message.tty = row->info.tty;
}

void service_list_processes(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(ListProcessesRequest) *request = (const void *)message;
	GUEST(ListProcessesResponse) response = GUEST_INIT(LIST_PROCESSES_RESPONSE);
	struct container *container = service_find_container(call, request->container_id);
	_cleanup_free_ GUEST(Process) **list = NULL;
	_cleanup_free_ struct row *rows = NULL;
	_cleanup_free_ pid_t *pids = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t left = MAX_ALL_ARGUMENTS;
	ssize_t n;

	if (!container)
		return;
	n = cgroup_pids(&container->cgroup, &pids);
	if (n < 0) {
		error_errno(&err, (int)n, "processes of container \"%s\"", request->container_id);
		rpc_call_fail(call, &err);
		return;
	}
	n = n > MAX_LISTED ? MAX_LISTED : n;
	rows = xcalloc((size_t)n + 1, sizeof(*rows));
	list = xcalloc((size_t)n + 1, sizeof(*list));
	for (ssize_t i = 0; i < n; i++) {
		struct row *row = &rows[response.n_processes];

		/* One that ended meanwhile is simply not in the list. */
		if (proc_info_read(pids[i], left < MAX_ARGUMENTS ? left : MAX_ARGUMENTS,
				   &row->info) < 0) {
			proc_info_clear(&row->info);
			continue;
		}
		left -= row->info.arguments.len;
		fill_row(row, container, pids[i]);
		list[response.n_processes++] = &row->message;
	}
	response.processes = list;
	rpc_call_reply(call, &response.base);
	for (size_t i = 0; i < response.n_processes; i++) {
		proc_info_clear(&rows[i].info);
		free(rows[i].arguments);
	}
}
