// SPDX-License-Identifier: Apache-2.0
/* What the host sends to vminitd, as a server of ours sees it. */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "guest/guest.h"
#include "lib/alloc.h"
#include "lib/socket.h"
#include "rpc/api.h"
#include "rpc/handover.h"
#include "rpc/server.h"
#include "test.h"

#define SOON (10 * USEC_PER_SEC)

/* The last Setup that came. */
struct seen {
	uint8_t entropy[256];
	size_t entropy_len;
	char machine_id[64], boot_id[64];
	int64_t seconds;
	bool done;
};

static void handle_setup(struct rpc_call *call, const ProtobufCMessage *message)
{
	const GUEST(SetupRequest) *request = (const GUEST(SetupRequest) *)message;
	GUEST(SetupResponse) reply = GUEST_INIT(SETUP_RESPONSE);
	struct seen *seen = rpc_call_data(call);

	seen->entropy_len = request->entropy.len;
	if (request->entropy.len <= sizeof(seen->entropy))
		memcpy(seen->entropy, request->entropy.data, request->entropy.len);
	snprintf(seen->machine_id, sizeof(seen->machine_id), "%s", request->machine_id);
	snprintf(seen->boot_id, sizeof(seen->boot_id), "%s", request->boot_id);
	seen->seconds = request->realtime_sec;
	rpc_call_reply(call, &reply.base);
}

static void on_done(struct rpc_request *request, const ProtobufCMessage *reply,
		    const struct error *err, void *data)
{
	struct seen *seen = data;

	(void)request;
	seen->done = reply && !err;
}

static void set_up(struct seen *seen)
{
	static const struct rpc_method methods[] = {{"Setup", handle_setup}};
	struct rpc_client *client;
	struct rpc_server *server;
	struct loop *loop;
	int pair[2];

	*seen = (struct seen){.done = false};
	CHECK_INT(loop_new(&loop), ==, 0);
	CHECK_INT(socket_pair(SOCK_STREAM, pair), ==, 0);
	server = rpc_server_new(loop);
	rpc_server_add_service(server, GUEST_SERVICE, methods, 1, seen);
	CHECK_INT(rpc_server_accept(server, pair[0]), ==, 0);
	client = rpc_client_new(loop, pair[1], "test");
	guest_setup(client, SOON, on_done, seen);
	CHECK_INT(loop_run_until(loop, &seen->done, loop_now() + SOON), ==, 0);
	rpc_client_free(client);
	rpc_server_free(server);
	loop_free(loop);
}

/* Each VM, also when restored from one template, is told an identity of its own. */
static void test_identities(void)
{
	struct seen first, second;

	set_up(&first);
	set_up(&second);
	CHECK_INT(first.entropy_len, >=, 32);
	CHECK_INT(first.entropy_len, ==, second.entropy_len);
	CHECK(memcmp(first.entropy, second.entropy, first.entropy_len) != 0);
	CHECK_INT(strlen(first.machine_id), ==, 32);
	CHECK_INT(strspn(first.machine_id, "0123456789abcdef"), ==, 32);
	CHECK(strcmp(first.machine_id, second.machine_id) != 0);
	/* A random UUID: xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx */
	CHECK_INT(strlen(first.boot_id), ==, 36);
	CHECK(first.boot_id[8] == '-' && first.boot_id[13] == '-' && first.boot_id[18] == '-' &&
	      first.boot_id[23] == '-' && first.boot_id[14] == '4');
	CHECK(strchr("89ab", first.boot_id[19]) != NULL);
	CHECK(strcmp(first.boot_id, second.boot_id) != 0);
}

/* What a restored VM is handed says the same as the call. */
static void test_pack(void)
{
	uint8_t first[1024], second[1024];
	size_t len = guest_setup_pack(first, sizeof(first));
	GUEST(SetupRequest) * request;

	CHECK_INT(guest_setup_pack(first, len - 1), ==, 0);
	CHECK_INT(guest_setup_pack(first, len), ==, len);
	CHECK_INT(guest_setup_pack(second, sizeof(second)), ==, len);
	CHECK(memcmp(first, second, len) != 0);
	request = runvm__guest__v1__setup_request__unpack(NULL, len, first);
	CHECK(request != NULL);
	CHECK_INT(request->entropy.len, >=, 32);
	CHECK_INT(strlen(request->machine_id), ==, 32);
	CHECK_INT(strlen(request->boot_id), ==, 36);
	CHECK_INT(request->realtime_sec, <=, time(NULL) + 1);
	CHECK_STR(request->share_tag, HANDOVER_SHARE_TAG);
	runvm__guest__v1__setup_request__free_unpacked(request, NULL);
}

static void test_time(void)
{
	time_t before = time(NULL);
	struct seen seen;

	set_up(&seen);
	CHECK_INT(seen.seconds, >=, before);
	CHECK_INT(seen.seconds, <=, time(NULL) + 1);
}

int main(void)
{
	TEST_RUN(test_identities);
	TEST_RUN(test_pack);
	TEST_RUN(test_time);
	return test_end();
}
