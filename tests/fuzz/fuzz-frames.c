// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile bytes for the frames of src/rpc: the first one says to whom.
 *
 *	0  the reader of frames, fed in pieces, and the text of an end
 *	1  a server, behind a good preface
 *	2  a client that has calls open
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/socket.h"
#include "rpc/api.h"
#include "rpc/client.h"
#include "rpc/frame.h"
#include "rpc-server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read and is written again is what was read. */
static void check_frame(const struct frame_reader *reader)
{
	_cleanup_strbuf_ struct strbuf again = STRBUF_INIT;
	struct frame_reader back = {.have = 0};
	bool whole;

	frame_put(&again, reader->frame, reader->body, reader->frame.length);
	if (frame_reader_feed(&back, (const uint8_t *)again.data, again.len, &whole) !=
		    (ssize_t)again.len ||
	    !whole || memcmp(&back.frame, &reader->frame, sizeof(back.frame)) != 0 ||
	    (back.body && memcmp(back.body, reader->body, back.frame.length) != 0))
		abort();
	frame_reader_next(&back);
}

static void fuzz_reader(const uint8_t *data, size_t size)
{
	struct frame_reader reader = {.have = 0};
	size_t piece = size ? 1 + data[0] % 40 : 1;
	char *text = frame_text(data, size);

	if (strlen(text) != size)
		abort();
	free(text);
	while (size) {
		bool whole;
		ssize_t n = frame_reader_feed(&reader, data, size < piece ? size : piece, &whole);

		if (n < 0)
			break;
		data += n;
		size -= (size_t)n;
		if (whole) {
			check_frame(&reader);
			frame_reader_next(&reader);
		}
	}
	frame_reader_next(&reader);
}

static void answer(struct rpc_call *call, const ProtobufCMessage *request _unused_)
{
	SANDBOX(CopyResponse) response = SANDBOX_INIT(COPY_RESPONSE);

	(void)rpc_call_send(call, &response.base);
	rpc_call_end(call);
}

static void keep(struct rpc_call *call _unused_, const ProtobufCMessage *request _unused_)
{
}

static void hold(struct rpc_call *call, const ProtobufCMessage *request _unused_)
{
	rpc_call_hold(call);
}

static void fuzz_server(const uint8_t *data, size_t size)
{
	/* Small numbers, which are easy to find: Mount, Umount, Setenv. */
	static const struct rpc_method methods[] = {
		{"Mount", answer}, {"Umount", keep}, {"Setenv", hold}};

	serve(methods, ARRAY_SIZE(methods), FRAME_PREFACE, FRAME_PREFACE_SIZE, data, size);
}

static void on_message(struct rpc_request *request _unused_,
		       const ProtobufCMessage *message _unused_, void *data _unused_)
{
}

static void on_done(struct rpc_request *request _unused_, const ProtobufCMessage *reply,
		    const struct error *err, void *data)
{
	if (reply && err)
		abort();
	++*(int *)data;
}

static void fuzz_client(const uint8_t *data, size_t size)
{
	SANDBOX(CopyRequest) copy = SANDBOX_INIT(COPY_REQUEST);
	SANDBOX(StatRequest) stat = SANDBOX_INIT(STAT_REQUEST);
	struct rpc_client *client;
	struct loop *loop;
	int pair[2], n_done = 0;

	if (loop_new(&loop) < 0 || socket_pair(SOCK_STREAM | SOCK_NONBLOCK, pair) < 0)
		abort();
	client = rpc_client_new(loop, pair[0], "vminitd");
	rpc_client_call(client, SANDBOX_SERVICE, "Stat", &stat.base, RPC_NO_TIMEOUT, on_done,
			&n_done);
	rpc_client_stream(client, SANDBOX_SERVICE, "Copy", &copy.base, RPC_NO_TIMEOUT, on_message,
			  on_done, &n_done);
	rpc_request_cancel(rpc_client_call(client, SANDBOX_SERVICE, "Stat", &stat.base,
					   RPC_NO_TIMEOUT, on_done, &n_done));
	(void)io_write_all(pair[1], data, size);
	run(loop);
	close(pair[1]);
	run(loop);
	if (n_done != 2)
		abort();
	rpc_client_free(client);
	loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_stderr(-1);
	/* What fits in the socket at once, so that nothing waits. */
	if (!size || size > 65536)
		return 0;
	if (data[0] % 3 == 0)
		fuzz_reader(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		fuzz_server(data + 1, size - 1);
	else
		fuzz_client(data + 1, size - 1);
	return 0;
}
