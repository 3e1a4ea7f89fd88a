// SPDX-License-Identifier: Apache-2.0
/* The life of a monitor, from its clone to the end of its VM; see monitor.h. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "container/cgroup.h"
#include "guest/guest.h"
#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/socket.h"
#include "lib/trace.h"
#include "monitor/leases.h"
#include "monitor/monitor.h"
#include "monitor/share.h"
#include "template/template.h"
#include "vmm/console.h"
#include "vmm/first-devices.h"
#include "vmm/qemu.h"
#include "vmm/virtiofsd.h"
#include "vsock/vsock-device.h"

#define SETUP_TIMEOUT	(60 * USEC_PER_SEC) /* until vminitd has answered somebody */
#define REMOVE_TIMEOUT	(10 * USEC_PER_SEC)
#define QEMU_EXIT_GRACE (1 * USEC_PER_SEC)
#define CONSOLE_LOG	"console.log"

enum listener { LISTENER_VSOCK, LISTENER_RPC, LISTENER_LEASE, N_LISTENERS };

struct vm {
	const struct monitor_config *config;
	struct loop *loop;
	int listeners[N_LISTENERS];
	int console_log;
	struct share share;
	struct vm_setup *setup;
	struct template template;
	int memory_fd; /* of a VM that is restored; -1 otherwise */
	struct virtiofsd_program virtiofsd_program;
	struct qemu *qemu;
	struct virtiofsd *virtiofsd;
	struct vsock_device *vsock;
	struct rpc_client *client;
	struct leases *leases;
	struct loop_source *answer; /* runs while a restored VM's vminitd has not answered */
	struct loop_source *grace;  /* runs while it is not clear whether QEMU has ended */
	struct error suspicion;	    /* what is to blame if it has not */
	unsigned int removing;	    /* containers that the guest removes, and answers then */
	bool ready;		    /* vminitd has answered */
	bool asked;		    /* somebody is about to ask it for a container */
	bool warm;		    /* the VM is restored from a template */
	bool woken;		    /* and it runs */
	bool fell_back;		    /* KVM did not run */
};

static int vm_boot(struct vm *vm, bool warm, struct error *err);

/* --- the end --- */

static _noreturn_ void leave(struct vm *vm)
{
	/* pid 1 goes, and the kernel ends QEMU and virtiofsd. */
	_exit(vm->ready ? 0 : 1);
}

/* The VM is no more: everybody who holds on to it hears why. */
static _noreturn_ void vm_down(struct vm *vm, const struct error *err)
{
	if (vm->ready)
		log_error("the VM of container %s: %s", vm->config->id, error_message(err));
	else if (vm->woken)
		/* It may be to blame. The next one starts cold. */
		template_discard(&vm->template);
	leases_tell_error(vm->leases, vm->ready ? LEASE_DOWN : LEASE_FAILED, err);
	leave(vm);
}

static void on_grace_over(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	struct vm *vm = data;

	vm_down(vm, &vm->suspicion);
}

/*
 * What speaks to QEMU or to the guest failed, maybe because QEMU ended: that is noticed a moment
 * later, and has a cause that says more, with the guest's last words.
 */
static void suspect(struct vm *vm, const struct error *cause, const char *what)
{
	if (vm->grace || (vm->qemu && qemu_get_state(vm->qemu) >= QEMU_ENDING))
		return;
	error_set(&vm->suspicion, cause->errnum, "%s%s%s", what ? what : "", what ? ": " : "",
		  error_message(cause));
	vm->grace = loop_add_timer(vm->loop, loop_now() + QEMU_EXIT_GRACE, on_grace_over, vm);
}

/* --- what holders of leases make happen --- */

static void leave_if_unused(struct vm *vm)
{
	if (leases_empty(vm->leases) && !vm->removing)
		leave(vm);
}

static void on_removed(struct rpc_request *request _unused_, const ProtobufCMessage *reply _unused_,
		       const struct error *err, void *data)
{
	struct vm *vm = data;

	vm->removing--;
	if (err)
		log_debug("remove what is left of a container: %s", error_message(err));
	leave_if_unused(vm);
}

/* A connection of our own to vminitd, once; it is not of the start of a VM that is restored. */
static int connect_vminitd(struct vm *vm, struct error *err)
{
	int pair[2], r;

	if (vm->client)
		return 0;
	r = socket_pair(SOCK_STREAM, pair);
	if (r < 0)
		return error_errno(err, r, "socketpair");
	vm->client = rpc_client_new(vm->loop, pair[0], "vminitd");
	r = vsock_device_connect(vm->vsock, VSOCK_PORT_VMINITD, pair[1]);
	return r < 0 ? error_errno(err, r, "connect to vminitd") : 0;
}

/* What a holder stood for goes with him, the VM with the last one. */
static void on_lease_dropped(void *data, const char *left)
{
	struct vm *vm = data;

	if (left && vm->ready && !connect_vminitd(vm, NULL) && rpc_client_alive(vm->client)) {
		/* The guest writes back what the container had in memory, then answers. */
		vm->removing++;
		guest_remove_container(vm->client, left, REMOVE_TIMEOUT, on_removed, vm);
	}
	leave_if_unused(vm);
}

/*
 * The guest has closed the files of all containers: the VM ends beside its stand-in, and QEMU dies
 * on another processor while this one gives back the memory, which is as much work. Not for a guest
 * that has something under way: virtiofsd may still write to a file from its memory.
 */
static void on_leases_ended(void *data)
{
	struct vm *vm = data;
	struct stat st;

	/* Of a container that others gave up. */
	if (vm->removing)
		return;
	leases_tell_ended(vm->leases);
	if (vm->qemu)
		qemu_kill(vm->qemu);
	if (vm->memory_fd >= 0 && !fstat(vm->memory_fd, &st))
		(void)fallocate(vm->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				st.st_size);
	leave(vm);
}

/* vminitd lives: what happens from now on happens to a VM that runs. */
static void vm_answered(void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vm *vm = data;

	if (vm->ready)
		return;
	loop_remove(vm->answer);
	vm->answer = NULL;
	vm->ready = true;
	template_close(&vm->template);
	if (share_leave_host(&vm->share, vm->config->vm_dirfd, &err) < 0)
		vm_down(vm, &err);
}

static void on_no_answer(struct loop_source *source _unused_, uint32_t events _unused_, void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vm *vm = data;

	loop_remove(vm->answer);
	vm->answer = NULL;
	error_set(&err, ETIMEDOUT, "vminitd did not answer within %d seconds",
		  (int)(SETUP_TIMEOUT / USEC_PER_SEC));
	suspect(vm, &err, "set up the guest");
}

/* A restored VM is asked for nothing but its container, maybe after hooks that take their time. */
static void wait_for_answer(struct vm *vm)
{
	if (vm->woken && vm->asked && !vm->ready && !vm->answer)
		vm->answer = loop_add_timer(vm->loop, loop_now() + SETUP_TIMEOUT, on_no_answer, vm);
}

static void on_lease_named(void *data)
{
	struct vm *vm = data;

	vm->asked = true;
	wait_for_answer(vm);
}

static const struct leases_ops leases_ops = {
	.named = on_lease_named,
	.answered = vm_answered,
	.ended = on_leases_ended,
	.dropped = on_lease_dropped,
};

/* --- the start, step by step --- */

static void vm_unboot(struct vm *vm)
{
	loop_remove(vm->grace);
	loop_remove(vm->answer);
	error_clear(&vm->suspicion);
	vm->grace = NULL;
	vm->answer = NULL;
	rpc_client_free(vm->client);
	vsock_device_free(vm->vsock);
	qemu_free(vm->qemu);
	virtiofsd_free(vm->virtiofsd);
	template_close(&vm->template);
	vm->memory_fd = close_keep_errno(vm->memory_fd);
	vm->client = NULL;
	vm->vsock = NULL;
	vm->qemu = NULL;
	vm->virtiofsd = NULL;
}

/* From here on commands and stand-ins reach vminitd. */
static void open_doors(struct vm *vm)
{
	vsock_device_listen(vm->vsock, TAKE_FD(vm->listeners[LISTENER_VSOCK]), 0);
	vsock_device_listen(vm->vsock, TAKE_FD(vm->listeners[LISTENER_RPC]), VSOCK_PORT_VMINITD);
	leases_tell_ready(vm->leases, vm->warm	      ? LEASE_WARM
				      : vm->fell_back ? LEASE_FELL_BACK
						      : NULL);
}

static void on_setup_done(struct rpc_request *request _unused_,
			  const ProtobufCMessage *reply _unused_, const struct error *err,
			  void *data)
{
	struct vm *vm = data;

	if (err) {
		suspect(vm, err, "set up the guest");
		return;
	}
	trace_step("setup");
	open_doors(vm);
	vm_answered(vm);
}

/* The VM wakes up with all that vminitd would be asked first, and does it before it serves. */
static int hand_over(struct vm *vm, struct error *err)
{
	uint8_t request[1024];
	size_t len = guest_setup_pack(request, sizeof(request));
	int r;

	r = template_hand_over(&vm->template, vm->memory_fd, request, len, err);
	explicit_bzero(request, sizeof(request));
	return r;
}

static int hand_devices_over(struct vm *vm, struct error *err)
{
	unsigned int port = (unsigned int)qemu_port_of(vm->qemu, FIRST_DEVICE_VSOCK);

	return template_hand_devices_over(&vm->template, vm->memory_fd, port, err);
}

static void on_plugged(struct qemu *qemu _unused_, const struct error *err, void *data)
{
	_cleanup_error_ struct error own = ERROR_INIT;
	struct vm *vm = data;

	if (err) {
		suspect(vm, err, "plug the VM's devices");
		return;
	}
	trace_step("plugged");
	if ((vm->warm ? hand_devices_over(vm, &own) : connect_vminitd(vm, &own)) < 0)
		vm_down(vm, &own);
	if (vm->warm) {
		open_doors(vm);
		wait_for_answer(vm);
	} else {
		guest_setup(vm->client, SETUP_TIMEOUT, on_setup_done, vm);
	}
}

static void on_qemu_ready(struct qemu *qemu, void *data)
{
	struct vm *vm = data;
	struct qemu_device devices[FIRST_DEVICES];
	_cleanup_error_ struct error err = ERROR_INIT;

	/* It has something to do meanwhile. */
	if (vm->warm) {
		if (hand_over(vm, &err) < 0)
			vm_down(vm, &err);
		vm->woken = true;
		qemu_continue(qemu, NULL, NULL);
	}
	first_devices(vm->setup->accel.kvm, devices);
	if (qemu_plug(qemu, devices, ARRAY_SIZE(devices), on_plugged, vm, &err) < 0)
		vm_down(vm, &err);
}

static void on_qemu_failed(struct qemu *qemu _unused_, enum qemu_failure kind,
			   const struct error *err, void *data)
{
	_cleanup_error_ struct error again = ERROR_INIT;
	struct vm *vm = data;
	bool restore = kind == QEMU_FAILED_RESTORE && vm->warm;
	bool accel = kind == QEMU_FAILED_ACCEL && !vm->setup->accel.forced && vm->setup->accel.kvm;

	if (restore) {
		log_warning(
			"the VM of container %s does not come from its template, booting it: %s",
			vm->config->id, error_message(err));
		template_discard(&vm->template);
	} else if (accel) {
		log_warning("the VM of container %s does not run with KVM, trying without: %s",
			    vm->config->id, error_message(err));
		accel_fall_back(&vm->setup->accel, error_message(err));
		vm->fell_back = true;
	} else {
		vm_down(vm, err);
	}
	vm_unboot(vm);
	/* A VM without KVM has templates of its own. */
	if (vm_boot(vm, accel, &again) < 0)
		vm_down(vm, &again);
}

static void on_qemu_exit(struct qemu *qemu _unused_, enum qemu_end end _unused_,
			 const struct error *err, void *data)
{
	vm_down(data, err);
}

static void on_qemu_step(struct qemu *qemu _unused_, const char *step, void *data _unused_)
{
	trace_step(step);
}

static const struct qemu_ops qemu_ops = {
	.on_step = on_qemu_step,
	.on_ready = on_qemu_ready,
	.on_failed = on_qemu_failed,
	.on_exit = on_qemu_exit,
};

static void on_virtiofsd_exit(struct virtiofsd *virtiofsd _unused_, const struct error *err,
			      void *data)
{
	suspect(data, err, NULL);
}

static const struct virtiofsd_ops virtiofsd_ops = {
	.on_exit = on_virtiofsd_exit,
};

static void on_vsock_failed(void *data, const struct error *err)
{
	suspect(data, err, "the VM's vsock device");
}

static const struct vsock_device_ops vsock_ops = {
	.failed = on_vsock_failed,
};

static int start_virtiofsd(struct vm *vm, int listening_fd, struct error *err)
{
	const struct virtiofsd_config config = {
		.program = &vm->virtiofsd_program,
		.source = vm->share.path,
		.cache = VIRTIOFSD_CACHE_AUTO,
		.nofile = virtiofsd_nofile(),
		.fd = listening_fd,
	};

	return virtiofsd_start(vm->loop, &config, &virtiofsd_ops, vm, &vm->virtiofsd, err);
}

/*
 * An address of the guest's own. No other VM could be reached by it in any case; but a program in
 * the guest may take it for an identity.
 */
static uint64_t random_cid(void)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	return VSOCK_CID_GUEST_MIN + random % (UINT32_MAX - VSOCK_CID_GUEST_MIN);
}

/* The vsock device, and QEMU's end of its socket. */
static int start_vsock(struct vm *vm, int *ret_fd, struct error *err)
{
	_cleanup_close_ int qemu_end = -1;
	int vhost[2], r;

	r = socket_pair(SOCK_STREAM, vhost);
	if (r < 0)
		return error_errno(err, r, "socketpair");
	qemu_end = vhost[1];
	r = vsock_device_new(vm->loop, random_cid(), vhost[0], vm->config->vm_dirfd, &vsock_ops, vm,
			     &vm->vsock, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(qemu_end);
	return 0;
}

static int start_qemu(struct vm *vm, int vsock_fd, int share_fd, struct qemu_config *config,
		      struct error *err)
{
	const struct qemu_chardev chardevs[] = {{FIRST_CHARDEV_VSOCK, vsock_fd},
						{FIRST_CHARDEV_SHARE, share_fd}};
	const struct qemu_start start = {
		.config = config,
		.accel = &vm->setup->accel,
		.state_fd = vm->template.state_fd,
		.console_log_fd = vm->console_log,
	};

	config->chardevs = chardevs;
	config->n_chardevs = ARRAY_SIZE(chardevs);
	config->incoming = vm->warm;
	return qemu_start(vm->loop, &start, &qemu_ops, vm, &vm->qemu, err);
}

/* Finds a template for the VM and makes its memory. A VM without one starts cold. */
static void open_template(struct vm *vm, struct qemu_config *config)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct template_key key;
	int r;

	r = template_key_make(config, &key, &err);
	if (!r)
		r = template_open(&key, &vm->template, &err);
	if (!r) {
		vm->memory_fd = template_new_memory(&vm->template, &err);
		r = vm->memory_fd;
	}
	vm->warm = r >= 0;
	config->memory_fd = vm->memory_fd;
	if (r < 0) {
		template_close(&vm->template);
		log_debug("container %s starts cold: %s", vm->config->id, error_message(&err));
	}
}

static int vm_boot(struct vm *vm, bool warm, struct error *err)
{
	struct qemu_config config = vm_setup_config(vm->setup);
	_cleanup_close_ int vsock_fd = -1, share_fd = -1, listening_fd = -1;
	int r;

	vm->warm = false;
	if (warm)
		open_template(vm, &config);
	/* A boot would only wait for it. */
	config.warm_up = config.warm_up && vm->warm;
	trace_step(vm->warm ? "template" : "no template");
	r = virtiofsd_make_sockets(vm->config->vm_dirfd, &listening_fd, &share_fd, err);
	if (!r)
		r = start_vsock(vm, &vsock_fd, err);
	if (!r)
		r = start_qemu(vm, vsock_fd, share_fd, &config, err);
	if (!r)
		r = start_virtiofsd(vm, listening_fd, err);
	/* QEMU starts meanwhile; it does not look at the memory before the loop tells it to. */
	if (!r && vm->warm) {
		r = template_fill_memory(&vm->template, vm->memory_fd, err);
		trace_step("memory");
	}
	return r;
}

/* --- the process --- */

/* Orphans of hooks and helpers come to pid 1; those of spawn.h are reaped there. */
static void on_child(struct loop_source *source _unused_,
		     const struct signalfd_siginfo *info _unused_, void *data)
{
	struct vm *vm = data;

	for (;;) {
		siginfo_t child = {.si_pid = 0};

		if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) < 0 || !child.si_pid)
			return;
		if ((vm->qemu && child.si_pid == qemu_pid(vm->qemu)) ||
		    (vm->virtiofsd && child.si_pid == virtiofsd_pid(vm->virtiofsd)))
			return;
		(void)waitid(P_PID, (id_t)child.si_pid, &child, WEXITED | WNOHANG);
	}
}

/* Each vsock connection is a descriptor. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* What create has open is create's, but for what this needs. */
static void close_others(const struct monitor_config *config, int lease, const int listeners[3])
{
	const int keep[] = {lease,	     listeners[0],     listeners[1],
			    listeners[2],    config->vm_dirfd, log_get_file(),
			    trace_get_file()};
	size_t n = ARRAY_SIZE(keep), n_trees = config->plan->n_exports;
	_cleanup_free_ int *all = xcalloc(n + n_trees, sizeof(int));

	memcpy(all, keep, sizeof(keep));
	memcpy(all + n, config->trees, n_trees * sizeof(int));
	process_close_others(all, n + n_trees);
}

static void become_a_daemon(void)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	process_set_title("runvm-monitor");
	trace_set_name("monitor");
	trace_step("cloned");
	(void)setsid();
	(void)signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	/* The caller's stdio belongs to the container: nobody may wait for us to close it. */
	log_set_stderr(-1);
	for (int i = 0; i < 3 && null >= 0; i++)
		(void)dup2(null, i);
}

static int prepare(struct vm *vm, bool born, struct error *err)
{
	const struct monitor_config *config = vm->config;
	const struct plan *plan = config->plan;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	if (!loop_add_signals(vm->loop, &signals, on_child, vm))
		return error_errno(err, errno, "signalfd");
	r = cgroup_join(config->cgroups, born, err);
	if (!r)
		r = virtiofsd_find(NULL, &vm->virtiofsd_program, err);
	if (r < 0)
		return r;
	if (vm->setup->accel.reason)
		log_info("container %s: %s", config->id, vm->setup->accel.reason);
	vm->console_log = openat(config->vm_dirfd, CONSOLE_LOG,
				 O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (vm->console_log < 0)
		return error_errno(err, errno, "create \"%s\"", CONSOLE_LOG);
	r = share_enter(config->vm_dir, &vm->share, err);
	if (!r)
		r = share_attach(&vm->share, config->id, plan->exports, plan->n_exports,
				 config->trees, err);
	trace_step("share");
	return r;
}

_noreturn_ void monitor_main(const struct monitor_config *config, bool born, int lease,
			     const int listeners[3])
{
	struct vm vm = {.config = config,
			.setup = config->setup,
			.console_log = -1,
			.memory_fd = -1,
			.share = SHARE_INIT,
			.template = TEMPLATE_INIT};
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	memcpy(vm.listeners, listeners, sizeof(vm.listeners));
	close_others(config, lease, listeners);
	become_a_daemon();
	r = loop_new(&vm.loop);
	if (r < 0)
		_exit(1);
	vm.leases = leases_new(vm.loop, vm.listeners[LISTENER_LEASE], &leases_ops, &vm);
	leases_add(vm.leases, lease);
	r = prepare(&vm, born, &err);
	if (!r)
		r = vm_boot(&vm, true, &err);
	if (r < 0)
		vm_down(&vm, &err);
	r = loop_run(vm.loop);
	error_errno(&err, r, "epoll_wait");
	vm_down(&vm, &err);
}
