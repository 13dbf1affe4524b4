#!/bin/bash
# captures: half-open-reset half-open-restart
#
# The server loses its connections without a word and comes back (as by a power
# cut): the next data meets RST. Near-miss: only the service restarts, and the
# clients are told.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft arping ss
peer=$(tool peer)
lab_gw c c2
bg s "$peer" echo -listen :2323
wait_port s 2323
server=$(ns s ss -Hltnp "sport = :2323" | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
capture_both "not icmp6"
talk() { ns "$1" "$peer" chat -to $OUT4.2:2323 -pauses "$2" -timeout 8s | sed "s/^/$1 /" >>"$LAB/answers"; }
pids=
for p in "c 0s,0.5s,7s" "c2 0.2s,0.7s,8s" "c 0.1s,1s,9s" "c2 0.1s,7s"; do
	talk $p &
	pids+=" $!"
done
sleep 2.5
if [ "$1" = half-open-reset ]; then
	printf 'table inet cut {\n chain output {\n  type filter hook output priority filter\n  drop\n }\n}\n' | ns s nft -f -
	kill -KILL "$server"
	sleep 0.3
	# The kernel still holds orphans that would say FIN: away with them, unheard.
	ns s ss -K sport = :2323 >/dev/null 2>&1 || true
	ns s ip link set eth0 down
	ns s ip neigh flush all
	sleep 2
	ns s nft delete table inet cut
	ns s ip link set eth0 up
	ns s ip route replace default via $OUT4.1
	ns s arping -q -c 1 -U -I eth0 -S $OUT4.2 $OUT4.2 2>/dev/null || true
	truth "At about 2.5 s the server is cut off and loses its state, at about 4.8 s it is back; nothing was sent in between."
else
	kill -KILL "$server"
	sleep 1
	truth "At about 2.5 s the service is killed; its kernel closes the connections with FIN at once."
fi
bg s "$peer" echo -listen :2323
wait_port s 2323
talk c 0s,0.5s,0.5s
wait $pids
capture_stop
answers
old="tcp.flags.reset == 1 && ip.src == $OUT4.2"
if [ "$1" = half-open-reset ]; then
	shows "The server restarts and has lost its connections; the clients' next data on each is answered by RST with the server's own TTL; new connections work."
	finding tcp-half-open-reset positive
	finding tcp-idle-timeout-drop near-miss
	check_frames "RST from the server on the old flows" outside.pcap "$old && ip.ttl == 64" 4
	check_frames "the same inside, one hop more" inside.pcap "$old && ip.ttl == 63" 4
	check_frames "no FIN from the server in the old flows" outside.pcap "tcp.flags.fin == 1 && ip.src == $OUT4.2 && tcp.stream < 4" 0 0
	check_frames "gratuitous ARP" outside.pcap "arp.isgratuitous == 1" 1
else
	shows "The service restarts; its kernel closes all connections with FIN at that moment; late data of the clients meets RST, after the FIN."
	finding tcp-half-open-reset near-miss
	check_frames "FIN from the server in each old flow" outside.pcap "tcp.flags.fin == 1 && ip.src == $OUT4.2 && tcp.stream < 4" 4
fi
check "a new connection works" grep -q "pause 500ms: answered" "$LAB/answers"
lab_finish
