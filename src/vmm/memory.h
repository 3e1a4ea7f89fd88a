/* SPDX-License-Identifier: Apache-2.0 */
/* How QEMU's machines lay the memory of a VM out. */
#ifndef RUNVM_VMM_MEMORY_H
#define RUNVM_VMM_MEMORY_H

#include <stdint.h>

#include "vmm/qemu-args.h"

/**
 * vm_memory_offset() - where in its memory_fd a physical address of the guest is
 * @physical: from the guest: anything
 *
 * Return: 0; -ERANGE where there is no memory.
 */
int vm_memory_offset(const struct qemu_config *config, uint64_t physical, uint64_t *ret);

#endif
