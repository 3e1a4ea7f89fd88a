/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp as a BPF program, by libseccomp. Compiled before the container is reported created,
 * so that a start only has to load it.
 */
#ifndef VMINIT_SECCOMP_FILTER_H
#define VMINIT_SECCOMP_FILTER_H

#include "vminit/child.h"

/* Step: fills child->filter. */
int seccomp_filter_compile(struct child *child, struct error *err);

#endif
