#!/bin/bash
# captures: snat-exhausted-web snat-exhausted-ipv6 snat-limit
#
# NATs that run out of ports otherwise: visitors of a web site, of whom the last ones wait; IPv6. And a rule that allows
# eight connections, while the NAT has a thousand ports.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack curl
peer=$(tool peer)
lab_gw c c2
S=$OUT4.2 N=$OUT4.1 ip=ip family=ipv4 to=$OUT4.2:2323
case $1 in
snat-exhausted-web) ports=40000-40007 ;;
snat-exhausted-ipv6) ports=5000-5005 S=${OUT6}:2 N=${OUT6}:1 ip=ip6 family=ipv6 to="[${OUT6}:2]:2323" ;;
snat-limit) ports=3000-3999 ;;
esac
ns gw nft -f - <<N
table $ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname "outer" $ip daddr $S meta l4proto tcp masquerade to :$ports
	}
}
N
[ "$1" != snat-limit ] || ns gw nft -f - <<N
table ip guard {
	set busy {
		type ipv4_addr
		flags dynamic
	}
	chain forward {
		type filter hook forward priority filter
		tcp dport 2323 ct state new add @busy { ip daddr ct count over 8 } drop
	}
}
N
bg s "$peer" echo -listen :2323
wait_port s 2323
web s 80
chats() { # chats NUMBER: connections of c and c2 in turns that stay open for six seconds
	local i pids=
	for i in $(seq "$1"); do
		for n in c c2; do
			(ns $n "$peer" chat -to "$to" -pauses 0s,5s,1s -timeout 5s 2>&1 | sed "s/^/$n /" >>"$LAB/answers") &
			pids+=" $!"
			sleep 0.1
		done
	done
	wait $pids || true # a refused client ends with an error: wanted
}
case $1 in
snat-exhausted-web) # each visitor looks at three pages in six seconds, over one connection
	capture_both tcp
	pids=
	for i in $(seq 6); do
		for n in c c2; do
			(ns $n curl -g -sS -m 15 --rate 20/m -o /dev/null -o /dev/null -o /dev/null -w "$n %{url_effective} %{http_code} after %{time_total} s\n" \
				http://$S/page-200.txt http://$S/page-200.txt http://$S/page-200.txt >>"$LAB/answers" 2>&1) &
			pids+=" $!"
		done
		sleep 0.2
	done
	wait $pids || true
	sleep 0.5
	;;
snat-exhausted-ipv6)
	capture_both tcp
	chats 6
	;;
snat-limit)
	capture_both tcp
	chats 6
	;;
esac
ns gw conntrack -L -f "$family" -p tcp 2>/dev/null | head -n 16 | truth_block "gw's table at the end"
capture_stop
sort "$LAB/answers" | truth_block "Clients' view"
truth "NAT $N has the ports $ports towards $S."
case $1 in
snat-exhausted-web)
	shows "Twelve visitors of a web site within two seconds, each for six seconds, and eight ports for them: the last ones wait until others have gone."
	finding snat-port-exhausted positive
	check "all were served, late" every_ok
	check_frames "requests repeated inside" inside.pcap "tcp.flags == 2" 20
	check_frames "twelve SYNs outside" outside.pcap "tcp.flags == 2" 12 12
	;;
snat-exhausted-ipv6)
	shows "The NAT has six ports for IPv6 and twelve connections are wanted: six live, the SYNs of the others enter gw and leave it when a port is free again, or never."
	finding snat-port-exhausted positive
	check_frames "SYNs inside" inside.pcap "tcp.flags == 2" 20
	check_frames "SYNs outside" outside.pcap "tcp.flags == 2" 6 12
	;;
snat-limit)
	shows "A rule of gw allows eight connections to the server's port 2323 and drops the requests for more; the NAT has a thousand ports."
	finding snat-port-exhausted near-miss
	check_frames "SYNs inside" inside.pcap "tcp.flags == 2" 20
	check_frames "SYNs outside" outside.pcap "tcp.flags == 2" 8 13
	;;
esac
lab_finish
