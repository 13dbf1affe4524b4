#!/bin/bash
# captures: timewait-stale-ack timewait-timestamps timewait-newer-isn
# captures: timewait-client-first timewait-stale-ack-remedied timewait-stale-ack-cycle
#
# Two clients behind one NAT that owns one port and forgets a closed connection
# after 1 s; a Linux server that closes first and holds TIME_WAIT for 60 s.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft nstat conntrack
peer=$(tool peer)
lab_gw c c2

close=server stamps=0 ports=2268 hold=1 rounds=8 gap=1.6
case $1 in
*-timestamps) stamps=1 rounds=12 ;;
*-client-first) close=client ;;
*-cycle) rounds=6 ;;
*-remedied) ports=2268-2273 hold=62 rounds=6 gap=0.5 ;;
esac
for n in c c2 s; do ns $n sysctl -qw net.ipv4.tcp_timestamps=$stamps; done
# RFC 1337: the server ignores resets in TIME_WAIT, so a refusal repeats.
[ "$1" != timewait-stale-ack-cycle ] || ns s sysctl -qw net.ipv4.tcp_rfc1337=1
ns gw nft -f - <<N
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname "outer" meta l4proto tcp masquerade to :$ports
	}
}
N
ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=$hold net.netfilter.nf_conntrack_tcp_timeout_last_ack=$hold \
	net.netfilter.nf_conntrack_tcp_timeout_close=1
bg s "$peer" serve -listen :80 -close $close
wait_port s 80
capture_both tcp
from=
[ "$1" != timewait-newer-isn ] || from=":40000"
ask() { ns "$1" "$peer" get -to $OUT4.2:80 ${from:+-from $from} -close $close -timeout 8s | sed "s/^/$1 /" >>"$LAB/answers"; }
second=c2
[ "$1" != timewait-newer-isn ] || second=c
round() {
	for i in $(seq $rounds); do
		if [ $((i % 2)) = 1 ]; then ask c; else ask $second; fi
		sleep $gap
	done
}
round
if [ "$1" = timewait-stale-ack-remedied ]; then
	sleep $hold
	round
fi
capture_stop
truth "Server $OUT4.2:80, NAT address $OUT4.1, NAT port(s) $ports, NAT forgets a closed connection after $hold s, server's hold 60 s, first FIN from the $close, TCP timestamps $stamps."
truth_block "Clients' view" <"$LAB/answers"
ns s nstat -az 2>/dev/null | awk '/PAWS|TW|SYNChallenge/ && $2 > 0' | truth_block "Server's counters"

rst="tcp.flags.reset == 1 && ip.src == $OUT4.1"
reused="tcp.analysis.reused_ports"
case $1 in
timewait-stale-ack)
	shows "Two clients share one NAT port; the server still holds TIME_WAIT and answers an older SYN with the old ACK; the client resets, tries again and is let in."
	finding tcp-timewait-reuse positive
	check_frames "client resets after a stale ACK" outside.pcap "$rst" 1
	check_frames "no timestamps" outside.pcap tcp.options.timestamp.tsval 0 0
	;;
timewait-stale-ack-cycle)
	shows "As timewait-stale-ack, but the server honours RFC 1337 and ignores the client's reset: SYN, old ACK and reset repeat until the client gives up."
	finding tcp-timewait-reuse positive
	check_frames "client resets after stale ACKs" outside.pcap "$rst" 4
	check "an attempt failed" grep -q fail "$LAB/answers"
	lab_finish
	exit
	;;
timewait-timestamps)
	shows "Two clients with unrelated timestamp clocks share one NAT port; the server in TIME_WAIT refuses the one whose clock is behind, even with a newer sequence number."
	finding tcp-timewait-nat-timestamps positive
	check_frames "client resets after a stale ACK" outside.pcap "$rst" 3
	# The case itself: newer ISN, older clock, refused.
	tshark -n -o tcp.relative_sequence_numbers:FALSE -r "$OUT/outside.pcap" -Y "ip.src == $OUT4.1" -T fields \
		-e tcp.flags.syn -e tcp.flags.fin -e tcp.flags.reset -e tcp.seq -e tcp.options.timestamp.tsval 2>/dev/null |
		awk '{ sub(/,.*/, "", $5) }
		$1 == 1 && end != "" { d = ($4 - end + 4294967296) % 4294967296; t = ($5 - ts + 4294967296) % 4294967296
			isn = d < 2147483648 ? "newer" : "older"; clock = t < 2147483648 ? "newer" : "older"; syn = 1 }
		$3 == 1 && syn { print "refused: sequence number " isn ", clock " clock ", by " sprintf("%d", 4294967296 - t) " ticks"; syn = 0 }
		$2 == 1 { end = $4 + 1; ts = $5; syn = 0 }' >"$LAB/refused"
	truth_block "Refusals, computed from outside.pcap" <"$LAB/refused"
	check "a refusal with a newer sequence number and an older clock" grep -q "number newer, clock older" "$LAB/refused"
	;;
timewait-newer-isn)
	shows "One client uses the same port again and again within the server's TIME_WAIT; each new sequence number is newer and each SYN is accepted."
	finding tcp-timewait-reuse near-miss
	check_frames "no reset" outside.pcap tcp.flags.reset==1 0 0
	check_frames "port reused" outside.pcap "$reused" 5
	;;
timewait-client-first)
	shows "Two clients share one NAT port, but the clients close first: the server holds no TIME_WAIT and every SYN is accepted."
	finding tcp-timewait-reuse near-miss
	check_frames "no reset from the server" outside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2" 0 0
	check_frames "port reused" outside.pcap "$reused" 5
	;;
*-remedied)
	shows "The NAT has six ports and keeps a closed connection for 62 s, longer than the server's 60 s: all ports are used a second time and nothing is refused."
	finding tcp-timewait-reuse remedied
	check_frames "no reset" outside.pcap tcp.flags.reset==1 0 0
	check_frames "port reused" outside.pcap "$reused" 6
	;;
esac
check "every request was answered" bash -c "! grep -q fail '$LAB/answers'"
lab_finish
