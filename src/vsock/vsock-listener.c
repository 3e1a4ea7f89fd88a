// SPDX-License-Identifier: Apache-2.0
#include "vsock/vsock-listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"

#define ACCEPTS_PER_CALL 64
/* How long to leave clients alone when there are no descriptors for them. */
#define ACCEPT_PAUSE (100 * USEC_PER_MSEC)

#define PORT_ANY     UINT32_MAX /* VMADDR_PORT_ANY: never a port to connect to */

/* A client that has not said yet which port it wants. */
struct greeting {
	TAILQ_ENTRY(greeting) link;
	struct vsock_listener *listener;
	int fd;
	struct loop_source *source;
	uint64_t deadline;
};

TAILQ_HEAD(greeting_list, greeting);

struct vsock_listener {
	struct loop *loop;
	const struct vsock_listener_ops *ops;
	void *data;
	int fd;
	uint32_t direct_port;
	struct loop_source *source;
	struct loop_source *pause;
	struct loop_source *timer;
	struct greeting_list greetings; /* in the order of their deadlines */
	size_t n_greetings;
};

int vsock_parse_connect(const char *line, size_t len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const size_t word_len = sizeof(word) - 1;
	uint64_t value = 0;
	size_t i;

	if (memcmp(line, word, len < word_len ? len : word_len) != 0)
		return -EINVAL;
	for (i = word_len; i < len && line[i] >= '0' && line[i] <= '9'; i++) {
		value = value * 10 + (uint64_t)(line[i] - '0');
		if (value >= PORT_ANY)
			return -EINVAL;
	}
	if (i >= len)
		return len < VSOCK_CONNECT_LINE_MAX ? 0 : -EINVAL;
	if (line[i] != '\n' || i == word_len)
		return -EINVAL;
	*port = (uint32_t)value;
	return (int)i + 1;
}

/* Frees a greeting; its descriptor is the caller's. */
static int greeting_end(struct greeting *g)
{
	struct vsock_listener *l = g->listener;
	int fd = g->fd;

	loop_remove(g->source);
	TAILQ_REMOVE(&l->greetings, g, link);
	l->n_greetings--;
	free(g);
	return fd;
}

static void on_greeting(struct loop_source *source _unused_, uint32_t events, void *data)
{
	struct greeting *g = data;
	struct vsock_listener *l = g->listener;
	char line[VSOCK_CONNECT_LINE_MAX];
	uint32_t port;
	ssize_t n;
	int len, fd;

	/* What follows the line is for the guest, so look first and take the line alone. */
	n = recv(g->fd, line, sizeof(line), MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	len = n > 0 ? vsock_parse_connect(line, (size_t)n, &port) : -ENODATA;
	if (len == 0 && !(events & (EPOLLRDHUP | EPOLLHUP)))
		return;
	if (len > 0 && recv(g->fd, line, (size_t)len, MSG_DONTWAIT) != len)
		len = -EIO;
	fd = greeting_end(g);
	if (len > 0)
		l->ops->client(l->data, fd, port, true);
	else
		close_keep_errno(fd);
}

static void on_deadline(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct vsock_listener *l = data;
	uint64_t now = loop_now();
	struct greeting *g, *next;

	for (g = TAILQ_FIRST(&l->greetings); g && g->deadline <= now; g = next) {
		next = TAILQ_NEXT(g, link);
		close_keep_errno(greeting_end(g));
	}
	if (g)
		loop_set_deadline(source, g->deadline);
}

static void greeting_begin(struct vsock_listener *l, int fd)
{
	struct greeting *g = xnew(struct greeting);

	g->listener = l;
	g->fd = fd;
	g->deadline = loop_now() + VSOCK_CONNECT_DEADLINE;
	/* Edges: the bytes of half a line are left where they are. */
	g->source = loop_add_fd(l->loop, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, on_greeting, g);
	TAILQ_INSERT_TAIL(&l->greetings, g, link);
	if (!l->n_greetings++)
		loop_set_deadline(l->timer, g->deadline);
	/* Most clients have written it by now; a removed source is not called any more. */
	on_greeting(NULL, 0, g);
}

static void on_client(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct vsock_listener *l = data;

	for (int i = 0; i < ACCEPTS_PER_CALL; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
				return;
			log_warning("vsock: accept: %s", strerror(errno));
			loop_set_events(source, 0);
			loop_set_deadline(l->pause, loop_now() + ACCEPT_PAUSE);
			return;
		}
		if (!l->ops->room(l->data))
			close_keep_errno(fd);
		else if (l->direct_port)
			l->ops->client(l->data, fd, l->direct_port, false);
		else
			greeting_begin(l, fd);
	}
}

static void on_pause_over(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct vsock_listener *l = data;

	loop_set_events(l->source, EPOLLIN);
}

struct vsock_listener *vsock_listener_new(struct loop *loop, int fd, uint32_t direct_port,
					  const struct vsock_listener_ops *ops, void *data)
{
	struct vsock_listener *l = xnew(struct vsock_listener);

	(void)io_set_nonblocking(fd, true);
	l->loop = loop;
	l->ops = ops;
	l->data = data;
	l->fd = fd;
	l->direct_port = direct_port;
	TAILQ_INIT(&l->greetings);
	l->source = loop_add_fd(loop, fd, EPOLLIN, on_client, l);
	l->pause = loop_add_timer(loop, LOOP_FOREVER, on_pause_over, l);
	l->timer = loop_add_timer(loop, LOOP_FOREVER, on_deadline, l);
	return l;
}

size_t vsock_listener_waiting(const struct vsock_listener *l)
{
	return l->n_greetings;
}

void vsock_listener_free(struct vsock_listener *l)
{
	struct greeting *g, *next;

	for (g = TAILQ_FIRST(&l->greetings); g; g = next) {
		next = TAILQ_NEXT(g, link);
		close_keep_errno(greeting_end(g));
	}
	loop_remove(l->source);
	loop_remove(l->pause);
	loop_remove(l->timer);
	close_keep_errno(l->fd);
	free(l);
}
