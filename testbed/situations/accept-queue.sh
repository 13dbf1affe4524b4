#!/bin/bash
# captures: accept-queue-full accept-queue-full-burst accept-queue-synack-loss accept-queue-remedied
#
# A service that does not accept any more: its queue is full and the kernel
# drops the last ACKs of the handshakes. Near-miss: lost SYN/ACKs.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
peer=$(tool peer)
[ "$1" != accept-queue-full-burst ] || WIRE_OUT="-delay 40ms"
lab_gw c c2 c3
web s 8443
case $1 in
accept-queue-full*)
	bg s "$peer" hold -port 80 -backlog 2
	;;
*) bg s "$peer" serve -listen :80 -close client ;;
esac
wait_port s 80
if [ "$1" = accept-queue-synack-loss ]; then
	# The first SYN/ACKs of each connection are lost between gw and the clients.
	printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  tcp sport 80 tcp flags & (syn|ack) == (syn|ack) numgen random mod 100 < 65 drop\n }\n}\n' | ns gw nft -f -
fi
capture_both tcp
pids=
for i in 1 2 3 4; do
	for n in c c2 c3; do
		(ns $n "$peer" get -to $OUT4.2:80 -close client -timeout 12s | sed "s/^/$n /" >>"$LAB/answers") &
		pids+=" $!"
		[ "$1" != accept-queue-full-burst ] || continue
		fetch $n http://$OUT4.2:8443/page-200.txt
		sleep 0.3
	done
done
[ "$1" != accept-queue-full-burst ] || fetch c http://$OUT4.2:8443/page-200.txt
wait $pids
capture_stop
answers
again="tcp.flags == 0x12 && tcp.srcport == 80 && tcp.analysis.retransmission"
case $1 in
accept-queue-full-burst)
	shows "Twelve clients connect at once over a path of 80 ms to a service that accepts nobody: the handshakes complete for the clients, the server drops their last ACKs and all their data without a word."
	finding tcp-accept-queue-full positive
	check_frames "the clients' data again" outside.pcap "tcp.dstport == 80 && tcp.len > 0 && tcp.analysis.retransmission" 30
	truth "SYN/ACKs sent again by the server: $(frames outside.pcap "$again"). This kernel has seen the ACK and does not repeat its SYN/ACK within 12 s; older ones did at 1, 2, 4 s."
	check "the kernel counted overflows" bash -c "ip netns exec $P-s nstat -az | awk '/TcpExtListenOverflows/ { exit !(\$2 > 0) }'"
	;;
accept-queue-full)
	shows "The service on port 80 accepts nobody: three connections are taken by the kernel and never served, then SYNs are ignored; port 8443 is fine."
	finding tcp-accept-queue-full positive
	check_frames "the clients' SYNs again" outside.pcap "tcp.flags == 2 && tcp.dstport == 80 && tcp.analysis.retransmission" 6
	ns s nstat -az 2>/dev/null | awk '/ListenOverflows|ListenDrops/' | truth_block "Server's counters"
	check "the kernel counted overflows" bash -c "ip netns exec $P-s nstat -az | awk '/TcpExtListenOverflows/ { exit !(\$2 > 0) }'"
	;;
accept-queue-synack-loss)
	shows "65 % of the server's SYN/ACKs are lost in gw: client and server both repeat; every connection succeeds in the end or gives up."
	finding tcp-accept-queue-full near-miss
	check_frames "the client's SYN again" outside.pcap "tcp.flags == 2 && tcp.dstport == 80 && tcp.analysis.retransmission" 3
	;;
*)
	shows "The service accepts and answers: no handshake is repeated."
	finding tcp-accept-queue-full remedied
	check "every request was answered" every_ok
	check_frames "nothing repeated" outside.pcap "tcp.analysis.retransmission" 0 0
	;;
esac
lab_finish
