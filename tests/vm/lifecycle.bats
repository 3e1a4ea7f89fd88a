#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# create, start, kill, delete in every order, right and wrong; what create hands over: pid file,
# pidfd, the standard streams. (state and list are in state.bats.)

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle sleep 1000
}

teardown() {
	[ -z "${sleeper:-}" ] || kill "$sleeper" 2>/dev/null || true
	common_teardown
}

# Not `run`: it would wait for the container's process, which keeps its pipe open.
create() {
	runvm create --bundle bundle "$@" >out 2>err </dev/null || { cat err >&2; return 1; }
}

script() {
	edit_config bundle '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
}

# fails TEXT COMMAND...: exit status 1, nothing on stdout, the text on stderr and in the log.
fails() {
	local text=$1
	shift
	rm -f log
	attempt runvm --log log --log-format json "$@"
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	contains "$stderr" "$text"
	contains "$(jq -r 'select(.level == "error") | .msg' log)" "$text"
}

gone() {
	[ ! -e "/proc/$1" ] || [ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null)" = Z ]
}

@test "create, start, kill, delete; nothing runs before start" {
	script 'touch /tmp/started; exec sleep 1000'
	create c1
	has_status c1 created
	[ ! -e bundle/rootfs/tmp/started ]
	runvm start c1
	wait_for 10 test -e bundle/rootfs/tmp/started
	has_status c1 running
	pid=$(runvm state c1 | jq -r .pid)
	runvm kill c1 KILL
	wait_for 10 has_status c1 stopped
	same "pid" 0 "$(runvm state c1 | jq -r .pid)"
	gone "$pid"
	runvm delete c1
	fails "container does not exist" state c1
	[ -z "$(ls -A "$ROOT")" ]
}

@test "a program that ends by itself is stopped until it is deleted" {
	script 'exit 3'
	create c1
	runvm start c1
	wait_for 10 has_status c1 stopped
	fails "container not running" kill c1 TERM
	fails "cannot start a container that has stopped" start c1
	wait_for 10 eval '[ -z "$(pid_of qemu)" ]'
	runvm delete c1
}

@test "wrong orders, in runc's words" {
	create c1
	fails "container with given ID already exists" create --bundle bundle c1
	has_status c1 created
	runvm start c1
	fails "cannot start an already running container" start c1
	fails "cannot delete container c1 that is not stopped" delete c1
	fails "container with given ID already exists" create --bundle bundle c1
	fails "container with given ID already exists" run --bundle bundle c1
	has_status c1 running
	runvm kill c1 KILL
	wait_for 10 has_status c1 stopped
	fails "container not running" kill c1
	fails "cannot start a container that has stopped" start c1
	fails "container with given ID already exists" create --bundle bundle c1
	runvm delete c1
	fails "container does not exist" delete c1
	fails "container does not exist" kill c1
	fails "container does not exist" start c1
}

@test "the texts of wrong orders are in runc's errors" {
	need_program "$RUNC"
	runc create --bundle bundle c1 >out 2>&1 </dev/null
	texts() {
		run runc create --bundle bundle c1
		contains "$output" "container with given ID already exists"
	}
	texts
	runc start c1
	run runc start c1
	contains "$output" "cannot start an already running container"
	texts
	run runc delete c1
	contains "$output" "cannot delete container c1 that is not stopped"
	runc kill c1 KILL
	wait_for 10 eval '[ "$(runc state c1 | jq -r .status)" = stopped ]'
	run runc kill c1
	contains "$output" "container not running"
	run runc start c1
	contains "$output" "cannot start a container that has stopped"
}

@test "kill: a container that was created and not started" {
	for signal in TERM KILL; do
		create c1
		runvm kill c1 $signal
		wait_for 10 has_status c1 stopped
		fails "cannot start a container that has stopped" start c1
		runvm delete c1
	done
}

@test "kill: every form of a signal's name" {
	script 'for s in HUP USR1 TERM RTMIN; do trap "echo got $s" $s; done 2>/dev/null
		trap "echo got 40" 40; echo ready; while :; do sleep 0.05; done'
	create c1
	runvm start c1
	wait_for 20 grep -q ready out
	expected=ready
	for form in HUP SIGHUP hup 1 SIGUSR1 10 usr1 "" TERM 15 SIGTERM; do
		# shellcheck disable=SC2086 # without an argument it is TERM
		runvm kill c1 $form
		case $form in
		*HUP | hup | 1) expected="$expected got HUP" ;;
		*USR1 | usr1 | 10) expected="$expected got USR1" ;;
		*) expected="$expected got TERM" ;;
		esac
		wait_for 10 eval '[ "$(xargs <out)" = "$expected" ]'
	done
	fails 'unknown signal' kill c1 NOSUCH
	fails 'unknown signal' kill c1 99
	fails 'unknown signal' kill c1 SIG
	# 0 asks whether it is there
	runvm kill c1 0
	runvm kill c1 9
	wait_for 10 has_status c1 stopped
}

@test "kill --all reaches every process of the container" {
	script 'trap "echo init got it; exit 4" TERM
		for i in 1 2 3; do sh -c "trap \"echo child got it; exit\" TERM; echo up; while :; do sleep 0.05; done" & done
		wait; wait; wait'
	create c1
	runvm start c1
	wait_for 20 eval '[ "$(grep -c up out)" = 3 ]'
	runvm kill --all c1 TERM
	wait_for 10 has_status c1 stopped
	# init may end before a child has spoken, which takes the child with it
	grep -q "init got it" out
	run --separate-stderr runvm kill --all c1 TERM
	[ "$status" -eq 0 ]
	script 'trap "" TERM; for i in 1 2; do sh -c "trap \"echo child got it; exit\" USR1; echo up; while :; do sleep 0.05; done" & done
		trap "echo init got it" USR1; while :; do sleep 0.05; done'
	runvm delete c1
	create c1
	runvm start c1
	wait_for 20 eval '[ "$(grep -c up out)" = 2 ]'
	runvm kill -a c1 USR1
	wait_for 10 eval '[ "$(grep -c "child got it" out)" = 2 ] && grep -q "init got it" out'
	has_status c1 running
}

@test "signals to the pid of state are forwarded" {
	script 'for s in HUP USR2 TERM CONT WINCH; do trap "echo got $s" $s; done; echo ready
		while ! [ -e /tmp/stop ]; do sleep 0.05; done; exit 6'
	create --pid-file pid c1
	runvm start c1
	wait_for 20 grep -q ready out
	for signal in HUP USR2 TERM CONT; do
		kill -$signal "$(cat pid)"
		wait_for 10 grep -q "got $signal" out
	done
	has_status c1 running
	touch bundle/rootfs/tmp/stop
	wait_for 10 has_status c1 stopped
}

@test "delete of a container that was created and not started, as with runc" {
	need_program "$RUNC"
	runc create --bundle bundle c1-runc >out 2>&1 </dev/null
	runc delete c1-runc
	create c1
	runvm delete c1
	[ -z "$(ls -A "$ROOT")" ]
}

@test "delete --force: created, running, stopped, and what is not there" {
	create c1
	runvm delete --force c1
	create c1
	runvm start c1
	runvm delete --force c1
	script 'exit 0'
	create c1
	runvm start c1
	wait_for 10 has_status c1 stopped
	runvm delete --force c1
	run --separate-stderr runvm delete --force c1
	[ "$status" -eq 0 ]
	[ -z "$(ls -A "$ROOT")" ]
}

@test "delete keeps what the container wrote" {
	script 'echo kept >/tmp/file; dd if=/dev/zero of=/tmp/big bs=1M count=5 2>/dev/null'
	runvm run --bundle bundle c1
	same "file" kept "$(cat bundle/rootfs/tmp/file)"
	same "size" 5242880 "$(stat -c %s bundle/rootfs/tmp/big)"
	# also when it is killed in the middle
	script 'echo again >/tmp/file; echo ready; sleep 1000'
	create c1
	runvm start c1
	wait_for 20 grep -q ready out
	runvm delete --force c1
	same "file" again "$(cat bundle/rootfs/tmp/file)"
}

@test "the pid file: the pid alone, written whole, absolute or relative" {
	create --pid-file "$PWD/pid" c1
	same "pid" "$(runvm state c1 | jq -r .pid)" "$(cat pid)"
	same "bytes" "$(runvm state c1 | jq -j .pid | wc -c)" "$(wc -c <pid)"
	runvm delete --force c1
	mkdir dir
	create --pid-file dir/pid c1
	[ -s dir/pid ]
	runvm delete --force c1
	fails "pid" create --bundle bundle --pid-file "$PWD/missing/pid" c1
	fails "container does not exist" state c1
}

@test "the caller's child: who waits for the pid gets the exit status" {
	need_program /usr/bin/python3
	script 'exit 42'
	cat >parent.py <<-'END'
		# A subreaper, as conmon and containerd's shim are.
		import ctypes, os, subprocess, sys
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
		runvm, root = sys.argv[1:]
		run = lambda *a: subprocess.run([runvm, "--root", root, *a], check=True,
			stdin=subprocess.DEVNULL, stdout=open("out", "a"), stderr=subprocess.STDOUT)
		for signal in (None, "KILL"):
		    run("create", "--bundle", "bundle", "--pid-file", "pid", "c1")
		    pid = int(open("pid").read())
		    if signal:
		        run("kill", "c1", signal)
		    else:
		        run("start", "c1")
		    while True:
		        got, status = os.wait()
		        if got == pid:
		            break
		    print(os.waitstatus_to_exitcode(status))
		    run("delete", "c1")
	END
	run --separate-stderr timeout "$TIMEOUT" /usr/bin/python3 parent.py "$RUNVM" "$ROOT"
	echo "$stderr"
	[ "$status" -eq 0 ]
	same "statuses" "42 137" "$(xargs <<<"$output")"
}

@test "pidfd-socket" {
	need_program /usr/bin/python3
	cat >receive.py <<-'END'
		import select, socket
		s = socket.socket(socket.AF_UNIX)
		s.bind("pidfd.sock")
		s.listen()
		open("listening", "w").close()
		c, _ = s.accept()
		message, fds, _, _ = socket.recv_fds(c, 100, 4)
		pid = [l for l in open(f"/proc/self/fdinfo/{fds[0]}") if l.startswith("Pid:")][0].split()[1]
		print(len(fds), pid, flush=True)
		poll = select.poll()
		poll.register(fds[0], select.POLLIN)
		print("end" if poll.poll(60000) else "no end", flush=True)
	END
	script 'echo ready; while :; do sleep 0.05; done'
	timeout "$TIMEOUT" /usr/bin/python3 receive.py >received 3>&- &
	wait_for 10 test -e listening
	create --pidfd-socket "$PWD/pidfd.sock" c1
	wait_for 10 test -s received
	same "pidfd" "1 $(runvm state c1 | jq -r .pid)" "$(head -n 1 received)"
	runvm start c1
	wait_for 20 grep -q ready out
	runvm kill c1 KILL
	wait
	same "end" end "$(tail -n 1 received)"
	fails "pidfd socket" create --bundle bundle --pidfd-socket "$PWD/missing.sock" c2
}

@test "run --detach and run --keep" {
	script 'echo out; sleep 1000'
	runvm run --detach --bundle bundle --pid-file pid c1 >out 2>&1 </dev/null
	has_status c1 running
	kill -0 "$(cat pid)"
	wait_for 10 grep -q out out
	runvm delete --force c1
	script 'exit 3'
	run --separate-stderr runvm run --keep --bundle bundle c1
	[ "$status" -eq 3 ]
	has_status c1 stopped
	runvm delete c1
}

@test "a foreground run does not keep others from its container" {
	script 'echo up; exec sleep 1000'
	runvm run --bundle bundle c1 >out 2>err </dev/null &
	wait_for 30 grep -q up out
	fails "cannot delete container c1 that is not stopped" delete c1
	fails "cannot start an already running container" start c1
	runvm delete --force c1
	status=0
	wait $! || status=$?
	same "status" 137 "$status"
	[ ! -s err ]
	# one that is there when the run ends, but is not its own
	runvm run --bundle bundle c1 >out 2>err </dev/null &
	wait_for 30 grep -q up out
	run_pid=$(test_processes | awk -v me="$(basename "$RUNVM")" '$2 == me {print $1; exit}')
	kill -STOP "$run_pid"
	timeout 60 "$RUNVM" --root "$ROOT" delete --force c1
	create c1
	kill -CONT "$run_pid"
	wait $! || true
	has_status c1 created
}

@test "cgroup hierarchies that are mounted in other places, too" {
	cat >twice <<-'END'
		mkdir -p chroot/cgroup
		mount --rbind /sys/fs/cgroup chroot/cgroup
		mount -t tmpfs tmpfs chroot
		exec "$RUNVM" --root "$ROOT" run --bundle bundle c1
	END
	edit_config bundle '.process.args = ["echo", "once"]'
	run --separate-stderr env ROOT="$ROOT" RUNVM="$RUNVM" unshare --mount --propagation private bash twice </dev/null
	same "status" 0 "$status"
	same "output" once "$output"
	runvm delete --force c1
}

@test "--config: another file, in place of the bundle's" {
	jq '.process.args = ["echo", "from other"]' bundle/config.json >other.json
	rm bundle/config.json
	run --separate-stderr runvm run --bundle bundle c1
	[ "$status" -eq 1 ]
	run --separate-stderr runvm run --config other.json --bundle bundle c1
	[ "$status" -eq 0 ]
	[ "$output" = "from other" ]
	mv other.json elsewhere.json
	run --separate-stderr runvm run -f "$PWD/elsewhere.json" --bundle bundle c1
	[ "$status" -eq 0 ]
	[ "$output" = "from other" ]
}

@test "the bundle's config.json may change or go after create" {
	script 'echo first'
	create c1
	rm bundle/config.json
	runvm start c1
	wait_for 10 grep -q first out
	wait_for 10 has_status c1 stopped
	runvm delete c1
}

@test "descriptors of the caller do not stay in the processes of the container" {
	exec 9>kept
	create c1
	exec 9>&-
	for process in runvm-monitor runvm-standin virtiofsd qemu; do
		pid=$(pid_of $process)
		[ -n "$pid" ]
		[ -z "$(find "/proc/$pid/fd" -lname "$PWD/kept")" ]
	done
}

@test "two commands on one container at once exclude each other" {
	create c1
	for i in 1 2 3; do
		runvm start c1 >start.$i 2>&1 &
	done
	wait
	same "refused" 2 "$(cat start.* | grep -c "already running")"
	for i in 1 2 3; do
		runvm delete --force c1 >delete.$i 2>&1 &
	done
	wait
	[ -z "$(cat delete.*)" ]
	[ -z "$(ls -A "$ROOT")" ]
	for i in 1 2 3; do
		runvm create --bundle bundle c1 >create.$i 2>&1 </dev/null &
	done
	wait
	same "refused" 2 "$(cat create.* | grep -c "already exists")"
	has_status c1 created
}

@test "long root and id" {
	deep=$ROOT/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})
	id=$(printf 'i%.0s' {1..200})
	script 'echo works'
	run --separate-stderr timeout "$TIMEOUT" "$RUNVM" --root "$deep" run --bundle bundle "$id"
	echo "$stderr"
	[ "$output" = works ]
	rm -r "$ROOT"
}

# The first hierarchy that a container would have a cgroup in.
own_cgroup_directory() {
	local dir
	for dir in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -w "$dir/cgroup.procs" ] || [ -L "$dir" ] || break
	done
	echo "$dir$(test_cgroup)"
}

@test "a cgroup that somebody lives in is refused, and nobody is killed" {
	script 'echo up'
	dir=$(own_cgroup_directory)
	mkdir -p "$dir/bundle/below"
	sleep 1000 3>&- &
	sleeper=$!
	for place in bundle/below bundle; do
		echo $sleeper >"$dir/$place/cgroup.procs"
		attempt runvm create --bundle bundle c1
		echo "$stderr"
		[ "$status" -eq 1 ]
		contains "$stderr" "container's cgroup is not empty: 1 process(es) found"
		run ! runvm state c1
		kill -0 $sleeper
		grep -qx $sleeper "$dir/$place/cgroup.procs"
	done
	echo $sleeper >"${dir%"$(test_cgroup)"}/cgroup.procs"
	# An empty one may be there.
	[ "$(runvm run --bundle bundle c1)" = up ]
	[ ! -e "$dir/bundle" ]
}

# has_ended ID: its process has, though what it said may be on its way yet
has_ended() {
	runvm kill "$1" TERM 2>&1 | grep -q "container not running"
}

@test "kill of a process that has ended and whose output is on its way loses neither" {
	script 'head -c 150000 /dev/zero; exit 7'
	mkfifo fifo
	runvm run --bundle bundle c1 >fifo &
	run=$!
	exec 9<fifo
	wait_for 30 has_status c1 running
	wait_for 30 has_ended c1
	runvm kill --all c1 TERM
	same "bytes" 150000 "$(wc -c <&9)"
	status=0
	wait $run || status=$?
	same "status" 7 "$status"
}

# Whatever the guest says: what is left of the output is lost, but nothing lives on.
@test "SIGKILL of a process that has ended and whose output nobody reads ends the container" {
	script 'head -c 150000 /dev/zero; exit 7'
	mkfifo fifo
	runvm run --keep --bundle bundle c1 >fifo &
	run=$!
	exec 9<fifo
	wait_for 30 has_status c1 running
	wait_for 30 has_ended c1
	run --separate-stderr runvm kill c1 KILL
	[ "$status" -eq 1 ]
	contains "$stderr" "container not running"
	has_status c1 stopped
	wait_for 15 no_processes
	status=0
	wait $run || status=$?
	same "status" 137 "$status"
}

@test "a caller that ignores SIGCHLD" {
	script 'exit 3'
	status=0
	python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$RUNVM" --root "$ROOT" run --bundle bundle c1 || status=$?
	same "status" 3 "$status"
}

@test "a container without a cgroup, and one in its own, in each hierarchy" {
	script 'exec sleep 1000'
	create c1
	cgroup=$(jq -r .linux.cgroupsPath bundle/config.json)
	for process in runvm-monitor runvm-standin virtiofsd qemu; do
		grep -q ":$cgroup\$" "/proc/$(pid_of $process)/cgroup"
		for dir in $(test_cgroups); do
			grep -qx "$(pid_of $process)" "$dir/cgroup.procs"
		done
	done
	runvm delete --force c1
	runvm --cgroup-manager disabled create --bundle bundle c1 >out 2>&1 </dev/null
	for process in runvm-monitor runvm-standin; do
		diff "/proc/$(pid_of $process)/cgroup" /proc/self/cgroup
	done
}
