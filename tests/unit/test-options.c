// SPDX-License-Identifier: Apache-2.0
/* The command line: the parser beside what runc does, and the help of every command. */
#include <string.h>

#include "command/command.h"
#include "command/help.h"
#include "lib/alloc.h"
#include "tests/unit/test.h"

enum colour { RED, GREEN };

struct options {
	bool flag;
	const char *text;
	struct option_strings list;
	int64_t number;
	enum colour colour;
	const char *with_default;
};

static const char *const colours[] = {[RED] = "red", [GREEN] = "green", NULL};

static const struct option_def defs[] = {
	OPTION(struct options, flag, OPTION_FLAG, "flag", 'f', NULL, "a flag"),
	OPTION(struct options, text, OPTION_STRING, "text", 't', "value", "a text"),
	OPTION(struct options, list, OPTION_STRINGS, "list", 'l', "value", "a list"),
	OPTION(struct options, number, OPTION_INT, "number", 0, "value", "a number",
	       .default_value = "7"),
	OPTION(struct options, colour, OPTION_ENUM, "colour", 0, "value", "a colour",
	       .default_value = "green", .choices = colours),
	OPTION(struct options, with_default, OPTION_STRING, "with-default", 0, "value", "d",
	       .default_value = "x"),
	OPTION_END,
};

#define MAX_ARGS 8

/* Splits at spaces; "''" is an empty argument. */
static ssize_t parse_line(const char *line, char *buffer, struct options *o, bool *help,
			  struct error *err)
{
	char *args[MAX_ARGS + 1] = {NULL};
	size_t n = 0;

	strcpy(buffer, line);
	for (char *word = strtok(buffer, " "); word; word = strtok(NULL, " "))
		args[n++] = strcmp(word, "''") ? word : word + 2;
	return options_parse(defs, o, args, help, err);
}

static void test_values(void)
{
	static const struct {
		const char *line;
		ssize_t taken;
		bool flag;
		const char *text;
		int64_t number;
		enum colour colour;
		bool help;
	} cases[] = {
		{"", 0, false, NULL, 7, GREEN, false},
		{"id", 0, false, NULL, 7, GREEN, false},
		{"--flag id", 1, true, NULL, 7, GREEN, false},
		{"-f id --text x", 1, true, NULL, 7, GREEN, false},
		{"-flag --f", 2, true, NULL, 7, GREEN, false},
		{"--flag=false --flag=T", 2, true, NULL, 7, GREEN, false},
		{"--flag --flag=0", 2, false, NULL, 7, GREEN, false},
		{"--flag true", 1, true, NULL, 7, GREEN, false},
		{"--text a id", 2, false, "a", 7, GREEN, false},
		{"--text=a id", 1, false, "a", 7, GREEN, false},
		{"-text a", 2, false, "a", 7, GREEN, false},
		{"-text=a=b", 1, false, "a=b", 7, GREEN, false},
		{"-t a --t=b", 3, false, "b", 7, GREEN, false},
		{"--text= x", 1, false, "", 7, GREEN, false},
		{"--text '' x", 2, false, "", 7, GREEN, false},
		{"--text --flag x", 2, false, "--flag", 7, GREEN, false},
		{"--text -- x", 2, false, "--", 7, GREEN, false},
		{"-- --flag", 1, false, NULL, 7, GREEN, false},
		{"-f -- -f", 2, true, NULL, 7, GREEN, false},
		{"- -f", 0, false, NULL, 7, GREEN, false},
		{"--number 0x10", 2, false, NULL, 16, GREEN, false},
		{"--number=-3", 1, false, NULL, -3, GREEN, false},
		{"--number 017", 2, false, NULL, 15, GREEN, false},
		{"--number 0o17", 2, false, NULL, 15, GREEN, false},
		{"--number 0b101", 2, false, NULL, 5, GREEN, false},
		{"--number 9223372036854775807", 2, false, NULL, INT64_MAX, GREEN, false},
		{"--colour red", 2, false, NULL, 7, RED, false},
		{"--help -f", 2, true, NULL, 7, GREEN, true},
		{"-h", 1, false, NULL, 7, GREEN, true},
		{"-help=false", 1, false, NULL, 7, GREEN, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct options o = {0};
		char buffer[256];
		bool help;

		printf("# %s\n", cases[i].line);
		CHECK_INT(parse_line(cases[i].line, buffer, &o, &help, &err), ==, cases[i].taken);
		CHECK_INT(o.flag, ==, cases[i].flag);
		CHECK_STR(o.text, cases[i].text);
		CHECK_INT(o.number, ==, cases[i].number);
		CHECK_INT(o.colour, ==, cases[i].colour);
		CHECK_INT(help, ==, cases[i].help);
		CHECK_STR(o.with_default, "x");
		options_clear(defs, &o);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"--foo", "flag provided but not defined: -foo"},
		{"-foo=x y", "flag provided but not defined: -foo"},
		{"-f --foo", "flag provided but not defined: -foo"},
		{"-ft", "flag provided but not defined: -ft"},
		{"--flagg", "flag provided but not defined: -flagg"},
		{"--fla", "flag provided but not defined: -fla"},
		{"--text", "flag needs an argument: -text"},
		{"-t", "flag needs an argument: -t"},
		{"---f", "bad flag syntax: ---f"},
		{"--=x", "bad flag syntax: --=x"},
		{"-=x", "bad flag syntax: -=x"},
		{"--flag=maybe", "invalid boolean value \"maybe\" for -flag: parse error"},
		{"-f=", "invalid boolean value \"\" for -f: parse error"},
		{"--number abc", "invalid value \"abc\" for flag -number: parse error"},
		{"--number=", "invalid value \"\" for flag -number: parse error"},
		{"--number=1x", "invalid value \"1x\" for flag -number: parse error"},
		{"--number=08", "invalid value \"08\" for flag -number: parse error"},
		{"--number=--8", "invalid value \"--8\" for flag -number: parse error"},
		{"--number=0o-7", "invalid value \"0o-7\" for flag -number: parse error"},
		{"--number 9223372036854775808",
		 "invalid value \"9223372036854775808\" for flag -number: value out of range"},
		{"--colour blue", "invalid value \"blue\" for flag -colour: expected one of "
				  "\"red\", \"green\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct options o = {0};
		char buffer[256];
		bool help;

		CHECK_INT(parse_line(cases[i].line, buffer, &o, &help, &err), ==, -EINVAL);
		CHECK_STR(err.message, cases[i].message);
		options_clear(defs, &o);
	}
}

static void test_list(void)
{
	struct options o = {0};
	char buffer[256];
	bool help;

	CHECK_INT(parse_line("-l a --list=b --list c d", buffer, &o, &help, NULL), ==, 5);
	CHECK_INT(o.list.n_items, ==, 3);
	CHECK_STR(o.list.items[0], "a");
	CHECK_STR(o.list.items[2], "c");
	CHECK(!o.list.items[3]);
	options_clear(defs, &o);
	CHECK(!o.list.items && !o.list.n_items);
}

/* What came before the fault counts: main wants --log for the message. */
static void test_partial(void)
{
	struct options o = {0};
	char buffer[256];
	bool help;

	CHECK_INT(parse_line("--text log --foo", buffer, &o, &help, NULL), ==, -EINVAL);
	CHECK_STR(o.text, "log");
	options_clear(defs, &o);
}

/* Options behind arguments: which there are, and in which order the arguments remain. */
static void test_anywhere(void)
{
	static const struct {
		const char *line;
		ssize_t taken;
		const char *rest; /* NULL for a fault */
		bool flag;
		const char *text;
	} cases[] = {
		{"a b", 0, "a b", false, NULL},
		{"a --flag b", 1, "a b", true, NULL},
		{"a -f b -t x c", 3, "a b c", true, "x"},
		{"-f a --text=y", 2, "a", true, "y"},
		{"a b --text x", 2, "a b", false, "x"},
		{"a -- --flag", 0, "a -- --flag", false, NULL},
		{"-- a --flag", 1, "a --flag", false, NULL},
		{"--text -- a -f", 3, "a", true, "--"},
		{"a --text -- -f", 3, "a", true, "--"},
		{"a -9 - --other -f", 1, "a -9 - --other", true, NULL},
		{"a --text", -EINVAL, NULL, false, NULL},
		{"a --number x", -EINVAL, NULL, false, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf rest = STRBUF_INIT;
		char buffer[128], *args[MAX_ARGS + 1] = {NULL};
		struct options o = {.flag = false};
		size_t n = 0;
		ssize_t r;
		bool help;

		strcpy(buffer, cases[i].line);
		for (char *word = strtok(buffer, " "); word; word = strtok(NULL, " "))
			args[n++] = word;
		r = options_parse_anywhere(defs, &o, args, &help, NULL);
		CHECK_INT(r, ==, cases[i].taken);
		for (size_t j = (size_t)r; r >= 0 && j < n; j++)
			strbuf_printf(&rest, "%s%s", j > (size_t)r ? " " : "", args[j]);
		if (cases[i].rest) {
			CHECK_STR(rest.data, cases[i].rest);
			CHECK_INT(o.flag, ==, cases[i].flag);
			CHECK_STR(o.text, cases[i].text);
		}
		options_clear(defs, &o);
	}
}

static void test_no_options(void)
{
	char dash[] = "-x", plain[] = "x";
	char *args[] = {dash, NULL}, *plain_args[] = {plain, NULL};
	bool help;

	CHECK_INT(options_parse(NULL, NULL, plain_args, &help, NULL), ==, 0);
	CHECK_INT(options_parse(NULL, NULL, args, &help, NULL), ==, -EINVAL);
}

static void check_table(const struct option_def *table, size_t size)
{
	for (const struct option_def *d = table; d && d->name; d++) {
		CHECK(d->help && *d->help);
		CHECK_INT(d->kind, <, OPTION_KINDS);
		CHECK((d->kind == OPTION_FLAG) == !d->metavar);
		CHECK((d->kind == OPTION_ENUM) == !!d->choices);
		CHECK_INT(d->offset, <, size);
		CHECK(strcmp(d->name, "help") && d->short_name != 'h');
		for (const struct option_def *e = d + 1; e->name; e++) {
			CHECK(strcmp(d->name, e->name));
			CHECK(!d->short_name || d->short_name != e->short_name);
		}
	}
}

/* Every command can be found, is described, and its help lists each of its options. */
static void test_commands(void)
{
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;

	help_program(&program);
	for (size_t i = 0; commands[i]; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		const struct command *c = commands[i];

		printf("# %s\n", c->name);
		CHECK(command_find(c->name) == c);
		CHECK(c->handler && c->summary);
		CHECK(c->min_args <= c->max_args);
		CHECK((c->max_args > 0) == !!c->arguments);
		CHECK(!c->description || c->description[strlen(c->description) - 1] == '\n');
		CHECK(!c->usage || c->usage[strlen(c->usage) - 1] == '\n');
		CHECK_CONTAINS(program.data, c->summary);
		check_table(c->options, c->options_size);
		help_command(&text, c);
		CHECK_CONTAINS(text.data, c->name);
		for (const struct option_def *d = c->options; d && d->name; d++) {
			_cleanup_free_ char *title = xasprintf("   --%s", d->name);

			CHECK_CONTAINS(text.data, title);
			CHECK_CONTAINS(text.data, d->help);
		}
	}
	check_table(global_option_defs, sizeof(struct globals));
	for (const struct option_def *d = global_option_defs; d->name; d++)
		CHECK_CONTAINS(program.data, d->help);
	CHECK(!command_find("nope"));
	CHECK(command_find("h") == command_find("help"));
}

static void test_help_layout(void)
{
	static const struct command example = {
		.name = "paint",
		.summary = "give something a colour",
		.arguments = "<thing>",
		.usage = "A \"<thing>\" is a thing.\n",
		.description = "Paints.\n",
		.options = defs,
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	help_command(&text, &example);
	CHECK_STR(text.data, "NAME:\n"
			     "   runvm paint - give something a colour\n\n"
			     "USAGE:\n"
			     "   runvm paint [command options] <thing>\n\n"
			     "A \"<thing>\" is a thing.\n\n"
			     "DESCRIPTION:\n"
			     "   Paints.\n\n"
			     "OPTIONS:\n"
			     "   --flag, -f              a flag\n"
			     "   --text value, -t value  a text\n"
			     "   --list value, -l value  a list\n"
			     "   --number value          a number (default: 7)\n"
			     "   --colour value          a colour (default: \"green\")\n"
			     "   --with-default value    d (default: \"x\")\n"
			     "   --help, -h              show help\n");
}

static void test_argument_counts(void)
{
	static const struct command one = {.name = "one", .min_args = 1, .max_args = 1},
				    kill = {.name = "kill", .min_args = 1, .max_args = 2},
				    any = {.name = "any", .max_args = COMMAND_ARGS_ANY};
	_cleanup_error_ struct error err = ERROR_INIT;

	CHECK_INT(command_check_args(&one, 1, &err), ==, 0);
	CHECK_INT(command_check_args(&one, 0, &err), ==, -EINVAL);
	CHECK_STR(err.message, "\"one\" requires exactly 1 argument(s)");
	CHECK_INT(command_check_args(&one, 2, &err), ==, -EINVAL);
	CHECK_INT(command_check_args(&kill, 0, &err), ==, -EINVAL);
	CHECK_STR(err.message, "\"kill\" requires a minimum of 1 argument(s)");
	CHECK_INT(command_check_args(&kill, 3, &err), ==, -EINVAL);
	CHECK_STR(err.message, "\"kill\" requires a maximum of 2 argument(s)");
	CHECK_INT(command_check_args(&any, 1000, &err), ==, 0);
}

/* What docker takes from it: the only line with "version", and the line of the commit. */
static void test_version(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	help_version(&text);
	CHECK(!strncmp(text.data, "runvm version ", 14));
	CHECK(!strstr(text.data + 14, "version"));
	CHECK_CONTAINS(text.data, "\nspec: 1.");
}

static void test_default_root(void)
{
	_cleanup_free_ char *forced = NULL, *plain = NULL, *relative = NULL;

	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	forced = command_default_root(ROOTLESS_TRUE);
	CHECK_STR(forced, "/run/user/1/runvm");
	plain = command_default_root(ROOTLESS_FALSE);
	CHECK_STR(plain, "/run/runvm");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	relative = command_default_root(ROOTLESS_TRUE);
	CHECK_STR(relative, "/run/runvm");
}

int main(void)
{
	TEST_RUN(test_values);
	TEST_RUN(test_errors);
	TEST_RUN(test_list);
	TEST_RUN(test_partial);
	TEST_RUN(test_anywhere);
	TEST_RUN(test_no_options);
	TEST_RUN(test_commands);
	TEST_RUN(test_help_layout);
	TEST_RUN(test_argument_counts);
	TEST_RUN(test_version);
	TEST_RUN(test_default_root);
	return test_end();
}
