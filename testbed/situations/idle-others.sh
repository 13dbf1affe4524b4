#!/bin/bash
# captures: idle-timeout-ipv6 accept-queue-stopped pmtud-server-filter
#
# More of idle-timeout.sh (IPv6, a longer timer), accept-queue.sh (a real web server
# that hangs, over IPv6) and pmtud.sh (a server whose own firewall drops ICMP).
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack curl
peer=$(tool peer)
lab_gw c c2 c3
S="[${OUT6}:2]"
filter() { printf 'table inet fw {\n chain %s {\n  type filter hook %s priority filter\n  %s\n }\n}\n' "$2" "$2" "$3" | ns "$1" nft -f -; }
capture_in() { capture gw inner inside.pcap "${1:-tcp}"; vantage inside.pcap "gw, device inner: between the clients and gw"; }
capture_out() { capture gw outer outside.pcap "${1:-tcp}"; vantage outside.pcap "gw, device outer: between gw and the server"; }
pids=
case $1 in
idle-timeout-ipv6)
	filter gw forward "ct state invalid drop"
	ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_tcp_timeout_established=9
	bg s "$peer" echo -listen :5432
	wait_port s 5432
	capture_in
	for p in "c 0s,1s,12s" "c2 0.2s,2s,14s" "c 0.1s,11s" "c 0s,7s,7s,5s" "c2 0s,6.5s,6.5s,6s" "c3 0.4s,7.5s,7s,4s"; do
		(ns ${p% *} "$peer" chat -to "$S:5432" -pauses ${p#* } -timeout 8s | sed "s/^/${p% *} /" >>"$LAB/answers") &
		pids+=" $!"
	done
	wait $pids
	;;
accept-queue-stopped)
	ns s sysctl -qw net.core.somaxconn=3
	web s 80
	web s 8443
	capture_out
	for n in c c2; do fetch $n "http://$S/page-200.txt"; done
	kill -STOP $(ns s ss -Hltnp "sport = :80" | grep -o 'pid=[0-9]*' | sort -u | cut -d= -f2)
	truth "The web server on port 80 is stopped with SIGSTOP, as one that hangs on a lock; its queue holds four."
	for i in 1 2 3; do
		for n in c c2 c3; do
			fetch $n "http://$S/page-200.txt" -m 8 & pids+=" $!"
			fetch $n "http://$S:8443/page-200.txt"
			sleep 0.3
		done
	done
	wait $pids
	;;
pmtud-server-filter)
	ns gw sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	filter s input "icmp type destination-unreachable drop
  icmpv6 type packet-too-big drop"
	ns gw ip link set inner mtu 1400
	web s 80
	capture_out "tcp or icmp or icmp6"
	for n in c c2; do fetch $n "http://$S/page-200.txt"; done
	for n in c c2; do fetch $n "http://$S/page-3000.txt" -m 7 & pids+=" $!"; done
	fetch c http://$OUT4.2/page-3000.txt -m 3
	wait $pids
	for n in c c2; do fetch $n "http://$S/page-200.txt"; done
	;;
esac
capture_stop
answers
case $1 in
idle-timeout-ipv6)
	shows "Over IPv6, a firewall forgets connections after 9 s without a packet and drops what comes later: three flows die after longer pauses, three with shorter pauses live."
	finding tcp-idle-timeout-drop positive
	check "three flows died" [ "$(grep -c dead "$LAB/answers")" = 3 ]
	check_frames "data retransmitted" inside.pcap "ipv6 && tcp.analysis.retransmission && tcp.len > 0" 9
	;;
accept-queue-stopped)
	shows "Over IPv6, a web server that hangs takes nobody out of its queue: four connections are taken by the kernel and never served, then SYNs are ignored; port 8443 is fine."
	finding tcp-accept-queue-full positive
	check_frames "the clients' SYNs again" outside.pcap "ipv6 && tcp.flags == 2 && tcp.dstport == 80 && tcp.analysis.retransmission" 6
	check "the kernel counted overflows" bash -c "ip netns exec $P-s nstat -az | awk '/TcpExtListenOverflows/ { exit !(\$2 > 0) }'"
	;;
pmtud-server-filter)
	shows "gw may send no more than 1400 bytes to the clients and says so to the server, whose own firewall drops that: its large segments vanish, over IPv4 and IPv6; small pages work."
	finding pmtud-black-hole positive
	check_frames "the server's segments again" outside.pcap "tcp.analysis.retransmission && ipv6.src == ${OUT6}:2 && ipv6.plen == 1460" 3
	check_frames "gw's reports" outside.pcap "icmp.type == 3 && icmp.code == 4" 1
	check_frames "gw's reports, IPv6" outside.pcap "icmpv6.type == 2" 3
	check "small pages work" [ "$(grep -c 'page-200.txt 200 ' "$LAB/answers")" = 4 ]
	;;
esac
lab_finish
