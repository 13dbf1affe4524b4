#!/bin/bash
# captures: nd-spoof-parasite nd-spoof-parasite-remedied nd-spoof-parasite-loop
#
# An impostor of IPv6 that waits: it answers every question for a neighbour in the neighbour's name (parasite6).
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need atk6-parasite6 nft
lab_lan gw c d x
X=$(mac_of 13)
web s 80
case $1 in
*-remedied) # the switch lets the port of x advertise the addresses of x alone
	printf 'table bridge guard {\n chain in {\n  type filter hook prerouting priority 0\n  iifname "p-x" icmpv6 type nd-neighbor-advert @th,64,128 != { 0x%s, 0x%s } drop\n }\n}\n' \
		fd000001000000000000000000000013 fe8000000000000000fd00fffe000013 | ns sw nft -f -
	;;
esac
capture sw lan lan.pcap icmp6 or arp or "(ip6 and tcp)"
vantage lan.pcap "the switch: every frame of the network (ICMPv6, ARP, TCP over IPv6)"
for n in c d x; do ns $n ping -c 2 -i 0.2 ${IN6}:1 >/dev/null; done
ns x sysctl -qw net.ipv6.conf.all.forwarding=1
case $1 in
*-loop) bg x timeout 20 atk6-parasite6 -l -R eth0 ;;
*) bg x timeout 20 atk6-parasite6 eth0 ;;
esac
sleep 1
for i in 1 2 3 4 5 6; do
	for n in c d; do ns $n ip -6 neigh flush dev eth0; done
	fetch c "http://[${OUT6}:2]/page-200.txt" -m 2
	ns d ping -c 1 -W 1 ${IN6}:11 >/dev/null || true
	sleep 1.5
done
capture_stop
answers
truth_block "x's program" < <(head -c 1000 "$LAB/x.log" 2>/dev/null || true)
lies="icmpv6.type == 136 && eth.src == $X && icmpv6.nd.na.target_address != ${IN6}:13 && icmpv6.nd.na.target_address != fe80::fd:ff:fe00:13"
case $1 in
*-remedied)
	shows "The same machine does the same; the switch drops what it advertises but for its own addresses."
	finding nd-spoof remedied
	check "every request was answered" every_ok
	check_frames "none of the lies came through" lan.pcap "$lies" 0 0
	;;
*)
	shows "x ($X) answers each question for a neighbour, whoever asks for whomever: its answer and the owner's reach who asked."
	finding nd-spoof positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "answers in the name of others" lan.pcap "$lies" 6
	check_frames "the gateway's own answers" lan.pcap "icmpv6.type == 136 && eth.src == $(mac_of 1) && icmpv6.nd.na.target_address == ${IN6}:1" 3
	;;
esac
lab_finish
