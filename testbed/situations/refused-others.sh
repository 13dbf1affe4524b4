#!/bin/bash
# captures: icmp-admin-prohibited-host icmp-admin-prohibited-policy
# captures: refused-by-middlebox-ssh closed-port-ssh
#
# More of refused.sh: the server's own firewall says "host prohibited" (as firewalld
# does), a router with source policy says so over IPv6 and for UDP too; an SSH server
# that listens on the loopback address alone, over IPv6; a firewall that resets SSH in
# the name of a server that counts its hops from 128.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft ssh sshd python3 dig
case $1 in
refused-by-middlebox-ssh) WIRE_OUT="-delay 8ms" ;;
esac
lab_gw c c2
web s 80
S4=$OUT4.2 S6=${OUT6}:2
ns gw sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ns s sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
rule() { printf 'table inet fw {\n chain %s {\n  type filter hook %s priority filter\n  %s\n }\n}\n' "$2" "$2" "$3" | ns "$1" nft -f -; }
shell() { # shell NS ADDRESS: tries to log in
	ns "$1" timeout 12 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -p 22 "nobody@$2" true 2>&1 | grep -i connect | sed "s/^/$1 /" >>"$LAB/answers" || true
}
sshd_on() { # sshd_on ADDRESS
	ssh-keygen -q -t ed25519 -N "" -f "$LAB/key"
	printf 'ListenAddress %s\nPort 22\nHostKey %s\nPidFile none\nUsePAM no\n' "$1" "$LAB/key" >"$LAB/sshd.conf"
	mkdir -p /run/sshd
	bg s "$(command -v sshd)" -D -e -f "$LAB/sshd.conf"
	wait_port s 22
}
case $1 in
icmp-admin-prohibited-host) rule s input 'meta nfproto ipv4 tcp dport != 80 reject with icmp type host-prohibited
  ct state new udp dport != 67 meta nfproto ipv4 reject with icmp type host-prohibited' ;;
icmp-admin-prohibited-policy) rule gw forward "ip6 saddr ${IN6}:12 reject with icmpv6 type policy-fail" ;;
refused-by-middlebox-ssh)
	ns s sysctl -qw net.ipv4.ip_default_ttl=128
	sshd_on 0.0.0.0
	rule gw forward 'iifname "inner" tcp dport 22 reject with tcp reset'
	;;
closed-port-ssh) sshd_on ::1 ;;
esac
capture gw inner inside.pcap "tcp or icmp or icmp6 or udp"
vantage inside.pcap "gw, device inner: between the clients and gw"
case $1 in
icmp-admin-prohibited-host)
	for n in c c2; do fetch $n http://$S4/page-200.txt; fetch $n http://$S4:9090/; done
	ns c dig +time=2 +tries=2 @$S4 example.org A >/dev/null 2>&1 || true
	shell c2 $S4
	for n in c c2; do fetch $n http://$S4/page-200.txt; done
	;;
icmp-admin-prohibited-policy)
	for i in 1 2; do for n in c c2; do fetch $n "http://[$S6]/page-200.txt"; fetch $n http://$S4/page-200.txt; done; done
	;;
*)
	to=$S4
	[ "$1" = refused-by-middlebox-ssh ] || to=$S6
	for n in c c2; do
		fetch $n "http://$([ $to = $S6 ] && echo "[$S6]" || echo $S4)/page-200.txt"
		shell $n $to
		shell $n $to
	done
	;;
esac
capture_stop
answers
reset="tcp.flags.reset == 1 && tcp.srcport == 22"
case $1 in
icmp-admin-prohibited-host)
	shows "The server's own firewall passes port 80 and answers everything else, TCP and UDP, with ICMP 3/10, host administratively prohibited."
	finding icmp-admin-prohibited positive
	check_frames "ICMP 3/10 from the server" inside.pcap "icmp.type == 3 && icmp.code == 10 && ip.src == $S4" 4
	check "port 80 was served" [ "$(grep -c ':*/page-200.txt 200' "$LAB/answers")" = 4 ]
	;;
icmp-admin-prohibited-policy)
	shows "Over IPv6, gw refuses one machine's packets by its source address and says so: ICMPv6 1/5; over IPv4 the same machine is served, and so is the other over both."
	finding icmp-admin-prohibited positive
	check_frames "ICMPv6 1/5" inside.pcap "icmpv6.type == 1 && icmpv6.code == 5" 2
	check "six of eight requests were answered" [ "$(grep -c ' 200 ' "$LAB/answers")" = 6 ]
	;;
refused-by-middlebox-ssh)
	shows "gw resets SSH in the server's name: at once, where the server needs 16 ms, and with a TTL counted from 64, where the server's packets count from 128."
	finding tcp-refused-by-middlebox positive
	check_frames "RST inside" inside.pcap "$reset && ip.ttl == 64" 4
	check_frames "the server's TTL" inside.pcap "ip.src == $S4 && ip.ttl == 127" 2
	;;
closed-port-ssh)
	shows "Over IPv6 nothing listens on port 22 of the server's address (its SSH server has the loopback address only): the server itself answers with RST."
	finding tcp-closed-port positive
	finding tcp-refused-by-middlebox near-miss
	check_frames "RST from the server" inside.pcap "$reset && ipv6.hlim == 63" 4
	;;
esac
lab_finish
