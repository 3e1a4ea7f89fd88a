// SPDX-License-Identifier: Apache-2.0
#include "vminit/home.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/strbuf.h"

/* The container chose the file: a larger one is not read. */
#define MAX_PASSWD (1U << 20)

#define FIELD_UID  2
#define FIELD_HOME 5

/* The start and length of a line's field. Return: NULL when it has fewer. */
static const char *field(const char *line, size_t line_len, int index, size_t *ret_len)
{
	const char *end = line + line_len;

	while (index--) {
		line = memchr(line, ':', (size_t)(end - line));
		if (!line)
			return NULL;
		line++;
	}
	*ret_len = (size_t)(end - line);
	if (memchr(line, ':', *ret_len))
		*ret_len = (size_t)((const char *)memchr(line, ':', *ret_len) - line);
	return line;
}

char *home_parse(const char *passwd, uid_t uid)
{
	for (const char *line = passwd; *line;) {
		size_t len = strcspn(line, "\n"), id_len, home_len;
		const char *id = field(line, len, FIELD_UID, &id_len);
		const char *home = field(line, len, FIELD_HOME, &home_len);

		if (id && home && id_len && strspn(id, "0123456789") == id_len &&
		    strtoul(id, NULL, 10) == uid)
			return home_len ? xstrndup(home, home_len) : xstrdup("/");
		line += len + (line[len] == '\n');
	}
	return xstrdup("/");
}

static char *find_home(uid_t uid)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	struct stat st;

	/* A pipe or a device in its place must not hold us up. */
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    io_read_fd(fd, MAX_PASSWD, &text) < 0 || !text.data)
		return xstrdup("/");
	return home_parse(text.data, uid);
}

/* Of a list that is being made, the place of a variable's entry; the end when it has none. */
static char **find_variable(char **env, const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (; *env; env++)
		if (!strncmp(*env, entry, len) && (!(*env)[len] || (*env)[len] == '='))
			break;
	return env;
}

int home_set(struct child *child, struct error *err)
{
	char *const *env = child->process->env;
	char **copy, **home;
	size_t n = 0;

	(void)err;
	while (env[n])
		n++;
	/* Of a variable that comes twice the last counts, in the place of the first: as in runc. */
	copy = xcalloc(n + 2, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		*find_variable(copy, env[i]) = env[i];
	home = find_variable(copy, "HOME");
	if (!*home || (*home)[strcspn(*home, "=")] == '\0' || !strcmp(*home, "HOME=")) {
		_cleanup_free_ char *path = find_home(child->process->uid);

		*home = xasprintf("HOME=%s", path);
	}
	child->env = copy;
	return 0;
}
