#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, and runs the unit tests and the tests that boot VMs.
#
#   contrib/test.sh [FILE.bats...]     some of the VM tests, from tests/vm
#
# STRICT=1 turns a test that cannot run here into a failure. Ends with a line of counts, and with
# status 1 where something failed.
set -euo pipefail
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/tap.sh"

"$top/contrib/setup.sh" test

unit() { make -C "$BUILD" -k check; }
vm() {
	# VM_TESTS is for files given here; make's own default has all
	root_command env STRICT="${STRICT:-0}" make --no-print-directory -C "$BUILD" check-vm \
		BATSFLAGS=--tap ${files:+VM_TESTS="$files"}
}

files=''
for file; do
	files+="$(realpath "$file") "
done

if ! step unit "unit tests" unit; then :; fi
count_automake unit "$BUILD/test-suite.log" "$BUILD"/tests/unit/*.trs

ask_password
mkdir -p "$BUILD/logs"
say "==> tests that boot VMs"
vm 2>&1 </dev/null | tee "$BUILD/logs/vm.log" || true
count_tap vm "$BUILD/logs/vm.log"
total
