#!/bin/bash
# Measures everything that docs/performance.md promises, in one run, and writes test/bench/results.json. Needs tcpdump,
# about 3 GB below TMPDIR and ten quiet minutes. Arguments after the first go to test/bench, e.g. -quick or -runs 9.
set -eu
go=$1
shift
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
exec "$go" run ./test/bench "$@"
