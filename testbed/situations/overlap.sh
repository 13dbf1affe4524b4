#!/bin/bash
# captures: overlap-held overlap-tail overlap-fin overlap-same overlap-remedied
#
# A client sends parts of its request twice, with different bytes, to a real web
# server, and the kernel of that server takes one of the two. Near-miss: the same
# bytes again, cut otherwise. Remedied: a proxy in gw hands on one reading.
# The client is testbed/evader.py, with a TCP of its own: its frames are computed.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3 nginx
# A path with a delay: what is acknowledged is settled, and sent again in vain.
WIRE_OUT="-delay 5ms"
lab_gw c x
web s 80
for f in public.txt secret.txt; do echo "this is ${f%.txt}" >"$LAB/www-s-80/$f"; done
chmod -R a+rX "$LAB"
# The kernel knows nothing of these connections and would reset them.
printf 'table inet own {\n chain output {\n  type filter hook output priority filter\n  tcp sport 4100-4199 tcp flags rst drop\n }\n}\n' | ns x nft -f -
to=$OUT4.2
if [ "$1" = overlap-remedied ]; then
	cat >"$LAB/nginx.conf" <<-N
		daemon off; pid $LAB/nginx.pid; error_log $LAB/nginx.log; user root; events {}
		http { access_log off; server { listen $IN4.1:80; location / { proxy_pass http://$OUT4.2; } } }
	N
	bg gw nginx -c "$LAB/nginx.conf"
	wait_port gw 80
	to=$IN4.1
	capture gw outer outside.pcap tcp
	vantage outside.pcap "gw, device outer: between the proxy and the server"
else
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner: between the clients and gw"
fi
evade() { ns x python3 "$FST_TESTBED/evader.py" "$@" >>"$LAB/evader.log" 2>&1 || true; }
rest=' HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n'
fetch c "http://$to/public.txt"
case $1 in
overlap-held | overlap-remedied) # a hole keeps the rest back at the receiver; what fills it comes last
	for p in 4101 4102 4103; do evade --port $p $to 80 "5:secret.txt$rest" "5:public.txt$rest" "0:GET /"; done
	;;
overlap-tail) # the second begins inside the first and goes on behind it
	for p in 4111 4112; do evade --port $p $to 80 "0:GET /secret.txt HT" "5:public.txt$rest"; done
	;;
overlap-fin) # IPv6; the end of the stream, in a header, twice, with FIN
	for p in 4121 4122; do
		evade --port $p --fin "${OUT6}:2" 80 '0:GET /public.txt HTTP/1.1\r\n' '54:X-Who: alice\r\nConnection: close\r\n\r\n' '54:X-Who: mallo\r\nConnection: close\r\n\r\n' '26:Host: www.example\r\nX-Pad: \r\n'
	done
	;;
overlap-same)
	for p in 4131 4132; do
		evade --port $p $to 80 "5:public.txt$rest" "0:GET /pub" "0:GET /public.txt$rest"
		evade --port $((p + 10)) $to 80 "0:GET /pub" "3: /public.txt HTTP" "0:GET /public.txt$rest"
	done
	;;
esac
fetch c "http://$to/public.txt"
sleep 3.3
capture_stop
answers
truth "The server is a real one (lighttpd on Linux); the client's segments are computed by testbed/evader.py."
truth_block "What the evader was told by the server" <"$LAB/evader.log"
again="tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.fast_retransmission"
case $1 in
overlap-held)
	synthetic
	shows "A client asks for /secret.txt and, in the same bytes of its stream, for /public.txt, while the receiver still waits for what stands before; the server takes one of the two."
	finding tcp-overlap-inconsistent positive
	check_frames "segments with the rest of the request" inside.pcap "ip.src == $IN4.12 && tcp.seq == 6 && tcp.len > 20" 6
	;;
overlap-tail)
	synthetic
	shows "A client asks for /secret.txt; a second segment, before anything is acknowledged, begins inside the first and says /public.txt."
	finding tcp-overlap-inconsistent positive
	check_frames "second segments" inside.pcap "ip.src == $IN4.12 && tcp.seq == 6 && tcp.len > 20" 2
	;;
overlap-fin)
	synthetic
	shows "Over IPv6, a client sends the last header of its request and FIN twice, with another name in it, before the middle of the request."
	finding tcp-overlap-inconsistent positive
	check_frames "ends of the stream" inside.pcap "ipv6 && tcp.flags.fin == 1 && tcp.srcport >= 4121" 4
	;;
overlap-same)
	synthetic
	shows "A client sends parts of its request again, cut otherwise, with the same bytes."
	finding tcp-overlap-inconsistent near-miss
	check_frames "sent again" inside.pcap "$again" 4
	;;
overlap-remedied)
	shows "The same requests go to a proxy in gw; what it hands on to the server is one reading of each."
	finding tcp-overlap-inconsistent remedied
	check_frames "the proxy's requests" outside.pcap "http.request && ip.src == $OUT4.1" 3
	check_frames "nothing sent twice" outside.pcap "$again" 0 0
	;;
esac
[ "$1" = overlap-same ] && n=4 || n=2
check "the server answered each" test "$(grep -c 'HTTP/1.[01] [24]' "$LAB/evader.log")" -ge $n
lab_finish
