/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's terminal of a stand-in. The pty of the program is in the guest, with its line
 * discipline; this second one is raw, its master goes to whoever asked for the terminal, its slave
 * is the stand-in's controlling terminal, so that a resize of the master arrives as SIGWINCH.
 */
#ifndef RUNVM_TERMINAL_H
#define RUNVM_TERMINAL_H

#include <sys/ioctl.h>

#include "lib/error.h"
#include "libocispec/spec.h"

/**
 * terminal_open() - make the pty, send its master away, take it as the controlling terminal
 * @console_socket: connected unix socket that gets the master in one message with its name, as
 *	runc does it (docs/terminals.md of runc)
 * @size: initial size; NULL for 0x0
 *
 * The caller must be a session leader without a controlling terminal.
 *
 * Return: the slave, close-on-exec and non-blocking, or -errno.
 */
int terminal_open(int console_socket, const struct oci_console_size *size, struct error *err);

/* The present size. Return: 0 or -errno. */
int terminal_size(int slave, struct winsize *ret);

#endif
