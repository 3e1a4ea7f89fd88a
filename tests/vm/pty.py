#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command in a pseudo-terminal, or takes one from a console socket, and goes through steps.

    pty.py [--console-socket PATH] STEPS [COMMAND...]

STEPS is a JSON list: ["expect", TEXT], ["send", TEXT], ["resize", ROWS, COLUMNS], ["raw", BOOL]
(wait until the terminal's own line discipline is off, or on), ["shell", COMMAND], ["eof"] (wait for
the end of what the terminal gives). Prints an object with the command's exit status, what came out,
and whether the terminal's attributes are afterwards what they were.
"""
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import time

DEADLINE = 90


class Terminal:
    def __init__(self, master):
        self.master = master
        self.output = b""
        self.seen = 0
        self.ended = False

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, timeout):
        if self.ended or not select.select([self.master], [], [], timeout)[0]:
            return
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.output += data
        self.ended = not data

    def wait(self, what, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            self.read(0.05)
            if time.monotonic() > deadline or (self.ended and not condition()):
                print(f"{what} did not come; so far: {self.output!r}", file=sys.stderr)
                sys.exit(1)

    def expect(self, text):
        text = text.encode()
        self.wait(repr(text), lambda: text in self.output[self.seen:])
        self.seen = self.output.index(text, self.seen) + len(text)

    def raw(self, wanted):
        def is_raw():
            flags = termios.tcgetattr(self.master)[3]
            return not flags & (termios.ICANON | termios.ECHO | termios.ISIG)
        self.wait(f"raw {wanted}", lambda: is_raw() == wanted)

    def send(self, text):
        data = text.encode()
        while data:
            n = os.write(self.master, data[:1024])
            data = data[n:]
            self.read(0)

    def steps(self, steps):
        for name, *arguments in steps:
            if name == "shell":
                subprocess.run(arguments[0], shell=True, check=True, stdin=subprocess.DEVNULL,
                               stdout=sys.stderr)
            elif name == "eof":
                self.wait("the end", lambda: self.ended)
            else:
                getattr(self, name)(*arguments)


def from_socket(path, steps):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    server.settimeout(DEADLINE)
    open(path + ".ready", "w").close()
    connection, _ = server.accept()
    message, fds, _, _ = socket.recv_fds(connection, 4096, 8)
    terminal = Terminal(fds[0])
    terminal.steps(steps)
    return {"message": message.decode(), "fds": len(fds), "output": terminal.output.decode()}


def in_terminal(command, steps):
    master, slave = os.openpty()
    terminal = Terminal(master)
    terminal.resize(24, 80)
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if not pid:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)
        os.closerange(3, 100)
        os.environ["RUN_PID"] = str(os.getpid())
        os.execvp(command[0], command)
    os.environ["RUN_PID"] = str(pid)
    terminal.steps(steps)
    status = []

    def has_ended():
        got, code = os.waitpid(pid, os.WNOHANG)
        if got:
            status.append(os.waitstatus_to_exitcode(code))
        return bool(got)
    terminal.wait("the end", has_ended)
    while select.select([master], [], [], 0.1)[0]:
        terminal.read(0)
    return {"status": status[0], "restored": termios.tcgetattr(slave) == before,
            "output": terminal.output.decode()}


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--console-socket":
        result = from_socket(arguments[1], json.loads(arguments[2]))
    else:
        result = in_terminal(arguments[1:], json.loads(arguments[0]))
    print(json.dumps(result))


main()
