// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/foreground.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/loop.h"
#include "lib/packet.h"
#include "lib/relay.h"
#include "lib/socket.h"
#include "monitor/lease.h"
#include "standin/standin.h"

struct foreground {
	struct loop *loop;
	int console[2]; /* ours, create's */
	int tty;	/* the caller's terminal, for its size and its mode; -1 for none */
	int in, out;	/* the caller's standard streams */
	struct termios saved;
	bool raw;
	int master, master_out;
	struct relay *input, *output;
	struct process_ref standin;
	bool exited, drained;
	int lease;	   /* on which the monitor says why the VM ended; -1 for none */
	struct error lost; /* that */
};

/* The caller's terminal: the first of its descriptors that is one, else the controlling one. */
static int find_tty(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

int foreground_new(bool terminal, struct foreground **ret, struct error *err)
{
	struct foreground *fg = xnew(struct foreground);
	int r;

	fg->console[0] = fg->console[1] = fg->tty = fg->in = fg->out = -1;
	fg->master = fg->master_out = fg->lease = -1;
	r = loop_new(&fg->loop);
	if (r < 0) {
		error_errno(err, r, "epoll_create1");
	} else if (terminal) {
		fg->tty = find_tty();
		if (fg->tty < 0)
			r = error_set(err, ENOTTY,
				      "process.terminal: provided file is not a console");
		else if (socket_pair(SOCK_STREAM, fg->console) < 0)
			r = error_errno(err, errno, "socketpair");
	}
	if (r < 0) {
		foreground_free(fg);
		return r;
	}
	*ret = fg;
	return 0;
}

int foreground_console(const struct foreground *fg)
{
	return fg->console[1];
}

static void copy_size(const struct foreground *fg)
{
	struct winsize ws;

	if (fg->master >= 0 && !ioctl(fg->tty, TIOCGWINSZ, &ws))
		(void)ioctl(fg->master, TIOCSWINSZ, &ws);
}

static void on_signal(struct loop_source *source _unused_, const struct signalfd_siginfo *info,
		      void *data)
{
	struct foreground *fg = data;
	int signal = (int)info->ssi_signo;

	if (signal == SIGWINCH && fg->tty >= 0)
		copy_size(fg);
	else
		(void)process_ref_signal(&fg->standin, signal);
}

static void on_relay_done(struct relay *relay, enum relay_end end _unused_, void *data)
{
	struct foreground *fg = data;

	/* The container's side has ended when its output has; input may outlast it. */
	if (relay == fg->output)
		fg->drained = true;
}

static void on_standin_exit(struct loop_source *source, uint32_t events _unused_, void *data)
{
	struct foreground *fg = data;

	fg->exited = true;
	loop_remove(source);
}

static int take_terminal(struct foreground *fg, struct error *err)
{
	struct termios raw;
	size_t n = 1;
	char name[64];

	if (fg->tty < 0) {
		fg->drained = true;
		return 0;
	}
	if (socket_recv_fds(fg->console[0], name, sizeof(name), &fg->master, &n) <= 0 || n != 1)
		return error_set(err, EPROTO, "the container's terminal did not come");
	copy_size(fg);
	if (tcgetattr(fg->tty, &fg->saved) < 0)
		return error_errno(err, errno, "read the terminal's attributes");
	raw = fg->saved;
	cfmakeraw(&raw);
	fg->raw = true;
	if (tcsetattr(fg->tty, TCSANOW, &raw) < 0)
		return error_errno(err, errno, "make the terminal raw");
	/* Which need not be the terminal: `run c1 >log`. */
	fg->in = relay_open_own(STDIN_FILENO, O_RDONLY);
	fg->out = relay_open_own(STDOUT_FILENO, O_WRONLY);
	fg->master_out = fcntl(fg->master, F_DUPFD_CLOEXEC, 3);
	if (fg->in < 0 || fg->out < 0 || fg->master_out < 0 ||
	    io_set_nonblocking(fg->master, true) < 0)
		return error_set(err, EMFILE, "open the standard streams again");
	fg->input = relay_new(fg->loop, fg->in, fg->master, on_relay_done, fg);
	fg->output = relay_new(fg->loop, fg->master_out, fg->out, on_relay_done, fg);
	return 0;
}

static void hear_monitor(struct foreground *fg)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r;

	do
		r = packet_receive(fg->lease, &text);
	while (r == LEASE_READY);
	/* It was the process that ended with this status. */
	if (r == -EAGAIN || r == LEASE_ENDED)
		return;
	if (r == LEASE_DOWN || r == LEASE_FAILED)
		packet_error(text.data, &fg->lost);
	else
		error_set(&fg->lost, ECONNRESET, "the monitor of the VM died");
}

/* Whoever waits here is told why the VM ended: there may be no log, and the stand-in has no stderr. */
static void take_lease(struct foreground *fg, int vm_dirfd)
{
	fg->lease = socket_connect_at(vm_dirfd, LEASE_SOCKET, SOCK_SEQPACKET);
	if (fg->lease >= 0)
		(void)io_set_nonblocking(fg->lease, true);
}

static int forward_signals(struct foreground *fg, struct error *err)
{
	static const int kept[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT,
				   SIGSYS,  SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		sigdelset(&set, kept[i]);
	if (!loop_add_signals(fg->loop, &set, on_signal, fg))
		return error_errno(err, errno, "signalfd");
	return 0;
}

int foreground_wait(struct foreground *fg, const struct process_ref *standin, int vm_dirfd,
		    struct error *err)
{
	/* It may have ended; nobody else has its number before it is waited for here. */
	_cleanup_close_ int pidfd = process_open(standin->pid);
	int r, status;

	fg->standin = *standin;
	if (pidfd < 0)
		return error_errno(err, pidfd, "the container's stand-in");
	take_lease(fg, vm_dirfd);
	(void)loop_add_fd(fg->loop, pidfd, EPOLLIN, on_standin_exit, fg);
	r = forward_signals(fg, err);
	if (!r)
		r = take_terminal(fg, err);
	while (!r && (!fg->exited || !fg->drained)) {
		r = loop_iterate(fg->loop, LOOP_FOREVER);
		if (r < 0)
			return error_errno(err, r, "epoll_wait");
	}
	if (r < 0)
		return r;
	if (waitpid(standin->pid, &status, 0) < 0)
		return error_errno(err, errno, "wait for the container");
	r = process_exit_code(status);
	/* The monitor told everybody before it let go of the stand-in. */
	if (r == STANDIN_EXIT_LOST && fg->lease >= 0)
		hear_monitor(fg);
	/* It would keep a VM from its end that has lost its container. */
	fg->lease = close_keep_errno(fg->lease);
	if (fg->lost.errnum) {
		error_move(err, &fg->lost);
		return -err->errnum;
	}
	return r;
}

void foreground_free(struct foreground *fg)
{
	if (!fg)
		return;
	relay_free(fg->input);
	relay_free(fg->output);
	if (fg->raw)
		(void)tcsetattr(fg->tty, TCSADRAIN, &fg->saved);
	loop_free(fg->loop);
	close_keep_errno(fg->console[0]);
	close_keep_errno(fg->console[1]);
	close_keep_errno(fg->tty);
	close_keep_errno(fg->in);
	close_keep_errno(fg->out);
	close_keep_errno(fg->master);
	close_keep_errno(fg->master_out);
	close_keep_errno(fg->lease);
	error_clear(&fg->lost);
	free(fg);
}
