#!/bin/bash
# captures: arp-spoof-both arp-spoof-one-way arp-spoof-remedied
#
# x tells c that it is the gateway (and the gateway that it is c) and passes the packets on.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need arpspoof nft
lab_lan gw c d x
web s 80
ns x sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
if [ "$1" = arp-spoof-remedied ]; then
	# What dynamic ARP inspection does: the port of x may speak for x alone.
	printf 'table bridge guard {\n chain in {\n  type filter hook prerouting priority 0\n  iifname "p-x" arp saddr ip != %s drop\n }\n}\n' $IN4.13 | ns sw nft -f -
fi
capture sw lan lan.pcap
vantage lan.pcap "the switch: every frame of the network"
for n in c d x; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
sleep 1
case $1 in
arp-spoof-one-way) bg x arpspoof -i eth0 -t $IN4.11 $IN4.1 ;;
*)
	bg x arpspoof -i eth0 -t $IN4.11 $IN4.1
	bg x arpspoof -i eth0 -t $IN4.1 $IN4.11
	;;
esac
sleep 3
for i in 1 2 3 4 5 6; do
	fetch c http://$OUT4.2/page-200.txt
	fetch d http://$OUT4.2/page-200.txt
	ns c ping -c 1 -W 1 $OUT4.2 >/dev/null || true
	sleep 2
done
for p in $(ip netns pids "$P-x"); do grep -q arpspoof /proc/$p/comm && kill -INT $p || true; done
sleep 7
fetch c http://$OUT4.2/page-200.txt
capture_stop
answers
truth_block "arpspoof" < <(head -c 1500 "$LAB/x.log")
X=$(mac_of 13)
case $1 in
arp-spoof-remedied)
	shows "The switch lets the port of x speak for x alone: the forged answers go nowhere."
	finding arp-spoof-mitm remedied
	finding icmp-unreachable positive # arpspoof wakes its victim with a datagram to port 67
	check "every request was answered" every_ok
	check_frames "no forged answer" lan.pcap "arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.1" 0 0
	;;
arp-spoof-one-way)
	shows "x ($X, $IN4.13) tells $IN4.11 that it is the gateway $IN4.1, and passes its packets on; answers come back directly."
	finding arp-spoof-mitm positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "forged answers to c" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.1" 5
	check_frames "c's packets go to x" lan.pcap "tcp && ip.src == $IN4.11 && eth.dst == $X" 3
	;;
*)
	shows "x ($X, $IN4.13) stands between $IN4.11 and the gateway $IN4.1: it tells each that it is the other, and passes their packets on."
	finding arp-spoof-mitm positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "forged answers to c" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.1" 5
	check_frames "forged answers to gw" lan.pcap "arp.opcode == 2 && arp.src.hw_mac == $X && arp.src.proto_ipv4 == $IN4.11" 5
	check_frames "c's packets go to x" lan.pcap "tcp && ip.src == $IN4.11 && eth.dst == $X" 3
	check_frames "and on" lan.pcap "tcp && ip.src == $IN4.11 && eth.src == $X && ip.ttl == 63" 3
	;;
esac
lab_finish
