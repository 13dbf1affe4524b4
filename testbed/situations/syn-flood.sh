#!/bin/bash
# captures: syn-flood syn-flood-crowd syn-flood-remedied
#
# A flood of SYNs from forged sources while two clients work, and a crowd of
# real connections that comes as suddenly.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need hping3 nft
peer=$(tool peer)
lab_gw c c2 x
web s 80
ns s sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.tcp_max_syn_backlog=128
if [ "$1" = syn-flood-remedied ]; then
	printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  ip saddr != %s.0/24 iifname "inner" drop\n }\n}\n' $IN4 | ns gw nft -f -
fi
# Forged sources have no way back: gw drops the answers quietly.
ns gw ip route add blackhole default
capture_both tcp
healthy() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		for n in c c2; do fetch $n http://$OUT4.2/page-200.txt; done
		sleep 0.4
	done
}
healthy &
h=$!
sleep 1
case $1 in
syn-flood | syn-flood-remedied)
	ns x hping3 -q -S -p 80 --rand-source -i u600 -c 3000 $OUT4.2 >/dev/null 2>&1 || true
	truth "hping3 sends 3000 SYNs with random sources, one every 0.6 ms."
	;;
syn-flood-crowd)
	pids=
	for n in c c2 x; do
		for k in 1 2 3 4 5 6 7 8; do
			(ns $n "$peer" get -to $OUT4.2:80 -close client -count 12 -gap 5ms | sed "s/^/$n /" >>"$LAB/answers") &
			pids+=" $!"
		done
	done
	wait $pids
	truth "24 programs open 12 connections each within two seconds."
	;;
esac
wait $h
capture_stop
answers
check "the healthy clients were served" bash -c "grep -q '^c .* 200 ' '$LAB/answers' && ! grep -qE '^c2? http.* 000 ' '$LAB/answers'"
foreign="tcp.flags == 2 && !(ip.src == $IN4.0/24)"
case $1 in
syn-flood)
	shows "3000 SYNs from forged sources in two seconds, none completed; two clients are served all the while."
	finding syn-flood positive
	check_frames "forged SYNs" outside.pcap "$foreign" 2000 5000
	ns s nstat -az 2>/dev/null | awk '/Syncookies|ReqQFull/ && $2 > 0' | truth_block "Server's counters"
	;;
syn-flood-remedied)
	shows "The same flood, but gw drops sources that cannot be inside (ingress filter): nothing of it reaches the server."
	finding syn-flood remedied
	check_frames "no forged SYN outside" outside.pcap "$foreign" 0 0
	check_frames "forged SYNs inside" inside.pcap "$foreign" 2000 5000
	;;
*)
	shows "300 connections within two seconds; all complete and are served."
	finding syn-flood near-miss
	check "every request was answered" every_ok
	check_frames "SYN/ACKs" outside.pcap "tcp.flags == 0x12" 250
	;;
esac
lab_finish
