# SPDX-License-Identifier: Apache-2.0
"""Who is measured: runtimes and a bare QEMU; the place where they work, and its end.

A contestant can prepare() a container or VM that prints one line, which takes no part in the
figures, and then start it. Whatever is started has the place's directory in its environment, and so
has what it leaves behind: that is how Place.close() finds it.
"""

import glob
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

import machine
import steps
from report import Skip

MARK = "RUNVM_BENCH_MARK"
LINE = "runvm-bench-output"  # what containers print; guest.c prints it, too
BUILD_TIME = 300  # seconds; it runs at idle priority
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failure(Exception):
    """A run did not do what it should."""


class Process:
    """A command that is timed. Times are those of time.monotonic()."""

    def __init__(self, place, argv, env=None, stdin=subprocess.DEVNULL):
        self.argv = argv
        self.output = b""
        self.errors = tempfile.TemporaryFile(dir=place.dir)
        environment = {**os.environ, **(env or {})}
        self.begin = time.monotonic()
        # A session of its own: Ctrl-C is for us, and we end what we started in order.
        self.popen = subprocess.Popen(argv, env=environment, stdin=stdin, stdout=subprocess.PIPE,
                                      stderr=self.errors, start_new_session=True)
        self.deadline = self.begin + place.timeout
        self.stdin, self.stdout = self.popen.stdin, self.popen.stdout.fileno()
        os.set_blocking(self.stdout, False)
        self.pidfd = os.pidfd_open(self.popen.pid)
        place.processes.append(self)
        self.place = place

    def fail(self, what):
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().split("\n")[-1][:300]
        command = " ".join(os.path.basename(a) for a in self.argv if not a.startswith("-"))[:60]
        raise Failure(f"{what}: {said or 'it said nothing'} ({command})")

    def take_output(self):
        """What there is; False at its end."""
        try:
            data = os.read(self.stdout, 1 << 20)
        except BlockingIOError:
            return True
        self.output += data
        return bool(data)

    def wait_line(self, line):
        """Until a line is there, which is taken from the output. Return: when it came."""
        line = line.encode()
        while line not in self.output:
            if not select.select([self.stdout], [], [], self.left())[0]:
                self.fail(f'no "{line.decode()}" in {self.place.timeout} s')
            if not self.take_output() and line not in self.output:
                self.fail(f'ended without "{line.decode()}"')
        now = time.monotonic()
        self.output = self.output.split(line, 1)[1]
        return now

    def wait_end(self):
        """Until the process ends, not those that it left behind. Return: when it did."""
        watched = [self.pidfd, self.stdout]
        while True:
            ready = select.select(watched, [], [], self.left())[0]
            if not ready:
                self.fail(f"not done in {self.place.timeout} s")
            if self.pidfd in ready:
                now = time.monotonic()
                break
            if not self.take_output():
                watched = [self.pidfd]
        self.take_output()
        if self.popen.wait() != 0:
            self.fail(f"status {self.popen.returncode}")
        return now

    def left(self):
        return max(0, self.deadline - time.monotonic())

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.pidfd)
        for f in (self.popen.stdin, self.popen.stdout, self.errors):
            if f:
                try:
                    f.close()
                except BrokenPipeError:
                    pass
        self.place.processes.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Place:
    """A directory with a rootfs, bundles and roots, a cgroup, and what runs in them."""

    def __init__(self, runvm, parent, timeout):
        self.dir = tempfile.mkdtemp(prefix="runvm-bench.", dir=parent)
        os.environ[MARK] = self.dir
        self.runvm = runvm
        self.timeout = timeout
        self.processes = []
        self.runtimes = []
        self.cgroup = f"/runvm-bench-{os.getpid()}"
        self.rootfs = os.path.join(self.dir, "rootfs")
        self.serial = 0

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def make_rootfs(self):
        """As tests/vm/helper.bash does, and with guest.c in it."""
        busybox = shutil.which("busybox")
        if not busybox:
            raise Skip("busybox is not installed")
        for name in ("bin", "proc", "sys", "dev", "tmp", "work"):
            os.makedirs(os.path.join(self.rootfs, name))
        inside = os.path.join(self.rootfs, "bin")
        shutil.copy(busybox, inside)
        applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for applet in applets.stdout.split():
            if applet != "busybox":
                os.symlink("busybox", os.path.join(inside, applet))
        self.config = self.make_config()
        self.make_guest(os.path.join(inside, "guest"))

    def make_config(self):
        subprocess.run([self.runvm, "spec", "--bundle", self.dir], check=True)
        with open(self.path("config.json"), encoding="utf-8") as f:
            config = json.load(f)
        config["ociVersion"] = "1.0.2"  # runc 1.1 knows no later one
        config["process"]["terminal"] = False
        config["root"]["path"] = self.rootfs
        return config

    def make_guest(self, to):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest.c")
        cc = os.environ.get("CC") or shutil.which("cc")
        if not cc:
            raise Skip("there is no C compiler (cc, or name one by CC)")
        r = subprocess.run([*cc.split(), "-static", "-O2", "-o", to, source], capture_output=True,
                           text=True, check=False)
        if r.returncode:
            raise Skip(f"guest.c does not compile: {r.stderr.strip()[:300]}")

    def bundle(self, name, args, writable=False, memory=None):
        config = json.loads(json.dumps(self.config))
        config["process"]["args"] = args
        config["root"]["readonly"] = not writable
        config["linux"]["cgroupsPath"] = f"{self.cgroup}/{name}"
        if memory:
            config["linux"].setdefault("resources", {})["memory"] = {"limit": memory}
        path = self.path("bundles", name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as f:
            json.dump(config, f)
        return path

    def new_name(self):
        self.serial += 1
        return f"b{self.serial}"

    def close(self):
        for p in list(self.processes):
            p.close()
        for r in self.runtimes:
            r.remove_all()
        deadline = time.monotonic() + 10
        while True:
            left = list(machine.marked(MARK, self.dir))
            if not left or time.monotonic() > deadline:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        for top in [*glob.glob("/sys/fs/cgroup/*" + self.cgroup), "/sys/fs/cgroup" + self.cgroup]:
            for path, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
        shutil.rmtree(self.dir, ignore_errors=True)


class Runtime:
    """One with runc's command line."""

    def __init__(self, place, name, argv, env=None):
        self.place, self.name, self.argv, self.env = place, name, argv, env or {}
        self.root = place.path("root-" + name.replace(" ", "-"))
        self.names = set()
        place.runtimes.append(self)

    def command(self, *args):
        return [*self.argv, "--root", self.root, *args]

    def process(self, *args, **options):
        return Process(self.place, self.command(*args), self.env, **options)

    def call(self, *args, more_time=0):
        """To its end. Return: seconds it took."""
        with self.process(*args) as p:
            p.deadline += more_time
            return p.wait_end() - p.begin

    def prepare(self, args=("/bin/echo", LINE), **options):
        """A bundle for a container, by whose name run() and the others go."""
        name = self.place.new_name()
        self.place.bundle(name, list(args), **options)
        self.names.add(name)
        return name

    def bundle_of(self, name):
        return self.place.path("bundles", name)

    def run(self, name, **options):
        return self.process("run", "--bundle", self.bundle_of(name), name, **options)

    def detach(self, name):
        """Starts an idle container, whose output is nobody's."""
        argv = self.command("run", "--detach", "--bundle", self.bundle_of(name), name)
        with tempfile.TemporaryFile(dir=self.place.dir) as errors:
            try:
                r = subprocess.run(argv, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=errors, check=False,
                                   timeout=self.place.timeout, start_new_session=True)
            except subprocess.TimeoutExpired:
                raise Failure(f"run --detach: not done in {self.place.timeout} s") from None
            if r.returncode:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().split("\n")[-1]
                raise Failure(f"run --detach: {said}")

    def remove(self, name):
        """Whatever has become of it."""
        if glob.glob(os.path.join(self.root, glob.escape(name) + "*")):
            try:
                subprocess.run(self.command("delete", "--force", name), check=False,
                               env={**os.environ, **self.env}, timeout=self.place.timeout,
                               capture_output=True, stdin=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                pass
        self.names.discard(name)
        shutil.rmtree(self.bundle_of(name), ignore_errors=True)

    def remove_all(self):
        for name in list(self.names):
            self.remove(name)

    def probe(self):
        """Once, not measured: does it run? It also fills the host's caches."""
        name = self.prepare()
        try:
            with self.run(name) as p:
                p.wait_line(LINE)
                p.wait_end()
        except (Failure, OSError) as e:
            raise Skip(str(e)) from None
        finally:
            self.remove(name)


class Runvm(Runtime):
    """Cold or warm, by where its templates are."""

    def __init__(self, place, name, runvm, templates):
        super().__init__(place, name, [runvm], {"RUNVM_TEMPLATES": templates})

    def traced(self):
        """One start. Return: its steps, with ours of what came out of it; see steps.py."""
        name, path = self.prepare(), self.place.path("trace")
        try:
            with self.process("--trace-start", path, "run", "--bundle", self.bundle_of(name),
                              name) as p:
                first = p.wait_line(LINE)
                end = p.wait_end()
        finally:
            self.remove(name)
        try:
            with open(path, encoding="utf-8") as f:
                found = steps.parse(f.read())
            os.unlink(path)
        except OSError as e:
            raise Failure(f"--trace-start wrote nothing: {e.strerror}") from None
        own = [(p.begin, "exec"), (first, "first output"), (end, "returned")]
        return steps.merge(found, [(int(t * 1e6), "bench", what) for t, what in own])

    def status(self, name):
        with open(os.path.join(self.root, name, "status.json"), encoding="utf-8") as f:
            return json.load(f)

    def processes(self, name):
        """kind -> pids of a container's"""
        status = self.status(name)
        monitor = status["monitor"]["pid"]
        found = {"qemu": [], "virtiofsd": [], "monitor": [monitor],
                 "stand-in": [status["standin"]["pid"]], "other": []}
        for pid in machine.descendants(monitor):
            program = machine.comm(pid)
            kind = "qemu" if program.startswith("qemu") else program
            found[kind if kind in ("qemu", "virtiofsd") else "other"].append(pid)
        return found

    def qemu_command(self):
        """That of a container's QEMU."""
        name = self.prepare(["/bin/sleep", "100000"])
        try:
            self.detach(name)
            return machine.cmdline(self.processes(name)["qemu"][0])
        except (Failure, OSError, IndexError) as e:
            raise Skip(f"the command line of QEMU is not known: {e}") from None
        finally:
            self.remove(name)


class Warm(Runvm):
    """Restored from a template in a store of the bench's own."""

    def __init__(self, place, runvm):
        super().__init__(place, "runvm warm", runvm, place.path("templates"))

    def build_template(self, *options):
        try:
            return self.call("template", "build", *options, more_time=BUILD_TIME)
        except Failure as e:
            raise Skip(f"no template: {e}") from None

    def check(self):
        """Is it really warm? The monitor's steps say."""
        try:
            found = [step for _, who, step in self.traced() if who == "monitor"]
        except Failure as e:
            raise Skip(f"cannot tell whether it is warm: {e}") from None
        if "template" not in found or "no template" in found:
            raise Skip("its VM was not restored from the template but booted")


class BareQemu:
    """The VM of runvm's cold start alone: its kernel, machine and memory, but no devices to plug,
    and an init that prints a line and switches off."""

    name = "bare QEMU"
    # Of runvm's command line: what has a descriptor of the monitor's, and what is ours.
    dropped = ("-name", "-chardev", "-mon", "-serial", "-initrd", "-incoming")

    def __init__(self, place, qemu_command):
        self.place = place
        self.argv = []
        words = iter(qemu_command)
        for word in words:
            if word in self.dropped:
                next(words)
            elif word != "-S":
                self.argv.append(word)
        initrd = place.path("bare.cpio")
        with open(os.path.join(place.rootfs, "bin", "guest"), "rb") as f:
            init = f.read()
        with open(initrd, "wb") as f:
            f.write(cpio([("dev", 0o040755, b"", (0, 0)), ("dev/console", 0o020600, b"", (5, 1)),
                          ("init", 0o100755, init, (0, 0))]))
        self.argv += ["-initrd", initrd, "-serial", "stdio"]

    def prepare(self):
        return ""

    def run(self, _):
        return Process(self.place, self.argv)

    def remove(self, _):
        pass

    def probe(self):
        try:
            with self.run("") as p:
                p.wait_line(LINE)
                p.wait_end()
        except (Failure, OSError) as e:
            raise Skip(str(e)) from None


def cpio(entries):
    """An archive in the format of an initramfs: (name, mode, content, (major, minor))."""
    out = b""
    for i, (name, mode, content, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))]):
        fields = [i + 1, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)
    return out
