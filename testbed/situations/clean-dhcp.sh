#!/bin/bash
# captures: clean-dhcp
#
# A network of many machines with short leases, for FST_CLEAN_SECONDS (1830): they
# ask for an address, renew it, give it back, ask again for the one they had, and
# three sleep and wake up when their lease is nearly over (rebinding). One server
# (dnsmasq), clients with dhclient that really use what they are given.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dnsmasq dhclient ping
last=${FST_CLEAN_SECONDS:-1830}
names=()
for i in $(seq 14); do names+=("h$i"); done
lab_gw x "${names[@]}"
X=$IN4.11
lease=240
cat >"$LAB/x.conf" <<C
port=0
interface=eth0
bind-interfaces
no-ping
log-dhcp
log-facility=-
dhcp-leasefile=$LAB/x.given
pid-file=$LAB/x.pid
dhcp-authoritative
dhcp-range=$IN4.100,$IN4.140,255.255.255.0,${lease}s
dhcp-option=3,$IN4.1
dhcp-option=6,$X
C
bg x dnsmasq --keep-in-foreground --conf-file="$LAB/x.conf" --user=root
for i in $(seq 30); do
	[ -z "$(ns x ss -Hlun 'sport = :67')" ] || break
	sleep 0.1
done
cat >"$LAB/script" <<'X'
#!/bin/sh
case $reason in
BOUND | RENEW | REBIND | REBOOT)
	[ -z "$old_ip_address" ] || [ "$old_ip_address" = "$new_ip_address" ] || ip addr flush dev "$interface" scope global
	ip addr replace "$new_ip_address/24" dev "$interface"
	ip route replace default via "$new_routers"
	;;
EXPIRE | FAIL | RELEASE | STOP) ip -4 addr flush dev "$interface" ;;
esac
echo "$reason $new_ip_address"
X
chmod +x "$LAB/script"
for n in "${names[@]}"; do
	ns $n ip -4 addr flush dev eth0
	printf 'timeout 20;\nretry 20;\ninitial-interval 2;\nsend host-name "%s";\nrequest subnet-mask, routers, domain-name-servers;\n' "$n" >"$LAB/$n.dhclient"
done
up() { bg "$1" dhclient -4 -d -cf "$LAB/$1.dhclient" -lf "$LAB/$1.leases" -pf "$LAB/$1.pid" -sf "$LAB/script" eth0; }
release() { ns "$1" dhclient -4 -r -cf "$LAB/$1.dhclient" -lf "$LAB/$1.leases" -pf "$LAB/$1.pid" -sf "$LAB/script" eth0 >>"$LAB/$1.log" 2>&1 || true; }
capture gw inner inside.pcap "arp or icmp or udp port 67 or udp port 68"
vantage inside.pcap "gw, device inner: the bridge that clients and server share"
t0=$SECONDS
for n in "${names[@]}"; do
	up "$n"
	sleep $((1 + RANDOM % 6))
done
# One machine after another: gives its address back and comes again, is started anew, asks the gateway, sleeps.
days() {
	local n k=0
	while [ $((SECONDS - t0 + 20)) -lt "$last" ]; do
		n=${names[$((k % 11))]}
		case $((k % 3)) in
		0)
			release "$n"
			sleep 12
			up "$n"
			;;
		1) # without a word, as when the power goes; it asks for the address it had
			kill -KILL "$(cat "$LAB/$n.pid")"
			ns "$n" ip -4 addr flush dev eth0
			sleep 6
			up "$n"
			;;
		2) if ns "$n" ping -c 2 -i 0.5 -W 2 $IN4.1 >/dev/null 2>&1; then echo "$n ping good"; else echo "$n ping failed"; fi >>"$LAB/answers" ;;
		esac
		k=$((k + 1))
		sleep $((50 + RANDOM % 10))
	done
}
# sleeper NS: is stopped after a renewal and goes on 25 s before the end of its lease.
sleeper() {
	local n=$1 renews at
	while [ $((SECONDS - t0 + lease * 2)) -lt "$last" ]; do
		renews=$(grep -c '^bound to' "$LAB/$n.log" || true)
		for at in $(seq $((lease * 2))); do
			[ "$(grep -c '^bound to' "$LAB/$n.log" || true)" = "$renews" ] || break
			sleep 1
		done
		kill -STOP "$(cat "$LAB/$n.pid")"
		sleep $((lease - 22))
		kill -CONT "$(cat "$LAB/$n.pid")"
		sleep $((lease * 2 / 3))
	done
}
days & a=$!
sleeper h12 & b=$!
sleeper h13 & d=$!
sleeper h14 & e=$!
wait $a $b $d $e
left=$((last - (SECONDS - t0)))
[ $left -le 0 ] || sleep $left
capture_stop
cat "$LAB"/h*.log | grep -oE '^(DHCP(DISCOVER|REQUEST|OFFER|ACK|NAK|RELEASE|DECLINE)|bound to|No DHCPOFFERS)' | sort | uniq -c | truth_block "What the clients' dhclient said"
cat "$LAB"/h*.log | grep -oE '^(PREINIT|BOUND|RENEW|REBIND|REBOOT|EXPIRE|RELEASE|FAIL|TIMEOUT)' | sort | uniq -c | truth_block "Calls of the clients' scripts"
truth "Length: $last s. Leases of $lease s from one server, $X."
[ ! -f "$LAB/answers" ] || sort "$LAB/answers" | sed 's/^[^ ]* //' | uniq -c | truth_block "Pings of the gateway"
shows "Fourteen machines with leases of $lease s: addresses asked for, renewed, given back, asked for again, and rebound after a sleep."
finding all clean
t() { echo "dhcp.option.dhcp == $1"; }
check "nobody was left without an address" sh -c "! cat $LAB/h*.log | grep -qE '^(EXPIRE|FAIL|No DHCPOFFERS|DHCPNAK)'"
check "no ping failed" sh -c "! grep -q failed $LAB/answers"
check_frames "sleepers ask everybody for the address they use" inside.pcap "$(t 3) && ip.dst == 255.255.255.255 && dhcp.ip.client != 0.0.0.0" 3
check_frames "ACKs" inside.pcap "$(t 5)" 60
check_frames "RELEASEs" inside.pcap "$(t 7)" 2
check_frames "no NAK" inside.pcap "$(t 6)" 0 0
lab_finish
