/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pty of a process with process.terminal: made in the container's own devpts, so that the
 * container knows it under its name.
 */
#ifndef VMINIT_TERMINAL_H
#define VMINIT_TERMINAL_H

#include <stdint.h>

#include "vminit/child.h"

/**
 * terminal_open() - step: make the pty and send both ends to vminitd
 *
 * In the init of a container it runs before pivot_root and also makes /dev/console; in an added
 * process it runs in the container's root.
 */
int terminal_open(struct child *child, struct error *err);
/* Step: the pty as 0, 1, 2 and as controlling terminal. After setsid(2). */
int terminal_take(struct child *child, struct error *err);

/* Sets the size; 0 rows and columns change nothing. Return: 0 or -errno. */
int terminal_resize(int fd, uint16_t rows, uint16_t columns);

#endif
