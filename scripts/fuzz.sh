#!/bin/bash
# fuzz.sh GO TIME [PACKAGE]: runs every fuzz target of the module, or of a package, for TIME each. A crasher stays in the
# package's testdata/fuzz and fails every later "go test" until it is cured.
#
# Go's fuzzer says PASS when its time ends while an input hangs. So the script watches the progress: a worker that
# finishes no input for a while is ended with SIGQUIT, which makes the fuzzer write down the input it was busy with. One
# worker alone runs for a target, for a second one would hide that the first is stuck.
set -u
go=$1 time=$2
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cache=$("$go" env GOCACHE)/fuzz

# seconds TIME: a duration of Go with one unit, in whole seconds; 0 for a number of runs.
seconds() {
	case $1 in
	*[0-9]h) echo $((${1%h} * 3600)) ;;
	*[0-9]m) echo $((${1%m} * 60)) ;;
	*[0-9]s) echo "${1%s}" ;;
	*) echo 0 ;;
	esac
}

# Status lines come every three seconds; an input that takes longer than two of them, or than ten seconds, is stuck.
stuck=$(seconds "$time")
stuck=$((stuck / 2))
[ "$stuck" -gt 10 ] || [ "$stuck" = 0 ] && stuck=10
[ "$stuck" -lt 3 ] && stuck=3

# progress: what the last status line says was done, without its time and speed.
progress() { grep '^fuzz: elapsed' "$dir/log" | tail -n 1 | sed -E 's/elapsed: [^,]*, //; s/\([0-9]+\/sec\)//'; }

# fuzz PKG TARGET TIME: runs one target; true when it passed. The log is $dir/log.
fuzz() {
	rm -f "$dir/log" "$dir/stuck"
	: >"$dir/log"
	(cd "$1" && exec "$dir/t" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$3" -test.fuzzminimizetime 5x -test.parallel 1 \
		-test.fuzzcachedir "$cache/firestorm/$1") >"$dir/log" 2>&1 &
	local pid=$! last='' since=$SECONDS now
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		now=$(progress)
		if [ "$now" != "$last" ]; then
			last=$now since=$SECONDS
		elif [ $((SECONDS - since)) -ge $((stuck + 3)) ]; then
			echo "no input was finished in $((SECONDS - since)) s" >"$dir/stuck"
			pkill -QUIT -P "$pid" # the worker, and nothing else
			since=$SECONDS
		fi
	done
	wait "$pid"
}

# endless: the last status lines are a second or more apart and tell of no input finished in between. That the fuzzer says
# "context deadline exceeded" proves nothing: it does so whenever its time ends within an input, however short
# (golang.org/issue/48157); the status lines decide.
endless() {
	grep '^fuzz: elapsed' "$dir/log" | grep -v 'gathering' | tail -n 3 | sed -E 's/.*elapsed: ([0-9hms]*), execs: ([0-9]+).*/\1 \2/' |
		awk '{ if (n && $2 == e && $1 != s) same = 1; else if ($2 != e) same = 0; s = $1; e = $2; n++ } END { exit !same }'
}

# harmless PKG TARGET: the input that was written when the worker was stuck runs well by itself: the machine was busy.
harmless() {
	local input
	input=$(sed -n 's/^ *Failing input written to \(testdata\/fuzz\/.*\)$/\1/p' "$dir/log" | head -n 1)
	[ -f "$dir/stuck" ] && [ -n "$input" ] && [ -f "$1/$input" ] || return 1
	(cd "$1" && timeout 60 "$dir/t" -test.run "^$2\$/^$(basename "$input")\$" -test.timeout 30s) >"$dir/again" 2>&1 || return 1
	rm -f "$1/$input"
	rmdir -p "$1/$(dirname "$input")" 2>/dev/null
	return 0
}

# package PKG: runs all targets of a package with one instrumented binary; one line for each in $dir/said.
package() {
	if ! "$go" test -vet=off -ldflags="-s -w" -c -fuzz=. -o "$dir/t" "./$1" >"$dir/log" 2>&1; then
		cat "$dir/log"
		echo "FAIL    $1 does not build"
		return
	fi
	[ -x "$dir/t" ] || return
	local target
	for target in $(cd "$1" && "$dir/t" -test.list '^Fuzz' | grep '^Fuzz'); do
		local said='' how=ok
		for _ in 1 2; do
			if fuzz "$1" "$target" "$time"; then
				how=ok
			elif harmless "$1" "$target"; then
				how=ok said='  (the machine was too busy for a while)'
			elif ! grep -q 'Failing input written' "$dir/log" && grep -q 'context deadline exceeded' "$dir/log"; then
				how=ok # the time ran out within an input; whether it was endless is asked below
			else
				how=FAIL
				break
			fi
			endless || break
			how=FAIL said='  (at the end of its time, twice, an input took longer than a second)'
		done
		if [ "$how" = FAIL ]; then
			tail -n 60 "$dir/log"
			[ -f "$dir/stuck" ] && cat "$dir/stuck"
		fi
		[ "$how" != ok ] || grep -q 'execs: [1-9]' "$dir/log" || said="$said  (its time ended within the inputs it began with)"
		echo "$how    $1 $target  $(grep -o 'execs: [0-9]*' "$dir/log" | tail -n 1)$said"
	done
}

# Three packages at a time where there are two processors. What a package says is printed in one piece.
if [ $# = 3 ]; then
	package "$3" >"$dir/said" 2>&1
	cat "$dir/said"
	exit 0
fi
jobs=$(nproc 2>/dev/null || echo 1)
jobs=$((jobs + 1)) # one more than may run: while one builds, or begins, the others go on
[ "$jobs" -gt 3 ] && jobs=3
grep -rl --include='*_test.go' '^func Fuzz' cmd internal scripts 2>/dev/null | xargs -r -n1 dirname | sort -u |
	xargs -r -n1 -P "$jobs" "$0" "$go" "$time" | tee "$dir/all"
ran=$(grep -cE '^(ok|FAIL)    ' "$dir/all") failed=$(grep -c '^FAIL    ' "$dir/all")
echo "fuzzing: $ran targets, $time each, $failed failed"
[ "$failed" = 0 ] && [ "$ran" -gt 0 ]
