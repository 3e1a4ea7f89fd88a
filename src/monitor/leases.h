/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's end of the leases on its VM: who holds one, what he says, what all are told. What
 * follows from it for the VM is the monitor's affair (monitor-main.c); what the packets mean,
 * lease.h.
 */
#ifndef RUNVM_LEASES_H
#define RUNVM_LEASES_H

#include "lib/error.h"
#include "lib/loop.h"
#include "monitor/lease.h"

struct leases;

/**
 * struct leases_ops - what holders make happen; each may free nothing of the leases
 * @named: a lease names a container: its stand-in is about to ask vminitd for it
 * @answered: vminitd has answered a holder; once for each that says so
 * @ended: a container has ended in the guest, and all others that leases name have before it
 * @dropped: a holder let go, and is no more among the leases; @left: the container that it stood
 *	for, if that has not ended, or NULL
 */
struct leases_ops {
	void (*named)(void *data);
	void (*answered)(void *data);
	void (*ended)(void *data);
	void (*dropped)(void *data, const char *left);
};

/**
 * leases_new() - the leases of a VM, none at first
 * @listener: non-blocking SOCK_SEQPACKET socket where holders connect; borrowed, -1 for none
 */
struct leases *leases_new(struct loop *loop, int listener, const struct leases_ops *ops,
			  void *data);
void leases_free(struct leases *leases);

/* @fd: one end of a SOCK_SEQPACKET connection; taken over */
void leases_add(struct leases *leases, int fd);

bool leases_empty(const struct leases *leases);

/* LEASE_READY to all that are there, and to all that come. @how: its text; borrowed, may be NULL */
void leases_tell_ready(struct leases *leases, const char *how);

/* LEASE_ENDED to all that are there, those that have connected and were not looked at included. */
void leases_tell_ended(struct leases *leases);

/* @message: LEASE_FAILED or LEASE_DOWN, to all that are there */
void leases_tell_error(const struct leases *leases, enum lease_message message,
		       const struct error *err);

#endif
