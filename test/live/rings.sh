#!/bin/bash
# rings.sh [-n "1 2"] [-f CAPTURE] [-p PPS] [-w WORKERS]: one known capture through a cable between two network namespaces,
# watched at the same time by one "firestorm watch" for each number of rings: their findings must be the same, every
# packet counted, none dropped; how the packets spread over the rings is printed. Without -f the capture is 5 000
# connections of testbed/mix, and the committed captures behind them, for findings of many kinds.
set -euo pipefail
. "$(dirname "$0")/cable.sh"
numbers='1 2' capture='' pps=20000 workers=2
while getopts n:f:p:w: f; do
	case $f in n) numbers=$OPTARG ;; f) capture=$OPTARG ;; p) pps=$OPTARG ;; w) workers=$OPTARG ;; *) exit 2 ;; esac
done
cable rings
if [ -z "$capture" ]; then
	capture=$dir/all.pcap
	go run ./testbed/mix -o "$dir/mix.pcap" -bytes 67108864 -live 5000 -seed 1 2>"$dir/mix.log"
	python3 - "$dir/mix.pcap" testdata/captures >"$capture" <<'PY'
import glob, sys
out = sys.stdout.buffer
out.write(open(sys.argv[1], "rb").read())
for name in sorted(glob.glob(sys.argv[2] + "/*/inside.pcap")):
    b = open(name, "rb").read()
    if b[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") and b[20:24] == b"\1\0\0\0" and len(b) < 1 << 20:
        out.write(b[24:])
PY
fi
bad=0 sockets=0
declare -A sensor
for n in $numbers; do
	ip netns exec "$net" "$dir/firestorm" watch vb --json --rings "$n" --workers "$workers" --status "$dir/status.$n" --state "$dir/state.$n" >"$dir/out.$n" 2>"$dir/err.$n" &
	sensor[$n]=$! # ip becomes the program
	sockets=$((sockets + n))
	for _ in $(seq 300); do
		[ "$(run grep -c ' 0003 ' /proc/net/packet)" = "$sockets" ] && break
		kill -0 "${sensor[$n]}" 2>/dev/null || { cat "$dir/err.$n" >&2; exit 1; }
		sleep 0.1
	done
done
sleep 2
run "$dir/blast" -i va -r "$capture" -pps "$pps" -once | tee "$dir/sent"
sleep 8 # what silence decides after three seconds, or five, is decided in all of them
for n in $numbers; do
	reader=$(pgrep -P "${sensor[$n]}" | head -n 1) # the worker: the process that opens the sockets reads nothing
	reader=${reader:-${sensor[$n]}}
	echo "--rings $n: $(python3 -c '
import sys
at = [l.split()[0].split("-") for l in open(sys.argv[1]) if "socket:" in l]
print(len(at), "of", sum(int(b, 16) - int(a, 16) for a, b in at) >> 20, "MB together")' "/proc/$reader/maps"), $(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$reader/status") MB at most with them, $(awk '{ print ($14 + $15) * 10 }' "/proc/$reader/stat") ms of processor"
done
kill -INT "${sensor[@]}" # at one moment: who watches a second longer sees more silence
for n in $numbers; do wait "${sensor[$n]}" || true; done
for n in $numbers; do
	python3 - "$dir" "$n" >"$dir/said" <<'PY' || bad=1
import json, re, sys
d, n = sys.argv[1], int(sys.argv[2])
s = json.load(open(f"{d}/status.{n}"))
sent = int(open(f"{d}/sent").read().split()[1])
i = s["interfaces"][0]
rings = i.get("rings") or [{"packets": i["packets"], "lost": i["lost"]}]
print("  packets", s["packets"], "lost", s["lost"], "handed over", s.get("handed_over", 0), "; each ring, packets and lost:", [(r["packets"], r["lost"]) for r in rings])
ok = True
if s["packets"] + s["lost"] != sent or sum(r["packets"] for r in rings) != i["packets"] or len(rings) != n:
    print("  NOT all packets are counted, or other rings: sent", sent); ok = False
if s["lost"]: print("  packets were LOST"); ok = False
if n > 1 and min(r["packets"] for r in rings) < sent // n // 4: print("  a ring had next to nothing"); ok = False
# Each watch stamps packets by itself, some microseconds apart: ids go by stamps, and titles name times.
last = {}
for l in open(f"{d}/out.{n}"):
    f = json.loads(l)
    if "code" in f:
        last[f["id"]] = " | ".join([f["code"], f["severity"], f["confidence"], str(f["count"]), re.sub(r"[0-9.]+ (ms|s|µs|min)\b", "some time", f["title"])])
open(f"{d}/findings.{n}", "w").write("".join(sorted(x + "\n" for x in last.values())))
print(f"  {len(last)} findings of", len({x.split(' | ')[0] for x in last.values()}), "codes")
sys.exit(not ok)
PY
	echo "--rings $n:"
	cat "$dir/said"
done
first=${numbers%% *}
for n in $numbers; do
	diff "$dir/findings.$first" "$dir/findings.$n" || { echo "rings $n: OTHER findings than with $first"; bad=1; }
done
echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg)"
[ "$bad" = 0 ] && echo "the same findings with $numbers rings"
exit "$bad"
