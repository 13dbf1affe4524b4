#!/bin/bash
# captures: timewait-crossed timewait-crossed-remedied
#
# Client and server close at the same time: a far web server closes 20 ms after its answer, curl as soon as it has it,
# and the way takes 60 ms. The FINs cross, both sides are in TIME_WAIT. Two clients share one NAT port.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft conntrack curl python3 nstat
WIRE_OUT="-delay 60ms"
lab_gw c c2
ports=2268 hold=1 rounds=10 gap=1.4
case $1 in
*-remedied) ports=2268-2273 hold=62 rounds=6 gap=0.3 ;;
esac
for n in c c2 s; do ns $n sysctl -qw net.ipv4.tcp_timestamps=0; done
cat >"$LAB/server.py" <<'P'
import http.server, time
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\na short page\n") # in one segment
        time.sleep(0.02)
        self.close_connection = True
http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
P
bg s python3 "$LAB/server.py"
wait_port s 8080
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
capture_both tcp
round() {
	for i in $(seq $rounds); do
		n=c
		[ $((i % 2)) = 1 ] || n=c2
		fetch $n "http://$OUT4.2:8080/" -m 5
		sleep $gap
	done
}
round
if [ "$1" = timewait-crossed-remedied ]; then
	sleep $hold
	round
fi
ns s ss -Htan state time-wait | truth_block "What the server remembers at the end"
capture_stop
truth "NAT address $OUT4.1, NAT port(s) $ports, NAT forgets a closed connection after $hold s, server's hold 60 s, both close at once, no timestamps."
answers
ns s nstat -az 2>/dev/null | awk '/PAWS|TW|SYNChallenge/ && $2 > 0' | truth_block "Server's counters"
n=$(tshark -n -r "$OUT/outside.pcap" -Y 'tcp.flags.fin == 1' -T fields -e tcp.stream -e ip.src -e tcp.seq -e tcp.ack 2>/dev/null |
	awk '$1 in who && $2 != who[$1] && $4 <= seq[$1] { n++ } { who[$1] = $2; seq[$1] = $3 } END { print n + 0 }')
check "closes in which the later FIN does not acknowledge the first ($n)" [ "$n" -ge 5 ]
check "every request was answered" every_ok
case $1 in
timewait-crossed)
	shows "Two clients share one NAT port; client and server close at once, so that the server too holds TIME_WAIT; it answers an older SYN with the old ACK, the client resets and is let in."
	finding tcp-timewait-reuse positive
	check_frames "client resets after a stale ACK" outside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.1" 1
	;;
*)
	shows "The NAT has six ports and keeps a closed connection for 62 s: all ports are used a second time and nothing is refused, though both sides close at once."
	finding tcp-timewait-reuse remedied
	check_frames "no reset" outside.pcap tcp.flags.reset==1 0 0
	check_frames "port reused" outside.pcap tcp.analysis.reused_ports 6
	;;
esac
lab_finish
