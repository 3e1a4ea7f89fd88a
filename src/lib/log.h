/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line a call, to a descriptor (stderr at first) and, when set, to a second one in
 * runc's text or JSON format. The level and the two targets are the only mutable globals of the
 * program beside signal flags. Lines are written with one write(2), so that processes that share a
 * file do not mix them.
 */
#ifndef RUNVM_LOG_H
#define RUNVM_LOG_H

#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * Lines of a level above @level are dropped. The default is LOG_LEVEL_INFO, at which notes
 * (log_info()) go to the file alone: stderr may be that of a container.
 */
void log_set_level(enum log_level level);

/**
 * log_set_file() - also write every line to @fd
 * @fd: borrowed; -1 for none. It has to stay open as long as it is set.
 * @format: text (`time="..." level=... msg="..."`) or one JSON object a line with the keys level,
 *	msg and time (RFC 3339), which containerd's shim reads back
 */
void log_set_file(int fd, enum log_format format);

/* Return: the descriptor of log_set_file(), -1 for none. */
int log_get_file(void);

/* Where plain lines go ("runvm: message"); -1 for nowhere. Borrowed. The default is 2. */
void log_set_stderr(int fd);

/* The prefix of plain lines, "runvm" by default. Borrowed: a string that lives forever. */
void log_set_name(const char *name);

void log_line(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
