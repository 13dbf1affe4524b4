#!/bin/bash
# captures: syn-silent-port syn-silent-host syn-silent-host-off syn-silent-source
# captures: syn-silent-slow syn-silent-port-remedied
#
# SYNs without an answer, in the four branches that the control group tells
# apart, a slow answer that is none of them, and the port opened again.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
[ "$1" != syn-silent-slow ] || WIRE_OUT="-delay 1050ms"
lab_gw c c2
web s 80
web s 8443
S=$OUT4.2
rule() { printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$1" | ns gw nft -f -; }
case $1 in
syn-silent-port) rule "tcp dport 8443 drop" ;;
syn-silent-port-remedied) rule "tcp dport 8443 accept" ;;
syn-silent-source) rule "ip saddr $IN4.12 tcp dport 80 drop" ;;
syn-silent-host) printf 'table inet fw {\n chain input {\n  type filter hook input priority filter\n  meta l4proto tcp drop\n }\n}\n' | ns s nft -f - ;;
esac
capture_both "not icmp6"
case $1 in
syn-silent-host-off)
	fetch c "http://$S/page-200.txt"
	# The router's own report is filtered, as on many networks.
	printf 'table inet fw {\n chain output {\n  type filter hook output priority filter\n  icmp type destination-unreachable drop\n }\n}\n' | ns gw nft -f -
	ns s ip link set eth0 arp off
	ns gw ip neigh flush dev outer
	truth "Host s goes off after the first request; gw sends no ICMP."
	for n in c c2; do fetch $n "http://$S/page-200.txt" -m 8 & done
	wait $(jobs -p | tail -n 2)
	fetch c "http://$S/page-200.txt" -m 5
	;;
syn-silent-slow)
	for n in c c2 c; do fetch $n "http://$S:8443/page-200.txt" -m 15; done
	;;
*)
	for i in 1 2; do
		fetch c "http://$S:80/page-200.txt" -m 8 &
		a=$!
		fetch c2 "http://$S:80/page-200.txt" -m 8 &
		b=$!
		fetch c "http://$S:8443/page-200.txt" -m 8 &
		d=$!
		fetch c2 "http://$S:8443/page-200.txt" -m 8
		wait $a $b $d
	done
	fetch c "http://$S:80/page-3000.txt" -m 5
	;;
esac
capture_stop
answers
silent="tcp.flags == 2 && tcp.analysis.retransmission"
case $1 in
syn-silent-port)
	shows "gw drops SYNs to port 8443 of the server; port 80 of the same server answers the same clients."
	finding tcp-syn-silent-drop positive
	check_frames "SYNs retried inside" inside.pcap "$silent && tcp.dstport == 8443" 8
	check_frames "nothing for 8443 outside" outside.pcap "tcp.port == 8443" 0 0
	check_frames "port 80 answers" outside.pcap "tcp.srcport == 80 && tcp.flags == 0x12" 4
	truth "Branch: port filtered (between the two vantages, so by gw)."
	;;
syn-silent-host)
	shows "The server's own filter drops all TCP: no port answers anybody, but the server answers ARP."
	finding tcp-syn-silent-drop positive
	check_frames "SYNs retried outside" outside.pcap "$silent" 8
	check_frames "no TCP from the server" outside.pcap "tcp && ip.src == $S" 0 0
	check_frames "ARP answered" outside.pcap "arp.opcode == 2 && arp.src.proto_ipv4 == $S" 1
	truth "Branch: nobody reaches the host though ARP for it is answered (filter on the host, or the host hangs)."
	;;
syn-silent-host-off)
	shows "The server goes off: SYNs are retried inside, and on its segment only unanswered ARP requests are left."
	finding tcp-syn-silent-drop positive
	check_frames "SYNs retried inside" inside.pcap "$silent" 4
	check_frames "ARP unanswered" outside.pcap "arp.opcode == 1 && arp.dst.proto_ipv4 == $S" 3
	check_frames "no ICMP inside" inside.pcap icmp 0 0
	truth "Branch: ARP unanswered at the last hop (host off)."
	;;
syn-silent-source)
	shows "gw drops SYNs of one client only; the other client is served on the same port at the same time."
	finding tcp-syn-silent-drop positive
	check_frames "SYNs of c2 retried" inside.pcap "$silent && ip.src == $IN4.12 && tcp.dstport == 80" 4
	check_frames "c is served" inside.pcap "ip.dst == $IN4.11 && tcp.flags == 0x12 && tcp.srcport == 80" 3
	check_frames "c2 is served on another port" inside.pcap "ip.dst == $IN4.12 && tcp.flags == 0x12 && tcp.srcport == 8443" 2
	truth "Branch: only some clients are filtered (source filter in gw)."
	;;
syn-silent-slow)
	shows "A path of 2.1 s: every SYN is retried at least once and every one is answered."
	finding tcp-syn-silent-drop near-miss
	check_frames "SYNs retried" inside.pcap "$silent" 3
	check "every request was answered" every_ok
	;;
*-remedied)
	shows "The rule for port 8443 accepts now: both ports answer both clients."
	finding tcp-syn-silent-drop remedied
	check "every request was answered" every_ok
	check_frames "no retried SYN" inside.pcap "$silent" 0 0
	;;
esac
lab_finish
