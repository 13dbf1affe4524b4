#!/bin/bash
# captures: rst-middlebox rst-endpoint rst-middlebox-ipv6 rst-tcpkill rst-middlebox-remedied
#
# Connections cut in the middle: by gw with resets to both sides, by tcpkill, which
# listens on gw, and by the server's own program. Remedied: the rule is gone.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3
peer=$(tool peer)
lab_gw c c2
to=$OUT4.2:2323 pauses=0s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s deaths=6
[ "$1" != rst-middlebox-ipv6 ] || to="[${OUT6}:2]:2323"
[ "$1" != rst-tcpkill ] || pauses=0s,0.4s,0.4s,0.4s,0.4s,0.4s
if [ "$1" != rst-endpoint ]; then
	bg s "$peer" echo -listen :2323
	case $1 in
	rst-middlebox) family=ip from="$IN4.0/24" ;;
	rst-middlebox-ipv6) family=ip6 from="${IN6}:/64" ;;
	*) family= ;;
	esac
	[ -z "$family" ] || ns gw nft -f - <<-N
	table $family fw {
		chain forward {
			type filter hook forward priority filter
			ct original packets > 12 $family saddr $from meta l4proto tcp reject with tcp reset
		}
	}
	N
else
	cat >"$LAB/server.py" <<-'PY'
	import socket, struct
	l = socket.socket()
	l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	l.bind(("0.0.0.0", 2323))
	l.listen(8)
	while True:
	    c, _ = l.accept()
	    for i in range(5):
	        c.sendall(c.recv(100))
	    c.recv(100)
	    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	    c.close()
	PY
	chmod -R a+rX "$LAB"
	bg s python3 "$LAB/server.py"
fi
wait_port s 2323
capture_both tcp
if [ "$1" = rst-tcpkill ]; then
	need tcpkill
	bg gw tcpkill -9 -i inner port 2323
	sleep 1
fi
for i in 1 2 3; do
	for n in c c2; do
		ns $n "$peer" chat -to "$to" -pauses $pauses -timeout 3s | sed "s/^/$n /" >>"$LAB/answers"
	done
done
capture_stop
answers
[ "$1" != rst-middlebox-remedied ] || deaths=0
check "the lines that die: $deaths" [ "$(grep -c dead "$LAB/answers")" = $deaths ]
server="(ip.src == $OUT4.2 || ipv6.src == ${OUT6}:2)"
case $1 in
rst-middlebox | rst-middlebox-ipv6)
	shows "gw cuts each connection after some packets with a reset in the server's name$([ "$1" = rst-middlebox ] || echo ", over IPv6"); its TTL differs, and the server never hears of it."
	finding tcp-rst-injected positive
	check_frames "resets with gw's TTL" inside.pcap "tcp.flags.reset == 1 && $server && (ip.ttl == 64 || ipv6.hlim == 64)" 6
	check_frames "none by the server" outside.pcap "tcp.flags.reset == 1 && $server" 0 0
	;;
rst-tcpkill)
	shows "tcpkill listens on gw and cuts every connection to port 2323, with resets in the name of both ends."
	finding tcp-rst-injected positive
	check_frames "resets that the server did not send" inside.pcap "tcp.flags.reset == 1 && $server && ip.ttl == 64" 6
	check_frames "resets that the clients did not send" outside.pcap "tcp.flags.reset == 1 && !$server && ip.ttl == 64" 6
	;;
rst-middlebox-remedied)
	shows "gw's rule is gone: the connections live as long as their ends want."
	finding tcp-rst-injected remedied
	check_frames "no reset" inside.pcap "tcp.flags.reset == 1" 0 0
	;;
*)
	shows "The server's program aborts each connection: the reset comes from the server, with its own TTL."
	finding tcp-rst-injected near-miss
	check_frames "resets by the server" outside.pcap "tcp.flags.reset == 1 && $server" 6
	check_frames "with its own TTL" inside.pcap "tcp.flags.reset == 1 && $server && ip.ttl == 63" 6
	;;
esac
lab_finish
