// SPDX-License-Identifier: Apache-2.0
/*
 * features: what of config.json takes effect, as JSON (OCI runtime spec, features.md and
 * features-linux.md). It describes the container, so it speaks of the guest and its kernel, which
 * is the same everywhere, and never looks at the host. What a later issue brings is absent or
 * false here until it does.
 */
#include "command/features.h"

#include "command/command.h"
#include "config.h"
#include "lib/strbuf.h"
#include "libocispec/capability.h"
#include "libocispec/json.h"
#include "libocispec/spec.h"

#define OLDEST_OCI_VERSION "1.0.0"

/* Words fill lines here; one a line would be 130 lines. */
/* clang-format off */
static const char *const hooks[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	NULL,
};

/* What vminit/mount-options.c knows; test-features.c holds the two against each other. */
const char *const features_mount_options[] = {
	"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion",
	"lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion",
	"nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private",
	"ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime",
	"rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid",
	"rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave",
	"rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared", "silent", "slave",
	"strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable", NULL,
};

static const char *const seccomp_actions[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL,
};

static const char *const seccomp_operators[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
	"SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
};

/* Those whose system calls the guest's kernel has. */
static const char *const seccomp_archs[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
#endif
	NULL,
};

static const char *const seccomp_known_flags[] = {
	"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL,
};

/* WAIT_KILLABLE_RECV is for listeners, whose descriptor cannot leave the VM. */
static const char *const seccomp_supported_flags[] = {
	"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
	NULL,
};

/* clang-format on */

/* A namespace type whose paths or mappings plan-support.c refuses altogether is not supported. */
static bool namespace_supported(enum oci_namespace_type type)
{
	return type != OCI_NAMESPACE_USER;
}

static void write_strings(struct json_writer *w, const char *key, const char *const *strings)
{
	json_write_key(w, key);
	json_write_begin_array(w);
	for (; *strings; strings++)
		json_write_string(w, *strings);
	json_write_end_array(w);
}

/* "key": {"enabled": value} */
static void write_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_write_key(w, key);
	json_write_begin_object(w);
	json_write_member_bool(w, "enabled", enabled);
	json_write_end_object(w);
}

static void write_namespaces(struct json_writer *w)
{
	json_write_key(w, "namespaces");
	json_write_begin_array(w);
	for (int type = 0; type < OCI_NAMESPACE_TYPES; type++)
		if (namespace_supported((enum oci_namespace_type)type))
			json_write_string(w, oci_namespace_infos[type].name);
	json_write_end_array(w);
}

/* Whether linux.resources is carried out; not yet, see plan-support.c. v1 the guest never has. */
static void write_cgroup(struct json_writer *w)
{
	json_write_key(w, "cgroup");
	json_write_begin_object(w);
	json_write_member_bool(w, "v1", false);
	json_write_member_bool(w, "v2", false);
	json_write_member_bool(w, "systemd", false);
	json_write_member_bool(w, "systemdUser", false);
	json_write_member_bool(w, "rdma", false);
	json_write_end_object(w);
}

static void write_seccomp(struct json_writer *w)
{
	json_write_key(w, "seccomp");
	json_write_begin_object(w);
	json_write_member_bool(w, "enabled", true);
	write_strings(w, "actions", seccomp_actions);
	write_strings(w, "operators", seccomp_operators);
	write_strings(w, "archs", seccomp_archs);
	write_strings(w, "knownFlags", seccomp_known_flags);
	write_strings(w, "supportedFlags", seccomp_supported_flags);
	json_write_end_object(w);
}

static void write_linux(struct json_writer *w)
{
	json_write_key(w, "linux");
	json_write_begin_object(w);
	write_namespaces(w);
	/* All of the guest's: nothing is taken from them by the host. */
	write_strings(w, "capabilities", oci_capability_names);
	write_cgroup(w);
	write_seccomp(w);
	write_enabled(w, "apparmor", false);
	write_enabled(w, "selinux", false);
	write_enabled(w, "intelRdt", false);
	json_write_key(w, "mountExtensions");
	json_write_begin_object(w);
	write_enabled(w, "idmap", false);
	json_write_end_object(w);
	write_enabled(w, "netDevices", false);
	json_write_end_object(w);
}

void features_write(struct strbuf *out)
{
	static const char *const none[] = {NULL};
	struct json_writer w = JSON_WRITER(out, "    ");

	json_write_begin_object(&w);
	json_write_member_string(&w, "ociVersionMin", OLDEST_OCI_VERSION);
	json_write_member_string(&w, "ociVersionMax", OCI_SPEC_VERSION);
	write_strings(&w, "hooks", hooks);
	write_strings(&w, "mountOptions", features_mount_options);
	write_linux(&w);
	json_write_key(&w, "annotations");
	json_write_begin_object(&w);
	json_write_member_string(&w, "runvm.version", PACKAGE_VERSION);
	json_write_end_object(&w);
	/* No annotation of config.json has an effect yet, so none has an unsafe one. */
	write_strings(&w, "potentiallyUnsafeConfigAnnotations", none);
	json_write_end_object(&w);
	strbuf_putc(out, '\n');
}

static int features_run(const struct globals *globals, const void *options, char **args,
			size_t n_args, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	(void)globals;
	(void)options;
	(void)args;
	(void)n_args;
	features_write(&text);
	return command_print(text.data, err);
}

const struct command command_features = {
	.name = "features",
	.summary = "show the enabled features",
	.description =
		"Prints as JSON what of config.json takes effect, as features.md of the OCI\n"
		"runtime specification has it. It is about the container, whose kernel is the\n"
		"guest's.\n",
	.min_args = 0,
	.max_args = 0,
	.handler = features_run,
};
