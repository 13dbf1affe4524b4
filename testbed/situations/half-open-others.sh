#!/bin/bash
# captures: half-open-reset-ipv6 half-open-takeover
#
# More of half-open.sh: a server that starts anew, over IPv6 and seen from one side; an
# address that moves to another machine, which knows nothing of its connections.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft arping ss
peer=$(tool peer)
# lines NS: a service that answers lines.
lines() { bg "$1" "$peer" echo -listen :2323; wait_port "$1" 2323; }
talk() { ns "$1" "$peer" chat -to "$TO:2323" -pauses "$2" -timeout 8s 2>&1 | sed "s/^/$1 /" >>"$LAB/answers"; }
case $1 in
half-open-reset-ipv6)
	lab_gw c c2
	TO="[${OUT6}:2]"
	lines s
	server=$(ns s ss -Hltnp "sport = :2323" | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner: between the clients and gw"
	;;
half-open-takeover)
	lab_lan c c2 a b
	T=$IN4.50 TO=$IN4.50
	addr a eth0 $T/24
	lines a
	lines b
	capture sw lan lan.pcap "tcp or arp"
	vantage lan.pcap "the switch: every frame of the network"
	;;
esac
pids=
for p in "c 0s,0.5s,6s" "c2 0.2s,0.7s,7s" "c 0.1s,1s,8s"; do
	talk $p &
	pids+=" $!"
done
sleep 2.5
case $1 in
half-open-reset-ipv6)
	printf 'table inet cut {\n chain output {\n  type filter hook output priority filter\n  drop\n }\n}\n' | ns s nft -f -
	kill -KILL "$server"
	sleep 0.3
	ns s ss -K sport = :2323 >/dev/null 2>&1 || true
	sleep 1.5
	ns s nft delete table inet cut
	lines s
	truth "At about 2.5 s the server is cut off and loses its state, at about 4.5 s it is back; nothing was sent in between."
	;;
half-open-takeover)
	ns a ip link set eth0 down
	addr b eth0 $T/24
	ns b arping -q -c 2 -U -I eth0 -S $T $T 2>/dev/null || true
	truth "At about 2.5 s the machine a fails; b takes its address and announces it, as a standby does."
	;;
esac
talk c 0s,0.5s,0.5s
wait $pids
capture_stop
answers
check "three connections died" [ "$(grep -c dead "$LAB/answers")" = 3 ]
check "a new connection works" grep -q "pause 500ms: answered" "$LAB/answers"
finding tcp-half-open-reset positive
finding tcp-idle-timeout-drop near-miss
case $1 in
half-open-reset-ipv6)
	shows "Over IPv6, the server restarts and has lost its connections; the clients' next data on each is answered by RST with the server's own hop limit; new connections work."
	check_frames "RST from the server on the old flows" inside.pcap "tcp.flags.reset == 1 && ipv6.src == ${OUT6}:2 && ipv6.hlim == 63" 3
	;;
half-open-takeover)
	shows "$T moves from one machine to another, which announces itself and answers the old connections' next data with RST; new connections work."
	finding arp-ip-conflict near-miss
	check_frames "RST from the new machine" lan.pcap "tcp.flags.reset == 1 && ip.src == $T && eth.src == $(mac_of 14)" 3
	check_frames "it announces the address" lan.pcap "arp.isgratuitous == 1 && eth.src == $(mac_of 14)" 1
	;;
esac
lab_finish
