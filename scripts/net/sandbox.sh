#!/bin/bash
# sandbox.sh [FIRESTORM]: all that a watch does, done by a worker without rights in the whole sandbox: rules, EVE, state, store,
# status, webhook, syslog, signals, an interface that is deleted and made anew, the end within five seconds. Fails when one of
# them does not work, or when a call was refused that it needs. Needs root: network namespaces.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "sandbox.sh: needs root: network namespaces" >&2; exit 1; }
net=fst-sandbox-$$ far=fst-sandbox-far-$$
dir=$(mktemp -d /tmp/fst-sandbox.XXXXXX)
cleanup() {
	for n in "$net" "$far"; do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill "$p" 2>/dev/null || true; done
		ip netns del "$n" 2>/dev/null || true
	done
	[ -n "${FST_KEEP:-}" ] || rm -rf "$dir"
}
trap cleanup EXIT
fail() {
	echo "sandbox.sh: $*" >&2
	sed 's/^/  /' "$dir/err" >&2
	exit 1
}
until_() { # WHAT COMMAND...: within 10 s
	local what=$1 i
	shift
	for i in $(seq 100); do
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
mkdir "$dir/rules" "$dir/run" "$dir/log" "$dir/state"
chown 65534:65534 "$dir/run" "$dir/log" "$dir/state"
rule() { # SID: replaces the file as programs do, with another one
	echo "alert udp any any -> any 9 (msg:\"m\"; content:\"ping\"; sid:$1;)" >"$dir/rules/.new"
	mv "$dir/rules/.new" "$dir/rules/a.rules"
}
rule 1
cat >"$dir/firestorm.yaml" <<Y
capture: {interfaces: [vb], ring: 8M}
rules: {files: [$dir/rules]}
outputs: {eve: $dir/log/eve.json, syslog: ["tcp:127.0.0.1:5514", "udp:127.0.0.1:5515"], webhook: ["http://127.0.0.1:5580/x"]}
service: {state: $dir/state, status: $dir/run/status.json, status-every: 1s}
Y
ip netns add "$net"
ip netns add "$far"
wire() {
	ip -n "$net" link add vb type veth peer name va netns "$far"
	ip -n "$net" addr add 10.88.0.2/24 dev vb
	ip -n "$far" addr add 10.88.0.1/24 dev va
	ip -n "$net" link set vb up
	ip -n "$far" link set va up
}
wire
ip -n "$net" link set lo up
# What is told goes here.
ip netns exec "$net" python3 - "$dir" >"$dir/receivers" 2>&1 <<'P' &
import http.server, socket, sys, threading
d = sys.argv[1]
def keep(name, data):
    with open(d + "/" + name, "ab") as f: f.write(data + b"\n")
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        keep("webhook", self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200); self.end_headers()
    def log_message(self, *a): pass
def tcp():
    s = socket.create_server(("127.0.0.1", 5514))
    while True:
        c, _ = s.accept()
        while b := c.recv(65536): keep("syslog-tcp", b)
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 5515))
    while True: keep("syslog-udp", s.recv(65536))
for f in (tcp, udp): threading.Thread(target=f, daemon=True).start()
http.server.HTTPServer(("127.0.0.1", 5580), H).serve_forever()
P
listening() { ip netns exec "$net" bash -c 'echo </dev/tcp/127.0.0.1/5580'; }
until_ "a receiver" listening
ip netns exec "$net" ${FST_UNDER:-} "$firestorm" watch --config "$dir/firestorm.yaml" --store "$dir/state" --user nobody -v --json >"$dir/out" 2>"$dir/err" &
sensor=$!
send() { ip netns exec "$far" bash -c 'echo ping >/dev/udp/10.88.0.2/9' 2>/dev/null || true; }
alert() { send; sleep 0.3; grep -q "\"signature_id\":$1," "$dir/log/eve.json"; }
until_ "ready" grep -q '"packets"' "$dir/run/status.json"
until_ "an alert" alert 1
grep -q 'sandbox: on (Landlock' "$dir/err" || fail "no word of the sandbox"
if [ -z "${FST_UNDER:-}" ]; then
	worker=$(pgrep -P "$sensor")
	rights() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
	for x in "$worker Uid 65534" "$worker Gid 65534" "$worker CapEff 0000000000000000" "$worker CapPrm 0000000000000000" "$worker CapAmb 0000000000000000" "$worker CapBnd 0000000000000000" \
		"$worker NoNewPrivs 1" "$worker Seccomp 2" "$sensor CapPrm 0000000000002020" "$sensor CapEff 0000000000002020"; do
		set -- $x
		[ "$(rights "$1" "$2")" = "$3" ] || fail "$2 of $([ "$1" = "$worker" ] && echo the worker || echo the parent) is $(rights "$1" "$2"), not $3"
	done
	[ "$(readlink "/proc/$sensor/ns/net")" = "$(readlink "/proc/$worker/ns/net")" ] || fail "two networks"
	echo "parent: $(awk '/RssAnon/ { print $2 }' "/proc/$sensor/status") kB, worker: $(awk '/RssAnon/ { print $2 }' "/proc/$worker/status") kB"
fi
# Rules that are replaced, and a log that was moved away.
rule 2
mv "$dir/log/eve.json" "$dir/log/eve.1"
kill -HUP "$sensor"
until_ "an alert of the new rule" alert 2
echo rubbish >"$dir/rules/a.rules"
kill -USR2 "$sensor"
until_ "a refusal" grep -q 'the old rules go on' "$dir/err"
kill -USR1 "$sensor"
until_ "a dump" grep -q 'state: end' "$dir/err"
# The interface goes and comes back.
for n in 1 2; do
	ip -n "$net" link del vb
	until_ "blind" grep -q '"why": "gone"' "$dir/run/status.json"
	before=$(grep -c '"signature_id":2,' "$dir/log/eve.json")
	wire
	more() { send; sleep 0.3; [ "$(grep -c '"signature_id":2,' "$dir/log/eve.json")" -gt "$before" ]; }
	until_ "packets after the interface came back ($n)" more
done
for i in 1 2 3; do send; done
sleep 1
begin=$(date +%s%N)
kill -TERM "$sensor"
code=0
wait "$sensor" || code=$?
took=$((($(date +%s%N) - begin) / 1000000))
[ "$code" = 130 ] || fail "exit status $code"
[ "$took" -lt 5000 ] || fail "the end took $took ms"
for f in webhook syslog-tcp syslog-udp out; do
	grep -q 'icmp-unreachable' "$dir/$f" || fail "$f has no finding"
done
grep -q 'is back' "$dir/syslog-udp" || fail "no word that the interface is back"
"$firestorm" findings list --store "$dir/state" | grep "nothing listens on UDP port 9" >/dev/null || fail "the store has no finding"
ls "$dir/state" | grep -q . || fail "nothing is remembered"
! grep -iE 'permission|not permitted|did not arrive|panic|SIGSYS' "$dir/err" || fail "something was refused"
! pgrep -f "$firestorm watch" >/dev/null || fail "a process is left"
echo "sandbox.sh: all works as nobody, without capabilities, with Landlock and seccomp; the end took $took ms"
