/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network interfaces. */
#ifndef VMINIT_NETWORK_H
#define VMINIT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/* @mtu: 0 leaves it. */
int network_link_set(const char *name, bool up, uint32_t mtu, struct error *err);

/**
 * network_make_spare() - make a network namespace with lo up, ahead of the container that needs it
 *
 * It is the slowest part of a container's creation under TCG (20 of 100 ms), and before the VM is
 * saved as a template it costs nobody anything.
 *
 * Return: a descriptor of it, or -errno; vminitd itself is where it was.
 */
int network_make_spare(struct error *err);

#endif
