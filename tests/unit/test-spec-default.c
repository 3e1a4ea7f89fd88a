// SPDX-License-Identifier: Apache-2.0
/*
 * The default config.json, byte for byte. It differs from what `runc spec` (1.1) writes in the
 * version, the host name and the cgroup namespace.
 */
#include "tests/unit/test.h"

#include "lib/alloc.h"
#include "libocispec/default.h"

/* clang-format off */
#define CAPABILITIES "[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]"

#define PROCESS                                                                                   \
	"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"        \
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","         \
	"\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":" CAPABILITIES              \
	",\"effective\":" CAPABILITIES ",\"permitted\":" CAPABILITIES ",\"ambient\":" CAPABILITIES \
	"},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"               \
	"\"noNewPrivileges\":true}"

#define HEAD                                                                     \
	"{\"ociVersion\":\"1.3.0\"," PROCESS ",\"root\":{\"path\":\"rootfs\"," \
	"\"readonly\":true},\"hostname\":\"runvm\",\"mounts\":["

#define PROC_DEV                                                                   \
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"       \
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","       \
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"

#define PTS                                                                          \
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","       \
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\""

#define SHM_MQUEUE                                                                  \
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","      \
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\","               \
	"\"size=65536k\"]},{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\"," \
	"\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"

#define CGROUP                                                                       \
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":"        \
	"\"cgroup\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\","      \
	"\"ro\"]}],"

#define PATHS                                                                             \
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\"," \
	"\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","             \
	"\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"                        \
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","      \
	"\"/proc/sysrq-trigger\"]}}"

/* clang-format on */

static void check(struct oci_spec *spec, const char *expected)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = oci_spec_write(spec, false);
	_cleanup_free_ char *again = NULL;
	struct oci_spec *parsed = NULL;

	CHECK_STR(text, expected);
	if (oci_spec_validate(spec, &err) < 0)
		TEST_FAIL("%s", err.message);
	CHECK_INT(oci_spec_parse(text, strlen(text), &parsed, &err), ==, 0);
	again = oci_spec_write(parsed, false);
	CHECK_STR(again, text);
	oci_spec_free(parsed);
	oci_spec_free(spec);
}

static void test_default(void)
{
	check(oci_default_spec(), HEAD PROC_DEV PTS
	      ",\"gid=5\"]}," SHM_MQUEUE
	      "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":["
	      "\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}," CGROUP
	      "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	      "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
	      "{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}]," PATHS);
}

static void test_rootless(void)
{
	check(oci_default_spec_rootless(1000, 100), HEAD PROC_DEV PTS
	      "]}," SHM_MQUEUE
	      "{\"destination\":\"/sys\",\"type\":\"none\",\"source\":\"/sys\",\"options\":["
	      "\"rbind\",\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}," CGROUP
	      "\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}],"
	      "\"gidMappings\":[{\"containerID\":0,\"hostID\":100,\"size\":1}],"
	      "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	      "{\"type\":\"mount\"},{\"type\":\"cgroup\"},{\"type\":\"user\"}]," PATHS);
}

int main(void)
{
	TEST_RUN(test_default);
	TEST_RUN(test_rootless);
	return test_end();
}
