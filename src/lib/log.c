// SPDX-License-Identifier: Apache-2.0
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"

static struct {
	enum log_level level;
	int stderr_fd;
	int file_fd;
	enum log_format file_format;
	const char *name;
} log_state = {
	.level = LOG_LEVEL_INFO,
	.stderr_fd = STDERR_FILENO,
	.file_fd = -1,
	.name = "runvm",
};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

void log_set_file(int fd, enum log_format format)
{
	log_state.file_fd = fd;
	log_state.file_format = format;
}

int log_get_file(void)
{
	return log_state.file_fd;
}

void log_set_stderr(int fd)
{
	log_state.stderr_fd = fd;
}

void log_set_name(const char *name)
{
	log_state.name = name;
}

static void format_time(char *out, size_t size)
{
	struct timespec now;
	struct tm tm;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, size, "%s.%06ldZ", seconds, now.tv_nsec / 1000);
}

static void log_to_file(enum log_level level, const char *message)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	char when[64];

	format_time(when, sizeof(when));
	if (log_state.file_format == LOG_FORMAT_JSON) {
		strbuf_printf(&line, "{\"level\":\"%s\",\"msg\":", level_names[level]);
		strbuf_json_string(&line, message);
		strbuf_printf(&line, ",\"time\":\"%s\"}\n", when);
	} else {
		strbuf_printf(&line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		strbuf_json_string(&line, message);
		strbuf_putc(&line, '\n');
	}
	(void)!write(log_state.file_fd, line.data, line.len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	_cleanup_free_ char *message = NULL;
	/* Notes are for the log file, or for who debugs; stderr may be a container's. */
	bool note = level > LOG_LEVEL_WARNING && log_state.level < LOG_LEVEL_DEBUG;
	int saved = errno;
	va_list ap;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	if (log_state.stderr_fd >= 0 && !note) {
		_cleanup_free_ char *line = NULL;

		line = xasprintf("%s: %s%s\n", log_state.name,
				 level == LOG_LEVEL_WARNING ? "warning: " : "", message);
		(void)!write(log_state.stderr_fd, line, strlen(line));
	}
	if (log_state.file_fd >= 0 && !(note && log_state.file_fd == STDERR_FILENO))
		log_to_file(level, message);
	errno = saved;
}
