// SPDX-License-Identifier: Apache-2.0
/* The project's own service (guest.proto). */
#include "config.h"

#include "vminit/service.h"

#include "lib/alloc.h"
#include "vminit/setup.h"
#include "vminit/steps.h"

struct setup service_setup_values(const GUEST(SetupRequest) * request)
{
	return (struct setup){
		.realtime = {request->realtime_sec, request->realtime_nsec},
		.entropy = request->entropy.data,
		.entropy_len = request->entropy.len,
		.machine_id = request->machine_id,
		.boot_id = request->boot_id,
		.share_tag = request->share_tag,
		.share_mount_point = request->share_mount_point,
	};
}

static void setup(struct rpc_call *call, const ProtobufCMessage *message)
{
	GUEST(SetupResponse) response = GUEST_INIT(SETUP_RESPONSE);
	struct setup values = service_setup_values((const void *)message);
	struct service *service = rpc_call_data(call);
	_cleanup_error_ struct error err = ERROR_INIT;
	char kernel[SETUP_KERNEL_SIZE];
	int r;

	steps_done("asked to set up");
	if (service->set_up) {
		rpc_call_fail_status(call, GRPC_FAILED_PRECONDITION, EALREADY,
				     "Setup was called already");
		return;
	}
	r = setup_identity(&values, &err);
	steps_done("identity");
	if (!r)
		r = setup_share(&values, &err);
	if (r < 0) {
		rpc_call_fail(call, &err);
		return;
	}
	service->set_up = true;
	response.version = (char *)PACKAGE_VERSION;
	response.kernel = setup_kernel_release(kernel);
	rpc_call_reply(call, &response.base);
}

static void reply_created(struct rpc_call *call, struct process *process)
{
	GUEST(CreateContainerResponse) response = GUEST_INIT(CREATE_CONTAINER_RESPONSE);

	response.pid = process->pid;
	rpc_call_reply(call, &response.base);
}

static void create_container(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(CreateContainerRequest) *request = (const void *)message;
	struct service_create create = {
		.container_id = request->container_id,
		.configuration = &request->configuration,
		.ports = {{{request->opt_stdin_port_case != 0, request->stdin_port},
			   {request->opt_stdout_port_case != 0, request->stdout_port},
			   {request->opt_stderr_port_case != 0, request->stderr_port}}},
		.rows = request->rows,
		.columns = request->columns,
		.reply = reply_created,
	};

	service_create(call, &create);
}

static void reply_removed(struct rpc_call *call)
{
	GUEST(RemoveContainerResponse) response = GUEST_INIT(REMOVE_CONTAINER_RESPONSE);

	rpc_call_reply(call, &response.base);
}

static void remove_container(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(RemoveContainerRequest) *request = (const void *)message;
	struct container *container = service_find_container(call, request->container_id);

	if (container)
		service_remove(call, container, reply_removed);
}

static void signal_container(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(SignalContainerRequest) *request = (const void *)message;
	GUEST(SignalContainerResponse) response = GUEST_INIT(SIGNAL_CONTAINER_RESPONSE);
	struct container *container = service_find_container(call, request->container_id);
	_cleanup_error_ struct error err = ERROR_INIT;
	ssize_t n;

	if (!container)
		return;
	n = container_signal(container, request->signal, &err);
	if (n < 0) {
		rpc_call_fail(call, &err);
		return;
	}
	response.processes = (uint32_t)n;
	rpc_call_reply(call, &response.base);
}

static void freeze_cancelled(struct rpc_call *call, void *data)
{
	(void)call;
	container_forget_freezing(data);
}

static void freeze_done(struct rpc_call *call, const struct error *err,
			const ProtobufCMessage *response)
{
	rpc_call_on_cancel(call, NULL, NULL);
	if (err)
		rpc_call_fail(call, err);
	else
		rpc_call_reply(call, response);
}

static void pause_done(const struct error *err, void *data)
{
	GUEST(PauseContainerResponse) response = GUEST_INIT(PAUSE_CONTAINER_RESPONSE);

	freeze_done(data, err, &response.base);
}

static void resume_done(const struct error *err, void *data)
{
	GUEST(ResumeContainerResponse) response = GUEST_INIT(RESUME_CONTAINER_RESPONSE);

	freeze_done(data, err, &response.base);
}

static void freeze(struct rpc_call *call, const char *container_id, bool on)
{
	struct container *container = service_find_container(call, container_id);
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!container)
		return;
	rpc_call_on_cancel(call, freeze_cancelled, container);
	if (container_freeze(container, on, on ? pause_done : resume_done, call, &err) < 0) {
		rpc_call_on_cancel(call, NULL, NULL);
		rpc_call_fail(call, &err);
	}
}

static void pause_container(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(PauseContainerRequest) *request = (const void *)message;

	freeze(call, request->container_id, true);
}

static void resume_container(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(ResumeContainerRequest) *request = (const void *)message;

	freeze(call, request->container_id, false);
}

static void list_steps(struct rpc_call *call, const ProtobufCMessage *message _unused_)
{
	GUEST(ListStepsResponse) response = GUEST_INIT(LIST_STEPS_RESPONSE);
	GUEST(Step) messages[STEPS_MAX], *pointers[STEPS_MAX];
	const struct step *steps;
	size_t n = steps_get(&steps);

	for (size_t i = 0; i < n; i++) {
		messages[i] = (GUEST(Step))GUEST_INIT(STEP);
		messages[i].name = (char *)steps[i].name;
		messages[i].usec = steps[i].usec;
		pointers[i] = &messages[i];
	}
	response.now_usec = loop_now();
	response.n_steps = n;
	response.steps = pointers;
	rpc_call_reply(call, &response.base);
}

static const struct rpc_method methods[] = {
	{"Setup", setup},
	{"CreateContainer", create_container},
	{"RemoveContainer", remove_container},
	{"SignalContainer", signal_container},
	{"PauseContainer", pause_container},
	{"ResumeContainer", resume_container},
	{"ListProcesses", service_list_processes},
	{"ListSteps", list_steps},
	{"Events", service_events},
};

void service_add_guest(struct service *service, struct rpc_server *server)
{
	containers_watch(service->containers, service_event, service);
	rpc_server_add_service(server, GUEST_SERVICE, methods, ARRAY_SIZE(methods), service);
}
