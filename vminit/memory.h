/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a process that forked, or was forked, ahead of time.
 */
#ifndef VMINIT_MEMORY_H
#define VMINIT_MEMORY_H

/**
 * memory_make_own() - copy now what would be copied at the next write
 *
 * After a fork the pages of both processes are each other's until one of them writes. Who waits for a
 * VM to wake up has better done that before. Failure is none.
 */
void memory_make_own(void);

#endif
