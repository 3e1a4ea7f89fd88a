// SPDX-License-Identifier: Apache-2.0
/* What `features` promises is what the guest knows. */
#include "command/features.h"

#include <string.h>

#include "libocispec/json.h"
#include "tests/unit/test.h"
#include "vminit/mount-options.h"

/* A word that the guest does not know would be handed to the file system as data. */
static void test_mount_options(void)
{
	for (size_t i = 0; features_mount_options[i]; i++) {
		char *word[] = {(char *)(uintptr_t)features_mount_options[i], NULL};
		struct mount_options o = {0};

		printf("# %s\n", word[0]);
		CHECK_INT(mount_options_parse(word, 1, &o, NULL), ==, 0);
		CHECK_STR(o.data, NULL);
		if (i)
			CHECK(strcmp(features_mount_options[i - 1], word[0]) < 0);
	}
}

static void test_json(void)
{
	static const char *const keys[] = {"ociVersionMin", "ociVersionMax", "hooks",
					   "mountOptions",  "linux",	     "annotations"};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_json_ struct json *root = NULL;
	const struct json *namespaces;

	features_write(&text);
	CHECK_INT(json_parse(text.data, text.len, 1 << 16, &root, NULL), ==, 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		CHECK(json_member(root, keys[i]));
	namespaces = json_member(json_member(root, "linux"), "namespaces");
	CHECK(namespaces);
	json_for_each(value, namespaces)
		CHECK(strcmp(value->text, "user"));
	CHECK(json_member(json_member(json_member(root, "linux"), "cgroup"), "v1"));
}

int main(void)
{
	TEST_RUN(test_mount_options);
	TEST_RUN(test_json);
	return test_end();
}
