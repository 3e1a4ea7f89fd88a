// SPDX-License-Identifier: Apache-2.0
/*
 * What the bench runs in containers and in the bare VM: one static program, so that all contestants
 * do the same with the same system calls, and so that no shell has a share in the figures.
 *
 *	/init			as pid 1 of the bare VM: says that it runs, and switches off
 *	guest source MIB	writes zeros to stdout
 *	guest sink		"ready", reads stdin to its end, "done"
 *	guest memory MIB	"before"; with the next line of stdin touches memory, "during"; with the
 *				next gives it back, "after"; ends with stdin
 *	guest files DIR MIB N	file work in DIR, see run_files(); prints `<name> <seconds>` lines
 *	guest time COMMAND...	the same for a command
 *
 * The files that are read and looked at in DIR were made on the host: what the guest made itself
 * would be in its caches.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static char buffer[MIB];

static void fail(const char *what)
{
	fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void wait_for_line(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

static int run_init(void)
{
	say("runvm-bench-output");
	/* The line has to leave the serial port. */
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	return 1;
}

static int run_source(size_t mib)
{
	for (size_t i = 0; i < mib; i++)
		for (size_t done = 0; done < MIB;) {
			ssize_t n = write(STDOUT_FILENO, buffer + done, MIB - done);

			if (n < 0)
				fail("write");
			done += (size_t)n;
		}
	return 0;
}

static int run_sink(void)
{
	ssize_t n;

	say("ready");
	do
		n = read(STDIN_FILENO, buffer, sizeof(buffer));
	while (n > 0);
	if (n < 0)
		fail("read");
	say("done");
	return 0;
}

static int run_memory(size_t mib)
{
	char *p;

	say("before");
	wait_for_line();
	p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		fail("mmap");
	memset(p, 1, mib * MIB);
	say("during");
	wait_for_line();
	munmap(p, mib * MIB);
	say("after");
	while (getchar() != EOF)
		;
	return 0;
}

/* --- files --- */

static void write_file(const char *path, size_t mib)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		fail(path);
	for (size_t i = 0; i < mib; i++)
		if (write(fd, buffer, MIB) != (ssize_t)MIB)
			fail(path);
	if (close(fd) < 0)
		fail(path);
}

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		fail(path);
	do
		n = read(fd, buffer, sizeof(buffer));
	while (n > 0);
	if (n < 0)
		fail(path);
	close(fd);
}

static void create_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		fail(path);
	close(fd);
}

static void stat_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		fail(path);
}

static void unlink_file(const char *path)
{
	if (unlink(path) < 0)
		fail(path);
}

static void for_each_file(const char *dir, int count, void (*do_it)(const char *path))
{
	char path[64];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d", dir, i);
		do_it(path);
	}
}

static int run_files(const char *dir, size_t mib, int count)
{
	double t[7];

	if (chdir(dir) < 0)
		fail(dir);
	t[0] = now();
	write_file("written", mib);
	t[1] = now();
	read_file("large");
	t[2] = now();
	read_file("large");
	t[3] = now();
	for_each_file("created", count, create_file);
	t[4] = now();
	for_each_file("many", count, stat_file);
	t[5] = now();
	for_each_file("created", count, unlink_file);
	t[6] = now();
	printf("write %f\nread %f\nreread %f\ncreate %f\nstat %f\nunlink %f\n", t[1] - t[0],
	       t[2] - t[1], t[3] - t[2], t[4] - t[3], t[5] - t[4], t[6] - t[5]);
	return 0;
}

static int run_time(char **command)
{
	double begin = now();
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (!pid) {
		execvp(command[0], command);
		fail(command[0]);
	}
	if (waitpid(pid, &status, 0) < 0)
		fail("waitpid");
	printf("time %f\n", now() - begin);
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	/* The kernel adds those of its parameters that it does not know. */
	if (getpid() == 1 && !strcmp(argv[0], "/init"))
		return run_init();
	if (argc == 3 && !strcmp(what, "source"))
		return run_source(strtoul(argv[2], NULL, 10));
	if (argc == 2 && !strcmp(what, "sink"))
		return run_sink();
	if (argc == 3 && !strcmp(what, "memory"))
		return run_memory(strtoul(argv[2], NULL, 10));
	if (argc == 5 && !strcmp(what, "files"))
		return run_files(argv[2], strtoul(argv[3], NULL, 10), atoi(argv[4]));
	if (argc > 2 && !strcmp(what, "time"))
		return run_time(argv + 2);
	fprintf(stderr, "guest: wrong arguments\n");
	return 2;
}
