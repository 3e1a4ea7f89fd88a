/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help and version texts in the layout that runc has, made from the tables of commands and
 * options; there is no second copy of what they say.
 */
#ifndef RUNVM_COMMAND_HELP_H
#define RUNVM_COMMAND_HELP_H

#include "command/command.h"
#include "lib/strbuf.h"

/* What `runvm --help` prints. */
void help_program(struct strbuf *out);

/* What `runvm COMMAND --help` prints. */
void help_command(struct strbuf *out, const struct command *command);

/**
 * help_version() - what `runvm --version` prints
 *
 * "runvm version X", "commit: X" where it is known, "spec: X": podman shows them, and docker and
 * containerd take the first two apart, so no other line may have the word version in it.
 */
void help_version(struct strbuf *out);

#endif
