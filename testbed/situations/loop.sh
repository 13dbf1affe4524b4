#!/bin/bash
# captures: routing-loop routing-loop-remedied routing-loop-default routing-loop-three
#
# Two routers, each with a route for 10.7.0.0/16 at the other.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
lab_gw c c2
ns s sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ns gw ip route add 10.7.0.0/16 via $OUT4.2
ns gw ip -6 route add fd00:7::/64 via ${OUT6}:2
if [ "$1" = routing-loop ]; then
	ns s ip route add 10.7.0.0/16 via $OUT4.1
	ns s ip -6 route add fd00:7::/64 via ${OUT6}:1
else
	addr s lo 10.7.1.1/32 fd00:7::1/128
fi
case $1 in
routing-loop-default) # s has the whole network of its customer gw on one route, gw sends what it lacks back by default
	ns gw ip route add default via $OUT4.2
	ns s ip route add 172.20.0.0/16 via $OUT4.1
	;;
routing-loop-three) # a third router between: gw to s, s to r3, r3 to gw
	node r3
	link s side r3 eth0
	addr s side 10.5.0.1/24
	addr r3 eth0 10.5.0.2/24
	link r3 eth1 gw third
	addr r3 eth1 10.6.0.1/24
	addr gw third 10.6.0.2/24
	ns r3 sysctl -qw net.ipv4.ip_forward=1
	ns s ip route add 172.20.0.0/16 via 10.5.0.2
	ns r3 ip route add 172.20.0.0/16 via 10.6.0.2
	ns gw ip route add 172.20.0.0/16 via $OUT4.2
	for n in gw s r3; do ns $n sysctl -qw net.ipv4.conf.all.rp_filter=0; for d in outer eth0 side third eth1; do ns $n sysctl -eqw net.ipv4.conf.$d.rp_filter=0 2>/dev/null || true; done; done
	;;
esac
for n in gw s; do ns $n sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.outer.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0 2>/dev/null || true; done
web s 80
capture_both
fetch c http://$OUT4.2/page-3000.txt
case $1 in
routing-loop | routing-loop-remedied) for n in c c2; do
	fetch $n http://10.7.1.1/page-200.txt -m 3
	fetch $n "http://[fd00:7::1]/page-200.txt" -m 3
	ns $n ping -c 2 -i 0.5 -W 1 10.7.1.1 >/dev/null 2>&1 || true
done ;;
esac
case $1 in
routing-loop-default | routing-loop-three) for n in c c2; do
	fetch $n http://172.20.3.4/page-200.txt -m 3
	ns $n ping -c 2 -i 0.5 -W 1 172.20.3.4 >/dev/null 2>&1 || true
done ;;
esac
fetch c2 http://$OUT4.2/page-3000.txt
capture_stop
answers
if [ "$1" = routing-loop-default ]; then
	shows "A provider's router has a customer's whole network on one route; the customer's router sends addresses that it does not use back by its default route: packets for them run between the two."
	finding ip-routing-loop positive
	check_frames "one packet many times outside" outside.pcap "ip.dst == 172.20.3.4 && icmp.type == 8 && ip.ttl < 10" 8
elif [ "$1" = routing-loop-three ]; then
	shows "Three routers send packets for 172.20.0.0/16 in a ring: at gw each comes by again with its TTL three less."
	finding ip-routing-loop positive
	check_frames "one packet many times outside" outside.pcap "ip.dst == 172.20.3.4 && icmp.type == 8" 30
elif [ "$1" = routing-loop ]; then
	shows "Packets for 10.7.0.0/16 and fd00:7::/64 run between two routers until their TTL is used up; the rest of the network is fine."
	finding ip-routing-loop positive
	check_frames "one packet many times outside" outside.pcap "ip.dst == 10.7.1.1 && icmp.type == 8 && ip.ttl < 10" 8
	check_frames "IPv6 too" outside.pcap "ipv6.dst == fd00:7::1 && ipv6.hlim < 10" 8
	check_frames "time exceeded inside" inside.pcap "icmp.type == 11" 2
	check "the web server was reached" grep -q "$OUT4.2/page-3000.txt 200" "$LAB/answers"
else
	shows "The second router has the addresses itself: nothing circles."
	finding ip-routing-loop remedied
	check "every request was answered" every_ok
	check_frames "nothing circles" outside.pcap "ip.ttl < 60 || icmp.type == 11" 0 0
fi
lab_finish
