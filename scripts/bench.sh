#!/bin/bash
# Runs every benchmark of the module. Benchmarks compare within one run.
set -u
go=$1
cd "$(dirname "$0")/.."
echo "machine: $(uname -sm), $(nproc) processors, $("$go" version)"
pkgs=$(grep -rl --include='*_test.go' '^func Benchmark' cmd internal 2>/dev/null | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
[ -n "$pkgs" ] || { echo "no benchmarks"; exit 0; }
# shellcheck disable=SC2086
"$go" test -run '^$' -bench . -benchmem $pkgs
