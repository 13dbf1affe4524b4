#!/bin/bash
# captures: out-of-window out-of-window-ack out-of-window-remedied
#
# A connection through the filtering router gw, whose answers take another way from its middle on: router r2. gw's
# connection tracker goes on judging by what it saw, and drops what is right between the two ends.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3 conntrack
peer=$(tool peer)
lab_gw c c2
node r2
link s back r2 outer
link r2 inner gw p-r2
ns gw ip link set p-r2 master inner
addr s back 10.4.0.2/24
addr r2 outer 10.4.0.1/24
addr r2 inner $IN4.2/24
ns r2 sysctl -qw net.ipv4.ip_forward=1
for n in c c2 s gw r2; do ns $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0; done
ns gw nft -f - <<-N
	table ip fw {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state invalid counter drop
			ct state established,related accept
			ip saddr $IN4.0/24 ct state new accept
		}
	}
N
[ "$1" != out-of-window-remedied ] || ns gw sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1
# The reader has a small buffer, so that its window is soon used up; it answers when asked to.
cat >"$LAB/server.py" <<-'PY'
	import socket, sys, threading
	def serve(c):
	    while True:
	        d = c.recv(4096)
	        if not d:
	            break
	        if d.startswith(b"?"):
	            c.sendall(b"so many words as answer\n")
	    c.close()
	l = socket.socket()
	l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
	l.bind(("0.0.0.0", 2323))
	l.listen(8)
	while True:
	    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
PY
cat >"$LAB/client.py" <<-'PY'
	import socket, sys, time
	ask, target, n, pause = sys.argv[1] == "ask", sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
	c = socket.socket()
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
# Only what gw itself handles.
capture_both "tcp and (ether host $(ns gw cat /sys/class/net/inner/address) or ether host $(ns gw cat /sys/class/net/outer/address))"
# Others, that are whole.
for i in 1 2 3; do ns c2 python3 "$LAB/client.py" ask $OUT4.2 5 0.02 | sed 's/^/c2 /' >>"$LAB/answers"; done
how=send count=60
[ "$1" != out-of-window-ack ] || how=ask count=30
ns c python3 "$LAB/client.py" $how $OUT4.2 $count 0.05 >"$LAB/c.out" &
run=$!
sleep 0.8
ns s ip route add $IN4.11/32 via 10.4.0.1
# The other client goes on all the while.
for i in 1 2 3; do ns c2 python3 "$LAB/client.py" ask $OUT4.2 10 0.2 | sed 's/^/c2 /' >>"$LAB/answers"; done
wait $run || true
sed 's/^/c /' "$LAB/c.out" >>"$LAB/answers"
capture_stop
answers
ns gw nft list chain ip fw forward | truth_block "The rules of gw, with their counters"
ns gw conntrack -S 2>/dev/null | truth_block "gw's connection tracker (conntrack -S)"
truth "The server's way back to $IN4.11 changes to r2 after 0.8 s; r2 is not in the captures."
check "the other client was served" [ "$(grep -c '^c2 done' "$LAB/answers")" = 6 ]
if [ "$1" = out-of-window-remedied ]; then
	shows "The same change of the way back, with a tracker that does not check the window (nf_conntrack_tcp_be_liberal): the connection ends well."
	finding tcp-out-of-window remedied
	check "the connection ends well" grep -q '^c done' "$LAB/answers"
else
	shows "The way back of a connection changes in its middle; gw's connection tracker drops what then seems to lie outside the window."
	finding tcp-out-of-window positive
	check "the connection dies" grep -q '^c dead' "$LAB/answers"
	check "the rule for invalid packets dropped some" sh -c "! ip netns exec $P-gw nft list chain ip fw forward | grep -q 'invalid counter packets 0 '"
fi
lab_finish
