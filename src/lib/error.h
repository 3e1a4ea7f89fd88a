/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error is an errno value and a sentence for people. Who knows what failed says so once, with
 * error_set(); callers on the way up put context in front with error_prefix(); a boundary (main, a
 * handler of the monitor, an RPC handler) logs it or turns it into a status and its message.
 * Success leaves a struct error untouched.
 */
#ifndef RUNVM_ERROR_H
#define RUNVM_ERROR_H

#include "lib/cleanup.h"

/**
 * struct error - what went wrong
 * @errnum: positive errno value, 0 while nothing has gone wrong
 * @message: owned; one line without a newline; NULL while nothing has gone wrong
 */
struct error {
	int errnum;
	char *message;
};

#define ERROR_INIT      \
	{               \
		0, NULL \
	}
#define _cleanup_error_ _cleanup_(error_clear)

/**
 * error_set() - record a failure, replacing what was there
 * @err: NULL when the caller does not care
 * @errnum: positive or negative errno value; it is NOT appended to the message
 *
 * Return: -|errnum|, so that `return error_set(err, EINVAL, ...)` reads well.
 */
int error_set(struct error *err, int errnum, const char *fmt, ...) _printf_(3, 4);

/**
 * error_errno() - error_set() with ": " and the text of @errnum appended
 */
int error_errno(struct error *err, int errnum, const char *fmt, ...) _printf_(3, 4);

/**
 * error_prefix() - put "context: " in front of the message
 *
 * Return: -err->errnum (-EIO when @err is NULL).
 */
int error_prefix(struct error *err, const char *fmt, ...) _printf_(2, 3);

/* Moves *from into *to (whose old content is freed); @from is empty afterwards. */
void error_move(struct error *to, struct error *from);

/* The message, or the errno's text when there is none; never NULL, valid until the next change. */
const char *error_message(const struct error *err);

/* Frees the message; @err is as new. */
void error_clear(struct error *err);

#endif
