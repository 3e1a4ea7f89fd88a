#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# run, where it is not runc's equal: what only a VM has, what config.json says about the VM, and
# the least that must work. (What must be runc's equal is in compare-runc.bats.)

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq
	vm_bundle bundle sh
}

teardown() {
	common_teardown
}

config() {
	edit_config bundle "$@"
}

# in_container TEXT: runs it in a shell of the container; sets status, output, stderr.
in_container() {
	config '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
	attempt runvm --log log run --bundle bundle c1
	echo "$status: $output $stderr"
}

@test "a program runs under a kernel of its own, and nothing is left of it" {
	in_container 'uname -r; exit 7'
	[ "$status" -eq 7 ]
	[ -n "$output" ]
	[ "$output" != "$(uname -r)" ]
	[ -z "$stderr" ]
	[ -z "$(ls -A "$ROOT")" ]
	nothing_left
}

@test "the bundle is the working directory by default" {
	config '.process.args = ["pwd"] | .process.cwd = "/tmp"'
	cd bundle
	run --separate-stderr runvm run c1
	[ "$status" -eq 0 ]
	[ "$output" = /tmp ]
}

@test "the root in a path relative to the bundle, absolute, behind a symbolic link" {
	mv bundle/rootfs elsewhere
	ln -s "$PWD/elsewhere" bundle/link
	for path in ../elsewhere "$PWD/elsewhere" link; do
		config '.root.path = $ARGS.positional[0]' "$path"
		in_container 'echo works'
		[ "$output" = works ]
	done
}

@test "a root that is a mount, with mounts below it" {
	mkdir -p mounted
	mount -t tmpfs tmpfs mounted
	cp -a bundle/rootfs/. mounted/
	mkdir mounted/below
	mount -t tmpfs tmpfs mounted/below
	echo deep >mounted/below/file
	config '.root.path = $ARGS.positional[0]' "$PWD/mounted"
	in_container 'cat /below/file; echo written >/below/new; echo written >/new'
	out=$output new=$(cat mounted/new) below=$(cat mounted/below/new)
	umount mounted/below mounted
	same "output" deep "$out"
	same "files" "written written" "$new $below"
}

@test "vm.hwConfig and vm.kernel.parameters; memory and CPUs by linux.resources" {
	config '.vm.hwConfig = {vcpus: 2, memory: 402653184} | .vm.kernel = {path: $ARGS.positional[0], parameters: ["runvm.test=1"]}' \
		"$(guest_kernel)"
	in_container 'nproc; awk "/MemTotal/ {print (\$2 > 300000 && \$2 < 400000)}" /proc/meminfo; grep -o runvm.test=1 /proc/cmdline'
	same "vm" "2 1 runvm.test=1" "$(xargs <<<"$output")"
	config 'del(.vm) | .linux.resources = {memory: {limit: 805306368}, cpu: {quota: 150000, period: 100000}}'
	in_container 'nproc; awk "/MemTotal/ {print (\$2 > 780000)}" /proc/meminfo'
	same "resources" "2 1" "$(xargs <<<"$output")"
}

@test "what a host often cannot give: negative oom score, higher limits, domain name" {
	config '.process.oomScoreAdj = -500 | .domainname = "example.org" |
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1048576, hard: 1048576}, {type: "RLIMIT_MEMLOCK", soft: 8589934592, hard: 8589934592}]'
	in_container 'cat /proc/self/oom_score_adj /proc/sys/kernel/domainname; ulimit -n; ulimit -l'
	same "output" "-500 example.org 1048576 8388608" "$(xargs <<<"$output")"
}

@test "every capability, everything writable: a privileged container" {
	# shellcheck disable=SC2046 # an argument for each
	config '.process.noNewPrivileges = false | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
		.process.capabilities = ($ARGS.positional | {bounding: ., effective: ., permitted: ., inheritable: .})' \
		$("$RUNVM" features | jq -r '.linux.capabilities[]')
	in_container 'mkdir /mnt; mount -t tmpfs tmpfs /mnt && echo mounted; mknod /tmp/n c 1 3 && echo made
		echo 100000 >/proc/sys/kernel/pid_max && echo written; ip link add dummy0 type bridge 2>/dev/null || ip link set lo down; ip link set lo up && echo up
		grep -c 000001ffffffffff /proc/self/status'
	# inheritable, permitted, effective and bounding, but not ambient
	same "output" "mounted made written up 4" "$(xargs <<<"$output")"
}

@test "the guest: one's own time, entropy, loopback; nothing of the host" {
	in_container 'date +%s; head -c 16 /dev/urandom | md5sum; cat /proc/sys/kernel/random/boot_id
		ip -o addr show up dev lo | grep -o 127.0.0.1/8; ls /sys/block | grep -c vd; ls /proc/1/root/run 2>/dev/null | wc -l'
	first=$output
	now=$(date +%s)
	then=$(head -n 1 <<<"$first")
	[ $((now - then)) -ge -2 ]
	[ $((now - then)) -le 60 ]
	in_container 'date +%s; head -c 16 /dev/urandom | md5sum; cat /proc/sys/kernel/random/boot_id; ip -o addr show up dev lo | grep -o 127.0.0.1/8'
	contains "$output" 127.0.0.1/8
	[ "$(sed -n 2p <<<"$first")" != "$(sed -n 2p <<<"$output")" ]
	[ "$(sed -n 3p <<<"$first")" != "$(sed -n 3p <<<"$output")" ]
	[ "$(sed -n 3p <<<"$output")" != "$(cat /proc/sys/kernel/random/boot_id)" ]
}

@test "a cold start and one from a template behave the same" {
	# A store of its own under COLD, where the others have none.
	store=$RUNVM_TEMPLATES
	[ "$store" != off ] || store=$BATS_TEST_TMPDIR/templates
	RUNVM_TEMPLATES=$store runvm template build >/dev/null 2>&1 || [ -d "$store" ]
	for templates in off "$store"; do
		export RUNVM_TEMPLATES=$templates
		in_container 'id; pwd; env | sort; grep -v "^share\|cgroup" /proc/mounts | sort; nproc; ls -l /dev | cut -c1-10 | sort | uniq -c; exit 3'
		[ "$status" -eq 3 ]
		echo "$output" >"out.$(basename "$templates")"
	done
	diff -u out.off out.templates
}

# vminit/setup.c; a share that is in the template asks for it in FUSE_INIT (template/queues.h).
@test "the share is read ahead in pieces of a MiB" {
	for templates in off "$RUNVM_TEMPLATES"; do
		RUNVM_TEMPLATES=$templates in_container 'cat /sys/class/bdi/0:*/read_ahead_kb'
		[ "$output" = 1024 ]
	done
}

@test "a config.json that is larger than a window of HTTP/2" {
	config '.annotations = {a: ("x" * 300000)} | .process.env += [range(2000) | "V\(.)=\("y" * 50)"]'
	in_container 'env | grep -c ^V; cat'
	[ "$output" = 2000 ]
	nothing_left
}

@test "RUNVM_ACCEL=tcg" {
	RUNVM_ACCEL=tcg in_container 'echo works'
	[ "$output" = works ]
}

@test "names with spaces, quotes and letters of all kinds" {
	name='a bundle "with" $odd, =names=,é'
	mv bundle "$name"
	mkdir "$name/da ta,source=x"
	echo content >"$name/da ta,source=x/f i"
	edit_config "$name" '.process.args = ["cat", "/the data/f i"] | .mounts += [
		{destination: "/the data", type: "bind", source: $ARGS.positional[0], options: ["bind"]}]' \
		"$PWD/$name/da ta,source=x"
	attempt runvm run --bundle "$name" a+b_c.d-e
	echo "$stderr"
	[ "$output" = content ]
	attempt timeout "$TIMEOUT" "$RUNVM" --root "$ROOT/r o,o=t" run --bundle "$name" c1
	echo "$stderr"
	[ "$output" = content ]
	rm -r "$ROOT"
}

@test "exit status of run: 0, those of the program, 128+n, 1 for an error of its own" {
	for code in 0 1 2 42 126 127 128 254 255; do
		in_container "exit $code"
		[ "$status" -eq "$code" ]
	done
	config '.process.args = ["missing"]'
	attempt runvm run --bundle bundle c1
	[ "$status" -eq 1 ]
}
