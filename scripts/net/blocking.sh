#!/bin/bash
# blocking.sh [FIRESTORM]: somebody guesses passwords at an FTP server behind a sandboxed "watch --block on". He must be in the
# set of nftables, for the time of the configuration, and kept out by a rule that uses it, though the worker that found him has
# no right to change the firewall. Then the worker is played by somebody who took it over: what goes over its channel to the
# parent puts nobody in who must never be blocked, changes nothing else, and starts nothing. Needs root, nft, python3.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "blocking.sh: needs root: network namespaces" >&2; exit 1; }
for p in nft python3 ip; do
	command -v $p >/dev/null || { echo "blocking.sh: program $p is missing; make deps installs it" >&2; exit 1; }
done
net=fst-block-$$ far=fst-block-far-$$
dir=$(mktemp -d /tmp/fst-block.XXXXXX)
cleanup() {
	for n in "$net" "$far"; do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill "$p" 2>/dev/null || true; done
		ip netns del "$n" 2>/dev/null || true
	done
	rm -rf "$dir"
}
trap cleanup EXIT
fail() {
	echo "blocking.sh: $*" >&2
	sed 's/^/  /' "$dir/err" >&2
	exit 1
}
until_() { # SECONDS WHAT COMMAND...
	local n=$(($1 * 10)) what=$2 i
	shift 2
	for i in $(seq $n); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	fail "never $what"
}
if [ $# -gt 0 ]; then
	firestorm=$(readlink -f "$1")
else
	(cd "$top" && CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm)
	firestorm=$dir/firestorm
fi
chmod 755 "$dir"
mkdir "$dir/run"
chown 65534:65534 "$dir/run"
cat >"$dir/firestorm.yaml" <<Y
capture: {interfaces: [vb], ring: 8M}
service: {state: $dir/run/state, status: $dir/run/status.json, status-every: 1s}
blocking: {mode: on, timeout: 7m, allow: [192.0.2.0/24]}
Y
ip netns add "$net"
ip netns add "$far"
ip -n "$net" link add vb type veth peer name va netns "$far"
ip -n "$net" addr add 10.88.0.2/24 dev vb
for i in 1 3; do ip -n "$far" addr add 10.88.0.$i/24 dev va; done
for l in "$net vb" "$far va" "$net lo"; do ip -n ${l% *} link set ${l#* } up; done
ip -n "$net" route add default via 10.88.0.254 dev vb
ip netns exec "$net" nft 'add table inet other; add set inet other blocked4 { type ipv4_addr; }; add element inet other blocked4 { 192.0.2.1 }'
ip netns exec "$net" python3 - >"$dir/server" 2>&1 <<'P' &
import socket, threading
def talk(c):
    try:
        c.sendall(b"220 ready\r\n")
        f = c.makefile("rb")
        for l in f:
            c.sendall(b"331 password\r\n" if l.startswith(b"USER") else b"530 no\r\n")
    except OSError: pass
s = socket.create_server(("", 21))
while True: threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
P
ip netns exec "$net" "$firestorm" watch --config "$dir/firestorm.yaml" --user nobody -v --json >"$dir/out" 2>"$dir/err" &
sensor=$!
until_ 10 "ready" grep -q '"packets"' "$dir/run/status.json"
worker=$(pgrep -P "$sensor")
right() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
for x in "$worker Uid 65534" "$worker CapEff 0000000000000000" "$worker CapPrm 0000000000000000" "$worker CapBnd 0000000000000000" "$worker Seccomp 2" "$sensor CapPrm 0000000000003020"; do
	set -- $x
	[ "$(right "$1" "$2")" = "$3" ] || fail "$2 of $([ "$1" = "$worker" ] && echo the worker || echo the parent) is $(right "$1" "$2"), not $3"
done
grep -q 'BLOCKING IS ON' "$dir/err" || fail "no word that blocking is on"
ip netns exec "$net" nft 'add chain inet firestorm drops { type filter hook prerouting priority -150; policy accept; }; add rule inet firestorm drops ip saddr @blocked4 counter drop'
cat >"$dir/guess.py" <<'P'
import socket, sys
c = socket.create_connection(("10.88.0.2", 21), 3, (sys.argv[1], 0))
f = c.makefile("rb"); f.readline()
for i in range(int(sys.argv[2])):
    for l in ("USER u%d" % i, "PASS x%d" % i):
        c.sendall(l.encode() + b"\r\n"); f.readline()
P
ip netns exec "$far" python3 "$dir/guess.py" 10.88.0.1 30 || fail "no guesses"
blocked() { ip netns exec "$net" nft list set inet firestorm blocked4 | grep -q "$1 .*timeout 7m.*comment \"FS-"; }
until_ 60 "blocked" blocked 10.88.0.1
! ip netns exec "$far" timeout 20 python3 "$dir/guess.py" 10.88.0.1 1 2>/dev/null || fail "who is blocked still gets in"
ip netns exec "$far" python3 "$dir/guess.py" 10.88.0.3 1 || fail "somebody else is kept out"
# The worker is taken over: its end of the channel is used by another process.
before=$(ip netns exec "$net" nft list table inet other)
ip netns exec "$net" python3 - "$worker" >"$dir/taken" <<'P' || fail "the channel is not had"
import ctypes, json, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
worker = int(sys.argv[1])
pidfd = libc.syscall(434, worker, 0)
ch = None
for fd in sorted(map(int, os.listdir("/proc/%d/fd" % worker))):
    if not os.readlink("/proc/%d/fd/%d" % (worker, fd)).startswith("socket:"): continue
    got = libc.syscall(438, pidfd, fd, 0)
    s = socket.socket(fileno=got)
    if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET: ch = s; break
    s.close()
def ask(q, **more): ch.send(json.dumps(dict(ask=q, nr=10**6, **more)).encode()); time.sleep(0.05)
add = dict(do="add", finding="FS-abc234")
for addr in ("10.88.0.2", "10.88.0.254", "192.0.2.7", "127.0.0.1", "0.0.0.0", "::", "224.0.0.1", "10.88.0.0/24"): ask(dict(add, addr=addr))
ask(dict(add, addr="203.0.113.1", timeout="9999h")); ask(dict(add, addr="203.0.113.2", set="other"))
ask(dict(add, addr="203.0.113.3", finding='x" ; flush ruleset ; "')); ask(dict(do="flush")); ask("flush ruleset"); ask("nft flush ruleset", notify="READY=1")
ask(dict(do="exec", cmd="/bin/sh")); ask([1]); ask("x" * 7000)
ask(dict(add, addr="203.0.113.9"))  # within what it may
print("asked")
P
until_ 5 "done what a worker may ask for" blocked 203.0.113.9
have=$(ip netns exec "$net" nft list ruleset)
for a in 10.88.0.2 10.88.0.254 192.0.2.7 127.0.0.1 0.0.0.0 224.0.0.1 203.0.113.1 203.0.113.2 203.0.113.3; do
	! grep -A40 'table inet firestorm' <<<"$have" | grep -qE "(^|[ {])$a[ ,]" || fail "a worker that was taken over had $a blocked: $have"
done
[ "$(ip netns exec "$net" nft list table inet other)" = "$before" ] || fail "the table of others changed"
[ "$(ip netns exec "$net" nft list tables | sort | tr '\n' ' ')" = "table inet firestorm table inet other " ] || fail "tables: $(ip netns exec "$net" nft list tables)"
grep -q 'counter packets [1-9]' <<<"$have" || fail "the rule is gone, or dropped nothing: $have"
[ "$(pgrep -P "$sensor" | tr '\n' ' ')" = "$worker " ] || fail "the parent has other children than its worker"
kill -0 "$worker" || fail "the worker is gone"
begin=$(date +%s%N)
kill -TERM "$sensor"
code=0
wait "$sensor" || code=$?
took=$((($(date +%s%N) - begin) / 1000000))
[ "$code" = 130 ] || fail "exit status $code"
[ "$took" -lt 5000 ] || fail "the end took $took ms"
blocked 10.88.0.1 || fail "the end lets go who was blocked"
! grep -iE 'not permitted|panic|could not be' "$dir/err" || fail "something was refused"
echo "blocking.sh: found and blocked by a worker without rights; a worker that is taken over gets no more; the end took $took ms"
