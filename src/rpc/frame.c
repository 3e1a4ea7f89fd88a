// SPDX-License-Identifier: Apache-2.0
#include "rpc/frame.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "lib/alloc.h"
#include "rpc/api.h"
#include "rpc/grpc.h"

static_assert(sizeof(struct frame) == 24 && offsetof(struct frame, timeout) == 16, "no holes");

const ProtobufCServiceDescriptor *const frame_services[FRAME_SERVICES] = {
	SANDBOX_SERVICE,
	GUEST_SERVICE,
};

static const uint32_t max_length[FRAME_KINDS] = {
	[FRAME_REQUEST] = GRPC_MAX_MESSAGE,
	[FRAME_CANCEL] = 0,
	[FRAME_MESSAGE] = GRPC_MAX_MESSAGE,
	[FRAME_END] = GRPC_MAX_STATUS_MESSAGE,
};

/* To the byte order of the wire and back: the same function. */
static void swap(struct frame *f)
{
	f->length = htole32(f->length);
	f->call = htole32(f->call);
	f->errnum = htole32(f->errnum);
	f->timeout = htole64(f->timeout);
}

/* Return: where the body goes. */
static uint8_t *put_header(struct strbuf *out, struct frame frame, size_t len)
{
	char *p = strbuf_reserve(out, sizeof(frame) + len);

	frame.length = (uint32_t)len;
	swap(&frame);
	memcpy(p, &frame, sizeof(frame));
	out->len += sizeof(frame) + len;
	p[sizeof(frame) + len] = '\0';
	return (uint8_t *)p + sizeof(frame);
}

void frame_put(struct strbuf *out, struct frame frame, const void *body, size_t len)
{
	uint8_t *p = put_header(out, frame, len);

	if (len)
		memcpy(p, body, len);
}

int frame_pack(struct strbuf *out, struct frame frame, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	if (len > GRPC_MAX_MESSAGE)
		return -EMSGSIZE;
	(void)protobuf_c_message_pack(message, put_header(out, frame, len));
	return 0;
}

void frame_put_end(struct strbuf *out, uint32_t call, uint8_t status, uint32_t errnum,
		   const char *text)
{
	struct frame frame = {.kind = FRAME_END, .call = call, .status = status, .errnum = errnum};

	frame_put(out, frame, text, text ? strnlen(text, GRPC_MAX_STATUS_MESSAGE) : 0);
}

static int header_whole(struct frame_reader *r)
{
	swap(&r->frame);
	if (!r->frame.kind || r->frame.kind >= FRAME_KINDS)
		return -EPROTO;
	if (r->frame.length > max_length[r->frame.kind])
		return -EMSGSIZE;
	if (r->frame.length) {
		r->body = malloc(r->frame.length);
		if (!r->body)
			return -ENOMEM;
	}
	return 0;
}

/* Copies what is missing of @size bytes. Return: how many. */
static size_t fill(void *to, size_t size, size_t have, const uint8_t *data, size_t len)
{
	size_t n = size - have < len ? size - have : len;

	if (n)
		memcpy((uint8_t *)to + have, data, n);
	return n;
}

ssize_t frame_reader_feed(struct frame_reader *r, const uint8_t *data, size_t len, bool *ret_whole)
{
	size_t taken = 0, n;
	int error;

	*ret_whole = false;
	if (r->have < sizeof(r->frame)) {
		taken = fill(&r->frame, sizeof(r->frame), r->have, data, len);
		r->have += taken;
		if (r->have < sizeof(r->frame))
			return (ssize_t)taken;
		error = header_whole(r);
		if (error < 0)
			return error;
	}
	n = fill(r->body, r->frame.length, r->have - sizeof(r->frame), data + taken, len - taken);
	r->have += n;
	*ret_whole = r->have == sizeof(r->frame) + r->frame.length;
	return (ssize_t)(taken + n);
}

void frame_reader_next(struct frame_reader *r)
{
	free(r->body);
	r->body = NULL;
	r->have = 0;
}

const char *frame_fault(ssize_t error)
{
	if (error == -EMSGSIZE)
		return "a frame is too long";
	if (error == -ENOMEM)
		return "no memory for a frame";
	return "there is no such kind of frame";
}

char *frame_text(const uint8_t *body, size_t len)
{
	char *text = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		/* U+0080 to U+009F, which terminals obey, too. */
		bool c1 = i && body[i - 1] == 0xc2 && body[i] >= 0x80 && body[i] <= 0x9f;

		text[i] = c1 || body[i] < 0x20 || body[i] == 0x7f ? ' ' : (char)body[i];
		if (c1)
			text[i - 1] = ' ';
	}
	text[len] = '\0';
	return text;
}
