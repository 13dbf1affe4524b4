#!/bin/bash
# captures: arp-scan arp-scan-nmap arp-scan-few mac-flood mac-flood-crowd arp-odd arp-bogon arp-bogon-remedied
# captures: arp-scan-netdiscover arp-scan-remedied mac-flood-ettercap mac-flood-vlan mac-flood-remedied
# captures: arp-odd-tool arp-odd-vlan arp-odd-remedied arp-repeater arp-bogon-factory arp-bogon-vlan
#
# Who is looking for machines, and frames no honest card sends.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need arp-scan nmap macof python3 netdiscover ettercap nft bridge
X=$(mac_of 14)
case $1 in
mac-flood*) X=$(mac_of 12) ;;
esac
case $1 in
*-vlan) WIRE_LAN="-vlan 20" ;;
esac
case $1 in
mac-flood*) lab_lan gw c x ;;
*) lab_lan gw a b c x ;;
esac
case $1 in
mac-flood | mac-flood-ettercap | mac-flood-vlan | arp-odd | arp-odd-tool | arp-odd-vlan) # the kernel's bridge drops frames that come from a group: before it, they are seen
	capture sw p-x lan.pcap
	vantage lan.pcap "the switch's port to x"
	;;
*)
	capture sw lan lan.pcap
	vantage lan.pcap "the switch: every frame of the network"
	;;
esac
# guard RULES...: the switch's port to x drops what the rules say.
guard() {
	ns sw nft add table bridge guard
	ns sw nft add chain bridge guard in '{ type filter hook prerouting priority 0; }'
	local r
	for r in "$@"; do ns sw nft add rule bridge guard in iifname p-x $r drop; done
}
ns c ping -c 2 -i 0.2 $IN4.1 >/dev/null
case $1 in
arp-scan-netdiscover) ns x timeout 20 netdiscover -i eth0 -r $IN4.0/24 -P -N -s 20 | truth_block "netdiscover" || true ;;
arp-scan-remedied) # as the finding prints it
	guard "arp operation request limit rate over 5/second"
	ns x arp-scan -I eth0 --bandwidth 256000 --retry 1 $IN4.0/24 | truth_block "arp-scan"
	;;
mac-flood-ettercap)
	ns x timeout 7 ettercap -T -q -i eth0 -P rand_flood </dev/null >"$LAB/ettercap" 2>&1 || true
	grep -i flood "$LAB/ettercap" | head -5 | truth_block "ettercap"
	;;
mac-flood-remedied) # as the finding prints it: four addresses for the port
	ns sw nft add table bridge guard
	ns sw nft add chain bridge guard in '{ type filter hook prerouting priority 0; }'
	ns sw nft add set bridge guard cards '{ type ether_addr; size 4; flags dynamic; }'
	ns sw nft add rule bridge guard in iifname p-x ether saddr @cards accept
	ns sw nft add rule bridge guard in iifname p-x add @cards '{ ether saddr }' accept
	ns sw nft add rule bridge guard in iifname p-x drop
	ns x ping -c 2 -i 0.2 $IN4.1 >/dev/null
	ns x macof -i eth0 -n 1400 >"$LAB/macof" 2>&1
	head -5 "$LAB/macof" | truth_block "macof, its first frames"
	ns x ping -c 2 -i 0.2 $IN4.1 >/dev/null
	;;
arp-odd-tool)
	ns x arp-scan -I eth0 --arpsha=02:fd:00:00:00:99 --arpspa=10.1.0.99 --retry 1 $IN4.1-$IN4.4 | truth_block "arp-scan --arpsha" || true
	ns x arp-scan -I eth0 --srcaddr=03:fd:00:00:00:0e --retry 1 $IN4.1-$IN4.4 | truth_block "arp-scan --srcaddr" || true
	;;
arp-repeater) # a repeater between x and the switch puts its own address into every frame, as some Wi-Fi bridges do
	ns x nft -f - <<-'N'
		table netdev repeater {
			chain out {
				type filter hook egress device eth0 priority 0
				ether saddr set 02:fd:00:00:77:01
			}
		}
	N
	ns x ip link set eth0 promisc on
	for i in 1 2 3; do
		ns x ip neigh flush all
		ns x ping -c 2 -i 0.2 -W 1 $IN4.1 >/dev/null || true
		sleep 1
	done
	;;
arp-bogon-factory) # a device with the address that its maker gave it, and the way out that belongs to it
	ns x ip addr flush dev eth0
	addr x eth0 192.168.1.20/24
	ns x ip route add default via 192.168.1.1
	for i in 1 2 3 4; do ns x ping -c 1 -W 1 198.51.100.53 >/dev/null || true; done
	for n in a b; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
	for i in 1 2 3; do ns x ping -c 1 -W 1 198.51.100.53 >/dev/null || true; done
	;;
arp-bogon-vlan)
	addr x eth0 172.31.9.5/24
	for n in a b; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
	for i in 1 2 3 4 5; do ns x ping -c 1 -W 1 172.31.9.$i >/dev/null || true; done
	for n in a b; do ns $n ping -c 2 -i 0.2 $IN4.1 >/dev/null; done
	;;
arp-scan) ns x arp-scan -I eth0 --bandwidth 256000 $IN4.0/24 | truth_block "arp-scan" ;;
arp-scan-nmap) ns x nmap -sn -PR -n --max-rate 200 $IN4.0/25 | truth_block "nmap -sn -PR" ;;
arp-scan-few) # a monitor that knows its machines and looks after each of them
	for i in 1 2 3; do for h in 1 11 12 13; do ns x ping -c 1 -W 1 $IN4.$h >/dev/null; ns x ip neigh flush all; done; done
	;;
mac-flood | mac-flood-vlan)
	ns x macof -i eth0 -n $([ "$1" = mac-flood ] && echo 1400 || echo 700) >"$LAB/macof" 2>&1
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
arp-odd | arp-odd-vlan | arp-odd-remedied)
	# as the findings print it
	[ "$1" != arp-odd-remedied ] || guard "ether saddr $X arp saddr ether != $X" "ether saddr & 01:00:00:00:00:00 == 01:00:00:00:00:00" "arp saddr ether & 01:00:00:00:00:00 == 01:00:00:00:00:00" "arp hlen != 6"
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
senders() { tshark -n -r "$OUT/lan.pcap" -T fields -e eth.src 2>/dev/null | sort -u | wc -l; }
case $1 in
arp-scan-netdiscover)
	shows "x ($X) asks for every address of the network with netdiscover; most of them are not there."
	finding arp-scan positive
	check_frames "questions of x" lan.pcap "arp.opcode == 1 && eth.src == $X" 100
	;;
arp-scan-remedied)
	shows "The switch lets five questions a second pass from the port of x: of its search for 256 addresses a handful comes through, and it finds next to nobody."
	finding arp-scan remedied
	check_frames "questions of x that pass" lan.pcap "arp.opcode == 1 && arp.src.hw_mac == $X" 5 40
	;;
mac-flood-remedied)
	shows "The switch allows four addresses behind the port of x: of macof's frames a handful passes, and x itself still works."
	finding mac-flood remedied
	check "few senders ($(senders))" [ "$(senders)" -lt 10 ]
	check_frames "x gets through" lan.pcap "icmp.type == 0 && eth.dst == $X" 4
	;;
arp-odd-tool)
	shows "arp-scan asks in the name of another card (--arpsha), and from a group address (--srcaddr)."
	finding arp-ether-mismatch positive
	finding mac-source-illegal positive
	check_frames "the frame's sender is not the packet's" lan.pcap "eth.src == $X && arp.src.hw_mac == 02:fd:00:00:00:99" 3
	check_frames "from a group" lan.pcap "eth.src == 03:fd:00:00:00:0e" 3
	;;
arp-repeater)
	shows "A box between x and the switch writes its own address into the frames of x and leaves the ARP inside as it was."
	finding arp-ether-mismatch positive
	check_frames "the frame's sender is not the packet's" lan.pcap "eth.src == 02:fd:00:00:77:01 && arp.src.hw_mac == $X" 3
	;;
arp-odd-vlan)
	synthetic
	shows "In VLAN 20, x sends ARP that no honest card sends: in the name of another, from a group address, from everybody, with impossible sizes."
	finding arp-ether-mismatch positive
	finding mac-source-illegal positive
	check_frames "tagged" lan.pcap "vlan.id == 20 && eth.src == 02:fd:00:00:00:0e && arp.src.hw_mac == 02:fd:00:00:00:99" 3
	;;
arp-odd-remedied)
	synthetic
	shows "The switch's port to x drops ARP of x's card in another's name, group addresses as senders and impossible sizes: nothing of what x makes up passes."
	finding arp-ether-mismatch remedied
	finding mac-source-illegal remedied
	check_frames "nothing passes" lan.pcap "arp && !(eth.src == arp.src.hw_mac)" 0 0
	check_frames "no group sends" lan.pcap "eth.src == 03:fd:00:00:00:0e" 0 0
	;;
arp-bogon-factory)
	shows "x has the address its maker gave it, 192.168.1.20, and asks in vain for the gateway that belongs to it."
	finding arp-bogon positive
	check_frames "questions in vain" lan.pcap "arp.src.proto_ipv4 == 192.168.1.20" 4
	;;
arp-bogon-vlan)
	shows "In VLAN 20, x has an address of another network beside its own, and asks in vain for its neighbours there."
	finding arp-bogon positive
	check_frames "questions in vain" lan.pcap "vlan.id == 20 && arp.src.proto_ipv4 == 172.31.9.5" 4
	;;
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
mac-flood-ettercap)
	shows "ettercap (rand_flood) sends frames from many hundred made-up MAC addresses, each time another."
	finding mac-flood positive
	check "over 600 senders ($(senders))" [ "$(senders)" -gt 600 ]
	;;
mac-flood-vlan)
	shows "In VLAN 20, macof sends frames from 700 made-up MAC addresses."
	finding mac-flood positive
	check "over 600 senders ($(senders))" [ "$(senders)" -gt 600 ]
	;;
mac-flood)
	shows "macof sends frames from over a thousand made-up MAC addresses within a second."
	finding mac-flood positive
	check "over 600 senders ($(senders))" [ "$(senders)" -gt 600 ]
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
