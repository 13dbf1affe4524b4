#!/bin/bash
# fuzz.sh GO TIME: runs every fuzz target of the module for TIME each. A crasher stays in the package's testdata/fuzz
# and fails every later "go test" until it is cured.
set -u
go=$1 time=$2
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ran=0 failed=0
cache=$("$go" env GOCACHE)/fuzz
for pkg in $(grep -rl --include='*_test.go' '^func Fuzz' cmd internal scripts 2>/dev/null | xargs -r -n1 dirname | sort -u); do
	# One instrumented binary serves all targets of a package.
	if ! "$go" test -c -fuzz=. -o "$dir/t" "./$pkg" >"$dir/log" 2>&1; then
		cat "$dir/log"
		failed=$((failed + 1))
		continue
	fi
	[ -x "$dir/t" ] || continue
	for target in $(cd "$pkg" && "$dir/t" -test.list '^Fuzz' | grep '^Fuzz'); do
		if (cd "$pkg" && "$dir/t" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 1x -test.parallel 2 \
			-test.fuzzcachedir "$cache/firestorm/$pkg") >"$dir/log" 2>&1; then
			echo "ok    $pkg $target  $(grep -o 'execs: [0-9]*' "$dir/log" | tail -n 1)"
		elif grep -q 'context deadline exceeded' "$dir/log" && ! grep -q 'Failing input written' "$dir/log"; then
			# Go's fuzzer says so when time runs out while a worker is busy (golang.org/issue/48157): no crasher.
			echo "ok    $pkg $target  (time ran out within one input)"
		else
			echo "FAIL  $pkg $target"
			tail -n 40 "$dir/log"
			failed=$((failed + 1))
		fi
		ran=$((ran + 1))
	done
	rm -f "$dir/t"
done
echo "fuzzing: $ran targets, $time each, $failed failed"
[ "$failed" = 0 ] && [ "$ran" -gt 0 ]
