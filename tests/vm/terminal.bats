#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# process.terminal: a foreground run in a terminal, and --console-socket as engines use it.

# Variables in single quotes are jq's or those of a container's shell; bats sets others.
# shellcheck disable=SC2016,SC2154,SC2030,SC2031

load helper

setup() {
	common_setup
	need_root
	need_program jq /usr/bin/python3
	vm_bundle bundle sh
	edit_config bundle '.process.terminal = true | .process.env = ["PATH=/bin", "TERM=dumb", "PS1=> "]'
}

teardown() {
	common_teardown
}

script() {
	edit_config bundle '.process.args = ["sh", "-c", $ARGS.positional[0]]' "$1"
}

# in_pty STEPS PROGRAM ARG...: sets result, a JSON object of pty.py.
in_pty() {
	local steps=$1
	shift
	result=$(timeout -k 10 200 /usr/bin/python3 "$BATS_TEST_DIRNAME/pty.py" "$steps" "$@" 3>&-)
	echo "$result"
}

# run_in_pty STEPS
run_in_pty() {
	in_pty "$1" "$RUNVM" --root "$ROOT" run --bundle bundle c1
}

got() {
	jq -r "$1" <<<"$result"
}

# console STEPS: a receiver of a console in the background; its result is in the file console.
console() {
	rm -f console.sock*
	timeout -k 10 200 /usr/bin/python3 "$BATS_TEST_DIRNAME/pty.py" --console-socket \
		"$PWD/console.sock" "$1" >console 3>&- &
	receiver=$!
	wait_for 20 test -e console.sock.ready
}

@test "foreground: an interactive shell; the terminal is raw meanwhile and restored afterwards" {
	run_in_pty '[["expect", "> "], ["raw", true], ["send", "echo $((6 * 7))\r"], ["expect", "42\r\n"],
		["send", "tty\r"], ["expect", "/dev/"], ["expect", "> "], ["send", "exit 3\r"]]'
	same "status" 3 "$(got .status)"
	same "restored" true "$(got .restored)"
}

@test "foreground: a terminal, and streams that are none" {
	script 'read line; echo "got $line"; [ -t 0 ] && [ -t 1 ] && stty size'
	echo input >in
	in_pty '[["resize", 33, 77], ["expect", "status 0"]]' sh -c \
		"$RUNVM --root $ROOT run --bundle bundle c1 <in >log; echo \"status \$?\""
	run ! grep -q got <<<"$(got .output)"
	contains "$(cat log)" "got input"
	contains "$(cat log)" "33 77"
}

@test "foreground: control characters are the program's: ^C, ^Z, ^D" {
	# With a deadline: a shell looks for signals before it reads, and one may come in between.
	script 'trap "echo got INT" INT; trap "echo got TSTP" TSTP; echo ready
		until read -r -t 1 line; do :; done
		echo "line $line"; cat; echo EOF; exit 4'
	run_in_pty '[["expect", "ready"], ["raw", true], ["send", "\u0003"], ["expect", "got INT"],
		["send", "\u001a"], ["expect", "got TSTP"],
		["send", "text\r"], ["expect", "line text"], ["send", "\u0004"], ["expect", "EOF"]]'
	same "status" 4 "$(got .status)"
	same "restored" true "$(got .restored)"
}

@test "foreground: restored after the program, QEMU, the monitor or the stand-in was killed" {
	script 'echo ready; exec sleep 1000'
	for victim in program qemu runvm-monitor runvm-standin; do
		if [ $victim = program ]; then
			kill="$RUNVM --root $ROOT kill c1 KILL"
		else
			kill="kill -KILL \$(for p in /proc/[0-9]*; do grep -qsz '^RUNVM_TEST_MARK=$RUNVM_TEST_MARK\$' \$p/environ && grep -q '^$victim' \$p/comm && basename \$p; done)"
		fi
		steps=$(jq -n --arg kill "$kill" '[["expect", "ready"], ["raw", true], ["shell", $kill]]')
		run_in_pty "$steps"
		[ "$(got .status)" -ne 0 ]
		same "restored" true "$(got .restored)"
		nothing_left
	done
}

@test "foreground: a signal to run is forwarded, the terminal restored" {
	script 'trap "echo got TERM; exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	run_in_pty '[["expect", "ready"], ["raw", true], ["shell", "kill -TERM $RUN_PID"], ["expect", "got TERM"]]'
	same "status" 7 "$(got .status)"
	same "restored" true "$(got .restored)"
}

@test "foreground: size at the start, and resize" {
	script 'trap "echo winch" WINCH; stty size; while :; do read -r x; stty size; done'
	run_in_pty '[["expect", "24 80"], ["resize", 40, 132], ["expect", "winch"], ["send", "\r"],
		["expect", "40 132"], ["resize", 10, 20], ["expect", "winch"], ["send", "\r"], ["expect", "10 20"],
		["shell", "'"$RUNVM --root $ROOT"' kill c1 KILL"]]'
	same "status" 137 "$(got .status)"
}

@test "foreground: much output, nothing is lost; much input" {
	script 'seq 1 20000; echo end'
	run_in_pty '[["expect", "end"]]'
	same "lines" "$(seq 1 20000 | md5sum)" "$(got .output | tr -d '\r' | sed '/^end$/d; /^$/d' | md5sum)"
	script 'stty raw -echo; echo ready; head -c 50000 | md5sum'
	data=$(head -c 50000 /dev/zero | tr '\0' x)
	steps=$(jq -n --arg data "$data" '[["expect", "ready"], ["send", $data], ["expect", "  -"]]')
	run_in_pty "$steps"
	contains "$(got .output)" "$(printf '%s' "$data" | md5sum)"
}

@test "foreground: the same as runc's, as the program sees it" {
	need_program "$RUNC"
	# runc sets the size when the program runs already.
	script 'n=50; until [ "$(stty size 2>/dev/null)" = "24 80" ] || [ $n = 0 ]; do n=$((n - 1)); sleep 0.1; done
		stty -a; tty; test -t 0 && test -t 1 && test -t 2 && echo all; ls -l /dev/console | cut -c1-10
		cut -d" " -f5-6,8 /proc/self/stat | tr " " "\n" | head -n 1; cat /proc/1/stat | cut -d" " -f5-6
		echo "$TERM"; stat -c "%a %u %g" $(tty)'
	# runc leaves the newlines to the caller's terminal (-onlcr).
	seen() {
		got .output | tr -s ' \r\n' '\n' | sed 's/^-onlcr$/onlcr/'
	}
	in_pty '[]' "$RUNC" --root "$ROOT-runc" run --bundle bundle c1
	seen >theirs
	run_in_pty '[]'
	diff -u theirs <(seen)
}

@test "foreground without a terminal: an error" {
	run --separate-stderr setsid --wait "$RUNVM" --root "$ROOT" run --bundle bundle c1 </dev/null
	[ "$status" -eq 1 ]
	[ -n "$stderr" ]
	nothing_left
}

@test "console socket: created and run, input, output, the end" {
	console '[["send", "echo $((6 * 7))\r"], ["expect", "42\r\n"], ["send", "exit 5\r"], ["eof"]]'
	runvm create --bundle bundle --console-socket "$PWD/console.sock" --pid-file pid c1 >out 2>&1 </dev/null
	same "status" created "$(runvm state c1 | jq -r .status)"
	runvm start c1
	wait $receiver
	result=$(cat console)
	same "descriptors" 1 "$(got .fds)"
	[ -n "$(got .message)" ]
	[ ! -s out ]
	wait_for 10 has_status c1 stopped
	runvm delete c1
	console '[["expect", "> "], ["send", "exit\r"], ["eof"]]'
	runvm run --detach --bundle bundle --console-socket "$PWD/console.sock" c1 >out 2>&1 </dev/null
	wait $receiver
}

@test "console socket: resize, consoleSize" {
	edit_config bundle '.process.consoleSize = {height: 33, width: 77}'
	script 'trap "stty size" WINCH; stty size; while :; do sleep 0.05; done'
	console '[["expect", "33 77"], ["resize", 50, 100], ["expect", "50 100"], ["shell", "touch resized"], ["eof"]]'
	runvm run --detach --bundle bundle --console-socket "$PWD/console.sock" c1 >out 2>&1 </dev/null
	wait_for 30 test -e resized
	runvm kill c1 KILL
	wait $receiver
}

@test "console socket: a receiver that goes away does not end the program" {
	script 'trap "echo HUP >/tmp/hup" HUP; echo ready; while ! [ -e /tmp/stop ]; do echo more; sleep 0.1; done 2>/dev/null; exit 6'
	console '[["expect", "ready"]]'
	runvm run --detach --bundle bundle --console-socket "$PWD/console.sock" --pid-file pid c1 >out 2>&1 </dev/null
	wait $receiver
	# With its master closed the terminal hangs up, as a terminal does.
	wait_for 20 eval 'has_status c1 stopped || test -e bundle/rootfs/tmp/hup'
	touch bundle/rootfs/tmp/stop
	wait_for 20 has_status c1 stopped
}

@test "wrong combinations, in runc's words" {
	need_program "$RUNC"
	run --separate-stderr runc create --bundle bundle c1
	contains "$stderr" "cannot allocate tty if runc will detach without setting console socket"
	attempt runvm create --bundle bundle c1
	[ "$status" -eq 1 ]
	contains "$stderr" "cannot allocate tty if runvm will detach without setting console socket"
	attempt runvm create --bundle bundle --console-socket "$PWD/missing.sock" c1
	[ "$status" -eq 1 ]
	contains "$stderr" "$PWD/missing.sock"
	edit_config bundle '.process.terminal = false'
	run --separate-stderr runc create --bundle bundle --console-socket "$PWD/missing.sock" c1
	contains "$stderr" "cannot use console socket if runc will not detach or allocate tty"
	attempt runvm create --bundle bundle --console-socket "$PWD/missing.sock" c1
	[ "$status" -eq 1 ]
	contains "$stderr" "cannot use console socket if runvm will not detach or allocate tty"
	nothing_left
}
