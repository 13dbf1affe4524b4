#!/bin/bash
# captures: timewait-timestamps-ipv6 timewait-timestamps-cycle
#
# More of timewait.sh with programs that people run: Python's web server closes first,
# curl asks; two clients with a timestamp clock each behind one NAT port. Variations:
# IPv6 (NAT66); a server that honours RFC 1337 and ignores the client's reset.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack curl python3 nstat
lab_gw c c2
port=8443 hold=1 rounds=9 gap=1.6 family=ip S=$OUT4.2 NAT=$OUT4.1 src=ip.src
case $1 in
*-ipv6) family=ip6 S="[${OUT6}:2]" NAT="${OUT6}:1" src=ipv6.src ;;
*-cycle) ns s sysctl -qw net.ipv4.tcp_rfc1337=1 ;;
esac
mkdir "$LAB/pages"
echo "a short page" >"$LAB/pages/page.txt"
chmod -R a+rX "$LAB"
bg s python3 -m http.server --bind :: -d "$LAB/pages" $port
wait_port s $port
ns gw nft -f - <<N
table $family nat {
	chain post {
		type nat hook postrouting priority srcnat
		oifname "outer" meta l4proto tcp masquerade to :50001
	}
}
N
ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=$hold net.netfilter.nf_conntrack_tcp_timeout_last_ack=$hold \
	net.netfilter.nf_conntrack_tcp_timeout_close=1
capture gw outer outside.pcap tcp
vantage outside.pcap "gw, device outer: between gw and the server"
for i in $(seq $rounds); do
	n=c
	[ $((i % 2)) = 1 ] || n=c2
	fetch $n "http://$S:$port/page.txt" -m 5
	sleep $gap
done
capture_stop
truth "NAT address $NAT, NAT port 50001, NAT forgets a closed connection after $hold s, server's hold 60 s, first FIN from the server, TCP timestamps on."
answers
ns s nstat -az 2>/dev/null | awk '/PAWS|TW|SYNChallenge/ && $2 > 0' | truth_block "Server's counters"
tshark -n -o tcp.relative_sequence_numbers:FALSE -r "$OUT/outside.pcap" -Y "$src == $NAT" -T fields \
	-e tcp.flags.syn -e tcp.flags.fin -e tcp.flags.reset -e tcp.seq -e tcp.options.timestamp.tsval 2>/dev/null |
	awk '{ sub(/,.*/, "", $5) }
	$1 == 1 && end != "" { d = ($4 - end + 4294967296) % 4294967296; t = ($5 - ts + 4294967296) % 4294967296
		isn = d < 2147483648 ? "newer" : "older"; clock = t < 2147483648 ? "newer" : "older"; syn = 1 }
	$3 == 1 && syn { print "refused: sequence number " isn ", clock " clock ", by " sprintf("%d", 4294967296 - t) " ticks"; syn = 0 }
	$2 == 1 { end = $4 + 1; ts = $5; syn = 0 }' >"$LAB/refused"
truth_block "Refusals, computed from outside.pcap" <"$LAB/refused"
check "a refusal with a newer sequence number and an older clock" grep -q "number newer, clock older" "$LAB/refused"
finding tcp-timewait-nat-timestamps positive
case $1 in
*-ipv6)
	shows "Over IPv6 two clients with unrelated timestamp clocks share one NAT port; the server in TIME_WAIT refuses the one whose clock is behind, even with a newer sequence number, and takes it after its reset."
	check "every request was answered" every_ok
	;;
*-cycle)
	shows "Two clients with unrelated timestamp clocks share one NAT port; the server in TIME_WAIT refuses the one whose clock is behind, and ignores its resets (RFC 1337): the client gives up."
	check_frames "client resets after stale ACKs" outside.pcap "tcp.flags.reset == 1 && $src == $NAT" 4
	check "an attempt failed" grep -q " 000 " "$LAB/answers"
	;;
esac
lab_finish
