#!/bin/bash
# conntrack.sh [-k DIR]: two clients share the one port of a NAT that forgets closed connections early, before a server that
# remembers them. "firestorm watch --conntrack" on the NAT's outside must state when the NAT forgot, as the program conntrack
# recorded it, and "firestorm read --conntrack-log" of the capture and that record must say the same. The watch is sandboxed:
# its parent opens the socket of the connection tracker. -k keeps both in DIR.
# Needs root, nft, conntrack, tcpdump, python3.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
keep='' pause=4
while getopts k:p: f; do
	case $f in k) keep=$OPTARG ;; p) pause=$OPTARG ;; *) exit 2 ;; esac
done
[ "$(id -u)" = 0 ] || { echo "conntrack.sh: needs root: network namespaces" >&2; exit 1; }
for p in nft conntrack tcpdump python3; do
	command -v $p >/dev/null || { echo "conntrack.sh: program $p is missing; make deps installs it" >&2; exit 1; }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-conntrack.XXXXXX")
a=fst-ct-a-$$ c=fst-ct-c-$$ gw=fst-ct-g-$$ s=fst-ct-s-$$
pids=()
clean() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
	for n in $a $c $gw $s; do ip netns del $n 2>/dev/null || true; done
	rm -rf "$dir"
}
trap clean EXIT
cd "$top"
CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm
for n in $a $c $gw $s; do
	ip netns add $n
	ip -n $n link set dev lo up
	ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv4.tcp_timestamps=0
done
ip -n $gw link add name inner type bridge
for n in $a $c; do
	ip -n $gw link add name to-${n:7:1} type veth peer name eth0 netns $n
	ip -n $gw link set dev to-${n:7:1} master inner up
done
ip -n $gw link add name outer type veth peer name eth0 netns $s
ip -n $a address add 10.1.0.2/24 dev eth0
ip -n $c address add 10.1.0.3/24 dev eth0
ip -n $s address add 10.2.0.2/24 dev eth0
ip -n $gw address add 10.1.0.1/24 dev inner
ip -n $gw address add 10.2.0.1/24 dev outer
for n in $a $c $s; do ip -n $n link set dev eth0 up; done
for i in inner outer; do ip -n $gw link set dev $i up; done
for n in $a $c; do ip -n $n route add default via 10.1.0.1; done
ip netns exec $gw sysctl -qw net.ipv4.ip_forward=1
ip netns exec $gw nft -f - <<'N'
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname "outer" meta l4proto tcp masquerade to :2268
	}
}
N
ip netns exec $gw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=1 net.netfilter.nf_conntrack_tcp_timeout_last_ack=1 \
	net.netfilter.nf_conntrack_tcp_timeout_close=1
# A server that answers, and closes first; resets do not clear its memory (RFC 1337), so that a refusal lasts.
ip netns exec $s sysctl -qw net.ipv4.tcp_rfc1337=1
ip netns exec $s python3 -c '
import socket
l = socket.create_server(("", 80))
while True:
    k, _ = l.accept()
    k.recv(100); k.sendall(b"well"); k.close()' &
pids+=($!)
ip netns exec $gw conntrack -E -b 4194304 -o timestamp,extended -p tcp >"$dir/conntrack.log" 2>/dev/null &
record=$!
ip netns exec $gw tcpdump -q -U -i outer -w "$dir/outside.pcap" tcp 2>"$dir/tcpdump" &
dump=$!
ip netns exec $gw "$dir/firestorm" watch outer -f tcp --ring 4M --conntrack --json -v --state "$dir/state" >"$dir/live" 2>"$dir/err" &
watch=$!
# The kernel lets expired entries go when somebody looks, or within a minute: a program that lists the table, as monitoring
# does, makes it soon.
(while sleep 0.3; do ip netns exec $gw conntrack -L >/dev/null 2>&1; done) &
pids+=($! $record $dump $watch)
sleep 2
# The worker listens, in the sandbox and without rights.
if ! grep -q 'sandbox: on (Landlock' "$dir/err" || [ "$(awk '/^(Seccomp|CapEff):/ { print $2 }' "/proc/$(pgrep -P "$watch")/status" | tr '\n' ' ')" != "0000000000000000 2 " ]; then
	echo "conntrack.sh: the watch is not sandboxed" >&2
	cat "$dir/err" >&2
	exit 1
fi
cat >"$dir/ask.py" <<'P'
import socket, sys
k = socket.socket()
k.settimeout(3)
try:
    k.connect(("10.2.0.2", 80)); k.sendall(b"hello")
    while k.recv(100): pass
    print("answered")
except OSError as e:
    print("failed", e)
P
for n in $a $c $a $c; do
	ip netns exec $n python3 "$dir/ask.py"
	sleep $pause
done
sleep 3
kill -INT $watch $dump $record 2>/dev/null || true
wait $watch $dump $record 2>/dev/null || true # interrupted: status 130
"$dir/firestorm" read "$dir/outside.pcap" --conntrack-log "$dir/conntrack.log" --json >"$dir/file"
if [ -n "$keep" ]; then cp "$dir/outside.pcap" "$dir/conntrack.log" "$keep"; fi
python3 - "$dir/live" "$dir/file" "$dir/conntrack.log" <<'P'
import json, re, sys
live, file = ([json.loads(x) for x in open(f)] for f in sys.argv[1:3])
for rows in live, file:
    for r in rows:
        if "code" in r:
            print(r["code"], r["confidence"], r["title"])
            print("  why", r.get("why"))
            for f in r["facts"]: print("   ", f["text"])
gone = [l for l in open(sys.argv[3]) if "DESTROY" in l]
print("conntrack recorded", len(gone), "connections forgotten")
def values(rows):
    return [float(m) for r in rows if r.get("code") == "tcp-timewait-reuse" for f in r["facts"] for m in re.findall(r"at [\d.]+ s, ([\d.]+) s after its close \(conntrack\)", f["text"])]
a, b = values(live), values(file)
print("live", a, "file", b)
sys.exit(0 if a and len(a) == len(b) and all(abs(x - y) < 0.05 for x, y in zip(a, b)) else 1)
P
