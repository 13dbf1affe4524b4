#!/bin/bash
# captures: idle-timeout idle-timeout-reset idle-timeout-remedied idle-timeout-survives
#
# A stateful filter that forgets a quiet connection after 4 s and does not take
# it up again in the middle.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack
peer=$(tool peer)
lab_gw c c2
action=drop keep=0s established=4
case $1 in
idle-timeout-reset) action="meta l4proto tcp reject with tcp reset" ;;
idle-timeout-remedied) keep=2s ;;
idle-timeout-survives) established=7200 ;;
esac
ns gw nft -f - <<N
table inet fw {
	chain forward {
		type filter hook forward priority filter
		ct state invalid $action
	}
}
N
ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_tcp_timeout_established=$established
bg s "$peer" echo -listen :2323
wait_port s 2323
capture_both tcp
talk() { ns "$1" "$peer" chat -to $OUT4.2:2323 -pauses "$2" -keepalive $keep -timeout 10s | sed "s/^/$1 /" >>"$LAB/answers"; }
pids=
for p in "c 0s,1s,6s" "c2 0.2s,2s,9s" "c 0.1s,5.5s" "c2 0s,0.5s,0.5s,12s" "c 0.3s,1.5s,7.5s"; do
	talk $p &
	pids+=" $!"
done
for p in "c 0s,2s,2s,2s,2s,2s,2s" "c2 0s,2.5s,2.5s,2.5s,2.5s,2.5s" "c2 0.4s,1s,3s,1s,3s,1s,3s" "c 0.2s,3s,3s,3s,3s"; do
	talk $p &
	pids+=" $!"
done
wait $pids
capture_stop
truth "gw forgets an established connection after $established s without a packet (tcp_loose=0, invalid packets: $action); keep-alive of the clients: $keep. Five flows pause 5.5 to 12 s, four flows never more than 3 s."
answers
dead=$(grep -c dead "$LAB/answers" || true)
case $1 in
idle-timeout)
	shows "A firewall forgets connections after 4 s without a packet and drops what comes later: five flows die after longer pauses, four with shorter pauses live."
	finding tcp-idle-timeout-drop positive
	check "five flows died" [ "$dead" = 5 ]
	check_frames "data retransmitted inside" inside.pcap "tcp.analysis.retransmission && tcp.len > 0" 15
	check_frames "none of it outside" outside.pcap "tcp.analysis.retransmission && tcp.len > 0" 0 0
	check_frames "no reset inside" inside.pcap "tcp.flags.reset == 1" 0 0
	;;
idle-timeout-reset)
	shows "A firewall forgets connections after 4 s without a packet and resets what comes later: the reset has the firewall's TTL, and the server is told nothing."
	finding tcp-idle-timeout-drop positive
	finding tcp-half-open-reset near-miss
	check "five flows died" [ "$dead" = 5 ]
	check_frames "resets with the firewall's TTL" inside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2 && ip.ttl == 64" 5
	check_frames "the server sent none" outside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2" 0 0
	;;
idle-timeout-remedied)
	shows "The same firewall, but the clients send keep-alives every 2 s: all flows live."
	finding tcp-idle-timeout-drop remedied
	check "no flow died" [ "$dead" = 0 ]
	check_frames "keep-alives" inside.pcap "tcp.analysis.keep_alive" 10
	;;
idle-timeout-survives)
	shows "Flows pause up to 12 s and go on: the firewall keeps them for two hours."
	finding tcp-idle-timeout-drop near-miss
	check "no flow died" [ "$dead" = 0 ]
	check_frames "no retransmission" inside.pcap "tcp.analysis.retransmission" 0 0
	;;
esac
lab_finish
