/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's workers: threads that run what was put off (workqueues). Each processor has a few, and
 * makes another when all of them sleep and there is more to do. That is a thousand pieces of code, which a
 * VM without KVM has to translate, in the middle of a start; so there are some more before it is saved.
 *
 * Theory of operation: an fsync that is asked for by asynchronous I/O is put off, and sleeps in a worker
 * until it is answered. So a file of FUSE is mounted, and nobody answers before as many have begun as
 * workers are wanted. They stay: the kernel ends a worker that was idle for five minutes of the VM's time.
 */
#ifndef VMINIT_WORKERS_H
#define VMINIT_WORKERS_H

/**
 * workers_make() - as many workers as any start wants, of the processor this runs on
 *
 * The caller runs on one processor alone. Takes a tenth of a second. Without them a start is only slower:
 * what goes wrong is said, and nothing is left of it.
 */
void workers_make(void);

#endif
