# The VM's vsock device: a vhost-user back end and the unix sockets beside it.
vsock_sources = \
	src/vsock/guest-memory.c src/vsock/guest-memory.h \
	src/vsock/vhost-user-message.c src/vsock/vhost-user-message.h \
	src/vsock/vhost-user.c src/vsock/vhost-user.h \
	src/vsock/vring.c src/vsock/vring.h \
	src/vsock/vsock-connection.c src/vsock/vsock-connection.h \
	src/vsock/vsock-device.c src/vsock/vsock-device.h \
	src/vsock/vsock-listener.c src/vsock/vsock-listener.h \
	src/vsock/vsock-packet.c src/vsock/vsock-packet.h
