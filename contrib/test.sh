#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, and runs the unit tests and the tests that boot VMs.
#
#   contrib/test.sh [FILE.bats...]     some of the VM tests, from tests/vm
#
# STRICT=1 turns a test that cannot run here into a failure. OCI_SCHEMA names the directory of the
# specification's JSON schemas, which one test wants. Ends with a line of counts, and with
# status 1 where something failed.
set -euo pipefail
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/tap.sh"

"$top/contrib/setup.sh" test

# Built first, in parallel; run one after the other, since some have deadlines.
unit() {
	make -C "$BUILD" -k -j"${JOBS:-$(nproc)}" check TESTS= && make -C "$BUILD" -k check
}
vm() {
	# VM_TESTS is for files given here; make's own default has all
	root_command env STRICT="${STRICT:-0}" OCI_SCHEMA="${OCI_SCHEMA:-}" make --no-print-directory -C "$BUILD" check-vm \
		BATSFLAGS=--tap ${files:+VM_TESTS="$files"}
}

files=''
for file; do
	files+="$(realpath "$file") "
done

rm -f "$BUILD"/tests/unit/*.trs
step unit "unit tests" unit || true
count_automake unit "$BUILD/test-suite.log" "$BUILD"/tests/unit/*.trs

ask_password
mkdir -p "$BUILD/logs"
say "==> tests that boot VMs"
vm 2>&1 </dev/null | tee "$BUILD/logs/vm.log" || true
count_tap vm "$BUILD/logs/vm.log"
total
