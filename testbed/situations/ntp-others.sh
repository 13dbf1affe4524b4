#!/bin/bash
# captures: ntp-dropped-v6 ntp-restarted
#
# More of ntp.sh over IPv6: a filter drops one client's questions, and a time server
# that comes back without a time of its own.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need chronyd nft
lab_gw c c2
S=${OUT6}:2
serve() { # LINES...
	printf '%s\n' "$@" "allow all" "port 123" "cmdport 0" "bindcmdaddress /" "pidfile $LAB/chrony.pid" "driftfile $LAB/drift" >"$LAB/chrony.conf"
	bg s chronyd -x -d -u root -f "$LAB/chrony.conf"
	local i
	for i in $(seq 50); do [ -n "$(ns s ss -Hlun 'sport = :123')" ] && return 0; sleep 0.1; done
	die "no time server"
}
ask() { ns "$1" timeout 14 chronyd -Q -t 12 -u root -f /dev/null "server $S iburst" 2>&1 | sed 's/^[^ ]* //' | tail -n 1 | sed "s/^/$1: /" >>"$LAB/answers" || true; }
serve "local stratum 8"
web s 80
[ "$1" != ntp-dropped-v6 ] || printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  ip6 saddr %s udp dport 123 drop\n }\n}\n' "${IN6}:11" | ns gw nft -f -
capture_both "udp port 123 or tcp port 80 or icmp6"
case $1 in
ntp-dropped-v6)
	fetch c "http://[$S]/page-200.txt"
	ask c2
	ask c
	sleep 4
	ask c2
	fetch c "http://[$S]/page-200.txt"
	;;
ntp-restarted)
	ask c
	kill "$(cat "$LAB/chrony.pid")"
	sleep 1
	serve
	truth "The server is started anew, and has lost its own source."
	ask c
	ask c2
	;;
esac
capture_stop
answers
case $1 in
ntp-dropped-v6)
	shows "gw drops one client's questions to the time server (IPv6); another client's are answered."
	finding ntp-silent-or-unsync positive
	check_frames "questions" inside.pcap "ntp.flags.mode == 3 && ipv6.src == ${IN6}:11" 4
	check_frames "no answers to it" inside.pcap "ntp.flags.mode == 4 && ipv6.dst == ${IN6}:11" 0 0
	check_frames "answers to the other" inside.pcap "ntp.flags.mode == 4 && ipv6.dst == ${IN6}:12" 4
	;;
ntp-restarted)
	shows "A time server answers well, is started anew and says then that it is not synchronised (IPv6)."
	finding ntp-silent-or-unsync positive
	check_frames "answers with a time" inside.pcap "ntp.flags.mode == 4 && ntp.flags.li == 0" 3
	check_frames "answers without" inside.pcap "ntp.flags.mode == 4 && ntp.flags.li == 3" 6
	;;
esac
lab_finish
