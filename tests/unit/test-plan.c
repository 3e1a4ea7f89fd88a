// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "container/plan.h"
#include "lib/alloc.h"
#include "test.h"

#define MIB (UINT64_C(1) << 20)

/* A bundle as bundle_load() makes it, from JSON without a file. */
static struct bundle *make_bundle(const char *json)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct bundle *bundle = xnew(struct bundle);
	int r = oci_spec_parse(json, strlen(json), &bundle->spec, &err);

	if (r < 0)
		TEST_FAIL("%s", error_message(&err));
	bundle->path = xstrdup("/bundle");
	bundle->rootfs = xstrdup("/bundle/rootfs");
	bundle->sources = xcalloc(bundle->spec->n_mounts, sizeof(*bundle->sources));
	bundle->host_cpus = 8;
	bundle->host_memory = 4096 * MIB;
	return bundle;
}

#define HEAD                                                        \
	"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"}," \
	"\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"

static struct plan_size size_of(const char *json)
{
	struct bundle *bundle = make_bundle(json);
	struct plan_size size = plan_size(bundle);

	bundle_free(bundle);
	return size;
}

static void test_size(void)
{
	struct plan_size size = size_of(HEAD "\"linux\":{}}");

	CHECK_INT(size.vcpus, ==, 1);
	CHECK_INT(size.memory, ==, 512 * MIB);
	/* A limit of 300 MiB and what the guest needs, rounded up to 128 MiB. */
	size = size_of(HEAD "\"linux\":{\"resources\":{\"memory\":{\"limit\":314572800},"
			    "\"cpu\":{\"quota\":150000,\"period\":100000}}}}");
	CHECK_INT(size.vcpus, ==, 2);
	CHECK_INT(size.memory, ==, 512 * MIB);
	size = size_of(HEAD "\"linux\":{\"resources\":{\"memory\":{\"limit\":4194304},"
			    "\"cpu\":{\"quota\":1000}}}}");
	CHECK_INT(size.vcpus, ==, 1);
	CHECK_INT(size.memory, ==, 256 * MIB);
	/* No limit, in the three ways to say it. */
	size = size_of(HEAD "\"linux\":{\"resources\":{\"memory\":{\"limit\":-1},"
			    "\"cpu\":{\"quota\":-1,\"period\":0}}}}");
	CHECK_INT(size.vcpus, ==, 1);
	CHECK_INT(size.memory, ==, 512 * MIB);
	/* More than the host has. */
	size = size_of(HEAD "\"linux\":{\"resources\":{\"memory\":{\"limit\":9223372036854771712},"
			    "\"cpu\":{\"quota\":9000000,\"period\":100000}}}}");
	CHECK_INT(size.vcpus, ==, 8);
	CHECK_INT(size.memory, ==, (4096 + 128) * MIB);
	/* 2^32 CPUs. */
	size = size_of(HEAD "\"linux\":{\"resources\":{\"cpu\":{\"quota\":429496729600000,"
			    "\"period\":100000}}}}");
	CHECK_INT(size.vcpus, ==, 8);
	/* vm.hwConfig has the last word. */
	size = size_of(HEAD "\"vm\":{\"kernel\":{\"path\":\"/k\"},\"hwConfig\":{\"vcpus\":3,"
			    "\"memory\":1000000000}},\"linux\":{\"resources\":{\"memory\":{"
			    "\"limit\":314572800}}}}");
	CHECK_INT(size.vcpus, ==, 3);
	CHECK_INT(size.memory, ==, 1024 * MIB);
}

/* What decides whether the guest's kernel, whatever it does, can write to a directory of the host. */
static void test_readonly_exports(void)
{
	static const struct {
		const char *options;
		bool readonly;
	} cases[] = {
		{"\"rbind\"", false},	     {"\"ro\"", true},
		{"\"ro\",\"rw\"", false},    {"\"rw\",\"ro\"", true},
		{"\"rbind\",\"rro\"", true}, {"\"rro\",\"rw\"", true},
		{"\"rw\",\"rro\"", true},    {"\"ro\",\"rrw\"", false},
		{"\"rrw\",\"rro\"", true},   {"\"ro\",\"rro\",\"rrw\"", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *json =
			xasprintf(HEAD "\"mounts\":[{\"destination\":\"/d\",\"source\":\"/s\","
				       "\"type\":\"bind\",\"options\":[\"bind\",%s]}]}",
				  cases[i].options);
		struct bundle *bundle = make_bundle(json);
		struct plan *plan;

		bundle->sources[0] =
			(struct bundle_source){.kind = SOURCE_DIRECTORY, .path = xstrdup("/s")};
		CHECK_INT(plan_make(bundle, "c1", &plan, NULL), ==, 0);
		CHECK_INT(plan->n_exports, ==, 2);
		if (plan->exports[1].readonly != cases[i].readonly)
			TEST_FAIL("%s", cases[i].options);
		plan_free(plan);
		bundle_free(bundle);
	}
}

static void test_guest_half(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct bundle *bundle = make_bundle(
		HEAD "\"hostname\":\"h\",\"mounts\":["
		     "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		     "{\"destination\":\"/data\",\"source\":\"/srv/"
		     "data\",\"options\":[\"rbind\",\"ro\"]},"
		     "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"hosts\"},"
		     "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/shm\"}],"
		     "\"hooks\":{\"prestart\":[{\"path\":\"/h\"}],\"startContainer\":[{\"path\":\"/"
		     "s\"}]},"
		     "\"linux\":{\"cgroupsPath\":\"/a/b\",\"namespaces\":[{\"type\":\"pid\"},"
		     "{\"type\":\"network\",\"path\":\"/run/netns/x\"},{\"type\":\"uts\"}]},"
		     "\"vm\":{\"kernel\":{\"path\":\"/k\",\"parameters\":[\"debug\"]}}}");
	struct plan *plan;

	bundle->sources[1] =
		(struct bundle_source){.kind = SOURCE_DIRECTORY, .path = xstrdup("/srv/data")};
	bundle->sources[2] =
		(struct bundle_source){.kind = SOURCE_FILE, .path = xstrdup("/bundle/hosts")};
	bundle->sources[3] = (struct bundle_source){
		.kind = SOURCE_DIRECTORY, .path = xstrdup("/shm"), .tmpfs_size = 65536};
	CHECK_INT(plan_make(bundle, "c1", &plan, &err), ==, 0);
	CHECK_INT(plan->n_exports, ==, 3);
	CHECK_STR(plan->exports[0].source, "/bundle/rootfs");
	CHECK_STR(plan->exports[0].name, "rootfs");
	CHECK(plan->exports[0].directory && !plan->exports[0].readonly);
	CHECK_STR(plan->exports[1].source, "/srv/data");
	CHECK_STR(plan->exports[1].name, "m1");
	CHECK(plan->exports[1].readonly && plan->exports[1].recursive);
	CHECK_STR(plan->exports[2].name, "m2");
	CHECK(!plan->exports[2].directory && !plan->exports[2].readonly);
	CHECK_STR(plan->guest->root->path, "/run/share/c1/rootfs");
	CHECK_STR(plan->guest->mounts[0].source, "proc");
	CHECK_STR(plan->guest->mounts[1].source, "/run/share/c1/m1");
	CHECK_STR(plan->guest->mounts[2].source, "/run/share/c1/m2");
	CHECK_STR(plan->guest->mounts[3].type, "tmpfs");
	CHECK_STR(plan->guest->mounts[3].options[4], "size=65536");
	CHECK_INT(plan->guest->mounts[3].n_options, ==, 5);
	CHECK_INT(plan->guest->hooks->n_prestart, ==, 0);
	CHECK_INT(plan->guest->hooks->n_start_container, ==, 1);
	CHECK_STR(plan->cgroups_path, "/a/b");
	CHECK(!plan->guest->linux->cgroups_path);
	CHECK_INT(plan->n_namespaces, ==, 3);
	CHECK_STR(plan->namespaces[1].path, "/run/netns/x");
	CHECK(!plan->guest->linux->namespaces[1].path);
	CHECK_STR(plan->vm.kernel, "/k");
	CHECK_STR(plan->vm.kernel_parameters[0], "debug");
	CHECK(!plan->vm.kernel_parameters[1]);
	/* What was read is left as it was. */
	CHECK_STR(bundle->spec->mounts[1].source, "/srv/data");
	CHECK_STR(bundle->spec->linux->cgroups_path, "/a/b");
	plan_free(plan);
	bundle_free(bundle);
}

static void test_refusals(void)
{
	static const struct {
		const char *json, *path;
	} cases[] = {
		{"\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}", "linux.namespaces[0]: user"},
		{"\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}}",
		 "linux.namespaces[0].path"},
		{"\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}}",
		 "linux.uidMappings"},
		{"\"linux\":{\"devices\":[{\"path\":\"/dev/vda\",\"type\":\"b\",\"major\":254,"
		 "\"minor\":0}]}}",
		 "linux.devices[0]"},
		{"\"linux\":{\"personality\":{\"domain\":\"LINUX32\"}}}", "linux.personality"},
		{"\"linux\":{\"intelRdt\":{}}}", "linux.intelRdt"},
		{"\"vm\":{\"kernel\":{\"path\":\"/k\"},\"image\":{\"path\":\"/"
		 "i\",\"format\":\"raw\"}}}",
		 "vm.image"},
		{"\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"options\":[\"idmap\"]}]}",
		 "mounts[0].options[0]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *json = xasprintf("%s%s", HEAD, cases[i].json);
		_cleanup_error_ struct error err = ERROR_INIT;
		struct bundle *bundle = make_bundle(json);
		struct plan *plan;

		CHECK_INT(plan_make(bundle, "c", &plan, &err), ==, -ENOTSUP);
		CHECK_CONTAINS(error_message(&err), cases[i].path);
		bundle_free(bundle);
	}
}

static void test_sources_that_cannot_be(void)
{
	static const struct {
		enum bundle_source_kind kind;
		int errnum;
	} cases[] = {{SOURCE_MISSING, ENOENT}, {SOURCE_SOCKET, ENOTSUP}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct bundle *bundle = make_bundle(HEAD "\"mounts\":[{\"destination\":\"/x\","
							 "\"type\":\"bind\",\"source\":\"/y\"}]}");
		struct plan *plan;

		bundle->sources[0] =
			(struct bundle_source){.kind = cases[i].kind, .path = xstrdup("/y")};
		CHECK_INT(plan_make(bundle, "c", &plan, &err), ==, -cases[i].errnum);
		CHECK_CONTAINS(error_message(&err), "mounts[0].source: \"/y\"");
		bundle_free(bundle);
	}
}

static void test_warnings(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct bundle *bundle = make_bundle(
		HEAD "\"linux\":{\"mountLabel\":\"l\",\"resources\":{\"pids\":{\"limit\":5}}}}");
	struct plan *plan;

	CHECK_INT(plan_make(bundle, "c", &plan, &err), ==, 0);
	CHECK_INT(plan->n_warnings, ==, 1);
	CHECK_CONTAINS(plan->warnings[0], "network");
	CHECK_INT(plan->n_notes, ==, 3);
	CHECK_CONTAINS(plan->notes[0], "linux.mountLabel");
	CHECK_CONTAINS(plan->notes[1], "uts");
	plan_free(plan);
	bundle_free(bundle);
}

static void test_unknown_capabilities(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct bundle *bundle = make_bundle(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":["
		"\"x\"],"
		"\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FLY\"],"
		"\"ambient\":[\"CAP_CHECKPOINT_RESTORE\",\"kill\"]}},\"linux\":{\"namespaces\":["
		"{\"type\":\"network\"}]}}");
	struct plan *plan;

	CHECK_INT(plan_make(bundle, "c", &plan, &err), ==, 0);
	CHECK_INT(plan->n_warnings, ==, 2);
	CHECK_CONTAINS(plan->warnings[0], "process.capabilities.bounding[1]: \"CAP_FLY\"");
	CHECK_CONTAINS(plan->warnings[1], "process.capabilities.ambient[1]: \"kill\"");
	plan_free(plan);
	bundle_free(bundle);
}

int main(void)
{
	TEST_RUN(test_size);
	TEST_RUN(test_readonly_exports);
	TEST_RUN(test_guest_half);
	TEST_RUN(test_refusals);
	TEST_RUN(test_sources_that_cannot_be);
	TEST_RUN(test_warnings);
	TEST_RUN(test_unknown_capabilities);
	return test_end();
}
