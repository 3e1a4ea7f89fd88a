// SPDX-License-Identifier: Apache-2.0
/* The pure rooms of vminitd: mount options, the plan, names; and paths inside a root. */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/log.h"
#include "temporary.h"
#include "vminit/exec-path.h"
#include "vminit/home.h"
#include "vminit/inroot.h"
#include "vminit/mount-options.h"
#include "vminit/plan.h"
#include "vminit/proc-info.h"

static struct mount_options parse_words(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	struct mount_options o = {0};
	char *words[32], *rest = copy;
	size_t n = 0;

	while (*text && n < 32) {
		words[n++] = strsep(&rest, " ");
		if (!rest)
			break;
	}
	CHECK_INT(mount_options_parse(words, n, &o, NULL), ==, 0);
	return o;
}

static void test_mount_flags(void)
{
	struct mount_options o = parse_words("ro nosuid nodev noexec relatime");

	CHECK_INT(o.flags, ==, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME);
	CHECK_INT(o.attr.set, ==,
		  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			  MOUNT_ATTR_RELATIME);
	CHECK_INT(o.attr.clear, ==, MOUNT_ATTR__ATIME);
	CHECK(!o.data);
	/* The last word counts. */
	o = parse_words("ro rw noexec exec noatime strictatime");
	CHECK_INT(o.flags, ==, MS_STRICTATIME);
	CHECK_INT(o.attr.set, ==, MOUNT_ATTR_STRICTATIME);
	CHECK_INT(o.attr.clear, ==, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME);
	o = parse_words("rw ro");
	CHECK_INT(o.attr.set, ==, MOUNT_ATTR_RDONLY);
	CHECK_INT(o.attr.clear, ==, 0);
}

static void test_mount_words(void)
{
	struct mount_options o = parse_words("rbind rslave rro rnoatime size=64k mode=700");
	_cleanup_error_ struct error err = ERROR_INIT;
	char *idmap[] = {(char *)"idmap"};

	CHECK(o.bind && o.recursive && !o.copy_up);
	CHECK_INT(o.propagation, ==, MS_SLAVE | MS_REC);
	CHECK_INT(o.attr.set, ==, 0);
	CHECK_INT(o.recursive_attr.set, ==, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
	CHECK_INT(o.recursive_attr.clear, ==, MOUNT_ATTR__ATIME);
	CHECK_STR(o.data, "size=64k,mode=700");
	free(o.data);
	o = parse_words("tmpcopyup");
	CHECK(o.copy_up && !o.bind);
	/* No attribute, so no such thing with an r in front: it is the file system's own word. */
	o = parse_words("rsync");
	CHECK_STR(o.data, "rsync");
	free(o.data);
	CHECK_INT(mount_options_parse(idmap, 1, &o, &err), ==, -EINVAL);
	CHECK_CONTAINS(err.message, "idmap");
}

static void test_sysctl_path(void)
{
	static const struct {
		const char *key, *path;
	} cases[] = {
		{"kernel.shmmni", "kernel/shmmni"},
		{"net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"},
		{"net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"},
		{"net/../../self/mem", NULL},
		{"..", NULL},
		{"/etc/passwd", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *path = plan_sysctl_path(cases[i].key);

		CHECK_STR(path, cases[i].path);
	}
}

#define SPEC_BEGIN \
	"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/run/share/c/rootfs\",\"readonly\":true},"
#define PROCESS(members) "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]" members "},"

static int make_plan(const char *json, struct plan **ret, struct error *err)
{
	struct oci_spec *spec;
	int r = oci_spec_parse(json, strlen(json), &spec, err);

	return r < 0 ? r : plan_container(spec, "c", ret, err);
}

static void test_plan(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_plan_ struct plan *plan = NULL;
	int r = make_plan(
		SPEC_BEGIN PROCESS(",\"env\":[\"A=1\",\"PATH=/"
				   "x\"],\"user\":{\"uid\":3,\"gid\":4},"
				   "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_"
				   "NEW\"],"
				   "\"permitted\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]"
				   "}") "\"hostname\":\"h\",\"mounts\":[{\"destination\":"
					"\"/proc\",\"type\":\"proc\"},"
					"{\"destination\":\"/b\",\"source\":\"/run/share/c/"
					"m1\",\"options\":[\"rbind\",\"ro\"]},"
					"{\"destination\":\"/sys/fs/"
					"cgroup\",\"type\":\"cgroup\"}],"
					"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{"
					"\"type\":\"uts\"}],"
					"\"devices\":[{\"path\":\"/dev/"
					"null\",\"type\":\"c\",\"major\":1,\"minor\":3}]}}",
		&plan, &err);

	CHECK_STR(err.message, NULL);
	CHECK_INT(r, ==, 0);
	CHECK_INT(plan->namespaces, ==, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS);
	CHECK(plan->rootfs_readonly && plan->setup_dev);
	CHECK_INT(plan->n_mounts, ==, 3);
	CHECK_INT(plan->mounts[0].kind, ==, PLAN_MOUNT_FS);
	CHECK_INT(plan->mounts[1].kind, ==, PLAN_MOUNT_BIND);
	CHECK_INT(plan->mounts[2].kind, ==, PLAN_MOUNT_CGROUP);
	/* The listed /dev/null replaces the default one. */
	CHECK_INT(plan->n_devices, ==, 6);
	CHECK_STR(plan->process.search_path, "/x");
	CHECK_INT(plan->process.capabilities.bounding, ==, 1);
	CHECK_INT(plan->process.capabilities.permitted, ==, 1 << 5);
	/* Not inheritable, so not ambient. */
	CHECK_INT(plan->process.capabilities.ambient, ==, 0);
}

static void test_plan_refuses(void)
{
	static const struct {
		const char *json, *message;
	} cases[] = {
		{SPEC_BEGIN PROCESS("") "\"linux\":{\"namespaces\":[{\"type\":\"ipc\",\"path\":\"/"
					"run/ns/1\"}]}}",
		 "linux.namespaces[0].path"},
		{SPEC_BEGIN PROCESS("") "\"mounts\":[{\"destination\":\"/"
					"a\",\"type\":\"bind\"}],\"linux\":{}}",
		 "mounts[0].source"},
		{SPEC_BEGIN PROCESS("") "\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\","
					"\"options\":[\"idmap\"]}],\"linux\":{}}",
		 "mounts[0].options"},
		{SPEC_BEGIN PROCESS(
			 "") "\"linux\":{\"devices\":[{\"path\":\"/dev/sda\",\"type\":\"b\","
			     "\"major\":8,\"minor\":0}]}}",
		 "linux.devices[0]"},
		{SPEC_BEGIN PROCESS("") "\"linux\":{\"sysctl\":{\"kernel/../x\":\"1\"}}}",
		 "linux.sysctl"},
		{SPEC_BEGIN "\"linux\":{}}", "process"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct plan *plan = NULL;

		CHECK_INT(make_plan(cases[i].json, &plan, &err), ==, -EINVAL);
		CHECK_CONTAINS(err.message, cases[i].message);
	}
}

static void test_plan_source(void)
{
	static const char json[] = SPEC_BEGIN PROCESS(
		",\"terminal\":true,\"consoleSize\":{\"height\":5,\"width\":6}") "\"linux\":{}} ";
	_cleanup_error_ struct error err = ERROR_INIT;
	/* Its length counts, no NUL is needed. */
	struct plan_source source = {"c7", json, sizeof(json) - 2, 0, 0};

	for (uint32_t rows = 0; rows < 200; rows += 100) {
		_cleanup_plan_ struct plan *plan = NULL;

		source.rows = rows;
		source.columns = rows;
		CHECK_INT(plan_from_source(&source, &plan, &err), ==, 0);
		CHECK_STR(plan->id, "c7");
		CHECK_INT(plan->process.rows, ==, rows ? 100 : 5);
		CHECK_INT(plan->process.columns, ==, rows ? 100 : 6);
	}
}

static void test_inroot(void)
{
	_cleanup_close_ int root = temporary_subdir("root");
	_cleanup_close_ int fd = -1;

	CHECK(!symlinkat("/../../../abs/target", root, "link"));
	CHECK(!symlinkat("loop", root, "loop"));
	fd = inroot_make(root, "link/below", INROOT_DIRECTORY);
	CHECK_INT(fd, >=, 0);
	CHECK(!faccessat(root, "abs/target/below", F_OK, 0));
	CHECK_INT(inroot_make(root, "loop/x", INROOT_FILE), ==, -ELOOP);
	CHECK_INT(inroot_open(root, "../../../../../../etc/passwd", O_PATH), ==, -ENOENT);
	fd = close_keep_errno(fd);
	fd = inroot_make(root, "/a//b/../b/file", INROOT_FILE);
	CHECK_INT(fd, >=, 0);
	CHECK(!faccessat(root, "a/b/file", F_OK, 0));
	CHECK_INT(inroot_make(root, "a/b/file/x", INROOT_FILE), ==, -ENOTDIR);
}

static void test_exec_path(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *found = NULL, *again = NULL;

	CHECK_INT(exec_path_find("sh", "/nope:/bin", &found, &err), ==, 0);
	CHECK_STR(found, "/bin/sh");
	CHECK_INT(exec_path_find("sh", "/nope/bin:/nope:/nopes:/:/bin/nope:/bin", &again, &err), ==,
		  0);
	CHECK_STR(again, "/bin/sh");
	CHECK_INT(exec_path_find("", "/bin", &found, &err), ==, -ENOENT);
	CHECK_STR(err.message, "exec: \"\": executable file not found in $PATH");
	CHECK_INT(exec_path_find("/etc/passwd", "", &found, &err), ==, -EACCES);
	CHECK_INT(exec_path_find("/bin/sh/x", "", &found, &err), ==, -ENOTDIR);
	CHECK_STR(err.message, "exec: \"/bin/sh/x\": stat /bin/sh/x: not a directory");
}

static void test_home(void)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nbroken\na:x:7x:1::/wrong:\n"
				     "b:x:7:1:B:/home/b\nc:x:8:1::\n";
	static const struct {
		uid_t uid;
		const char *home;
	} cases[] = {{0, "/root"}, {7, "/home/b"}, {8, "/"}, {9, "/"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *home = home_parse(passwd, cases[i].uid);

		CHECK_STR(home, cases[i].home);
	}
}

static void test_proc_info(void)
{
	struct proc_info info = {0};

	CHECK_INT(proc_info_parse_stat(
			  "42 (a) b (c)) S 7 42 42 34817 42 4194560 1 2 3 4 11 22 0 0 20 0 "
			  "1 0 777 4096 88 18446744073709551615 1 1",
			  &info),
		  ==, 0);
	CHECK_STR(info.command, "a) b (c)");
	CHECK_INT(info.state, ==, 'S');
	CHECK_INT(info.ppid, ==, 7);
	CHECK_STR(info.tty, "pts/1");
	CHECK_INT(info.cpu_ticks, ==, 33);
	CHECK_INT(info.start_ticks, ==, 777);
	CHECK_INT(info.rss_pages, ==, 88);
	CHECK_INT(proc_info_parse_status("Name:\tx\nUid:\t12\t0\t0\t0\nNSpid:\t42\t5\n", &info), ==,
		  0);
	CHECK_INT(info.uid, ==, 12);
	CHECK_INT(info.container_pid, ==, 5);
	CHECK_INT(proc_info_parse_stat("42 no", &info), ==, -EBADMSG);
	CHECK_INT(proc_info_read(getpid(), 3, &info), ==, 0);
	CHECK_INT(info.arguments.len, ==, 3);
	proc_info_clear(&info);
	CHECK_INT(proc_info_read(getpid(), 65536, &info), ==, 0);
	CHECK_INT(info.arguments.len, >, 3);
	CHECK_INT(info.ppid, ==, getppid());
	proc_info_clear(&info);
}

int main(void)
{
	log_set_stderr(-1);
	TEST_RUN(test_mount_flags);
	TEST_RUN(test_mount_words);
	TEST_RUN(test_sysctl_path);
	TEST_RUN(test_plan);
	TEST_RUN(test_plan_refuses);
	TEST_RUN(test_plan_source);
	TEST_RUN(test_inroot);
	TEST_RUN(test_exec_path);
	TEST_RUN(test_home);
	TEST_RUN(test_proc_info);
	return test_end();
}
