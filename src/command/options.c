// SPDX-License-Identifier: Apache-2.0
#include "command/options.h"

#include <string.h>

#include "lib/alloc.h"
#include "lib/strbuf.h"

/* Stands for --help, which is in no table. */
static const struct option_def help_def = {.name = "help", .short_name = 'h', .kind = OPTION_FLAG};

static bool name_is(const struct option_def *def, const char *name, size_t len)
{
	if (len == 1 && def->short_name && def->short_name == name[0])
		return true;
	return strlen(def->name) == len && !memcmp(def->name, name, len);
}

static const struct option_def *find(const struct option_def *defs, const char *name, size_t len)
{
	for (; defs && defs->name; defs++)
		if (name_is(defs, name, len))
			return defs;
	return name_is(&help_def, name, len) ? &help_def : NULL;
}

static int parse_bool(const char *text, bool *ret)
{
	static const char *const words[][6] = {
		{"0", "f", "F", "false", "FALSE", "False"},
		{"1", "t", "T", "true", "TRUE", "True"},
	};

	for (size_t value = 0; value < ARRAY_SIZE(words); value++)
		for (size_t i = 0; i < ARRAY_SIZE(words[value]); i++)
			if (!strcmp(text, words[value][i])) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

static int parse_int(const char *text, int64_t *ret)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;
	long long value;
	int base = 0;

	/* strtoll() itself would also skip white space and take a second sign. */
	if (*digits < '0' || *digits > '9')
		return -EINVAL;
	if (digits[0] == '0' && (digits[1] == 'o' || digits[1] == 'O'))
		base = 8;
	if (digits[0] == '0' && (digits[1] == 'b' || digits[1] == 'B'))
		base = 2;
	if (base && (digits[2] < '0' || digits[2] > '9'))
		return -EINVAL;
	errno = 0;
	value = strtoll(base ? digits + 2 : digits, &end, base);
	if (errno || *end || end == digits)
		return errno ? -ERANGE : -EINVAL;
	*ret = *text == '-' ? -value : value;
	return 0;
}

/* "text", "json" */
static char *choices_text(const struct option_def *def)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; def->choices[i]; i++)
		strbuf_printf(&text, "%s\"%s\"", i ? ", " : "", def->choices[i]);
	return strbuf_take(&text);
}

static int set_enum(const struct option_def *def, int *member, const char *text, struct error *err)
{
	_cleanup_free_ char *choices = NULL;

	for (int i = 0; def->choices[i]; i++)
		if (!strcmp(text, def->choices[i])) {
			*member = i;
			return 0;
		}
	choices = choices_text(def);
	return error_set(err, EINVAL, "invalid value \"%s\" for flag -%s: expected one of %s", text,
			 def->name, choices);
}

static void add_string(struct option_strings *list, const char *text)
{
	list->items = xreallocarray(list->items, list->n_items + 2, sizeof(char *));
	list->items[list->n_items++] = text;
	list->items[list->n_items] = NULL;
}

/* @name: as it was given, for messages. */
static int set_value(const struct option_def *def, void *options, const char *name, size_t name_len,
		     const char *text, struct error *err)
{
	void *member = (char *)options + def->offset;
	int r;

	switch (def->kind) {
	case OPTION_FLAG:
		if (parse_bool(text, member) < 0)
			return error_set(err, EINVAL,
					 "invalid boolean value \"%s\" for -%.*s: parse error",
					 text, (int)name_len, name);
		return 0;
	case OPTION_STRING:
		*(const char **)member = text;
		return 0;
	case OPTION_STRINGS:
		add_string(member, text);
		return 0;
	case OPTION_INT:
		r = parse_int(text, member);
		if (r < 0)
			return error_set(err, EINVAL, "invalid value \"%s\" for flag -%.*s: %s",
					 text, (int)name_len, name,
					 r == -ERANGE ? "value out of range" : "parse error");
		return 0;
	case OPTION_ENUM:
		return set_enum(def, member, text, err);
	case OPTION_KINDS:
		break;
	}
	abort();
}

static void set_defaults(const struct option_def *defs, void *options)
{
	for (; defs && defs->name; defs++)
		if (defs->default_value && set_value(defs, options, defs->name, strlen(defs->name),
						     defs->default_value, NULL) < 0)
			abort();
}

/*
 * One argument that begins with '-' and is no end of the options.
 *
 * Return: how many arguments it took, 1 or 2, or -EINVAL.
 */
static int parse_one(const struct option_def *defs, void *options, char **args, bool *help,
		     struct error *err)
{
	const char *name = args[0] + 1, *equals;
	const struct option_def *def;
	size_t len;

	if (*name == '-')
		name++;
	if (*name == '-' || *name == '=')
		return error_set(err, EINVAL, "bad flag syntax: %s", args[0]);
	equals = strchr(name, '=');
	len = equals ? (size_t)(equals - name) : strlen(name);
	def = find(defs, name, len);
	if (!def)
		return error_set(err, EINVAL, "flag provided but not defined: -%.*s", (int)len,
				 name);
	if (def == &help_def)
		options = help;
	if (equals || def->kind == OPTION_FLAG) {
		int r = set_value(def, options, name, len, equals ? equals + 1 : "true", err);

		return r < 0 ? r : 1;
	}
	if (!args[1])
		return error_set(err, EINVAL, "flag needs an argument: -%.*s", (int)len, name);
	return set_value(def, options, name, len, args[1], err) < 0 ? -EINVAL : 2;
}

/* Of this table: runc takes what looks like an option and is none for an argument behind others. */
static bool is_option(const struct option_def *defs, const char *arg)
{
	const char *name = arg + (arg[0] == '-') + (arg[0] == '-' && arg[1] == '-');

	return name > arg && *name && find(defs, name, strcspn(name, "="));
}

/* Moves one up to the end of the @n options, in front of the arguments that lie between. */
static void move_up(char **args, ssize_t n, ssize_t at)
{
	char *arg = args[at];

	memmove(args + n + 1, args + n, (size_t)(at - n) * sizeof(*args));
	args[n] = arg;
}

static ssize_t parse(const struct option_def *defs, void *options, char **args, bool anywhere,
		     bool *ret_help, struct error *err)
{
	ssize_t n = 0, at = 0;

	*ret_help = false;
	set_defaults(defs, options);
	while (args[at] && strcmp(args[at], "--") != 0) {
		bool first = at == n;
		int taken;

		if (first ? args[at][0] != '-' || !args[at][1] : !is_option(defs, args[at])) {
			if (!anywhere)
				return n;
			at++;
			continue;
		}
		taken = parse_one(defs, options, args + at, ret_help, err);
		if (taken < 0)
			return taken;
		for (; taken; taken--)
			move_up(args, n++, at++);
	}
	/* Between options and arguments it belongs to neither. */
	return args[at] && at == n ? n + 1 : n;
}

ssize_t options_parse(const struct option_def *defs, void *options, char **args, bool *ret_help,
		      struct error *err)
{
	return parse(defs, options, args, false, ret_help, err);
}

ssize_t options_parse_anywhere(const struct option_def *defs, void *options, char **args,
			       bool *ret_help, struct error *err)
{
	return parse(defs, options, args, true, ret_help, err);
}

void options_clear(const struct option_def *defs, void *options)
{
	static const size_t sizes[] = {
		[OPTION_FLAG] = sizeof(bool),
		[OPTION_STRING] = sizeof(char *),
		[OPTION_STRINGS] = sizeof(struct option_strings),
		[OPTION_INT] = sizeof(int64_t),
		[OPTION_ENUM] = sizeof(int),
	};
	_Static_assert(ARRAY_SIZE(sizes) == OPTION_KINDS, "every kind has a size");

	for (; defs && defs->name; defs++) {
		void *member = (char *)options + defs->offset;

		if (defs->kind == OPTION_STRINGS)
			free(((struct option_strings *)member)->items);
		memset(member, 0, sizes[defs->kind]);
	}
}
