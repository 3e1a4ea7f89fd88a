#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The command line, as far as it needs no VM: help, wrong arguments, the log, list, state, spec,
# features. Where both must agree, runc is asked the same.

# shellcheck disable=SC2154 # bats sets stderr

load helper
# shellcheck disable=SC2034 # for common_setup
NO_TEMPLATE=1

COMMANDS="create delete features help kill list run spec start state template"

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# both ARG...: runs both with the arguments; sets status, output and stderr of runvm, and
# runc_status, runc_output, runc_stderr.
both() {
	need_program "$RUNC"
	run --separate-stderr runc "$@"
	runc_status=$status
	runc_output=$output
	runc_stderr=$stderr
	run --separate-stderr runvm "$@"
	# shown when the test fails; the help that follows a wrong option is long
	echo "runc $*: $runc_status: ${runc_output%%$'\n'*} $runc_stderr"
	echo "runvm $*: $status: ${output%%$'\n'*} $stderr"
}

@test "--help lists every command; no command and help print the same" {
	run --separate-stderr "$RUNVM" --help
	[ "$status" -eq 0 ]
	for command in $COMMANDS; do
		contains "$output" "   $command "
	done
	help=$output
	for args in help h -h "--debug help" ""; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr "$RUNVM" $args
		[ "$status" -eq 0 ]
		same "help by \"$args\"" "$help" "$output"
		[ -z "$stderr" ]
	done
}

@test "every command has help, in four spellings" {
	for command in $COMMANDS; do
		run --separate-stderr "$RUNVM" "$command" --help
		[ "$status" -eq 0 ]
		contains "$output" "runvm $command - "
		contains "$output" "USAGE:"
		contains "$output" "OPTIONS:"
		help=$output
		for args in "$command -h" "help $command" "h $command" "$command --help argument"; do
			# shellcheck disable=SC2086 # words
			run --separate-stderr "$RUNVM" $args
			[ "$status" -eq 0 ]
			same "help by \"$args\"" "$help" "$output"
		done
	done
}

@test "a command of ours has every option that runc's has" {
	need_program "$RUNC"
	for command in create delete kill list run spec start state; do
		ours=$("$RUNVM" "$command" --help)
		for option in $("$RUNC" "$command" --help | sed -n 's/^   --\([a-z-]*\).*/\1/p'); do
			contains "$ours" "   --$option"
		done
	done
}

@test "the manual page has every command and every option" {
	page="$BATS_TEST_DIRNAME/../../man/runvm.1"
	[ -f "$page" ] || skip_or_fail "no manual page beside the tests"
	for command in $COMMANDS; do
		grep -q "^\\.Ss $command$" "$page" || { echo "not in $page: $command"; return 1; }
	done
	for option in $({ "$RUNVM" --help; for command in $COMMANDS; do
		"$RUNVM" "$command" --help; done; } | sed -n 's/^   --\([a-z-]*\).*/\1/p' | sort -u); do
		grep -q -- "Fl -$option\( \|$\)" "$page" || { echo "not in $page: --$option"; return 1; }
	done
}

@test "--version is what docker and podman take apart" {
	for args in --version -v -version --version=true "--debug --version"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr "$RUNVM" $args
		[ "$status" -eq 0 ]
		[[ ${lines[0]} =~ ^runvm\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
		[ "$(grep -c version <<<"$output")" -eq 1 ]
		[[ $output =~ spec:\ 1\.[0-9]+\.[0-9]+ ]]
	done
}

@test "unknown commands: exit code and words are runc's" {
	for args in foo "help foo" "foo --help" "-- foo"; do
		# shellcheck disable=SC2086 # words
		both $args
		[ "$status" -eq 3 ]
		[ "$runc_status" -eq 3 ]
		contains "$runc_stderr" "No help topic for 'foo'"
		contains "$stderr" "No help topic for 'foo'"
	done
}

@test "wrong options: exit code and words are runc's" {
	for args in --foo "state --foo x" "list -qf json" "list ---q" "list --=x" "kill -bundle x y" \
		"create --bundle" "create --no-pivot=maybe x" "create --preserve-fds abc x"; do
		# shellcheck disable=SC2086 # words
		both $args
		[ "$runc_status" -eq 1 ]
		[ "$status" -eq 1 ]
		message=$(sed -n 's/^Incorrect Usage[:.] //p' <<<"$runc_output")
		contains "$output" "Incorrect Usage: $message"
		contains "$stderr" "$message"
		contains "$output" "USAGE:"
	done
}

@test "the number of arguments: exit code and words are runc's" {
	for args in state "state a b" "list x" "spec x" "features x" run create start delete kill \
		"kill a TERM x" "state x --foo" "create -bundle b" "start -- a b"; do
		# shellcheck disable=SC2086 # words
		both $args
		[ "$runc_status" -eq 1 ]
		[ "$status" -eq 1 ]
		contains "$output" "Incorrect Usage."
		message=$(sed -n 's/.*\\"\([a-z]*\)\\" \(requires .*\)"$/"\1" \2/p' <<<"$runc_stderr")
		[ -n "$message" ]
		contains "$stderr" "$message"
	done
}

@test "ids: what runc refuses is refused, in its words" {
	for command in state start kill delete; do
		for id in "" ../x a/b . .. "a b"; do
			run --separate-stderr runvm "$command" "$id"
			[ "$status" -eq 1 ]
			[[ $stderr == *"container id cannot be empty"* ||
				$stderr == *"invalid container ID format"* ]]
		done
	done
}

@test "a container that does not exist: exit code and words are runc's" {
	for args in "state nope" "start nope" "kill nope" "kill nope KILL" "delete nope"; do
		# shellcheck disable=SC2086 # words
		both $args
		[ "$runc_status" -eq 1 ]
		[ "$status" -eq 1 ]
		contains "$runc_stderr" "container does not exist"
		contains "$stderr" "container does not exist"
		[ -z "$output" ]
	done
	both delete --force nope
	[ "$runc_status" -eq 0 ]
	[ "$status" -eq 0 ]
	[ ! -e "$ROOT/nope" ]
}

@test "--log: JSON lines appended to the file, the error on stderr too" {
	for round in 1 2; do
		run --separate-stderr "$RUNVM" --root "$ROOT" --log log --log-format json state nope
		[ "$status" -eq 1 ]
		contains "$stderr" "does not exist"
		[ -z "$output" ]
		[ "$(wc -l <log)" -eq "$round" ]
	done
	[ "$(jq -r .level log | sort -u)" = error ]
	contains "$(jq -r .msg log | head -n 1)" "does not exist"
	[[ $(jq -r .time log | head -n 1) =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z$ ]]
	[ "$(stat -c %a log)" = 644 ]
}

@test "--log: text by default; wrong options are in it" {
	run "$RUNVM" --log log --foo
	[ "$status" -eq 1 ]
	contains "$(cat log)" 'level=error msg="flag provided but not defined: -foo"'
}

@test "--log-format json without --log: JSON on stderr, as runc" {
	both --log-format json state nope
	[ "$runc_status" -eq 1 ]
	[ "$status" -eq 1 ]
	same "level" "$(jq -r .level <<<"$runc_stderr")" "$(jq -r .level <<<"$stderr")"
	contains "$(jq -r .msg <<<"$stderr")" "$(jq -r .msg <<<"$runc_stderr")"
}

@test "--log that cannot be opened is an error that names it" {
	both --log "$PWD/missing/log" list
	[ "$runc_status" -eq 1 ]
	[ "$status" -eq 1 ]
	contains "$stderr" "$PWD/missing/log"
	[ -z "$output" ]
}

@test "closed standard descriptors are survived" {
	run bash -c '"$1" state x 2>&- >&- <&-' - "$RUNVM"
	[ "$status" -eq 1 ]
	run bash -c '"$1" features >/dev/full' - "$RUNVM"
	[ "$status" -eq 1 ]
	contains "$output" "No space left on device"
}

@test "list without containers is runc's, and makes no root" {
	for args in "list" "list --format table" "list -f=table" "list -q" "list --quiet -f json"; do
		# shellcheck disable=SC2086 # words
		both $args
		[ "$runc_status" -eq 0 ]
		[ "$status" -eq 0 ]
		same "list" "$runc_output" "$output"
		[ -z "$stderr" ]
	done
	run --separate-stderr runvm list -f json
	[ "$output" = "[]" ]
	[ ! -e "$ROOT" ]
	run --separate-stderr runvm list -f yaml
	[ "$status" -eq 1 ]
	contains "$stderr" '"json"'
}

@test "list and state show what a dead create left; foreign directories are left alone" {
	mkdir -p "$ROOT/early" "$ROOT/foreign/data" "$ROOT/not an id"
	touch "$ROOT/file"
	run --separate-stderr runvm list
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} =~ ^early\ +0\ +stopped ]]
	run --separate-stderr runvm list --quiet
	[ "$output" = early ]
	run --separate-stderr runvm state early
	[ "$status" -eq 0 ]
	[ "$(jq -r '"\(.id) \(.pid) \(.status)"' <<<"$output")" = "early 0 stopped" ]
	run --separate-stderr runvm state foreign
	[ "$status" -eq 1 ]
	contains "$stderr" "does not exist"
	rm -r "$ROOT"
}

@test "a status file is read; a damaged one is an error, and the others are listed" {
	mkdir -p "$ROOT/good" "$ROOT/bad"
	cat >"$ROOT/good/status.json" <<-'END'
		{"id": "good", "ociVersion": "1.0.2", "bundle": "/b/\u001b[2J", "rootfs": "/b/rootfs",
		 "created": "2026-01-02T03:04:05.000000006Z", "owner": "me", "vm": "good",
		 "phase": "started", "standin": {"pid": 1, "start": 18446744073709551615}}
	END
	echo '{"annotations": {"k": "v"}, "ociVersion": "1.0.2"}' >"$ROOT/good/config.json"
	echo '{' >"$ROOT/bad/status.json"
	run --separate-stderr runvm list
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	contains "${lines[1]}" "good        0           stopped     /b/?[2J"
	contains "$stderr" '"bad"'
	run --separate-stderr runvm list -f json
	[ "$(jq -c . <<<"$output")" = '[{"ociVersion":"1.0.2","id":"good","pid":0,"status":"stopped","bundle":"/b/\u001b[2J","rootfs":"/b/rootfs","created":"2026-01-02T03:04:05.000000006Z","annotations":{"k":"v"},"owner":"me"}]' ]
	run --separate-stderr runvm state bad
	[ "$status" -eq 1 ]
	contains "$stderr" "status.json: damaged"
	rm -r "$ROOT"
}

@test "a root that is no directory" {
	touch file
	for args in list "state x"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr "$RUNVM" --root file $args
		[ "$status" -eq 1 ]
		contains "$stderr" "$PWD/file"
		contains "$stderr" "Not a directory"
	done
}

@test "spec: runc's but for version, host name and cgroup namespace" {
	mkdir ours theirs
	both spec --bundle theirs
	rm -f theirs/config.json ours/config.json
	runc spec --bundle theirs
	run --separate-stderr runvm spec --bundle ours
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
	filter='del(.ociVersion, .hostname) | .linux.namespaces |= (map(select(.type != "cgroup")) | sort)'
	same "config.json" "$(jq -S "$filter" theirs/config.json)" "$(jq -S "$filter" ours/config.json)"
	rm theirs/config.json ours/config.json
	runc spec --rootless --bundle theirs
	runvm spec --rootless --bundle ours
	same "config.json" "$(jq -S "$filter" theirs/config.json)" "$(jq -S "$filter" ours/config.json)"
}

@test "spec: never over a config.json, in the working directory by default" {
	run --separate-stderr runvm spec
	[ "$status" -eq 0 ]
	echo precious >config.json
	both spec
	[ "$runc_status" -eq 1 ]
	[ "$status" -eq 1 ]
	contains "$runc_stderr" "File config.json exists. Remove it first"
	contains "$stderr" "File config.json exists. Remove it first"
	[ "$(cat config.json)" = precious ]
	ln -sf /nonexistent/target config.json
	run runvm spec
	[ "$status" -eq 1 ]
	run --separate-stderr runvm spec --bundle "$PWD/missing"
	[ "$status" -eq 1 ]
	contains "$stderr" "$PWD/missing"
	contains "${stderr,,}" "no such file or directory"
}

@test "features: JSON, the options of mounts are among runc's" {
	need_program jq
	run --separate-stderr "$RUNVM" features
	[ "$status" -eq 0 ]
	features=$output
	[ "$(jq -r '.hooks | length' <<<"$features")" -eq 6 ]
	[ "$(jq -r .ociVersionMin <<<"$features")" = 1.0.0 ]
	[ "$(jq -r '.linux.cgroup.v1' <<<"$features")" = false ]
	need_program "$RUNC"
	theirs=$("$RUNC" features)
	same "words that runc does not have" "" "$(jq -rn --argjson a "$features" --argjson b "$theirs" \
		'$a.mountOptions - $b.mountOptions | join(" ")')"
	same "capabilities" "$(jq -c .linux.capabilities <<<"$theirs")" \
		"$(jq -c .linux.capabilities <<<"$features")"
}

@test "features: valid against the schema of the specification" {
	need_program jsonschema
	schema=${OCI_SCHEMA:-}
	[ -n "$schema" ] || skip_or_fail "OCI_SCHEMA does not name a directory with features-schema.json"
	"$RUNVM" features >features.json
	jsonschema --base-uri "file://$schema/" -i features.json "$schema/features-schema.json"
}
