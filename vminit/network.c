// SPDX-License-Identifier: Apache-2.0
#include "vminit/network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int network_link_set(const char *name, bool up, uint32_t mtu, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct ifreq request = {0};

	if (strlen(name) >= sizeof(request.ifr_name))
		return error_set(err, EINVAL, "interface \"%s\": the name is too long", name);
	strcpy(request.ifr_name, name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "interface \"%s\"", name);
	if (mtu) {
		request.ifr_mtu = (int)mtu;
		if (ioctl(fd, SIOCSIFMTU, &request) < 0)
			return error_errno(err, errno, "interface \"%s\": MTU %u", name, mtu);
	}
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_errno(err, errno, "interface \"%s\"", name);
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "interface \"%s\": %s", name, up ? "up" : "down");
	return 0;
}

int network_make_spare(struct error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), spare = -1;
	int r = 0;

	if (own < 0 || unshare(CLONE_NEWNET) < 0)
		return error_errno(err, errno, "make a network namespace");
	spare = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (spare < 0)
		r = error_errno(err, errno, "open the new network namespace");
	else
		r = network_link_set("lo", true, 0, err);
	if (setns(own, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "return to the guest's network namespace");
	return r < 0 ? r : TAKE_FD(spare);
}
