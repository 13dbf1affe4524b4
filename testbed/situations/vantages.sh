#!/bin/bash
# captures: wscale-stripped wscale-stripped-remedied nat-drop-midway nat-drop-midway-remedied
#
# What only two vantages show: an option that is gone behind gw, and packets
# that enter gw and do not leave it although the connection was let in.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft
peer=$(tool peer)
case $1 in
wscale-*) WIRE_OUT="-delay 10ms" ;;
esac
lab_gw c c2
web s 80
bg s "$peer" echo -listen :2323
wait_port s 2323
mangle='tcp flags & syn == syn reset tcp option window'
midway='ct original packets > 14 ip saddr '$IN4'.12 drop'
case $1 in
wscale-stripped) printf 'table inet fw {\n chain forward {\n  type filter hook forward priority mangle\n  %s\n }\n}\n' "$mangle" | ns gw nft -f - ;;
nat-drop-midway*)
	rule="$midway"
	[ "$1" = nat-drop-midway ] || rule=accept
	ns gw nft -f - <<-N
	table ip fw {
		chain forward {
			type filter hook forward priority filter
			$rule
		}
		chain post {
			type nat hook postrouting priority srcnat
			oifname "outer" masquerade
		}
	}
	N
	;;
esac
capture_both tcp
case $1 in
wscale-*)
	head -c 150000 < <(yes "a longer page, to fill the window") >"$LAB/www-s-80/long.txt"
	for n in c c2; do fetch $n http://$OUT4.2/long.txt; done
	;;
*)
	pids=
	for n in c c2; do
		fetch $n http://$OUT4.2/page-3000.txt
		(ns $n "$peer" chat -to $OUT4.2:2323 -pauses "$(printf '0.3s,%.0s' $(seq 20))0.1s" -timeout 8s | sed "s/^/$n /" >>"$LAB/answers") &
		pids+=" $!"
	done
	wait $pids
	fetch c2 http://$OUT4.2/page-200.txt
	;;
esac
capture_stop
answers
case $1 in
wscale-stripped)
	shows "gw takes the window scale option out of every SYN and SYN/ACK: inside the clients offer it, outside it is gone, and windows stay under 64 kB."
	finding wscale-stripped positive
	check_frames "offered inside" inside.pcap "tcp.flags == 2 && tcp.options.wscale.shift" 2
	check_frames "gone outside" outside.pcap "tcp.flags == 2 && tcp.options.wscale.shift" 0 0
	check "every request was answered" every_ok
	;;
wscale-stripped-remedied)
	shows "gw leaves the options alone: the window scale option is the same on both sides."
	finding wscale-stripped remedied
	check_frames "offered outside" outside.pcap "tcp.flags == 2 && tcp.options.wscale.shift" 2
	check "every request was answered" every_ok
	;;
nat-drop-midway)
	shows "Behind NAT one client's connections stop in gw after some packets: inside the data is sent again and again, outside nothing of it is seen; the other client goes on."
	finding tcp-data-unanswered positive
	finding tcp-idle-timeout-drop near-miss
	truth "gw drops every packet of c2 after the 14th of a connection: all loss is between the two vantages. No pause precedes it."
	check "c2's line dies" grep -q "^c2 .*dead" "$LAB/answers"
	check "c's line lives" bash -c "! grep -q '^c .*dead' '$LAB/answers'"
	check_frames "sent again inside" inside.pcap "tcp.analysis.retransmission && ip.src == $IN4.12 && tcp.len > 0" 3
	check_frames "not outside" outside.pcap "tcp.analysis.retransmission && ip.src == $OUT4.1 && tcp.len > 0" 0 0
	;;
*)
	shows "Without the rule both clients' connections go on through the NAT."
	finding tcp-data-unanswered remedied
	check "every request was answered" every_ok
	;;
esac
lab_finish
