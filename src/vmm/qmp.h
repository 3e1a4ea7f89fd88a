/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QMP client on the event loop. Nothing blocks: commands are queued and sent as the socket takes
 * them, replies come to callbacks.
 *
 * Theory of operation: the greeting arrives, qmp_capabilities is sent, and with its reply the
 * client is up. Commands may be given from the first moment; they wait for that. Several may be
 * under way: QEMU executes them in order and answers with their id. A descriptor travels with the
 * first byte of its own command ("getfd", "add-fd"). When QEMU says something that is not QMP, a
 * command's deadline passes, or the connection ends, the client is broken: every callback under
 * way gets the error, then on_broken is called, and later commands fail at once (from the loop,
 * never from within qmp_execute()).
 */
#ifndef RUNVM_VMM_QMP_H
#define RUNVM_VMM_QMP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/loop.h"

struct json;
struct qmp;

#define QMP_TIMEOUT_DEFAULT (30 * USEC_PER_SEC)
#define QMP_COMMANDS_MAX    256 /* waiting and under way */

/**
 * typedef qmp_reply_fn - what became of a command
 * @reply: the value of "return"; NULL on failure; borrowed for the call
 * @err: NULL on success; else what QEMU answered, or why there is no answer; borrowed
 */
typedef void qmp_reply_fn(struct qmp *qmp, const struct json *reply, const struct error *err,
			  void *data);

/**
 * struct qmp_ops - calls of the client; all optional
 * @on_up: capabilities are negotiated
 * @on_event: @event is QEMU's name of it; @args may be NULL
 * @on_broken: no command will be answered any more; qmp_free() may be called from it
 */
struct qmp_ops {
	void (*on_up)(struct qmp *qmp, void *data);
	void (*on_event)(struct qmp *qmp, const char *event, const struct json *args, void *data);
	void (*on_broken)(struct qmp *qmp, const struct error *err, void *data);
};

/**
 * qmp_new() - a client
 * @fd: connected unix stream socket, taken over and made non-blocking
 * @ops: static
 */
struct qmp *qmp_new(struct loop *loop, int fd, const struct qmp_ops *ops, void *data);
/* Callbacks that are under way are not called. NULL is allowed. */
void qmp_free(struct qmp *qmp);

bool qmp_is_up(const struct qmp *qmp);

/**
 * qmp_execute() - send a command
 * @arguments: a JSON object as text; NULL for none; copied
 * @fd: descriptor to pass with it; -1 for none; duplicated
 * @timeout: microseconds from now for the reply; 0 for QMP_TIMEOUT_DEFAULT
 * @fn: called once, from the loop; NULL when nobody cares
 */
void qmp_execute(struct qmp *qmp, const char *command, const char *arguments, int fd,
		 uint64_t timeout, qmp_reply_fn *fn, void *data);

#endif
