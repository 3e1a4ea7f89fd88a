# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files share: where the program is, a root and bundles of each test's own, waiting
# with a deadline, and an end that leaves nothing behind.
#
#   RUNVM    the program under test; default: the one in the build tree, or in PATH
#   RUNC     the runtime to compare with; default: runc
#   STRICT   1: what would be skipped fails (CI sets it for what CI can run)
#   COLD     1: VMs are booted, but where a test is about templates
#   TIMEOUT  seconds that one command of a VM may take; default 60

bats_require_minimum_version 1.5.0

RUNC=${RUNC:-runc}
TIMEOUT=${TIMEOUT:-60}
if [ -z "${RUNVM:-}" ]; then
	RUNVM="$BATS_TEST_DIRNAME/../../runvm"
	[ -x "$RUNVM" ] || RUNVM=$(command -v runvm || true)
fi

# A test that cannot run here says why; under STRICT=1 that is a failure.
skip_or_fail() {
	if [ "${STRICT:-0}" = 1 ]; then
		echo "STRICT=1, and this test cannot run: $*" >&2
		return 1
	fi
	skip "$*"
}

need_program() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip_or_fail "$program is not installed" || return 1
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip_or_fail "this needs root"
}

# setup() of a file calls this first.
common_setup() {
	if [ ! -x "$RUNVM" ]; then
		echo "no program to test: build it, or set RUNVM (now: \"$RUNVM\")" >&2
		return 1
	fi
	RUNVM=$(realpath "$RUNVM")
	ROOT="$BATS_TEST_TMPDIR/root"
	# Whatever is started from here on has it in its environment: see test_processes().
	export RUNVM_TEST_MARK=$BATS_TEST_TMPDIR
	# Templates of this run alone, and none that is being made while a test counts processes.
	export RUNVM_TEMPLATES=$BATS_RUN_TMPDIR/templates
	[ "${COLD:-0}" = 0 ] || export RUNVM_TEMPLATES=off
	[ -n "${NO_TEMPLATE:-}" ] || [ "${COLD:-0}" = 1 ] || [ -e "$BATS_RUN_TMPDIR/template.made" ] || {
		timeout 120 "$RUNVM" template build >/dev/null 2>&1 || true
		touch "$BATS_RUN_TMPDIR/template.made"
	}
	cd "$BATS_TEST_TMPDIR" || return 1
}

# teardown() of a file calls this last: no container of the test is left, and nothing of one.
common_teardown() {
	local id status=0
	[ -n "${ROOT:-}" ] || return 0
	if [ -d "$ROOT-runc" ]; then
		for id in $(runc list --quiet); do
			runc delete --force "$id"
		done
	fi
	if [ -d "$ROOT" ]; then
		for id in $(timeout "$TIMEOUT" "$RUNVM" --root "$ROOT" list --quiet); do
			timeout "$TIMEOUT" "$RUNVM" --root "$ROOT" delete --force "$id" || status=1
		done
	fi
	nothing_left || status=1
	return $status
}

# test_processes: pid and command of every process of a container of this test, one a line: runvm
# in its forms, virtiofsd, QEMU. Told from those of others by the environment they inherited. One
# that makes a template in the background lives on, as it should, and so does its QEMU.
test_processes() {
	local file comm parent
	# shellcheck disable=SC2013 # words are what is wanted
	for file in $(grep -lsz "^RUNVM_TEST_MARK=$RUNVM_TEST_MARK$" /proc/[0-9]*/environ); do
		file=${file%/environ}
		read -r comm 2>/dev/null <"$file/comm" || continue
		case $comm in
		runvm-template) continue ;;
		qemu*)
			parent=$(awk '$1 == "PPid:" {print $2}' "$file/status" 2>/dev/null)
			[ "$(cat "/proc/$parent/comm" 2>/dev/null)" != runvm-template ] || continue
			;;
		runvm* | virtiofsd*) ;;
		*) continue ;;
		esac
		echo "${file#/proc/} $comm"
	done
}

# pid_of COMMAND: of the one process of this test that is called so.
pid_of() {
	test_processes | awk -v name="$1" 'index($2, name) == 1 {print $1; exit}'
}

no_processes() {
	[ -z "$(test_processes)" ]
}

# nothing_left: no process, mount, cgroup, socket or file of a container of this test exists.
# Monitors may need a moment to end after the last command did. What is found is reported and
# ended, so that one failure does not become many.
nothing_left() {
	local status=0 pid comm
	if ! wait_for 15 no_processes; then
		echo "processes are left:" >&2
		test_processes >&2
		for pid in $(test_processes | cut -d' ' -f1); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		status=1
	fi
	if [ -n "$(ls -A "$ROOT" 2>/dev/null)" ]; then
		echo "files are left in the root:" >&2
		find "$ROOT" >&2
		status=1
	fi
	if grep -F " $BATS_TEST_TMPDIR" /proc/self/mountinfo >&2; then
		echo "mounts are left" >&2
		status=1
	fi
	if grep -F "$BATS_TEST_TMPDIR" /proc/net/unix >&2; then
		echo "sockets are left" >&2
		status=1
	fi
	if test_cgroups | grep . >&2; then
		echo "cgroups are left" >&2
		test_cgroups | xargs -r rmdir 2>/dev/null || true
		status=1
	fi
	return $status
}

# test_cgroup: path of the cgroup below which the bundles of vm_bundle() have theirs.
test_cgroup() {
	echo "/runvm-test-$(cksum <<<"$BATS_TEST_TMPDIR" | tr -d ' ')"
}

# test_cgroups: the directories of the containers' cgroups, the innermost first. (Their parents,
# which runtimes make but do not remove, are removed here.)
test_cgroups() {
	local dir
	for dir in /sys/fs/cgroup"$(test_cgroup)" /sys/fs/cgroup/*"$(test_cgroup)"; do
		[ -d "$dir" ] || continue
		rmdir "$dir" 2>/dev/null && continue
		find "$dir" -depth -mindepth 1 -type d
	done
}

# The program, with the test's root. Use as `run runvm ...` or `run --separate-stderr runvm ...`.
runvm() {
	timeout --foreground -k 10 "$TIMEOUT" "$RUNVM" --root "$ROOT" "$@"
}

# attempt COMMAND...: like `run --separate-stderr`, which would wait for the end of a container that
# a create left behind: its stand-in keeps the pipes. Standard input is /dev/null.
attempt() {
	status=0
	"$@" >"$BATS_TEST_TMPDIR/.stdout" 2>"$BATS_TEST_TMPDIR/.stderr" </dev/null || status=$?
	# shellcheck disable=SC2034 # for the caller
	output=$(cat "$BATS_TEST_TMPDIR/.stdout")
	# shellcheck disable=SC2034
	stderr=$(cat "$BATS_TEST_TMPDIR/.stderr")
}

# The other runtime, with a root beside.
runc() {
	timeout --foreground -k 10 "$TIMEOUT" "$RUNC" --root "$ROOT-runc" "$@"
}

# wait_for SECONDS COMMAND...: until the command succeeds, or fail.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		if [ $SECONDS -ge $deadline ]; then
			echo "still not: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

has_status() {
	[ "$(runvm state "$1" 2>/dev/null | jq -r .status)" = "$2" ]
}

# busybox_rootfs PROGRAM: makes it once for a file of tests, in $BATS_FILE_TMPDIR/busybox.
busybox_rootfs() {
	local rootfs=$BATS_FILE_TMPDIR/busybox
	[ ! -d "$rootfs" ] || return 0
	mkdir -p "$rootfs.new/bin" "$rootfs.new/proc" "$rootfs.new/sys" "$rootfs.new/dev" \
		"$rootfs.new/tmp"
	cp "$1" "$rootfs.new/bin/busybox"
	(cd "$rootfs.new/bin" && for applet in $(./busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$applet"
	done)
	mv "$rootfs.new" "$rootfs"
}

# busybox_bundle DIR ARG...: a bundle that runs a program of a static busybox, without a terminal.
busybox_bundle() {
	local dir=$1 busybox
	shift
	busybox=$(command -v busybox) || skip_or_fail "busybox is not installed" || return 1
	mkdir -p "$dir"
	busybox_rootfs "$busybox"
	cp -a "$BATS_FILE_TMPDIR/busybox" "$dir/rootfs"
	"$RUNVM" spec --bundle "$dir"
	# shellcheck disable=SC2016 # jq's variable
	edit_config "$dir" '.process.terminal = false | .process.args = $ARGS.positional' "$@"
}

# vm_bundle DIR ARG...: busybox_bundle(), writable, in a version that runc knows and with a cgroup
# of its own.
vm_bundle() {
	local dir=$1
	busybox_bundle "$@" || return 1
	# shellcheck disable=SC2016 # jq's variable
	edit_config "$dir" '.ociVersion = "1.0.2" | .root.readonly = false |
		.linux.cgroupsPath = $ARGS.positional[0]' \
		"$(test_cgroup)/$dir"
}

# guest_kernel: path of the kernel that the program uses.
guest_kernel() {
	local path
	for path in "$(dirname "$RUNVM")/kernel/vmlinux" "$(dirname "$RUNVM")/../share/runvm/vmlinux"; do
		[ ! -e "$path" ] || { realpath "$path"; return; }
	done
	skip_or_fail "no kernel beside the program"
}

# debian_rootfs DIR: a copy of a small Debian system, which is made once and kept.
debian_rootfs() {
	local cache=${RUNVM_TEST_CACHE:-/var/tmp/runvm-test} suite
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
	cache=$cache/debian-$suite
	mkdir -p "$(dirname "$cache")" "$(dirname "$1")"
	if [ ! -d "$cache" ]; then
		need_program mmdebstrap || return 1
		(
			flock 9
			[ ! -d "$cache" ] || exit 0
			echo "# making a Debian root file system in $cache ..." >&3
			rm -rf "$cache.new"
			mmdebstrap --quiet --mode=root --variant=essential "$suite" "$cache.new" \
				</dev/null 3>&- 9>&- || exit 1
			rm -rf "$cache.new"/dev/*
			mv "$cache.new" "$cache"
		) 9>"$cache.lock" || return 1
	fi
	cp -a "$cache" "$1"
}

# edit_config DIR JQ-PROGRAM [ARG...]: the arguments are $ARGS.positional in it.
edit_config() {
	local dir=$1 program=$2
	shift 2
	jq "$program" --args -- "$@" <"$dir/config.json" >"$dir/config.json.new"
	mv "$dir/config.json.new" "$dir/config.json"
}

# contains TEXT PART
contains() {
	if [[ $1 != *"$2"* ]]; then
		printf 'no "%s" in:\n%s\n' "$2" "$1" >&2
		return 1
	fi
}

# same WHAT A B
same() {
	if [ "$2" != "$3" ]; then
		printf '%s differs:\n--- %s\n+++ %s\n' "$1" "$2" "$3" >&2
		return 1
	fi
}
