// SPDX-License-Identifier: Apache-2.0
/* The public service (sandbox.proto): processes; the rest of its methods is in service-system.c. */
#include "vminit/service.h"

#include "lib/alloc.h"

/* In the public contract a process without a container's id is the init of the container. */
#define CONTAINER_ID(request) \
	((request)->opt_container_id_case ? (request)->containerid : (request)->id)

static void reply_created(struct rpc_call *call, struct process *process)
{
	SANDBOX(CreateProcessResponse) response = SANDBOX_INIT(CREATE_PROCESS_RESPONSE);

	(void)process;
	rpc_call_reply(call, &response.base);
}

static void create_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(CreateProcessRequest) *request = (const void *)message;
	struct service_create create = {
		.container_id = CONTAINER_ID(request),
		.process_id = request->id,
		.configuration = &request->configuration,
		.ports = {{{request->opt_stdin_case != 0, request->stdin},
			   {request->opt_stdout_case != 0, request->stdout},
			   {request->opt_stderr_case != 0, request->stderr}}},
		.reply = reply_created,
	};

	service_create(call, &create);
}

/**
 * struct process_call - a call that is kept until something happens to a process
 */
struct process_call {
	struct rpc_call *call;
	struct process *process;
	struct process_wait *wait;
};

static struct process_call *process_call_new(struct rpc_call *call, struct process *process)
{
	struct process_call *kept = xnew(struct process_call);

	kept->call = call;
	kept->process = process;
	return kept;
}

static void start_done(struct process *process, const struct error *err, void *data)
{
	SANDBOX(StartProcessResponse) response = SANDBOX_INIT(START_PROCESS_RESPONSE);
	struct process_call *kept = data;

	if (err) {
		rpc_call_fail(kept->call, err);
	} else {
		response.pid = process->pid;
		rpc_call_reply(kept->call, &response.base);
	}
	free(kept);
}

/* What was started stays so. */
static void start_cancelled(struct rpc_call *call, void *data)
{
	struct process_call *kept = data;

	(void)call;
	process_forget_pending(kept->process, kept);
	free(kept);
}

static void start_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(StartProcessRequest) *request = (const void *)message;
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct process_call *kept;

	if (!p)
		return;
	kept = process_call_new(call, p);
	if (process_start(p, start_done, kept, &err) < 0) {
		rpc_call_fail(call, &err);
		free(kept);
		return;
	}
	rpc_call_on_cancel(call, start_cancelled, kept);
}

static void wait_done(struct process *process, const struct error *err, void *data)
{
	SANDBOX(WaitProcessResponse) response = SANDBOX_INIT(WAIT_PROCESS_RESPONSE);
	Google__Protobuf__Timestamp exited_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct process_call *kept = data;

	if (err) {
		rpc_call_fail(kept->call, err);
	} else {
		exited_at.seconds = process->exited_at.tv_sec;
		exited_at.nanos = (int32_t)process->exited_at.tv_nsec;
		response.exitcode = process->exit_code;
		response.exited_at = &exited_at;
		rpc_call_reply(kept->call, &response.base);
	}
	free(kept);
}

static void wait_cancelled(struct rpc_call *call, void *data)
{
	struct process_call *kept = data;

	(void)call;
	process_wait_cancel(kept->process, kept->wait);
	free(kept);
}

static void wait_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(WaitProcessRequest) *request = (const void *)message;
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);
	struct process_call *kept;
	struct process_wait *wait;

	if (!p)
		return;
	kept = process_call_new(call, p);
	wait = process_wait(p, wait_done, kept);
	if (!wait)
		return;
	kept->wait = wait;
	rpc_call_on_cancel(call, wait_cancelled, kept);
}

static void kill_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(KillProcessRequest) *request = (const void *)message;
	SANDBOX(KillProcessResponse) response = SANDBOX_INIT(KILL_PROCESS_RESPONSE);
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!p)
		return;
	if (process_signal(p, request->signal, &err) < 0)
		rpc_call_fail(call, &err);
	else
		rpc_call_reply(call, &response.base);
}

static void resize_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(ResizeProcessRequest) *request = (const void *)message;
	SANDBOX(ResizeProcessResponse) response = SANDBOX_INIT(RESIZE_PROCESS_RESPONSE);
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);
	int r;

	if (!p)
		return;
	r = stdio_resize(p->stdio, (uint16_t)request->rows, (uint16_t)request->columns);
	/* One that has ended meanwhile is no error: a resize is always late. */
	if (r == -ENOTTY && !p->plan->terminal)
		rpc_call_fail_status(call, GRPC_FAILED_PRECONDITION, ENOTTY,
				     "process \"%s\" has no terminal", p->id);
	else
		rpc_call_reply(call, &response.base);
}

static void close_process_stdin(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(CloseProcessStdinRequest) *request = (const void *)message;
	SANDBOX(CloseProcessStdinResponse) response = SANDBOX_INIT(CLOSE_PROCESS_STDIN_RESPONSE);
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);

	if (!p)
		return;
	stdio_close_stdin(p->stdio);
	rpc_call_reply(call, &response.base);
}

static void reply_deleted(struct rpc_call *call)
{
	SANDBOX(DeleteProcessResponse) response = SANDBOX_INIT(DELETE_PROCESS_RESPONSE);

	rpc_call_reply(call, &response.base);
}

static void delete_process(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(DeleteProcessRequest) *request = (const void *)message;
	struct process *p = service_find_process(call, CONTAINER_ID(request), request->id);

	if (!p)
		return;
	if (p == p->container->init) {
		service_remove(call, p->container, reply_deleted);
		return;
	}
	process_delete(p);
	reply_deleted(call);
}

static const struct rpc_method methods[] = {
	{"CreateProcess", create_process},
	{"StartProcess", start_process},
	{"WaitProcess", wait_process},
	{"KillProcess", kill_process},
	{"ResizeProcess", resize_process},
	{"CloseProcessStdin", close_process_stdin},
	{"DeleteProcess", delete_process},
	{"Mount", service_mount},
	{"Umount", service_umount},
	{"Setenv", service_setenv},
	{"Getenv", service_getenv},
	{"Mkdir", service_mkdir},
	{"Sysctl", service_sysctl},
	{"SetTime", service_set_time},
	{"WriteFile", service_write_file},
	{"Stat", service_stat},
	{"Sync", service_sync},
	{"Kill", service_kill},
	{"IpLinkSet", service_ip_link_set},
};

void service_add_sandbox(struct service *service, struct rpc_server *server)
{
	rpc_server_add_service(server, SANDBOX_SERVICE, methods, ARRAY_SIZE(methods), service);
}
