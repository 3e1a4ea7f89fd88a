# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts here share: messages, and steps that take a while.
#
# A step's output goes to a file. Meanwhile the terminal shows how long it has taken and the last
# line of that file; without a terminal a line appears now and then. A step that fails shows the
# end of its output.

export LC_ALL=C
top=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")

say() { printf '%s\n' "$*"; }
die() {
	printf '%s: error: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The tree is built in build/, unless it was configured in place before; BUILD says otherwise.
if [ -z "${BUILD:-}" ]; then
	BUILD=$top/build
	[ ! -e "$top/config.status" ] || BUILD=$top
fi
export BUILD

root_command() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "this needs root, and sudo is not there: $*"
	fi
}

# ask_password: before a step, whose terminal is not for questions.
ask_password() {
	[ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null || sudo -v
}

tick() {
	local log=$1 parent=$2 start=$SECONDS every=20 line
	[ ! -t 1 ] || every=1
	while sleep $every && kill -0 "$parent" 2>/dev/null; do
		line=$(tail -c 400 "$log" | tr '\r\t' '\n ' | grep -v '^ *$' | tail -n 1 | tr -d '\000-\037')
		if [ -t 1 ]; then
			line="    $((SECONDS - start)) s  $line"
			printf '\r\033[K%s' "${line:0:$((${COLUMNS:-80} - 1))}"
		else
			printf '    %d s  %s\n' $((SECONDS - start)) "${line:0:100}"
		fi
	done
}

# failed_tests LOG: the tests in TAP that failed, with what was said of them: unit tests speak before
# their line, bats behind it.
failed_tests() { grep -a -B 8 -A 12 '^not ok' "$1" | head -n 80 || true; }

# step NAME TEXT COMMAND...: runs it, in the foreground, so that ^C reaches it; its output is in
# $BUILD/logs/NAME.log.
step() {
	local name=$1 text=$2 start=$SECONDS status=0 log ticker
	shift 2
	mkdir -p "$BUILD/logs"
	log=$BUILD/logs/$name.log
	: >"$log"
	say "==> $text"
	tick "$log" $$ &
	ticker=$!
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	kill $ticker 2>/dev/null || true
	wait $ticker 2>/dev/null || true
	[ ! -t 1 ] || printf '\r\033[K'
	if [ $status != 0 ]; then
		tail -n 40 "$log"
		failed_tests "$log"
		say "    failed after $((SECONDS - start)) s; all of it: $log"
		return $status
	fi
	say "    done in $((SECONDS - start)) s"
}
