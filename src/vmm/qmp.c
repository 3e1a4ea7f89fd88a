// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp.h"

#include <fcntl.h>
#include <string.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/socket.h"
#include "lib/strbuf.h"
#include "vmm/qmp-wire.h"

#define READ_SIZE 16384
/* Reads in a row, so that a QEMU that floods us cannot hold the loop. */
#define READS_MAX      8
#define ERROR_TEXT_MAX 300

/**
 * struct command - one that waits, or is under way
 * @name: owned
 * @text: what is to be sent
 * @sent: bytes of it that are
 * @fd: owned; -1 when there is none or it went off
 */
struct command {
	struct command *next;
	uint64_t id;
	char *name;
	struct strbuf text;
	size_t sent;
	int fd;
	uint64_t deadline;
	qmp_reply_fn *fn;
	void *data;
};

struct qmp {
	struct loop *loop;
	int fd;
	const struct qmp_ops *ops;
	void *data;
	struct loop_source *io;
	struct loop_source *timer;
	struct loop_source *deferred_break;
	struct strbuf in;
	/* In the order of their ids; from @unsent on they are not yet (wholly) sent. */
	struct command *commands;
	struct command *unsent;
	struct command **tail;
	unsigned int n_commands;
	uint64_t last_id;
	bool greeted;
	bool up;
	bool broken;
	bool told;
	struct error why;
	unsigned int busy;
	bool freed;
};

static void command_free(struct command *c)
{
	strbuf_free(&c->text);
	close_keep_errno(c->fd);
	free(c->name);
	free(c);
}

static void destroy(struct qmp *q)
{
	while (q->commands) {
		struct command *c = q->commands;

		q->commands = c->next;
		command_free(c);
	}
	strbuf_free(&q->in);
	error_clear(&q->why);
	free(q);
}

void qmp_free(struct qmp *q)
{
	if (!q)
		return;
	loop_remove(q->io);
	loop_remove(q->timer);
	loop_remove(q->deferred_break);
	q->io = q->timer = q->deferred_break = NULL;
	q->fd = close_keep_errno(q->fd);
	q->freed = true;
	if (!q->busy)
		destroy(q);
}

/* Callbacks run between enter() and leave(), so that they may free the client. */
static void enter(struct qmp *q)
{
	q->busy++;
}

static void leave(struct qmp *q)
{
	if (!--q->busy && q->freed)
		destroy(q);
}

bool qmp_is_up(const struct qmp *q)
{
	return q->up && !q->broken;
}

/* Takes one out of the list; it may be partly sent only when the client is broken. */
static void command_unlink(struct qmp *q, struct command *c)
{
	struct command **link = &q->commands;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	if (q->tail == &c->next)
		q->tail = link;
	if (q->unsent == c)
		q->unsent = c->next;
	q->n_commands--;
}

static void command_done(struct qmp *q, struct command *c, const struct json *reply,
			 const struct error *err)
{
	command_unlink(q, c);
	if (c->fn)
		c->fn(q, reply, err, c->data);
	command_free(c);
}

static void on_break(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	struct qmp *q = data;

	q->deferred_break = NULL;
	enter(q);
	while (q->commands && !q->freed)
		command_done(q, q->commands, NULL, &q->why);
	if (!q->freed && !q->told) {
		q->told = true;
		if (q->ops->on_broken)
			q->ops->on_broken(q, &q->why, q->data);
	}
	leave(q);
}

/* Ends the connection; whoever waits is told from the loop. Takes @err's content. */
static void break_off(struct qmp *q, struct error *err)
{
	if (!q->broken) {
		q->broken = true;
		error_move(&q->why, err);
		loop_remove(q->io);
		loop_remove(q->timer);
		q->io = q->timer = NULL;
		q->fd = close_keep_errno(q->fd);
	}
	if (!q->deferred_break)
		q->deferred_break = loop_defer(q->loop, on_break, q);
}

static void send_commands(struct qmp *q)
{
	while (q->unsent && !q->broken) {
		struct command *c = q->unsent;
		ssize_t n;

		/* The first command is qmp_capabilities, which alone may precede being up. */
		if (!q->greeted || (!q->up && c != q->commands))
			break;
		n = socket_send_fds(q->fd, c->text.data + c->sent, c->text.len - c->sent, &c->fd,
				    c->fd >= 0 ? 1 : 0);
		if (n == -EAGAIN) {
			loop_set_events(q->io, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			_cleanup_error_ struct error err = ERROR_INIT;

			(void)error_errno(&err, (int)n, "send \"%s\" to QEMU", c->name);
			break_off(q, &err);
			return;
		}
		c->fd = close_keep_errno(c->fd);
		c->sent += (size_t)n;
		if (c->sent == c->text.len) {
			strbuf_free(&c->text);
			q->unsent = c->next;
		}
	}
	if (q->io)
		loop_set_events(q->io, EPOLLIN);
}

static void update_timer(struct qmp *q)
{
	uint64_t nearest = LOOP_FOREVER;

	for (struct command *c = q->commands; c; c = c->next)
		if (c->deadline < nearest)
			nearest = c->deadline;
	if (q->timer)
		loop_set_deadline(q->timer, nearest);
}

static void on_timer(_unused_ struct loop_source *source, _unused_ uint32_t events, void *data)
{
	struct qmp *q = data;
	uint64_t now = loop_now();

	for (struct command *c = q->commands; c; c = c->next)
		if (c->deadline <= now) {
			_cleanup_error_ struct error err = ERROR_INIT;

			(void)error_set(&err, ETIMEDOUT, "QEMU did not answer \"%s\" in time",
					c->name);
			break_off(q, &err);
			return;
		}
	update_timer(q);
}

/* What QEMU says about an error, made fit for a log. */
static void take_peer_error(const struct command *c, const struct qmp_message *m, struct error *err)
{
	char text[ERROR_TEXT_MAX + 1];
	size_t n = 0;
	int errnum = EIO;

	for (const char *p = m->error_text; *p && n < ERROR_TEXT_MAX; p++) {
		unsigned char byte = (unsigned char)*p;

		text[n++] = byte < ' ' || byte >= 0x7f ? '?' : (char)byte;
	}
	text[n] = '\0';
	if (!strcmp(m->error_class, "CommandNotFound"))
		errnum = ENOSYS;
	else if (!strcmp(m->error_class, "DeviceNotFound"))
		errnum = ENODEV;
	(void)error_set(err, errnum, "QEMU: %s: %s", c->name, text);
}

static void on_capabilities(struct qmp *q, _unused_ const struct json *reply,
			    const struct error *err, _unused_ void *data)
{
	if (err)
		return;
	q->up = true;
	if (q->ops->on_up)
		q->ops->on_up(q, q->data);
	if (!q->freed)
		send_commands(q);
}

static int take_answer(struct qmp *q, const struct qmp_message *m, struct error *err)
{
	_cleanup_error_ struct error peer = ERROR_INIT;
	struct command *c = q->commands;

	while (c && c->id != m->id)
		c = c->next;
	/* One that is not wholly sent cannot have been answered. */
	for (struct command *u = q->unsent; u && c; u = u->next)
		if (u == c)
			c = NULL;
	if (!c)
		return error_set(err, EBADMSG, "QEMU answered a command that was not given");
	if (m->kind == QMP_ERROR)
		take_peer_error(c, m, &peer);
	if (c->fn == on_capabilities && m->kind == QMP_ERROR) {
		error_move(err, &peer);
		return -EIO;
	}
	command_done(q, c, m->kind == QMP_RETURN ? m->data : NULL,
		     m->kind == QMP_ERROR ? &peer : NULL);
	if (!q->freed)
		update_timer(q);
	return 0;
}

static int take_message(struct qmp *q, const struct qmp_message *m, struct error *err)
{
	switch (m->kind) {
	case QMP_GREETING:
		if (q->greeted)
			return error_set(err, EBADMSG, "QEMU greeted twice");
		q->greeted = true;
		send_commands(q);
		return 0;
	case QMP_EVENT:
		if (q->ops->on_event)
			q->ops->on_event(q, m->event, m->data, q->data);
		return 0;
	default:
		return take_answer(q, m, err);
	}
}

/* Return: 0, or -errno with the reason to break off. */
static int take_messages(struct qmp *q, struct error *err)
{
	size_t at = 0;
	int r = 0;

	while (!q->freed && !q->broken) {
		struct qmp_message m;
		size_t consumed;

		r = qmp_decode(q->in.data + at, q->in.len - at, &consumed, &m, err);
		at += consumed;
		if (r <= 0)
			break;
		r = take_message(q, &m, err);
		qmp_message_clear(&m);
		if (r < 0)
			break;
	}
	if (!q->freed)
		strbuf_consume(&q->in, at);
	return r < 0 ? r : 0;
}

static int read_some(struct qmp *q, struct error *err)
{
	for (int i = 0; i < READS_MAX && !q->freed && !q->broken; i++) {
		char *room = strbuf_reserve(&q->in, READ_SIZE);
		ssize_t n = read(q->fd, room, READ_SIZE);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != ECONNRESET)
			return error_errno(err, errno, "read from QEMU");
		if (n <= 0)
			return error_set(err, EPIPE, "QEMU closed its QMP connection");
		q->in.len += (size_t)n;
		q->in.data[q->in.len] = '\0';
		r = take_messages(q, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void on_io(_unused_ struct loop_source *source, uint32_t events, void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct qmp *q = data;

	enter(q);
	if (events & EPOLLOUT)
		send_commands(q);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && read_some(q, &err) < 0 && !q->freed)
		break_off(q, &err);
	leave(q);
}

void qmp_execute(struct qmp *q, const char *command, const char *arguments, int fd,
		 uint64_t timeout, qmp_reply_fn *fn, void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct command *c = xnew(struct command);

	c->id = ++q->last_id;
	c->name = xstrdup(command);
	c->fd = -1;
	c->deadline = loop_now() + (timeout ? timeout : QMP_TIMEOUT_DEFAULT);
	c->fn = fn;
	c->data = data;
	qmp_encode(command, arguments, c->id, &c->text);
	*q->tail = c;
	q->tail = &c->next;
	q->n_commands++;
	if (!q->unsent)
		q->unsent = c;

	if (q->broken) {
		break_off(q, &err);
		return;
	}
	if (fd >= 0) {
		c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (c->fd < 0)
			(void)error_errno(&err, errno, "pass a descriptor to QEMU");
	}
	if (q->n_commands > QMP_COMMANDS_MAX)
		(void)error_set(&err, ENOBUFS, "QEMU leaves %d commands unanswered",
				QMP_COMMANDS_MAX);
	if (err.errnum) {
		break_off(q, &err);
		return;
	}
	send_commands(q);
	update_timer(q);
}

struct qmp *qmp_new(struct loop *loop, int fd, const struct qmp_ops *ops, void *data)
{
	struct qmp *q = xnew(struct qmp);

	(void)io_set_nonblocking(fd, true);
	q->loop = loop;
	q->fd = fd;
	q->ops = ops;
	q->data = data;
	q->tail = &q->commands;
	q->io = loop_add_fd(loop, fd, EPOLLIN, on_io, q);
	q->timer = loop_add_timer(loop, LOOP_FOREVER, on_timer, q);
	qmp_execute(q, "qmp_capabilities", NULL, -1, 0, on_capabilities, NULL);
	return q;
}
