#!/bin/bash
# captures: wg-good wg-wrong-key wg-wrong-key-alone wg-port-closed wg-blocked wg-remedied
#
# WireGuard in user space between the clients and s. One client's tunnel fails,
# or none.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need wireguard-go wg nft
lab_gw c c2
S=$OUT4.2 PORT=51820
for n in c c2 s wrong; do
	wg genkey >"$LAB/$n.key"
	wg pubkey <"$LAB/$n.key" >"$LAB/$n.pub"
done
chmod 600 "$LAB"/*.key
# tunnel NS ADDRESS: the interface; names differ, the sockets of all namespaces lie in one folder.
tunnel() {
	local dev=w${$: -4}$1
	WG_PROCESS_FOREGROUND=1 LOG_LEVEL=verbose bg "$1" wireguard-go -f "$dev"
	for i in $(seq 50); do ns "$1" ip link show "$dev" >/dev/null 2>&1 && break; sleep 0.1; done
	sleep 0.2
	ns "$1" wg set "$dev" private-key "$LAB/$1.key" ${3:+listen-port $3}
	addr "$1" "$dev" "$2/24"
	ns "$1" ip link set "$dev" up
}
peer() { ns "$1" wg set "w${$: -4}$1" peer "$(cat "$LAB/$2.pub")" allowed-ips "$3" ${4:+endpoint $4}; }
[ "$1" = wg-port-closed ] || {
	tunnel s 10.9.0.1 $PORT
	peer s c 10.9.0.11/32
	peer s c2 10.9.0.12/32
}
tunnel c 10.9.0.11
tunnel c2 10.9.0.12
key=s
case $1 in wg-wrong-key*) key=wrong ;; esac
peer c $key 10.9.0.1/32 $S:$PORT
peer c2 s 10.9.0.1/32 $S:$PORT
[ "$1" != wg-blocked ] || printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  ip saddr %s udp dport %s drop\n }\n}\n' "$IN4.11" $PORT | ns gw nft -f -
capture_both "udp port $PORT or icmp"
[ "$1" = wg-wrong-key-alone ] || [ "$1" = wg-port-closed ] || ns c2 ping -c 3 -i 0.5 -W 1 10.9.0.1 >"$LAB/ping2" 2>&1 || true
case $1 in
wg-good | wg-remedied) ns c ping -c 6 -i 0.5 -W 1 10.9.0.1 >"$LAB/ping" 2>&1 || true ;;
*) ns c ping -c 17 -i 1 -W 1 10.9.0.1 >"$LAB/ping" 2>&1 || true ;;
esac
capture_stop
grep -h transmitted "$LAB/ping" | truth_block "ping through the tunnel, on c"
[ ! -f "$LAB/ping2" ] || grep -h transmitted "$LAB/ping2" | truth_block "ping through the tunnel, on c2"
for n in c s; do
	[ ! -f "$LAB/$n.log" ] || grep -hE "andshake|nvalid|keypair|rror" "$LAB/$n.log" | grep -v "rivate" | cut -c1-120 | head -n 24 | truth_block "wireguard-go on $n" || true
done
pinged() { grep -qE " [1-9][0-9]* received" "$LAB/$1"; }
deaf() { ! pinged ping; }
case $1 in
wg-good)
	shows "Two WireGuard clients and their tunnels: handshakes are answered, data flows."
	finding wg-no-response near-miss
	check "c's tunnel works" pinged ping
	;;
wg-remedied)
	shows "c has the right public key of s: its tunnel works as c2's does."
	finding wg-no-response remedied
	check "c's tunnel works" pinged ping
	;;
*)
	case $1 in
	wg-wrong-key) shows "c has a wrong public key of s: no response; c2's tunnel to the same port works." ;;
	wg-wrong-key-alone) shows "c has a wrong public key of s: no response, and nothing else is in the capture." ;;
	wg-port-closed) shows "No WireGuard listens on s: ICMP port unreachable." ;;
	wg-blocked) shows "gw drops c's WireGuard: no response; c2's tunnel works." ;;
	esac
	finding wg-no-response positive
	check "c's tunnel does not work" deaf
	check_frames "initiations" inside.pcap "wg.type == 1 && ip.src == $IN4.11" 3
	check_frames "no response to c" inside.pcap "wg.type == 2 && ip.dst == $IN4.11" 0 0
	;;
esac
lab_finish
