# SPDX-License-Identifier: Apache-2.0
"""The parts about memory: of idle containers, and what comes back of what a guest used."""

import subprocess
import time

import machine
from contestants import Failure
from report import Skip

MANY = 10
RECLAIM = 512  # MiB that the guest allocates
RECLAIM_LIMIT = 768
RETURN_TIME = 30  # seconds in which memory may come back
RETURN_CALM = 6  # seconds without a change after which nothing more is waited for


def memory(b):
    """an idle container's, for 1 and for 10 of them"""
    measured = b.pick("runc", b.runvm)
    if "runvm warm" in b.present and "runvm cold" in b.present:
        measured.append(b.present["runvm cold"])

    def measure_n(c, n):
        names = [c.prepare(["/bin/sleep", "100000"]) for _ in range(n)]
        label = f"{n} idle"
        try:
            before = machine.settled()
            for name in names:
                c.detach(name)
            fall = before - machine.settled()
            b.figures.add(f"{label}: fall of MemAvailable, each", "MiB", c.name, fall / n)
            if hasattr(c, "processes"):
                for what, mib in account(c, names).items():
                    b.figures.add(f"{label}: {what}", "MiB", c.name, mib / n, detail=True)
        finally:
            for name in names:
                c.remove(name)

    def measure(c):
        for n in (1, MANY):
            measure_n(c, n)

    b.rounds(measured, b.few_runs, measure)
    if b.noisy:
        b.figures.note("others on this machine change MemAvailable, too; PSS is not touched by it")


def account(c, names):
    """what -> MiB, over several containers of runvm"""
    total = {"PSS of all its processes": 0.0}

    def add(what, mib):
        total[what] = total.get(what, 0.0) + mib

    for name in names:
        for kind, pids in c.processes(name).items():
            size = sum(machine.pss(pid) for pid in pids)
            if pids:
                add(f"PSS of {kind}", size)
                add("PSS of all its processes", size)
            for pid in pids if kind == "qemu" else []:
                add("... of which TCG's translation buffer", machine.translation_buffer(pid))
                add("... of which guest memory", machine.guest_memory_mapped(pid))
                add("guest memory allocated in the memfd", machine.guest_memory(pid))
    return total


def reclaim(b):
    """the host's memory before, during and after an allocation of 512 MiB in the guest"""
    contestants = b.pick("runc", b.runvm)
    for c in contestants:
        if hasattr(c, "build_template"):
            prepare_template(b, c)

    def measure(c):
        name = prepare(c)
        base = machine.settled()
        try:
            with c.run(name, stdin=subprocess.PIPE) as p:
                p.deadline += 5 * RETURN_TIME

                def look(when):
                    b.figures.add(f"fall of MemAvailable {when}", "MiB", c.name,
                                  base - machine.settled())
                    if hasattr(c, "processes"):
                        b.figures.add(f"guest memory allocated in the memfd {when}", "MiB",
                                      c.name, allocated(c, name))

                p.wait_line("before")
                look("before")
                begin = tell(p)
                b.figures.add("time to touch it", "s", c.name, p.wait_line("during") - begin)
                look("during")
                tell(p)
                freed = p.wait_line("after")
                if hasattr(c, "processes"):
                    size, when = wait_return(lambda: allocated(c, name))
                    if when > freed:
                        b.figures.add("until it had come back", "s", c.name, when - freed)
                    else:
                        b.figures.note(f"{c.name}: nothing came back, {size:.0f} MiB are allocated")
                look("after")
                p.stdin.close()
                p.wait_end()
        finally:
            c.remove(name)

    b.rounds(contestants, b.few_runs, measure)


def prepare(c):
    return c.prepare(["/bin/guest", "memory", str(RECLAIM)], memory=RECLAIM_LIMIT << 20)


def prepare_template(b, c):
    """Of this size: else one would be made in the background, and counted."""
    name = prepare(c)
    try:
        c.build_template("--bundle", c.bundle_of(name))
    except Skip as e:
        b.figures.note(f"{c.name} is cold here: {e}")
    finally:
        c.remove(name)


def tell(p):
    p.stdin.write(b"\n")
    p.stdin.flush()
    return time.monotonic()


def allocated(c, name):
    pids = c.processes(name)["qemu"]
    if not pids:
        raise Failure("there is no QEMU")
    return machine.guest_memory(pids[0])


def wait_return(measure):
    """Until memory does not fall any more. Return: what it fell to, and when (0 if it did not)."""
    low, when, begin = measure(), 0.0, time.monotonic()
    while time.monotonic() < min(begin + RETURN_TIME, max(begin, when) + RETURN_CALM):
        time.sleep(0.1)
        size = measure()
        if size < low - 1:
            low, when = size, time.monotonic()
    return low, when
