#!/bin/bash
# captures: messenger-spam messenger-spam-closed messenger-spam-answered messenger-spam-inside
# captures: messenger-spam-remedied messenger-announcement messenger-dns-answer founding-messenger
#
# Pop-ups for the Windows Messenger service. The sender is testbed/messenger.py:
# the frames are computed and then really sent, so the captures count as
# synthetic; the texts are invented. Routing, filter and ICMP are the kernel's.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft python3 dig dnsmasq
if [ "$1" = founding-messenger ]; then
	need tshark
	python3 "$FST_TESTBED/messenger.py" write "$OUT/founding.pcap" 192.0.2.9 16 | truth_block "What was written"
	synthetic
	vantage founding.pcap "computed, as on the wire in front of the receiver"
	shows "The founding case: over a dozen pop-ups to one host within two hours, each from another address, nearly all with another text."
	finding messenger-popup-spam positive
	check_frames "NetrSendMessage" founding.pcap "messenger" 16 16
	lab_finish
	exit
fi
lab_gw c c2
web s 80
VICTIM=$IN4.11
# The forged senders lie behind s: what goes back to them goes there.
ns gw ip route add 198.51.100.0/24 via $OUT4.2
ns gw ip route add 203.0.113.0/24 via $OUT4.2
ns gw sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.outer.rp_filter=0
send() {
	local n=$1
	shift
	ns "$n" python3 "$FST_TESTBED/messenger.py" send "$@" >>"$LAB/sent"
}
guard() {
	{
		printf 'table inet filter {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$1"
	} | ns gw nft -f -
}
case $1 in
messenger-dns-answer) ;;
*) synthetic ;;
esac
case $1 in
messenger-spam) ns c nft -f - <<-'N'
	table inet host {
	 chain input {
	  type filter hook input priority filter
	  udp dport 1025-1030 drop
	 }
	}
	N
	;;
messenger-spam-answered) for p in 1026 1027 1028; do bg c python3 "$FST_TESTBED/messenger.py" answer $VICTIM $p; done ;;
messenger-spam-remedied)
	guard ""
	ns gw nft insert rule inet filter forward ip saddr != "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }" ct state new udp dport "{ 135, 137-138, 1025-1030 }" drop
	;;
messenger-dns-answer)
	bg s dnsmasq -d -C /dev/null --no-resolv --no-hosts --port=53 --listen-address=$OUT4.2 --bind-interfaces --address=/name.example/192.0.2.7 \
		--address=/www.example/192.0.2.8
	sleep 0.5
	;;
esac
capture_both
fetch c http://$OUT4.2/page-200.txt
case $1 in
messenger-spam | messenger-spam-closed | messenger-spam-answered | messenger-spam-remedied)
	send s $VICTIM 14 --gap 0.5
	;;
messenger-spam-inside) send c2 $VICTIM 8 --own --port 1026 ;;
messenger-announcement) send c2 $VICTIM 2 --own --same --port 1026 ;;
messenger-dns-answer)
	for port in 1026 1027 1028; do for name in name.example www.example; do
		ns c dig +tries=1 +time=2 -b "$VICTIM#$port" @$OUT4.2 $name A | grep -c 192.0.2 >>"$LAB/dug"
	done; done
	;;
esac
fetch c http://$OUT4.2/page-200.txt
capture_stop
answers
[ ! -s "$LAB/sent" ] || truth_block "What the sender sent" <"$LAB/sent"
check "the web answered throughout" every_ok
case $1 in
messenger-spam)
	shows "14 pop-ups with 14 forged senders and five texts come to 10.1.0.11, which drops them without a word."
	finding messenger-popup-spam positive
	check_frames "NetrSendMessage inside" inside.pcap "messenger" 14 14
	check_frames "no ICMP" inside.pcap icmp 0 0
	;;
messenger-spam-closed)
	shows "14 pop-ups with forged senders come to 10.1.0.11, where nothing listens: it answers with ICMP."
	finding messenger-popup-spam positive
	check_frames "NetrSendMessage inside" inside.pcap "messenger && !icmp" 14 14
	check_frames "ICMP port unreachable" inside.pcap "icmp.type == 3 && icmp.code == 3" 5
	;;
messenger-spam-answered)
	shows "14 pop-ups with forged senders come to 10.1.0.11, where a stand-in for the service answers each."
	finding messenger-popup-spam positive
	check_frames "requests and answers" inside.pcap "messenger" 28 28
	;;
messenger-spam-inside)
	shows "10.1.0.12, a machine inside, sends 8 pop-ups with five texts to its neighbour 10.1.0.11."
	finding messenger-popup-spam positive
	check_frames "NetrSendMessage inside" inside.pcap "messenger && !icmp" 8 8
	;;
messenger-spam-remedied)
	shows "The same pop-ups after the rule at gw: none of them comes inside."
	finding messenger-popup-spam remedied
	check_frames "none inside" inside.pcap "messenger" 0 0
	check_frames "they came as far as gw" outside.pcap "messenger" 14 14
	rm "$OUT/outside.pcap"
	LAB_VANTAGES=("${LAB_VANTAGES[0]}")
	;;
messenger-announcement)
	shows "One machine inside sends the same text twice to its neighbour: an announcement, no campaign."
	finding messenger-popup-spam near-miss
	check_frames "NetrSendMessage inside" inside.pcap "messenger && !icmp" 2 2
	;;
messenger-dns-answer)
	shows "A client asks a name server from UDP ports 1026 to 1028: the answers come to the ports of the pop-ups and are none."
	finding messenger-popup-spam near-miss
	check_frames "DNS answers to 1026-1028" inside.pcap "dns.flags.response == 1 && udp.dstport >= 1026 && udp.dstport <= 1028" 6
	;;
esac
lab_finish
