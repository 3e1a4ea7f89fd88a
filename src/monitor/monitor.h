/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: the process that owns one VM. It is pid 1 of a pid namespace of its own, so that its
 * death, however it comes, ends virtiofsd and QEMU; and it is the VM's vsock device.
 *
 * Theory of operation. create clones it with everything it needs: the plan, the detached mounts of
 * the share, the listening sockets of the VM's directory, and one end of a socketpair that is the
 * first lease (lease.h). The monitor then
 *
 *	makes its small root and the share		share.h
 *	starts virtiofsd and QEMU side by side		vmm/virtiofsd.h, vmm/qemu.h
 *	restores it from a template, or boots it	template/template.h
 *	plugs vsock and share when the guest is up	one slot, one notification
 *	has vminitd set the guest up			guest/guest.h, rpc/handover.h
 *	opens vsock.sock and vminitd.sock to clients, says LEASE_READY, and lets go of the host
 *
 * Clients may connect before that: they wait in the sockets' backlogs. What fails before is told
 * as LEASE_FAILED; when KVM is to blame, the VM is started again under TCG. What happens after
 * (QEMU or virtiofsd dies, the guest panics) is logged and told as LEASE_DOWN. When its containers
 * have ended, or no lease is left, the monitor ends, and the VM with it.
 */
#ifndef RUNVM_MONITOR_H
#define RUNVM_MONITOR_H

#include "container/plan.h"
#include "lib/error.h"
#include "lib/process.h"
#include "monitor/vm-setup.h"

/* From the start of create's wait to vminitd's answer; longer than any boot's own deadline. */
#define MONITOR_START_TIMEOUT (150 * USEC_PER_SEC)

/**
 * struct monitor_config - what a monitor is to do; all borrowed until it is forked
 * @id: of the first container
 * @vm_dir: path of the VM's directory
 * @vm_dirfd: the same, open
 * @plan: exports and VM
 * @trees: detached mounts of the exports
 * @cgroups: directories of the host's cgroups to be in; NULL-terminated; NULL for none
 * @setup: how to start the VM; the monitor changes its copy
 */
struct monitor_config {
	const char *id;
	const char *vm_dir;
	int vm_dirfd;
	const struct plan *plan;
	int *trees;
	char *const *cgroups;
	struct vm_setup *setup;
};

/**
 * struct monitor - the side of create
 * @process: as the caller's pid namespace sees it
 * @pidfd: of it
 * @lease: create's lease
 */
struct monitor {
	struct process_ref process;
	int pidfd;
	int lease;
};

#define MONITOR_INIT                     \
	{                                \
		.pidfd = -1, .lease = -1 \
	}

/**
 * monitor_start() - make the sockets of the VM's directory and clone the monitor
 *
 * Return: 0 or -errno.
 */
int monitor_start(const struct monitor_config *config, struct monitor *ret, struct error *err);

/* How the VM came up: MONITOR_FELL_BACK is a cold start without KVM after KVM had not run. */
enum monitor_ready { MONITOR_COLD, MONITOR_WARM, MONITOR_FELL_BACK };

/**
 * monitor_receive() - what the monitor says on create's lease
 *
 * @ret: with LEASE_READY
 *
 * Return: 0 for LEASE_READY; the error of LEASE_FAILED or LEASE_DOWN; -ECHILD when it died.
 */
int monitor_receive(struct monitor *monitor, enum monitor_ready *ret, struct error *err);

/* Lets go of the lease and closes everything; the VM lives on if a container has one. */
void monitor_clear(struct monitor *monitor);

/* The monitor's own life, in the clone (monitor-main.c). @born: as for cgroup_join() */
_noreturn_ void monitor_main(const struct monitor_config *config, bool born, int lease,
			     const int listeners[3]);

#endif
