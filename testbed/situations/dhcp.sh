#!/bin/bash
# captures: dhcp-no-offer dhcp-no-offer-remedied dhcp-no-offer-pool dhcp-no-offer-pool-remedied
# captures: dhcp-nak-loop dhcp-nak-loop-remedied dhcp-nak-once
# captures: dhcp-rogue-server dhcp-rogue-server-remedied dhcp-two-servers
#
# Clients (dhclient) on one bridge, DHCP servers (dnsmasq) x and y on it.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dnsmasq dhclient
lab_gw c c2 x y
# serve NS ADDRESS FROM TO ROUTER [LINES...]: a DHCP server; x and y keep their addresses.
serve() {
	local n=$1 from=$3 to=$4 router=$5 dns=${DNS:-$2}
	shift 5
	{
		printf 'port=0\ninterface=eth0\nbind-interfaces\nno-ping\nlog-dhcp\nlog-facility=-\ndhcp-leasefile=%s/%s.given\npid-file=%s/%s.pid\n' "$LAB" "$n" "$LAB" "$n"
		printf 'dhcp-range=%s,%s,255.255.255.0,1h\ndhcp-option=3,%s\ndhcp-option=6,%s\n' "$from" "$to" "$router" "$dns"
		printf '%s\n' "$@"
	} >"$LAB/$n.conf"
	bg "$n" dnsmasq --keep-in-foreground --conf-file="$LAB/$n.conf" --user=root
	local i
	for i in $(seq 30); do
		[ -n "$(ns "$n" ss -Hlun 'sport = :67')" ] && return 0
		sleep 0.1
	done
	die "no DHCP server on $n: $(tail -n 2 "$LAB/$n.log")"
}
# want NS SECONDS: asks for an address with dhclient; the address is not set.
want() {
	printf 'timeout %s;\nretry 60;\ninitial-interval 1;\nbackoff-cutoff 4;\nsend host-name "%s";\n' "$2" "host-$1" >"$LAB/$1.conf"
	timeout $(($2 + 4)) ip netns exec "$P-$1" dhclient -1 -4 -d -cf "$LAB/$1.conf" -lf "$LAB/$1.leases" -pf "$LAB/$1.pid" -sf /bin/true eth0 \
		>"$LAB/want.$1" 2>&1 &
	local p=$! i
	for i in $(seq $(($2 * 5 + 10))); do
		grep -qE '^(bound to|No working leases|No DHCPOFFERS)' "$LAB/want.$1" && break
		sleep 0.2
	done
	kill "$p" 2>/dev/null || true
	wait "$p" 2>/dev/null || true
	grep -E '^DHCP(NAK|OFFER|ACK)|^bound to|^No ' "$LAB/want.$1" | sed "s/^/$1: /" >>"$LAB/answers" || true
}
# old NS ADDRESS: the client remembers a lease that is still good.
old() {
	cat >"$LAB/$1.leases" <<-L
		lease {
		  interface "eth0";
		  fixed-address $2;
		  option subnet-mask 255.255.255.0;
		  option dhcp-lease-time 86400;
		  option dhcp-message-type 5;
		  option dhcp-server-identifier $IN4.14;
		  renew never;
		  rebind never;
		  expire never;
		}
	L
}
for n in c c2; do ns $n ip addr flush dev eth0; done
X=$IN4.13 Y=$IN4.14
case $1 in
dhcp-no-offer) ;;
dhcp-no-offer-pool) serve x $X $IN4.100 $IN4.100 $IN4.1 dhcp-authoritative ;;
dhcp-nak-loop)
	serve x $X $IN4.100 $IN4.120 $IN4.1 dhcp-authoritative
	DNS=$X serve y $Y $IN4.200 $IN4.220 $IN4.1
	;;
dhcp-rogue-server)
	serve x $X $IN4.100 $IN4.120 $IN4.1
	;;
dhcp-two-servers)
	serve x $X $IN4.100 $IN4.120 $IN4.1
	DNS=$X serve y $Y $IN4.130 $IN4.140 $IN4.1
	;;
*) serve x $X $IN4.100 $IN4.120 $IN4.1 dhcp-authoritative ;;
esac
capture gw inner inside.pcap "udp port 67 or udp port 68 or arp"
vantage inside.pcap "gw, device inner: the bridge that clients and servers share"
case $1 in
dhcp-no-offer) want c 22; want c2 22; sleep 6; want c 4 ;;
dhcp-no-offer-remedied) want c 10; want c2 10 ;;
dhcp-no-offer-pool)
	want c 10
	want c2 22 &
	a=$!
	sleep 7
	want c 10
	wait $a
	want c 10
	sleep 6
	want c 10
	;;
dhcp-no-offer-pool-remedied) want c 10; want c2 10 ;;
dhcp-nak-loop | dhcp-nak-loop-remedied)
	for i in 1 2 3 4; do
		if [ "$1" = dhcp-nak-loop ]; then old c $IN4.200; else rm -f "$LAB/c.leases"; fi
		want c 10
		sleep 1
	done
	[ "$1" != dhcp-nak-loop-remedied ] || truth "Only one server is left; the client's old lease is deleted before it asks."
	;;
dhcp-nak-once) old c 10.77.0.9; want c 10; want c 10; want c2 10 ;;
dhcp-rogue-server)
	want c 10
	want c2 10
	serve y $Y $IN4.200 $IN4.220 $IN4.66
	truth "After two machines have their address, somebody plugs in the second server."
	for i in 1 2 3; do rm -f "$LAB"/c*.leases; want c 10; want c2 10; done
	;;
*) for i in 1 2; do rm -f "$LAB"/c*.leases; want c 10; want c2 10; done ;;
esac
capture_stop
truth_block "What the clients' dhclient said" <"$LAB/answers"
for n in x y; do [ ! -f "$LAB/$n.log" ] || { grep -hE 'no address|DHCPNAK|DHCPOFFER' "$LAB/$n.log" || true; } | sed 's/^.*dnsmasq-dhcp/dnsmasq-dhcp/' | tail -n 12 | truth_block "Log of server $n"; done
t() { echo "dhcp.option.dhcp == $1"; }
case $1 in
dhcp-no-offer)
	shows "No DHCP server runs: two clients ask again and again."
	finding dhcp-no-offer positive
	check_frames "DISCOVERs" inside.pcap "$(t 1)" 6
	check_frames "no OFFER" inside.pcap "$(t 2)" 0 0
	;;
dhcp-no-offer-remedied)
	shows "The DHCP server is started: both clients get an address."
	finding dhcp-no-offer remedied
	check_frames "ACKs" inside.pcap "$(t 5)" 2
	;;
dhcp-no-offer-pool)
	shows "The server has one address left: one client gets it, the other one asks in vain."
	finding dhcp-no-offer positive
	check "the pool is empty" grep -q 'no address available' "$LAB/x.log"
	;;
dhcp-no-offer-pool-remedied)
	shows "The range is larger: both clients get an address."
	finding dhcp-no-offer remedied
	check_frames "ACKs" inside.pcap "$(t 5)" 2
	;;
dhcp-nak-loop)
	shows "One server refuses the address that the other one gave, each time the client starts."
	finding dhcp-nak-loop positive
	check_frames "NAKs" inside.pcap "$(t 6)" 3
	;;
dhcp-nak-loop-remedied)
	shows "One server, and a client whose old lease it knows or replaces."
	finding dhcp-nak-loop remedied
	check_frames "NAKs" inside.pcap "$(t 6)" 0 0
	;;
dhcp-nak-once)
	shows "A machine comes from another network: one refusal, then a new address."
	finding dhcp-nak-loop near-miss
	check_frames "NAK" inside.pcap "$(t 6)" 1 2
	check_frames "ACK" inside.pcap "$(t 5)" 2
	;;
dhcp-rogue-server)
	shows "A second server offers another router; the clients take what comes first."
	finding dhcp-rogue-server positive
	check_frames "offers of both" inside.pcap "$(t 2) && dhcp.option.dhcp_server_id == $Y" 1
	;;
dhcp-rogue-server-remedied)
	shows "The second server is unplugged."
	finding dhcp-rogue-server remedied
	check_frames "offers of the stranger" inside.pcap "$(t 2) && dhcp.option.dhcp_server_id == $Y" 0 0
	;;
dhcp-two-servers)
	shows "Two servers for safety: other ranges, the same router and name server."
	finding dhcp-rogue-server near-miss
	check_frames "offers of both" inside.pcap "$(t 2) && dhcp.option.dhcp_server_id == $Y" 1
	;;
esac
lab_finish
