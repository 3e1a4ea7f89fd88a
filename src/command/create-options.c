// SPDX-License-Identifier: Apache-2.0
#include "command/create-options.h"

#include <errno.h>

int create_options_apply(const struct create_options *o, const struct globals *globals,
			 struct lifecycle_create *ret, struct bundle **ret_bundle,
			 struct error *err)
{
	int r;

	if (o->preserve_fds > 0)
		return error_set(
			err, ENOTSUP,
			"--preserve-fds: descriptors of the host cannot be passed into a VM");
	if (o->no_pivot)
		log_info("--no-pivot has no effect: the VM's own root is never in the way");
	if (o->no_new_keyring)
		log_info("--no-new-keyring has no effect: the VM's kernel has keyrings of its own");
	if (globals->cgroup_manager == CGROUP_MANAGER_SYSTEMD)
		log_info("systemd's cgroups are not supported yet: the VM stays in the caller's "
			 "cgroup");
	r = bundle_load(o->bundle ? o->bundle : ".", o->config, ret_bundle, err);
	if (r < 0)
		return r;
	*ret = (struct lifecycle_create){
		.root = globals->root,
		.cgroups = globals->cgroup_manager == CGROUP_MANAGER_CGROUPFS,
		.bundle = *ret_bundle,
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.pidfd_socket = o->pidfd_socket,
		.console_fd = -1,
	};
	return 0;
}
