#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# How containers end that nobody deleted in good order: each process killed, the guest panicking,
# VMs that never come up, commands killed in the middle, no room on the disk. Each time `state`
# says stopped (or there is no container), the log has the cause, delete --force removes the rest,
# and nothing is left.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle sh -c 'echo up; exec sleep 1000'
}

teardown() {
	umount -l "$BATS_TEST_TMPDIR/small" 2>/dev/null || true
	common_teardown
}

config() {
	edit_config bundle "$@"
}

script() {
	config '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
}

# logged: like runvm, with a log.
logged() {
	runvm --log log --log-format json "$@"
}

up() {
	rm -f log out
	logged create --bundle bundle c1 >out 2>&1 </dev/null
	runvm start c1
	wait_for 30 grep -q up out
}

errors() {
	jq -r 'select(.level == "error") | .msg' log
}

# ended TEXT: the container is stopped, the text is in an error of the log, and delete cleans up.
ended() {
	text=${1:-}
	wait_for 20 has_status c1 stopped
	wait_for 10 grep -q . log
	cat log
	wait_for 10 eval 'errors | grep -qF -- "$text"'
	run --separate-stderr runvm kill c1 TERM
	[ "$status" -eq 1 ]
	contains "$stderr" "container not running"
	runvm delete --force c1
	nothing_left
}

# refused TEXT...: create fails soon with the texts, on stderr and in the log; nothing is left.
refused() {
	local text
	rm -f log
	attempt logged create --bundle bundle c1
	echo "$stderr"
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	for text in "$@"; do
		contains "$stderr" "$text"
		contains "$(errors)" "$text"
	done
	run --separate-stderr runvm state c1
	contains "$stderr" "container does not exist"
	nothing_left
}

@test "kill -9 of QEMU" {
	up
	kill -KILL "$(pid_of qemu)"
	ended QEMU
}

@test "kill -9 of virtiofsd" {
	up
	kill -KILL "$(pid_of virtiofsd)"
	ended virtiofsd
}

@test "kill -9 of the monitor ends QEMU and virtiofsd at once" {
	up
	kill -KILL "$(pid_of runvm-monitor)"
	wait_for 3 eval '[ -z "$(pid_of qemu)$(pid_of virtiofsd)" ]'
	ended monitor
}

@test "kill -9 of the stand-in ends its container, and the VM with it" {
	up
	kill -KILL "$(pid_of runvm-standin)"
	wait_for 5 has_status c1 stopped
	wait_for 15 no_processes
	runvm delete --force c1
	nothing_left
}

@test "the same while it is only created" {
	for victim in qemu virtiofsd runvm-monitor runvm-standin; do
		rm -f log out
		logged create --bundle bundle c1 >out 2>&1 </dev/null
		kill -KILL "$(pid_of $victim)"
		wait_for 20 has_status c1 stopped
		run --separate-stderr runvm start c1
		[ "$status" -eq 1 ]
		contains "$stderr" "cannot start a container that has stopped"
		runvm delete c1
		nothing_left
	done
}

@test "the same while create waits for the guest: create fails and cleans up" {
	export RUNVM_TEMPLATES=off
	for victim in qemu virtiofsd runvm-monitor runvm-standin; do
		rm -f log out
		logged create --bundle bundle c1 >out 2>&1 </dev/null &
		wait_for 30 eval '[ -n "$(pid_of qemu)" ] && [ -n "$(pid_of virtiofsd)" ]'
		kill -KILL "$(pid_of $victim)"
		status=0
		wait $! || status=$?
		echo "$victim: $status $(cat out)"
		[ $status -eq 1 ]
		[ -n "$(errors)" ]
		run runvm state c1
		contains "$output" "container does not exist"
		nothing_left
	done
}

@test "the same under a foreground run, which says why and cleans up" {
	for victim in qemu virtiofsd runvm-monitor runvm-standin; do
		rm -f log out
		logged run --bundle bundle c1 </dev/null >out 2>&1 &
		wait_for 30 grep -q up out
		kill -KILL "$(pid_of $victim)"
		status=0
		wait $! || status=$?
		echo "$victim: $status $(cat log)"
		[ $status -ne 0 ]
		[ "$victim" = runvm-standin ] || [ -n "$(errors)" ]
		nothing_left
	done
}

@test "stopped processes (SIGSTOP) do not keep delete --force from its work" {
	for victim in qemu virtiofsd runvm-monitor runvm-standin; do
		up
		kill -STOP "$(pid_of $victim)"
		runvm delete --force c1
		nothing_left
	done
}

@test "a start that hangs does not keep delete --force from its work" {
	config '.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "1000"]}]'
	logged create --bundle bundle c1 >out 2>&1 </dev/null
	runvm start c1 2>start.err &
	start=$!
	locked() { ! flock --shared --nonblock "$ROOT/c1" true; }
	wait_for 10 locked
	runvm delete --force c1
	# It may have succeeded: the hook was killed, and was not seen to fail.
	wait $start || contains "$(cat start.err)" "c1"
	nothing_left
}

# A program that writes to a file by its memory alone, and says so.
writer() {
	cat >writer.c <<-'END'
		#include <fcntl.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <unistd.h>
		int main(void)
		{
			int fd = open("/tmp/data", O_RDWR | O_CREAT, 0644);
			char *p;

			if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
				return 1;
			p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			if (p == MAP_FAILED)
				return 1;
			memset(p, 'x', 1 << 20);
			(void)!write(1, "up\n", 3);
			for (;;)
				pause();
		}
	END
	cc -static -o "$1" writer.c
}

@test "what a container wrote to a mapped file is there after it was killed" {
	need_program cc
	writer bundle/rootfs/bin/writer
	config '.process.args = ["/bin/writer"]'
	for how in standin delete foreground; do
		rm -f bundle/rootfs/tmp/data out
		if [ $how = foreground ]; then
			logged run --bundle bundle c1 >out 2>&1 </dev/null &
			wait_for 30 grep -q up out
		else
			up
		fi
		[ $how = delete ] || kill -KILL "$(pid_of runvm-standin)"
		[ $how = foreground ] || runvm delete --force c1
		wait_for 15 no_processes
		same "$how" 1048576 "$(tr -dc x <bundle/rootfs/tmp/data | wc -c)"
		nothing_left
	done
}

# A file system that takes most of the guest's memory, fast; a program then takes the rest.
HOG='dd if=/dev/zero of=/big/file bs=1M count=140 2>/dev/null; tail /dev/zero'

small_guest() {
	export RUNVM_TEMPLATES=off
	config '.vm.hwConfig.memory = 268435456 |
		.mounts += [{destination: "/big", type: "tmpfs", source: "tmpfs", options: ["size=1g"]}]'
}

# The guest's kernel is told to panic when it has no memory left.
panicking_bundle() {
	script "echo up; while ! [ -e /tmp/go ]; do sleep 0.05; done; $HOG"
	small_guest
	config '.vm.kernel = {path: $ARGS.positional[0], parameters: ["sysctl.vm.panic_on_oom=2"]}' \
		"$(guest_kernel)"
}

@test "a panic of the guest's kernel: stopped, with the console's last lines in the log" {
	panicking_bundle
	up
	touch bundle/rootfs/tmp/go
	wait_for 30 has_status c1 stopped
	contains "$(errors)" "Kernel panic - not syncing: Out of memory"
	ended panic
}

@test "a foreground run under a panic" {
	panicking_bundle
	touch bundle/rootfs/tmp/go
	run --separate-stderr logged run --bundle bundle c1
	echo "$stderr"
	[ "$status" -ne 0 ]
	[ "$output" = up ]
	contains "$(errors)" "Kernel panic"
	contains "$stderr" "panic"
	nothing_left
}

@test "out of memory in the guest: the program is killed, the rest is in order" {
	script "echo up; $HOG; echo \"status \$?\""
	small_guest
	run --separate-stderr logged run --bundle bundle c1
	echo "$output" "$stderr" "$(cat log)"
	[ "$status" -eq 0 ]
	contains "$output" "status 137"
	nothing_left
	script "${HOG/tail/exec tail}"
	run --separate-stderr logged run --bundle bundle c1
	[ "$status" -eq 137 ]
	nothing_left
}

@test "a fork bomb, stopped by kill" {
	script 'echo up; f() { f | f & }; while :; do f; done'
	logged create --bundle bundle c1 >out 2>&1 </dev/null
	runvm start c1
	wait_for 30 grep -q up out
	timeout 60 "$RUNVM" --root "$ROOT" kill c1 KILL || true
	wait_for 60 has_status c1 stopped
	runvm delete --force c1
	nothing_left
}

@test "a guest that never gets to vminitd: no init, a broken initramfs, a broken kernel" {
	export RUNVM_TEMPLATES=off
	config '.vm.kernel = {path: $ARGS.positional[0], parameters: ["rdinit=/missing"]}' "$(guest_kernel)"
	refused "Kernel panic"
	head -c 100000 /dev/urandom >garbage
	config '.vm.kernel.parameters = [] | .vm.kernel.initrd = $ARGS.positional[0]' "$PWD/garbage"
	refused "Kernel panic"
	config '.vm.kernel = {path: $ARGS.positional[0]}' "$PWD/garbage"
	refused QEMU
}

@test "what is missing is named: QEMU, the kernel, the hypervisor of config.json" {
	config '.vm.kernel.path = "/missing/vmlinux"'
	refused "/missing/vmlinux" "No such file or directory"
	config 'del(.vm) | .vm.hypervisor.path = "/missing/qemu"'
	refused "/missing/qemu" "No such file or directory"
	config '.vm.hypervisor.path = "/bin/false"'
	refused "QEMU"
	config 'del(.vm)'
	mkdir bin
	attempt env PATH="$PWD/bin" "$RUNVM" --root "$ROOT" create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "qemu-system-"
	contains "$stderr" "not installed"
	nothing_left
}

# killed_create CONDITION...: kills create when the condition holds, then cleans up.
killed_create() {
	local pid
	"$RUNVM" --root "$ROOT" create --bundle bundle c1 </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_for 30 eval "$* || ! kill -0 $pid 2>/dev/null"
	kill -KILL $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	run --separate-stderr runvm state c1
	if [ "$status" -eq 0 ]; then
		echo "$*: $(jq -r .status <<<"$output")"
		[[ $(jq -r .status <<<"$output") =~ ^(stopped|created)$ ]]
		# without help of delete, what create had started ends by itself
		if [ "$(jq -r .status <<<"$output")" = stopped ]; then
			wait_for 20 no_processes
		fi
		runvm list | grep -q c1
	else
		contains "$stderr" "container does not exist"
	fi
	runvm delete --force c1
	nothing_left
}

@test "kill -9 of create when a phase has been reached" {
	for condition in 'test -e "$ROOT"' 'test -e "$ROOT/c1"' 'test -e "$ROOT/c1/status.json"' \
		'test -e "$ROOT/c1/monitor.sock"' 'pgrep -f "source=$ROOT/c1/" >/dev/null' \
		'[ -n "$(pid_of qemu)" ]' 'test -s "$ROOT/c1/console.log"' \
		'compgen -G "$ROOT/c1/vsock.sock_*" >/dev/null' \
		'grep -q \"created\" "$ROOT/c1/status.json"'; do
		killed_create "$condition"
	done
}

@test "kill -9 of create at 20 moments, of a cold start and of one from a template" {
	store=$RUNVM_TEMPLATES
	for i in $(seq 20); do
		RUNVM_TEMPLATES=$store
		[ $((i % 2)) = 0 ] || RUNVM_TEMPLATES=off
		deadline=$(($(date +%s%N) + (i * i * i * 300000)))
		killed_create "[ \$(date +%s%N) -ge $deadline ]"
	done
}

@test "kill -9 of start, delete, run" {
	for command in "start c1" "delete --force c1"; do
		for delay in 1 5 20 100 400; do
			"$RUNVM" --root "$ROOT" create --bundle bundle c1 </dev/null >out 2>&1 3>&-
			deadline=$(($(date +%s%N) + delay * 1000000))
			# shellcheck disable=SC2086 # words
			"$RUNVM" --root "$ROOT" $command >/dev/null 2>&1 3>&- &
			pid=$!
			wait_for 10 eval "[ \$(date +%s%N) -ge $deadline ]"
			kill -KILL $pid 2>/dev/null || true
			wait $pid 2>/dev/null || true
			run runvm state c1
			[ "$status" -eq 0 ] || contains "$output" "does not exist"
			runvm delete --force c1
			nothing_left
		done
	done
	# As with runc the container lives on without it.
	"$RUNVM" --root "$ROOT" run --bundle bundle c1 </dev/null >out 2>&1 3>&- &
	wait_for 30 grep -q up out
	kill -KILL $!
	wait $! 2>/dev/null || true
	has_status c1 running
	runvm delete --force c1
	nothing_left
}

@test "SIGTERM and SIGINT to create: it ends, and cleans up or leaves what delete removes" {
	# From a template it could be done before it is found.
	export RUNVM_TEMPLATES=off
	for signal in TERM INT HUP; do
		# A background job of a shell without job control ignores SIGINT, and all of a suite under
		# nohup(1) SIGHUP: python resets them.
		/usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
			"$RUNVM" --root "$ROOT" create --bundle bundle c1 </dev/null >out 2>&1 3>&- &
		pid=$!
		wait_for 30 eval '[ -n "$(pid_of qemu)" ]'
		kill -$signal $pid
		wait $pid || true
		wait_for 20 no_processes || { test_processes; cat out; runvm list; return 1; }
		runvm delete --force c1
		nothing_left
	done
}

@test "a system call of create that fails: an error, and nothing is left" {
	need_program strace
	strace -qq -f -o /dev/null true 2>/dev/null || skip_or_fail "strace does not work here"
	for fault in clone3:error=ENOMEM:when=1 clone3:error=EAGAIN:when=2 socketpair:error=EMFILE:when=1 \
		socketpair:error=EMFILE:when=2 socketpair:error=EMFILE:when=3 open_tree:error=ENOSYS:when=1 \
		open_tree:error=EPERM:when=2 flock:error=ENOLCK:when=1 \
		renameat:error=EIO:when=1 renameat:error=EIO:when=2 renameat:error=EIO:when=3 \
		renameat:error=EIO:when=4 renameat:error=EIO:when=5 bind:error=EACCES:when=1 \
		bind:error=EACCES:when=2 bind:error=EACCES:when=3 mkdirat:error=ENOSPC:when=1; do
		attempt timeout -k 10 "$TIMEOUT" strace -qq -o trace -e inject="$fault" \
			"$RUNVM" --root "$ROOT" create --bundle bundle c1 </dev/null
		# no such call, or not that often: then it has worked
		if ! grep -q INJECTED trace; then
			runvm delete --force c1
			continue
		fi
		echo "$fault: $status $stderr"
		[ "$status" -eq 1 ]
		[ -n "$stderr" ]
		run runvm state c1
		contains "$output" "does not exist"
		nothing_left
	done
}

@test "no room for the state: create fails or works, and nothing is left" {
	mkdir small
	for options in size=4k size=8k size=12k nr_inodes=2 nr_inodes=4 nr_inodes=6 nr_inodes=8; do
		mount -t tmpfs -o "$options" tmpfs small
		attempt timeout -k 10 "$TIMEOUT" "$RUNVM" --root "$PWD/small/root" \
			create --bundle bundle c1 </dev/null
		echo "$options: $status $stderr"
		if [ "$status" -ne 0 ]; then
			[ "$status" -eq 1 ]
			[[ $stderr == *"No space left on device"* ]]
		fi
		timeout -k 10 "$TIMEOUT" "$RUNVM" --root "$PWD/small/root" delete --force c1
		wait_for 15 no_processes
		[ -z "$(ls -A small/root 2>/dev/null)" ]
		umount small
		nothing_left
	done
}

@test "a root that cannot be written" {
	mkdir small
	mount -t tmpfs -o ro tmpfs small
	attempt timeout "$TIMEOUT" "$RUNVM" --root "$PWD/small/root" create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "$PWD/small/root"
	contains "$stderr" "Read-only file system"
	umount small
	attempt timeout "$TIMEOUT" "$RUNVM" --root /proc/runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	touch file
	attempt timeout "$TIMEOUT" "$RUNVM" --root "$PWD/file" create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "$PWD/file"
}

@test "the root directory goes away under a container" {
	up
	rm -r "$ROOT"
	run --separate-stderr runvm state c1
	contains "$stderr" "does not exist"
	# What nobody can name any more ends with its stand-in.
	kill -KILL "$(pid_of runvm-standin)"
	wait_for 15 no_processes
	test_cgroups | xargs -r rmdir
}

@test "kill of a container whose guest does not answer" {
	up
	kill -STOP "$(pid_of qemu)"
	run --separate-stderr runvm kill c1 KILL
	echo "$status $stderr"
	wait_for 30 has_status c1 stopped
	runvm delete --force c1
	nothing_left
}
