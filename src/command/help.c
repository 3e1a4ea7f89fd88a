// SPDX-License-Identifier: Apache-2.0
#include "command/help.h"

#include <string.h>

#include "command/commit.h"
#include "config.h"
#include "lib/alloc.h"
#include "libocispec/spec.h"

static const char about[] =
	"runvm runs containers as the Open Container Initiative specifies them, each in a\n"
	"virtual machine of its own, with a Linux kernel of its own. It takes runc's\n"
	"command line, so that podman, buildah, docker and containerd can drive it as they\n"
	"drive runc.\n"
	"\n"
	"A container is described by a bundle: a directory with a file \"config.json\" and\n"
	"a root file system. To run one:\n"
	"\n"
	"    # runvm run [ -b bundle ] <container-id>\n"
	"\n"
	"\"<container-id>\" is a name of your choice, unique on this host. The bundle is\n"
	"the working directory if not given.\n";

/* "--bundle value, -b value" */
static char *option_title(const struct option_def *def)
{
	struct strbuf title = STRBUF_INIT;

	strbuf_printf(&title, "--%s", def->name);
	if (def->metavar)
		strbuf_printf(&title, " %s", def->metavar);
	if (def->short_name) {
		strbuf_printf(&title, ", -%c", def->short_name);
		if (def->metavar)
			strbuf_printf(&title, " %s", def->metavar);
	}
	return strbuf_take(&title);
}

static void append_option(struct strbuf *out, const struct option_def *def, int width)
{
	_cleanup_free_ char *title = option_title(def);
	const char *quote = def->kind == OPTION_INT ? "" : "\"";

	strbuf_printf(out, "   %-*s  %s", width, title, def->help);
	if (def->default_value)
		strbuf_printf(out, " (default: %s%s%s)", quote, def->default_value, quote);
	strbuf_putc(out, '\n');
}

static void append_options(struct strbuf *out, const struct option_def *defs)
{
	static const struct option_def help = {
		.name = "help", .short_name = 'h', .help = "show help"};
	size_t width = strlen("--help, -h");

	for (const struct option_def *def = defs; def && def->name; def++) {
		_cleanup_free_ char *title = option_title(def);

		if (strlen(title) > width)
			width = strlen(title);
	}
	for (const struct option_def *def = defs; def && def->name; def++)
		append_option(out, def, (int)width);
	append_option(out, &help, (int)width);
}

void help_program(struct strbuf *out)
{
	size_t width = 0;

	strbuf_printf(out,
		      "NAME:\n   runvm - Open Container Initiative runtime for virtual machines\n\n"
		      "%s\nUSAGE:\n   runvm [global options] command [command options] "
		      "[arguments...]\n\nVERSION:\n   %s\n\nCOMMANDS:\n",
		      about, PACKAGE_VERSION);
	for (size_t i = 0; commands[i]; i++)
		if (strlen(commands[i]->name) > width)
			width = strlen(commands[i]->name);
	for (size_t i = 0; commands[i]; i++)
		strbuf_printf(out, "   %-*s  %s\n", (int)width, commands[i]->name,
			      commands[i]->summary);
	strbuf_puts(out, "\nGLOBAL OPTIONS:\n");
	append_options(out, global_option_defs);
}

void help_command(struct strbuf *out, const struct command *command)
{
	strbuf_printf(out, "NAME:\n   runvm %s - %s\n\nUSAGE:\n   runvm %s [command options]",
		      command->name, command->summary, command->name);
	if (command->arguments)
		strbuf_printf(out, " %s", command->arguments);
	strbuf_putc(out, '\n');
	if (command->usage)
		strbuf_printf(out, "\n%s", command->usage);
	if (command->description)
		strbuf_printf(out, "\nDESCRIPTION:\n   %s", command->description);
	strbuf_puts(out, "\nOPTIONS:\n");
	append_options(out, command->options);
}

void help_version(struct strbuf *out)
{
	strbuf_puts(out, "runvm version " PACKAGE_VERSION "\n");
#ifdef RUNVM_COMMIT
	strbuf_puts(out, "commit: " RUNVM_COMMIT "\n");
#endif
	strbuf_puts(out, "spec: " OCI_SPEC_VERSION "\n");
}
