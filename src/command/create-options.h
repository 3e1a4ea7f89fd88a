/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that create and run share.
 */
#ifndef RUNVM_CREATE_OPTIONS_H
#define RUNVM_CREATE_OPTIONS_H

#include "command/command.h"
#include "lifecycle/lifecycle.h"

struct create_options {
	const char *bundle;
	const char *config;
	const char *console_socket;
	const char *pid_file;
	const char *pidfd_socket;
	bool no_pivot;
	bool no_new_keyring;
	int64_t preserve_fds;
};

/* Elements of an option table; @type has a struct create_options as its member `create`. */
#define CREATE_OPTIONS(type)                                                                     \
	OPTION(type, create.bundle, OPTION_STRING, "bundle", 'b', "value",                       \
	       "path to the root of the bundle directory, defaults to the current directory"),   \
		OPTION(type, create.config, OPTION_STRING, "config", 'f', "value",               \
		       "name of the configuration file, defaults to config.json in the bundle"), \
		OPTION(type, create.console_socket, OPTION_STRING, "console-socket", 0, "value", \
		       "path to an AF_UNIX socket which will receive the master end of the "     \
		       "terminal"),                                                              \
		OPTION(type, create.pid_file, OPTION_STRING, "pid-file", 0, "value",             \
		       "specify the file to write the process id to"),                           \
		OPTION(type, create.pidfd_socket, OPTION_STRING, "pidfd-socket", 0, "value",     \
		       "path to an AF_UNIX socket which will receive a pidfd of the process"),   \
		OPTION(type, create.no_pivot, OPTION_FLAG, "no-pivot", 0, NULL,                  \
		       "has no effect: the VM's own root is never in the way"),                  \
		OPTION(type, create.no_new_keyring, OPTION_FLAG, "no-new-keyring", 0, NULL,      \
		       "has no effect: the VM's kernel has keyrings of its own"),                \
		OPTION(type, create.preserve_fds, OPTION_INT, "preserve-fds", 0, "value",        \
		       "refused unless 0: descriptors cannot be passed into a VM",               \
		       .default_value = "0")

/**
 * create_options_apply() - check them, load the bundle, and fill what lifecycle_create() takes
 * @ret: strings are borrowed; console_fd is -1 and detached false
 * @ret_bundle: what @ret refers to; owned by the caller
 *
 * Return: 0; -ENOTSUP for what a VM cannot do; what bundle_load() returns.
 */
int create_options_apply(const struct create_options *options, const struct globals *globals,
			 struct lifecycle_create *ret, struct bundle **ret_bundle,
			 struct error *err);

#endif
