#!/bin/bash
# captures: arp-conflict arp-conflict-flip arp-conflict-remedied
# captures: arp-nic-swap arp-proxy arp-announce arp-probe
#
# Two machines with one IPv4 address, and what looks like it: a new network card,
# a router that answers for others, announcements, a probe that finds the address taken.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need arping ping
lab_lan gw a b c d
web s 80
T=$IN4.50
twin() { # twin HOST: gives T to a host as its only address
	ns "$1" ip addr flush dev eth0 scope global
	addr "$1" eth0 "$T/24"
	ns "$1" ip route add default via "$IN4.1"
}
forget() { # forget HOST...: their ARP tables are emptied, as time does it
	local n
	for n in "$@"; do ns "$n" ip neigh flush all; done
}
case $1 in
arp-conflict | arp-conflict-flip) twin a; twin b ;;
arp-conflict-remedied) twin a ;;
esac
capture sw lan lan.pcap
vantage lan.pcap "the switch: every frame of the network"
case $1 in
arp-conflict | arp-conflict-remedied)
	for i in 1 2 3 4; do
		forget c d a b gw
		ns c ping -c 2 -i 0.3 -W 1 $T >/dev/null || true
		ns d ping -c 1 -W 1 $T >/dev/null || true
		fetch a http://$OUT4.2/page-200.txt -m 3
		fetch b http://$OUT4.2/page-200.txt -m 3
		sleep 2
	done
	;;
arp-conflict-flip) # neither is asked: the twins ask and tell in turn
	for i in 1 2 3 4; do
		ns a arping -c 1 -w 1 -I eth0 $IN4.1 >/dev/null || true
		sleep 2
		ns b arping -c 1 -w 1 -I eth0 $IN4.1 >/dev/null || true
		sleep 2
	done
	;;
arp-nic-swap)
	ns a ping -c 3 -i 0.3 $IN4.1 >/dev/null
	ns c ping -c 2 -i 0.3 $IN4.11 >/dev/null
	ns a ip link set eth0 down
	ns a ip link set eth0 address 02:fd:00:00:aa:01
	ns a ip link set eth0 up
	ns a ip route add default via $IN4.1
	forget c gw
	ns a arping -c 2 -U -I eth0 $IN4.11 >/dev/null || true
	ns a ping -c 3 -i 0.3 $IN4.1 >/dev/null
	ns c ping -c 2 -i 0.3 $IN4.11 >/dev/null
	;;
arp-proxy) # gw answers for a whole network that stands behind it
	ns gw sysctl -qw net.ipv4.conf.eth0.proxy_arp=1
	for n in c d; do
		ns $n ip route del default
		ns $n ip route add $OUT4.0/24 dev eth0
	done
	addr s eth0 $OUT4.3/24 $OUT4.4/24 $OUT4.5/24
	for i in 2 3 4 5; do for n in c d; do ns $n ping -c 2 -i 0.3 $OUT4.$i >/dev/null; done; done
	;;
arp-announce)
	for n in a b; do
		i=$([ $n = a ] && echo 11 || echo 12)
		ns $n arping -c 3 -U -I eth0 $IN4.$i >/dev/null || true
		ns $n arping -c 2 -U -P -I eth0 $IN4.$i >/dev/null || true
	done
	ns c ping -c 2 -i 0.3 $IN4.11 >/dev/null
	;;
arp-probe) # RFC 5227 2.1: a newcomer asks first, is told, and stays away
	ns c ping -c 2 -i 0.3 $IN4.11 >/dev/null
	for i in 1 2 3; do ns b arping -0 -c 2 -w 2 -I eth0 $IN4.11 >"$LAB/probe" || true; grep -q "bytes from" "$LAB/probe" || die "no answer: $(cat "$LAB/probe")"; done
	;;
esac
capture_stop
[ ! -s "$LAB/answers" ] || answers
A=$(mac_of 11) B=$(mac_of 12)
case $1 in
arp-conflict)
	shows "Two machines, $A and $B, both have $T: each request for it gets two answers."
	finding arp-ip-conflict positive
	check_frames "answers of a" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $A && arp.src.proto_ipv4 == $T" 3
	check_frames "answers of b" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $B && arp.src.proto_ipv4 == $T" 3
	;;
arp-conflict-flip)
	shows "Two machines, $A and $B, use $T in turn: each asks for the gateway in its name."
	finding arp-ip-conflict positive
	check_frames "requests of a" lan.pcap "arp.opcode == 1 && arp.src.hw_mac == $A && arp.src.proto_ipv4 == $T" 3
	check_frames "requests of b" lan.pcap "arp.opcode == 1 && arp.src.hw_mac == $B && arp.src.proto_ipv4 == $T" 3
	;;
arp-conflict-remedied)
	shows "The second machine has an address of its own: each request for $T gets one answer."
	finding arp-ip-conflict remedied
	check "every request was answered" every_ok
	check_frames "answers of a" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $A && arp.src.proto_ipv4 == $T" 3
	check_frames "none of b" lan.pcap "arp.src.hw_mac == $B && arp.src.proto_ipv4 == $T" 0 0
	;;
arp-nic-swap)
	shows "The network card of $IN4.11 is exchanged: another MAC address, announced, the old one silent."
	finding arp-ip-conflict near-miss
	finding arp-spoof-mitm near-miss
	check_frames "the new card speaks" lan.pcap "arp.src.hw_mac == 02:fd:00:00:aa:01" 2
	;;
arp-proxy)
	shows "gw answers ARP for hosts of the network behind it (proxy ARP), as it is told to."
	finding arp-ip-conflict near-miss
	finding arp-spoof-mitm near-miss
	check_frames "answers for others" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $(mac_of 1) && arp.src.proto_ipv4 == $OUT4.3" 1
	;;
arp-announce)
	shows "Two hosts announce their own addresses, as requests and as replies."
	finding arp-ip-conflict near-miss
	finding arp-spoof-mitm near-miss
	check_frames "announcements" lan.pcap "arp.isgratuitous == 1" 8
	;;
arp-probe)
	shows "b probes an address that a has, is told that it is taken, and does not use it."
	finding arp-ip-conflict near-miss
	check_frames "probes" lan.pcap "arp.opcode == 1 && arp.src.proto_ipv4 == 0.0.0.0" 3
	check_frames "b never claims it" lan.pcap "arp.src.hw_mac == $B && arp.src.proto_ipv4 == $IN4.11" 0 0
	;;
esac
lab_finish
