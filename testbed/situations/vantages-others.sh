#!/bin/bash
# captures: wscale-stripped-nat wscale-stripped-ipv6 wscale-stripped-answer
# captures: data-unanswered-word data-unanswered-ipv6
#
# More of vantages.sh. A device that takes the window scale option out: with others and
# behind NAT; over IPv6; out of the answer alone. A filter that drops what has a word
# in it; one that drops a connection, over IPv6, after ten packets.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft curl
peer=$(tool peer)
case $1 in
wscale-*) WIRE_OUT="-delay 20ms" ;;
esac
lab_gw c c2
web s 80
rule() { printf 'table inet fw {\n chain forward {\n  type filter hook forward priority %s\n  %s\n }\n}\n' "$1" "$2" | ns gw nft -f -; }
nat() { printf 'table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname "outer" masquerade\n }\n}\n' | ns gw nft -f -; }
S6="[${OUT6}:2]"
case $1 in
wscale-stripped-nat)
	rule mangle 'tcp flags & syn == syn reset tcp option window reset tcp option timestamp'
	nat
	;;
wscale-stripped-ipv6) rule mangle 'ip6 nexthdr tcp tcp flags & syn == syn reset tcp option window' ;;
wscale-stripped-answer) rule mangle 'tcp flags & (syn | ack) == (syn | ack) reset tcp option window' ;;
data-unanswered-word) rule filter 'iifname "inner" @ih,0,48 0x44454c455445 drop' ;;
data-unanswered-ipv6) rule filter "ip6 saddr ${IN6}:12 ct original packets > 10 drop" ;;
esac
if [ "$1" = data-unanswered-word ]; then
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner: between the clients and gw"
else
	capture_both tcp
fi
case $1 in
wscale-*)
	to=$OUT4.2
	[ "$1" != wscale-stripped-ipv6 ] || to=$S6
	fetch c "http://$to/page-20000.txt"
	fetch c2 "http://$to/page-200.txt"
	;;
data-unanswered-word) # one tool of the house uses a method that the filter has heard of
	page=http://$OUT4.2/page-200.txt
	for i in 1 2; do
		ns c curl -sS -o /dev/null "$page" --next -X DELETE -sS -o /dev/null -m 6 -w "c, first a page, then DELETE: %{http_code} %{errormsg}\n" "$page" >>"$LAB/answers" 2>/dev/null &
		x=$!
		sleep 2
		for n in c c2; do fetch $n "$page"; done
		wait $x || true
	done
	;;
data-unanswered-ipv6)
	bg s "$peer" echo -listen :2323
	wait_port s 2323
	pids=
	for n in c c2; do
		(ns $n "$peer" chat -to "$S6:2323" -size 300 -pauses "$(printf '0.3s,%.0s' $(seq 14))0.1s" -timeout 7s | sed "s/^/$n /" >>"$LAB/answers") &
		pids+=" $!"
	done
	wait $pids
	fetch c2 "http://$S6/page-200.txt"
	;;
esac
capture_stop
answers
syn="tcp.flags == 2 && tcp.options.wscale.shift" synack="tcp.flags == 0x12 && tcp.options.wscale.shift"
case $1 in
wscale-stripped-nat)
	shows "gw takes window scaling and timestamps out of each SYN and SYN/ACK, and hides its clients behind its own address."
	finding wscale-stripped positive
	check_frames "offered inside" inside.pcap "$syn" 2
	check_frames "gone outside" outside.pcap "$syn" 0 0
	check "every request was answered" every_ok
	;;
wscale-stripped-ipv6)
	shows "Over IPv6, gw takes window scaling out of each SYN and SYN/ACK."
	finding wscale-stripped positive
	check_frames "offered inside" inside.pcap "$syn && ipv6" 2
	check_frames "gone outside" outside.pcap "$syn" 0 0
	check "every request was answered" every_ok
	;;
wscale-stripped-answer)
	shows "gw takes window scaling out of the server's answers alone: the server believes in a scale that the client does not use."
	finding wscale-stripped positive
	check_frames "offered outside" outside.pcap "$syn" 2
	check_frames "taken up outside" outside.pcap "$synack" 2
	check_frames "gone inside" inside.pcap "$synack" 0 0
	;;
data-unanswered-word)
	shows "A filter in gw drops packets that begin with DELETE: on a connection that has just worked the request is sent again and again, and never answered; all other requests are."
	finding tcp-data-unanswered positive
	check_frames "sent again inside" inside.pcap "http.request.method == DELETE || tcp.analysis.retransmission" 8
	;;
data-unanswered-ipv6)
	shows "Over IPv6, gw drops what c2 sends once it has sent ten packets of a connection; the other client goes on."
	finding tcp-data-unanswered positive
	check "c2's line dies" grep -q "^c2 .*dead" "$LAB/answers"
	check "c's line lives" bash -c "! grep -q '^c .*dead' '$LAB/answers'"
	check_frames "sent again inside" inside.pcap "tcp.analysis.retransmission && ipv6.src == ${IN6}:12" 4
	check_frames "not outside" outside.pcap "tcp.analysis.retransmission && ipv6.src == ${IN6}:12" 0 0
	;;
esac
lab_finish
