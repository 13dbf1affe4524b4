#!/bin/bash
# captures: arp-conflict-gateway arp-spoof-ettercap
#
# More of arp-conflict.sh and arp-spoof.sh: a machine that was given the gateway's
# address by hand; ettercap, which poisons both sides and tidies up when it leaves.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need arping ettercap
lab_lan gw c d x
web s 80
capture sw lan lan.pcap
vantage lan.pcap "the switch: every frame of the network"
X=$(mac_of 13) G=$(mac_of 1)
for n in c d x; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
case $1 in
arp-conflict-gateway)
	ns x ip addr flush dev eth0 scope global
	addr x eth0 $IN4.1/24
	truth "x, a printer, was given the gateway's address $IN4.1 by hand."
	for i in 1 2 3 4; do
		for n in c d; do
			ns $n ip neigh flush all
			fetch $n http://$OUT4.2/page-200.txt -m 2
		done
		ns x ip neigh flush all
		ns x ping -c 1 -W 1 $IN4.12 >/dev/null || true # as a printer talks to its server
		ns gw ip neigh flush all
		ns gw ping -c 1 -W 1 $IN4.11 >/dev/null || true
		sleep 1
	done
	;;
arp-spoof-ettercap)
	ns x sysctl -qw net.ipv4.ip_forward=0 # ettercap passes the packets on itself
	ns x timeout -s INT 16 ettercap -T -q -i eth0 -M arp:remote /$IN4.11// /$IN4.1// </dev/zero >"$LAB/x.out" 2>&1 &
	x=$!
	sleep 4
	for i in 1 2 3 4 5; do
		fetch c http://$OUT4.2/page-200.txt
		fetch d http://$OUT4.2/page-200.txt
		sleep 2
	done
	wait $x || true
	sleep 1
	fetch c http://$OUT4.2/page-200.txt
	;;
esac
capture_stop
answers
case $1 in
arp-conflict-gateway)
	shows "x ($X) has the gateway's address $IN4.1 too: requests for it get two answers, and who believes x reaches nothing."
	finding arp-ip-conflict positive
	check_frames "answers of the gateway" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $G && arp.src.proto_ipv4 == $IN4.1" 3
	check_frames "answers of x" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.1" 3
	;;
arp-spoof-ettercap)
	shows "ettercap on x ($X, $IN4.13) stands between $IN4.11 and the gateway $IN4.1: it tells each that it is the other, and passes their packets on."
	finding arp-spoof-mitm positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "forged answers to c" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.1" 3
	check_frames "forged answers to gw" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.11" 3
	check_frames "c's packets go to x" lan.pcap "tcp && ip.src == $IN4.11 && eth.dst == $X" 3
	;;
esac
lab_finish
