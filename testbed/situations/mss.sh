#!/bin/bash
# captures: mss-tunnel mss-tunnel-ipv6 mss-tunnel-remedied mss-probe
#
# Two sites and a WireGuard tunnel between their routers: c - gw == s - t. The tunnel carries 1420 bytes, the networks on both
# sides 1500, and the routers say so.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need wireguard-go wg nft ping
peer=$(tool peer)
lab_gw c c2
node t
link s right t eth0
addr s right 10.3.0.1/24 fd00:3::1/64
addr t eth0 10.3.0.2/24 fd00:3::2/64
ns s sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ns t ip route add default via 10.3.0.1 advmss 1460
ns t ip -6 route add default via fd00:3::1 advmss 1440
for n in gw s; do ns $n sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0; done
# tunnel NS PEER ENDPOINT NETWORKS: the interface; names differ, the sockets of all namespaces lie in one folder.
for n in gw s; do
	wg genkey >"$LAB/$n.key"
	wg pubkey <"$LAB/$n.key" >"$LAB/$n.pub"
done
chmod 600 "$LAB"/*.key
tunnel() {
	local dev=w${$: -4}$1 net
	WG_PROCESS_FOREGROUND=1 bg "$1" wireguard-go -f "$dev"
	for i in $(seq 50); do ns "$1" ip link show "$dev" >/dev/null 2>&1 && break; sleep 0.1; done
	sleep 0.2
	ns "$1" wg set "$dev" private-key "$LAB/$1.key" listen-port 51820 peer "$(cat "$LAB/$2.pub")" endpoint "$3:51820" allowed-ips "$4"
	ns "$1" ip link set "$dev" up mtu 1420
	for net in ${4//,/ }; do ns "$1" ip route replace "$net" dev "$dev"; done
	[ "$LAB_NAME" != mss-tunnel-remedied ] || printf 'table inet clamp {\n chain forward {\n  type filter hook forward priority mangle\n  tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu\n }\n}\n' | ns "$1" nft -f -
}
tunnel gw s $OUT4.2 10.3.0.0/24,fd00:3::/64
tunnel s gw $OUT4.1 $IN4.0/24,${IN6}:/64
web t 80
bg t "$peer" serve -listen :8080 -close client
wait_port t 8080
ns c ping -c 1 10.3.0.2 >/dev/null # the tunnel's handshake
truth "The tunnel between gw and s carries 1420 bytes, the links on both sides 1500."
case $1 in
mss-tunnel-ipv6)
	capture s right server.pcap
	vantage server.pcap "the server's router s, device towards the server"
	for n in c c2; do
		fetch $n "http://[fd00:3::2]/page-20000.txt"
		fetch $n "http://[fd00:3::2]/page-200.txt"
	done
	;;
mss-probe)
	capture gw inner inside.pcap
	vantage inside.pcap "gw, device inner: between the clients and the tunnel"
	for n in c c2; do
		for size in 1472 1452 1400 1392; do ns $n ping -M do -c 1 -W 1 -s $size 10.3.0.2 >/dev/null 2>&1 && echo "$n ping of $((size + 28)) bytes passes" || echo "$n ping of $((size + 28)) bytes does not pass"; done >>"$LAB/answers"
		fetch $n http://10.3.0.2/page-200.txt
	done
	;;
*)
	capture gw inner inside.pcap
	vantage inside.pcap "gw, device inner: between the clients and the tunnel"
	for n in c c2; do
		fetch $n http://10.3.0.2/page-200.txt
		ns $n "$peer" get -to 10.3.0.2:8080 -close client -upload 9000 -timeout 7s | sed "s/^/$n upload /" >>"$LAB/answers"
	done
	;;
esac
capture_stop
answers
told="icmp.type == 3 && icmp.code == 4"
case $1 in
mss-tunnel)
	shows "The clients' first large packets have 1500 bytes, the tunnel carries 1420; gw says so, they send smaller ones, and everything works."
	finding mss-too-big-for-tunnel positive
	finding pmtud-black-hole near-miss
	check_frames "gw says so to both" inside.pcap "$told && icmp.mtu == 1420" 2
	check "every request was answered" every_ok
	;;
mss-tunnel-ipv6)
	shows "The server's first large packets have 1500 bytes, the tunnel carries 1420; s says so, the server sends smaller ones, and everything works."
	finding mss-too-big-for-tunnel positive
	finding pmtud-black-hole near-miss
	check_frames "s says so for both" server.pcap "icmpv6.type == 2 && icmpv6.mtu == 1420" 2
	check "every request was answered" every_ok
	;;
mss-tunnel-remedied)
	shows "Both routers clamp the MSS to the tunnel: nothing is too large, and everything works."
	finding mss-too-big-for-tunnel remedied
	check_frames "clamped" inside.pcap "tcp.flags == 0x12 && tcp.options.mss_val == 1380" 2
	check_frames "no report" inside.pcap "$told" 0 0
	check "every request was answered" every_ok
	;;
mss-probe)
	shows "Somebody measures with pings that must not be cut how much the tunnel carries; gw answers that it is 1420 bytes. No connection has anything too large."
	finding mss-too-big-for-tunnel near-miss
	check_frames "gw says so" inside.pcap "$told" 2
	check "every request was answered" every_ok
	;;
esac
lab_finish
