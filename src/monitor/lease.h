/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: the connections that keep a VM alive. Each speaks packets (lib/packet.h) with the monitor,
 * either from birth (the one of create, a socketpair) or through `monitor.sock` in the VM's
 * directory. The monitor ends the VM when it has no lease left, or before: when all containers that
 * leases name have ended. A holder that dies lets go by dying. A lease that names a container is
 * held by that container's stand-in: when it goes, so does what is left of the container in the
 * guest.
 */
#ifndef RUNVM_LEASE_H
#define RUNVM_LEASE_H

#define LEASE_SOCKET "monitor.sock"

/* How the VM came up, if not by a boot that was meant to be one: restored from a template; */
#define LEASE_WARM "warm"
/* booted, without KVM, which was tried before and did not run. */
#define LEASE_FELL_BACK "fell back"

enum lease_message {
	/* from the holder */
	LEASE_CONTAINER = 'C', /* text: container's id: this is the stand-in of its init */
	LEASE_ANSWERED = 'A',  /* vminitd has answered the holder */
	LEASE_ENDED = 'E',     /* the container has ended in the guest, nothing is left there */
	/* from the monitor */
	LEASE_READY = 'R', /* vminitd answers, or wakes up; text: see above, or nothing */
	/* LEASE_ENDED: so have all; the VM ends, and nothing is lost */
	LEASE_FAILED = 'F', /* an error: the VM did not start */
	LEASE_DOWN = 'D',   /* an error: the VM has ended, and why */
};

#endif
