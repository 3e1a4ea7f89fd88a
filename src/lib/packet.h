/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short messages between processes of runvm: each is one packet of a SOCK_SEQPACKET connection, a
 * letter that says what it is and text.
 */
#ifndef RUNVM_PACKET_H
#define RUNVM_PACKET_H

#include "lib/error.h"
#include "lib/strbuf.h"

#define PACKET_MAX 65536 /* bytes; longer text is cut */

/* @text may be NULL. Return: 0 or -errno. Never raises SIGPIPE. */
int packet_send(int fd, char letter, const char *text);
/* The text is the error, for packet_error(). */
int packet_send_error(int fd, char letter, const struct error *err);

/**
 * packet_receive() - the next message
 * @text: replaced by the message's text
 *
 * Return: the letter; 0 at the end of the connection; -EAGAIN, another -errno.
 */
int packet_receive(int fd, struct strbuf *text);

/* Sets @err from the text of packet_send_error(). Return: -errno. */
int packet_error(const char *text, struct error *err);

#endif
