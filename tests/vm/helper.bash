# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files share: where the program is, a root and bundles of each test's own, waiting
# with a deadline, and an end that leaves nothing behind.
#
#   RUNVM    the program under test; default: the one in the build tree, or in PATH
#   RUNC     the runtime to compare with; default: runc
#   STRICT   1: what would be skipped fails (CI sets it for what CI can run)
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
	cd "$BATS_TEST_TMPDIR" || return 1
}

# teardown() of a file calls this last: no container of the test is left, nor its directory.
common_teardown() {
	local id status=0
	[ -d "${ROOT:-}" ] || return 0
	for id in $(timeout "$TIMEOUT" "$RUNVM" --root "$ROOT" list --quiet); do
		timeout "$TIMEOUT" "$RUNVM" --root "$ROOT" delete --force "$id" || status=1
	done
	return $status
}

# The program, with the test's root. Use as `run runvm ...` or `run --separate-stderr runvm ...`.
runvm() {
	timeout --foreground "$TIMEOUT" "$RUNVM" --root "$ROOT" "$@"
}

# The other runtime, with a root beside.
runc() {
	timeout --foreground "$TIMEOUT" "$RUNC" --root "$ROOT-runc" "$@"
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

# busybox_bundle DIR ARG...: a bundle that runs a program of a static busybox, without a terminal.
busybox_bundle() {
	local dir=$1 busybox
	shift
	busybox=$(command -v busybox) || skip_or_fail "busybox is not installed" || return 1
	mkdir -p "$dir/rootfs/bin" "$dir/rootfs/proc" "$dir/rootfs/sys" "$dir/rootfs/dev" \
		"$dir/rootfs/tmp"
	cp "$busybox" "$dir/rootfs/bin/busybox"
	(cd "$dir/rootfs/bin" && for applet in $(./busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$applet"
	done)
	"$RUNVM" spec --bundle "$dir"
	# shellcheck disable=SC2016 # jq's variable
	edit_config "$dir" '.process.terminal = false | .process.args = $ARGS.positional' "$@"
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
