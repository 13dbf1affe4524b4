#!/bin/bash
# captures: dhcp-no-offer-relay dhcp-nak-loop-image dhcp-nak-loop-reserved
# captures: dhcp-rogue-home dhcp-rogue-dns
#
# The faults of dhcp.sh between other programs: udhcpc and udhcpd of busybox beside
# dhclient and dnsmasq; a relay whose server is dead, leases that came with an image, a
# home router, name servers that differ.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dnsmasq udhcpc udhcpd dhclient
lab_gw c c2 x y
X=$IN4.13 Y=$IN4.14 dev=eth0
ready() {
	local i
	for i in $(seq 30); do
		[ -n "$(ns "$1" ss -Hlun 'sport = :67')" ] && return 0
		sleep 0.1
	done
	die "nothing on port 67 of $1: $(tail -n 2 "$LAB/$1.log")"
}
dnsmasqd() { # NS ADDRESS FROM TO ROUTER DNS [LINES...]
	local n=$1
	{
		printf 'port=0\ninterface=%s\nbind-interfaces\nno-ping\nlog-dhcp\nlog-facility=-\ndhcp-leasefile=%s/%s.given\npid-file=%s/%s.pid\n' "$dev" "$LAB" "$n" "$LAB" "$n"
		printf 'dhcp-range=%s,%s,255.255.255.0,1h\ndhcp-option=3,%s\ndhcp-option=6,%s\n' "$3" "$4" "$5" "$6"
		printf '%s\n' "${@:7}"
	} >"$LAB/$n.conf"
	bg "$n" dnsmasq --keep-in-foreground --conf-file="$LAB/$n.conf" --user=root
	ready "$n"
}
udhcp_server() { # NS FROM TO ROUTER DNS
	printf 'start %s\nend %s\ninterface eth0\nmax_leases 20\nlease_file %s/%s.given\npidfile %s/%s.pid\nopt router %s\nopt dns %s\nopt subnet 255.255.255.0\nopt lease 600\n' "$2" "$3" "$LAB" "$1" "$LAB" "$1" "$4" "$5" >"$LAB/$1.udhcpd"
	: >"$LAB/$1.given"
	bg "$1" udhcpd -f "$LAB/$1.udhcpd"
	ready "$1"
}
# asks NS [FLAGS...]: udhcpc, as small devices have it; the address is not set.
asks() {
	local n=$1
	shift
	ns "$n" timeout 30 udhcpc -f -q -n -i $dev -s /bin/true -t 4 -T 2 "$@" >"$LAB/said" 2>&1 </dev/null || true
	grep -vE 'started' "$LAB/said" | tail -n 3 | sed "s/^/$n: /" >>"$LAB/answers" || true
}
for n in c c2; do ns $n ip addr flush dev eth0; done
case $1 in
dhcp-no-offer-relay)
	# gw relays to a server that is off
	bg gw dnsmasq --keep-in-foreground --port=0 --user=root --dhcp-relay=$IN4.1,$OUT4.2 --log-dhcp --log-facility=- --pid-file="$LAB/gw.pid"
	ready gw
	truth "gw relays to $OUT4.2, where no DHCP server runs; its ICMP errors are dropped."
	ns s sysctl -qw net.ipv4.icmp_ratelimit=0
	printf 'table inet fw {\n chain in {\n  type filter hook input priority filter\n  udp dport 67 drop\n }\n}\n' | ns s nft -f -
	;;
dhcp-nak-loop-image) udhcp_server x $IN4.100 $IN4.120 $IN4.1 $X ;;
dhcp-nak-loop-reserved) dnsmasqd x $X $IN4.100 $IN4.120 $IN4.1 $X dhcp-authoritative "dhcp-host=$(ns c cat /sys/class/net/eth0/address),$IN4.150" "dhcp-host=$(ns c2 cat /sys/class/net/eth0/address),$IN4.151" ;;
dhcp-rogue-home)
	udhcp_server x $IN4.100 $IN4.120 $IN4.1 $X
	ns y ip addr flush dev eth0
	addr y eth0 192.168.0.1/24
	;;
dhcp-rogue-dns) udhcp_server x $IN4.100 $IN4.120 $IN4.1 $X ;;
esac
filter="udp port 67 or udp port 68 or arp"
if [ "$1" = dhcp-no-offer-relay ]; then
	capture gw outer outside.pcap "$filter"
	vantage outside.pcap "gw, device outer: between the relay and where its server should be"
else
	capture gw inner inside.pcap "$filter"
	vantage inside.pcap "gw, device inner: the bridge that clients and servers share"
fi
# again NS: dhclient with a lease of y that is still good.
again() {
	cat >"$LAB/$1.leases" <<-L
		lease {
		  interface "$dev";
		  fixed-address $IN4.205;
		  option subnet-mask 255.255.255.0;
		  option dhcp-lease-time 86400;
		  option dhcp-message-type 5;
		  option dhcp-server-identifier $Y;
		  renew never;
		  rebind never;
		  expire never;
		}
	L
	printf 'timeout 8;\nretry 60;\ninitial-interval 1;\n' >"$LAB/$1.dhclient"
	timeout 12 ip netns exec "$P-$1" dhclient -1 -4 -d -cf "$LAB/$1.dhclient" -lf "$LAB/$1.leases" -pf "$LAB/$1.pid" -sf /bin/true $dev >"$LAB/said" 2>&1 &
	local p=$! i
	for i in $(seq 50); do
		grep -qE '^(bound to|No )' "$LAB/said" && break
		sleep 0.2
	done
	kill "$p" 2>/dev/null || true
	wait "$p" 2>/dev/null || true
	grep -E '^DHCP(NAK|ACK)|^bound to|^No ' "$LAB/said" | sed "s/^/$1: /" >>"$LAB/answers" || true
}
case $1 in
dhcp-no-offer-relay)
	asks c
	asks c2
	sleep 6
	asks c -t 1
	;;
dhcp-nak-loop-*) for i in 1 2 3 4; do again c; again c2; sleep 1; done ;;
dhcp-rogue-home)
	asks c
	asks c2
	dnsmasqd y 192.168.0.1 192.168.0.100 192.168.0.120 192.168.0.1 192.168.0.1
	truth "After two machines have their address, somebody plugs a home router in, with its inner side."
	for i in 1 2; do asks c; asks c2; done
	;;
dhcp-rogue-dns)
	asks c
	asks c2
	dnsmasqd y $Y $IN4.130 $IN4.140 $IN4.1 $IN4.66
	truth "After two machines have their address, the second server comes: the same router, another name server."
	for i in 1 2; do asks c; asks c2; done
	;;
esac
capture_stop
truth_block "What the clients said" <"$LAB/answers"
t() { echo "dhcp.option.dhcp == $1"; }
case $1 in
dhcp-no-offer-relay)
	shows "A relay carries two machines' requests (udhcpc) to a server that never answers; seen behind the relay."
	finding dhcp-no-offer positive
	check_frames "DISCOVERs" outside.pcap "$(t 1) && dhcp.ip.relay == $IN4.1" 6
	check_frames "no OFFER" outside.pcap "$(t 2)" 0 0
	;;
dhcp-nak-loop-image)
	shows "Two machines start from an image that holds an old lease: udhcpd refuses it each time, and gives another address."
	finding dhcp-nak-loop positive
	check_frames "NAKs" inside.pcap "$(t 6)" 6
	;;
dhcp-nak-loop-reserved)
	shows "The server has an address reserved for each of two machines, which ask for another one each time they start (dnsmasq)."
	finding dhcp-nak-loop positive
	check_frames "NAKs" inside.pcap "$(t 6)" 6
	;;
dhcp-rogue-home)
	shows "A home router (192.168.0.1), plugged in with its inner side, offers addresses of its own network."
	finding dhcp-rogue-server positive
	check_frames "offers of the second" inside.pcap "$(t 2) && dhcp.option.router == 192.168.0.1" 1
	;;
dhcp-rogue-dns)
	shows "A second server offers the same router and another name server; the first one is udhcpd."
	finding dhcp-rogue-server positive
	check_frames "offers of the second" inside.pcap "$(t 2) && dhcp.option.domain_name_server == $IN4.66" 1
	;;
esac
lab_finish
