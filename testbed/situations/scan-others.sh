#!/bin/bash
# captures: scan-slow-ipv6 scan-nothing-ipv6
#
# More of scan.sh, over IPv6: a patient scanner inside that tries two ports of six
# machines; strangers who try many ports of the server and find nothing.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nmap curl
lab_gw c c2 h
node x
link gw far x eth0
FAR=2001:db8:66:
addr gw far ${FAR}:1/64
addr x eth0 ${FAR}:9/64 ${FAR}:a/64 ${FAR}:b/64
ns x ip -6 route add default via ${FAR}:1
web s 80
S=${OUT6}:2
look() { # look NS ARGUMENTS...: runs nmap without name look-ups and without its own idea of who is up
	local n=$1
	shift
	echo "\$ nmap -6 -n -Pn $*" >>"$LAB/scans"
	ns "$n" nmap -6 -n -Pn "$@" 2>&1 | grep -vE '^(Starting|Nmap done|$)' >>"$LAB/scans" || true
}
visit() { local n; for n in c c2; do fetch $n "http://[$S]/page-200.txt"; done; }
case $1 in
scan-slow-ipv6)
	capture gw inner inside.pcap "tcp or icmp6"
	vantage inside.pcap "gw, device inner: between the clients and gw"
	visit
	look h -sS --scan-delay 4s --max-hostgroup 1 --max-retries 0 -p 22,3389 $S ${OUT6}:3 ${OUT6}:4 ${OUT6}:5 ${OUT6}:6 ${OUT6}:7
	truth "A pause of 4 s between the probes stands for the minutes of a patient scanner."
	finding scan-trw positive
	;;
scan-nothing-ipv6)
	capture gw outer outside.pcap "tcp or icmp6"
	vantage outside.pcap "gw, device outer: between gw and the server"
	visit
	for i in 9 a b; do look x -sS -T4 --max-retries 1 -p 21-31,110,139,143,445,1433,2323,3306,3389,5432,5900,6379,8443 -S ${FAR}:$i -e eth0 $S; done
	finding scan-background positive
	;;
esac
sleep 3.3
visit
capture_stop
answers
truth_block "What the scanner says" <"$LAB/scans"
check "nothing was found open" bash -c "! grep -q ' open ' '$LAB/scans'"
case $1 in
scan-slow-ipv6)
	shows "Over IPv6, two ports of six addresses, a probe every four seconds: too slow for a rate, but all fail at the first contact."
	check_frames "SYNs" inside.pcap "tcp.flags == 2 && ipv6.src == ${IN6}:13" 10 30
	;;
scan-nothing-ipv6)
	shows "Over IPv6, three strangers try 23 ports each and find nothing."
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && !(ipv6.src == ${IN6}:/64)" 69
	;;
esac
lab_finish
