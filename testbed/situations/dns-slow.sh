#!/bin/bash
# captures: dns-slow dns-servfail-once
#
# Name look-ups that look like faults and are none: a forwarder (dnsmasq) whose own
# server is far away, so that answers take two to four seconds and still come; and a
# resolver (unbound) that says "server failure" once, while the server of the zone
# has not loaded it, and answers when it is asked again.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dig dnsmasq unbound bc
lab_gw c c2
S=$OUT4.2
zone() { # zone NS ADDRESS PORT: the server of good.example
	cat >"$LAB/zone.conf" <<-D
		no-resolv
		no-hosts
		port=$3
		listen-address=$2
		bind-interfaces
		host-record=www.good.example,192.0.2.80
		host-record=mail.good.example,192.0.2.25
		host-record=web.good.example,192.0.2.81
		local=/example/
		pid-file=$LAB/zone.pid
	D
	bg "$1" dnsmasq --keep-in-foreground --conf-file="$LAB/zone.conf" --user=root
}
# ask NS NAME [FLAGS...]: one line with the client's view.
ask() {
	local n=$1 name=$2 t0=$EPOCHREALTIME out
	shift 2
	out=$(ns "$n" dig +time=5 +tries=2 +noall +comments +answer "@$S" "$name" "$@" 2>&1 | grep -E 'status:|timed out|IN[[:space:]]+A|refused' | sed 's/, id: .*//' | cut -c1-70 | tr '\n' ' ' || true)
	printf '%s %s %s: %s after %.1f s\n' "$n" "$name" "$*" "${out:-nothing}" "$(echo "$EPOCHREALTIME - $t0" | sed 's/,/./g' | bc -l)" >>"$LAB/answers"
}
case $1 in
dns-slow)
	node far
	link s north far eth0 -delay 1400ms -jitter 500ms
	addr s north 10.3.0.1/24
	addr far eth0 10.3.0.2/24
	# The kernel would give up to resolve the link-layer address over so slow a way.
	ns s ip neigh replace 10.3.0.2 lladdr "$(ns far cat /sys/class/net/eth0/address)" dev north nud permanent
	ns far ip neigh replace 10.3.0.1 lladdr "$(ns s cat /sys/class/net/north/address)" dev eth0 nud permanent
	zone far 10.3.0.2 53
	bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root --cache-size=0 --server=10.3.0.2
	sleep 1
	ns s ping -c 1 -W 9 10.3.0.2 >/dev/null || die "the far server is not reached"
	;;
dns-servfail-once)
	cat >"$LAB/unbound.conf" <<-U
		server:
			interface: 0.0.0.0
			access-control: 0.0.0.0/0 allow
			do-daemonize: no
			use-syslog: no
			username: ""
			chroot: ""
			directory: "$LAB"
			pidfile: "$LAB/unbound.pid"
			do-not-query-localhost: no
			infra-host-ttl: 1
			module-config: "iterator"
		stub-zone:
			name: "good.example"
			stub-addr: 127.0.0.1@5301
			stub-prime: no
		stub-zone:
			name: "new.example"
			stub-addr: 127.0.0.1@5302
			stub-prime: no
	U
	zone s 127.0.0.1 5301
	# The server of new.example has not loaded it yet: it refuses.
	printf 'no-resolv\nno-hosts\nport=5302\nlisten-address=127.0.0.1\nbind-interfaces\npid-file=%s/new.pid\n' "$LAB" >"$LAB/new.conf"
	bg s dnsmasq --keep-in-foreground --conf-file="$LAB/new.conf" --user=root
	bg s unbound -d -c "$LAB/unbound.conf"
	for i in $(seq 50); do
		ns s dig +time=1 +tries=1 @127.0.0.1 www.good.example A 2>/dev/null | grep -q 192.0.2.80 && break
		sleep 0.1
	done
	;;
esac
capture_both "port 53 or icmp or arp"
case $1 in
dns-slow)
	for i in 1 2 3; do
		ask c www.good.example &
		ask c2 mail.good.example
		wait $!
		ask c web.good.example &
		ask c2 www.good.example
		wait $!
	done
	sleep 12 # so that silence would have been silence
	ask c www.good.example
	;;
dns-servfail-once)
	ask c www.good.example
	ask c shop.new.example
	ask c2 mail.good.example
	kill "$(cat "$LAB/new.pid")"
	sleep 0.5
	echo 'host-record=shop.new.example,192.0.2.81' >>"$LAB/new.conf"
	bg s dnsmasq --keep-in-foreground --conf-file="$LAB/new.conf" --user=root
	truth "The server of new.example refuses (it has not loaded the zone) when it is asked first; then it is started with the zone."
	sleep 6
	ask c shop.new.example
	ask c2 shop.new.example
	for i in 1 2 3; do
		ask c www.good.example
		ask c2 mail.good.example
		ask c shop.new.example
		sleep 5
	done
	;;
esac
capture_stop
answers
check "nobody waits in vain" sh -c "! grep -qE 'timed out|nothing|refused' $LAB/answers"
case $1 in
dns-slow)
	shows "A slow resolver: each answer takes two to four seconds, and the clients get it."
	finding dns-server-silent near-miss
	check "answers after two seconds or more" sh -c "[ \$(grep -cE 'NOERROR.*after [2-4]' $LAB/answers) -ge 12 ]"
	check_frames "answers that took two seconds" inside.pcap "dns.time > 1.9" 12
	;;
dns-servfail-once)
	shows "One answer \"server failure\"; asked again after six seconds the resolver gives the address."
	finding dns-servfail near-miss
	check_frames "one SERVFAIL" inside.pcap "dns.flags.rcode == 2" 1 1
	check "the name is answered later" sh -c "[ \$(grep -c 'shop.new.example.*NOERROR.*192.0.2.81' $LAB/answers) -ge 3 ]"
	;;
esac
lab_finish
