#!/bin/bash
# endtoend.sh [SITUATION...]: situations of the testbed are made again with real programs while "firestorm watch" looks at
# the same interfaces as the captures. It must say what "firestorm read" says of the capture, and each finding within ten
# seconds of the moment from which it could be decided. Prints a table; needs root and the programs of the testbed.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "endtoend.sh: needs root: network namespaces" >&2; exit 1; }
[ $# -gt 0 ] || set -- scan-syn arp-spoof-both timewait-stale-ack timewait-silent ftp-tls-hidden ike-psk-v2 clean-nat
dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-live.XXXXXX")
trap '[ -n "${FST_KEEP:-}" ] || rm -rf "$dir"' EXIT
mkdir "$dir/said" "$dir/captures"
cd "$top"
CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm
# Findings are held for up to a minute, for a better explanation: so long both go on after the last packet.
# Each sensor has a memory of its own: what an earlier run knows must not change what this one says.
printf '#!/bin/bash\nexec "%s" "$@" --state "$(mktemp -d "%s/state.XXXXXX")"\n' "$dir/firestorm" "$dir" >"$dir/watch"
chmod +x "$dir/watch"
export FST_WATCH=$dir/watch FST_WATCHED=$dir/said FST_CAPTURES=$dir/captures FST_WATCH_FOR=${FST_WATCH_FOR:-70} FST_CLEAN_SECONDS=${FST_CLEAN_SECONDS:-90}
made=()
for s in "$@"; do
	script=$(testbed/run -l | awk -v s="$s" '$1 == s { print $2 }')
	[ -n "$script" ] || { echo "endtoend.sh: there is no situation $s; see testbed/run -l" >&2; exit 2; }
	bash "testbed/situations/$script" "$s" >"$dir/$s.log" 2>&1 &
	made+=("$s $!")
	sleep 1
done
bad=0
for m in "${made[@]}"; do
	set -- $m
	if ! wait "$2"; then
		echo "$1 was not made: $(tail -n 1 "$dir/$1.log")"
		bad=1
	fi
done
python3 test/live/compare.py "$dir/firestorm" "$dir/captures" "$dir/said" || bad=1
exit $bad
