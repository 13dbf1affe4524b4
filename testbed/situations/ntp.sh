#!/bin/bash
# captures: ntp-silent ntp-unsynchronised ntp-remedied
#
# Two clients ask a time server (chronyd -x: it never touches the clock) with
# sntp-like questions of chronyd -Q; it is stopped, or has no source itself.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need chronyd nft
lab_gw c c2
S=$OUT4.2
printf 'local stratum 8\nallow all\nport 123\ncmdport 0\nbindcmdaddress /\npidfile %s/chrony.pid\ndriftfile %s/drift\n' "$LAB" "$LAB" >"$LAB/chrony.conf"
[ "$1" != ntp-unsynchronised ] || sed -i '/^local/d' "$LAB/chrony.conf"
bg s chronyd -x -d -u root -f "$LAB/chrony.conf"
for i in $(seq 50); do [ -n "$(ns s ss -Hlun 'sport = :123')" ] && break; sleep 0.1; done
# Another service shows that what the server sends passes here.
web s 80
capture_both "udp port 123 or tcp port 80 or icmp or arp"
fetch c "http://$S/page-200.txt"
if [ "$1" = ntp-silent ]; then
	kill -STOP "$(cat "$LAB/chrony.pid")"
	truth "The time server is stopped (SIGSTOP)."
fi
for n in c c2; do
	(ns "$n" timeout 14 chronyd -Q -t 12 -u root -f /dev/null "server $S iburst" 2>&1 | sed 's/^[^ ]* //' | tail -n 2 | sed "s/^/$n: /" >>"$LAB/answers") &
done
wait $(jobs -p | tail -n 2) || true
sleep 4
fetch c2 "http://$S/page-200.txt"
capture_stop
answers
case $1 in
ntp-silent)
	shows "The time server is stopped: two clients ask four times each and get nothing."
	finding ntp-silent-or-unsync positive
	check_frames "questions" inside.pcap "ntp.flags.mode == 3" 6
	check_frames "no answers" inside.pcap "ntp.flags.mode == 4" 0 0
	;;
ntp-unsynchronised)
	shows "The time server has no source: it answers that it is not synchronised."
	finding ntp-silent-or-unsync positive
	check_frames "answers without time" inside.pcap "ntp.flags.mode == 4 && ntp.flags.li == 3" 6
	;;
ntp-remedied)
	shows "The time server runs and has a time: both clients get it."
	finding ntp-silent-or-unsync remedied
	check_frames "answers" inside.pcap "ntp.flags.mode == 4 && ntp.flags.li == 0" 6
	;;
esac
lab_finish
