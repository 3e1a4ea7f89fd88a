# SPDX-License-Identifier: Apache-2.0
"""What the host's kernel says: the machine, its load and memory, processes and their memory."""

import glob
import os
import platform
import re
import statistics
import subprocess
import time


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def load():
    return " ".join(f"{x:.2f}" for x in os.getloadavg())


def busy():
    """Runs something else? The load of the last minute says it, before the bench adds its own."""
    return os.getloadavg()[0] > 0.25 * os.cpu_count()


def first_line(*command):
    try:
        r = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (r.stdout or r.stderr).split("\n")[0].strip()


def cpu_model():
    m = re.search(r"^(?:model name|Model)\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    return m.group(1) if m else platform.machine()


def filesystem(path):
    """Type of the file system that holds path."""
    best = ("", "?")
    for line in read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4]
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, after.split()[0])
    return best[1]


# --- memory ---

def mem_available():
    """MiB"""
    return int(re.search(r"^MemAvailable:\s+(\d+)", read("/proc/meminfo"), re.M).group(1)) / 1024


def settled(measure=mem_available, within=1.5, deadline=12):
    """The median of a second once that does not vary by more than `within` MiB, or of the last
    second before the deadline."""
    end = time.monotonic() + deadline
    samples = []
    while True:
        samples = (samples + [measure()])[-6:]
        calm = len(samples) == 6 and max(samples) - min(samples) <= within
        if calm or time.monotonic() > end:
            return statistics.median(samples)
        time.sleep(0.2)


# --- processes ---

def descendants(pid):
    found = []
    for children in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in read(children).split():
            found += [int(child)] + descendants(int(child))
    return found


def comm(pid):
    return read(f"/proc/{pid}/comm").strip()


def cmdline(pid):
    return read(f"/proc/{pid}/cmdline").split("\0")[:-1]


def marked(name, value):
    """Processes that inherited an environment variable, but this one."""
    entry = f"{name}={value}"
    for path in glob.glob("/proc/[0-9]*/environ"):
        pid = int(path.split("/")[2])
        if pid != os.getpid() and entry in read(path).split("\0"):
            yield pid


def pss(pid):
    """MiB"""
    m = re.search(r"^Pss:\s+(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(m.group(1)) / 1024 if m else 0.0


def mappings(pid):
    """(range, permissions, name, PSS in MiB) of each."""
    header = re.compile(r"^([0-9a-f]+-[0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$")
    current = None
    for line in read(f"/proc/{pid}/smaps").splitlines():
        m = header.match(line)
        if m:
            current = m.groups()
        elif line.startswith("Pss:") and current:
            yield (*current, int(line.split()[1]) / 1024)


def is_translation(permissions, name):
    """TCG's buffer is the only memory that is written and executed; or a memfd of this name."""
    return "tcg-jit" in name or ("w" in permissions and "x" in permissions and not name)


def is_guest_memory(name):
    return name.startswith("/memfd:") and "tcg-jit" not in name


def translation_buffer(qemu):
    """PSS of it, in MiB"""
    return sum(size for _, perms, name, size in mappings(qemu) if is_translation(perms, name))


def guest_memory_mapped(qemu):
    """PSS of it, in MiB: virtiofsd and the monitor may map the same pages."""
    return sum(size for _, _, name, size in mappings(qemu) if is_guest_memory(name))


def guest_memory(qemu):
    """What of the guest's memory is allocated, in MiB: mapped by anybody or not."""
    seen = {}
    for where, _, name, _ in mappings(qemu):
        if is_guest_memory(name):
            try:
                st = os.stat(f"/proc/{qemu}/map_files/{where}")
            except OSError:
                continue
            seen[st.st_dev, st.st_ino] = st.st_blocks * 512 / 2**20
    return sum(seen.values())
