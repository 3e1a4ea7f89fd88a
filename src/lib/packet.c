// SPDX-License-Identifier: Apache-2.0
#include "lib/packet.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"

int packet_send(int fd, char letter, const char *text)
{
	struct iovec iov[2] = {{&letter, 1}, {(void *)(text ? text : ""), 0}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	iov[1].iov_len = strlen(iov[1].iov_base);
	if (iov[1].iov_len > PACKET_MAX - 1)
		iov[1].iov_len = PACKET_MAX - 1;
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int packet_send_error(int fd, char letter, const struct error *err)
{
	_cleanup_free_ char *text = xasprintf("%d %s", err->errnum, error_message(err));

	return packet_send(fd, letter, text);
}

int packet_receive(int fd, struct strbuf *text)
{
	char *room;
	ssize_t n;
	int letter;

	text->len = 0;
	room = strbuf_reserve(text, PACKET_MAX);
	do
		n = recv(fd, room, PACKET_MAX, 0);
	while (n < 0 && errno == EINTR);
	/* A peer that ended with messages of ours unread resets the connection: an end as well. */
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (!n)
		return 0;
	letter = (unsigned char)room[0];
	memmove(room, room + 1, (size_t)n - 1);
	text->len = (size_t)n - 1;
	text->data[text->len] = '\0';
	return letter ? letter : -EPROTO;
}

int packet_error(const char *text, struct error *err)
{
	char *end;
	long errnum = strtol(text, &end, 10);

	if (errnum <= 0 || errnum > 4095)
		errnum = EIO;
	return error_set(err, (int)errnum, "%s", *end == ' ' ? end + 1 : end);
}
