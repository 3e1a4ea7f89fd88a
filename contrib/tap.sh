# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sums what tests report. A part that reports nothing has failed; under STRICT=1 a skip has, too.

passed=0 failed=0 skipped=0
# where the parts' counts go, for a caller that adds them up
results=${RESULTS:-}

add() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	[ -z "$results" ] || echo "$1 $2 $3 $4" >>"$results"
	printf '    %s: %d passed, %d failed, %d skipped\n' "$1" "$2" "$3" "$4"
}

# count_automake PART SUMMARY.log RESULT.trs...: what `make check` left.
count_automake() {
	local part=$1 counts
	shift
	[ -e "$1" ] || { add "$part" 0 1 0 && return; }
	shift
	# an XFAIL is as expected, an XPASS is not; an ERROR is a plan that was not kept
	counts=$(cat "$@" 2>/dev/null | awk '
		/^:test-result: (PASS|XFAIL)/ { passed++ }
		/^:test-result: (FAIL|XPASS|ERROR)/ { failed++ }
		/^:test-result: SKIP/ { skipped++ }
		END {
			if (ENVIRON["STRICT"] == 1) { failed += skipped; skipped = 0 }
			print passed + 0, failed + (passed + failed == 0), skipped + 0
		}')
	# shellcheck disable=SC2086 # three words
	add "$part" $counts
}

# count_tap PART FILE: TAP that may have other lines around it. What the plan announced and did not
# come has failed.
count_tap() {
	local counts
	counts=$(awk '
		/^[0-9]+\.\.[0-9]+/ { split($1, plan, /\.\./); planned += plan[2] }
		/^ok [0-9]+.* # skip/ { skipped++; next }
		/^ok [0-9]+/ { passed++ }
		/^not ok [0-9]+/ { failed++ }
		END {
			if (ENVIRON["STRICT"] == 1) { failed += skipped; skipped = 0 }
			missing = planned - passed - failed - skipped
			if (missing > 0) failed += missing
			print passed + 0, failed + (passed + failed + skipped == 0), skipped + 0
		}' "$2")
	# shellcheck disable=SC2086 # three words
	add "$1" $counts
}

# total: the closing line; fails where something failed.
total() {
	printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
	[ $failed = 0 ]
}
