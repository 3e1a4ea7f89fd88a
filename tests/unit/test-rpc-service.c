// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test-rpc-service.h"

#include <string.h>

#include "lib/alloc.h"

static void do_getenv(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(GetenvRequest) *request = (const void *)message;
	SANDBOX(GetenvResponse) response = SANDBOX_INIT(GETENV_RESPONSE);
	struct test_service *service = rpc_call_data(call);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *value = NULL;

	service->n_calls++;
	if (!strcmp(request->key, "missing")) {
		(void)error_errno(&err, ENOENT, "variable \"%s\"", request->key);
		rpc_call_fail(call, &err);
	} else if (!strcmp(request->key, "exists")) {
		rpc_call_fail_status(call, GRPC_ALREADY_EXISTS, 0, "%s is there", request->key);
	} else if (!strcmp(request->key, "ugly")) {
		(void)error_set(&err, ESRCH, "100%% M\xc3\xbcll\nin two lines");
		rpc_call_fail(call, &err);
	} else {
		value = strcmp(request->key, "n_cancelled") != 0
				? xasprintf("value of %s", request->key)
				: xasprintf("%u", service->n_cancelled);
		response.value = value;
		response.opt_value_case = SANDBOX_CONST(GETENV_RESPONSE__OPT_VALUE_VALUE);
		rpc_call_reply(call, &response.base);
		/* The request is still there: the sanitizer looks. */
		service->n_calls += !request->key[0] && request->key[0];
	}
}

static void do_stat(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(StatRequest) *request = (const void *)message;
	SANDBOX(StatResponse) response = SANDBOX_INIT(STAT_RESPONSE);
	_cleanup_free_ char *huge = NULL;

	response.error = request->path;
	if (!strcmp(request->path, "huge")) {
		response.error = huge = xcalloc(1, GRPC_MAX_MESSAGE + 1);
		memset(huge, 'x', GRPC_MAX_MESSAGE);
	}
	rpc_call_reply(call, &response.base);
}

static void do_write_file(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(WriteFileRequest) *request = (const void *)message;
	SANDBOX(WriteFileResponse) response = SANDBOX_INIT(WRITE_FILE_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;

	for (size_t i = 0; i < request->data.len; i++) {
		if (request->data.data[i] == (uint8_t)request->mode)
			continue;
		(void)error_set(&err, ERANGE, "byte %zu is %u", i, request->data.data[i]);
		rpc_call_fail(call, &err);
		return;
	}
	rpc_call_reply(call, &response.base);
}

static void do_copy(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(CopyRequest) *request = (const void *)message;
	SANDBOX(CopyResponse) response = SANDBOX_INIT(COPY_RESPONSE);
	struct test_service *service = rpc_call_data(call);
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!strcmp(request->path, "flood")) {
		char text[1025];

		memset(text, 'f', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		response.error = text;
		while (rpc_call_send(call, &response.base) == 0)
			service->flooded++;
		rpc_call_end(call);
		return;
	}
	for (uint32_t i = 0; i < request->mode; i++) {
		response.total_size = i;
		(void)rpc_call_send(call, &response.base);
	}
	if (!strcmp(request->path, "fail")) {
		(void)error_set(&err, EIO, "the disk is on fire");
		rpc_call_fail(call, &err);
	} else {
		rpc_call_end(call);
	}
}

static void wait_cancelled(struct rpc_call *call, void *data)
{
	struct test_service *service = data;

	if (service->waiting == call)
		service->waiting = NULL;
	service->n_waiting--;
	service->n_cancelled++;
	/* Too late, and harmless. */
	rpc_call_fail_status(call, GRPC_ABORTED, 0, "never seen");
}

static void do_wait(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(WaitProcessRequest) *request = (const void *)message;
	struct test_service *service = rpc_call_data(call);

	service->waiting = call;
	service->n_waiting++;
	rpc_call_on_cancel(call, wait_cancelled, service);
	if (!strcmp(request->id, "hold"))
		rpc_call_hold(call);
}

void test_service_exit(struct test_service *service, int exit_code)
{
	SANDBOX(WaitProcessResponse) response = SANDBOX_INIT(WAIT_PROCESS_RESPONSE);
	struct rpc_call *call = TAKE_PTR(service->waiting);

	response.exitcode = exit_code;
	service->n_waiting--;
	rpc_call_reply(call, &response.base);
}

static void do_kill(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(KillRequest) *request = (const void *)message;
	SANDBOX(KillResponse) response = SANDBOX_INIT(KILL_RESPONSE);
	struct test_service *service = rpc_call_data(call);

	if (service->waiting)
		test_service_exit(service, 128 + request->signal);
	else
		response.result = -ESRCH;
	rpc_call_reply(call, &response.base);
}

static void do_sync(struct rpc_call *call _unused_, const ProtobufCMessage *message _unused_)
{
}

void test_service_add(struct rpc_server *server, struct test_service *service)
{
	const struct rpc_method methods[] = {
		{"Getenv", do_getenv}, {"Stat", do_stat},	 {"WriteFile", do_write_file},
		{"Copy", do_copy},     {"WaitProcess", do_wait}, {"Sync", do_sync},
		{"Kill", do_kill},
	};

	rpc_server_add_service(server, SANDBOX_SERVICE, methods, ARRAY_SIZE(methods), service);
}
