#!/bin/bash
# captures: amplification amplification-remedied amplification-long amplification-one amplification-clients
#
# A resolver (unbound) on s answers questions for a long record. The sender on c
# forges the addresses that c2 holds; unbound's answers go there. Then the same
# with an access list, and clients that really ask for long records.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dig unbound python3
lab_gw c c2
S=$OUT4.2
ns gw sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.inner.rp_filter=0
ns gw ip route add 198.18.0.0/15 via "$IN4.12"
ns c2 ip route add local 198.18.0.0/15 dev lo
ns c2 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.icmp_ratelimit=0
txt=$(printf '%0220d' 0)
size=1232 allow="0.0.0.0/0 allow"
case $1 in
amplification-remedied) allow="$IN4.0/24 allow" ;;
amplification-long) size=4096 ;;
esac
cat >"$LAB/unbound.conf" <<U
server:
	interface: 0.0.0.0
	access-control: $allow
	do-daemonize: no
	use-syslog: no
	username: ""
	chroot: ""
	directory: "$LAB"
	pidfile: "$LAB/unbound.pid"
	edns-buffer-size: $size
	max-udp-size: $size
	local-zone: "good.example." static
	local-data: "www.good.example. 60 IN A 192.0.2.80"
	local-data: "mail.good.example. 60 IN A 192.0.2.25"
$(for i in 1 2 3 4 5; do echo "	local-data: 'long.good.example. 60 IN TXT \"$i$txt\"'"; done)
$([ "$1" != amplification-long ] || for i in a b c d e f g; do echo "	local-data: 'long.good.example. 60 IN TXT \"$i$txt\"'"; done)
U
bg s unbound -d -c "$LAB/unbound.conf"
up() { for i in $(seq 50); do ns c dig +time=1 +tries=1 @$S www.good.example 2>/dev/null | grep -q 192.0.2.80 && return 0; sleep 0.1; done; die "the resolver does not answer: $(tail -n 3 "$LAB/s.log")"; }
up
# forge COUNT ADDRESSES: questions from c with the addresses of others, each from its own port unless there is one address.
forge() {
	ns c python3 - "$S" "$1" "$2" <<'P'
import socket, struct, sys, time
dst, count, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
name = b"".join(bytes([len(x)]) + x.encode() for x in "long.good.example".split(".")) + b"\0"
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for i in range(count):
    k = i % many
    src = "198.%d.%d.%d" % (18 + k % 2, 7 * k % 250, 1 + k)
    dns = struct.pack(">6H", i + 1, 0x100, 1, 0, 0, 1) + name + struct.pack(">HH", 16, 1) + b"\0" + struct.pack(">HHIH", 41, 4096, 0, 0)
    udp = struct.pack(">4H", 80 if many == 1 else 1024 + i, 53, 8 + len(dns), 0) + dns
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i + 1, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    s.sendto(ip + udp, (dst, 0))
    time.sleep(0.02)
print("%d questions of %d bytes (IP) from c with %d addresses of 198.18.0.0/15" % (count, len(ip + udp), many))
P
}
capture_both "port 53 or icmp or arp or ip[6:2] & 0x1fff != 0"
case $1 in
amplification | amplification-remedied) forge 40 20 >"$LAB/sent" ;;
amplification-long) forge 24 12 >"$LAB/sent" ;;
amplification-one) forge 40 1 >"$LAB/sent" ;;
amplification-clients)
	for i in $(seq 12); do
		for n in c c2; do
			ns $n dig +time=2 +tries=1 +noall +answer +bufsize=1232 @$S long.good.example TXT | wc -c >>"$LAB/sent"
			ns $n dig +time=2 +tries=1 +short @$S www.good.example >>"$LAB/sent"
		done
	done
	# strangers with real questions: their addresses are their own, and few answers are long
	for i in $(seq 30); do
		t=A q=www.good.example
		[ $((i % 6)) != 0 ] || t=TXT q=long.good.example
		ns c2 dig +time=2 +tries=1 +short +bufsize=1232 -b "198.18.$i.$i" @$S $q $t | cut -c1-40 | head -n 1 >>"$LAB/sent"
	done
	;;
esac
sleep 0.5
capture_stop
case $1 in amplification-clients) ;; *)
	synthetic
	truth "The resolver is a real one (unbound); the questions come from a sender of our own that forges its addresses."
	truth_block "What the sender did" <"$LAB/sent" ;;
esac
big="udp.srcport == 53 && frame.len > 1000"
case $1 in
amplification | amplification-long)
	shows "A resolver that serves everybody answers short forged questions with long records, to addresses that never asked."
	finding amplification positive
	check_frames "long answers" outside.pcap "$big" 20
	check_frames "receivers that refuse them" outside.pcap "icmp.type == 3 && icmp.code == 3" 10
	;;
amplification-one)
	shows "All forged questions name one victim: 40 long answers go to port 80 of an address that never asked."
	finding amplification positive
	check_frames "long answers" outside.pcap "$big" 30
	check_frames "the receiver refuses them" outside.pcap "icmp.type == 3 && icmp.code == 3" 10
	;;
amplification-remedied)
	shows "The resolver serves its own network only: forged questions are answered with a short refusal."
	finding amplification remedied
	check_frames "no long answers" outside.pcap "$big" 0 0
	check_frames "refusals" outside.pcap "dns.flags.rcode == 5" 30
	;;
amplification-clients)
	shows "Own clients ask for long records again and again, strangers for short ones and a few long: all of them wait for their answers."
	finding amplification near-miss
	check_frames "long answers" outside.pcap "$big" 20
	check_frames "nobody refuses an answer" outside.pcap "icmp" 0 0
	;;
esac
lab_finish
