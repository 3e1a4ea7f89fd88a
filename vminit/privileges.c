// SPDX-License-Identifier: Apache-2.0
#include "vminit/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/io.h"

/* vminitd raises both its limits on descriptors; a program gets what systemd gives by default. */
#define DEFAULT_NOFILE 1024

static int set_oom_score(int score, struct error *err)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", score);
	r = io_write_file(AT_FDCWD, "/proc/self/oom_score_adj", text);
	return r < 0 ? error_errno(err, r, "process.oomScoreAdj") : 0;
}

/* vminitd's own is the least that there is. */
int privileges_default_oom_score(struct child *child, struct error *err)
{
	(void)child;
	return set_oom_score(0, err);
}

int privileges_oom_score(struct child *child, struct error *err)
{
	return child->process->oom_score_adj ? set_oom_score(child->process->oom_score_adj, err)
					     : 0;
}

int privileges_rlimits(struct child *child, struct error *err)
{
	const struct plan_process *p = child->process;
	struct rlimit limit;
	bool nofile = false;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct plan_rlimit *l = &p->rlimits[i];

		if (setrlimit((__rlimit_resource_t)l->resource, &l->limit) < 0)
			return error_errno(err, errno, "process.rlimits[%zu]", i);
		nofile |= l->resource == RLIMIT_NOFILE;
	}
	if (nofile || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = DEFAULT_NOFILE;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_errno(err, errno, "default of RLIMIT_NOFILE");
	return 0;
}

int privileges_keyring(struct child *child, struct error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "_ses.%.48s", child->plan->id);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS)
		return error_errno(err, errno, "session keyring");
	return 0;
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(effective >> (32 * i)),
			.permitted = (uint32_t)(permitted >> (32 * i)),
			.inheritable = (uint32_t)(inheritable >> (32 * i)),
		};
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static uint64_t permitted_now(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static int drop_bounding(uint64_t keep)
{
	for (unsigned int i = 0; i < 64; i++) {
		if (keep >> i & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno; /* the kernel knows no more of them */
	}
	return 0;
}

/* A program that opens /dev/stdout again, as many do, needs its pipe to be its own. */
static int own_stdio(const struct plan_process *p)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			return -errno;
		if (S_ISFIFO(st.st_mode) && fchown(fd, p->uid, p->gid) < 0)
			return -errno;
	}
	return 0;
}

int privileges_user(struct child *child, struct error *err)
{
	const struct plan_process *p = child->process;
	int r;

	r = p->uid ? own_stdio(p) : 0;
	if (r < 0)
		return error_errno(err, r, "process.user: owner of the standard streams");
	r = drop_bounding(p->capabilities.bounding);
	if (r < 0)
		return error_errno(err, r, "process.capabilities.bounding");
	if (p->uid && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "process.user: keep capabilities");
	/* The raw calls: glibc's would signal threads that are not there, and cost a table of them. */
	if (syscall(SYS_setgroups, p->n_gids, p->gids) < 0)
		return error_errno(err, errno, "process.user.additionalGids");
	if (syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0)
		return error_errno(err, errno, "process.user.gid: %u", p->gid);
	if (syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0)
		return error_errno(err, errno, "process.user.uid: %u", p->uid);
	/* execve clears KEEPCAPS; what it kept is permitted but not effective. */
	umask(p->has_umask ? p->umask : 0022);
	return 0;
}

static int raise_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (unsigned int i = 0; i < 64; i++)
		if ((ambient >> i & 1) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0 && errno != EINVAL)
			return -errno;
	return 0;
}

static int load_filter(const struct seccomp_program *filter)
{
	struct sock_fprog program = {.len = filter->length, .filter = filter->instructions};

	if (!filter->length)
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0 ? -errno
											  : 0;
}

int privileges_lock(struct child *child, struct error *err)
{
	const struct plan_process *p = child->process;
	const struct plan_capabilities *c = &p->capabilities;
	uint64_t known = permitted_now();
	int r = 0;

	if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "process.noNewPrivileges");
	/*
	 * Without noNewPrivileges a filter needs CAP_SYS_ADMIN: it is loaded while that is still
	 * effective, and must allow the few calls that follow, as with runc. With it the filter
	 * comes last and has to allow no more than execve.
	 */
	if (!p->no_new_privileges && child->filter.length) {
		if (p->uid)
			r = set_capabilities(known, known, 0);
		if (!r)
			r = load_filter(&child->filter);
		if (r < 0)
			return error_errno(err, r, "linux.seccomp: load the filter");
	}
	r = set_capabilities(c->effective & known, c->permitted & known, c->inheritable & known);
	if (!r)
		r = raise_ambient(c->ambient & known);
	if (r < 0)
		return error_errno(err, r, "process.capabilities");
	if (p->no_new_privileges) {
		r = load_filter(&child->filter);
		if (r < 0)
			return error_errno(err, r, "linux.seccomp: load the filter");
	}
	return 0;
}
