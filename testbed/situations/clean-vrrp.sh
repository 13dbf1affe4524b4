#!/bin/bash
# captures: clean-vrrp
#
# Two routers that share the addresses of both their networks (keepalived, VRRP
# version 2 for IPv4 and version 3 for IPv6), for FST_CLEAN_SECONDS (1830). r1 is
# taken down in order and comes back, twice; clients work on through all of it.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need keepalived ping curl python3
last=${FST_CLEAN_SECONDS:-1830}
lab_lan r1 r2 c c2
V=$IN4.100 V6=${IN6}:100 W=$OUT4.100 W6=${OUT6}:100
# The far network: both routers and the server.
node s
ns sw ip link add far type bridge mcast_snooping 0
ns sw ip link set far up
i=11
for r in r1 r2 s; do
	dev=eth1
	[ $r != s ] || dev=eth0
	link $r $dev sw "f-$r"
	ns sw ip link set "f-$r" master far
	n=$i
	if [ $r = s ]; then n=2; fi
	addr $r $dev "$OUT4.$n/24" "${OUT6}:$n/64"
	i=$((i + 1))
done
ns s ip route add default via $W
ns s ip -6 route add default via "$W6"
for r in r1 r2; do
	ns $r ip route del default
	ns $r ip -6 route del default
	ns $r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0 net.ipv4.conf.eth1.send_redirects=0
done
for n in c c2; do
	ns $n ip route replace default via $V
	ns $n ip -6 route replace default via "$V6"
done
instance() { # instance NAME DEVICE ID PRIORITY VERSION INTERVAL ADDRESS...
	cat <<-W
		vrrp_instance $1 {
			state BACKUP
			interface $2
			virtual_router_id $3
			priority $4
			version $5
			advert_int $6
			virtual_ipaddress {
				$7
			}
		}
	W
}
router() { # router HOST PRIORITY
	{
		printf 'global_defs {\n vrrp_garp_master_refresh 0\n}\n'
		printf 'vrrp_sync_group both {\n group {\n  in4\n  out4\n  in6\n  out6\n }\n}\n'
		instance in4 eth0 51 "$2" 2 1 $V/24
		instance out4 eth1 52 "$2" 2 1 $W/24
		instance in6 eth0 53 "$2" 3 5 "$(printf 'fe80::51/64\n%s/64' "$V6")"
		instance out6 eth1 54 "$2" 3 5 "$(printf 'fe80::52/64\n%s/64' "$W6")"
	} >"$LAB/$1.conf"
	bg "$1" keepalived -n -l -P -f "$LAB/$1.conf" -p "$LAB/$1.pid" -r "$LAB/$1.vrrp.pid"
}
mkdir "$LAB/pages"
head -c 200 < <(yes "a line of the page, of no meaning") >"$LAB/pages/page-200.txt"
bg s python3 -m http.server 80 --bind :: --directory "$LAB/pages"
wait_port s 80
capture sw lan lan.pcap
vantage lan.pcap "the switch of the clients: every frame of their network"
t0=$SECONDS end=$((SECONDS + last))
router r1 150
sleep 2
router r2 100
sleep 18
client() { # client NS PAUSE: a page now and then, over IPv4 and IPv6; a ping between
	local k=0
	while [ $((SECONDS + $2)) -lt $end ]; do
		case $((k % 3)) in
		0) fetch "$1" "http://$OUT4.2/page-200.txt" ;;
		1) fetch "$1" "http://[${OUT6}:2]/page-200.txt" ;;
		2) if ns "$1" ping -c 2 -i 1 -W 2 $V >/dev/null 2>&1; then echo "$1 ping 200 "; else echo "$1 ping 000 "; fi >>"$LAB/answers" ;;
		esac
		k=$((k + 1))
		sleep $(($2 - 3 + RANDOM % 6))
	done
}
client c 25 & a=$!
client c2 35 & b=$!
steps=
for share in 25 60; do
	sleep $((last * share / 100 - (SECONDS - t0)))
	kill -TERM "$(cat "$LAB/r1.pid")"
	steps+=" stopped $((SECONDS - t0)) s"
	sleep $((last * 15 / 100))
	router r1 150
	steps+=", back $((SECONDS - t0)) s;"
done
wait $a $b
capture_stop
truth "r1 (priority 150) is stopped in order and started again:$steps r2 (priority 100) stands in."
truth "Length: $last s."
for r in r1 r2; do truth_block "keepalived of $r" < <(grep -oE '\((in|out)[46]\) Entering .*' "$LAB/$r.log" | sort | uniq -c); done
awk '{ f = / 000 /? "failed" : "good"; n[$1 " " f]++ } END { for (k in n) print k, n[k] }' "$LAB/answers" | sort | truth_block "Requests"
shows "A pair of routers with shared addresses, IPv4 and IPv6: two orderly changes to the other and back; the clients notice nothing."
finding all clean
for f in vrrp-dup-master arp-ip-conflict arp-spoof-mitm nd-spoof; do finding $f near-miss; done
A=$(mac_of 11) B=$(mac_of 12)
check "every request was answered" every_ok
check_frames "advertisements of r1" lan.pcap "vrrp && eth.src == $A" $((last / 3))
check_frames "advertisements of r2" lan.pcap "vrrp && eth.src == $B" $((last / 6))
check_frames "r1 says that it leaves" lan.pcap "vrrp.prio == 0 && eth.src == $A" 2
lab_finish
