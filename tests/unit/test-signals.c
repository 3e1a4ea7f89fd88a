// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>

#include "command/signals.h"
#include "test.h"

static void test_good(void)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{"9", 9},
		{"0", 0},
		{"64", 64},
		{"KILL", SIGKILL},
		{"SIGKILL", SIGKILL},
		{"kill", SIGKILL},
		{"sigterm", SIGTERM},
		{"HUP", SIGHUP},
		{"SIGUSR1", SIGUSR1},
		{"SIGWINCH", SIGWINCH},
		{"IOT", SIGABRT},
		{"CHLD", SIGCHLD},
		{"POLL", SIGIO},
		{"RTMIN", 34},
		{"SIGRTMIN+1", 35},
		{"RTMAX", 64},
		{"SIGRTMAX-3", 61},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_INT(signal_parse(cases[i].text), ==, cases[i].number);
}

static void test_bad(void)
{
	static const char *const cases[] = {"",		  "SIG",
					    "FOO",	  "65",
					    "-1",	  "9x",
					    " 9",	  "0x9",
					    "RTMIN+",	  "RTMIN+31",
					    "RTMAX-31",	  "RTMIN-1",
					    "SIGSIGKILL", "99999999999999999999"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (signal_parse(cases[i]) != -EINVAL)
			TEST_FAIL("\"%s\" is a signal", cases[i]);
}

int main(void)
{
	TEST_RUN(test_good);
	TEST_RUN(test_bad);
	return test_end();
}
