/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warm-up: without KVM a VM's code is translated when it first runs, and a VM that was restored
 * from a template has nothing translated yet. That is most of the time of a start. Where the VM has
 * a second CPU, a process of vminitd goes through the life of a container of its own there, while
 * the first CPU is busy finding the devices; what it has run is translated for all.
 *
 * Theory of operation: the process is forked before vminitd is ready and makes itself a tiny rootfs
 * in a mount namespace of its own and a server of the same services as vminitd's, on a socket pair.
 * Then it waits for vminitd's word that the VM begins with its container (a template is saved while
 * it waits). It creates, starts, waits for and removes its own, and ends. Nothing of it is left, and
 * nothing depends on it.
 */
#ifndef VMINIT_WARM_UP_H
#define VMINIT_WARM_UP_H

#include "lib/error.h"

/* argv[0] of the warm-up's container: what vminitd is when it is executed as that. */
#define WARM_UP_PROGRAM "/proc/self/exe"

/**
 * warm_up_start() - fork the process, where it is wanted and there is a second CPU
 * @cgroup_fd: as containers_new() gets it
 *
 * Return: 0, or -errno when it could not be forked.
 */
int warm_up_start(int cgroup_fd, struct error *err);
/* Lets it begin, once; a process that is not there, or has begun, hears nothing. */
void warm_up_go(void);

#endif
