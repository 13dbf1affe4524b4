#!/bin/bash
# nflog.sh [-k FILE]: a firewall in a network namespace drops requests to one port and logs them to two groups of the packet
# log. "firestorm watch nflog:GROUP" reads one, tcpdump writes the other to a file: what is found live must be what "firestorm
# read" finds in that file, and as many packets must be seen as the rule counted. The watch is sandboxed: its parent opens the
# group. -k keeps the capture in FILE.
# Needs root, nft, and tcpdump with support for NFLOG.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
keep=''
while getopts k: f; do
	case $f in k) keep=$OPTARG ;; *) exit 2 ;; esac
done
[ "$(id -u)" = 0 ] || { echo "nflog.sh: needs root: network namespaces" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-nflog.XXXXXX")
a=fst-nflog-a-$$ gw=fst-nflog-g-$$ b=fst-nflog-b-$$
pids=()
clean() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
	for n in $a $gw $b; do ip netns del $n 2>/dev/null || true; done
	rm -rf "$dir"
}
trap clean EXIT
cd "$top"
CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm
for n in $a $gw $b; do
	ip netns add $n
	ip -n $n link set dev lo up
	ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
done
ip -n $gw link add name inner type veth peer name eth0 netns $a
ip -n $gw link add name outer type veth peer name eth0 netns $b
ip -n $a address add 10.1.0.2/24 dev eth0
ip -n $b address add 10.2.0.2/24 dev eth0
ip -n $gw address add 10.1.0.1/24 dev inner
ip -n $gw address add 10.2.0.1/24 dev outer
for n in $a $b; do ip -n $n link set dev eth0 up; done
for i in inner outer; do ip -n $gw link set dev $i up; done
ip -n $a route add default via 10.1.0.1
ip -n $b route add default via 10.2.0.1
ip netns exec $gw sysctl -qw net.ipv4.ip_forward=1
ip netns exec $gw nft -f - <<'N'
table inet fw {
	chain forward {
		type filter hook forward priority filter; policy accept;
		tcp dport 81 jump refuse
	}
	chain refuse {
		counter log group 5 prefix "FW DROP forward: " log group 6 prefix "FW DROP forward: " drop
	}
}
N
ip netns exec $gw "$dir/firestorm" watch nflog:5 --ring 4M --json -v --state "$dir/state" --duration 50s >"$dir/live" 2>"$dir/err" &
watch=$!
pids+=($watch)
ip netns exec $gw tcpdump -q -U -i nflog:6 -w "$dir/log.pcap" 2>"$dir/tcpdump" &
dump=$!
pids+=($dump)
sleep 2
confined() { # the worker reads packets, in the sandbox and without rights
	grep -q 'sandbox: on (Landlock' "$dir/err" && [ "$(awk '/^(Seccomp|CapEff):/ { print $2 }' "/proc/$(pgrep -P "$1")/status" | tr '\n' ' ')" = "0000000000000000 2 " ]
}
confined "$watch" || { echo "nflog.sh: the watch is not sandboxed" >&2; cat "$dir/err" >&2; exit 1; }
for i in 1 2 3; do
	ip netns exec $a timeout 8 bash -c "echo >/dev/tcp/10.2.0.2/81" 2>/dev/null &
	pids+=($!)
	sleep 0.3
done
wait $watch || { cat "$dir/err" >&2; exit 1; }
kill -INT $dump
wait $dump || true
"$dir/firestorm" read "$dir/log.pcap" --json >"$dir/file"
counted=$(ip netns exec $gw nft -j list chain inet fw refuse | python3 -c 'import json,sys; print(next(e["counter"]["packets"] for x in json.load(sys.stdin)["nftables"] if "rule" in x for e in x["rule"]["expr"] if "counter" in e))')
[ -z "$keep" ] || cp "$dir/log.pcap" "$keep"
python3 - "$dir/live" "$dir/file" "$counted" <<'P'
import json, sys
live, file = ([json.loads(x) for x in open(f)] for f in sys.argv[1:3])
counted = int(sys.argv[3])
def said(rows):
    return sorted((r["code"], r["confidence"], r["title"], r["count"]) for r in rows if "code" in r)
print("live:", said(live))
print("file:", said(file))
print("packets: the rule counted", counted, "live", live[-1]["packets"], "file", file[-1]["packets"])
ok = said(live) == said(file) != [] and live[-1]["packets"] == file[-1]["packets"] == counted > 0
ok = ok and any("its own log says so" in r.get("title", "") for r in live) and "in by inner" in json.dumps(live)
for r in live:
    if "code" in r:
        print(r["code"], r["confidence"]); print(" ", r["why"] if "why" in r else "")
        for f in r["facts"]: print("   ", f["text"])
sys.exit(0 if ok else 1)
P
