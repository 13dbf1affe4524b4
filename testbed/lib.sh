# Shared functions for the testbed scripts: sourced, never run.
#
# A situation script is called with the name of the capture it has to make. It
# sources this file, calls lab_begin, builds a small network from namespaces,
# captures while real programs talk, checks that the symptom really occurred,
# and calls lab_finish, which moves the result to its place in one step.
# A script that fails a check leaves the committed capture untouched.
#
# Exit codes: 0 made, 77 skipped (not root, program missing), other: failed.

set -euo pipefail

FST_TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FST_ROOT=$(dirname "$FST_TESTBED")
FST_CAPTURES=${FST_CAPTURES:-$FST_ROOT/testdata/captures}
# The day printed into origin.json. Fixed per recording campaign, so that a
# second run of an unchanged script changes the packets and nothing else.
FST_DATE=${FST_DATE:-2026-11-23}

# The addresses of the standard network (lab_gw): clients behind gw, server beyond.
IN4=10.1.0 OUT4=10.2.0 IN6=fd00:1: OUT6=fd00:2:

skip() { echo "SKIP ${LAB_NAME:-}: $*" >&2; exit 77; }
die() { echo "FAIL ${LAB_NAME:-}: $*" >&2; exit 1; }
note() { [ -z "${FST_VERBOSE:-}" ] || echo "     $*" >&2; }

# need PROGRAM...: skips unless every program is in the path.
need() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "program '$p' is missing; see testbed/packages.txt"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root: network namespaces and packet capture"
}

# lab_begin NAME: starts the situation NAME. Sets LAB (scratch folder), OUT (the
# files to keep) and P (prefix of the namespaces).
lab_begin() {
	LAB_NAME=$1
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/fst-lab.XXXXXX")
	OUT=$LAB/out
	mkdir "$OUT"
	P=fst-$$
	LAB_NS=() LAB_CAPS=() LAB_WATCHES=() LAB_FINDINGS=() LAB_VANTAGES=() LAB_SHOWS= LAB_SYNTHETIC=false
	trap lab_clean EXIT
	trap 'exit 130' INT TERM
	echo "# $LAB_NAME: ground truth" >"$OUT/truth.md"
	echo >>"$OUT/truth.md"
}

# lab_clean ends every process of this lab's namespaces, then the namespaces.
lab_clean() {
	local rc=$? n pids
	trap - EXIT
	set +e
	for n in "${LAB_NS[@]}"; do
		pids=$(ip netns pids "$P-$n" 2>/dev/null)
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	done
	for n in "${LAB_NS[@]}"; do
		ip netns del "$P-$n" 2>/dev/null
		rm -rf "/etc/netns/$P-$n"
	done
	if [ "$rc" = 0 ] || [ "$rc" = 77 ] || [ -z "${FST_KEEP:-}" ]; then
		rm -rf "$LAB"
	else
		echo "     kept: $LAB" >&2
	fi
	exit "$rc"
}

# --- programs ---------------------------------------------------------------

# tool NAME: builds testbed/NAME once and prints the path of the program.
tool() {
	local bin=${TMPDIR:-/tmp}/fst-tools-$(id -u)/$1 src=$FST_TESTBED/$1
	need_root
	if [ ! -x "$bin" ] || [ -n "$(find "$src" -newer "$bin" -name '*.go')" ]; then
		command -v go >/dev/null || skip "program 'go' is missing: it builds testbed/$1"
		mkdir -p "$(dirname "$bin")"
		(cd "$src" && CGO_ENABLED=0 go build -o "$bin.$$" . && mv "$bin.$$" "$bin") >&2 || skip "testbed/$1 does not build here"
	fi
	echo "$bin"
}

# --- namespaces -------------------------------------------------------------

# ns NAME COMMAND...: runs COMMAND in the lab's namespace NAME.
ns() {
	local n=$1
	shift
	ip netns exec "$P-$n" "$@"
}

# bg NAME COMMAND...: the same in the background; output goes to LAB/NAME.log.
bg() {
	local n=$1
	shift
	ip netns exec "$P-$n" "$@" </dev/null >>"$LAB/$n.log" 2>&1 &
	disown
}

# node NAME...: makes namespaces. Duplicate address detection and router
# solicitation are off: they cost seconds and are not the situation.
node() {
	local n
	for n in "$@"; do
		mkdir -p "/etc/netns/$P-$n"
		echo "nameserver 127.0.0.1" >"/etc/netns/$P-$n/resolv.conf"
		LAB_NS+=("$n")
		ip netns add "$P-$n"
		ns "$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.all.router_solicitations=0
		ns "$n" ip link set lo up
	done
}

# plain NS DEV: offloads off; with them captures show frames no wire carries.
plain() { ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1 || true; }

# link A DEVA B DEVB [impair flags...]: a cable, with faults if flags are given.
link() {
	local a=$1 da=$2 b=$3 db=$4 w
	shift 4
	if [ $# = 0 ]; then
		ip link add "$da" netns "$P-$a" type veth peer name "$db" netns "$P-$b"
	else
		w=w${#LAB_NS[@]}
		node "$w"
		ns "$w" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		ip link add "$da" netns "$P-$a" type veth peer name wa netns "$P-$w"
		ip link add "$db" netns "$P-$b" type veth peer name wb netns "$P-$w"
		ns "$w" ip link set dev wa up
		ns "$w" ip link set dev wb up
		plain "$w" wa
		plain "$w" wb
		bg "$w" "$(tool impair)" -a wa -b wb "$@"
		LAB_WIRE=$w
	fi
	ns "$a" ip link set "$da" up
	ns "$b" ip link set "$db" up
	plain "$a" "$da"
	plain "$b" "$db"
}

# addr NS DEV ADDRESS...
addr() {
	local n=$1 d=$2 a
	shift 2
	for a in "$@"; do ns "$n" ip addr add "$a" dev "$d"; done
}

# lab_gw CLIENT...: clients on a bridge "inner" of the router gw, the server s
# behind its device "outer". The Nth client has IN4.1N. Flags for a faulty cable
# may stand in WIRE_IN (every client's cable) and WIRE_OUT (the server's).
lab_gw() {
	local c i=11
	need_root
	need ip ethtool tcpdump tshark sysctl
	node gw s
	ns gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# A filter on the bridge would answer past the captured device.
	ns gw sysctl -eqw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0
	ns gw ip link add inner type bridge mcast_snooping 0
	ns gw ip link set inner up
	addr gw inner "$IN4.1/24" "${IN6}:1/64"
	plain gw inner
	for c in "$@"; do
		node "$c"
		link "$c" eth0 gw "p-$c" ${WIRE_IN:-}
		ns gw ip link set "p-$c" master inner
		addr "$c" eth0 "$IN4.$i/24" "${IN6}:$i/64"
		ns "$c" ip route add default via "$IN4.1"
		ns "$c" ip -6 route add default via "${IN6}:1"
		i=$((i + 1))
	done
	link gw outer s eth0 ${WIRE_OUT:-}
	addr gw outer "$OUT4.1/24" "${OUT6}:1/64"
	addr s eth0 "$OUT4.2/24" "${OUT6}:2/64"
	ns s ip route add default via "$OUT4.1"
	ns s ip -6 route add default via "${OUT6}:1"
	sleep 0.3
}

# lab_lan HOST...: hosts on one switch: the bridge "lan" of the namespace sw, where
# "capture sw lan FILE" sees every frame. The Nth host has IN4.1N and IN6:1N and the
# MAC address 02:fd:00:00:00:1N. A host named gw has IN4.1 and IN6:1 and forwards to
# the server s (OUT4.2) behind it; it is the others' default way. Flags for every
# cable may stand in WIRE_LAN: "-vlan 20" puts the whole switch into VLAN 20.
lab_lan() {
	local h i=11 n
	need_root
	need ip ethtool tcpdump tshark sysctl
	node sw
	ns sw sysctl -eqw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0
	ns sw sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ns sw ip link add lan type bridge mcast_snooping 0
	ns sw ip link set lan up
	plain sw lan
	for h in "$@"; do
		node "$h"
		n=$i
		if [ "$h" = gw ]; then n=1; else i=$((i + 1)); fi
		link "$h" eth0 sw "p-$h" ${WIRE_LAN:-}
		ns sw ip link set "p-$h" master lan
		ns "$h" ip link set eth0 down
		ns "$h" ip link set eth0 address "$(mac_of $n)"
		ns "$h" ip link set eth0 up
		addr "$h" eth0 "$IN4.$n/24" "${IN6}:$n/64"
		[ "$h" = gw ] || { ns "$h" ip route add default via "$IN4.1"; ns "$h" ip -6 route add default via "${IN6}:1"; }
	done
	case " $* " in *" gw "*)
		ns gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		node s
		link gw outer s eth0
		addr gw outer "$OUT4.1/24" "${OUT6}:1/64"
		addr s eth0 "$OUT4.2/24" "${OUT6}:2/64"
		ns s ip route add default via "$OUT4.1"
		ns s ip -6 route add default via "${OUT6}:1"
		;;
	esac
	sleep 0.3
}

# mac_of N: the MAC address of the Nth host of lab_lan.
mac_of() { printf '02:fd:00:00:00:%02x' "$1"; }

# wait_port NS PORT: waits until something listens there (TCP).
wait_port() {
	local i
	for i in $(seq 50); do
		[ -z "$(ns "$1" ss -Hltn "sport = :$2")" ] || return 0
		sleep 0.1
	done
	die "nothing listens on port $2 of $1: $(tail -n 3 "$LAB/$1.log" 2>/dev/null)"
}

# web NS [PORT]: a real web server (lighttpd) with a few pages, IPv4 and IPv6.
web() {
	local n=$1 port=${2:-80} root=$LAB/www-$1-${2:-80} i
	need lighttpd curl
	mkdir -p "$root"
	for i in 200 3000 20000; do head -c "$i" < <(yes "a line of the page, of no meaning") >"$root/page-$i.txt"; done
	cp "$root/page-3000.txt" "$root/index.html"
	cat >"$root.conf" <<-W
		server.document-root = "$root"
		server.port = $port
		server.errorlog = "$root.log"
		index-file.names = ( "index.html" )
		mimetype.assign = ( ".txt" => "text/plain", ".html" => "text/html" )
		\$SERVER["socket"] == "[::]:$port" { server.set-v6only = "enable" }
	W
	chmod -R a+rX "$LAB"
	bg "$n" lighttpd -D -f "$root.conf"
	wait_port "$n" "$port"
}

# fetch NS URL [CURL FLAGS...]: one line with the result into LAB/answers.
fetch() {
	local n=$1 url=$2
	shift 2
	ns "$n" curl -g -sS -o /dev/null -m 6 "$@" -w "$n $url %{http_code} after %{time_total} s, port %{local_port} %{errormsg}\n" "$url" 2>/dev/null >>"$LAB/answers" || true
}

# answers: the clients' results go into the ground truth.
answers() { truth_block "Clients' view (000: no answer)" <"$LAB/answers"; }

# every_ok, some_failed: what the clients saw.
every_ok() { ! grep -qE ' 000 |fail|dead' "$LAB/answers"; }

# --- capture ----------------------------------------------------------------

# capture NS DEV FILE [FILTER...]: starts a capture into OUT/FILE and returns
# when it runs. capture_stop ends all of them.
capture() {
	local n=$1 d=$2 f=$3 i
	shift 3
	ip netns exec "$P-$n" tcpdump -Z root -n -q -U --immediate-mode --time-stamp-precision=nano -s "${SNAP:-0}" \
		-i "$d" -w "$OUT/$f" "$@" 2>"$LAB/$f.err" &
	LAB_CAPS+=($!)
	for i in $(seq 50); do
		if grep -qs 'listening on' "$LAB/$f.err"; then
			[ -z "${FST_WATCH:-}" ] || watch_too "$n" "$d" "$f" "$*"
			return 0
		fi
		sleep 0.1
	done
	die "capture on $d of $n did not start: $(cat "$LAB/$f.err")"
}

# watch_too NS DEV FILE FILTER: the program FST_WATCH watches live what the capture FILE sees; what it says goes into the
# folder FST_WATCHED, each line with the time at which it was said. test/live/endtoend.sh asks for it. Returns once it reads.
watch_too() {
	local to=$FST_WATCHED/$LAB_NAME-${3%.pcap} i
	ip netns exec "$P-$1" "$FST_WATCH" watch -i "$2" -f "$4" --json --status "$to.status" 2>"$to.err" > >(
		trap '' INT
		python3 -u -c 'import sys, time
for line in sys.stdin: print(time.time(), line, end="")' >"$to.said"
	) &
	LAB_WATCHES+=($!)
	for i in $(seq 300); do
		[ ! -s "$to.status" ] || return 0
		sleep 0.1
	done
	die "the watch on $2 of $1 did not begin: $(cat "$to.err")"
}

# capture_both: inside.pcap and outside.pcap on gw.
capture_both() {
	capture gw inner inside.pcap "$@"
	capture gw outer outside.pcap "$@"
	vantage inside.pcap "gw, device inner: between the clients and gw"
	vantage outside.pcap "gw, device outer: between gw and the server"
}

capture_stop() {
	local p f
	sleep "${FST_WATCH_FOR:-0.5}"
	for p in "${LAB_CAPS[@]}" "${LAB_WATCHES[@]}"; do kill -INT "$p"; done
	for p in "${LAB_CAPS[@]}" "${LAB_WATCHES[@]}"; do wait "$p" || true; done
	LAB_CAPS=() LAB_WATCHES=()
	for f in "$OUT"/*.pcap; do
		grep -h 'dropped by kernel' "$LAB/$(basename "$f").err" 2>/dev/null | grep -qv '^0 ' &&
			die "the capture $(basename "$f") lost frames"
	done
	return 0
}

# --- what is kept -----------------------------------------------------------

# truth TEXT...: adds one line to the ground truth that is kept with the capture.
truth() { echo "- $*" >>"$OUT/truth.md"; }

# truth_block TITLE: adds standard input, verbatim, to the ground truth.
truth_block() {
	{ printf '\n%s\n\n```\n' "$1"; cat; printf '```\n\n'; } >>"$OUT/truth.md"
}

# shows TEXT: one sentence, what the capture shows.
shows() { LAB_SHOWS=$1; truth "Shows: $1"; }

# synthetic: the frames that matter were computed by a script of ours (README.md has the rule).
synthetic() { LAB_SYNTHETIC=true; truth "Synthetic: the frames that matter were computed by a script, not sent by a program that people run."; }

# finding CODE ROLE: ROLE is positive, near-miss, clean or remedied.
finding() {
	case $2 in positive | near-miss | clean | remedied) ;; *) die "finding: bad role $2" ;; esac
	LAB_FINDINGS+=("$1 $2")
	truth "Role: $2 for $1"
}

# vantage FILE TEXT: where FILE was captured.
vantage() { LAB_VANTAGES+=("$1|$2"); truth "Vantage $1: $2"; }

# check TEXT COMMAND...: the situation failed unless COMMAND succeeds.
check() {
	local what=$1
	shift
	"$@" >/dev/null 2>&1 || die "not seen: $what ($*)"
	truth "Checked: $what"
}

# frames FILE FILTER: how many frames of OUT/FILE match the display filter.
frames() {
	tshark -n -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -r "$OUT/$1" -Y "$2" 2>/dev/null | wc -l
}

# check_frames TEXT FILE FILTER MIN [MAX]: MIN to MAX frames match the filter.
check_frames() {
	local n
	n=$(frames "$2" "$3")
	[ "$n" -ge "$4" ] && [ "$n" -le "${5:-999999999}" ] ||
		die "$1: $n frames match '$3' in $2, wanted $4..${5:-}"
	truth "Checked: $1 ($n frames of $2)"
}

# lab_finish writes origin.json and puts the folder in its place.
lab_finish() {
	local script=${LAB_SCRIPT:-$0} dest=$FST_CAPTURES/$LAB_NAME
	[ -n "$LAB_SHOWS" ] && [ ${#LAB_FINDINGS[@]} -gt 0 ] && [ ${#LAB_VANTAGES[@]} -gt 0 ] ||
		die "lab_finish: shows, finding and vantage are needed"
	python3 "$FST_TESTBED/origin.py" "$OUT" "$LAB_NAME" "$script" "$LAB_SYNTHETIC" "$FST_DATE" \
		"$LAB_SHOWS" "$(printf '%s\n' "${LAB_FINDINGS[@]}")" "$(printf '%s\n' "${LAB_VANTAGES[@]}")"
	mkdir -p "$FST_CAPTURES"
	rm -rf "$dest"
	cp -r "$OUT" "$dest"
	echo "made $LAB_NAME ($(du -sk "$dest" | cut -f1) kB)"
}
