#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vminitd from outside: gRPC by a client that nobody here wrote (Debian's python3-grpcio, stubs made
# from the project's .proto files), and the socket convention of vsock.sock with socat.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup_file() {
	export STUBS=$BATS_FILE_TMPDIR/stubs PROTO=$BATS_TEST_DIRNAME/../../src/rpc
	mkdir "$STUBS"
	/usr/bin/python3 -m grpc_tools.protoc -I "$PROTO" --python_out="$STUBS" \
		--grpc_python_out="$STUBS" "$PROTO/sandbox.proto" "$PROTO/guest.proto" \
		2>"$BATS_FILE_TMPDIR/protoc" || true
}

setup() {
	common_setup
	need_root
	need_program jq
	[ -s "$STUBS/sandbox_pb2_grpc.py" ] ||
		skip_or_fail "no stubs (python3-grpcio, python3-grpc-tools): $(tail -n 1 "$BATS_FILE_TMPDIR/protoc")"
	vm_bundle bundle sh -c 'echo up; exec sleep 1000'
	runvm create --bundle bundle c1 >out 2>&1 </dev/null
	runvm start c1
	wait_for 30 grep -q up out
	# gRPC's own limit is that of a unix socket's address
	ln -s "$ROOT/c1/vminitd.sock" "$BATS_TEST_TMPDIR/s"
}

teardown() {
	common_teardown
}

# client: a program on stdin, with the stubs and the channel there. fails(CODE, call, request) is
# for errors.
client() {
	{
		cat <<-'END'
			import os, sys
			import grpc
			sys.path.insert(0, os.environ["STUBS"])
			import sandbox_pb2 as s, sandbox_pb2_grpc, guest_pb2 as g, guest_pb2_grpc
			channel = grpc.insecure_channel("unix:s", options=[("grpc.default_authority", "localhost")])
			sandbox = sandbox_pb2_grpc.SandboxContextStub(channel)
			guest = guest_pb2_grpc.GuestStub(channel)
			T = 30
			def fails(code, call, request, timeout=T):
			    try:
			        call(request, timeout=timeout)
			    except grpc.RpcError as e:
			        assert e.code() == getattr(grpc.StatusCode, code), (code, e.code(), e.details())
			        assert e.details()
			        print(code, e.details())
			        return
			    raise AssertionError(f"{code} expected, but it worked")
		END
		cat
	} >client.py
	timeout 120 /usr/bin/python3 client.py 3>&-
}

# See vminit/warm-up.h; its cgroup stays, to keep the processor. A VM that was booted has none.
@test "nothing of the warm-up is left; a restored VM is set up" {
	client <<-'END'
		import time
		def there(path):
		    return sandbox.Stat(s.StatRequest(path=path), timeout=T).HasField("stat")
		deadline = time.monotonic() + T
		for path in ("/sys/fs/cgroup/warm-up/@warm-up", "/sys/fs/cgroup/warm-up/@spare", "/tmp/usual"):
		    while there(path):
		        assert time.monotonic() < deadline, path
		        time.sleep(0.1)
		# Who was made ahead has a cgroup that was.
		assert there("/sys/fs/cgroup/runvm/c1") != there("/sys/fs/cgroup/runvm/@spare")
		fails("FAILED_PRECONDITION", guest.Setup, g.SetupRequest())
	END
	same "complaints" 0 "$(grep -c "warm-up\|template" "$ROOT/c1/console.log")"
}

@test "the steps of the start are told" {
	client <<-'END'
		reply = guest.ListSteps(g.ListStepsRequest(), timeout=T)
		steps = sorted(reply.steps, key=lambda step: step.usec)
		names = [step.name for step in steps]
		order = ["woken up" if "woken up" in names else "asked to set up", "share mounted", "asked to create", "planned", "cloned", "mounts", "created", "executed"]
		if "spare taken" in names:
		    order.remove("cloned")
		assert [n for n in names if n in order] == order, names
		assert 0 < steps[0].usec and steps[-1].usec < reply.now_usec, steps
	END
}

@test "files, environment, sysctl, time" {
	client <<-'END'
		sandbox.Mkdir(s.MkdirRequest(path="/run/test/deep", all=True, perms=0o750), timeout=T)
		flags = s.WriteFileRequest.WriteFileFlags(create_if_missing=True)
		sandbox.WriteFile(s.WriteFileRequest(path="/run/test/deep/f", data=b"\0\1data" * 10000, mode=0o640, flags=flags), timeout=T)
		stat = sandbox.Stat(s.StatRequest(path="/run/test/deep/f"), timeout=T).stat
		assert stat.size == 60000 and stat.mode == 0o100640, stat
		assert sandbox.Stat(s.StatRequest(path="/run/test/deep"), timeout=T).stat.mode == 0o40750
		sandbox.Setenv(s.SetenvRequest(key="A", value="b c"), timeout=T)
		assert sandbox.Getenv(s.GetenvRequest(key="A"), timeout=T).value == "b c"
		assert not sandbox.Getenv(s.GetenvRequest(key="NONE"), timeout=T).HasField("value")
		sandbox.Sysctl(s.SysctlRequest(settings={"kernel.hostname": "changed"}), timeout=T)
		sandbox.SetTime(s.SetTimeRequest(sec=1900000000), timeout=T)
		sandbox.Sync(s.SyncRequest(), timeout=T)
		sandbox.Mount(s.MountRequest(type="tmpfs", source="tmpfs", destination="/run/test", options=["size=1m"]), timeout=T)
		sandbox.Umount(s.UmountRequest(path="/run/test"), timeout=T)
		assert sandbox.Stat(s.StatRequest(path="/run/test/deep/f"), timeout=T).stat.size == 60000
	END
}

@test "errors have the codes that fit, and say what was tried" {
	client <<-'END'
		flags = s.WriteFileRequest.WriteFileFlags()
		fails("NOT_FOUND", sandbox.WriteFile, s.WriteFileRequest(path="/missing/f", data=b"x", flags=flags))
		fails("NOT_FOUND", sandbox.Mkdir, s.MkdirRequest(path="", all=True))
		fails("NOT_FOUND", sandbox.KillProcess, s.KillProcessRequest(id="nope", signal=9))
		fails("NOT_FOUND", sandbox.WaitProcess, s.WaitProcessRequest(id="nope"))
		fails("NOT_FOUND", sandbox.StartProcess, s.StartProcessRequest(id="nope", containerID="c1"))
		fails("NOT_FOUND", guest.SignalContainer, g.SignalContainerRequest(container_id="nope", signal=9))
		fails("INVALID_ARGUMENT", guest.CreateContainer, g.CreateContainerRequest(container_id="c2", configuration=b"{"))
		fails("ALREADY_EXISTS", guest.CreateContainer, g.CreateContainerRequest(container_id="c1", configuration=open("bundle/config.json", "rb").read()))
		fails("FAILED_PRECONDITION", guest.Setup, g.SetupRequest(realtime_sec=1))
		fails("NOT_FOUND", sandbox.Sysctl, s.SysctlRequest(settings={"no.such": "1"}))
		unknown = channel.unary_unary("/no.such.Service/Method", request_serializer=lambda b: b, response_deserializer=lambda b: b)
		fails("UNIMPLEMENTED", unknown, b"")
		garbage = channel.unary_unary("/com.apple.containerization.sandbox.v3.SandboxContext/Stat",
			request_serializer=lambda b: b, response_deserializer=lambda b: b)
		for data in (b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe"):
		    try:
		        garbage(data, timeout=T)
		    except grpc.RpcError as e:
		        assert e.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL), e
		# and it still lives
		assert sandbox.Stat(s.StatRequest(path="/"), timeout=T).stat.mode
	END
	has_status c1 running
}

@test "processes: seen, waited for with a deadline, killed" {
	client <<-'END'
		listed = guest.ListProcesses(g.ListProcessesRequest(container_id="c1"), timeout=T).processes
		# (a busybox may execute itself as "exe")
		assert any(p.arguments[0] == "sleep" and p.container_pid == 1 for p in listed), listed
		fails("DEADLINE_EXCEEDED", sandbox.WaitProcess, s.WaitProcessRequest(id="c1", containerID="c1"), timeout=1)
		waiting = sandbox.WaitProcess.future(s.WaitProcessRequest(id="c1", containerID="c1"), timeout=T)
		cancelled = sandbox.WaitProcess.future(s.WaitProcessRequest(id="c1", containerID="c1"), timeout=T)
		cancelled.cancel()
		assert sandbox.KillProcess(s.KillProcessRequest(id="c1", containerID="c1", signal=9), timeout=T).result == 0
		assert waiting.result().exitCode == 137
	END
	wait_for 10 has_status c1 stopped
}

@test "ListProcesses: long arguments are cut, nobody is left out" {
	vm_bundle many sh -c 'a=$(head -c 60000 /dev/zero | tr "\0" a); for i in $(seq 70); do sh -c "sleep 1000; :" sh "$a" "$a" & done
		while [ "$(ps | grep -c "[s]leep 1000")" -lt 140 ]; do sleep 1; done; echo up; wait'
	runvm create --bundle many c2 >out2 2>&1 </dev/null
	runvm start c2
	wait_for "$TIMEOUT" grep -q up out2
	ln -sfn "$ROOT/c2/vminitd.sock" s
	client <<-'END'
		listed = guest.ListProcesses(g.ListProcessesRequest(container_id="c2"), timeout=T).processes
		assert len(listed) >= 141, len(listed)
		sizes = [sum(len(a) + 1 for a in p.arguments) for p in listed]
		assert max(sizes) > 60000, sizes
		assert max(sizes) <= 65536 + 1 and 900000 < sum(sizes) <= 1048576 + len(sizes), sizes
	END
}

@test "a process added to a running container, its streams over vsock" {
	/usr/bin/python3 - "$ROOT/c1" <<-'END' &
		import os, socket, sys
		os.chdir(sys.argv[1])
		servers = []
		for port in (5001, 5002):
		    server = socket.socket(socket.AF_UNIX)
		    server.bind(f"vsock.sock_{port}")
		    server.listen()
		    servers.append(server)
		open("listening", "w").close()
		stdin, _ = servers[0].accept()
		stdin.sendall(b"hello " * 1000)
		stdin.shutdown(socket.SHUT_WR)
		stdout, _ = servers[1].accept()
		data = b""
		while (chunk := stdout.recv(65536)):
		    data += chunk
		open("received", "wb").write(data)
	END
	wait_for 20 test -e "$ROOT/c1/listening"
	client <<-'END'
		import json
		process = {"process": {"args": ["sh", "-c", "cat; echo end; exit 9"], "cwd": "/", "env": ["PATH=/bin"],
			"user": {"uid": 0, "gid": 0}}, "ociVersion": "1.0.2", "root": {"path": "rootfs"}}
		sandbox.CreateProcess(s.CreateProcessRequest(id="p1", containerID="c1", stdin=5001, stdout=5002,
			configuration=json.dumps(process).encode()), timeout=T)
		assert sandbox.StartProcess(s.StartProcessRequest(id="p1", containerID="c1"), timeout=T).pid > 1
		assert sandbox.WaitProcess(s.WaitProcessRequest(id="p1", containerID="c1"), timeout=T).exitCode == 9
		sandbox.DeleteProcess(s.DeleteProcessRequest(id="p1", containerID="c1"), timeout=T)
	END
	wait_for 20 test -e "$ROOT/c1/received"
	same "bytes" 6004 "$(wc -c <"$ROOT/c1/received")"
	rm "$ROOT"/c1/{received,listening,vsock.sock_500?}
	has_status c1 running
}

# The kernel's own fault, see mounts_fd in vminit/container.h: without care one in thirty shows it.
@test "containers that are killed with files of the share open leave no inode behind" {
	client <<-'END'
		import json
		def run(id, script, kill):
		    everything = ["CAP_SYSLOG"]
		    config = {
		        "ociVersion": "1.2.0", "root": {"path": "/run/share/c1/rootfs"},
		        "process": {"args": ["sh", "-c", script], "env": ["PATH=/bin"], "cwd": "/",
		                    "capabilities": {k: everything for k in ("bounding", "effective", "permitted")}},
		        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]}}
		    guest.CreateContainer(g.CreateContainerRequest(container_id=id, configuration=json.dumps(config).encode()), timeout=T)
		    process = dict(id=id, containerID=id)
		    sandbox.StartProcess(s.StartProcessRequest(**process), timeout=T)
		    if kill:
		        sandbox.KillProcess(s.KillProcessRequest(signal=9, **process), timeout=T)
		    code = sandbox.WaitProcess(s.WaitProcessRequest(**process), timeout=T).exitCode
		    guest.RemoveContainer(g.RemoveContainerRequest(container_id=id), timeout=T)
		    return code
		for i in range(40):
		    assert run(f"open{i}", "exec 3</bin/busybox 4</bin/sh; exec sleep 1000", True) == 137
		assert run("log", "dmesg >/dev/null && ! dmesg | grep -q 'Busy inodes'", False) == 0
	END
}

@test "many calls at once, many connections one after the other" {
	client <<-'END'
		calls = [sandbox.Stat.future(s.StatRequest(path="/"), timeout=T) for _ in range(200)]
		assert all(c.result().stat.mode for c in calls)
		for _ in range(20):
		    with grpc.insecure_channel("unix:s", options=[("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", 1)]) as c:
		        sandbox_pb2_grpc.SandboxContextStub(c).Stat(s.StatRequest(path="/"), timeout=T)
	END
}

@test "vsock.sock: CONNECT and OK; refusals; ports of the guest without a listener" {
	need_program socat
	cd "$ROOT/c1"
	reply=$(printf 'CONNECT 1024\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' |
		timeout 20 socat -t 2 - UNIX-CONNECT:vsock.sock | tr '\0' . | head -c 200)
	[[ $reply =~ ^OK\ [0-9]+$'\n' ]]
	# the server's SETTINGS follow
	[ "${#reply}" -gt 12 ]
	for line in 'CONNECT 9999' 'CONNECT x' 'CONNECT' 'HELLO 1024' 'CONNECT 99999999999'; do
		reply=$(printf '%s\n' "$line" | timeout 20 socat -t 5 - UNIX-CONNECT:vsock.sock 2>/dev/null || true)
		[[ $reply != OK* ]]
	done
	head -c 100000 /dev/urandom | timeout 20 socat -t 2 - UNIX-CONNECT:vsock.sock >/dev/null 2>&1 || true
	head -c 100000 /dev/urandom | timeout 20 socat -t 2 - UNIX-CONNECT:vminitd.sock >/dev/null 2>&1 || true
	cd "$BATS_TEST_TMPDIR"
	has_status c1 running
	runvm kill c1 KILL
	wait_for 10 has_status c1 stopped
}

@test "the sockets are for their owner alone" {
	for socket in vsock.sock vminitd.sock monitor.sock; do
		mode=$(stat -c %a "$ROOT/c1/$socket")
		[ "${mode: -2}" = 00 ]
	done
	same "directory" 700 "$(stat -c %a "$ROOT/c1")"
}
