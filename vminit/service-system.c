// SPDX-License-Identifier: Apache-2.0
/* The public service's methods that concern the guest itself, not a container. */
#include "vminit/service.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "vminit/mount-options.h"
#include "vminit/network.h"

/* Answers with @reply for 0, else with the error. */
static void answer(struct rpc_call *call, int r, const ProtobufCMessage *reply,
		   const struct error *err)
{
	if (r < 0)
		rpc_call_fail(call, err);
	else
		rpc_call_reply(call, reply);
}

static int do_mount(const SANDBOX(MountRequest) * request, struct error *err)
{
	struct mount_options o;
	unsigned long flags;
	int r;

	r = mount_options_parse(request->options, request->n_options, &o, err);
	if (r < 0)
		return r;
	flags = o.flags;
	if (o.bind || !strcmp(request->type, "bind"))
		flags = MS_BIND | (o.recursive ? MS_REC : 0);
	r = mount(request->source, request->destination, request->type, flags, o.data);
	/* A bind mount takes its flags in a second step. */
	if (!r && (flags & MS_BIND) && o.flags)
		r = mount(NULL, request->destination, NULL, MS_REMOUNT | MS_BIND | o.flags, NULL);
	if (!r && o.propagation)
		r = mount(NULL, request->destination, NULL, o.propagation, NULL);
	if (r < 0)
		error_errno(err, errno, "mount \"%s\" on \"%s\"", request->source,
			    request->destination);
	free(o.data);
	return r < 0 ? -err->errnum : 0;
}

void service_mount(struct rpc_call *call, const ProtobufCMessage *message)
{
	SANDBOX(MountResponse) response = SANDBOX_INIT(MOUNT_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct service *service = rpc_call_data(call);

	/* Mounts follow into their namespaces, the flags of a remount do not. */
	containers_end_spares(service->containers);
	answer(call, do_mount((const void *)message, &err), &response.base, &err);
}

void service_umount(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(UmountRequest) *request = (const void *)message;
	SANDBOX(UmountResponse) response = SANDBOX_INIT(UMOUNT_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = umount2(request->path, request->flags);

	if (r < 0)
		error_errno(&err, errno, "unmount \"%s\"", request->path);
	answer(call, r, &response.base, &err);
}

void service_setenv(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(SetenvRequest) *request = (const void *)message;
	SANDBOX(SetenvResponse) response = SANDBOX_INIT(SETENV_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	if (request->opt_value_case)
		r = setenv(request->key, request->value, 1);
	else
		r = unsetenv(request->key);
	if (r < 0)
		error_errno(&err, errno, "set \"%s\"", request->key);
	answer(call, r, &response.base, &err);
}

void service_getenv(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(GetenvRequest) *request = (const void *)message;
	SANDBOX(GetenvResponse) response = SANDBOX_INIT(GETENV_RESPONSE);
	char *value = getenv(request->key);

	if (value) {
		response.opt_value_case = SANDBOX_CONST(GETENV_RESPONSE__OPT_VALUE_VALUE);
		response.value = value;
	}
	rpc_call_reply(call, &response.base);
}

void service_mkdir(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(MkdirRequest) *request = (const void *)message;
	SANDBOX(MkdirResponse) response = SANDBOX_INIT(MKDIR_RESPONSE);
	mode_t mode = request->perms ? request->perms & 07777 : 0755;
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = request->all ? io_make_parents(request->path, mode) : 0;

	if (!r && mkdir(request->path, mode) < 0 && !(request->all && errno == EEXIST))
		r = -errno;
	if (r < 0)
		error_errno(&err, r, "make \"%s\"", request->path);
	answer(call, r, &response.base, &err);
}

void service_sysctl(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(SysctlRequest) *request = (const void *)message;
	SANDBOX(SysctlResponse) response = SANDBOX_INIT(SYSCTL_RESPONSE);
	struct service *service = rpc_call_data(call);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = 0;

	/* New namespaces begin with some of the values. */
	containers_end_spares(service->containers);
	for (size_t i = 0; i < request->n_settings && !r; i++) {
		_cleanup_free_ char *name = plan_sysctl_path(request->settings[i]->key);
		_cleanup_free_ char *path = name ? xasprintf("/proc/sys/%s", name) : NULL;

		r = path ? io_write_file(AT_FDCWD, path, request->settings[i]->value) : -EINVAL;
		if (r < 0)
			error_errno(&err, r, "sysctl \"%s\"", request->settings[i]->key);
	}
	answer(call, r, &response.base, &err);
}

void service_set_time(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(SetTimeRequest) *request = (const void *)message;
	SANDBOX(SetTimeResponse) response = SANDBOX_INIT(SET_TIME_RESPONSE);
	struct timeval now = {.tv_sec = request->sec, .tv_usec = request->usec};
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = settimeofday(&now, NULL);

	if (r < 0)
		error_errno(&err, errno, "set the clock");
	answer(call, r, &response.base, &err);
}

static int write_file(const SANDBOX(WriteFileRequest) * request)
{
	const SANDBOX(WriteFileRequest__WriteFileFlags) *f = request->flags;
	int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
	_cleanup_close_ int fd = -1;
	int r;

	if (f && f->create_parent_dirs) {
		r = io_make_parents(request->path, 0755);
		if (r < 0)
			return r;
	}
	flags |= f && f->append ? O_APPEND : O_TRUNC;
	flags |= f && f->create_if_missing ? O_CREAT : 0;
	fd = open(request->path, flags, request->mode ? request->mode & 07777 : 0644);
	return fd < 0 ? -errno : io_write_all(fd, request->data.data, request->data.len);
}

void service_write_file(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(WriteFileRequest) *request = (const void *)message;
	SANDBOX(WriteFileResponse) response = SANDBOX_INIT(WRITE_FILE_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = write_file(request);

	if (r < 0)
		error_errno(&err, r, "write \"%s\"", request->path);
	answer(call, r, &response.base, &err);
}

static void set_timestamp(Google__Protobuf__Timestamp *to, const struct timespec *from)
{
	to->seconds = from->tv_sec;
	to->nanos = (int32_t)from->tv_nsec;
}

void service_stat(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(StatRequest) *request = (const void *)message;
	SANDBOX(StatResponse) response = SANDBOX_INIT(STAT_RESPONSE);
	SANDBOX(Stat) result = SANDBOX_INIT(STAT);
	Google__Protobuf__Timestamp times[3] = {GOOGLE__PROTOBUF__TIMESTAMP__INIT,
						GOOGLE__PROTOBUF__TIMESTAMP__INIT,
						GOOGLE__PROTOBUF__TIMESTAMP__INIT};
	struct stat st;

	/* The contract has a field for this failure: the call itself succeeds. */
	if (lstat(request->path, &st) < 0) {
		response.error = strerror(errno);
		rpc_call_reply(call, &response.base);
		return;
	}
	result.dev = st.st_dev;
	result.ino = st.st_ino;
	result.mode = st.st_mode;
	result.nlink = st.st_nlink;
	result.uid = st.st_uid;
	result.gid = st.st_gid;
	result.rdev = st.st_rdev;
	result.size = st.st_size;
	result.blksize = st.st_blksize;
	result.blocks = st.st_blocks;
	set_timestamp(&times[0], &st.st_atim);
	set_timestamp(&times[1], &st.st_mtim);
	set_timestamp(&times[2], &st.st_ctim);
	result.atime = &times[0];
	result.mtime = &times[1];
	result.ctime = &times[2];
	response.stat = &result;
	rpc_call_reply(call, &response.base);
}

void service_sync(struct rpc_call *call, const ProtobufCMessage *message)
{
	SANDBOX(SyncResponse) response = SANDBOX_INIT(SYNC_RESPONSE);

	(void)message;
	sync();
	rpc_call_reply(call, &response.base);
}

void service_kill(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(KillRequest) *request = (const void *)message;
	SANDBOX(KillResponse) response = SANDBOX_INIT(KILL_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = kill(request->pid, request->signal);

	if (r < 0)
		error_errno(&err, errno, "send signal %d to %d", request->signal, request->pid);
	answer(call, r, &response.base, &err);
}

void service_ip_link_set(struct rpc_call *call, const ProtobufCMessage *message)
{
	const SANDBOX(IpLinkSetRequest) *request = (const void *)message;
	SANDBOX(IpLinkSetResponse) response = SANDBOX_INIT(IP_LINK_SET_RESPONSE);
	_cleanup_error_ struct error err = ERROR_INIT;

	answer(call,
	       network_link_set(request->interface, request->up,
				request->opt_mtu_case ? request->mtu : 0, &err),
	       &response.base, &err);
}
