/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a container as `state` and `list` show it: what the status file says, what the
 * processes are, and the annotations of the copy of config.json in the container's directory.
 */
#ifndef RUNVM_COMMAND_DESCRIBE_H
#define RUNVM_COMMAND_DESCRIBE_H

#include <stdbool.h>

#include "container/container.h"
#include "lib/error.h"
#include "libocispec/state.h"

/**
 * describe_container() - make the state of an open container
 * @annotations: whether to read them
 * @ret: owned, for oci_state_free(); strings that the status file lacks are ""
 *
 * Return: 0, or -errno from reading config.json; that it is missing is no error.
 */
int describe_container(const struct container *c, bool annotations, struct oci_state **ret,
		       struct error *err);

#endif
