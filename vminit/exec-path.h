/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file args[0] means, looked up as execvp(3) would, with runc's words for what is wrong.
 */
#ifndef VMINIT_EXEC_PATH_H
#define VMINIT_EXEC_PATH_H

#include "lib/error.h"

/**
 * exec_path_find() - find the program, in the present root and working directory
 * @name: args[0]; one with a slash is a path, another is looked for in @search_path
 * @search_path: directories with colons between them; an empty one is the working directory
 * @ret: owned by the caller; written only on success
 *
 * Return: 0, -ENOENT, -EACCES or another -errno.
 */
int exec_path_find(const char *name, const char *search_path, char **ret, struct error *err);

/* strerror() as Go programs print it, beginning with a small letter: engines match such texts. */
const char *exec_path_strerror(int errnum, char *buffer, size_t size);

#endif
