// SPDX-License-Identifier: Apache-2.0
/*
 * vminitd: pid 1 of a guest. Boots, listens, and serves until the VM is switched off; it never
 * returns. Its console is the serial port, which is slow: one ready line, and errors.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/reboot.h>

#include "lib/log.h"
#include "rpc/handover.h"
#include "rpc/server.h"
#include "vminit/boot.h"
#include "vminit/container.h"
#include "vminit/handover.h"
#include "vminit/network.h"
#include "vminit/service.h"
#include "vminit/steps.h"
#include "vminit/transport.h"

/* A panic would do the same by panic=-1, after a page of registers over the serial port. */
static _noreturn_ void die(void)
{
	(void)reboot(RB_AUTOBOOT);
	_exit(1);
}

/* A bug in vminitd: say so, end the VM. Only what a signal handler may call. */
static void fatal_signal(int signal)
{
	char line[] = "vminitd: killed by signal 00\n";

	line[sizeof(line) - 4] = (char)('0' + signal / 10);
	line[sizeof(line) - 3] = (char)('0' + signal % 10);
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	die();
}

static void catch_fatal_signals(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	struct sigaction action = {.sa_handler = fatal_signal, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	/* The kernel has opened the initramfs' one as 0, 1 and 2, unless that had no console. */
	for (int i = 0; fd >= 0 && i < 3; i++)
		if (fd != i)
			(void)dup2(fd, i);
	if (fd > 2)
		close_keep_errno(fd);
}

static int serve(int cgroup_fd, struct error *err)
{
	struct service service;
	struct rpc_server *server;
	int fd, r;

	steps_begin();
	r = service_begin(&service, cgroup_fd, CGROUP_ROOT "/" CGROUP_PARENT, &transport_vsock,
			  &server, err);
	if (r < 0)
		return r;
	fd = network_make_spare(err);
	if (fd < 0)
		return fd;
	containers_set_spare_network(service.containers, fd);
	fd = transport_vsock_listen(TRANSPORT_PORT_RPC, err);
	if (fd < 0)
		return fd;
	rpc_server_listen(server, fd);
	handover_begin(&service);
	(void)!write(STDOUT_FILENO, CONSOLE_READY_LINE "\n", sizeof(CONSOLE_READY_LINE));
	r = loop_run(service.loop);
	return error_errno(err, r, "event loop");
}

int main(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int cgroup_fd = -1, r;

	if (getpid() != 1) {
		static const char text[] = "vminitd: runs as pid 1 of a runvm guest only\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		return 1;
	}
	catch_fatal_signals();
	(void)prctl(PR_SET_NAME, "vminitd");
	log_set_name("vminitd");
	log_set_level(LOG_LEVEL_WARNING);
	r = boot_prepare(&cgroup_fd, &err);
	open_console();
	if (!r)
		serve(cgroup_fd, &err);
	log_error("%s", error_message(&err));
	die();
}
