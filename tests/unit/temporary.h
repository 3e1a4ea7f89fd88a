/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A temporary directory for a test program, removed with all that is in it at exit.
 */
#ifndef RUNVM_TEST_TEMPORARY_H
#define RUNVM_TEST_TEMPORARY_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char temporary_path[64];

static inline int temporary_remove_entry(const char *path, const struct stat *st, int type,
					 struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static inline void temporary_remove(void)
{
	(void)nftw(temporary_path, temporary_remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Its path; made at the first call. */
static inline const char *temporary_dir(void)
{
	if (*temporary_path)
		return temporary_path;
	snprintf(temporary_path, sizeof(temporary_path), "/tmp/runvm-test-XXXXXX");
	if (!mkdtemp(temporary_path)) {
		perror(temporary_path);
		exit(EXIT_FAILURE);
	}
	atexit(temporary_remove);
	return temporary_path;
}

/* A new directory in it, open. */
static inline int temporary_subdir(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", temporary_dir(), name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

#endif
