#!/bin/bash
# overload.sh [-r RULES]: more packets than "firestorm watch" can take, for thirty seconds, then few. It must count what it loses,
# accuse nobody for what it did not see, stay alive, and lose nothing any more five seconds after the flood is over. Three programs
# that compute beside it make sure that it is too much. Needs root.
set -euo pipefail
. "$(dirname "$0")/cable.sh"
rules=''
while getopts r: f; do
	case $f in r) rules=$OPTARG ;; *) exit 2 ;; esac
done
cable overload
traffic 268435456
printf 'service:\n  status-every: 1s\n' >"$dir/conf"
extra=()
[ -z "$rules" ] || extra+=(--rules "$rules")
watch --config "$dir/conf" --ring 8M --status "$dir/status" "${extra[@]}"
for _ in 1 2 3; do
	while :; do :; done &
	busy+=($!)
done
# The sender goes first: one that stands still for half a second makes answers that do come late.
run nice -n -15 "$dir/blast" -i va -r "$dir/mix.pcap" -pps 400000 -duration 30s >"$dir/sent"
for p in "${busy[@]}"; do kill "$p" 2>/dev/null || true; done
over=$(date +%s.%N)
run "$dir/blast" -i va -r "$dir/mix.pcap" -pps 5000 -duration 20s >"$dir/few" &
few=$!
while kill -0 "$few" 2>/dev/null; do
	python3 -c 'import json, sys, time; s = json.load(open(sys.argv[1])); print(time.time(), s["lost"], s["rounds_behind"])' "$dir/status" >>"$dir/log" 2>/dev/null || true
	sleep 0.2
done
kill -0 "$sensor" || { echo "the sensor ended"; cat "$dir/err"; exit 1; }
kill -INT "$sensor"
wait "$sensor" || true
cat "$dir/sent"
python3 - "$over" "$dir/log" "$dir/out" <<'P'
import json, sys
over = float(sys.argv[1])
rows = [x.split() for x in open(sys.argv[2])]
lost = [(float(t) - over, int(n)) for t, n, _ in rows]
final = lost[-1][1]
still = max((t for t, n in lost if n < final), default=0)
found = [json.loads(x) for x in open(sys.argv[3])]
end = found.pop()
sure = sorted({f["code"] for f in found if f.get("confidence") in ("likely", "certain")})
dropped = end["capture"]["dropped"]
print(f"{end['packets']} packets read, {dropped} lost and counted; the last loss was seen {still:.1f} s after the flood; "
      f"rounds behind at the end: {rows[-1][2]}; sure of: {', '.join(sure) or 'nothing'}")
sys.exit(0 if dropped > 0 and still <= 5 and not sure and rows[-1][2] == "0" else 1)
P
