/* SPDX-License-Identifier: Apache-2.0 */
/* The mount option tmpcopyup: what a directory held is copied into the tmpfs that covers it. */
#ifndef VMINIT_COPY_UP_H
#define VMINIT_COPY_UP_H

/**
 * copy_up() - copy a directory's content with owners, modes, times and extended attributes
 * @from: directory, borrowed
 * @to: directory, borrowed; gets the owner and mode of @from
 *
 * Return: 0 or -errno.
 */
int copy_up(int from, int to);

#endif
