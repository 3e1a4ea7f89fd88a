// SPDX-License-Identifier: Apache-2.0
/* Which mounts of a plan are as usual: the usual configuration itself, and others made from it. */
#include <string.h>

#include "lib/alloc.h"
#include "test.h"
#include "vminit/usual-plan.h"

static struct plan *plan_of(const char *configuration)
{
	const struct plan_source source = {
		.id = "c1", .configuration = configuration, .len = strlen(configuration)};
	struct plan *plan;

	CHECK_INT(plan_from_source(&source, &plan, NULL), ==, 0);
	return plan;
}

/* The usual configuration with another text in the place of one. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(usual_configuration, from);

	CHECK(at);
	return xasprintf("%.*s%s%s", (int)(at - usual_configuration), usual_configuration, to,
			 at + strlen(from));
}

/* How often one of the usual mounts stands for the plan's mounts with this destination. */
static size_t count_fits(const struct plan *plan, const char *destination)
{
	_cleanup_plan_ struct plan *ours = plan_of(usual_configuration);
	size_t n = 0;

	for (size_t i = 0; i < ours->n_mounts; i++)
		for (size_t j = 0; j < plan->n_mounts; j++)
			n += !strcmp(plan->mounts[j].destination, destination) &&
			     usual_fits(ours, i, plan, &plan->mounts[j]);
	return n;
}

static void test_itself(void)
{
	_cleanup_plan_ struct plan *plan = plan_of(usual_configuration);

	CHECK_INT(plan->n_mounts, ==, 7);
	for (size_t i = 0; i < plan->n_mounts; i++)
		CHECK_INT(count_fits(plan, plan->mounts[i].destination), ==, 1);
}

#define PROC   "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
#define MOUNTS "\"mounts\":["
#define OTHER(destination) \
	"{\"destination\":\"" destination "\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
#define SYS_OPTIONS "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}"

static void test_changes(void)
{
	static const struct {
		const char *from;
		const char *to;
		const char *destination;
		size_t n;
	} cases[] = {
		/* Flags of the mount alone, and what is no change. */
		{PROC,
		 "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
		 "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"rprivate\"]},",
		 "/proc", 1},
		{"\"relatime\",\"ro\"", "\"ro\"", "/sys/fs/cgroup", 1},
		/* All else that is said of a mount. */
		{SYS_OPTIONS, "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}", "/sys", 0},
		{"\"strictatime\"", "\"relatime\"", "/dev", 0},
		{"mode=755", "mode=700", "/dev", 0},
		{"\"source\":\"shm\"", "\"source\":\"tmpfs\"", "/dev/shm", 0},
		{"\"source\":\"shm\",", "", "/dev/shm", 0},
		{"\"mode=1777\"", "\"mode=1777\",\"tmpcopyup\"", "/dev/shm", 0},
		{"\"mode=1777\"", "\"mode=1777\",\"rnoexec\"", "/dev/shm", 0},
		{"\"mode=1777\"", "\"mode=1777\",\"shared\"", "/dev/shm", 0},
		/* What lies on it. */
		{"\"/proc/kcore\",", "", "/proc", 0},
		{"\"/proc/kcore\",", "", "/sys", 1},
		{"\"/proc/bus\",", "", "/proc", 0},
		{"\"/proc/kcore\",", "\"/proc/kcore\",\"/proc/more\",", "/proc", 1},
		{",\"/sys/firmware\"", "", "/sys", 0},
		{"\"/dev/mqueue\"", "\"/dev/queue\"", "/dev", 0},
		{"\"linux\":{",
		 "\"linux\":{\"devices\":[{\"path\":\"/dev/"
		 "x\",\"type\":\"c\",\"major\":1,\"minor\":5}],",
		 "/dev", 0},
		{"\"linux\":{",
		 "\"linux\":{\"devices\":[{\"path\":\"/dev/"
		 "null\",\"type\":\"c\",\"major\":1,\"minor\":3,"
		 "\"fileMode\":384}],",
		 "/dev", 0},
		/* What would lie on it. */
		{MOUNTS, MOUNTS OTHER("/proc/keys"), "/proc", 0},
		{MOUNTS, MOUNTS OTHER("/proc/keys"), "/sys", 1},
		{MOUNTS, MOUNTS OTHER("/procession"), "/proc", 1},
		{MOUNTS, MOUNTS OTHER("/dev/log"), "/dev", 1},
		{MOUNTS, MOUNTS OTHER("/dev/stdout"), "/dev", 0},
		{MOUNTS, MOUNTS OTHER("/dev/ptmx"), "/dev", 0},
		/* Mounted before what it is in: it is covered. */
		{MOUNTS, MOUNTS OTHER("/dev/shm"), "/dev", 1},
		/* There is another. And there is one sysfs, as read-only as its first mount. */
		{MOUNTS,
		 MOUNTS "{\"destination\":\"/sys2\",\"type\":\"sysfs\",\"source\":\"sysfs\"},",
		 "/sys", 0},
		{MOUNTS, MOUNTS PROC, "/proc", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = changed(cases[i].from, cases[i].to);
		_cleanup_plan_ struct plan *plan = plan_of(text);

		printf("# %s\n", cases[i].to);
		CHECK_INT(count_fits(plan, cases[i].destination), ==, cases[i].n);
	}
}

/* A /dev that is mounted behind what belongs on it has to be mounted so. */
static void test_order(void)
{
	static const char shm[] =
		"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},";
	_cleanup_free_ char *without = changed(shm, ""), *text = NULL;
	_cleanup_plan_ struct plan *plan = NULL;
	char *at = strstr(without, MOUNTS) + strlen(MOUNTS);

	text = xasprintf("%.*s%s%s", (int)(at - without), without, shm, at);
	plan = plan_of(text);
	CHECK_INT(count_fits(plan, "/dev"), ==, 0);
	CHECK_INT(count_fits(plan, "/dev/pts"), ==, 1);
}

static void test_paths(void)
{
	char *const list[] = {(char *)"/a", (char *)"/b/c"};

	CHECK(usual_is_below("/a/b", "/a"));
	CHECK(!usual_is_below("/a", "/a"));
	CHECK(!usual_is_below("/ab", "/a"));
	CHECK(usual_is_listed("/b/c", list, 2));
	CHECK(!usual_is_listed("/b", list, 2));
	CHECK(!usual_is_listed("/a", NULL, 0));
}

int main(void)
{
	TEST_RUN(test_itself);
	TEST_RUN(test_changes);
	TEST_RUN(test_order);
	TEST_RUN(test_paths);
	return test_end();
}
