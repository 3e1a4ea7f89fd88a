// SPDX-License-Identifier: Apache-2.0
#include "guest/guest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "container/plan.h"
#include "lib/socket.h"
#include "lib/trace.h"
#include "libocispec/guest-config.h"
#include "rpc/api.h"
#include "rpc/handover.h"

#define ENTROPY_BYTES 64
#define ID_BYTES      16

int guest_connect(struct loop *loop, int vm_dirfd, struct rpc_client **ret, struct error *err)
{
	int fd = socket_connect_at(vm_dirfd, GUEST_RPC_SOCKET, SOCK_STREAM);

	if (fd < 0)
		return error_errno(err, fd, "connect to the VM");
	*ret = rpc_client_new(loop, fd, "vminitd");
	return 0;
}

static void hex(const uint8_t *bytes, char *out)
{
	for (int i = 0; i < ID_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* A random UUID: version 4, RFC 4122. */
static void make_uuid(uint8_t *bytes, char *out)
{
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
		 bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14],
		 bytes[15]);
}

/* A request, and what it points to. */
struct setup_request {
	GUEST(SetupRequest) message;
	uint8_t random[ENTROPY_BYTES + 2 * ID_BYTES];
	char machine_id[2 * ID_BYTES + 1];
	char boot_id[37];
};

static void make_setup_request(struct setup_request *r)
{
	struct timespec now;

	/* The pool of a running host never makes this fail or wait. */
	if (getrandom(r->random, sizeof(r->random), 0) != (ssize_t)sizeof(r->random))
		abort();
	hex(r->random + ENTROPY_BYTES, r->machine_id);
	make_uuid(r->random + ENTROPY_BYTES + ID_BYTES, r->boot_id);
	clock_gettime(CLOCK_REALTIME, &now);
	r->message = (GUEST(SetupRequest))GUEST_INIT(SETUP_REQUEST);
	r->message.realtime_sec = now.tv_sec;
	r->message.realtime_nsec = (uint32_t)now.tv_nsec;
	r->message.entropy.data = r->random;
	r->message.entropy.len = ENTROPY_BYTES;
	r->message.machine_id = r->machine_id;
	r->message.boot_id = r->boot_id;
	r->message.share_tag = (char *)HANDOVER_SHARE_TAG;
	r->message.share_mount_point = (char *)GUEST_CONFIG_SHARE;
}

void guest_setup(struct rpc_client *client, uint64_t timeout, rpc_done_fn *done, void *data)
{
	struct setup_request request;

	make_setup_request(&request);
	(void)rpc_client_call(client, GUEST_SERVICE, "Setup", &request.message.base, timeout, done,
			      data);
	explicit_bzero(&request, sizeof(request));
}

size_t guest_setup_pack(void *buffer, size_t size)
{
	struct setup_request request;
	size_t len;

	make_setup_request(&request);
	len = protobuf_c_message_get_packed_size(&request.message.base);
	if (len > size)
		len = 0;
	else
		(void)protobuf_c_message_pack(&request.message.base, buffer);
	explicit_bzero(&request, sizeof(request));
	return len;
}

void guest_create_container(struct rpc_client *client, const struct guest_container *c,
			    rpc_done_fn *done, void *data)
{
	GUEST(CreateContainerRequest) request = GUEST_INIT(CREATE_CONTAINER_REQUEST);

	request.container_id = (char *)c->id;
	request.configuration.data = (uint8_t *)c->config;
	request.configuration.len = strlen(c->config);
	if (c->ports[0]) {
		request.opt_stdin_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDIN_PORT_STDIN_PORT);
		request.stdin_port = c->ports[0];
	}
	if (c->ports[1]) {
		request.opt_stdout_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDOUT_PORT_STDOUT_PORT);
		request.stdout_port = c->ports[1];
	}
	if (c->ports[2]) {
		request.opt_stderr_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDERR_PORT_STDERR_PORT);
		request.stderr_port = c->ports[2];
	}
	request.rows = c->rows;
	request.columns = c->columns;
	(void)rpc_client_call(client, GUEST_SERVICE, "CreateContainer", &request.base,
			      RPC_NO_TIMEOUT, done, data);
}

void guest_start_process(struct rpc_client *client, const char *id, rpc_done_fn *done, void *data)
{
	SANDBOX(StartProcessRequest) request = SANDBOX_INIT(START_PROCESS_REQUEST);

	request.id = (char *)id;
	(void)rpc_client_call(client, SANDBOX_SERVICE, "StartProcess", &request.base,
			      RPC_NO_TIMEOUT, done, data);
}

void guest_wait_process(struct rpc_client *client, const char *id, rpc_done_fn *done, void *data)
{
	SANDBOX(WaitProcessRequest) request = SANDBOX_INIT(WAIT_PROCESS_REQUEST);

	request.id = (char *)id;
	(void)rpc_client_call(client, SANDBOX_SERVICE, "WaitProcess", &request.base, RPC_NO_TIMEOUT,
			      done, data);
}

void guest_list_steps(struct rpc_client *client, rpc_done_fn *done, void *data)
{
	GUEST(ListStepsRequest) request = GUEST_INIT(LIST_STEPS_REQUEST);

	(void)rpc_client_call(client, GUEST_SERVICE, "ListSteps", &request.base, GUEST_TIMEOUT,
			      done, data);
}

/* Late by the time of the reply's way, a millisecond or two. */
void guest_trace_steps(const ProtobufCMessage *message)
{
	const GUEST(ListStepsResponse) *reply = (const void *)message;
	uint64_t offset = loop_now() - reply->now_usec;

	for (size_t i = 0; i < reply->n_steps; i++)
		trace_step_at(reply->steps[i]->usec + offset, "guest", reply->steps[i]->name);
}

void guest_kill_process(struct rpc_client *client, const char *id, int signal, rpc_done_fn *done,
			void *data)
{
	SANDBOX(KillProcessRequest) request = SANDBOX_INIT(KILL_PROCESS_REQUEST);

	request.id = (char *)id;
	request.signal = signal;
	(void)rpc_client_call(client, SANDBOX_SERVICE, "KillProcess", &request.base, GUEST_TIMEOUT,
			      done, data);
}

void guest_resize_process(struct rpc_client *client, const char *id, uint32_t rows,
			  uint32_t columns, rpc_done_fn *done, void *data)
{
	SANDBOX(ResizeProcessRequest) request = SANDBOX_INIT(RESIZE_PROCESS_REQUEST);

	request.id = (char *)id;
	request.rows = rows;
	request.columns = columns;
	(void)rpc_client_call(client, SANDBOX_SERVICE, "ResizeProcess", &request.base,
			      GUEST_TIMEOUT, done, data);
}

void guest_remove_container(struct rpc_client *client, const char *id, uint64_t timeout,
			    rpc_done_fn *done, void *data)
{
	GUEST(RemoveContainerRequest) request = GUEST_INIT(REMOVE_CONTAINER_REQUEST);

	request.container_id = (char *)id;
	(void)rpc_client_call(client, GUEST_SERVICE, "RemoveContainer", &request.base, timeout,
			      done, data);
}

int guest_exit_code(const ProtobufCMessage *reply)
{
	return ((const SANDBOX(WaitProcessResponse) *)reply)->exitcode & 0xff;
}

int guest_start_process_sync(struct rpc_client *client, const char *id, struct error *err)
{
	SANDBOX(StartProcessRequest) request = SANDBOX_INIT(START_PROCESS_REQUEST);

	/* No deadline: startContainer hooks have their own. */
	request.id = (char *)id;
	return rpc_client_call_sync(client, SANDBOX_SERVICE, "StartProcess", &request.base,
				    RPC_NO_TIMEOUT, NULL, err);
}

static uint64_t signal_timeout(int signal)
{
	return signal == SIGKILL ? GUEST_KILL_TIMEOUT : GUEST_TIMEOUT;
}

int guest_kill_process_sync(struct rpc_client *client, const char *id, int signal,
			    struct error *err)
{
	SANDBOX(KillProcessRequest) request = SANDBOX_INIT(KILL_PROCESS_REQUEST);

	request.id = (char *)id;
	request.signal = signal;
	return rpc_client_call_sync(client, SANDBOX_SERVICE, "KillProcess", &request.base,
				    signal_timeout(signal), NULL, err);
}

int guest_signal_container_sync(struct rpc_client *client, const char *id, int signal,
				struct error *err)
{
	GUEST(SignalContainerRequest) request = GUEST_INIT(SIGNAL_CONTAINER_REQUEST);

	request.container_id = (char *)id;
	request.signal = signal;
	return rpc_client_call_sync(client, GUEST_SERVICE, "SignalContainer", &request.base,
				    signal_timeout(signal), NULL, err);
}
