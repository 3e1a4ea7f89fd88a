// SPDX-License-Identifier: Apache-2.0
#include "vminit/exec-path.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alloc.h"

const char *exec_path_strerror(int errnum, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", strerror(errnum < 0 ? -errnum : errnum));
	if (size > 1 && buffer[0] && !isupper((unsigned char)buffer[1]))
		buffer[0] = (char)tolower((unsigned char)buffer[0]);
	return buffer;
}

/* Return: 0, -EACCES for what is there but is no program, -errno of stat(2). */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) || !(st.st_mode & 0111) ? -EACCES : 0;
}

static int check_path(const char *path, struct error *err)
{
	struct stat st;
	char text[64];

	if (stat(path, &st) < 0)
		return error_set(err, errno, "exec: \"%s\": stat %s: %s", path, path,
				 exec_path_strerror(errno, text, sizeof(text)));
	if (check_program(path) < 0)
		return error_set(err, EACCES, "exec: \"%s\": permission denied", path);
	return 0;
}

/**
 * struct top - the directory below "/" that the last directory of PATH begins with
 * @name, @len: "/usr" of "/usr/local/bin"; no string of its own
 * @missing: nothing of that name is there
 */
struct top {
	const char *name;
	size_t len;
	bool missing;
};

/*
 * An image without /usr is not asked for it again for each directory below. The kernel does not remember
 * what a share lacks, and each question is a round trip to the host.
 */
static bool is_missing(const char *directory, size_t len, struct top *top)
{
	size_t n = len > 1 && directory[0] == '/' ? 1 + strcspn(directory + 1, "/:") : 0;
	char path[PATH_MAX];

	if (!n || n >= sizeof(path))
		return false;
	if (n != top->len || memcmp(directory, top->name, n) != 0) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)n, directory);
		*top = (struct top){.name = directory,
				    .len = n,
				    .missing = access(path, F_OK) < 0 && errno == ENOENT};
	}
	return top->missing;
}

int exec_path_find(const char *name, const char *search_path, char **ret, struct error *err)
{
	struct top top = {0};

	if (strchr(name, '/')) {
		int r = check_path(name, err);

		if (!r)
			*ret = xstrdup(name);
		return r;
	}
	for (const char *p = search_path; *name; p++) {
		size_t len = strcspn(p, ":");
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%.*s%s%s", (int)len, p, len ? "/" : "./",
				 name);

		if (n > 0 && (size_t)n < sizeof(path) && !is_missing(p, len, &top) &&
		    !check_program(path)) {
			*ret = xstrdup(path);
			return 0;
		}
		p += len;
		if (!*p)
			break;
	}
	return error_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}
