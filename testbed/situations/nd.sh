#!/bin/bash
# captures: nd-spoof nd-spoof-remedied nd-dad-conflict nd-dad-free
# captures: ra-normal ra-rogue ra-rogue-remedied ra-rogue-radvd ra-rogue-vlan
# captures: nd-spoof-one nd-spoof-vlan nd-dad-conflict-token nd-dad-conflict-vlan nd-dad-conflict-remedied
#
# IPv6 on one wire: impostors, twins, routers that are and routers that are not.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need atk6-fake_advertise6 atk6-fake_router6 radvd nft
case $1 in
*-vlan) WIRE_LAN="-vlan 20" ;;
esac
lab_lan gw c d x
X=$(mac_of 13)
web s 80
for n in c d; do
	ns $n sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.autoconf=1
done
radvd_on() { # radvd_on HOST PREFIX
	cat >"$LAB/radvd-$1.conf" <<-W
		interface eth0 {
			AdvSendAdvert on;
			MinRtrAdvInterval 3;
			MaxRtrAdvInterval 4;
			AdvLinkMTU 1500;
			prefix $2 { };
			RDNSS ${IN6}:1 { };
		};
	W
	bg "$1" radvd -n -m stderr -C "$LAB/radvd-$1.conf" -p "$LAB/radvd-$1.pid"
}
guard() { # guard RULE: the switch drops what the port of x may not send
	printf 'table bridge guard {\n chain in {\n  type filter hook prerouting priority 0\n  iifname "p-x" %s drop\n }\n}\n' "$1" | ns sw nft -f -
}
case $1 in
nd-spoof-remedied) guard "icmpv6 type nd-neighbor-advert @th,64,128 0xfd000001000000000000000000000001" ;;
ra-rogue-remedied) guard "icmpv6 type nd-router-advert" ;;
esac
filter="icmp6 or arp or (ip6 and tcp)"
case $1 in
*-vlan) filter= ;;
esac
capture sw lan lan.pcap $filter
vantage lan.pcap "the switch: every frame of the network (ICMPv6, ARP, TCP over IPv6)"
case $1 in
nd-spoof*)
	for n in c d x; do ns $n ping -c 2 -i 0.2 ${IN6}:1 >/dev/null; done
	ns x sysctl -qw net.ipv6.conf.all.forwarding=1
	case $1 in
	nd-spoof-one) bg x timeout 14 atk6-fake_advertise6 eth0 ${IN6}:1 ${IN6}:12 $X ;;
	*) bg x timeout 14 atk6-fake_advertise6 eth0 ${IN6}:1 ff02::1 $X ;;
	esac
	for i in 1 2 3 4 5 6; do
		fetch c "http://[${OUT6}:2]/page-200.txt" -m 2
		ns d ip neigh flush all
		ns d ping -c 1 -W 1 ${IN6}:1 >/dev/null || true
		sleep 2
	done
	;;
nd-dad-conflict-token | nd-dad-conflict-remedied) # two machines from one image, with one token for the rest of their address
	radvd_on gw ${IN6}:/64
	for n in c d; do ns $n sysctl -qw net.ipv6.conf.eth0.router_solicitations=1; done
	ns c ip token set ::beef dev eth0
	sleep 1
	token=::beef
	[ "$1" = nd-dad-conflict-token ] || token=::cafe
	ns d sysctl -qw net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.eth0.dad_transmits=1
	sleep 4
	ns d ip token set $token dev eth0
	sleep 7
	for n in c d; do ns $n ip -6 addr show dev eth0 | grep -E "$token|beef" | truth_block "$n's address by token" || true; done
	ns c ping -c 1 ${IN6}:1 >/dev/null
	;;
nd-dad-conflict | nd-dad-conflict-vlan | nd-dad-free)
	ns c ping -c 1 ${IN6}:1 >/dev/null
	ns d sysctl -qw net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.eth0.dad_transmits=1
	a=${IN6}:11
	[ "$1" != nd-dad-free ] || a=${IN6}:77
	for i in 1 2 3; do
		ns d ip addr add $a/64 dev eth0
		sleep 2
		ns d ip -6 addr show dev eth0 | grep -F "$a" | truth_block "d, after two seconds" || true
		ns d ip addr del $a/64 dev eth0
	done
	;;
ra-*)
	ns c ping -c 1 ${IN6}:1 >/dev/null
	radvd_on gw ${IN6}:/64
	sleep 8
	case $1 in
	ra-rogue-radvd) # a machine that shares its line with the others, and tells everybody
		ns x sysctl -qw net.ipv6.conf.all.forwarding=1
		radvd_on x fd77:7::/64
		;;
	ra-rogue*) bg x timeout 12 atk6-fake_router6 eth0 fd66::/64 ;;
	esac
	sleep 14
	ns c ip -6 addr show dev eth0 scope global | truth_block "c's addresses"
	ns c ip -6 route show default | truth_block "c's default ways"
	;;
esac
capture_stop
[ ! -s "$LAB/answers" ] || answers
truth_block "x's program" < <(head -c 1000 "$LAB/x.log" 2>/dev/null || true)
case $1 in
nd-spoof-one)
	shows "x ($X) tells d alone that it has the gateway's address ${IN6}:1; c is served by the gateway."
	finding nd-spoof positive
	check_frames "forged advertisements to d" lan.pcap "icmpv6.type == 136 && icmpv6.nd.na.target_address == ${IN6}:1 && eth.src == $X && eth.dst != 33:33:00:00:00:01" 3
	;;
nd-spoof-vlan)
	shows "In VLAN 20, x ($X) tells everybody that it has the gateway's address ${IN6}:1, with the override flag."
	finding nd-spoof positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "forged advertisements" lan.pcap "vlan.id == 20 && icmpv6.type == 136 && icmpv6.nd.na.target_address == ${IN6}:1 && eth.src == $X" 3
	;;
nd-dad-conflict-token)
	shows "d makes itself the address that c has: both have the token ::beef for the prefix that the gateway announces; c says so, and d stays without it."
	finding nd-dad-conflict positive
	check_frames "d's questions" lan.pcap "icmpv6.type == 135 && ipv6.src == :: && icmpv6.nd.ns.target_address == ${IN6}:beef" 1
	;;
nd-dad-conflict-vlan)
	shows "In VLAN 20, d wants ${IN6}:11, which c has: c says so, and d stays without it."
	finding nd-dad-conflict positive
	check_frames "d's questions" lan.pcap "vlan.id == 20 && icmpv6.type == 135 && ipv6.src == :: && icmpv6.nd.ns.target_address == ${IN6}:11" 2
	;;
nd-dad-conflict-remedied)
	shows "d has a token of its own, ::cafe: nobody objects to its address, and it uses it."
	finding nd-dad-conflict remedied
	check_frames "d's questions" lan.pcap "icmpv6.type == 135 && ipv6.src == :: && icmpv6.nd.ns.target_address == ${IN6}:cafe" 1
	check "d uses it" ns d ping -c 1 -I ${IN6}:cafe ${IN6}:1
	;;
ra-rogue-radvd)
	shows "The gateway announces ${IN6}:/64; x, which was told to share its line, announces itself and fd77:7::/64 beside it (radvd), and the hosts take it up."
	finding ra-rogue positive
	check_frames "the gateway's" lan.pcap "icmpv6.type == 134 && eth.src == $(mac_of 1)" 2
	check_frames "x's" lan.pcap "icmpv6.type == 134 && eth.src == $X" 2
	;;
ra-rogue-vlan)
	shows "In VLAN 20, the gateway announces ${IN6}:/64, and x announces itself and fd66::/64 beside it."
	finding ra-rogue positive
	check_frames "the gateway's" lan.pcap "vlan.id == 20 && icmpv6.type == 134 && eth.src == $(mac_of 1)" 2
	check_frames "x's" lan.pcap "vlan.id == 20 && icmpv6.type == 134 && eth.src != $(mac_of 1)" 2
	;;
nd-spoof)
	shows "x ($X) tells everybody that it has the gateway's address ${IN6}:1, with the override flag."
	finding nd-spoof positive
	finding duplicate-on-wire near-miss # the copies are what x passed on
	check_frames "forged advertisements" lan.pcap "icmpv6.type == 136 && icmpv6.nd.na.target_address == ${IN6}:1 && eth.src == $X" 3
	;;
nd-spoof-remedied)
	shows "The switch drops advertisements of the gateway's address from the port of x."
	finding nd-spoof remedied
	check "every request was answered" every_ok
	check_frames "no forged advertisement" lan.pcap "icmpv6.type == 136 && icmpv6.nd.na.target_address == ${IN6}:1 && eth.src == $X" 0 0
	;;
nd-dad-conflict)
	shows "d wants ${IN6}:11, which c has: c says so, and d stays without it."
	finding nd-dad-conflict positive
	check_frames "d's questions" lan.pcap "icmpv6.type == 135 && ipv6.src == :: && icmpv6.nd.ns.target_address == ${IN6}:11" 2
	;;
nd-dad-free)
	shows "d asks whether ${IN6}:77 is free, which it is."
	finding nd-dad-conflict near-miss
	check_frames "d's questions" lan.pcap "icmpv6.type == 135 && ipv6.src == :: && icmpv6.nd.ns.target_address == ${IN6}:77" 2
	;;
ra-normal)
	shows "The gateway announces itself and its prefix (radvd), every few seconds."
	finding ra-rogue near-miss
	check_frames "advertisements" lan.pcap "icmpv6.type == 134" 4
	;;
ra-rogue)
	shows "The gateway announces ${IN6}:/64; x ($X) announces itself and fd66::/64 beside it, and the hosts take it up."
	finding ra-rogue positive
	check_frames "the gateway's" lan.pcap "icmpv6.type == 134 && eth.src == $(mac_of 1)" 2
	check_frames "x's" lan.pcap "icmpv6.type == 134 && eth.src != $(mac_of 1)" 2
	;;
ra-rogue-remedied)
	shows "The switch drops router advertisements from the port of x: the gateway's alone are heard."
	finding ra-rogue remedied
	check_frames "the gateway's" lan.pcap "icmpv6.type == 134 && eth.src == $(mac_of 1)" 2
	check_frames "none of x" lan.pcap "icmpv6.type == 134 && eth.src != $(mac_of 1)" 0 0
	;;
esac
lab_finish
