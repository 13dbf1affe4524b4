#!/bin/bash
# captures: fragment-lost fragment-lost-remedied
#
# A filter that drops later fragments; ping and a large UDP answer need them.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft dnsmasq dig ping
lab_gw c c2
web s 80
bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root --edns-packet-max=4096 \
	$(for i in $(seq 14); do echo "--txt-record=big.example,$(printf 'x%.0s' $(seq 200))$i"; done)
sleep 0.5
if [ "$1" = fragment-lost ]; then
	# Before defragmentation: a connection tracker would put the pieces together.
	printf 'table ip raw {\n chain pre {\n  type filter hook prerouting priority -450\n  ip frag-off & 0x1fff != 0 drop\n }\n}\n' | ns gw nft -f -
fi
for x in "gw outer" "gw inner" "s eth0"; do plain $x; done
capture_both
for i in 1 2 3 4; do
	for n in c c2; do
		if ns $n ping -c 1 -W 1 -s 3000 $OUT4.2 >/dev/null 2>&1; then echo "$n ping of 3000 bytes ok"; else echo "$n ping of 3000 bytes fail"; fi >>"$LAB/answers"
		if ns $n dig +tries=1 +time=1 +bufsize=4096 +ignore @$OUT4.2 big.example TXT >/dev/null 2>&1; then echo "$n dns ok"; else echo "$n dns fail"; fi >>"$LAB/answers"
		fetch $n http://$OUT4.2/page-200.txt
	done
done
capture_stop
answers
later="ip.frag_offset > 0"
if [ "$1" = fragment-lost ]; then
	shows "gw drops every later fragment: large pings and large DNS answers never become whole; small packets and TCP work."
	finding ip-fragment-lost positive
	check_frames "first fragments inside" inside.pcap "ip.flags.mf == 1 && ip.frag_offset == 0" 8
	check_frames "no later fragment from the server inside" inside.pcap "$later && ip.src == $OUT4.2" 0 0
	check_frames "but outside" outside.pcap "$later && ip.src == $OUT4.2" 4
	check "the web answered" bash -c "! grep -q 'page.* 000 ' '$LAB/answers'"
else
	shows "Fragments pass: large pings and large DNS answers work."
	finding ip-fragment-lost remedied
	check_frames "later fragments inside" inside.pcap "$later && ip.src == $OUT4.2" 8
	check "every request was answered" every_ok
fi
lab_finish
