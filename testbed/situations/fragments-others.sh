#!/bin/bash
# captures: fragment-lost-ipv6 fragment-lost-snmp fragment-loss
#
# Fragments otherwise: IPv6; long answers of SNMP; and a cable that loses every kind of packet.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft dnsmasq dig ping snmpd snmpbulkget
[ "$1" != fragment-loss ] || WIRE_OUT="-loss 0.15 -seed 5"
lab_gw c c2
printf 'rocommunity public\nagentAddress udp:161\n' >"$LAB/snmpd.conf"
bg s snmpd -f -Lo -C -c "$LAB/snmpd.conf" -p "$LAB/snmpd.pid" -I -smux
bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root --edns-packet-max=4096 \
	$(for i in $(seq 9); do echo "--txt-record=big.example,$(printf 'x%.0s' $(seq 200))$i"; done) --txt-record=small.example,a
sleep 0.5
case $1 in
fragment-lost-ipv6) # before defragmentation: a connection tracker would put the pieces together
	printf 'table ip6 raw {\n chain pre {\n  type filter hook prerouting priority -450\n  frag frag-off != 0 drop\n }\n}\n' | ns gw nft -f -
	;;
fragment-lost-snmp)
	printf 'table ip raw {\n chain pre {\n  type filter hook prerouting priority -450\n  iifname "outer" ip frag-off & 0x1fff != 0 drop\n }\n}\n' | ns gw nft -f -
	;;
esac
for x in "gw outer" "gw inner" "s eth0"; do plain $x; done
ask() { # ask NS NAME SERVER
	if ns $1 dig +tries=2 +time=1 +bufsize=4096 +ignore "@$3" $2 TXT >/dev/null 2>&1; then echo "$1 dns $2 ok"; else echo "$1 dns $2 fail"; fi >>"$LAB/answers"
}
case $1 in
fragment-lost-ipv6)
	capture_both
	for i in 1 2 3; do for n in c c2; do
		ask $n big.example ${OUT6}:2
		ask $n small.example ${OUT6}:2
	done; done
	sleep 4
	;;
fragment-lost-snmp)
	capture_both udp or icmp
	for n in c c2; do
		for many in 3 90 3; do
			[ $many = 90 ] || sleep 1.2
			if ns $n snmpbulkget -m '' -v2c -c public -t 1 -r 2 -Cn0 -Cr$many $OUT4.2 1.3.6.1.2.1 >/dev/null 2>&1; then echo "$n $many values at once ok"; else echo "$n $many values at once fail"; fi >>"$LAB/answers"
		done
	done
	sleep 4
	;;
fragment-loss)
	capture gw inner inside.pcap icmp
	vantage inside.pcap "gw, device inner: between the clients and gw"
	for i in $(seq 18); do for n in c c2; do
		if ns $n ping -c 1 -W 0.3 -s 1800 $OUT4.2 >/dev/null 2>&1; then echo "$n ping of 1800 bytes ok"; else echo "$n ping of 1800 bytes fail"; fi >>"$LAB/answers"
	done; done
	sleep 4
	;;
esac
capture_stop
sort "$LAB/answers" | uniq -c | truth_block "Clients' view"
later="ip.frag_offset > 0"
case $1 in
fragment-lost-ipv6)
	shows "gw drops every IPv6 fragment but the first: large DNS answers never become whole, small ones do."
	finding ip-fragment-lost positive
	check_frames "first fragments inside" inside.pcap "ipv6.fraghdr.more == 1 && ipv6.fraghdr.offset == 0 && ipv6.src == ${OUT6}:2" 6
	check_frames "no later fragment from the server inside" inside.pcap "ipv6.fraghdr.offset > 0 && ipv6.src == ${OUT6}:2" 0 0
	check_frames "but outside" outside.pcap "ipv6.fraghdr.offset > 0" 6
	check "small answers came" grep -q "small.example ok" "$LAB/answers"
	;;
fragment-lost-snmp)
	shows "gw drops every fragment but the first of what comes from the server: answers of SNMP with ninety values never come, those with three do."
	finding ip-fragment-lost positive
	check_frames "first fragments inside" inside.pcap "ip.flags.mf == 1 && ip.frag_offset == 0 && ip.src == $OUT4.2" 5
	check_frames "no later fragment inside" inside.pcap "$later" 0 0
	check_frames "but outside" outside.pcap "$later" 5
	check "short answers came" grep -q "3 values at once ok" "$LAB/answers"
	;;
fragment-loss)
	shows "A cable that loses one packet in seven: of many pings of two fragments one is missing, now the first and now the second, and others are whole."
	finding ip-fragment-lost near-miss
	check_frames "first fragments of answers" inside.pcap "ip.flags.mf == 1 && ip.frag_offset == 0 && ip.src == $OUT4.2" 10
	check_frames "later fragments of answers" inside.pcap "$later && ip.src == $OUT4.2" 10
	check "some failed" grep -q fail "$LAB/answers"
	;;
esac
lab_finish
