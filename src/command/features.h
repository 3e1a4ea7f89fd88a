/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command features prints, apart from the command for its test.
 */
#ifndef RUNVM_COMMAND_FEATURES_H
#define RUNVM_COMMAND_FEATURES_H

#include "lib/strbuf.h"

/* The words of mounts[].options that take effect; NULL-terminated. */
extern const char *const features_mount_options[];

/* Appends the JSON, see features.md of the OCI runtime specification. */
void features_write(struct strbuf *out);

#endif
