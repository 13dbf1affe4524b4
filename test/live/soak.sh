#!/bin/bash
# soak.sh [-p PPS] [-d SECONDS] [-r RULES] [-m MEMORY]: "firestorm watch" beside steady traffic whose connections are always
# new ones. Each ten seconds its memory, open files and processor time are noted; at the end memory must have stood still:
# least and most of the last two thirds of the time, within 5 %. Thirty minutes at 50 000 packets a second unless told otherwise.
set -euo pipefail
. "$(dirname "$0")/cable.sh"
pps=50000 span=1800 rules='' memory=''
while getopts p:d:r:m: f; do
	case $f in p) pps=$OPTARG ;; d) span=$OPTARG ;; r) rules=$OPTARG ;; m) memory=$OPTARG ;; *) exit 2 ;; esac
done
cable soak
traffic 268435456
extra=()
[ -z "$rules" ] || extra+=(--rules "$rules")
[ -z "$memory" ] || extra+=(--max-memory "$memory")
watch --state "$dir/state" "${extra[@]}"
echo "idle: $(awk '/RssAnon/ { print int($2 / 1024) }' "/proc/$reader/status") MB beside the ring"
ip netns exec "$net" "$dir/blast" -i va -r "$dir/mix.pcap" -pps "$pps" -duration "${span}s" >"$dir/sent" &
sender=$!
while kill -0 "$sender" 2>/dev/null; do
	sleep 10
	kill -0 "$sensor" 2>/dev/null || { echo "the program ended:"; cat "$dir/err"; exit 1; }
	echo "$(awk '/RssAnon/ { print $2 }' "/proc/$reader/status") $(ls "/proc/$reader/fd" | wc -l) $(awk '{ print $14 + $15 }' "/proc/$reader/stat")" >>"$dir/log"
done
wait "$sender" || true
from=$(date +%s%N)
kill -TERM "$sensor"
wait "$sensor" || true
echo "report within $((($(date +%s%N) - from) / 1000000)) ms of SIGTERM"
cat "$dir/sent"
python3 - "$dir/log" "$dir/out" <<'P'
import json, statistics, sys
rows = [list(map(int, x.split())) for x in open(sys.argv[1])]
kept = rows[len(rows) // 3:]
low, high = min(r[0] for r in kept), max(r[0] for r in kept)
parts = [statistics.median(r[0] for r in kept[i * len(kept) // 4:(i + 1) * len(kept) // 4]) for i in range(4)]
files = sorted(r[1] for r in kept)  # a memory that is being written has a file open for a moment
third = lambda i: statistics.median(r[1] for r in rows[i * len(rows) // 3:(i + 1) * len(rows) // 3])
s = json.loads(open(sys.argv[2]).read().splitlines()[-1])
apart = (high - low) / low
print(f"memory {low // 1024} to {high // 1024} MB in the last two thirds ({apart:.1%}), medians of its quarters {min(parts) / 1024:.0f} to {max(parts) / 1024:.0f}, open files {files[0]} to {files[-1]}, median {third(1):g} then {third(2):g}, "
      f"processor {rows[-1][2] / 100:.0f} s, {s['packets']} packets, {s['capture']['dropped']} dropped")
print("memory by time, MB:", *[r[0] // 1024 for r in rows[::max(1, len(rows) // 12)]])
sys.exit(0 if apart <= 0.05 and third(1) == third(2) and files[-1] - files[0] <= 8 else 1)
P
