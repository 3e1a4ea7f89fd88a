/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a process as runc makes it from config.json: each variable once, and HOME, if
 * it has none, from the container's /etc/passwd.
 */
#ifndef VMINIT_HOME_H
#define VMINIT_HOME_H

#include <stddef.h>

#include "vminit/child.h"

/**
 * home_parse() - the home directory of a user
 * @passwd: content of /etc/passwd
 *
 * Return: owned by the caller; "/" when the user is not there or has none.
 */
char *home_parse(const char *passwd, uid_t uid);

/* Step: child->env. In the container's root. */
int home_set(struct child *child, struct error *err);

#endif
