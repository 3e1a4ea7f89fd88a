/* SPDX-License-Identifier: Apache-2.0 */
/* HOME for a process whose environment has none: what the container's /etc/passwd says, as in runc. */
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
