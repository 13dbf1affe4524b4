#!/bin/bash
# captures: dns-server-silent dns-server-silent-remedied dns-server-silent-names dns-server-silent-client
# captures: dns-servfail-dnssec dns-servfail-dnssec-remedied dns-servfail-unreachable
# captures: dns-tc-no-tcp dns-tc-no-tcp-remedied dns-tc-refused
#
# A resolver (unbound) on s that two clients ask with dig: it stops, does not
# answer for some names or for one client; a zone that does not verify, or whose
# server is dead; long answers whose connection is dropped or refused.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dig unbound nft
lab_gw c c2
S=$OUT4.2
big=$(printf '%0240d' 0)
cat >"$LAB/unbound.conf" <<U
server:
	interface: 0.0.0.0
	interface: 127.0.0.1@5300
	access-control: 0.0.0.0/0 allow
	do-daemonize: no
	use-syslog: no
	username: ""
	chroot: ""
	directory: "$LAB"
	pidfile: "$LAB/unbound.pid"
	do-not-query-localhost: no
	val-log-level: 2
	ede: yes
	serve-expired: no
	msg-cache-size: 0
	local-zone: "good.example." static
	local-data: "www.good.example. 60 IN A 192.0.2.80"
	local-data: "mail.good.example. 60 IN A 192.0.2.25"
	local-data: 'long.good.example. 60 IN TXT "$big"'
	local-data: 'long.good.example. 60 IN TXT "1$big"'
	local-data: 'long.good.example. 60 IN TXT "2$big"'
	local-data: 'long.good.example. 60 IN TXT "3$big"'
	local-data: 'long.good.example. 60 IN TXT "4$big"'
	local-data: 'long.good.example. 60 IN TXT "5$big"'
$([ "$1" != dns-servfail-dnssec ] || echo '	trust-anchor: "signed.example. DS 4711 8 2 1111111111111111111111111111111111111111111111111111111111111111"')
$([ "$1" != dns-tc-refused ] || echo '	do-tcp: no')
stub-zone:
	name: "signed.example"
	stub-addr: 127.0.0.1@5301
	stub-prime: no
stub-zone:
	name: "dead.example"
	stub-addr: 198.51.100.53
	stub-prime: no
U
cat >"$LAB/zone.conf" <<D
no-resolv
no-hosts
port=5301
listen-address=127.0.0.1
bind-interfaces
auth-zone=signed.example
auth-server=ns.signed.example,lo
host-record=www.signed.example,192.0.2.81
host-record=shop.signed.example,192.0.2.82
pid-file=$LAB/dnsmasq.pid
D
start() {
	bg s unbound -d -c "$LAB/unbound.conf"
	case $1 in *dnssec*) need dnsmasq; bg s dnsmasq --keep-in-foreground --conf-file="$LAB/zone.conf" --user=root ;; esac
	local i
	for i in $(seq 50); do
		ns s dig +time=1 +tries=1 @127.0.0.1 www.good.example A 2>/dev/null | grep -q 192.0.2.80 && return 0
		sleep 0.1
	done
	die "the resolver does not answer: $(tail -n 3 "$LAB/s.log")"
}
start "$1"
# ask NS NAME [FLAGS...]: one line with the client's view.
ask() {
	local n=$1 name=$2 t0=$EPOCHREALTIME out
	shift 2
	out=$(ns "$n" dig +time=2 +tries=2 +noall +comments +answer "@$S" "$name" "$@" 2>&1 | grep -E 'status:|timed out|IN[[:space:]]+(A|TXT)|refused|Truncated' | cut -c1-70 | tr '\n' ' ' || true)
	printf '%s %s %s: %s after %.1f s\n' "$n" "$name" "$*" "${out:-nothing}" "$(echo "$EPOCHREALTIME - $t0" | sed 's/,/./g' | bc -l)" >>"$LAB/answers"
}
drop() { printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$1" | ns gw nft -f -; }
need bc
case $1 in
dns-tc-no-tcp) drop "tcp dport 53 drop" ;;
dns-servfail-unreachable) ns s ip route add unreachable 198.51.100.53 ;;
dns-server-silent-client) drop "ip saddr $IN4.12 udp dport 53 drop" ;;
esac
capture_both "port 53 or icmp or arp"
case $1 in
dns-server-silent | dns-server-silent-remedied)
	ask c www.good.example
	ask c2 mail.good.example
	kill -STOP "$(cat "$LAB/unbound.pid")"
	truth "The resolver is stopped (SIGSTOP) after the first two answers."
	if [ "$1" = dns-server-silent-remedied ]; then
		kill -CONT "$(cat "$LAB/unbound.pid")"
		truth "It goes on at once (SIGCONT): the service is restarted."
	fi
	for i in 1 2; do
		ask c www.good.example &
		ask c2 mail.good.example
		wait $!
	done
	sleep 6
	[ "$1" = dns-server-silent-remedied ] || kill -CONT "$(cat "$LAB/unbound.pid")"
	;;
dns-server-silent-names)
	for i in 1 2; do
		ask c www.dead.example &
		ask c2 mail.good.example
		wait $!
		ask c www.good.example
	done
	sleep 6
	ask c www.good.example
	;;
dns-server-silent-client)
	for i in 1 2; do
		ask c2 www.good.example &
		ask c mail.good.example
		wait $!
	done
	sleep 6
	ask c www.good.example
	;;
dns-servfail-dnssec*)
	for n in c c2; do
		ask $n www.signed.example
		ask $n shop.signed.example
		ask $n www.good.example
	done
	[ "$1" = dns-servfail-dnssec-remedied ] || ask c www.signed.example +cd
	;;
dns-servfail-unreachable)
	for i in 1 2 3 4; do
		ask c "host$i.dead.example" +time=20 +tries=1
		ask c www.good.example
	done
	;;
dns-tc-*)
	for n in c c2; do
		ask $n long.good.example TXT +bufsize=512
		ask $n www.good.example
	done
	;;
esac
capture_stop
answers
q="dns.flags.response == 0 && udp"
r="dns.flags.response == 1 && udp"
case $1 in
dns-server-silent)
	shows "The resolver stops after two answers: both clients ask again and get nothing."
	finding dns-server-silent positive
	check "clients wait in vain" grep -q 'timed out' "$LAB/answers"
	check_frames "queries" inside.pcap "$q" 8
	;;
dns-server-silent-remedied)
	shows "The resolver runs again: every query is answered."
	finding dns-server-silent remedied
	check "every client is answered" sh -c "! grep -q 'timed out' $LAB/answers"
	;;
dns-server-silent-names)
	shows "The resolver is silent for names whose own server is dead, and answers all others."
	finding dns-server-silent positive
	check "the dead names time out" grep -q 'dead.example.*timed out' "$LAB/answers"
	check "others are answered" grep -q 'good.example.*NOERROR' "$LAB/answers"
	;;
dns-server-silent-client)
	shows "A rule on gw drops the queries of one client; another is answered."
	finding dns-server-silent positive
	check "one client times out" grep -q '^c2 .*timed out' "$LAB/answers"
	check "the other one is answered" grep -q '^c .*NOERROR' "$LAB/answers"
	;;
dns-servfail-dnssec)
	shows "A zone whose signatures do not verify: SERVFAIL with an extended error, answered with +cd; other zones are fine."
	finding dns-servfail positive
	check_frames "SERVFAIL" inside.pcap "dns.flags.rcode == 2" 3
	check "+cd is answered" grep -q '+cd.*192.0.2.81' "$LAB/answers"
	;;
dns-servfail-dnssec-remedied)
	shows "The trust anchor that did not match is gone: the zone is answered."
	finding dns-servfail remedied
	check_frames "no SERVFAIL" inside.pcap "dns.flags.rcode == 2" 0 0
	check "answered" grep -q 'www.signed.example.*NOERROR' "$LAB/answers"
	;;
dns-servfail-unreachable)
	shows "A zone whose only server is dead: SERVFAIL after a while; other zones are fine."
	finding dns-servfail positive
	check_frames "SERVFAIL" inside.pcap "dns.flags.rcode == 2" 3
	;;
dns-tc-no-tcp)
	shows "Long answers are cut (TC), and gw drops TCP port 53: the clients never get them."
	finding dns-tc-no-tcp positive
	check_frames "TC" inside.pcap "$r && dns.flags.truncated == 1" 2
	check_frames "SYNs to port 53 again and again" inside.pcap "tcp.flags == 2 && tcp.dstport == 53" 4
	;;
dns-tc-no-tcp-remedied)
	shows "Long answers are cut (TC) and come over TCP."
	finding dns-tc-no-tcp remedied
	check_frames "TC" inside.pcap "$r && dns.flags.truncated == 1" 2
	check_frames "answers over TCP" inside.pcap "tcp && dns.flags.response == 1" 2
	;;
dns-tc-refused)
	shows "Long answers are cut (TC), and the server does not listen on TCP port 53."
	finding dns-tc-no-tcp positive
	check_frames "TC" inside.pcap "$r && dns.flags.truncated == 1" 2
	check_frames "resets" inside.pcap "tcp.flags.reset == 1 && tcp.srcport == 53" 2
	;;
esac
lab_finish
