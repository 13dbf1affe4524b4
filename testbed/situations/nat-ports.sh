#!/bin/bash
# captures: snat-exhausted snat-exhausted-remedied
#
# A NAT with eight ports towards one server, and more connections than that.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack
peer=$(tool peer)
lab_gw c c2
ports=3000-3007
[ "$1" = snat-exhausted ] || ports=3000-3999
ns gw nft -f - <<N
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname "outer" ip daddr $OUT4.2 meta l4proto tcp masquerade to :$ports
	}
}
N
bg s "$peer" echo -listen :2323
wait_port s 2323
web s 80
capture_both tcp
pids=
for i in 1 2 3 4 5 6 7 8 9 10; do
	for n in c c2; do
		(ns $n "$peer" chat -to $OUT4.2:2323 -pauses 0s,5s,5s,1s -timeout 6s 2>&1 | sed "s/^/$n /" >>"$LAB/answers") &
		pids+=" $!"
	done
	sleep 0.2
done
wait $pids || true # a refused client ends with an error: wanted
ns gw conntrack -L -p tcp 2>/dev/null | head -n 12 | truth_block "gw's table at the end"
capture_stop
sort -k2 "$LAB/answers" | truth_block "Clients' view"
lost=$(grep -c 'peer chat:' "$LAB/answers" || true)
truth "NAT $OUT4.1 has the ports $ports towards $OUT4.2; 20 connections are asked for at once, $lost got none."
if [ "$1" = snat-exhausted ]; then
	shows "The NAT has eight ports and twenty connections are wanted: eight live, the SYNs of the others enter gw and never leave it."
	finding snat-port-exhausted positive
	finding tcp-syn-silent-drop near-miss
	check "twelve got no port" [ "$lost" = 12 ]
	check_frames "SYNs inside" inside.pcap "tcp.flags == 2" 40
	check_frames "eight SYNs outside" outside.pcap "tcp.flags == 2" 8 8
else
	shows "The NAT has a thousand ports: all twenty connections live."
	finding snat-port-exhausted remedied
	check "none was refused" [ "$lost" = 0 ]
	check_frames "twenty SYNs outside" outside.pcap "tcp.flags == 2" 20 20
fi
lab_finish
