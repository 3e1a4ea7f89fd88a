// SPDX-License-Identifier: Apache-2.0
/*
 * What the parser makes of particular documents: values, refusals with their paths, and the edges
 * that test-spec.c does not generate.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "libocispec/spec.h"
#include "libocispec/state.h"

static struct oci_spec *parse(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_spec *spec = NULL;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		TEST_FAIL("%s", err.message);
	return spec;
}

static void check_refused(const char *text, const char *message)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_spec *spec = NULL;

	CHECK_INT(oci_spec_parse(text, strlen(text), &spec, &err), ==, -EINVAL);
	CHECK_STR(err.message, message);
	CHECK(!spec);
	/* Also for those who do not ask why. */
	CHECK_INT(oci_spec_parse(text, strlen(text), &spec, NULL), ==, -EINVAL);
}

/* What config.json has at @path, without the braces around it. */
#define LINUX(content) "{\"ociVersion\": \"1.0.2\", \"linux\": {" content "}}"
#define TOP(content)   "{\"ociVersion\": \"1.0.2\", " content "}"

static void test_refusals(void)
{
	check_refused("[]", "expected an object, got an array");
	check_refused("{}", "ociVersion: missing, but required");
	check_refused("{\"ociVersion\": 1}", "ociVersion: expected a string, got a number");
	check_refused(LINUX("\"resources\": {\"memory\": {\"limit\": \"1G\"}}"),
		      "linux.resources.memory.limit: expected an integer, got a string");
	check_refused(LINUX("\"resources\": {\"memory\": {\"limit\": 1e9}}"),
		      "linux.resources.memory.limit: expected an integer, got 1e9");
	check_refused(LINUX("\"resources\": {\"cpu\": {\"shares\": -1}}"),
		      "linux.resources.cpu.shares: expected an integer from 0 to "
		      "18446744073709551615, got -1");
	check_refused(TOP("\"mounts\": [{\"destination\": \"/a\"}, {}]"),
		      "mounts[1].destination: missing, but required");
	check_refused(TOP("\"mounts\": [{\"destination\": \"/a\"}, null]"),
		      "mounts[1]: expected an object, got null");
	check_refused(TOP("\"mounts\": [{\"destination\": null}]"),
		      "mounts[0].destination: missing, but required");
	check_refused(TOP("\"process\": {\"cwd\": \"/\", \"args\": [\"a\", null]}"),
		      "process.args[1]: expected a string, got null");
	check_refused(TOP("\"process\": {\"cwd\": \"/\", \"user\": {\"uid\": 4294967296}}"),
		      "process.user.uid: expected an integer from 0 to 4294967295, got 4294967296");
	check_refused(TOP("\"process\": {\"cwd\": \"/\", \"oomScoreAdj\": 1001}"),
		      "process.oomScoreAdj: expected an integer from -1000 to 1000, got 1001");
	check_refused(TOP("\"annotations\": {\"org.x/y\": 1}"),
		      "annotations[\"org.x/y\"]: expected a string, got a number");
	check_refused(TOP("\"annotations\": {\"a\": null}"),
		      "annotations.a: expected a string, got null");
	check_refused(TOP("\"annotations\": {\"a\": \"1\", \"a\": \"2\"}"),
		      "annotations.a: given twice");
	check_refused(TOP("\"hostname\": \"a\\u0000b\""),
		      "hostname: a string with a NUL character in it");
	check_refused(LINUX("\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"foo\\n\"}]"),
		      "linux.namespaces[1].type: unknown namespace type \"foo\\n\"");
	check_refused(LINUX("\"rdma\": 1, \"resources\": {\"rdma\": {\"mlx\": []}}"),
		      "linux.resources.rdma.mlx: expected an object, got an array");
	check_refused(LINUX("\"seccomp\": {\"defaultAction\": \"A\", \"syscalls\": [{\"names\": "
			    "[], \"action\": \"B\", \"args\": [{\"index\": 0, \"op\": \"C\"}]}]}"),
		      "linux.seccomp.syscalls[0].args[0].value: missing, but required");
	check_refused(TOP("\"windows\": 1"), "windows: expected an object, got a number");
	check_refused(TOP("\"root\": {\"path\": \"a\", \"readonly\": 0}"),
		      "root.readonly: expected a boolean, got a number");
}

static void test_limits(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct oci_spec *spec = NULL;

	strbuf_puts(&b, "{\"ociVersion\":\"1.0.2\",\"annotations\":{\"a\":\"");
	while (b.len <= OCI_SPEC_MAX_SIZE)
		strbuf_puts(&b, "0123456789abcdef");
	strbuf_puts(&b, "\"}}");
	CHECK_INT(oci_spec_parse(b.data, b.len, &spec, &err), ==, -EFBIG);
	CHECK_CONTAINS(err.message, "the limit is 4194304");

	/* Many small elements, each of which is a large struct. */
	b.len = 0;
	strbuf_puts(&b, "{\"ociVersion\":\"1.0.2\",\"mounts\":[");
	for (int i = 0; i < 100000; i++)
		strbuf_puts(&b, "{\"destination\":\"/\"},");
	strbuf_puts(&b, "{}]}");
	CHECK_INT(oci_spec_parse(b.data, b.len, &spec, &err), ==, -EINVAL);
	CHECK_STR(err.message, "mounts[100000].destination: missing, but required");
}

static void test_unknown_and_null(void)
{
	_cleanup_spec_ struct oci_spec *spec =
		parse("{\"nosuch\": {\"a\": [1]}, \"ociVersion\": \"1.0.2\", \"process\": null,"
		      " \"hostname\": \"\", \"mounts\": null, \"annotations\": {},"
		      " \"windows\": {\"hyperv\": {}}, \"linux\": {\"x\": 1.5,"
		      " \"namespaces\": [{\"type\": \"network\", \"path\": \"\"}]}}");
	_cleanup_free_ char *text = oci_spec_write(spec, false);

	CHECK(!spec->process);
	CHECK(!spec->hostname);
	CHECK(!spec->mounts);
	CHECK(spec->annotations);
	CHECK_INT(spec->n_annotations, ==, 0);
	CHECK(spec->has_windows && !spec->has_solaris && !spec->has_zos && !spec->has_freebsd);
	CHECK(!spec->linux->namespaces[0].path);
	CHECK_STR(text, "{\"ociVersion\":\"1.0.2\",\"annotations\":{},\"linux\":{\"namespaces\":"
			"[{\"type\":\"network\"}]},\"windows\":{}}");
}

static void test_values(void)
{
	_cleanup_spec_ struct oci_spec *spec =
		parse("{\"ociVersion\": \"1.2.0\","
		      "\"process\": {\"cwd\": \"/\", \"args\": [\"a\", \"\"], \"capabilities\":"
		      " {\"bounding\": []}, \"user\": {\"gid\": 7, \"umask\": 18,"
		      " \"additionalGids\": [1, 4294967295]}},"
		      "\"annotations\": {\"b\": \"2\", \"a\": \"\"},"
		      "\"linux\": {\"namespaces\": [{\"type\": \"network\", \"path\": \"/n\"},"
		      " {\"type\": \"mount\"}], \"timeOffsets\": {\"boottime\": {\"secs\": -5}},"
		      " \"resources\": {\"memory\": {\"limit\": -9223372036854775808,"
		      " \"disableOOMKiller\": false}, \"cpu\": {\"shares\": 18446744073709551615}}}"
		      "}");
	const struct oci_process *p = spec->process;

	CHECK_INT(p->n_args, ==, 2);
	CHECK_STR(p->args[1], "");
	CHECK_STR(p->args[2], NULL);
	CHECK(!p->env && !p->terminal && !p->oom_score_adj.set);
	CHECK_INT(p->user.uid, ==, 0);
	CHECK_INT(p->user.gid, ==, 7);
	CHECK(p->user.umask.set && p->user.umask.value == 022);
	CHECK_INT(p->user.additional_gids[1], ==, UINT32_MAX);
	CHECK(p->capabilities->bounding && !p->capabilities->n_bounding);
	CHECK(!p->capabilities->bounding[0]);
	CHECK(!p->capabilities->effective);
	CHECK_INT(spec->linux->resources->memory->limit.value, ==, INT64_MIN);
	CHECK(spec->linux->resources->memory->disable_oom_killer.set);
	CHECK(!spec->linux->resources->memory->disable_oom_killer.value);
	CHECK(spec->linux->resources->cpu->shares.value == UINT64_MAX);
	CHECK_STR(spec->linux->time_offsets[0].clock, "boottime");
	CHECK_INT(spec->linux->time_offsets[0].secs.value, ==, -5);

	CHECK_STR(oci_namespace_find(spec, OCI_NAMESPACE_NETWORK)->path, "/n");
	CHECK(!oci_namespace_find(spec, OCI_NAMESPACE_MOUNT)->path);
	CHECK(!oci_namespace_find(spec, OCI_NAMESPACE_USER));
	CHECK_STR(spec->annotations[0].key, "b");
	CHECK_STR(oci_spec_annotation(spec, "a"), "");
	CHECK_STR(oci_spec_annotation(spec, "c"), NULL);
}

static void test_namespace_names(void)
{
	CHECK_STR(oci_namespace_infos[OCI_NAMESPACE_NETWORK].name, "network");
	CHECK_STR(oci_namespace_infos[OCI_NAMESPACE_NETWORK].proc_name, "net");
	CHECK_INT(oci_namespace_infos[OCI_NAMESPACE_MOUNT].clone_flag, ==, CLONE_NEWNS);
	for (int i = 0; i < OCI_NAMESPACE_TYPES; i++)
		CHECK(oci_namespace_infos[i].name && oci_namespace_infos[i].clone_flag);
}

static void test_bare_process_and_resources(void)
{
	static const char process[] = "{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},"
				      "\"args\":[\"sh\"],\"cwd\":\"/\"}";
	static const char resources[] = "{\"pids\":{\"limit\":-1}}";
	static const char bad[] = "{\"cwd\": \"/\", \"env\": {}}";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_process_ struct oci_process *p = NULL, *p_copy = NULL;
	_cleanup_resources_ struct oci_resources *r = NULL, *r_copy = NULL;
	_cleanup_free_ char *p_text = NULL, *r_text = NULL;

	CHECK_INT(oci_process_parse(process, strlen(process), &p, &err), ==, 0);
	p_copy = oci_process_copy(p);
	p_text = oci_process_write(p_copy, false);
	CHECK_STR(p_text, process);
	CHECK_INT(oci_resources_parse(resources, strlen(resources), &r, &err), ==, 0);
	r_copy = oci_resources_copy(r);
	r_text = oci_resources_write(r_copy, false);
	CHECK_STR(r_text, resources);
	oci_process_free(p);
	p = NULL;
	CHECK_INT(oci_process_parse(bad, strlen(bad), &p, &err), ==, -EINVAL);
	CHECK_STR(err.message, "env: expected an array, got an object");
	CHECK(!oci_spec_copy(NULL));
	oci_spec_free(NULL);
}

static void test_load(void)
{
	char directory[] = "/tmp/runvm-test-spec.XXXXXX";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_spec_ struct oci_spec *spec = NULL;
	_cleanup_close_ int dirfd = -1;

	CHECK(mkdtemp(directory));
	dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(dirfd, >=, 0);
	CHECK_INT(oci_spec_load(dirfd, "config.json", &spec, &err), ==, -ENOENT);
	CHECK_STR(err.message, "read \"config.json\": No such file or directory");
	CHECK_INT(io_replace_file(dirfd, "config.json", "{}", 2, 0600, &err), ==, 0);
	CHECK_INT(oci_spec_load(dirfd, "config.json", &spec, &err), ==, -EINVAL);
	CHECK_STR(err.message, "config.json: ociVersion: missing, but required");
	CHECK_INT(io_replace_file(dirfd, "config.json", "", 0, 0600, &err), ==, 0);
	CHECK_INT(oci_spec_load(dirfd, "config.json", &spec, &err), ==, -EINVAL);
	CHECK_CONTAINS(err.message, "config.json: not JSON: line 1, column 1:");
	CHECK_INT(
		io_replace_file(dirfd, "config.json", "{\"ociVersion\":\"1.0.2\"}", 22, 0600, &err),
		==, 0);
	CHECK_INT(oci_spec_load(dirfd, "config.json", &spec, &err), ==, 0);
	CHECK_STR(spec->oci_version, "1.0.2");
	CHECK_INT(unlinkat(dirfd, "config.json", 0), ==, 0);
	CHECK_INT(rmdir(directory), ==, 0);
}

static void test_state(void)
{
	static char version[] = "1.3.0", id[] = "c1", bundle[] = "/b", owner[] = "";
	static char key[] = "k", value[] = "v\"";
	struct oci_entry annotations[] = {{key, value}};
	struct oci_state hook_state = {.oci_version = version,
				       .id = id,
				       .pid = 7,
				       .status = OCI_STATUS_CREATED,
				       .bundle = bundle};
	struct oci_state full = {.oci_version = version,
				 .id = id,
				 .status = OCI_STATUS_STOPPED,
				 .bundle = bundle,
				 .rootfs = bundle,
				 .annotations = annotations,
				 .n_annotations = 1,
				 .owner = owner};
	static const char bad[] = "{\"ociVersion\":\"1\",\"id\":\"a\",\"bundle\":\"/\","
				  "\"status\":\"dead\"}";
	_cleanup_free_ char *compact = oci_state_write(&hook_state, false);
	_cleanup_free_ char *pretty = oci_state_write(&full, true);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_state_ struct oci_state *state = NULL, *none = NULL;

	CHECK_STR(compact, "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":7,"
			   "\"status\":\"created\",\"bundle\":\"/b\"}");
	CHECK_STR(pretty,
		  "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 0,\n"
		  "  \"status\": \"stopped\",\n  \"bundle\": \"/b\",\n  \"rootfs\": \"/b\","
		  "\n  \"annotations\": {\n    \"k\": \"v\\\"\"\n  },\n  \"owner\": \"\"\n}");
	CHECK_INT(oci_state_parse(compact, strlen(compact), &state, &err), ==, 0);
	CHECK_INT(state->pid, ==, 7);
	CHECK_INT(state->status, ==, OCI_STATUS_CREATED);
	CHECK_INT(oci_state_parse(bad, strlen(bad), &none, &err), ==, -EINVAL);
	CHECK_STR(err.message, "status: unknown status \"dead\"");
}

int main(void)
{
	TEST_RUN(test_refusals);
	TEST_RUN(test_limits);
	TEST_RUN(test_unknown_and_null);
	TEST_RUN(test_values);
	TEST_RUN(test_namespace_names);
	TEST_RUN(test_bare_process_and_resources);
	TEST_RUN(test_load);
	TEST_RUN(test_state);
	return test_end();
}
