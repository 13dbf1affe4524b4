#!/bin/bash
# captures: timewait-silent timewait-silent-remedied
#
# As timewait.sh, but the server's stack (gVisor's netstack behind host s) drops
# an older SYN without an answer: the picture of the founding case.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack
peer=$(tool peer) server=$(tool gvisor-server)
lab_gw c c2 c3
S=10.3.0.2
ns s sysctl -qw net.ipv4.ip_forward=1
ns s ip tuntap add tun0 mode tun
ns s ip link set tun0 up
ns s ip route add $S/32 dev tun0
ns gw ip route add 10.3.0.0/24 via $OUT4.2
hold=240 nat=3 attempts=8 ports=2268
if [ "$1" = timewait-silent-remedied ]; then hold=15 nat=20 attempts=8 ports=2268-2271; fi
for n in c c2; do ns $n sysctl -qw net.ipv4.tcp_timestamps=0; done
ns gw nft -f - <<N
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat
		ip saddr $IN4.13 masquerade
		oifname "outer" meta l4proto tcp masquerade to :$ports
	}
}
N
# syn_sent: else the one NAT port stays taken for 120 s after a silent SYN and
# the next client's SYN never leaves gw.
ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=$nat net.netfilter.nf_conntrack_tcp_timeout_last_ack=$nat \
	net.netfilter.nf_conntrack_tcp_timeout_syn_sent=4 net.netfilter.nf_conntrack_tcp_timeout_close=1
bg s "$server" -tun tun0 -addr $S -port 80 -timewait ${hold}s
sleep 1
capture_both tcp
ask() { ns "$1" "$peer" get -to $S:80 -timeout "$2" | sed "s/^/$1 /" >>"$LAB/answers"; }
failed=0
for i in $(seq $attempts); do
	who=c
	[ $((i % 2)) = 1 ] || who=c2
	if [ "$1" = timewait-silent-remedied ]; then
		ask $who 9s
		sleep 0.5
		[ "$i" != 4 ] || sleep $nat
		continue
	fi
	# The control group: another client, other ports, the same seconds.
	(sleep 1; ask c3 5s; sleep 3; ask c3 5s) &
	ask $who 9s
	wait $!
	failed=$(grep -c '^c2\? .*fail' "$LAB/answers" || true)
	[ "$failed" -lt 3 ] || break
	sleep 5
done
capture_stop
truth "Server $S:80 (netstack behind $OUT4.2) holds TIME_WAIT for $hold s; NAT $OUT4.1, port(s) $ports, forgets a closed connection after $nat s; TCP timestamps off at c and c2."
truth_block "Clients' view" <"$LAB/answers"
if [ "$1" = timewait-silent ]; then
	shows "Two clients share one NAT port; the server still holds TIME_WAIT and ignores an older SYN and all its retries; a third client is served meanwhile."
	finding tcp-timewait-reuse positive
	check "at least one attempt met silence" [ "$failed" -ge 1 ]
	check "the control group was served" bash -c "grep -q '^c3 .*ok' '$LAB/answers' && ! grep -q '^c3 .*fail' '$LAB/answers'"
	check_frames "retried SYNs" outside.pcap "tcp.flags == 2 && tcp.analysis.retransmission" 3
else
	shows "The NAT keeps a closed connection for 20 s, longer than the server's 15 s: four ports are used twice and every SYN is answered."
	finding tcp-timewait-reuse remedied
	check "every request was answered" bash -c "! grep -q fail '$LAB/answers'"
	check_frames "port reused" outside.pcap tcp.analysis.reused_ports 4
fi
lab_finish
