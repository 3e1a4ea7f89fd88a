/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network interfaces. */
#ifndef VMINIT_NETWORK_H
#define VMINIT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/* @mtu: 0 leaves it. */
int network_link_set(const char *name, bool up, uint32_t mtu, struct error *err);

#endif
