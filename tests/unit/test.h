/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests' frame: a test program is a list of named functions, run in order in one process,
 * reported in TAP. A failed CHECK ends its test, not the program.
 *
 *	static void test_empty(void) { CHECK_INT(parse(""), ==, -EINVAL); }
 *	int main(void) { TEST_RUN(test_empty); return test_end(); }
 */
#ifndef RUNVM_TEST_H
#define RUNVM_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_count, test_failures;
static jmp_buf test_escape;

#define TEST_FAIL(...)                                   \
	do {                                             \
		fflush(stdout);                          \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
		longjmp(test_escape, 1);                 \
	} while (0)

#define CHECK(condition)                             \
	do {                                         \
		if (!(condition))                    \
			TEST_FAIL("%s", #condition); \
	} while (0)

#define CHECK_INT(a, op, b)                                                                     \
	do {                                                                                    \
		intmax_t a_ = (intmax_t)(a), b_ = (intmax_t)(b);                                \
		if (!(a_ op b_))                                                                \
			TEST_FAIL("%s %s %s: %" PRIdMAX " and %" PRIdMAX, #a, #op, #b, a_, b_); \
	} while (0)

/* Equal strings; NULL equals NULL alone. */
#define CHECK_STR(a, b)                                                                        \
	do {                                                                                   \
		const char *a_ = (a), *b_ = (b);                                               \
		if (!a_ || !b_ ? a_ != b_ : strcmp(a_, b_) != 0)                               \
			TEST_FAIL("%s is not %s:\n#   %s\n#   %s", #a, #b, a_ ? a_ : "(null)", \
				  b_ ? b_ : "(null)");                                         \
	} while (0)

#define CHECK_CONTAINS(haystack, needle)                                       \
	do {                                                                   \
		const char *h_ = (haystack), *n_ = (needle);                   \
		if (!h_ || !strstr(h_, n_))                                    \
			TEST_FAIL("no \"%s\" in: %s", n_, h_ ? h_ : "(null)"); \
	} while (0)

#define TEST_RUN(function) test_run_(#function, function)

static inline void test_run_(const char *name, void (*function)(void))
{
	test_count++;
	if (setjmp(test_escape)) {
		test_failures++;
		printf("not ok %d - %s\n", test_count, name);
	} else {
		function();
		printf("ok %d - %s\n", test_count, name);
	}
	fflush(stdout);
}

static inline int test_end(void)
{
	printf("1..%d\n", test_count);
	return test_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
