#!/bin/bash
# captures: odd-flags odd-flags-os odd-handshake odd-syn-reboot odd-syn-blind odd-after-fin
# captures: odd-flags-remedied odd-handshake-late odd-handshake-taken odd-syn-blind-far odd-syn-blind-remedied
#
# Segments that do not fit their connection: sets of flags that no stack sends,
# a second SYN/ACK from elsewhere, a SYN inside a connection (a client that
# restarted; a blind attacker), data behind a FIN. What no program sends is
# written by a raw socket (those captures count as synthetic); the rest is real.
# The remedies: a filter that drops what no connection tracker takes, and one that
# drops senders that cannot come from there.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft hping3 nmap python3 ss
peer=$(tool peer)
[ "$1" != odd-handshake-taken ] || WIRE_OUT="-delay 60ms"
lab_gw c c2 x
bg s "$peer" echo -listen :2323
wait_port s 2323
web s 80
cat >"$LAB/raw.py" <<'PY'
# raw.py SRC:PORT DST:PORT FLAGS SEQ ACK [TTL [DATA]]: one TCP segment.
import socket, struct, sys
src, sport = sys.argv[1].split(":")
dst, dport = sys.argv[2].split(":")
flags = sum({"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}[c] for c in sys.argv[3] if c != "-")
seq, ack = int(sys.argv[4]), int(sys.argv[5])
ttl = int(sys.argv[6]) if len(sys.argv) > 6 else 64
data = sys.argv[7].encode() if len(sys.argv) > 7 else b""
def tcp(sum):
    return struct.pack("!HHIIBBHHH", int(sport), int(dport), seq, ack, 5 << 4, flags, 64240, sum, 0) + data
pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 6, len(tcp(0)))
b = pseudo + tcp(0)
b += b"\0" * (len(b) % 2)
s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
while s >> 16:
    s = (s & 0xffff) + (s >> 16)
s = ~s & 0xffff
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp(0)), 4711, 0, ttl, 6, 0, socket.inet_aton(src), socket.inet_aton(dst))
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
r.sendto(ip + tcp(s), (dst, 0))
PY
cat >"$LAB/fixed.py" <<'PY'
# fixed.py PORT DST DPORT SECONDS: a client with a fixed port that says a line now and then.
import socket, sys, time
c = socket.socket()
c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
c.settimeout(5)
c.bind(("0.0.0.0", int(sys.argv[1])))
t = time.time()
try:
    c.connect((sys.argv[2], int(sys.argv[3])))
    print("port %s connected after %.2f s" % (sys.argv[1], time.time() - t), flush=True)
    end = time.time() + float(sys.argv[4])
    while time.time() < end:
        c.sendall(b"hello\n")
        print("answer %r" % c.recv(100), flush=True)
        time.sleep(0.4)
except OSError as e:
    print("port %s: %s after %.2f s" % (sys.argv[1], e, time.time() - t), flush=True)
PY
chmod -R a+rX "$LAB"
outer() {
	capture gw outer outside.pcap "$@"
	vantage outside.pcap "gw, device outer: between gw and the server"
}
inner() {
	capture gw inner inside.pcap "$@"
	vantage inside.pcap "gw, device inner: between the clients and gw"
}
# blind NS: SYNs from NS in the name of c into six of its connections.
blind() {
	for i in 1 2 3 4 5 6; do ns c python3 "$LAB/fixed.py" $((4000 + i)) $OUT4.2 2323 6 >>"$LAB/answers" 2>&1 & done
	for i in $(seq 80); do
		[ "$(grep -c connected "$LAB/answers" 2>/dev/null)" != 6 ] || break
		sleep 0.05
	done
	for i in 1 2 3 4 5 6; do ns "$1" python3 "$LAB/raw.py" $IN4.11:$((4000 + i)) $OUT4.2:2323 S $((i * 1000)) 0 51; done
	sleep 5
}
case $1 in
odd-flags-remedied)
	# As the finding prints it.
	ns gw nft add table inet filter
	ns gw nft add chain inet filter forward '{ type filter hook forward priority filter; }'
	ns gw nft insert rule inet filter forward ct state invalid drop
	outer tcp
	fetch c http://$OUT4.2/page-200.txt
	for f in -SF -SR -SFUP -FR "-S -R -A" -UP; do ns x hping3 -q $f -p 80 -i u20000 -c 4 $OUT4.2 >/dev/null 2>&1 || true; done
	fetch c http://$OUT4.2/page-200.txt
	truth "hping3 sends SYN+FIN, SYN+RST, SYN+FIN+URG+PSH, FIN+RST, SYN+RST+ACK and URG+PSH, four of each."
	finding tcp-flags-illegal remedied
	;;
odd-flags)
	inner tcp
	fetch c http://$OUT4.2/page-200.txt
	for f in -SF -SR -SFUP -FR "-S -R -A" -UP; do ns x hping3 -q $f -p 80 -i u20000 -c 4 $OUT4.2 >/dev/null 2>&1 || true; done
	fetch c http://$OUT4.2/page-200.txt
	truth "hping3 sends SYN+FIN, SYN+RST, SYN+FIN+URG+PSH, FIN+RST, SYN+RST+ACK and URG+PSH, four of each."
	finding tcp-flags-illegal positive
	;;
odd-flags-os)
	inner "tcp or icmp or udp"
	fetch c http://$OUT4.2/page-200.txt
	ns x nmap -n -Pn -O --max-os-tries 1 -p 80,2323,81 $OUT4.2 2>&1 | grep -v '^$' | truth_block "What the scanner says"
	finding tcp-flags-illegal positive
	;;
odd-handshake | odd-handshake-late | odd-handshake-taken)
	synthetic
	inner tcp
	port=2323 wait=0 ttl=57
	case $1 in
	odd-handshake-late) wait=0.25 ttl=52 ;;
	odd-handshake-taken) port=80 ttl=60 ;;
	esac
	# A program on gw, nearer to the client than the server, answers SYNs in the server's name.
	cat >"$LAB/forge.py" <<-'PY'
	import socket, struct, subprocess, sys, time
	port, wait, ttl = int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
	s.bind(("inner", 0))
	n = 0
	while n < 3:
	    f = s.recv(2000)
	    if f[23] != 6 or f[47] != 2 or f[36:38] != struct.pack("!H", port):
	        continue
	    src, dst = socket.inet_ntoa(f[26:30]), socket.inet_ntoa(f[30:34])
	    sport, seq = struct.unpack("!H", f[34:36])[0], struct.unpack("!I", f[38:42])[0]
	    time.sleep(wait)
	    subprocess.run([sys.executable, sys.argv[1], "%s:%d" % (dst, port), "%s:%d" % (src, sport), "SA", str(1000000 + n), str(seq + 1), ttl])
	    n += 1
	PY
	bg gw python3 "$LAB/forge.py" "$LAB/raw.py" $port $wait $ttl
	sleep 1.5
	for i in 1 2 3; do ns c python3 "$LAB/fixed.py" $((4000 + i)) $OUT4.2 $port 1 >>"$LAB/answers" 2>&1 || true; done
	finding tcp-handshake-forged positive
	;;
odd-syn-reboot)
	inner tcp
	ns c python3 "$LAB/fixed.py" 4001 $OUT4.2 2323 30 >>"$LAB/answers" 2>&1 &
	for i in $(seq 50); do
		grep -q answer "$LAB/answers" 2>/dev/null && break
		sleep 0.1
	done
	p=$(ns c ss -Htnp "sport = :4001" | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
	printf 'table inet cut {\n chain output {\n  type filter hook output priority filter\n  drop\n }\n}\n' | ns c nft -f -
	kill -KILL "$p"
	sleep 0.3
	ns c ss -K sport = :4001 >/dev/null 2>&1 || true
	sleep 1
	ns c nft delete table inet cut
	ns c python3 "$LAB/fixed.py" 4001 $OUT4.2 2323 1 >>"$LAB/answers" 2>&1 || true
	truth "The client loses its connection without a word (as by a power cut) and asks again from the same port."
	finding tcp-midstream-syn positive
	;;
odd-syn-blind)
	synthetic
	inner tcp
	blind x
	truth "x writes SYNs in the name of c into six of its connections; the server answers with challenge ACKs and goes on."
	finding tcp-midstream-syn positive
	;;
odd-syn-blind-far | odd-syn-blind-remedied)
	synthetic
	node f
	link gw far f eth0
	addr gw far 203.0.113.1/24
	addr f eth0 203.0.113.9/24
	ns f ip route add default via 203.0.113.1
	ns gw sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.far.rp_filter=0
	# As the finding prints it.
	[ "$1" = odd-syn-blind-far ] || ns gw sysctl -qw net.ipv4.conf.all.rp_filter=1
	outer tcp
	blind f
	truth "A stranger, beyond another device of gw, writes SYNs in the name of c into six of its connections."
	finding tcp-midstream-syn "$([ "$1" = odd-syn-blind-far ] && echo positive || echo remedied)"
	;;
odd-after-fin)
	synthetic
	outer tcp
	cat >"$LAB/close.py" <<-'PY'
	import socket, subprocess, sys, struct, time
	raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
	raw.bind(("eth0", 0))
	raw.settimeout(2)
	for i in range(3):
	    c = socket.socket()
	    c.connect((sys.argv[2], 2323))
	    me = c.getsockname()
	    c.sendall(b"hello\n")
	    c.recv(100)
	    c.shutdown(socket.SHUT_WR)
	    end = time.time() + 2
	    while time.time() < end:
	        f = raw.recv(2000)
	        if f[12:14] == b"\x08\0" and f[23] == 6 and f[34:36] == struct.pack("!H", me[1]) and f[47] & 1:
	            break
	    seq, ack = struct.unpack("!II", f[38:46])
	    subprocess.run([sys.executable, sys.argv[1], "%s:%d" % me, "%s:2323" % sys.argv[2], "PA", str(seq + 1), str(ack), "64", "more than I said I would send\n"])
	    time.sleep(0.3)
	PY
	ns x python3 "$LAB/close.py" "$LAB/raw.py" $OUT4.2
	truth "A client closes its side and a raw socket sends data behind the FIN, on three connections."
	finding tcp-data-after-close positive
	;;
esac
sleep 3.3
capture_stop
[ ! -s "$LAB/answers" ] || answers
case $1 in
odd-flags)
	shows "One machine sends sets of flags that no TCP sends, as an attacker does who wants to get past a filter."
	check_frames "SYN and FIN" inside.pcap "tcp.flags.syn == 1 && tcp.flags.fin == 1" 8
	check_frames "SYN and RST" inside.pcap "tcp.flags.syn == 1 && tcp.flags.reset == 1" 8
	;;
odd-flags-remedied)
	shows "The same segments meet a filter in gw that drops what no connection tracker takes: none of them comes as far as the server."
	check_frames "SYN with FIN or RST" outside.pcap "tcp.flags.syn == 1 && (tcp.flags.fin == 1 || tcp.flags.reset == 1)" 0 0
	check "the client was served" every_ok
	;;
odd-flags-os)
	shows "Nmap wants to know the operating system: among its probes are sets of flags that no TCP sends."
	check_frames "SYN, FIN, PSH, URG" inside.pcap "tcp.flags & 0x2b == 0x2b" 1
	;;
odd-handshake)
	shows "A second SYN/ACK with another number and from fewer hops away arrives at the client: a forged handshake."
	check_frames "SYN/ACKs nearer" inside.pcap "tcp.flags == 0x12 && ip.ttl == 57" 3
	check_frames "SYN/ACKs of the server" inside.pcap "tcp.flags == 0x12 && ip.ttl == 63" 3
	;;
odd-handshake-late)
	shows "The server's SYN/ACK is followed, a quarter of a second later, by another with another number and from farther away."
	check_frames "SYN/ACKs from farther away" inside.pcap "tcp.flags == 0x12 && ip.ttl == 52" 3
	check_frames "SYN/ACKs of the server" inside.pcap "tcp.flags == 0x12 && ip.ttl == 63" 3
	;;
odd-handshake-taken)
	shows "A forged SYN/ACK is faster than the server's, which is 120 ms away: the client takes up a connection with the forger and refuses the server's answer."
	check_frames "SYN/ACKs nearer" inside.pcap "tcp.flags == 0x12 && ip.ttl == 60" 3
	check_frames "SYN/ACKs of the server" inside.pcap "tcp.flags == 0x12 && ip.ttl == 63" 3
	;;
odd-syn-reboot)
	shows "A client restarts and asks from its old port: the server still has the connection, answers with an acknowledgement of it, is told to forget it, and the second request succeeds."
	check "the second time succeeds" [ "$(grep -c connected "$LAB/answers")" = 2 ]
	check_frames "the client's RST" inside.pcap "tcp.flags.reset == 1 && ip.src == $IN4.11" 1
	;;
odd-syn-blind)
	shows "SYNs with other numbers and another TTL appear inside six standing connections, which go on."
	check_frames "SYNs" inside.pcap "tcp.flags == 2 && ip.ttl == 51" 6
	check "the connections went on" [ "$(grep -c "hello" "$LAB/answers")" -ge 40 ]
	;;
odd-syn-blind-far)
	shows "SYNs with other numbers and another TTL, from a stranger's network, appear inside six standing connections, which go on."
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && ip.ttl == 50" 6
	check "the connections went on" [ "$(grep -c "hello" "$LAB/answers")" -ge 40 ]
	;;
odd-syn-blind-remedied)
	shows "gw drops packets whose sender cannot come from there: the stranger's SYNs do not reach the server."
	check_frames "no SYN but the clients' own" outside.pcap "tcp.flags == 2 && ip.ttl != 63" 0 0
	check_frames "the clients' SYNs" outside.pcap "tcp.flags == 2 && ip.ttl == 63" 6
	;;
odd-after-fin)
	shows "A client sends data behind its own FIN, three times."
	check_frames "data behind the FIN" outside.pcap "tcp.payload contains \"more than I said\"" 3
	;;
esac
lab_finish
