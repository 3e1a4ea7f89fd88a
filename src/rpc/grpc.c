// SPDX-License-Identifier: Apache-2.0
#include "rpc/grpc.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const char *const status_names[] = {
	[GRPC_OK] = "OK",
	[GRPC_CANCELLED] = "CANCELLED",
	[GRPC_UNKNOWN] = "UNKNOWN",
	[GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[GRPC_NOT_FOUND] = "NOT_FOUND",
	[GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[GRPC_ABORTED] = "ABORTED",
	[GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[GRPC_INTERNAL] = "INTERNAL",
	[GRPC_UNAVAILABLE] = "UNAVAILABLE",
	[GRPC_DATA_LOSS] = "DATA_LOSS",
	[GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};
static_assert(ARRAY_SIZE(status_names) == GRPC_STATUS_COUNT, "a name for each status");

/* The first line of a status is its errno for a peer that sends none. */
static const struct {
	enum grpc_status status;
	int errnum;
} status_errnos[] = {
	{GRPC_CANCELLED, ECANCELED},
	{GRPC_UNKNOWN, EIO},
	{GRPC_INVALID_ARGUMENT, EINVAL},
	{GRPC_INVALID_ARGUMENT, ENAMETOOLONG},
	{GRPC_DEADLINE_EXCEEDED, ETIMEDOUT},
	{GRPC_DEADLINE_EXCEEDED, ETIME},
	{GRPC_NOT_FOUND, ENOENT},
	{GRPC_NOT_FOUND, ESRCH},
	{GRPC_NOT_FOUND, ENODEV},
	{GRPC_NOT_FOUND, ENXIO},
	{GRPC_ALREADY_EXISTS, EEXIST},
	{GRPC_PERMISSION_DENIED, EACCES},
	{GRPC_PERMISSION_DENIED, EPERM},
	{GRPC_PERMISSION_DENIED, EROFS},
	{GRPC_RESOURCE_EXHAUSTED, ENOMEM},
	{GRPC_RESOURCE_EXHAUSTED, ENOSPC},
	{GRPC_RESOURCE_EXHAUSTED, EDQUOT},
	{GRPC_RESOURCE_EXHAUSTED, EMFILE},
	{GRPC_RESOURCE_EXHAUSTED, ENFILE},
	{GRPC_RESOURCE_EXHAUSTED, EMSGSIZE},
	{GRPC_FAILED_PRECONDITION, EBUSY},
	{GRPC_FAILED_PRECONDITION, ENOTDIR},
	{GRPC_FAILED_PRECONDITION, EISDIR},
	{GRPC_FAILED_PRECONDITION, ENOTEMPTY},
	{GRPC_FAILED_PRECONDITION, ENOEXEC},
	{GRPC_FAILED_PRECONDITION, ELOOP},
	{GRPC_ABORTED, EDEADLK},
	{GRPC_OUT_OF_RANGE, ERANGE},
	{GRPC_OUT_OF_RANGE, EOVERFLOW},
	{GRPC_UNIMPLEMENTED, EOPNOTSUPP},
	{GRPC_UNIMPLEMENTED, ENOSYS},
	{GRPC_INTERNAL, EPROTO},
	{GRPC_UNAVAILABLE, EAGAIN},
	{GRPC_UNAVAILABLE, ECONNRESET},
	{GRPC_UNAVAILABLE, ECONNREFUSED},
	{GRPC_UNAVAILABLE, EPIPE},
	{GRPC_DATA_LOSS, EBADMSG},
	{GRPC_DATA_LOSS, ENODATA},
	{GRPC_UNAUTHENTICATED, EKEYREJECTED},
};

const char *grpc_status_name(enum grpc_status status)
{
	return (unsigned int)status < GRPC_STATUS_COUNT ? status_names[status] : "UNKNOWN";
}

/* @max_digits digits and nothing else. */
static int parse_digits(const char *text, size_t len, size_t max_digits, uint64_t *ret)
{
	uint64_t n = 0;

	if (!len || len > max_digits)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return 0;
}

enum grpc_status grpc_status_from_errno(int errnum)
{
	if (errnum < 0)
		errnum = -errnum;
	for (size_t i = 0; i < ARRAY_SIZE(status_errnos); i++)
		if (status_errnos[i].errnum == errnum)
			return status_errnos[i].status;
	return GRPC_INTERNAL;
}

int grpc_status_to_errno(enum grpc_status status)
{
	if (status == GRPC_OK)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(status_errnos); i++)
		if (status_errnos[i].status == status)
			return status_errnos[i].errnum;
	return EIO;
}

int grpc_errno_check(uint32_t errnum)
{
	return errnum <= EHWPOISON ? (int)errnum : 0;
}

void grpc_message_encode(struct strbuf *out, const char *message)
{
	static const char hex[] = "0123456789ABCDEF";
	const unsigned char *p = (const unsigned char *)message;

	for (size_t i = 0; i < GRPC_MAX_STATUS_MESSAGE && p[i]; i++) {
		if (p[i] >= 0x20 && p[i] <= 0x7e && p[i] != '%') {
			strbuf_putc(out, (char)p[i]);
		} else {
			char escape[3] = {'%', hex[p[i] >> 4], hex[p[i] & 15]};

			strbuf_append(out, escape, sizeof(escape));
		}
	}
}

static const struct timeout_unit {
	char letter;
	uint64_t nsec;
} timeout_units[] = {
	{'n', 1},
	{'u', 1000},
	{'m', 1000 * 1000},
	{'S', 1000 * 1000 * 1000},
	{'M', UINT64_C(60) * 1000 * 1000 * 1000},
	{'H', UINT64_C(3600) * 1000 * 1000 * 1000},
};
#define TIMEOUT_MAX_DIGITS 8

int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_usec)
{
	uint64_t n;

	if (len < 2 || parse_digits(text, len - 1, TIMEOUT_MAX_DIGITS, &n) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(timeout_units); i++) {
		uint64_t nsec = timeout_units[i].nsec;

		if (timeout_units[i].letter != text[len - 1])
			continue;
		/* 99999999 hours in nanoseconds do not fit, in microseconds they do. */
		*ret_usec = nsec >= 1000 ? n * (nsec / 1000) : (n * nsec + 999) / 1000;
		return 0;
	}
	return -EINVAL;
}

bool grpc_content_type_valid(const char *text, size_t len)
{
	static const char wanted[] = "application/grpc";
	size_t n = sizeof(wanted) - 1;

	return len >= n && !strncasecmp(text, wanted, n) &&
	       (len == n || text[n] == '+' || text[n] == ';');
}

ssize_t grpc_reader_feed(struct grpc_reader *r, const uint8_t *data, size_t len, bool *ret_whole)
{
	size_t taken = 0;

	*ret_whole = false;
	while (r->have < GRPC_PREFIX_SIZE) {
		if (taken == len)
			return (ssize_t)taken;
		r->prefix[r->have++] = data[taken++];
		if (r->have < GRPC_PREFIX_SIZE)
			continue;
		if (r->prefix[0])
			return r->prefix[0] == 1 ? -EOPNOTSUPP : -EPROTO;
		r->length = (uint32_t)r->prefix[1] << 24 | (uint32_t)r->prefix[2] << 16 |
			    (uint32_t)r->prefix[3] << 8 | r->prefix[4];
		if (r->length > GRPC_MAX_MESSAGE)
			return -EMSGSIZE;
		if (r->length) {
			r->body = malloc(r->length);
			if (!r->body)
				return -ENOMEM;
		}
	}
	if (len - taken && r->length) {
		size_t at = r->have - GRPC_PREFIX_SIZE;
		size_t n = r->length - at;

		if (n > len - taken)
			n = len - taken;
		memcpy(r->body + at, data + taken, n);
		r->have += (uint32_t)n;
		taken += n;
	}
	*ret_whole = r->have == GRPC_PREFIX_SIZE + r->length;
	return (ssize_t)taken;
}

void grpc_reader_next(struct grpc_reader *r)
{
	free(r->body);
	*r = (struct grpc_reader){0};
}

bool grpc_reader_at_start(const struct grpc_reader *r)
{
	return !r->have;
}

int grpc_pack(struct strbuf *out, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *p;

	if (size > GRPC_MAX_MESSAGE)
		return -EMSGSIZE;
	p = (uint8_t *)strbuf_reserve(out, GRPC_PREFIX_SIZE + size);
	p[0] = 0;
	p[1] = (uint8_t)(size >> 24);
	p[2] = (uint8_t)(size >> 16);
	p[3] = (uint8_t)(size >> 8);
	p[4] = (uint8_t)size;
	(void)protobuf_c_message_pack(message, p + GRPC_PREFIX_SIZE);
	out->len += GRPC_PREFIX_SIZE + size;
	return 0;
}

/* Roughly what malloc adds to an object. */
#define ALLOCATION_OVERHEAD 16

static void *budget_alloc(void *data, size_t size)
{
	size_t *left = data;

	if (size > *left || *left - size < ALLOCATION_OVERHEAD)
		return NULL;
	*left -= size + ALLOCATION_OVERHEAD;
	return malloc(size ? size : 1);
}

static void budget_free(void *data _unused_, void *p)
{
	free(p);
}

ProtobufCMessage *grpc_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			      size_t len)
{
	size_t left = GRPC_MAX_DECODED;
	ProtobufCAllocator allocator = {
		.alloc = budget_alloc, .free = budget_free, .allocator_data = &left};

	return protobuf_c_message_unpack(descriptor, &allocator, len, data);
}

void grpc_free(ProtobufCMessage *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}
