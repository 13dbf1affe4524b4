#!/bin/bash
# captures: server-slow server-slow-path server-slow-remedied
#
# A server that thinks for 1 to 3 s before each answer, a fast server behind a
# long path, and the server made fast.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
peer=$(tool peer)
delay=1s step=300ms count=8
case $1 in
server-slow-path) WIRE_OUT="-delay 100ms" delay=0s step=0s count=10 ;;
server-slow-remedied) delay=3ms step=0s count=10 ;;
esac
lab_gw c c2
bg s "$peer" serve -listen :80 -close client -delay $delay -step $step -size 2000
wait_port s 80
capture_both tcp
pids=
for n in c c2; do
	(ns $n "$peer" get -to $OUT4.2:80 -close client -count $count -gap 100ms | sed "s/^/$n /" >>"$LAB/answers") &
	pids+=" $!"
done
wait $pids
capture_stop
answers
check "every request was answered" every_ok
check_frames "no retransmission of data" outside.pcap "tcp.analysis.retransmission && tcp.len > 0" 0 0
case $1 in
server-slow)
	shows "The server acknowledges each request at once and answers it after 1 to 3 s; nothing is lost."
	finding tcp-server-slow positive
	check_frames "answers after more than 0.9 s" outside.pcap "http.time > 0.9" 12
	;;
server-slow-path)
	shows "A path of 200 ms; the server itself answers at once."
	finding tcp-server-slow near-miss
	check_frames "answers after 200 ms" outside.pcap "http.time > 0.2 && http.time < 0.4" 15
	;;
*)
	shows "The server answers within a few milliseconds."
	finding tcp-server-slow remedied
	check_frames "fast answers" outside.pcap "http.time < 0.1" 15
	;;
esac
lab_finish
