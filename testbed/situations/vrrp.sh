#!/bin/bash
# captures: vrrp-failover vrrp-split vrrp-split-remedied vrrp-split-v3 vrrp-split-vlan
#
# Two routers that share an address (keepalived): one fails and the other takes
# over; or a filter keeps them from hearing each other, and both lead.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need keepalived nft ping
id=51 every=1 version=2
case $1 in
vrrp-split-vlan) WIRE_LAN="-vlan 20" id=7 ;;
vrrp-split-v3) every=0.5 version=3 ;;
esac
lab_lan r1 r2 c
V=$IN4.100
router() { # router HOST PRIORITY
	cat >"$LAB/$1.conf" <<-W
		global_defs {
			vrrp_garp_master_refresh 0
			vrrp_version $version
		}
		vrrp_instance LAN {
			state BACKUP
			interface eth0
			virtual_router_id $id
			priority $2
			advert_int $every
			virtual_ipaddress {
				$V/24
			}
		}
	W
	bg "$1" keepalived -n -l -P -f "$LAB/$1.conf" -p "$LAB/$1.pid" -r "$LAB/$1.vrrp.pid"
}
case $1 in
vrrp-split | vrrp-split-v3 | vrrp-split-vlan)
	# A switch that drops multicast between the two ports, or a host's own filter.
	for n in r1 r2; do
		printf 'table ip fw {\n chain in {\n  type filter hook input priority 0\n  meta l4proto 112 drop\n }\n}\n' | ns $n nft -f -
	done
	;;
esac
capture sw lan lan.pcap
vantage lan.pcap "the switch: every frame of the network"
router r1 150
sleep 1
router r2 100
sleep 6
ns c ping -c 3 -i 0.5 -W 1 $V >/dev/null || true
if [ "$1" = vrrp-failover ]; then
	kill -KILL "$(cat "$LAB/r1.pid")"
	for p in $(ip netns pids "$P-r1"); do kill -KILL $p; done
	ns r1 ip addr del $V/24 dev eth0 2>/dev/null || true
	sleep 6
	ns c ping -c 3 -i 0.5 -W 1 $V >/dev/null || true
	router r1 150
	sleep 6
	ns c ping -c 3 -i 0.5 -W 1 $V >/dev/null || true
else
	for i in 1 2 3; do
		ns c ip neigh flush all
		ns c ping -c 3 -i 0.5 -W 1 $V >/dev/null || true
		sleep 3
	done
fi
capture_stop
A=$(mac_of 11) B=$(mac_of 12)
truth_block "keepalived of r1" < <(grep -E 'STATE|Entering' "$LAB/r1.log" | tail -8)
truth_block "keepalived of r2" < <(grep -E 'STATE|Entering' "$LAB/r2.log" | tail -8)
case $1 in
vrrp-split-v3 | vrrp-split-vlan)
	shows "r1 and r2 both lead the virtual router $id ($([ "$1" = vrrp-split-v3 ] && echo "VRRP version 3, twice a second" || echo "in VLAN 20")): neither hears the other's advertisements; both answer for $V."
	finding vrrp-dup-master positive
	finding arp-ip-conflict near-miss
	check_frames "advertisements of r1" lan.pcap "vrrp && eth.src == $A" 10
	check_frames "advertisements of r2" lan.pcap "vrrp && eth.src == $B" 10
	;;
vrrp-split)
	shows "r1 and r2 both lead the virtual router 51: neither hears the other's advertisements; both answer for $V."
	finding vrrp-dup-master positive
	finding arp-ip-conflict near-miss
	check_frames "advertisements of r1" lan.pcap "vrrp && eth.src == $A" 10
	check_frames "advertisements of r2" lan.pcap "vrrp && eth.src == $B" 10
	;;
vrrp-split-remedied)
	shows "r1 and r2 hear each other: r1 leads, r2 waits."
	finding vrrp-dup-master remedied
	check_frames "advertisements of r1" lan.pcap "vrrp && eth.src == $A" 10
	check_frames "few of r2" lan.pcap "vrrp && eth.src == $B" 0 4
	;;
vrrp-failover)
	shows "r1 fails, r2 takes $V over, and gives it back when r1 returns."
	finding vrrp-dup-master near-miss
	finding arp-ip-conflict near-miss
	finding arp-spoof-mitm near-miss
	check_frames "advertisements of r1" lan.pcap "vrrp && eth.src == $A" 5
	check_frames "advertisements of r2" lan.pcap "vrrp && eth.src == $B" 3
	;;
esac
lab_finish
