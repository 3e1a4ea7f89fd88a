/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the command line: a const table of struct option_def says what there is, and one
 * parser fills a plain struct from it. Help text comes from the same table (help.h). It knows no
 * commands; command.h and main.c use it.
 *
 * Theory of operation: as in runc (Go's flag package behind urfave/cli), a long and a short name
 * are the same thing and one or two dashes as well: `-bundle x`, `--b=x`. A value is the next
 * argument or follows a '='. A flag takes none, or `=true`, `=false`. Options end before the first
 * argument that does not begin with '-', at a lone "-", and behind "--". Short flags cannot be
 * bundled. The last of several values counts, except for a list, which keeps them all.
 *
 *	struct greet_options {
 *		const char *name;
 *		bool loud;
 *	};
 *	static const struct option_def greet_option_defs[] = {
 *		OPTION(struct greet_options, name, OPTION_STRING, "name", 'n', "value",
 *		       "whom to greet", .default_value = "world"),
 *		OPTION(struct greet_options, loud, OPTION_FLAG, "loud", 0, NULL, "shout"),
 *		OPTION_END,
 *	};
 */
#ifndef RUNVM_COMMAND_OPTIONS_H
#define RUNVM_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* What a member of an options struct has to be is in the comment. */
enum option_kind {
	OPTION_FLAG,	/* bool */
	OPTION_STRING,	/* const char *, NULL without a default; borrowed from the arguments */
	OPTION_STRINGS, /* struct option_strings: may be given several times */
	OPTION_INT,	/* int64_t; takes 12, 0x1f, 0b11, 017 and 0o17, as Go does */
	OPTION_ENUM,	/* int (or an enum of its size): index into .choices */
	OPTION_KINDS,
};

/* Values of a repeated option, in order; the array is owned, the strings are borrowed. */
struct option_strings {
	const char **items;
	size_t n_items;
};

/**
 * struct option_def - one option
 * @name: without dashes
 * @short_name: 0 for none
 * @metavar: what help calls the value, mostly "value"; NULL exactly for flags
 * @help: one line, no capital, no full stop
 * @kind: see enum option_kind
 * @offset: of the member in the options struct
 * @default_value: as if given first, and shown in the help; NULL for none (false, NULL, 0)
 * @choices: of OPTION_ENUM: NULL-terminated, the index is the value
 */
struct option_def {
	const char *name;
	char short_name;
	const char *metavar;
	const char *help;
	enum option_kind kind;
	size_t offset;
	const char *default_value;
	const char *const *choices;
};

#define OPTION(type, member, kind_, name_, short_, metavar_, help_, ...)                         \
	{                                                                                        \
		.name = (name_), .short_name = (short_), .metavar = (metavar_), .help = (help_), \
		.kind = (kind_), .offset = offsetof(type, member), __VA_ARGS__                   \
	}
/* The last element of every table. */
#define OPTION_END           \
	{                    \
		.name = NULL \
	}

/**
 * options_parse() - read the options in front of the arguments
 * @defs: ends with OPTION_END; NULL for no options
 * @options: zeroed; filled. To be given to options_clear() also after a failure.
 * @args: NULL-terminated, without the program's or the command's name
 *
 * @ret_help: whether `--help` or `-h` was there, which every table has without listing it
 *
 * After a failure @options has what came before the fault, so that main can still use --log.
 *
 * Return: how many of @args were options, "--" included; or -EINVAL with runc's words: "flag
 * provided but not defined: -x", "flag needs an argument: -x", "invalid value "v" for flag -x:
 * ...", "bad flag syntax: ---x".
 */
ssize_t options_parse(const struct option_def *defs, void *options, char **args, bool *ret_help,
		      struct error *err);

/**
 * options_parse_anywhere() - the same, and those between and behind the arguments, up to a "--"
 * @args: sorted: the options first, then the arguments in their order
 *
 * As runc, what begins with a dash and is no option of the table is an argument there.
 */
ssize_t options_parse_anywhere(const struct option_def *defs, void *options, char **args,
			       bool *ret_help, struct error *err);

/* Frees the lists in @options; the struct is zero afterwards as far as @defs knows it. */
void options_clear(const struct option_def *defs, void *options);

#endif
