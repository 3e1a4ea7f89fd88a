// SPDX-License-Identifier: Apache-2.0
#include "lib/error.h"

#include <stdarg.h>
#include <string.h>

#include "lib/alloc.h"

static int error_take(struct error *err, int errnum, char *message)
{
	_cleanup_free_ char *owned = message;

	if (errnum < 0)
		errnum = -errnum;
	if (!errnum)
		errnum = EIO;
	if (err) {
		free(err->message);
		err->message = TAKE_PTR(owned);
		err->errnum = errnum;
	}
	return -errnum;
}

int error_set(struct error *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	char *message;

	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	return error_take(err, errnum, message);
}

int error_errno(struct error *err, int errnum, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	return error_take(err, errnum,
			  xasprintf("%s: %s", what, strerror(errnum < 0 ? -errnum : errnum)));
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *context = NULL;
	va_list ap;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	context = xvasprintf(fmt, ap);
	va_end(ap);
	return error_take(err, err->errnum, xasprintf("%s: %s", context, error_message(err)));
}

void error_move(struct error *to, struct error *from)
{
	if (to == from)
		return;
	free(to->message);
	*to = *from;
	*from = (struct error)ERROR_INIT;
}

const char *error_message(const struct error *err)
{
	return err->message ? err->message : strerror(err->errnum);
}

void error_clear(struct error *err)
{
	free(err->message);
	*err = (struct error)ERROR_INIT;
}
