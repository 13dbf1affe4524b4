#!/bin/bash
# load.sh [-p PPS] [-d SECONDS] [-r RULES] [-m MEMORY] [-w WORKERS] [-n RINGS]: generated traffic through a cable between two network
# namespaces into "firestorm watch", and what became of it. Prints one row for docs/performance.md.
#
# The sender has the same processors as the sensor: on a machine of two, it takes a third of one at 300 000 a second.
set -euo pipefail
. "$(dirname "$0")/cable.sh"
pps=300000 span=60 rules='' memory='' workers=0 rings=0
while getopts p:d:r:m:w:n: f; do
	case $f in p) pps=$OPTARG ;; d) span=$OPTARG ;; r) rules=$OPTARG ;; m) memory=$OPTARG ;; w) workers=$OPTARG ;; n) rings=$OPTARG ;; *) exit 2 ;; esac
done
cable load
traffic 536870912
extra=()
[ -z "$rules" ] || extra+=(--rules "$rules")
[ -z "$memory" ] || extra+=(--max-memory "$memory")
watch --state "$dir/state" --workers "$workers" --rings "$rings" --status "$dir/status" "${extra[@]}"
ticks() { awk '{ print $14 + $15 }' "/proc/$reader/stat"; }
before=$(ticks)
run "$dir/blast" -i va -r "$dir/mix.pcap" -pps "$pps" -duration "${span}s" >"$dir/sent"
spent=$((($(ticks) - before) * 10))
peak=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$reader/status")
files=$(ls "/proc/$reader/fd" | wc -l)
from=$(date +%s%N)
kill -INT "$sensor"
wait "$sensor" || true
took=$((($(date +%s%N) - from) / 1000000))
cat "$dir/sent"
tail -n 1 "$dir/out" | python3 -c '
import json, sys
s = json.loads(sys.stdin.read())
print("summary:", {k: s[k] for k in s if k in ("packets", "bytes", "capture", "findings")})'
python3 - "$dir/status" <<'PY'
import json, sys
s = json.load(open(sys.argv[1]))
print("handed over", s.get("handed_over", 0), "rings, packets and lost:", [[(r["packets"], r["lost"]) for r in i.get("rings", [i])] for i in s["interfaces"]])
PY
echo "processor time $spent ms, peak $peak MB with the rings of 64, $files files open, report within $took ms"
echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg)"
