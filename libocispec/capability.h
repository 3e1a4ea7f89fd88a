/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that process.capabilities may hold (config.md, capabilities(7)): those of Linux 5.9 and newer.
 */
#ifndef RUNVM_OCISPEC_CAPABILITY_H
#define RUNVM_OCISPEC_CAPABILITY_H

/* In the order of their numbers, from 0 on; NULL behind the last. */
extern const char *const oci_capability_names[];

/* The number of "CAP_CHOWN"; -1 for an unknown name. */
int oci_capability_number(const char *name);

#endif
