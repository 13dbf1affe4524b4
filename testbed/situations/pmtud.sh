#!/bin/bash
# captures: pmtud-black-hole pmtud-black-hole-filtered pmtud-ok pmtud-remedied
#
# A link of 1300 bytes in the middle: c - gw - s (router here) - t (the server).
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
peer=$(tool peer)
lab_gw c c2
node t
link s right t eth0
addr s right 10.3.0.1/24 fd00:3::1/64
addr t eth0 10.3.0.2/24 fd00:3::2/64
ns s sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ns t ip route add default via 10.3.0.1 advmss 1460
ns t ip -6 route add default via fd00:3::1 advmss 1440
ns gw ip route add 10.3.0.0/24 via $OUT4.2
ns gw ip -6 route add fd00:3::/64 via ${OUT6}:2
for n in gw s t c c2; do ns $n sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0; done
frag='icmp type destination-unreachable icmp code frag-needed drop
  icmpv6 type packet-too-big drop'
# filter NS HOOK RULES
filter() { printf 'table inet fw {\n chain %s {\n  type filter hook %s priority filter\n  %s\n }\n}\n' "$2" "$2" "$3" | ns "$1" nft -f -; }
small() { ns "$1" ip link set "$2" mtu 1300; }
case $1 in
pmtud-black-hole-filtered)
	small s right
	small t eth0
	filter gw forward "$frag"
	truth "The link s - t has 1300 bytes; s reports it; gw drops the report on its way to the clients."
	;;
*)
	small gw outer
	small s eth0
	truth "The link gw - s has 1300 bytes in both directions."
	;;
esac
case $1 in
pmtud-black-hole) for r in gw s; do filter $r output "$frag"; done ;;
pmtud-remedied) for r in gw s; do
	filter $r output "$frag"
	printf 'table inet clamp {\n chain forward {\n  type filter hook forward priority mangle\n  tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu\n }\n}\n' | ns $r nft -f -
done ;;
esac
web t 80
bg t "$peer" serve -listen :8080 -close client
wait_port t 8080
capture_both
capture s right server.pcap
vantage server.pcap "second router, device towards the server"
post() { ns "$1" "$peer" get -to "$2" -close client -upload 6000 -timeout 7s | sed "s/^/$1 upload $2 /" >>"$LAB/answers"; }
pids=
for n in c c2; do
	fetch $n http://10.3.0.2/page-200.txt
	fetch $n http://10.3.0.2/page-20000.txt -m 7 & pids+=" $!"
	fetch $n "http://[fd00:3::2]/page-20000.txt" -m 7 & pids+=" $!"
	post $n 10.3.0.2:8080 & pids+=" $!"
	post $n "[fd00:3::2]:8080" & pids+=" $!"
done
wait $pids
for n in c c2; do fetch $n http://10.3.0.2/page-200.txt; done
capture_stop
answers
told="icmp.type == 3 && icmp.code == 4"
told6="icmpv6.type == 2"
case $1 in
pmtud-black-hole)
	shows "Segments of 1500 bytes vanish before a link of 1300 bytes, in both directions, and no router says why; small pages work."
	finding pmtud-black-hole positive
	check_frames "the client's large segment is sent again" inside.pcap "tcp.analysis.retransmission && ip.src == $IN4.0/24 && ip.len == 1500" 6
	check_frames "the server's too" server.pcap "tcp.analysis.retransmission && ip.src == 10.3.0.2 && ip.len == 1500" 6
	check_frames "and over IPv6" inside.pcap "tcp.analysis.retransmission && ipv6.plen == 1460" 3
	for f in inside outside server; do check_frames "no report" $f.pcap "$told || $told6" 0 0; done
	;;
pmtud-black-hole-filtered)
	shows "The clients' segments of 1500 bytes vanish; the router's reports are seen outside gw and not inside: gw filters them."
	finding pmtud-black-hole positive
	check_frames "the client's large segment is sent again" inside.pcap "tcp.analysis.retransmission && ip.src == $IN4.0/24 && ip.len == 1500" 6
	check_frames "reports outside" outside.pcap "$told" 3
	check_frames "reports outside, IPv6" outside.pcap "$told6" 3
	check_frames "no report inside" inside.pcap "$told || $told6" 0 0
	;;
pmtud-ok)
	shows "The same link of 1300 bytes, but the routers' reports arrive: segments get smaller and everything works."
	finding pmtud-black-hole near-miss
	finding mss-too-big-for-tunnel positive
	check_frames "reports to the clients" inside.pcap "$told" 2
	check_frames "reports to the server" server.pcap "$told" 1
	check "every request was answered" every_ok
	;;
pmtud-remedied)
	shows "The reports are still filtered, but both routers clamp the MSS to the link: everything works."
	finding pmtud-black-hole remedied
	check "every request was answered" every_ok
	check_frames "clamped" server.pcap "tcp.options.mss_val == 1260" 2
	check_frames "no report" inside.pcap "$told || $told6" 0 0
	;;
esac
lab_finish
