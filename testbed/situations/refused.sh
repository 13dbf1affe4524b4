#!/bin/bash
# captures: closed-port closed-port-remedied refused-by-middlebox refused-by-middlebox-remedied
# captures: icmp-admin-prohibited icmp-admin-prohibited-remedied
# captures: icmp-unreachable-net icmp-unreachable-host icmp-unreachable-port
# captures: icmp-unreachable-traceroute icmp-unreachable-net-remedied
#
# Connections that are refused with a word: by the server, by a filter with a
# reset, by a filter with ICMP, by a router without a way. IPv4 and IPv6.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
lab_gw c c2
web s 80
S4=$OUT4.2 S6=${OUT6}:2
rule() {
	{
		printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n'
		printf '  %s\n' "$@"
		printf ' }\n}\n'
	} | ns gw nft -f -
}
# both PORT: both clients ask both addresses of the server on this port.
both() {
	local n
	for n in c c2; do
		fetch $n "http://$S4:$1/page-200.txt"
		fetch $n "http://[$S6]:$1/page-200.txt"
	done
}
case $1 in
refused-by-middlebox) rule "tcp dport 8443 reject with tcp reset" ;;
icmp-admin-prohibited) rule "ip version 4 tcp dport 8443 reject with icmp type admin-prohibited" "meta nfproto ipv6 tcp dport 8443 reject with icmpv6 type admin-prohibited" ;;
*-remedied) rule "tcp dport 8443 accept" ;;
esac
case $1 in
closed-port-remedied | refused-by-middlebox* | icmp-admin*) web s 8443 ;;
esac
# The reports are the matter here: no limit on them.
ns gw sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ns s sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
capture_both
both 80
case $1 in
icmp-unreachable-net | icmp-unreachable-net-remedied)
	if [ "$1" = icmp-unreachable-net-remedied ]; then
		ns gw ip route add 10.9.0.0/16 via $S4
		ns gw ip -6 route add fd00:9::/64 via $S6
		addr s lo 10.9.1.1/32 fd00:9::1/128
	fi
	for i in 1 2; do for n in c c2; do
		fetch $n http://10.9.1.1/page-200.txt -m 3
		fetch $n "http://[fd00:9::1]/page-200.txt" -m 3
	done; done
	;;
icmp-unreachable-host)
	for n in c c2; do
		fetch $n http://$OUT4.77/ -m 5 &
		fetch $n "http://[${OUT6}:77]/" -m 5
	done
	wait $! || true
	sleep 3
	;;
icmp-unreachable-port)
	for i in 1 2 3; do for n in c c2; do
		echo question | ns $n timeout 1 nc -u -w 1 $S4 5353 || true
		echo question | ns $n timeout 1 nc -u -w 1 $S6 5353 || true
	done; done
	;;
icmp-unreachable-traceroute)
	need traceroute
	ns c traceroute -n -q 3 -w 1 $S4 | truth_block "traceroute"
	ns c traceroute -6 -n -q 3 -w 1 $S6 | truth_block "traceroute -6"
	;;
*) both 8443 ;;
esac
both 80
capture_stop
[ ! -s "$LAB/answers" ] || answers
ok_80() { ! grep -E '(:80/|/page).* 000 ' "$LAB/answers" | grep -E "($S4|$S6).*:80/"; }
check "port 80 answered throughout" ok_80
refused="tcp.flags.reset == 1 && tcp.srcport == 8443"
case $1 in
closed-port)
	shows "Nothing listens on port 8443: the server itself answers with RST, with the same TTL as its other packets."
	finding tcp-closed-port positive
	finding tcp-refused-by-middlebox near-miss
	check_frames "RST outside, from the server" outside.pcap "$refused && tcp.ack == 1 && tcp.seq == 1" 4
	check_frames "its TTL inside is that of the server's other packets" inside.pcap "$refused && (ip.ttl == 63 || ipv6.hlim == 63)" 4
	;;
closed-port-remedied)
	shows "The service on port 8443 is started: the port answers."
	finding tcp-closed-port remedied
	check "every request was answered" every_ok
	;;
refused-by-middlebox)
	shows "gw refuses port 8443 with a reset in the server's name: seen inside only, TTL 64 where the server's packets have 63."
	finding tcp-refused-by-middlebox positive
	finding tcp-closed-port near-miss
	check_frames "RST inside" inside.pcap "$refused && (ip.ttl == 64 || ipv6.hlim == 64)" 4
	check_frames "nothing for 8443 outside" outside.pcap "tcp.port == 8443" 0 0
	;;
refused-by-middlebox-remedied)
	shows "gw's rule for port 8443 accepts: the port answers."
	finding tcp-refused-by-middlebox remedied
	check "every request was answered" every_ok
	;;
icmp-admin-prohibited)
	shows "gw refuses port 8443 with ICMP: forbidden by rule, IPv4 3/13 and IPv6 1/1."
	finding icmp-admin-prohibited positive
	check_frames "ICMP 3/13" inside.pcap "icmp.type == 3 && icmp.code == 13" 2
	check_frames "ICMPv6 1/1" inside.pcap "icmpv6.type == 1 && icmpv6.code == 1" 2
	;;
icmp-admin-prohibited-remedied)
	shows "gw's rule for port 8443 accepts: the port answers and no ICMP is sent."
	finding icmp-admin-prohibited remedied
	check "every request was answered" every_ok
	check_frames "no ICMP" inside.pcap "icmp.type == 3 || icmpv6.type == 1" 0 0
	;;
icmp-unreachable-net)
	shows "gw has no route to 10.9.0.0/16 and fd00:9::/64 and says so: IPv4 3/0, IPv6 1/0."
	finding icmp-unreachable positive
	check_frames "ICMP 3/0" inside.pcap "icmp.type == 3 && icmp.code == 0" 4
	check_frames "ICMPv6 1/0" inside.pcap "icmpv6.type == 1 && icmpv6.code == 0" 4
	;;
icmp-unreachable-net-remedied)
	shows "gw has routes to 10.9.0.0/16 and fd00:9::/64: the hosts there answer."
	finding icmp-unreachable remedied
	check "every request was answered" every_ok
	check_frames "no ICMP" inside.pcap "icmp.type == 3 || icmpv6.type == 1" 0 0
	;;
icmp-unreachable-host)
	shows "Nobody answers ARP or ND for a host on the server's segment; gw says so: IPv4 3/1, IPv6 1/3."
	finding icmp-unreachable positive
	check_frames "ICMP 3/1" inside.pcap "icmp.type == 3 && icmp.code == 1" 2
	check_frames "ICMPv6 1/3" inside.pcap "icmpv6.type == 1 && icmpv6.code == 3" 1
	check_frames "ARP unanswered" outside.pcap "arp.opcode == 1 && arp.dst.proto_ipv4 == $OUT4.77" 3
	;;
icmp-unreachable-port)
	shows "Nothing listens on UDP port 5353 of the server; it says so: IPv4 3/3, IPv6 1/4."
	finding icmp-unreachable positive
	check_frames "ICMP 3/3" inside.pcap "icmp.type == 3 && icmp.code == 3" 4
	check_frames "ICMPv6 1/4" inside.pcap "icmpv6.type == 1 && icmpv6.code == 4" 4
	;;
icmp-unreachable-traceroute)
	shows "A traceroute over UDP reaches the server: time exceeded from gw, port unreachable from the server, nothing is wrong."
	finding icmp-unreachable near-miss
	check_frames "ICMP 11/0" inside.pcap "icmp.type == 11" 3
	check_frames "ICMP 3/3" inside.pcap "icmp.type == 3 && icmp.code == 3" 3
	;;
esac
lab_finish
