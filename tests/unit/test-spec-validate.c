// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test.h"

#include "lib/alloc.h"
#include "libocispec/spec.h"

/* The message of the check, "" when it passes; to be freed. */
static char *validate(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_spec_ struct oci_spec *spec = NULL;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		TEST_FAIL("%s", err.message);
	if (!oci_spec_validate(spec, &err))
		return xstrdup("");
	CHECK_INT(err.errnum, ==, EINVAL);
	return xstrdup(err.message);
}

struct check {
	const char *content, *message;
};

/* Each content in between @before and @after. */
static void check_all(const char *before, const struct check *checks, size_t n, const char *after)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = xasprintf("%s%s%s", before, checks[i].content, after);
		_cleanup_free_ char *message = validate(text);

		if (strcmp(message, checks[i].message) != 0)
			TEST_FAIL("%s:\n#   %s\n#   %s", checks[i].content, message,
				  checks[i].message);
	}
}

#define BASE "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"r\"}, "

static void test_versions(void)
{
	static const char *const good[] = {
		"1.0.0",      "1.0.2",	     "1.3.0",	  "1.0.2-dev",	     "1.0.0-rc1",
		"1.0.0-rc.1", "1.2.0+build", "1.99.1234", "1.0.0-0a.x-y+00",
	};
	static const char *const bad[] = {
		"1",	  "1.0",    "1.0.",   "1.0.0.0",       "01.0.0",
		"1.00.0", "v1.0.0", "1.0.0-", "1.0.0-01",      "1.0.0-a..b",
		"1.0.0+", " 1.0.0", "1.0.0 ", "1.0.0-\\u00e9", "1.0.0+a+b",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_free_ char *text =
			xasprintf("{\"ociVersion\": \"%s\", \"root\": {\"path\": \"r\"}}", good[i]);
		_cleanup_free_ char *message = validate(text);

		CHECK_STR(message, "");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *text =
			xasprintf("{\"ociVersion\": \"%s\", \"root\": {\"path\": \"r\"}}", bad[i]);
		_cleanup_free_ char *message = validate(text);

		CHECK_CONTAINS(message, "ociVersion: expected a version such as 1.3.0, got \"");
	}
}

static void test_top(void)
{
	static const struct check checks[] = {
		{"{\"ociVersion\": \"\"}", "ociVersion: missing, but required"},
		{"{\"ociVersion\": \"0.9.0\"}",
		 "ociVersion: version \"0.9.0\" is not supported, only 1.x is"},
		{"{\"ociVersion\": \"2.0.0\"}",
		 "ociVersion: version \"2.0.0\" is not supported, only 1.x is"},
		{"{\"ociVersion\": \"10.0.0\"}",
		 "ociVersion: version \"10.0.0\" is not supported, only 1.x is"},
		{"{\"ociVersion\": \"1.0.0\"}", "root: missing, but required"},
		{"{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"\"}}", "root.path: empty"},
		{BASE "\"hostname\": \"h\"}",
		 "hostname: needs a \"uts\" namespace in linux.namespaces"},
		{BASE "\"domainname\": \"h\"}",
		 "domainname: needs a \"uts\" namespace in linux.namespaces"},
		{BASE "\"hostname\": \"h\", \"linux\": {\"namespaces\": [{\"type\": \"uts\"}]}}",
		 ""},
	};

	check_all("", checks, ARRAY_SIZE(checks), "");
}

static void test_mounts_and_hooks(void)
{
	static const struct check checks[] = {
		{"\"mounts\": [{\"destination\": \"relative\", \"type\": \"proc\"},"
		 " {\"destination\": \"\"}]",
		 "mounts[1].destination: empty"},
		{"\"mounts\": [{\"destination\": \"/\", \"options\": [\"ro\", \"rbind\"]},"
		 " {\"destination\": \"/\", \"source\": \"/run\"}]",
		 "mounts[1].type: missing, and no option says that it is a bind mount"},
		{"\"mounts\": [{\"destination\": \"/\", \"type\": \"bind\", \"uidMappings\": "
		 "[{\"containerID\": 0,"
		 " \"hostID\": 0, \"size\": 1}]}]",
		 "mounts[0]: uidMappings and gidMappings have to be given together"},
		{"\"mounts\": [{\"destination\": \"/\", \"type\": \"bind\", \"uidMappings\": "
		 "[{\"containerID\": 0,"
		 " \"hostID\": 0, \"size\": 1}], \"gidMappings\": [{\"containerID\": 0,"
		 " \"hostID\": 0, \"size\": 0}]}]",
		 "mounts[0].gidMappings[0].size: no ids to map"},
		{"\"hooks\": {\"prestart\": [{\"path\": \"/a\", \"timeout\": 1}],"
		 " \"poststop\": [{\"path\": \"bin/x\"}]}",
		 "hooks.poststop[0].path: expected an absolute path, got \"bin/x\""},
		{"\"hooks\": {\"createRuntime\": [{\"path\": \"\"}]}",
		 "hooks.createRuntime[0].path: expected an absolute path, got \"\""},
		{"\"hooks\": {\"createContainer\": [{\"path\": \"/a\"}, {\"path\": \"/a\","
		 " \"timeout\": 0}]}",
		 "hooks.createContainer[1].timeout: expected more than 0 seconds"},
		{"\"hooks\": {\"startContainer\": [{\"path\": \"/a\", \"timeout\": -1}]}",
		 "hooks.startContainer[0].timeout: expected more than 0 seconds"},
		{"\"hooks\": {\"poststart\": [{\"path\": \"/a\", \"timeout\": -1}]}",
		 "hooks.poststart[0].timeout: expected more than 0 seconds"},
	};

	check_all(BASE, checks, ARRAY_SIZE(checks), "}");
}

static void test_process(void)
{
	static const struct check checks[] = {
		{"\"cwd\": \"/\", \"args\": [\"a\"]", ""},
		{"\"cwd\": \"/\"", "process.args: empty: no program to run"},
		{"\"cwd\": \"/\", \"args\": []", "process.args: empty: no program to run"},
		{"\"cwd\": \"/\", \"args\": [\"\"]", "process.args[0]: empty: no program to run"},
		{"\"cwd\": \"a\", \"args\": [\"a\"]",
		 "process.cwd: expected an absolute path, got \"a\""},
		{"\"cwd\": \"\", \"args\": [\"a\"]",
		 "process.cwd: expected an absolute path, got \"\""},
	};
	static const struct check more[] = {
		{"\"user\": {\"uid\": 4294967295}",
		 "process.user.uid: 4294967295 is not an id, it stands for none"},
		{"\"user\": {\"gid\": 4294967295}",
		 "process.user.gid: 4294967295 is not an id, it stands for none"},
		{"\"user\": {\"additionalGids\": [0, 4294967295]}",
		 "process.user.additionalGids[1]: 4294967295 is not an id, it stands for none"},
		{"\"env\": [\"A=\", \"B=1=2\"]", ""},
		{"\"env\": [\"A=\", \"B\"]", "process.env[1]: expected NAME=value, got \"B\""},
		{"\"env\": [\"=x\"]", "process.env[0]: expected NAME=value, got \"=x\""},
		{"\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1, \"hard\": 1},"
		 " {\"type\": \"RLIMIT_NOFILES\", \"soft\": 1, \"hard\": 1}]",
		 "process.rlimits[1].type: unknown resource limit \"RLIMIT_NOFILES\""},
		{"\"rlimits\": [{\"type\": \"RLIMIT_AS\", \"soft\": 1, \"hard\": 1},"
		 " {\"type\": \"RLIMIT_AS\", \"soft\": 1, \"hard\": 1}]",
		 "process.rlimits[1].type: RLIMIT_AS given twice"},
		{"\"rlimits\": [{\"type\": \"RLIMIT_AS\", \"soft\": 2, \"hard\": 1}]",
		 "process.rlimits[0].soft: higher than the hard limit"},
		{"\"scheduler\": {\"policy\": \"FIFO\"}",
		 "process.scheduler.policy: unknown scheduling policy \"FIFO\""},
		{"\"scheduler\": {\"policy\": \"SCHED_FIFO\", \"flags\": [\"x\"]}",
		 "process.scheduler.flags[0]: unknown scheduling flag \"x\""},
		{"\"ioPriority\": {\"class\": \"IOPRIO_CLASS_BE\", \"priority\": 8}",
		 "process.ioPriority.priority: expected 0 to 7"},
		{"\"ioPriority\": {\"class\": \"BE\", \"priority\": 7}",
		 "process.ioPriority.class: unknown I/O scheduling class \"BE\""},
		{"\"execCPUAffinity\": {\"initial\": \"0-3,7\", \"final\": \"all\"}",
		 "process.execCPUAffinity.final: expected a list of CPUs such as 0-3,7"},
	};

	check_all(BASE "\"process\": {", checks, ARRAY_SIZE(checks), "}}");
	check_all(BASE "\"process\": {\"cwd\": \"/\", \"args\": [\"a\"], ", more, ARRAY_SIZE(more),
		  "}}");
}

static void test_linux(void)
{
	static const struct check checks[] = {
		{"\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"ipc\"}, {\"type\": \"pid\"}]",
		 "linux.namespaces[2].type: \"pid\" given twice"},
		{"\"namespaces\": [{\"type\": \"pid\", \"path\": \"proc/1\"}]",
		 "linux.namespaces[0].path: expected an absolute path, got \"proc/1\""},
		{"\"uidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 1}]",
		 "linux.uidMappings: needs a \"user\" namespace in linux.namespaces"},
		{"\"gidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 4294967295}]",
		 "linux.gidMappings: needs a \"user\" namespace in linux.namespaces"},
		{"\"gidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 4294967295}]",
		 "linux.gidMappings[0]: maps ids beyond the last, 4294967294"},
		{"\"timeOffsets\": {\"monotonic\": {}}",
		 "linux.timeOffsets: needs a \"time\" namespace in linux.namespaces"},
		{"\"timeOffsets\": {\"realtime\": {}}",
		 "linux.timeOffsets: unknown clock \"realtime\""},
		{"\"timeOffsets\": {\"boottime\": {\"nanosecs\": 1000000000}}",
		 "linux.timeOffsets.boottime.nanosecs: expected less than a second"},
		{"\"devices\": [{\"type\": \"x\", \"path\": \"/dev/x\"}]",
		 "linux.devices[0].type: unknown device type \"x\""},
		{"\"devices\": [{\"type\": \"c\", \"path\": \"dev/x\"}]",
		 "linux.devices[0].path: expected an absolute path, got \"dev/x\""},
		{"\"devices\": [{\"type\": \"p\", \"path\": \"/p\"}, {\"type\": \"c\","
		 " \"path\": \"/c\", \"major\": 1}]",
		 "linux.devices[1].minor: missing, but required"},
		{"\"devices\": [{\"type\": \"b\", \"path\": \"/c\", \"minor\": 1}]",
		 "linux.devices[0].major: missing, but required"},
		{"\"devices\": [{\"type\": \"p\", \"path\": \"/p\", \"gid\": 4294967295}]",
		 "linux.devices[0].gid: 4294967295 is not an id, it stands for none"},
		{"\"netDevices\": {\"eth0\": {\"name\": \"container_eth%d\"}}", ""},
		{"\"netDevices\": {\"et h0\": {}}",
		 "linux.netDevices: \"et h0\" is not a name for a network device"},
		{"\"netDevices\": {\"eth0\": {\"name\": \"0123456789abcdef\"}}",
		 "linux.netDevices.eth0.name: \"0123456789abcdef\" is not a name for a network "
		 "device"},
		{"\"rootfsPropagation\": \"rslave\"", ""},
		{"\"rootfsPropagation\": \"public\"",
		 "linux.rootfsPropagation: unknown mount propagation \"public\""},
		{"\"maskedPaths\": [\"/a\", \"b\"]",
		 "linux.maskedPaths[1]: expected an absolute path, got \"b\""},
		{"\"readonlyPaths\": [\"b\"]",
		 "linux.readonlyPaths[0]: expected an absolute path, got \"b\""},
		{"\"intelRdt\": {\"closID\": \"a/b\"}",
		 "linux.intelRdt.closID: not the name of a directory"},
		{"\"intelRdt\": {\"memBwSchema\": \"L3:1\"}",
		 "linux.intelRdt.memBwSchema: expected one line that begins with MB:"},
		{"\"memoryPolicy\": {\"mode\": \"BIND\"}",
		 "linux.memoryPolicy.mode: unknown memory policy \"BIND\""},
		{"\"memoryPolicy\": {\"mode\": \"MPOL_BIND\", \"flags\": [\"x\"]}",
		 "linux.memoryPolicy.flags[0]: unknown memory policy flag \"x\""},
		{"\"personality\": {\"domain\": \"BSD\"}",
		 "linux.personality.domain: unknown personality \"BSD\""},
		{"\"personality\": {\"domain\": \"LINUX\", \"flags\": [\"x\"]}",
		 "linux.personality.flags: the specification knows no flags"},
	};

	check_all(BASE "\"linux\": {", checks, ARRAY_SIZE(checks), "}}");
}

static void test_resources(void)
{
	static const struct check checks[] = {
		{"\"devices\": [{\"allow\": true, \"type\": \"a\", \"access\": \"rwm\"}]", ""},
		{"\"devices\": [{\"allow\": true, \"type\": \"p\"}]",
		 "linux.resources.devices[0].type: unknown device type \"p\""},
		{"\"devices\": [{\"allow\": true}, {\"allow\": true, \"access\": \"rx\"}]",
		 "linux.resources.devices[1].access: expected some of r, w and m"},
		{"\"memory\": {\"swappiness\": 101}",
		 "linux.resources.memory.swappiness: expected 0 to 100"},
		{"\"cpu\": {\"quota\": 5, \"burst\": 6}",
		 "linux.resources.cpu.burst: larger than the quota"},
		{"\"cpu\": {\"quota\": -1, \"burst\": 6}", ""},
		{"\"cpu\": {\"idle\": 2}", "linux.resources.cpu.idle: expected 0 or 1"},
		{"\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0}]}",
		 "linux.resources.blockIO.weightDevice[0]: neither weight nor leafWeight is given"},
		{"\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 0}, {\"pageSize\":"
		 " \"2M\", \"limit\": 0}]",
		 "linux.resources.hugepageLimits[1].pageSize: expected a size such as 2MB, "
		 "got \"2M\""},
		{"\"rdma\": {\"mlx5.1\": {}}",
		 "linux.resources.rdma[\"mlx5.1\"]: neither hcaHandles nor hcaObjects is given"},
		{"\"unified\": {\"memory.high\": \"1\", \"../x\": \"1\"}",
		 "linux.resources.unified: \"../x\" is not the name of a file of a cgroup"},
	};
	static const char bare[] = "{\"memory\": {\"swappiness\": 101}}";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_resources_ struct oci_resources *r = NULL;

	check_all(BASE "\"linux\": {\"resources\": {", checks, ARRAY_SIZE(checks), "}}}");
	CHECK_INT(oci_resources_parse(bare, strlen(bare), &r, &err), ==, 0);
	CHECK_INT(oci_resources_validate(r, "", &err), ==, -EINVAL);
	CHECK_STR(err.message, "memory.swappiness: expected 0 to 100");
}

static void test_seccomp(void)
{
	static const struct check checks[] = {
		{"\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, \"flags\":"
		 " [\"SECCOMP_FILTER_FLAG_LOG\"], \"syscalls\": [{\"names\": [\"x\"],"
		 " \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 2}]",
		 ""},
		{"\"defaultAction\": \"ALLOW\"",
		 "linux.seccomp.defaultAction: unknown seccomp action \"ALLOW\""},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrnoRet\": 1",
		 "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no errno"},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"x\"]",
		 "linux.seccomp.flags[0]: unknown seccomp flag \"x\""},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"x\"",
		 "linux.seccomp.listenerMetadata: needs listenerPath"},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [],"
		 " \"action\": \"SCMP_ACT_LOG\"}]",
		 "linux.seccomp.syscalls[0].names: empty"},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"x\"],"
		 " \"action\": \"SCMP_ACT_KILL\", \"errnoRet\": 1}]",
		 "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL has no errno"},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"x\"],"
		 " \"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 6, \"value\": 0,"
		 " \"op\": \"SCMP_CMP_EQ\"}]}]",
		 "linux.seccomp.syscalls[0].args[0].index: expected 0 to 5, got 6"},
		{"\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"x\"],"
		 " \"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 5, \"value\": 0,"
		 " \"op\": \"EQ\"}]}]",
		 "linux.seccomp.syscalls[0].args[0].op: unknown operator \"EQ\""},
	};

	check_all(BASE "\"linux\": {\"seccomp\": {", checks, ARRAY_SIZE(checks), "}}}");
}

static void test_vm(void)
{
	static const struct check checks[] = {
		{"\"hwConfig\": {\"vcpus\": 2}", ""},
		{"\"hypervisor\": {\"path\": \"qemu\"}",
		 "vm.hypervisor.path: expected an absolute path, got \"qemu\""},
		{"\"kernel\": {\"path\": \"k\"}",
		 "vm.kernel.path: expected an absolute path, got \"k\""},
		{"\"kernel\": {\"path\": \"/k\", \"initrd\": \"i\"}",
		 "vm.kernel.initrd: expected an absolute path, got \"i\""},
		{"\"image\": {\"path\": \"/i\", \"format\": \"iso\"}",
		 "vm.image.format: unknown image format \"iso\""},
		{"\"image\": {\"path\": \"i\", \"format\": \"raw\"}",
		 "vm.image.path: expected an absolute path, got \"i\""},
	};

	check_all(BASE "\"vm\": {", checks, ARRAY_SIZE(checks), "}}");
}

static void test_bare_process(void)
{
	static const char text[] = "{\"cwd\": \"/\", \"args\": [\"a\"], \"env\": [\"A\"]}";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_process_ struct oci_process *p = NULL;

	CHECK_INT(oci_process_parse(text, strlen(text), &p, &err), ==, 0);
	CHECK_INT(oci_process_validate(p, "", &err), ==, -EINVAL);
	CHECK_STR(err.message, "env[0]: expected NAME=value, got \"A\"");
	CHECK_INT(oci_process_validate(p, "process", &err), ==, -EINVAL);
	CHECK_STR(err.message, "process.env[0]: expected NAME=value, got \"A\"");
}

int main(void)
{
	TEST_RUN(test_versions);
	TEST_RUN(test_top);
	TEST_RUN(test_mounts_and_hooks);
	TEST_RUN(test_process);
	TEST_RUN(test_bare_process);
	TEST_RUN(test_linux);
	TEST_RUN(test_resources);
	TEST_RUN(test_seccomp);
	TEST_RUN(test_vm);
	return test_end();
}
