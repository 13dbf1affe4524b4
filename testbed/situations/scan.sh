#!/bin/bash
# captures: scan-syn scan-syn-remedied scan-connect scan-stealth scan-udp scan-proto scan-sweep scan-masscan scan-slow scan-decoys scan-shared scan-ping scan-nothing scan-monitor scan-outage
# captures: scan-sweep-remedied scan-slow-remedied scan-slow-stranger scan-nothing-masscan scan-nothing-one
#
# Somebody looks for open doors: nmap and masscan in their forms, from inside and
# from a stranger's network. Near-misses: a monitor that polls fifty addresses,
# and a server that is down for everybody.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nmap masscan nft curl lighttpd python3
lab_gw c c2 h
node x
link gw far x eth0
FAR=203.0.113
addr gw far $FAR.1/24
addr x eth0 $FAR.9/24 $FAR.{10,11,12,13,14}/24
ns x ip route add default via $FAR.1
# Two services of one server: 80 is used by everybody, 8080 was forgotten.
web s 80
web s 8080
[ "$1" != scan-outage ] || web gw 8088
# look NS ARGUMENTS...: runs nmap without name look-ups and without its own idea of who is up.
look() {
	local n=$1
	shift
	echo "\$ nmap -n -Pn $*" >>"$LAB/scans"
	ns "$n" nmap -n -Pn "$@" 2>&1 | grep -vE '^(Starting|Nmap done|$)' >>"$LAB/scans" || true
}
visit() {
	local n
	for n in c c2; do fetch $n http://$OUT4.2/page-200.txt; done
}
outer() {
	capture gw outer outside.pcap "$@"
	vantage outside.pcap "gw, device outer: between gw and the server"
}
inner() {
	capture gw inner inside.pcap "$@"
	vantage inside.pcap "gw, device inner: between the clients and gw"
}
block() { printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$1" | ns gw nft -f -; }
case $1 in
scan-syn | scan-syn-remedied)
	[ "$1" = scan-syn ] || block "tcp dport 8080 ip saddr != $IN4.0/24 drop"
	outer tcp
	visit
	look x -sS -T4 --max-retries 1 -p 1-160,8000,8080,8443 $OUT4.2
	visit
	finding scan-ports "$([ "$1" = scan-syn ] && echo positive || echo remedied)"
	;;
scan-connect)
	inner tcp
	visit
	look h -sT -T4 --max-retries 1 -p 20-120,8080 $OUT4.2 $IN4.1
	fetch h http://$OUT4.2:8080/page-20000.txt
	finding scan-ports positive
	;;
scan-stealth)
	inner tcp
	visit
	for s in -sF -sN -sX -sM -sA; do look h $s -T4 --max-retries 1 -p 60-90,8080 $OUT4.2; done
	finding scan-ports positive
	;;
scan-udp)
	# The kernel's own limit of one unreachable a second would make this take minutes.
	ns s sysctl -qw net.ipv4.icmp_ratelimit=0
	inner "udp or icmp"
	look h -sU -T4 --max-retries 1 -p 40-80,111,123,137,161,500,514,520,1900 $OUT4.2
	finding scan-ports positive
	;;
scan-proto)
	ns s sysctl -qw net.ipv4.icmp_ratelimit=0
	inner "not arp and not ip6"
	look h -sO -T4 --max-retries 1 -p 1-40,47,50,51,58,89,103,112,132 $OUT4.2
	finding scan-ports positive
	;;
scan-sweep-remedied | scan-slow-remedied)
	# h is shut off at gw until its owner has found the program; the capture stands behind gw.
	ns gw nft add table inet filter
	ns gw nft add chain inet filter forward '{ type filter hook forward priority filter; }'
	ns gw nft insert rule inet filter forward ip saddr $IN4.13 drop
	outer "tcp or icmp"
	visit
	if [ "$1" = scan-sweep-remedied ]; then
		look h -sS -T4 --max-retries 0 -p 80,445 $OUT4.2-60
		finding scan-hosts remedied
	else
		look h -sS --scan-delay 4s --max-retries 0 -p 22,3389 $OUT4.2,3,4,5,6
		finding scan-trw remedied
	fi
	;;
scan-slow-stranger) # seen where it comes in
	capture gw far far.pcap "tcp or icmp"
	vantage far.pcap "gw, device far: between strangers and gw"
	look x -sS --scan-delay 3s --max-retries 0 -p 22,5900 $IN4.11,12,13,14,15,16
	truth "A pause of 3 s between the probes stands for the minutes of a patient scanner."
	finding scan-trw positive
	;;
scan-nothing-masscan)
	outer "tcp or icmp"
	visit
	mac=$(ns gw cat /sys/class/net/far/address)
	for i in 9 10 11; do
		echo "\$ masscan $OUT4.2/32 -p21-31,110,139,143,445,1433,3306,3389,5432,6379 --rate 50 (from $FAR.$i)" >>"$LAB/scans"
		ns x timeout 12 masscan $OUT4.2/32 -p21-31,110,139,143,445,1433,3306,3389,5432,6379 --rate 50 --wait 1 --source-ip $FAR.$i --router-mac "${mac//:/-}" --interface eth0 2>/dev/null >>"$LAB/scans" || true
	done
	visit
	finding scan-background positive
	;;
scan-nothing-one) # the day of an address: many strangers, each with one knock
	outer "tcp or icmp"
	ns gw ip route add blackhole default
	ns gw sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.far.rp_filter=0
	visit
	for p in 22 23 445 1433 2323 3389 5900 6379; do
		ns x hping3 -q -S -p $p --rand-source -i u20000 -c 16 $OUT4.2 >/dev/null 2>&1 || true
	done
	visit
	finding scan-background positive
	;;
scan-sweep)
	inner "tcp or icmp"
	visit
	look h -sS -T4 --max-retries 1 -p 80,445 $OUT4.2-60
	finding scan-hosts positive
	;;
scan-masscan)
	inner "tcp or icmp"
	visit
	mac=$(ns gw cat /sys/class/net/inner/address)
	echo "\$ masscan $OUT4.0/26 -p80,8080 --rate 100" >>"$LAB/scans"
	ns h timeout 20 masscan $OUT4.0/26 -p80,8080 --rate 100 --wait 2 --source-ip $IN4.13 --router-mac "${mac//:/-}" --interface eth0 2>/dev/null >>"$LAB/scans" || true
	finding scan-hosts positive
	;;
scan-slow)
	inner "tcp or icmp"
	visit
	look h -sS --scan-delay 4s --max-retries 0 -p 22,3389 $OUT4.2,3,4,5,6
	truth "A pause of 4 s between the probes stands for the minutes of a patient scanner."
	finding scan-trw positive
	;;
scan-decoys)
	outer tcp
	visit
	look x -sS -T4 --max-retries 1 -p 70-110,8080 -D $FAR.10,$FAR.11,ME,$FAR.12 -S $FAR.9 -e eth0 $OUT4.2
	finding scan-ports positive
	;;
scan-shared)
	outer tcp
	visit
	i=0 pids=
	for r in 60-71 72-83 84-95 96-107 108-119,8080; do
		look x -sS -T4 --max-retries 1 -p $r -S $FAR.$((9 + i)) -e eth0 $OUT4.2 &
		pids+=" $!"
		i=$((i + 1))
	done
	wait $pids || true
	truth "Five addresses look for twelve ports each."
	finding scan-ports positive
	;;
scan-ping)
	inner "icmp"
	echo "\$ nmap -n -sn -PE $OUT4.1-60" >>"$LAB/scans"
	ns h nmap -n -sn -PE -T4 --max-retries 1 $OUT4.1-60 2>&1 | grep -c 'is up' >>"$LAB/scans" || true
	finding scan-hosts positive
	;;
scan-nothing)
	outer "tcp or icmp"
	visit
	for i in 9 10 11 12; do look x -sS -T4 --max-retries 1 -p 21-31,110,139,143,445,1433,2323,3306,3389,5432,5900,6379,8443 -S $FAR.$i -e eth0 $OUT4.2; done
	visit
	finding scan-background positive
	finding scan-ports near-miss
	finding scan-trw near-miss
	;;
scan-monitor)
	for i in $(seq 10 59); do ns s ip addr add $OUT4.$i/24 dev eth0; done
	# Six of the fifty are down.
	for i in 15 25 35 45 55 58; do ns s ip addr del $OUT4.$i/24 dev eth0; done
	inner tcp
	for round in 1 2 3; do
		for i in $(seq 10 59); do ns h nc -z -w 1 $OUT4.$i 80 || true; done
		sleep 12
	done
	truth "A monitor asks fifty addresses for a connection, three times; six of them are down."
	finding scan-hosts near-miss
	finding scan-trw near-miss
	finding scan-ports near-miss
	;;
scan-outage)
	inner tcp
	visit
	for n in c c2 h; do for p in 80 8080; do fetch $n http://$OUT4.2:$p/page-200.txt -m 1; done; done
	ns s ip link set eth0 down
	for round in 1 2; do
		pids=
		for n in c c2 h; do
			for p in 80 8080 443 8443 22; do
				fetch $n http://$OUT4.2:$p/ -m 2 &
				pids+=" $!"
			done
		done
		wait $pids || true
	done
	truth "The server goes off; three clients ask for five of its ports, twice."
	finding scan-ports near-miss
	finding scan-trw near-miss
	;;
esac
# Silence is silence after three seconds, of the capture's own time.
sleep 3.3
case $1 in
scan-slow-stranger) look x -sS -p 80 $OUT4.2 ;;
scan-outage) fetch c http://$IN4.1:8088/page-200.txt ;;
scan-ping) ns c ping -q -c 1 $OUT4.2 >/dev/null ;;
scan-udp | scan-proto) ;;
*) visit ;;
esac
capture_stop
[ ! -s "$LAB/answers" ] || answers
[ ! -s "$LAB/scans" ] || truth_block "What the scanner says" <"$LAB/scans"
case $1 in
scan-syn)
	shows "A stranger tries 163 ports of the server with half-open connections; 80 and 8080 are open, and nobody but him uses 8080."
	check "nmap found both" [ "$(grep -cE '^(80|8080)/tcp +open' "$LAB/scans")" = 2 ]
	check_frames "SYNs of the stranger" outside.pcap "tcp.flags == 2 && ip.src == $FAR.9" 160
	;;
scan-syn-remedied)
	shows "The same search after 8080 was closed to strangers: what it finds is the web server that everybody uses."
	check "nmap found 80 only" bash -c "grep -qE '^80/tcp +open' '$LAB/scans' && ! grep -qE '^8080/tcp +open' '$LAB/scans'"
	check "8080 works from inside" ns c curl -s -o /dev/null -m 2 http://$OUT4.2:8080/
	;;
scan-connect)
	shows "A machine inside tries 102 ports of the server and of gw by whole connections, finds the forgotten 8080, comes back and fetches a page from it."
	check "nmap found 8080" grep -qE '^8080/tcp +open' "$LAB/scans"
	check_frames "SYNs of h" inside.pcap "tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == $IN4.13" 200
	;;
scan-stealth)
	shows "FIN, NULL, Xmas, Maimon and ACK probes to 32 ports each: closed ports answer with a reset, open ones are silent."
	check_frames "FIN alone" inside.pcap "tcp.flags == 1" 30
	check_frames "no flag" inside.pcap "tcp.flags == 0" 30
	check_frames "FIN, PSH, URG" inside.pcap "tcp.flags == 0x29" 30
	check_frames "FIN, ACK" inside.pcap "tcp.flags == 0x11 && ip.src == $IN4.13" 30
	check_frames "ACK alone" inside.pcap "tcp.flags == 0x10 && ip.src == $IN4.13" 30
	;;
scan-udp)
	shows "UDP probes to 49 ports: closed ones answer with ICMP port unreachable."
	check_frames "port unreachable" inside.pcap "icmp.type == 3 && icmp.code == 3" 30
	;;
scan-proto)
	shows "One packet of each of 48 IP protocols: those not spoken answer with ICMP protocol unreachable."
	check_frames "protocol unreachable" inside.pcap "icmp.type == 3 && icmp.code == 2" 30
	;;
scan-sweep)
	shows "A machine inside looks for ports 80 and 445 on 59 addresses; one of them is a machine."
	check_frames "addresses tried" inside.pcap "tcp.flags == 2 && ip.src == $IN4.13" 100
	;;
scan-masscan)
	shows "masscan looks for ports 80 and 8080 on 64 addresses."
	check_frames "SYNs" inside.pcap "tcp.flags == 2 && ip.src == $IN4.13" 120
	;;
scan-sweep-remedied | scan-slow-remedied)
	shows "gw lets nothing of the searching machine pass: behind it nothing of the search is seen."
	check_frames "nothing of h" outside.pcap "ip.src == $IN4.13" 0 0
	;;
scan-slow-stranger)
	shows "A stranger tries two ports of six addresses inside, a probe every three seconds."
	check_frames "SYNs of the stranger" far.pcap "tcp.flags == 2 && ip.src == $FAR.9" 10 30
	;;
scan-nothing-masscan)
	shows "Three strangers try 20 ports each with masscan and find nothing."
	check "nothing is open" bash -c "! grep -q 'open port' '$LAB/scans'"
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && !(ip.src == $IN4.0/24)" 55
	;;
scan-nothing-one)
	shows "128 strangers from all over the world knock once each, at eight doors of the server; none of them is open."
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && !(ip.src == $IN4.0/24)" 101
	;;
scan-slow)
	shows "Two ports of five addresses, a probe every four seconds: too slow for a rate, but all but one fail at the first contact."
	check_frames "SYNs" inside.pcap "tcp.flags == 2 && ip.src == $IN4.13" 9 24
	;;
scan-decoys)
	shows "One scan of 42 ports in the name of four addresses; 8080 is open."
	check_frames "SYNs of a decoy" outside.pcap "tcp.flags == 2 && ip.src == $FAR.10" 40
	check_frames "SYNs of another" outside.pcap "tcp.flags == 2 && ip.src == $FAR.12" 40
	;;
scan-shared)
	shows "Five addresses share one search: twelve ports each, none of them twice; 8080 is open."
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && !(ip.src == $IN4.0/24)" 60
	;;
scan-ping)
	shows "ICMP echo requests to 60 addresses; two of them answer."
	check_frames "requests" inside.pcap "icmp.type == 8" 60
	;;
scan-nothing)
	shows "Four strangers try 23 ports each and find nothing."
	check "nothing is open" bash -c "! grep -q open '$LAB/scans'"
	check_frames "SYNs" outside.pcap "tcp.flags == 2 && !(ip.src == $IN4.0/24)" 92
	;;
scan-monitor)
	shows "A monitor polls fifty addresses three times; six are down all the while."
	check_frames "SYNs" inside.pcap "tcp.flags == 2" 150
	check_frames "answers" inside.pcap "tcp.flags == 0x12" 130
	;;
scan-outage)
	shows "The server is off: all clients fail at all of its ports. Nobody is searching."
	check_frames "SYNs" inside.pcap "tcp.flags == 2" 40
	;;
esac
lab_finish
