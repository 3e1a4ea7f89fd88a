// SPDX-License-Identifier: Apache-2.0
#include "standin/terminal.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "lib/socket.h"

static unsigned short dimension(uint64_t value)
{
	return value > UINT16_MAX ? UINT16_MAX : (unsigned short)value;
}

int terminal_open(int console_socket, const struct oci_console_size *size, struct error *err)
{
	_cleanup_close_ int master = -1, slave = -1;
	static const char name[] = "/dev/ptmx";
	struct termios termios;
	ssize_t n;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return error_errno(err, errno, "make a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (slave < 0)
		return error_errno(err, errno, "open the terminal's slave");
	if (tcgetattr(slave, &termios) < 0)
		return error_errno(err, errno, "read the terminal's attributes");
	cfmakeraw(&termios);
	if (tcsetattr(slave, TCSANOW, &termios) < 0)
		return error_errno(err, errno, "make the terminal raw");
	if (size) {
		struct winsize ws = {.ws_row = dimension(size->height),
				     .ws_col = dimension(size->width)};

		if (ioctl(master, TIOCSWINSZ, &ws) < 0)
			return error_errno(err, errno, "set the terminal's size");
	}
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_errno(err, errno, "take the controlling terminal");
	n = socket_send_fds(console_socket, name, strlen(name), &master, 1);
	if (n < 0)
		return error_errno(err, (int)n, "send the terminal over the console socket");
	return TAKE_FD(slave);
}

int terminal_size(int slave, struct winsize *ret)
{
	return ioctl(slave, TIOCGWINSZ, ret) < 0 ? -errno : 0;
}
