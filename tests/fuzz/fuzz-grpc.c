// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile bytes for the gRPC of src/rpc: the first one says to whom.
 *
 *	0  the decoders: messages out of a stream, grpc-timeout, content-type
 *	1  a server, behind a preface and SETTINGS that are good
 *	2  a server, from the first byte
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"
#include "rpc/api.h"
#include "rpc/grpc.h"
#include "rpc-server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_decoders(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&com__apple__containerization__sandbox__v3__create_process_request__descriptor,
		&com__apple__containerization__sandbox__v3__container_statistics_response__descriptor,
		&runvm__guest__v1__configure_network_request__descriptor,
		&runvm__guest__v1__event__descriptor,
		&runvm__guest__v1__list_processes_response__descriptor,
	};
	_cleanup_strbuf_ struct strbuf message = STRBUF_INIT;
	struct grpc_reader reader = {.have = 0};
	const char *text = (const char *)data;
	uint64_t usec;
	bool whole;

	(void)grpc_content_type_valid(text, size);
	(void)grpc_timeout_parse(text, size, &usec);
	while (size) {
		ssize_t n = grpc_reader_feed(&reader, data, size, &whole);

		if (n < 0)
			break;
		data += n;
		size -= (size_t)n;
		if (!whole)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			ProtobufCMessage *m = grpc_unpack(types[i], reader.body, reader.length);

			strbuf_free(&message);
			if (m)
				(void)grpc_pack(&message, m);
			grpc_free(m);
		}
		grpc_reader_next(&reader);
	}
	grpc_reader_next(&reader);
}

static void handle(struct rpc_call *call, const ProtobufCMessage *request _unused_)
{
	rpc_call_end(call);
}

static void keep(struct rpc_call *call, const ProtobufCMessage *request _unused_)
{
	rpc_call_hold(call);
}

static void fuzz_server(const uint8_t *data, size_t size, bool preface)
{
	static const struct rpc_method methods[] = {{"Copy", handle}, {"WaitProcess", keep}};
	static const char begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

	/* The last NUL of the SETTINGS ends the string, too. */
	serve(methods, ARRAY_SIZE(methods), begin, preface ? sizeof(begin) : 0, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_stderr(-1);
	/* What fits in the socket at once, so that nothing waits. */
	if (!size || size > 65536)
		return 0;
	if (data[0] % 3 == 0)
		fuzz_decoders(data + 1, size - 1);
	else
		fuzz_server(data + 1, size - 1, data[0] % 3 == 1);
	return 0;
}
