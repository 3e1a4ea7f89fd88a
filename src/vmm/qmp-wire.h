/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP on the wire: one JSON object a line. A pure decoder (QEMU may have been taken over by its
 * guest: what it sends is hostile) and an encoder of commands. Source: qemu's docs/interop/
 * qmp-spec, sections 2.2 to 2.5.
 */
#ifndef RUNVM_VMM_QMP_WIRE_H
#define RUNVM_VMM_QMP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/strbuf.h"

/* The longest message taken. query-qmp-schema (200 KiB) is never asked for. */
#define QMP_MESSAGE_MAX (128 * 1024)

struct json;

enum qmp_message_kind {
	QMP_GREETING, /* {"QMP": ...} */
	QMP_RETURN,   /* {"return": ..., "id": ...} */
	QMP_ERROR,    /* {"error": {"class", "desc"}, "id": ...} */
	QMP_EVENT,    /* {"event": ..., "data": ..., "timestamp": ...} */
};

/**
 * struct qmp_message - one message
 * @id: of the command this answers; 0 when the message has none (an error in parsing a command)
 * @event: name of an event; points into @root
 * @error_class: points into @root
 * @error_text: "desc"; points into @root, and is the peer's: not for a log unfiltered
 * @data: what "return" or "data" holds; points into @root; NULL when there is none
 * @root: owned
 */
struct qmp_message {
	enum qmp_message_kind kind;
	uint64_t id;
	const char *event;
	const char *error_class;
	const char *error_text;
	const struct json *data;
	struct json *root;
};

/**
 * qmp_decode() - the first message of a buffer
 * @consumed: bytes to drop from the front; also set when 0 or an error is returned
 *
 * Return: 1 with a message in *ret; 0 when there is no whole line yet; -EBADMSG for a line that is
 * not QMP; -EMSGSIZE when no line ends within QMP_MESSAGE_MAX bytes.
 */
int qmp_decode(const char *data, size_t len, size_t *consumed, struct qmp_message *ret,
	       struct error *err);

void qmp_message_clear(struct qmp_message *message);

/* The string that an object of a message has under @key; NULL when it has none. */
const char *qmp_string(const struct json *object, const char *key);

/**
 * qmp_encode() - a command and its newline, appended to @out
 * @arguments: a JSON object as text; NULL for none
 */
void qmp_encode(const char *command, const char *arguments, uint64_t id, struct strbuf *out);

#endif
