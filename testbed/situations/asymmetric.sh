#!/bin/bash
# captures: asymmetric-path asymmetric-remedied asymmetric-ipv6
#
# The server's answers take another way to the clients: router r2 instead of gw.
# gw sees one half of every connection. Variation: IPv6.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
lab_gw c c2
node r2
link s back r2 outer
link r2 inner gw p-r2
ns gw ip link set p-r2 master inner
addr s back 10.4.0.2/24
addr r2 outer 10.4.0.1/24
addr r2 inner $IN4.2/24
ns r2 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
for n in c c2 s gw r2; do ns $n sysctl -qw net.ipv4.conf.all.rp_filter=0; done
addr s back fd00:4::2/64
addr r2 outer fd00:4::1/64
addr r2 inner "${IN6}:2/64"
ns r2 sysctl -qw net.ipv6.conf.all.forwarding=1
case $1 in
asymmetric-path) ns s ip route add $IN4.0/24 via 10.4.0.1 ;;
asymmetric-ipv6) ns s ip -6 route add "${IN6}:/64" via fd00:4::1 ;;
esac
to=$OUT4.2
[ "$1" != asymmetric-ipv6 ] || to="[${OUT6}:2]"
web s 80
web s 8443
# A capture makes the bridge take in r2's frames too: only what gw itself handles.
capture_both "ether host $(ns gw cat /sys/class/net/inner/address) or ether host $(ns gw cat /sys/class/net/outer/address)"
for i in 1 2 3 4 5 6; do
	for n in c c2; do
		fetch $n "http://$to/page-3000.txt"
		fetch $n "http://$to:8443/page-20000.txt"
	done
	sleep 0.4
done
capture_stop
answers
check "every request was answered" every_ok
case $1 in
asymmetric-ipv6)
	shows "Over IPv6, 24 connections of two clients pass gw towards the server only; the answers come back by another router."
	finding tcp-asymmetric-path positive
	check_frames "SYNs seen" outside.pcap "tcp.flags == 2" 24
	check_frames "no answer seen outside" outside.pcap "tcp && ipv6.src == ${OUT6}:2" 0 0
	;;
asymmetric-path)
	shows "24 connections of two clients pass gw towards the server only; the answers come back by another router."
	finding tcp-asymmetric-path positive
	check_frames "SYNs seen" outside.pcap "tcp.flags == 2" 24
	check_frames "no answer seen outside" outside.pcap "tcp && ip.src == $OUT4.2" 0 0
	check_frames "no answer seen inside" inside.pcap "tcp && ip.src == $OUT4.2" 0 0
	check_frames "requests seen, so the handshakes completed" outside.pcap "http.request" 24
	;;
*)
	shows "The server's route points at gw again: both directions pass gw."
	finding tcp-asymmetric-path remedied
	check_frames "answers seen" outside.pcap "tcp.flags == 0x12 && ip.src == $OUT4.2" 24
	;;
esac
lab_finish
