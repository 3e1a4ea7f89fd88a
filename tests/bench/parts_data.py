# SPDX-License-Identifier: Apache-2.0
"""The parts about data: standard streams, and files in the rootfs."""

import os
import select
import shutil
import subprocess
import tarfile
import threading
import time

from contestants import Failure

CHUNK = bytes(1 << 20)
COUNT = 1000  # files
TREES = ("/usr/share/perl", "/usr/share/doc", "/usr/lib/python3")
TREE_MAX = 2500  # entries: enough to tell, and not minutes in a slow guest


def stdio(b):
    """standard streams of a container, each way and through cat"""
    mib = b.size

    def out_of(c):
        with running(c, ["/bin/guest", "source", str(mib)]) as p:
            first, last = read_all(p, mib)
        add("out of the container", c, last - first)

    def into(c):
        with running(c, ["/bin/guest", "sink"], stdin=subprocess.PIPE) as p:
            p.wait_line("ready")
            begin = time.monotonic()
            feeder(p, mib).join()
            add("into the container", c, p.wait_line("done") - begin)

    def through(c):
        with running(c, ["/bin/cat"], stdin=subprocess.PIPE) as p:
            p.stdin.write(b"\0")
            p.stdin.flush()
            read_all(p, 2**-20)
            begin = time.monotonic()
            thread = feeder(p, mib)
            _, last = read_all(p, mib)
            thread.join()
            add("through cat, in and out", c, last - begin)

    def add(metric, c, seconds):
        b.figures.add(metric, "MB/s", c.name, mib * 1.048576 / seconds)

    for measure in (out_of, into, through):
        b.rounds(b.pick("runc", b.runvm), b.few_runs, measure)


class running:  # pylint: disable=invalid-name
    """A container, with time for slow streams, to its end."""

    def __init__(self, c, args, **options):
        self.c, self.name = c, c.prepare(args)
        self.p = c.run(self.name, **options)
        self.p.deadline += 120

    def __enter__(self):
        return self.p

    def __exit__(self, kind, *_):
        try:
            if not kind:
                self.p.wait_end()
        finally:
            self.p.close()
            self.c.remove(self.name)


def feeder(p, mib):
    """Writes to p and closes its stdin, beside the caller."""

    def feed():
        try:
            for _ in range(mib):
                p.stdin.write(CHUNK)
            p.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    return thread


def read_all(p, mib):
    """Exactly so much of p's output, not kept. Return: when the first and the last byte came."""
    left, first, now = int(mib * 2**20), None, None
    while left > 0:
        if not select.select([p.stdout], [], [], p.left())[0]:
            p.fail(f"{left} bytes are missing")
        data = os.read(p.stdout, min(left, 1 << 20))
        if not data:
            p.fail(f"ended with {left} bytes missing")
        now = time.monotonic()
        first = first or now
        left -= len(data)
    return first, now


# --- files ---

LABELS = {
    "write": "sequential write",
    "read": "sequential read, first",
    "reread": "sequential read, again",
    "create": f"{COUNT} creates",
    "stat": f"{COUNT} stats",
    "unlink": f"{COUNT} unlinks",
}


def files(b):
    """file work in the rootfs; runc is the host's own file system"""
    archive, description = make_archive(b)
    if not archive:
        b.figures.note("tar x is not measured: " + description)

    def measure(c):
        work = b.place.path("rootfs", "work", "files")
        os.makedirs(os.path.join(work, "created"))
        os.makedirs(os.path.join(work, "many"))
        try:
            # Made here, so that a guest has not seen them yet.
            with open(os.path.join(work, "large"), "wb") as f:
                for _ in range(b.size):
                    f.write(CHUNK)
            for i in range(COUNT):
                with open(os.path.join(work, "many", str(i)), "wb"):
                    pass
            os.sync()
            for what, seconds in run(c, "files", "/work/files", str(b.size), str(COUNT)):
                if what in ("write", "read", "reread"):
                    b.figures.add(LABELS[what], "MB/s", c.name, b.size * 1.048576 / seconds)
                else:
                    b.figures.add(LABELS[what], "ms", c.name, seconds * 1e3)
            if archive:
                os.mkdir(os.path.join(work, "tree"))
                for _, seconds in run(c, "time", "/bin/tar", "xf", "/work/tree.tar", "-C",
                                      "/work/files/tree"):
                    b.figures.add(f"tar x of {description}", "ms", c.name, seconds * 1e3)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    b.rounds(b.pick("runc", b.runvm), b.few_runs, measure)


def run(c, *args):
    """[(name, seconds)] that guest.c printed"""
    name = c.prepare(["/bin/guest", *args], writable=True)
    try:
        with c.run(name) as p:
            p.deadline += 240
            p.wait_end()
            lines = [line.split() for line in p.output.decode().splitlines()]
    finally:
        c.remove(name)
    found = [(what, max(float(seconds), 1e-6)) for what, seconds in lines]
    if not found:
        raise Failure("guest.c printed nothing")
    return found


def make_archive(b):
    """A tar of a tree that is there. Return: (path, what it is)"""
    source = next((t for t in TREES if os.path.isdir(t)), None)
    if not source:
        return None, "none of " + " ".join(TREES) + " is here"
    path = b.place.path("rootfs", "work", "tree.tar")
    count = size = 0
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for directory, subdirectories, names in os.walk(source):
            subdirectories.sort()
            for name in sorted(names) + [""]:
                full = os.path.join(directory, name) if name else directory
                if count >= TREE_MAX:
                    break
                archive.add(full, os.path.relpath(full, "/usr"), recursive=False)
                count += 1
                size += os.lstat(full).st_size if name else 0
    return path, f"{source}, {count} entries, {size / 2**20:.0f} MiB"
