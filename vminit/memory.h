/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a VM that is about to be saved: what would have to be copied, or brought in, in each VM
 * that wakes up. Failure is none: then that is so.
 */
#ifndef VMINIT_MEMORY_H
#define VMINIT_MEMORY_H

/**
 * memory_make_own() - bring in every page of this process, and copy those that others have, too
 *
 * After a fork the pages of both processes are each other's until one of them writes. Who waits for a
 * VM to wake up has better done that before.
 */
void memory_make_own(void);

/**
 * memory_clear_free() - clear what was used and given back
 *
 * It is full of what nobody needs, but which would be saved, and copied for each VM.
 */
void memory_clear_free(void);

#endif
