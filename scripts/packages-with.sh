#!/bin/bash
# packages-with.sh PATTERN: the packages whose tests have a line like PATTERN (extended), as "go test" takes them. None is an
# error: a run of no tests must not pass for a good one.
set -eu
cd "$(dirname "$0")/.."
found=$(grep -rlE --include='*_test.go' "$1" cmd internal scripts test | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
if [ -z "$found" ]; then
	echo "packages-with: no test has a line like $1" >&2
	exit 1
fi
echo "$found"
