#!/bin/bash
# captures: clean-monitor
#
# A monitor that asks fifty machines again and again, for FST_CLEAN_SECONDS (1830):
# all at once by ping (fping) every five minutes, and one after another by its
# checks of SSH, web pages, ports (monitoring-plugins) and SNMP. Twenty machines are
# in its own network, thirty behind a router. All are up and answer.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need fping snmpd snmpget python3 sshd ssh-keygen
PATH=$PATH:/usr/lib/nagios/plugins
need check_ssh check_http check_tcp check_ping
last=${FST_CLEAN_SECONDS:-1830}
hosts=()
for i in $(seq 20); do hosts+=("h$i"); done
lab_lan m "${hosts[@]}" gw
for i in $(seq 10 39); do addr s eth0 $OUT4.$i/24; done
mkdir -p "$LAB/pages" /run/sshd
echo '<html><body>ok</body></html>' >"$LAB/pages/index.html"
ssh-keygen -q -t ed25519 -N '' -f "$LAB/hostkey"
chmod a+rx "$LAB"
for n in "${hosts[@]}" s; do
	bg "$n" python3 -m http.server 80 --directory "$LAB/pages"
	bg "$n" "$(command -v sshd)" -D -p 22 -f /dev/null -h "$LAB/hostkey" -o StrictModes=no -o UsePAM=no -o PidFile=none -o UseDNS=no -o ListenAddress=0.0.0.0
	printf 'agentAddress udp:161\nrocommunity machines-ro\nsysLocation rack\nsysName %s\n' "$n" >"$LAB/$n.snmp"
	SNMP_PERSISTENT_DIR=$LAB/$n.persist bg "$n" snmpd -f -Lf "$LAB/$n.snmp.log" -C -c "$LAB/$n.snmp" -p "$LAB/$n.snmp.pid"
done
for n in "${hosts[@]}" s; do wait_port "$n" 80; wait_port "$n" 22; done
sleep 2
all=()
for i in $(seq 12 31); do all+=("$IN4.$i"); done
for i in $(seq 10 39); do all+=("$OUT4.$i"); done
[ ${#all[@]} = 50 ] || die "not fifty machines"
printf '%s\n' "${all[@]}" >"$LAB/all"
got() { # got WHAT COMMAND...: one line with the outcome
	local what=$1
	shift
	if ns m "$@" >"$LAB/got" 2>&1; then echo "$what ok"; else echo "$what fail: $(tail -n 1 "$LAB/got")"; fi >>"$LAB/answers"
}
capture sw lan lan.pcap
vantage lan.pcap "the switch of the monitor's network: every frame"
end=$((SECONDS + last))
pings() { # all at once, as a monitor's round of pings
	local next=$SECONDS
	while [ $SECONDS -lt $((end - 5)) ]; do
		if ns m fping -q -r 1 -f "$LAB/all" >/dev/null 2>&1; then echo "fping ok"; else echo "fping fail"; fi >>"$LAB/answers.ping"
		next=$((next + 300))
		[ $next -lt $((end - 5)) ] || break
		sleep $((next - SECONDS))
	done
}
checks() { # one machine every twelve seconds: each is asked every ten minutes
	local k=0 a
	while [ $SECONDS -lt $((end - 9)) ]; do
		a=${all[$((k % 50))]}
		got snmp snmpget -v2c -c machines-ro -Oqvn -t 2 -r 1 "$a" 1.3.6.1.2.1.1.3.0 1.3.6.1.2.1.1.5.0
		case $(((k / 50 + k) % 4)) in
		0) got ssh check_ssh -t 5 "$a" ;;
		1) got web check_http -t 5 -I "$a" ;;
		2) got port check_tcp -t 5 -H "$a" -p 80 ;;
		3) got ping check_ping -H "$a" -w 500,20% -c 900,60% -p 1 ;;
		esac
		k=$((k + 1))
		sleep 11.8
	done
}
pings & a=$!
checks & b=$!
wait $a $b
left=$((end - SECONDS))
[ $left -le 0 ] || sleep $left
capture_stop
cat "$LAB/answers.ping" >>"$LAB/answers"
sort "$LAB/answers" | uniq -c | truth_block "Results of the checks"
truth "Length: $last s. The monitor is $IN4.11; $IN4.12 to $IN4.31 are in its network, $OUT4.10 to $OUT4.39 behind the router."
shows "A monitor asks fifty machines by ping, SSH, web, port and SNMP; all are up."
finding all clean
for f in scan-hosts scan-ports scan-trw arp-scan brute-force-login; do finding $f near-miss; done
check "every check passed" every_ok
check_frames "pings answered" lan.pcap "icmp.type == 0" $((50 * (last / 300)))
check_frames "SNMP answered" lan.pcap "snmp && udp.srcport == 161" $((last / 15))
lab_finish
