// SPDX-License-Identifier: Apache-2.0
#include "vminit/transport.h"

#include <sys/socket.h>
#include <linux/vm_sockets.h>

#define BACKLOG 128

static int connect_vsock(const struct transport *transport, uint32_t port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
	_cleanup_close_ int fd = -1;

	(void)transport;
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

const struct transport transport_vsock = {.connect = connect_vsock};

int transport_vsock_listen(uint32_t port, struct error *err)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	_cleanup_close_ int fd = -1;

	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return error_errno(err, errno, "listen on vsock port %u", port);
	return TAKE_FD(fd);
}
