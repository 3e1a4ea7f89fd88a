#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [NAME...] -- COMPILER FLAG... -- LIBRARY...
#
# Builds tests/fuzz/fuzz-NAME.c (all of them) and runs each for FUZZ_SECONDS. `make fuzz` calls it
# in the build tree.
set -euo pipefail
shopt -s nullglob
sources=$(dirname "$(dirname "$(realpath "$0")")")/tests/fuzz
passed=0 failed=()

names=() cc=() libs=()
while [ "$1" != -- ]; do names+=("$1") && shift; done
shift
while [ "$1" != -- ]; do cc+=("$1") && shift; done
shift
libs=("$@")
if [ ${#names[@]} = 0 ]; then
	for file in "$sources"/fuzz-*.c; do
		file=${file##*/fuzz-}
		names+=("${file%.c}")
	done
fi
mkdir -p fuzz
for name in "${names[@]}"; do
	mkdir -p "fuzz/corpus-$name"
	"${cc[@]}" -o "fuzz/fuzz-$name" "$sources/fuzz-$name.c" "${libs[@]}"
	echo "==> $name: ${FUZZ_SECONDS:-20} s"
	# A decoder that waits, or that takes memory as a peer asks, has failed.
	if "fuzz/fuzz-$name" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="fuzz/$name-" -print_final_stats=1 "fuzz/corpus-$name" \
		>"fuzz/$name.log" 2>&1; then
		grep -E '^stat::(number_of_executed_units|average_exec_per_sec)' "fuzz/$name.log" || true
		passed=$((passed + 1))
	else
		tail -n 60 "fuzz/$name.log"
		failed+=("$name")
	fi
done
echo "fuzz: $passed passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
[ ${#failed[@]} = 0 ]
