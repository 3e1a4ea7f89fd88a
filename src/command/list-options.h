/* SPDX-License-Identifier: Apache-2.0 */
/* The options of commands that list something: `list`, `template list`. */
#ifndef RUNVM_LIST_OPTIONS_H
#define RUNVM_LIST_OPTIONS_H

#include "command/options.h"

enum list_format { LIST_TABLE, LIST_JSON };

/* The names of enum list_format, for a table of options. */
extern const char *const list_format_names[];

struct list_options {
	enum list_format format;
	bool quiet;
};

/* A table of options. @quiet_help: what --quiet does. */
#define LIST_OPTIONS(quiet_help)                                                                 \
	OPTION(struct list_options, format, OPTION_ENUM, "format", 'f', "value",                 \
	       "select one of: table or json", .default_value = "table",                         \
	       .choices = list_format_names),                                                    \
		OPTION(struct list_options, quiet, OPTION_FLAG, "quiet", 'q', NULL, quiet_help), \
		OPTION_END

#endif
