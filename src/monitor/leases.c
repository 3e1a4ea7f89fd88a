// SPDX-License-Identifier: Apache-2.0
/* Leases, the monitor's end; see leases.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/packet.h"
#include "monitor/leases.h"

struct lease {
	struct lease *next;
	struct leases *leases;
	int fd;
	struct loop_source *source;
	char *container; /* NULL for a lease that names none */
	bool ended;
};

struct leases {
	struct loop *loop;
	int listener;
	struct loop_source *source; /* of the listener */
	const struct leases_ops *ops;
	void *data;
	struct lease *first;
	bool ready;
	const char *how; /* text of LEASE_READY */
};

static void lease_free(struct lease *l)
{
	struct lease **link = &l->leases->first;

	while (*link != l)
		link = &(*link)->next;
	*link = l->next;
	loop_remove(l->source);
	close_keep_errno(l->fd);
	free(l->container);
	free(l);
}

static void lease_dropped(struct lease *l)
{
	struct leases *leases = l->leases;
	_cleanup_free_ char *left = l->ended ? NULL : TAKE_PTR(l->container);

	lease_free(l);
	leases->ops->dropped(leases->data, left);
}

static void lease_ended(struct lease *l)
{
	struct leases *leases = l->leases;

	l->ended = true;
	for (const struct lease *other = leases->first; other; other = other->next)
		if (other->container && !other->ended)
			return;
	leases->ops->ended(leases->data);
}

static void on_lease(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct lease *l = data;
	int r = packet_receive(l->fd, &text);

	if (r == -EAGAIN)
		return;
	if (r == LEASE_CONTAINER && !l->container) {
		l->container = strbuf_take(&text);
		l->leases->ops->named(l->leases->data);
	} else if (r == LEASE_ANSWERED) {
		l->leases->ops->answered(l->leases->data);
	} else if (r == LEASE_ENDED) {
		lease_ended(l);
	} else {
		lease_dropped(l);
	}
}

static void tell_ready(const struct lease *l)
{
	(void)packet_send(l->fd, LEASE_READY, l->leases->how);
}

void leases_add(struct leases *leases, int fd)
{
	struct lease *l = xnew(struct lease);

	(void)io_set_nonblocking(fd, true);
	l->leases = leases;
	l->fd = fd;
	l->next = leases->first;
	leases->first = l;
	l->source = loop_add_fd(leases->loop, fd, EPOLLIN, on_lease, l);
	if (leases->ready)
		tell_ready(l);
}

/* Return: whether there was one; the listener does not block. */
static bool accept_one(struct leases *leases)
{
	int fd = accept4(leases->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		leases_add(leases, fd);
	return fd >= 0;
}

static void on_connection(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	(void)accept_one(data);
}

struct leases *leases_new(struct loop *loop, int listener, const struct leases_ops *ops, void *data)
{
	struct leases *leases = xnew(struct leases);

	leases->loop = loop;
	leases->listener = listener;
	leases->ops = ops;
	leases->data = data;
	if (listener >= 0)
		leases->source = loop_add_fd(loop, listener, EPOLLIN, on_connection, leases);
	return leases;
}

void leases_free(struct leases *leases)
{
	if (!leases)
		return;
	while (leases->first)
		lease_free(leases->first);
	loop_remove(leases->source);
	free(leases);
}

bool leases_empty(const struct leases *leases)
{
	return !leases->first;
}

void leases_tell_ready(struct leases *leases, const char *how)
{
	leases->ready = true;
	leases->how = how;
	for (const struct lease *l = leases->first; l; l = l->next)
		tell_ready(l);
}

void leases_tell_ended(struct leases *leases)
{
	while (accept_one(leases))
		;
	for (const struct lease *l = leases->first; l; l = l->next)
		(void)packet_send(l->fd, LEASE_ENDED, NULL);
}

void leases_tell_error(const struct leases *leases, enum lease_message message,
		       const struct error *err)
{
	for (const struct lease *l = leases->first; l; l = l->next)
		(void)packet_send_error(l->fd, (char)message, err);
}
