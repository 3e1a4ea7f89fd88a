// SPDX-License-Identifier: Apache-2.0
/* The life of a stand-in, from its clone to its process's end; see standin.h. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "container/cgroup.h"
#include "container/hooks.h"
#include "guest/guest.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/packet.h"
#include "lib/relay.h"
#include "lib/socket.h"
#include "lib/trace.h"
#include "monitor/lease.h"
#include "standin/namespaces.h"
#include "standin/standin.h"
#include "standin/stdio.h"
#include "standin/terminal.h"

/* How long the monitor's word on why the VM ended is waited for. */
#define LAST_WORDS_TIMEOUT (2 * USEC_PER_SEC)

struct standin_life {
	const struct standin_config *config;
	struct loop *loop;
	int control;  /* to create; -1 after the commit */
	int lease;    /* to the monitor */
	int terminal; /* the slave; -1 for none */
	struct loop_source *control_source, *lease_source;
	struct stdio *stdio;
	struct rpc_client *client;
	bool created; /* the process is there to get signals */
	bool tracing; /* the guest is asked for its steps */
	bool ended;
	int exit_code;
};

/* Everything that can be caught, but what a fault of this program raises, and SIGCHLD. */
static void forwarded_signals(sigset_t *set)
{
	static const int excluded[] = {SIGSEGV, SIGBUS,	 SIGFPE,  SIGILL,  SIGTRAP, SIGABRT,
				       SIGSYS,	SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU};

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(excluded); i++)
		sigdelset(set, excluded[i]);
}

static _noreturn_ void leave(struct standin_life *life, int code)
{
	if (life->ended)
		(void)packet_send(life->lease, LEASE_ENDED, NULL);
	stdio_free(life->stdio);
	trace_step("leaves");
	_exit(code);
}

/* A failure before the commit is create's to report; afterwards there is the log. */
static _noreturn_ void fail(struct standin_life *life, const struct error *err)
{
	if (life->control >= 0)
		(void)packet_send_error(life->control, STANDIN_FAILED, err);
	else
		log_error("container %s: %s", life->config->id, error_message(err));
	leave(life, STANDIN_EXIT_LOST);
}

/* Not before the commit: until then create counts on it. */
static void maybe_leave(struct standin_life *life)
{
	if (life->ended && !life->tracing && life->control < 0 && stdio_drained(life->stdio))
		leave(life, life->exit_code);
}

static void on_drained(void *data)
{
	maybe_leave(data);
}

/* The VM is gone under the container. The monitor knows why, and says so on the lease. */
static _noreturn_ void lose_vm(struct standin_life *life, const struct error *because)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t deadline = loop_now() + LAST_WORDS_TIMEOUT;

	while (loop_now() < deadline) {
		struct pollfd p = {.fd = life->lease, .events = POLLIN};
		int r;

		if (poll(&p, 1, 100) <= 0)
			continue;
		r = packet_receive(life->lease, &text);
		if (r == LEASE_DOWN || r == LEASE_FAILED) {
			packet_error(text.data, &err);
			fail(life, &err);
		}
		if (r <= 0) {
			error_set(&err, ECONNRESET, "the monitor of the VM died");
			fail(life, &err);
		}
	}
	fail(life, because);
}

static void on_steps(struct rpc_request *request _unused_, const ProtobufCMessage *reply,
		     const struct error *err _unused_, void *data)
{
	struct standin_life *life = data;

	/* A trace without them is a trace. */
	if (reply)
		guest_trace_steps(reply);
	life->tracing = false;
	maybe_leave(life);
}

static void on_wait_done(struct rpc_request *request _unused_, const ProtobufCMessage *reply,
			 const struct error *err, void *data)
{
	struct standin_life *life = data;

	if (err)
		lose_vm(life, err);
	trace_step("process ended");
	life->ended = true;
	life->exit_code = guest_exit_code(reply);
	stdio_process_ended(life->stdio);
	life->tracing = trace_wanted();
	if (life->tracing)
		guest_list_steps(life->client, on_steps, life);
	maybe_leave(life);
}

static void on_forwarded(struct rpc_request *request _unused_,
			 const ProtobufCMessage *reply _unused_, const struct error *err,
			 void *data)
{
	struct standin_life *life = data;

	/* The process may have ended meanwhile; the wait tells. */
	if (err)
		log_debug("container %s: %s", life->config->id, error_message(err));
}

static void forward_size(struct standin_life *life)
{
	struct winsize ws;

	if (life->terminal >= 0 && !terminal_size(life->terminal, &ws) && ws.ws_row && ws.ws_col)
		guest_resize_process(life->client, life->config->id, ws.ws_row, ws.ws_col,
				     on_forwarded, life);
}

static void on_signal(struct loop_source *source _unused_, const struct signalfd_siginfo *info,
		      void *data)
{
	struct standin_life *life = data;
	int signal = (int)info->ssi_signo;

	if (!life->created || life->ended)
		return;
	if (signal == SIGWINCH && life->terminal >= 0)
		forward_size(life);
	else
		guest_kill_process(life->client, life->config->id, signal, on_forwarded, life);
}

/* The process waits in the guest, or runs if that was asked for: create may go on. */
static void announce(struct standin_life *life)
{
	life->created = true;
	guest_wait_process(life->client, life->config->id, on_wait_done, life);
	forward_size(life);
	(void)packet_send(life->control, STANDIN_CREATED, NULL);
}

static void on_started(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		       const struct error *err, void *data)
{
	struct standin_life *life = data;

	if (err && !rpc_client_alive(life->client))
		lose_vm(life, err);
	if (err)
		fail(life, err);
	trace_step("container started");
	announce(life);
}

static void on_created(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		       const struct error *err, void *data)
{
	struct standin_life *life = data;

	if (err && !rpc_client_alive(life->client))
		lose_vm(life, err);
	(void)packet_send(life->lease, LEASE_ANSWERED, NULL);
	if (err)
		fail(life, err);
	trace_step("container created");
	if (!life->config->start)
		announce(life);
}

static void on_control(struct loop_source *source, uint32_t events _unused_, void *data)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct standin_life *life = data;

	if (packet_receive(life->control, &text) != STANDIN_COMMIT)
		leave(life, STANDIN_EXIT_LOST); /* create died; so does its container */
	loop_remove(source);
	life->control_source = NULL;
	life->control = close_keep_errno(life->control);
	maybe_leave(life);
}

static void on_lease(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct standin_life *life = data;
	int r = packet_receive(life->lease, &text);

	if (r == LEASE_READY || r == -EAGAIN)
		return;
	if (r == LEASE_DOWN || r == LEASE_FAILED)
		packet_error(text.data, &err);
	else
		error_set(&err, ECONNRESET, "the monitor of the VM died");
	/* What has ended has ended well, whatever became of the VM after it. */
	if (life->ended) {
		loop_remove(life->lease_source);
		return;
	}
	fail(life, &err);
}

static int connect_lease(struct standin_life *life, struct error *err)
{
	int r;

	life->lease = socket_connect_at(life->config->vm_dirfd, LEASE_SOCKET, SOCK_SEQPACKET);
	if (life->lease < 0)
		return error_errno(err, life->lease, "connect to the monitor");
	r = packet_send(life->lease, LEASE_CONTAINER, life->config->id);
	return r < 0 ? error_errno(err, r, "speak to the monitor") : 0;
}

/* Descriptors of one's own for what create inherited, so that 0, 1 and 2 can be let go. */
static int own_stdio(struct standin_life *life, int fds[STDIO_STREAMS], struct error *err)
{
	const struct oci_process *process = life->config->plan->guest->process;

	if (life->config->console_socket >= 0) {
		life->terminal =
			terminal_open(life->config->console_socket, process->console_size, err);
		if (life->terminal < 0)
			return life->terminal;
		/* Two descriptors: a loop watches each for one direction. */
		fds[STDIO_IN] = fcntl(life->terminal, F_DUPFD_CLOEXEC, 3);
		fds[STDIO_OUT] = fcntl(life->terminal, F_DUPFD_CLOEXEC, 3);
		if (fds[STDIO_IN] < 0 || fds[STDIO_OUT] < 0)
			return error_errno(err, errno, "duplicate the terminal");
		return 0;
	}
	for (int i = 0; i < STDIO_STREAMS; i++) {
		fds[i] = relay_open_own(i, i == STDIO_IN ? O_RDONLY : O_WRONLY);
		if (fds[i] < 0 && fds[i] != -EBADF)
			return error_errno(err, fds[i], "standard %s",
					   i == STDIO_IN    ? "input"
					   : i == STDIO_OUT ? "output"
							    : "error");
	}
	return 0;
}

static void let_go_of_stdio(void)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_set_stderr(-1);
	for (int i = 0; i < 3 && null >= 0; i++)
		(void)dup2(null, i);
}

/* All that needs the host's file system, which is out of reach after namespaces_set_root(). */
static int open_connections(struct standin_life *life, struct error *err)
{
	int fds[STDIO_STREAMS] = {-1, -1, -1};
	int r;

	r = own_stdio(life, fds, err);
	if (!r)
		r = stdio_new(life->loop, life->config->vm_dirfd, fds, on_drained, life,
			      &life->stdio, err);
	if (!r)
		r = connect_lease(life, err);
	if (!r)
		r = guest_connect(life->loop, life->config->vm_dirfd, &life->client, err);
	return r;
}

/* The state comes in as many packets as it needs. */
static int receive_state(struct standin_life *life, struct strbuf *state)
{
	_cleanup_strbuf_ struct strbuf part = STRBUF_INIT;
	int letter;

	do {
		letter = packet_receive(life->control, &part);
		if (letter != STANDIN_HOOKS && letter != STANDIN_HOOKS_PART)
			return -ECONNRESET;
		strbuf_append(state, part.data, part.len);
	} while (letter == STANDIN_HOOKS_PART);
	return 0;
}

static int run_hooks(struct standin_life *life, struct error *err)
{
	_cleanup_strbuf_ struct strbuf state = STRBUF_INIT;
	const struct oci_hooks *hooks = life->config->hooks;

	trace_step("namespaces");
	(void)packet_send(life->control, STANDIN_NAMESPACES, NULL);
	if (receive_state(life, &state) < 0)
		leave(life, STANDIN_EXIT_LOST);
	if (!hooks)
		return 0;
	return hooks_run(hooks->create_container, hooks->n_create_container, state.data, NULL, err);
}

static void create_in_guest(struct standin_life *life)
{
	_cleanup_free_ char *config = oci_spec_write(life->config->plan->guest, false);
	struct guest_container container = {
		.id = life->config->id,
		.config = config,
		.ports = {stdio_port(life->stdio, STDIO_IN), stdio_port(life->stdio, STDIO_OUT),
			  stdio_port(life->stdio, STDIO_ERR)},
	};
	struct winsize ws;

	if (life->terminal >= 0 && !terminal_size(life->terminal, &ws)) {
		container.rows = ws.ws_row;
		container.columns = ws.ws_col;
	}
	guest_create_container(life->client, &container, on_created, life);
	/* Right behind it: vminitd takes them in order, and a round trip is saved. */
	if (life->config->start)
		guest_start_process(life->client, life->config->id, on_started, life);
}

/* What create has open is create's, but for what this needs: its lease on the VM above all. */
static void close_others(const struct standin_config *config, int control)
{
	const int keep[] = {control,	       config->vm_dirfd,
			    config->rootfs_fd, config->console_socket,
			    log_get_file(),    trace_get_file()};

	process_close_others(keep, ARRAY_SIZE(keep));
}

_noreturn_ void standin_main(const struct standin_config *config, bool born, int control)
{
	struct standin_life life = {
		.config = config, .control = control, .lease = -1, .terminal = -1};
	_cleanup_error_ struct error err = ERROR_INIT;
	sigset_t signals;
	int r;

	close_others(config, control);
	process_set_title("runvm-standin");
	trace_set_name("standin");
	trace_step("cloned");
	(void)setsid();
	(void)signal(SIGPIPE, SIG_IGN);
	r = loop_new(&life.loop);
	if (r < 0) {
		error_errno(&err, r, "epoll_create1");
		fail(&life, &err);
	}
	forwarded_signals(&signals);
	if (!loop_add_signals(life.loop, &signals, on_signal, &life)) {
		error_errno(&err, errno, "signalfd");
		fail(&life, &err);
	}
	r = cgroup_join(config->cgroups, born, &err);
	if (!r)
		r = namespaces_enter(config->plan, &err);
	if (!r)
		r = run_hooks(&life, &err);
	if (!r)
		r = open_connections(&life, &err);
	if (r < 0)
		fail(&life, &err);
	let_go_of_stdio();
	r = namespaces_set_root(config->plan, config->rootfs_fd, &err);
	if (r < 0)
		fail(&life, &err);
	life.control_source = loop_add_fd(life.loop, life.control, EPOLLIN, on_control, &life);
	life.lease_source = loop_add_fd(life.loop, life.lease, EPOLLIN, on_lease, &life);
	trace_step("asks for the container");
	create_in_guest(&life);
	r = loop_run(life.loop);
	error_errno(&err, r, "epoll_wait");
	fail(&life, &err);
}
