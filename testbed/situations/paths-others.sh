#!/bin/bash
# captures: asymmetric-answers out-of-window-ipv6
#
# More of asymmetric.sh and out-of-window.sh. The clients' packets take another way,
# router r2, and gw sees the answers only; over IPv6, the way back of a connection
# changes in its middle, and gw's connection tracker resets what it cannot follow.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3 conntrack
lab_gw c c2
node r2
link s back r2 outer
link r2 inner gw p-r2
ns gw ip link set p-r2 master inner
addr s back 10.4.0.2/24 fd00:4::2/64
addr r2 outer 10.4.0.1/24 fd00:4::1/64
addr r2 inner $IN4.2/24 "${IN6}:2/64"
ns r2 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for n in c c2 s gw r2; do ns $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0; done
own="(ether host $(ns gw cat /sys/class/net/inner/address) or ether host $(ns gw cat /sys/class/net/outer/address))"
case $1 in
asymmetric-answers)
	need curl
	web s 80
	for n in c c2; do ns $n ip route replace $OUT4.0/24 via $IN4.2; done
	ns r2 ip route add $OUT4.0/24 via 10.4.0.2
	capture gw outer outside.pcap "$own"
	vantage outside.pcap "gw, device outer: between gw and the server"
	for i in 1 2 3 4 5 6; do for n in c c2; do fetch $n http://$OUT4.2/page-200.txt; done; done
	;;
out-of-window-ipv6)
	ns gw nft -f - <<-N
	table inet fw {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state invalid counter drop
			ct state established,related accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, echo-request, echo-reply } accept
			ip6 saddr ${IN6}:/64 ct state new accept
		}
	}
	N
	# The reader has a small buffer, so that its window is soon used up; it answers when asked to.
	cat >"$LAB/server.py" <<-'PY'
	import socket, threading
	def serve(c):
	    while True:
	        d = c.recv(4096)
	        if not d:
	            break
	        if d.startswith(b"?"):
	            c.sendall(b"so many words as answer\n")
	    c.close()
	l = socket.socket(socket.AF_INET6)
	l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
	l.bind(("::", 2323))
	l.listen(8)
	while True:
	    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
	PY
	cat >"$LAB/client.py" <<-'PY'
	import socket, sys, time
	ask, target, n, pause = sys.argv[1] == "ask", sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
	c = socket.socket(socket.AF_INET6)
	c.settimeout(6)
	c.connect((target, 2323))
	c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	c.setsockopt(socket.IPPROTO_TCP, 18, 5000)  # TCP_USER_TIMEOUT, ms
	text = (b"?" if ask else b".") + b"x" * (99 if ask else 999)
	try:
	    for i in range(n):
	        c.sendall(text)
	        if ask and not c.recv(100):
	            break
	        time.sleep(pause)
	    c.shutdown(socket.SHUT_WR)
	    print("done" if not c.recv(100) else "odd")
	except OSError as e:
	    print("dead:", e)
	PY
	chmod -R a+rX "$LAB"
	bg s python3 "$LAB/server.py"
	wait_port s 2323
	capture_both "tcp and $own"
	for i in 1 2; do ns c2 python3 "$LAB/client.py" ask ${OUT6}:2 5 0.02 | sed 's/^/c2 /' >>"$LAB/answers"; done
	ns c python3 "$LAB/client.py" send ${OUT6}:2 40 0.05 >"$LAB/c.out" &
	run=$!
	for i in $(seq 50); do
		[ -z "$(ns s ss -Htn state established "sport = :2323" | grep "${IN6}:11")" ] || break
		sleep 0.1
	done
	sleep 0.8
	ns s ip -6 route add ${IN6}:11/128 via fd00:4::1
	for i in 1 2 3; do ns c2 python3 "$LAB/client.py" ask ${OUT6}:2 5 0.2 | sed 's/^/c2 /' >>"$LAB/answers"; done
	wait $run || true
	sed 's/^/c /' "$LAB/c.out" >>"$LAB/answers"
	;;
esac
capture_stop
answers
case $1 in
asymmetric-answers)
	shows "12 connections of two clients: the clients' packets pass router r2, gw sees the server's answers only."
	finding tcp-asymmetric-path positive
	check "every request was answered" every_ok
	check_frames "answers seen" outside.pcap "tcp.flags == 0x12" 12
	check_frames "no packet of the clients" outside.pcap "ip.src == $IN4.0/24" 0 0
	;;
out-of-window-ipv6)
	shows "Over IPv6, the way back of a connection changes in its middle; gw's connection tracker drops what then seems to lie outside the window."
	finding tcp-out-of-window positive
	ns gw nft list chain inet fw forward | truth_block "The rules of gw, with their counters"
	truth "The server's way back to ${IN6}:11 changes to r2 after about 1 s; r2 is not in the captures."
	check "the connection dies" grep -q '^c dead' "$LAB/answers"
	check "the other client was served" [ "$(grep -c '^c2 done' "$LAB/answers")" = 5 ]
	check "the rule for invalid packets dropped some" sh -c "! ip netns exec $P-gw nft list chain inet fw forward | grep -q 'invalid counter packets 0 '"
	;;
esac
lab_finish
