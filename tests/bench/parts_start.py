# SPDX-License-Identifier: Apache-2.0
"""The parts about time: start, phases, exec, parallel, trace."""

import contextlib
import os
import select

import steps
from contestants import LINE, Failure

PARALLEL = 10


def start(b):
    """start to first output, and the whole run, of echo"""

    def measure(c):
        name = c.prepare()
        try:
            with c.run(name) as p:
                first = p.wait_line(LINE)
                end = p.wait_end()
        finally:
            c.remove(name)
        b.figures.add("start to first output", "ms", c.name, (first - p.begin) * 1e3)
        b.figures.add("whole run", "ms", c.name, (end - p.begin) * 1e3)
        # echo ends right after its line.
        b.figures.add("exit: from its line to the return", "ms", c.name, (end - first) * 1e3)

    b.rounds(b.all(), b.runs, measure)


def phases(b):
    """create, start and delete apart"""

    def measure(c):
        name = c.prepare()
        pid_file = b.place.path("pid")
        try:
            with c.process("create", "--bundle", c.bundle_of(name), "--pid-file", pid_file,
                           name) as p:
                b.figures.add("create", "ms", c.name, (p.wait_end() - p.begin) * 1e3)
                with open(pid_file, encoding="ascii") as f:
                    pidfd = os.pidfd_open(int(f.read()))
                try:
                    with c.process("start", name) as q:
                        b.figures.add("start", "ms", c.name, (q.wait_end() - q.begin) * 1e3)
                        first = p.wait_line(LINE)
                        b.figures.add("start to first output", "ms", c.name,
                                      (first - q.begin) * 1e3)
                    if not select.select([pidfd], [], [], b.place.timeout)[0]:
                        raise Failure("the container did not end")
                finally:
                    os.close(pidfd)
                b.figures.add("delete, stopped", "ms", c.name, c.call("delete", name) * 1e3)
        finally:
            c.remove(name)

    b.rounds(b.pick("runc", b.runvm), b.runs, measure)


def exec_(b):
    """exec of echo in a container that runs"""
    with contextlib.ExitStack() as stack:
        idle = {}
        for c in b.pick("runc", b.runvm):
            if c.name.startswith("runvm") and not b.has_command("exec"):
                b.figures.skip(c.name, "there is no `runvm exec`")
                continue
            name = c.prepare(["/bin/sleep", "100000"])
            stack.callback(c.remove, name)
            try:
                c.detach(name)
            except Failure as e:
                b.figures.skip(c.name, str(e))
                continue
            idle[c] = name

        def measure(c):
            with c.process("exec", idle[c], "/bin/echo", LINE) as p:
                first = p.wait_line(LINE)
                end = p.wait_end()
            b.figures.add("exec to first output", "ms", c.name, (first - p.begin) * 1e3)
            b.figures.add("whole exec", "ms", c.name, (end - p.begin) * 1e3)

        b.rounds(list(idle), b.runs, measure)


def parallel(b):
    """ten starts of echo at once"""

    def measure(c):
        names = [c.prepare() for _ in range(PARALLEL)]
        try:
            with contextlib.ExitStack() as stack:
                ps = [stack.enter_context(c.run(name)) for name in names]
                for p in ps:
                    p.deadline += 3 * b.place.timeout  # they share the processors
                # What came before its turn is seen at once: the last of these is the time.
                printed = max(p.wait_line(LINE) for p in ps)
                returned = max(p.wait_end() for p in ps)
        finally:
            for name in names:
                c.remove(name)
        b.figures.add("until all have printed", "ms", c.name, (printed - ps[0].begin) * 1e3)
        b.figures.add("until all have returned", "ms", c.name, (returned - ps[0].begin) * 1e3)

    b.rounds(b.pick("runc", b.runvm), b.few_runs, measure)


def trace(b):
    """the steps of one start (of several, the one that took the median time)"""
    if not b.runvm:
        b.figures.skip("runvm", b.missing.get("runvm cold", "not asked for"))
        return
    found = []
    for _ in range(b.few_runs | 1):
        try:
            found.append(b.runvm.traced())
        except Failure as e:
            b.figures.skip(b.runvm.name, str(e))
            return
    found.sort(key=lambda s: s[-1][0] - s[0][0])
    middle = found[len(found) // 2]
    b.figures.part["steps"] = steps.relative(middle)
    b.figures.text_block(f"{b.runvm.name}, microseconds\n" + steps.table(middle))
