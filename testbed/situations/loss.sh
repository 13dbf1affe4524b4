#!/bin/bash
# captures: loss-server-side-down loss-server-side-up loss-client-side-down
# captures: loss-client-side-up loss-none reorder duplicate-by-network corrupt
#
# The sensor sits in gw. Frames are lost on the server's cable or on the
# clients' cables, towards the server (up) or towards the clients (down).
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
peer=$(tool peer)
# The cable's first end is the clients' side: ab is up, ba is down.
case $1 in
loss-server-side-down) WIRE_OUT="-delay 5ms -loss 0.08 -dir ba -seed 11" ;;
loss-server-side-up) WIRE_OUT="-delay 5ms -loss 0.08 -dir ab -seed 12" ;;
loss-client-side-down) WIRE_IN="-delay 5ms -loss 0.08 -dir ba -seed 13" ;;
loss-client-side-up) WIRE_IN="-delay 5ms -loss 0.08 -dir ab -seed 14" ;;
loss-none) WIRE_OUT="-delay 5ms" ;;
reorder) WIRE_OUT="-delay 5ms -reorder 0.05 -seed 15" ;;
duplicate-by-network) WIRE_OUT="-delay 5ms -dup 0.05 -seed 16" ;;
corrupt) WIRE_OUT="-delay 5ms -corrupt 0.03 -seed 17" ;;
esac
lab_gw c c2
web s 80
bg s "$peer" serve -listen :8080 -close client
wait_port s 8080
capture gw inner inside.pcap tcp
vantage inside.pcap "gw, device inner: between the clients and gw"
pids=
for n in c c2; do
	(
		for i in 1 2 3 4; do
			fetch $n http://$OUT4.2/page-20000.txt -m 20
			fetch $n http://$OUT4.2/page-3000.txt -m 20
			ns $n "$peer" get -to $OUT4.2:8080 -close client -upload 24000 -timeout 20s | sed "s/^/$n /" >>"$LAB/answers"
		done
	) &
	pids+=" $!"
done
wait $pids
capture_stop
answers
retr="tcp.analysis.retransmission || tcp.analysis.fast_retransmission"
case $1 in
loss-*-*)
	side=${1#loss-} dir=${1##*-}
	side=${side%-"$dir"}
	shows "8 % of the frames are lost on the $side cable of the sensor, in the direction $([ "$dir" = up ] && echo 'to the server' || echo 'to the clients')."
	finding tcp-loss-where positive
	check_frames "retransmissions" inside.pcap "$retr" 8
	truth "Seen from the sensor, data towards the server is lost $([ "$side" = server-side ] && echo after || echo before) it, data towards the clients $([ "$side" = server-side ] && echo before || echo after) it."
	;;
loss-none)
	shows "The same transfers over a path of 10 ms without loss."
	finding tcp-loss-where clean
	finding tcp-loss-where remedied # the bad cable is exchanged
	# A probe for a lost tail may come before the ACK when the machine is busy.
	check_frames "no retransmission but a stray tail probe" inside.pcap "$retr" 0 3
	;;
reorder)
	shows "5 % of the frames are overtaken by later ones; none is lost."
	finding tcp-loss-where near-miss
	check_frames "frames out of order" inside.pcap "tcp.analysis.out_of_order || tcp.analysis.retransmission || tcp.analysis.duplicate_ack" 3
	;;
duplicate-by-network)
	shows "5 % of the frames are doubled on the server's cable; none is lost."
	finding tcp-loss-where near-miss
	finding duplicate-on-wire near-miss
	check_frames "doubled data of the server" inside.pcap "($retr || tcp.analysis.spurious_retransmission) && ip.src == $OUT4.2" 1
	;;
corrupt)
	shows "3 % of the frames get one wrong bit on the server's cable: wrong checksums inside for the server's data, loss for the clients'."
	finding tcp-loss-where positive
	finding tcp-checksum-corrupt positive
	check_frames "wrong checksums" inside.pcap "tcp.checksum.status == 0" 1
	;;
esac
check "every request was answered" every_ok
lab_finish
