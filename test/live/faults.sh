#!/bin/bash
# faults.sh [FAULT...]: what a running watch does when the world around it breaks: for each fault, what is promised and what was
# seen. The sensor must go on, say clearly what is wrong, never look healthy meanwhile, and lose nothing that it promised to keep.
# Needs root (network and mount namespaces); takes two minutes. A killed sensor is TestKilled (FIRESTORM_LONG=1), a clock that is
# set, a mirror that sends twice and one that shows one direction are TestTroubles and TestClockSet in internal/sensor.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "faults.sh: needs root: network namespaces" >&2; exit 1; }
if [ -z "${FST_FAULT:-}" ]; then
	[ $# -gt 0 ] || set -- full-disk read-only-disk read-only-start interface-flap interface-gone rules-garbage store-damaged store-removed state-damaged eve-disk-full webhook-down log-server-down
	dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-faults.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	(cd "$top" && CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm) || exit 1
	pids=()
	for f in "$@"; do # each in namespaces of its own, which end with it
		mkdir "$dir/$f"
		FST_FAULT=$f FST_DIR=$dir/$f FST_BIN=$dir/firestorm unshare -n -m -p -f --kill-child --mount-proc bash "$0" >"$dir/$f.log" 2>&1 &
		pids+=("$f $!")
	done
	bad=0
	for p in "${pids[@]}"; do
		set -- $p
		wait "$2" || bad=1
		cat "$dir/$1.log"
	done
	exit $bad
fi

fault=$FST_FAULT bin=$FST_BIN bad=0
cd "$FST_DIR"
mount -t tmpfs t /var/lib # where the state is when nothing is said
ip link set lo up
echo "== $fault"
promise() { echo "   promised  $*"; }
# seen TEXT FILE PATTERN: what was promised is there.
seen() {
	if grep -qE -- "$3" "$2" 2>/dev/null; then
		echo "   seen      $1: $(grep -hoE -m 1 -- ".{0,60}($3).{0,110}" "$2" | head -n 1)"
	else
		echo "   MISSING   $1: no \"$3\" in $2"
		tail -n 5 "$2" | sed 's/^/             /'
		bad=1
	fi
}
# truth TEXT COMMAND...
truth() {
	local what=$1
	shift
	if "$@" >/dev/null 2>&1; then echo "   seen      $what"; else
		echo "   MISSING   $what"
		bad=1
	fi
}
within() { # SECONDS COMMAND...: it becomes true
	local n=$(($1 * 5))
	shift
	for _ in $(seq $n); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.2
	done
	return 1
}
healthy() { grep -q '"healthy": true' status; }
ill() { grep -q '"healthy": false' status; }
watch() { # IF ARGS...: in the background, once it reads
	rm -f status
	"$bin" watch "$1" --status "$FST_DIR/status" --ring 4M -q --json "${@:2}" >>out 2>>err &
	sensor=$!
	within 30 test -s status || { echo "   the sensor does not begin:"; cat err; exit 1; }
}
end() {
	kill -INT "$sensor"
	wait "$sensor"
	code=$?
}
refused() { for p in "$@"; do (echo >"/dev/tcp/127.0.0.1/$p") 2>/dev/null; sleep 0.05; done; }
ports() { "$bin" findings list --store "$1" --all --limit 1000 2>/dev/null | grep -oE 'refuses port [0-9]+' | grep -oE '[0-9]+$' | sort -u | tr '\n' ' '; }
all_ports() { local p; for p in "${@:2}"; do case " $(ports "$1")" in *" $p "*) ;; *) return 1 ;; esac; done; }

case $fault in
full-disk)
	promise "the sensor goes on, says so, is not healthy; when there is room again all findings are in the store"
	mkdir disk && mount -t tmpfs -o size=3m t disk
	watch lo --state disk/state --store disk/store
	refused 81 82
	truth "healthy before" within 10 healthy
	dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
	for _ in $(seq 20); do refused 83 84; sleep 1.7; done
	truth "not healthy while it is full" within 30 ill
	seen "the state" err 'trouble, state: nothing is kept since .*: no space left on device'
	seen "the store" err 'trouble, store: .*(full|no space|disk)'
	truth "packets are still read" kill -0 "$sensor"
	rm disk/fill
	refused 85
	truth "healthy again" within 30 healthy
	seen "said" err 'no more trouble, state'
	end
	truth "every refusal is in the store, also those while it was full" all_ports disk/store 81 82 83 84 85
	truth "it ends in order (status $code)" test "$code" = 130
	;;
read-only-disk)
	promise "as for a full disk"
	mkdir disk && mount -t tmpfs -o size=20m t disk
	watch lo --state disk/state --store disk/store
	refused 81
	truth "healthy before" within 10 healthy
	sleep 3
	# A disk on which files are open for writing cannot be made read-only in order; what errors do to a disk, this does to it.
	mount -o bind disk disk && mount -o remount,ro,bind disk
	for _ in $(seq 20); do refused 82 83; sleep 1.7; done
	truth "not healthy while nothing can be kept" within 20 ill
	seen "the state" err 'trouble, state: nothing is kept since .*: read-only file system'
	umount disk
	truth "healthy again" within 30 healthy
	end
	truth "every refusal is in the store" all_ports disk/store 81 82 83
	;;
read-only-start)
	promise "the sensor begins, says that it remembers nothing, and is not healthy"
	mkdir disk && mount -t tmpfs -o ro t disk
	watch lo --state disk/state --store disk/store
	truth "not healthy" within 10 ill
	seen "the state" err 'trouble, state: nothing is remembered, and nothing will be: read-only file system'
	seen "the store" err 'trouble, store: '
	refused 81
	end
	seen "the finding is told" out 'refuses port 81'
	;;
interface-flap)
	promise "blind is said with the time and is not healthy; packets after it are seen"
	ip link add name va type veth peer name vb && ip addr add 192.0.2.1/24 dev va && ip link set va up && ip link set vb up
	ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev va
	watch vb
	truth "healthy before" within 10 healthy
	ip link set vb down
	truth "not healthy" within 10 ill
	seen "said" err 'blind on vb since [0-9T:-]+Z: the interface is down'
	ip link set vb up
	truth "healthy again" within 20 healthy
	seen "said" err 'vb is back; nothing was seen there since'
	before=$(grep -oE '"packets": [0-9]+' status | head -1)
	for p in 81 82 83; do timeout 0.3 bash -c "echo >/dev/tcp/192.0.2.2/$p" 2>/dev/null; done
	more() { test "$before" != "$(grep -oE '"packets": [0-9]+' status | head -1)"; }
	truth "packets are seen again (before: $before)" within 10 more # the status is written every five seconds
	end
	;;
interface-gone)
	promise "deleted and made again, it is watched again"
	make() { ip link add name va type veth peer name vb && ip addr add 192.0.2.1/24 dev va && ip link set va up && ip link set vb up && ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev va; }
	make
	watch vb
	ip link del va
	truth "not healthy" within 10 ill
	seen "said" err 'blind on vb since [0-9T:-]+Z: the interface is '
	make
	truth "healthy again" within 30 healthy
	seen "said" err 'vb is back'
	end
	;;
rules-garbage)
	promise "what is no rule is refused with its place; the sensor watches with the rest, or says that no rule is left"
	head -c 20000 /dev/urandom >bad.rules
	echo 'alert tcp any any -> any 81 (msg:"a door is tried"; flags:S; sid:1000001;)' >good.rules
	watch lo --rules bad.rules --rules good.rules --eve eve.json
	refused 81
	truth "not healthy" within 10 ill
	sleep 1
	end
	seen "said" err 'trouble, rules: 1 of [0-9]+ rules run; the first that is refused: bad.rules:1:'
	seen "the good rule runs" eve.json 'a door is tried'
	seen "and the detectors do" out 'refuses port 81'
	;;
store-damaged)
	promise "said, kept aside, a new one begun; the sensor goes on"
	"$bin" read "$top/testdata/captures/closed-port/inside.pcap" --store store -q >/dev/null
	dd if=/dev/urandom of=store/findings.db bs=4096 seek=1 count=6 conv=notrunc 2>/dev/null
	cp store/findings.db was
	watch lo --store store
	refused 81
	sleep 2
	end
	seen "said" err 'findings.db is damaged .*it is kept as .*findings.db.damaged-1, and a new one is begun'
	truth "kept as it was" cmp was store/findings.db.damaged-1
	truth "the new one has what was found" all_ports store 81
	;;
store-removed)
	promise "said, a new one begun"
	watch lo --store store
	refused 81
	sleep 1
	rm -f store/findings.db*
	sleep 31
	refused 82
	end
	truth "what was found is in the new one" all_ports store 81 82
	;;
state-damaged)
	promise "said, kept aside; the rest is remembered"
	watch lo --state state
	refused 81 82
	sleep 4
	end
	truth "there is a state" test -s state/scan.state
	was=$(od -An -tu1 -j70 -N1 state/scan.state) # not one letter for all: it may stand there already
	printf "\\x$(printf %02x $((was ^ 255)))" | dd of=state/scan.state bs=1 seek=70 conv=notrunc 2>/dev/null
	watch lo --state state
	truth "healthy" within 10 healthy
	end
	seen "said" err 'scan.state is damaged \(its checksum is wrong\); it is kept as .*scan.state.damaged-1; it starts anew without it'
	;;
eve-disk-full)
	promise "an output that cannot write is said, and not healthy; capture goes on"
	mkdir disk && mount -t tmpfs -o size=64k t disk
	echo 'alert tcp any any -> any any (msg:"a packet"; sid:1000001;)' >all.rules
	watch lo --eve disk/eve.json --rules all.rules
	for i in $(seq 600); do (echo >"/dev/tcp/127.0.0.1/$((81 + i % 5))") 2>/dev/null; done
	truth "not healthy" within 20 ill
	seen "said" err 'trouble, output eve: .*no space left on device'
	before=$(grep -oE '"packets": [0-9]+' status | head -1)
	refused 81 82
	sleep 6
	truth "packets are still read" test "$before" != "$(grep -oE '"packets": [0-9]+' status | head -1)"
	end
	;;
webhook-down | log-server-down)
	promise "who does not listen is said, and not healthy; capture goes on and nobody waits"
	if [ "$fault" = webhook-down ]; then set -- --webhook http://127.0.0.1:9/; else set -- --syslog tcp:127.0.0.1:9; fi
	watch lo "$@"
	refused 81 82
	truth "not healthy once something is to be told" within 60 ill
	seen "said" err 'trouble, output (webhook|syslog): .*refused'
	truth "packets are still read" kill -0 "$sensor"
	from=$(date +%s)
	end
	truth "it ends within ten seconds ($(($(date +%s) - from)) s)" test $(($(date +%s) - from)) -le 10
	;;
*)
	echo "faults.sh: there is no fault $fault" >&2
	exit 2
	;;
esac
exit $bad
