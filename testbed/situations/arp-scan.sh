#!/bin/bash
# captures: arp-scan arp-scan-nmap arp-scan-few mac-flood mac-flood-crowd arp-odd arp-bogon arp-bogon-remedied
#
# Who is looking for machines, and frames no honest card sends.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need arp-scan nmap macof python3
case $1 in
mac-flood*) lab_lan gw c x ;;
*) lab_lan gw a b c x ;;
esac
case $1 in
mac-flood | arp-odd) # the kernel's bridge drops frames that come from a group: before it, they are seen
	capture sw p-x lan.pcap
	vantage lan.pcap "the switch's port to x"
	;;
*)
	capture sw lan lan.pcap
	vantage lan.pcap "the switch: every frame of the network"
	;;
esac
ns c ping -c 2 -i 0.2 $IN4.1 >/dev/null
case $1 in
arp-scan) ns x arp-scan -I eth0 --bandwidth 256000 $IN4.0/24 | truth_block "arp-scan" ;;
arp-scan-nmap) ns x nmap -sn -PR -n --max-rate 200 $IN4.0/25 | truth_block "nmap -sn -PR" ;;
arp-scan-few) # a monitor that knows its machines and looks after each of them
	for i in 1 2 3; do for h in 1 11 12 13; do ns x ping -c 1 -W 1 $IN4.$h >/dev/null; ns x ip neigh flush all; done; done
	;;
mac-flood)
	ns x macof -i eth0 -n 1400 >"$LAB/macof" 2>&1
	head -5 "$LAB/macof" | truth_block "macof, its first frames"
	;;
mac-flood-crowd) # many machines at once, not that many
	ns x python3 - <<-P
		import socket, struct, time
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind(("eth0", 0))
		for i in range(120):
		    m = struct.pack("!HI", 0x02aa, i)
		    ip = socket.inet_aton("10.1.0.%d" % (100 + i))
		    s.send(b"\xff" * 6 + m + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + m + ip + b"\0" * 6 + socket.inet_aton("10.1.0.1"))
		    time.sleep(0.02)
	P
	;;
arp-odd)
	ns x python3 - <<-P
		import socket
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind(("eth0", 0))
		def arp(ether, dst, op, sha, spa, tha, tpa, sizes=b"\x06\x04"):
		    s.send(dst + ether + b"\x08\x06\x00\x01\x08\x00" + sizes + bytes([0, op]) + sha + socket.inet_aton(spa) + tha + socket.inet_aton(tpa))
		x, other, group, all_, none = b"\x02\xfd\0\0\0\x0e", b"\x02\xfd\0\0\0\x99", b"\x03\xfd\0\0\0\x0e", b"\xff" * 6, b"\0" * 6
		for i in range(3):
		    arp(x, all_, 1, other, "10.1.0.99", none, "10.1.0.1")       # the frame's sender is not the packet's
		    arp(group, all_, 1, x, "10.1.0.14", none, "10.1.0.1")       # a frame from a group
		    arp(x, all_, 1, all_, "10.1.0.98", none, "10.1.0.1")        # an owner that is everybody
		    arp(x, all_, 1, x, "10.1.0.14", none, "10.1.0.1", b"\x05\x04")
	P
	;;
arp-bogon)
	addr x eth0 172.31.9.5/24
	for i in 1 2 3 4 5 6 7 8; do ns x ping -c 1 -W 1 172.31.9.1 >/dev/null || true; done
	for n in a b; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
	;;
arp-bogon-remedied) for n in a b x; do for i in 1 2; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done; done ;;
esac
case $1 in
arp-scan*) # the answers are due; somebody else speaks then
	sleep 2
	ns c ping -c 2 -i 1 $IN4.1 >/dev/null
	;;
esac
capture_stop
X=$(mac_of 14)
case $1 in
arp-scan | arp-scan-nmap)
	shows "x ($X) asks for every address of the network; most of them are not there."
	finding arp-scan positive
	check_frames "questions of x" lan.pcap "arp.opcode == 1 && arp.src.hw_mac == $X" 100
	;;
arp-scan-few)
	shows "x asks for the machines it knows, again and again; all of them answer."
	finding arp-scan near-miss
	check_frames "questions of x" lan.pcap "arp.opcode == 1 && arp.src.hw_mac == $X" 8
	;;
mac-flood)
	shows "macof sends frames from over a thousand made-up MAC addresses within a second."
	finding mac-flood positive
	n=$(tshark -n -r "$OUT/lan.pcap" -T fields -e eth.src 2>/dev/null | sort -u | wc -l)
	check "over 600 senders ($n)" [ "$n" -gt 600 ]
	;;
mac-flood-crowd)
	synthetic
	shows "120 machines begin to speak within three seconds: a class-room is switched on."
	finding mac-flood near-miss
	finding arp-scan near-miss
	check_frames "questions" lan.pcap "arp.opcode == 1" 100
	;;
arp-odd)
	synthetic
	shows "x sends ARP that no honest card sends: in the name of another, from a group address, from everybody, with impossible sizes."
	finding arp-ether-mismatch positive
	finding mac-source-illegal positive
	check_frames "the frame's sender is not the packet's" lan.pcap "eth.src == 02:fd:00:00:00:0e && arp.src.hw_mac == 02:fd:00:00:00:99" 3
	check_frames "from a group" lan.pcap "eth.src == 03:fd:00:00:00:0e" 3
	;;
arp-bogon)
	shows "x has an address of another network, 172.31.9.5, and asks in vain for its neighbours there."
	finding arp-bogon positive
	check_frames "questions in vain" lan.pcap "arp.src.proto_ipv4 == 172.31.9.5" 4
	;;
arp-bogon-remedied)
	shows "x has an address of this network only."
	finding arp-bogon remedied
	check_frames "no question in vain" lan.pcap "arp.src.proto_ipv4 == 172.31.9.5" 0 0
	;;
esac
lab_finish
