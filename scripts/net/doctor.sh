#!/bin/bash
# "firestorm doctor" beside the real tools: what ethtool switches is what it says, and the line it prints works as printed;
# bridges, macvlans and flowtables are seen; a watch that runs, goes blind and ends is told apart; known traffic on a wire
# reaches the store of a running watch; and whatever ends a trial, no network of it is left.
#
# usage: doctor.sh FIRESTORM
set -euo pipefail
firestorm=$(readlink -f "$1")
if [ "${2:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "doctor.sh: needs root: a network namespace" >&2; exit 1; }
	exec unshare --net --mount "$0" "$firestorm" inside
fi
for p in ip ethtool jq; do
	command -v $p >/dev/null || { echo "doctor.sh: needs $p" >&2; exit 1; }
done
mount -t sysfs sysfs /sys # of this network
dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-doctor.XXXXXX")
watch=
trap '[ -z "$watch" ] || kill $watch 2>/dev/null || true; rm -rf "$dir"' EXIT
bad=0
# ok WORDS… : what was shown.   fail WORDS… : what was not.
ok() { echo "ok    $*"; }
fail() { echo "FAIL  $*"; bad=1; }
# look ARGS… : what doctor says, whatever its exit status.
look() { "$firestorm" doctor "$@" --json || true; }
# level CHECK SUBJECT ARGS… : the level that doctor gives it.
level() {
	local check=$1 subject=$2
	shift 2
	look "$@" | jq -r --arg c "$check" --arg s "$subject" '[.checks[] | select(.check == $c and (.subject // "") == $s) | .level][0]'
}
# want LEVEL CHECK SUBJECT ARGS…
want() {
	local l=$1 got
	shift
	got=$(level "$@")
	if [ "$got" = "$l" ]; then ok "$1 $2: $l"; else fail "$1 $2: $got, not $l"; fi
}

ip link set lo up
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
ip link add va type veth peer name vb
ip link set va up
ip link set vb up

# Offloads, as ethtool tells them.
for f in generic-receive-offload:gro:rx-gro tcp-segmentation-offload:tso:tx-tcp-segmentation generic-segmentation-offload:gso:tx-generic-segmentation; do
	IFS=: read -r long short name <<<"$f"
	for to in on off on; do
		ethtool -K va $short $to >/dev/null
		told=$(look va | jq -r '.checks[] | select(.check == "offloads") | .what')
		tool=$(ethtool -k va | awk -v l="$long:" '$1 == l { print $2 }')
		case ", $told" in *", $short,"* | *", $short on"*) says=on ;; *) says=off ;; esac
		if [ "$tool" = "$to" ] && [ "$says" = "$to" ]; then ok "$short is $to"; else fail "$short was set to $to: ethtool says $tool, doctor: $told"; fi
	done
done
line=$(look va | jq -r '.checks[] | select(.check == "offloads") | (.fix[0]? // .hint)')
bash -c "${line#sudo }" >/dev/null
told=$(look va | jq -r '.checks[] | select(.check == "offloads") | .what')
case $told in *"gro, lro, gso and tso are off"*) ok "\"${line%%   *}\" works as printed" ;; *) fail "after \"$line\": $told" ;; esac

# Bridges and what stands beside them.
ip link add br0 type bridge
ip link set br0 up
ip link set va master br0
ip link add m0 link vb type macvlan mode bridge
ip link add m1 link vb type macvlan mode bridge
ip link set m0 up
sleep 0.5
want warning bridge va va br0
want ok bridge va va
want warning macvlan vb vb
want warning macvlan m0 m0
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null && want warning "bridge firewall" va va && sysctl -qw net.bridge.bridge-nf-call-iptables=0
want ok "fast paths" lo lo
ip link set va nomaster
ip link del br0
ip link del m0
ip link del m1
if command -v nft >/dev/null && nft add table inet t && nft 'add flowtable inet t f { hook ingress priority 0; devices = { va }; }' 2>/dev/null; then
	want ok flowtables "inet t f" va # in software: it hides nothing from a capture
	nft delete table inet t
else
	echo "skip  flowtables: this kernel or machine has none (CONFIG_NF_FLOW_TABLE, apt-get install nftables)"
fi

# A watch that runs, goes blind, and ends; and known traffic on its wire.
"$firestorm" watch vb --ring 8M --status "$dir/status.json" --store "$dir/store" -q >"$dir/watch.log" 2>&1 &
watch=$!
for _ in $(seq 50); do
	[ -s "$dir/status.json" ] && break
	sleep 0.2
done
want ok watch "$dir/status.json" --status "$dir/status.json"
want ok listening vb --status "$dir/status.json"
if "$firestorm" doctor --inject --on va --yes --store "$dir/store" >"$dir/inject.txt"; then
	ok "known traffic on va: $(grep -c '^ok       stored' "$dir/inject.txt") findings reached the store of the watch: $(sed -n 's/.*in its store, //p' "$dir/inject.txt" | paste -sd, -)"
else
	fail "known traffic on va"
	cat "$dir/inject.txt"
fi
sleep 6 # the status is written every five seconds
want ok blind vb --status "$dir/status.json"
want ok undecoded "" --status "$dir/status.json"
ip link set va down
sleep 8
want problem blind vb --status "$dir/status.json"
want problem interface vb --status "$dir/status.json"
ip link set va up
kill -9 $watch
wait $watch 2>/dev/null || true
watch=
want problem listening vb --status "$dir/status.json"
touch -d '1 hour ago' "$dir/status.json"
want problem watch "$dir/status.json" --status "$dir/status.json"

# Whatever ends a trial, nothing of it is left.
networks() { { ls -l /proc/[0-9]*/task/*/ns/net 2>/dev/null || true; } | grep -o 'net:.*' | sort -u | wc -l; }
before=$(networks)
for signal in INT TERM KILL; do
	for after in 0.05 0.15 0.3; do
		"$firestorm" doctor --inject >/dev/null 2>&1 &
		p=$!
		sleep $after
		kill -$signal $p 2>/dev/null || true
		wait $p 2>/dev/null || true
	done
done
sleep 0.5
after=$(networks)
if [ "$after" -le "$before" ] && ! ip -br link | grep -q fsdoctor && ! ls /run/netns 2>/dev/null | grep -q fsdoctor; then ok "nine trials that were stopped left no network"; else fail "networks: $before before, $after after"; fi

# Without rights.
chmod 755 "$dir"
cp "$firestorm" "$dir/firestorm"
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$dir/firestorm" doctor va >"$dir/nobody.txt" || status=$?
if [ $status = 4 ] && grep -q '^problem  permission' "$dir/nobody.txt"; then ok "without rights: status 4"; else fail "without rights: status $status"; cat "$dir/nobody.txt"; fi
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/firestorm" doctor --inject >"$dir/nobody.txt" || status=$?
case $status in
0) ok "--inject without rights works in a user namespace" ;;
4) echo "skip  --inject without rights: no user namespaces here" ;;
*) fail "--inject without rights: status $status"; cat "$dir/nobody.txt" ;;
esac
exit $bad
