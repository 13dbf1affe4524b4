#!/bin/bash
# captures: span-duplicates span-routed-twice span-once
#
# A mirror port that delivers each frame twice: the same frame twice (mirror of
# a port in both directions), or before and after a router (TTL one less).
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need tc
lab_gw c c2
web s 80
ns gw ip link add span type veth peer name sensor
ns gw sysctl -qw net.ipv6.conf.span.disable_ipv6=1 net.ipv6.conf.sensor.disable_ipv6=1
ns gw ip link set span up
ns gw ip link set sensor up
plain gw span
plain gw sensor
mirror() { # mirror DEV COPIES
	local way copies=
	for i in $(seq "$2"); do copies+=" action mirred egress mirror dev span"; done
	ns gw tc qdisc add dev "$1" clsact
	for way in ingress egress; do ns gw tc filter add dev "$1" $way protocol all u32 match u32 0 0 $copies; done
}
case $1 in
span-duplicates) mirror outer 2 ;;
span-routed-twice)
	mirror outer 1
	mirror inner 1
	;;
span-once) mirror outer 1 ;;
esac
capture gw sensor span.pcap
vantage span.pcap "a mirror port of gw"
for i in 1 2 3 4; do
	for n in c c2; do
		fetch $n http://$OUT4.2/page-3000.txt
		fetch $n "http://[${OUT6}:2]/page-200.txt"
		ns $n ping -c 2 -i 0.3 $OUT4.2 >/dev/null
	done
done
capture_stop
answers
check "every request was answered" every_ok
echoes() { tshark -n -r "$OUT/span.pcap" -Y "icmp.type == 8" -T fields -e ip.src -e icmp.ident -e icmp.seq -e ip.id -e ip.ttl 2>/dev/null; }
all=$(echoes | wc -l) same=$(echoes | sort -u | wc -l) packets=$(echoes | cut -f1-4 | sort -u | wc -l)
truth "Echo requests: $all frames, $same different, $packets packets."
case $1 in
span-duplicates)
	shows "Each frame reaches the sensor twice, byte for byte the same."
	finding duplicate-on-wire positive
	check "each echo request twice" [ "$all" = $((same * 2)) ]
	;;
span-routed-twice)
	shows "Each packet reaches the sensor twice: before and after the router, with other MAC addresses and a TTL one less."
	finding duplicate-on-wire positive
	finding ip-routing-loop near-miss
	check "each echo request with two TTLs" [ "$same" = $((packets * 2)) ]
	;;
*)
	shows "Each frame reaches the sensor once: the mirror is set right."
	finding duplicate-on-wire remedied
	check "each echo request once" [ "$all" = "$packets" ]
	;;
esac
lab_finish
