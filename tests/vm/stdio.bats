#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The standard streams of a process: every byte, both ways, and both ends' ends.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle cat
}

teardown() {
	common_teardown
}

script() {
	edit_config bundle '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
}

@test "binary data goes through cat unchanged" {
	for i in $(seq 0 255); do
		printf '%b' "\\x$(printf %02x "$i")"
	done >every-byte
	head -c 3000001 /dev/urandom >random
	cat every-byte random >in
	runvm run --bundle bundle c1 <in >out 2>err
	cmp in out
	[ ! -s err ]
	# and from a file descriptor that is a pipe, to a pipe
	# shellcheck disable=SC2002 # a pipe, not a file
	same "sum" "$(md5sum <in)" "$(cat in | runvm run --bundle bundle c1 | md5sum)"
}

@test "stdout and stderr are kept apart, in either kind of descriptor" {
	script 'for i in 1 2 3; do echo out $i; echo err $i >&2; done; readlink /proc/$$/fd/1 | grep -c "pipe\|socket"'
	runvm run --bundle bundle c1 </dev/null >out 2>err
	same "out" "out 1 out 2 out 3 1" "$(xargs <out)"
	same "err" "err 1 err 2 err 3" "$(xargs <err)"
	runvm run --bundle bundle c1 </dev/null >>both 2>>both
	same "lines" 7 "$(wc -l <both)"
}

@test "streams that are sockets, files opened for both, /dev/full, closed" {
	need_program /usr/bin/python3
	script 'cat; echo to stderr >&2'
	cat >sockets.py <<-'END'
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		errors, theirs2 = socket.socketpair()
		p = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs2)
		theirs.close(); theirs2.close()
		ours.sendall(b"x" * 500000)
		ours.shutdown(socket.SHUT_WR)
		data = b""
		while (chunk := ours.recv(65536)):
		    data += chunk
		print(len(data), errors.recv(100), p.wait())
	END
	same "sockets" "500000 b'to stderr\\n' 0" \
		"$(timeout "$TIMEOUT" /usr/bin/python3 sockets.py "$RUNVM" --root "$ROOT" run --bundle bundle c1)"
	echo content >file
	runvm run --bundle bundle c1 <file >>file.out 2>&1
	same "file" "content to stderr" "$(xargs <file.out)"
	script 'echo hello || exit 9'
	run --separate-stderr bash -c 'exec timeout 60 "$@" </dev/null >&-' - "$RUNVM" --root "$ROOT" run --bundle bundle c1
	[ "$status" -eq 0 ]
	script 'cat; echo end'
	run --separate-stderr bash -c 'exec timeout 60 "$@" <&-' - "$RUNVM" --root "$ROOT" run --bundle bundle c1
	[ "$status" -eq 0 ]
	same "closed stdin" end "$output"
}

@test "EOF on stdin arrives, and only then" {
	mkfifo in
	script 'echo ready; cat; echo EOF seen'
	runvm run --bundle bundle c1 <in >out 2>&1 &
	exec 8>in
	wait_for 30 grep -q ready out
	echo first >&8
	wait_for 10 grep -q first out
	[ "$(grep -c EOF out)" = 0 ]
	echo second >&8
	wait_for 10 grep -q second out
	exec 8>&-
	wait_for 10 grep -q "EOF seen" out
	wait
}

@test "a program that ends does not wait for the end of stdin" {
	mkfifo in
	script 'exit 5'
	runvm run --bundle bundle c1 <in >out 2>&1 &
	exec 8>in
	status=0
	wait $! || status=$?
	exec 8>&-
	same "status" 5 "$status"
}

@test "a program that closes its stdout, and lives on" {
	script 'echo last; exec >&-; exec 2>&-; sleep 0.5; echo alive >/tmp/alive'
	runvm run --bundle bundle c1 </dev/null >out
	same "out" last "$(cat out)"
	same "file" alive "$(cat bundle/rootfs/tmp/alive)"
}

@test "EOF on stdout comes when the program closes it, not when it ends" {
	need_program /usr/bin/python3
	script 'echo out; exec >&- 2>&-; while ! [ -e /tmp/stop ]; do sleep 0.05; done'
	runvm create --bundle bundle c1 </dev/null 2>err | cat >out &
	wait_for 30 has_status c1 created
	runvm start c1
	wait_for 20 eval '! kill -0 $! 2>/dev/null'
	same "out" out "$(cat out)"
	has_status c1 running
	touch bundle/rootfs/tmp/stop
	wait_for 10 has_status c1 stopped
}

@test "a reader that goes away: the program gets SIGPIPE" {
	edit_config bundle '.process.args = ["yes"]'
	runvm create --bundle bundle c1 </dev/null 2>err | head -n 3 >out &
	wait_for 30 has_status c1 created
	runvm start c1
	wait_for 20 has_status c1 stopped
	same "lines" 3 "$(wc -l <out)"
	# As pid 1 it is not killed by it but sees EPIPE; a child is killed.
	script 'yes; echo "status $?" >/tmp/status'
	runvm delete c1
	runvm create --bundle bundle c1 </dev/null 2>err | head -n 3 >out &
	wait_for 30 has_status c1 created
	runvm start c1
	wait_for 20 has_status c1 stopped
	same "status" "status 141" "$(cat bundle/rootfs/tmp/status)"
}

@test "back-pressure: a reader that does not read stops the program, and nothing is lost" {
	script 'i=0; while [ $i -lt 400 ]; do dd if=/dev/zero bs=65536 count=1 2>/dev/null; i=$((i + 1)); echo $i >/tmp/count; done'
	mkfifo out
	runvm run --bundle bundle c1 </dev/null >out 2>err &
	exec 8<out
	# It fills what buffers there are, and then stands still well before its 25 MiB.
	stalled() {
		local before
		before=$(cat bundle/rootfs/tmp/count 2>/dev/null)
		[ -n "$before" ] && sleep 1 && [ "$(cat bundle/rootfs/tmp/count)" = "$before" ]
	}
	wait_for 40 stalled
	[ "$(cat bundle/rootfs/tmp/count)" -lt 200 ]
	same "bytes" $((400 * 65536)) "$(wc -c <&8)"
	exec 8<&-
	wait
}

@test "back-pressure on stdin: a program that does not read stops the writer" {
	script 'while ! [ -e /tmp/go ]; do sleep 0.05; done; md5sum'
	head -c 30000000 /dev/urandom >in
	mkfifo pipe
	runvm run --bundle bundle c1 <pipe >out 2>err &
	pid=$!
	(exec 3>&-; dd if=in of=pipe bs=64k status=none; touch written) &
	wait_for 30 has_status c1 running
	sleep 2 # time for the writer to run away, were there no limit
	[ ! -e written ]
	touch bundle/rootfs/tmp/go
	wait $pid
	same "sum" "$(md5sum <in)" "$(cat out)"
}

# In KiB.
rss() {
	awk '/^VmRSS/ {print $2}' "/proc/$1/status"
}

@test "much data through cat: the same checksum, in bounded memory (RUNVM_TEST_LONG=1: 1 GiB)" {
	mib=256
	[ -z "${RUNVM_TEST_LONG:-}" ] || mib=1024
	TIMEOUT=900
	pattern() {
		# Not all zeros, and cheap to make.
		openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c $((mib << 20))
	}
	need_program openssl
	# shellcheck disable=SC2094 # the fifo of one end each
	mkfifo in
	pattern | tee in | md5sum >in.sum &
	start=$(date +%s%N)
	runvm run --bundle bundle c1 <in 2>err | md5sum >out.sum &
	last=$!
	wait_for 30 has_status c1 running
	monitor=$(pid_of runvm-monitor) standin=$(pid_of runvm-standin)
	largest=0
	while kill -0 $last 2>/dev/null; do
		for pid in $monitor $standin; do
			now=$(rss "$pid" 2>/dev/null || echo 0)
			[ "${now:-0}" -le "$largest" ] || largest=$now
		done
		sleep 0.5
	done
	wait $last
	elapsed=$((($(date +%s%N) - start) / 1000000))
	echo "# $mib MiB through cat in $elapsed ms, largest of monitor and stand-in $largest KiB" >&3
	same "sum" "$(cat in.sum)" "$(cat out.sum)"
	[ "$largest" -gt 0 ]
	[ "$largest" -lt 32768 ]
}

@test "no output of a short process is lost: 20 in one container" {
	script 'for i in $(seq 20); do sh -c "echo out $i; echo err $i >&2"; done; printf last'
	for _ in 1 2 3; do
		runvm run --bundle bundle c1 </dev/null >out 2>err
		same "out" 21 "$(grep -c '^out\|^last' out)"
		same "err" 20 "$(wc -l <err)"
	done
}

@test "no output of a short process is lost: 10 containers" {
	script 'seq 1 20000; echo error >&2; exit 4'
	seq 1 20000 >expected
	for i in 1 2 3 4 5 6 7 8 9 10; do
		status=0
		runvm run --bundle bundle c1 </dev/null >out 2>err || status=$?
		cmp out expected
		same "err" error "$(cat err)"
		same "status" 4 "$status"
	done
}

@test "output of a killed container up to the kill is not lost" {
	script 'seq 1 5000; echo ready >/tmp/ready; sleep 1000'
	runvm create --bundle bundle c1 </dev/null >out 2>err
	runvm start c1
	wait_for 20 test -s bundle/rootfs/tmp/ready
	runvm kill c1 KILL
	wait_for 10 has_status c1 stopped
	same "lines" 5000 "$(wc -l <out)"
}

@test "a background process that keeps the streams does not keep the container" {
	script 'sleep 1000 & echo started; exit 3'
	status=0
	runvm run --bundle bundle c1 </dev/null >out 2>err || status=$?
	same "status" 3 "$status"
	same "out" started "$(cat out)"
}

@test "streams may be opened again by name, as any user" {
	script 'echo a >/dev/stdout; echo b >/dev/stderr; cat /dev/stdin; echo c >>/proc/self/fd/1'
	edit_config bundle '.process.user = {uid: 1000, gid: 1000}'
	echo in | runvm run --bundle bundle c1 >out 2>err
	same "out" "a in c" "$(xargs <out)"
	same "err" b "$(cat err)"
}
