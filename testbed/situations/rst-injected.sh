#!/bin/bash
# captures: rst-middlebox rst-endpoint
#
# Connections cut in the middle: by gw with resets to both sides, and by the
# server's own program.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3
peer=$(tool peer)
lab_gw c c2
if [ "$1" = rst-middlebox ]; then
	bg s "$peer" echo -listen :2323
	ns gw nft -f - <<-N
	table ip fw {
		chain forward {
			type filter hook forward priority filter
			ct original packets > 12 ip saddr $IN4.0/24 meta l4proto tcp reject with tcp reset
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
for i in 1 2 3; do
	for n in c c2; do
		ns $n "$peer" chat -to $OUT4.2:2323 -pauses 0s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s,0.2s -timeout 3s | sed "s/^/$n /" >>"$LAB/answers"
	done
done
capture_stop
answers
check "the lines die" [ "$(grep -c dead "$LAB/answers")" = 6 ]
if [ "$1" = rst-middlebox ]; then
	shows "gw cuts each connection after some packets with a reset in the server's name; its TTL differs, and the server never hears of it."
	finding tcp-rst-injected positive
	check_frames "resets with gw's TTL" inside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2 && ip.ttl == 64" 6
	check_frames "none by the server" outside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2" 0 0
else
	shows "The server's program aborts each connection: the reset comes from the server, with its own TTL."
	finding tcp-rst-injected near-miss
	check_frames "resets by the server" outside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2" 6
	check_frames "with its own TTL" inside.pcap "tcp.flags.reset == 1 && ip.src == $OUT4.2 && ip.ttl == 63" 6
fi
lab_finish
