#!/bin/bash
# captures: dns-servfail-named dns-tc-prohibited
#
# The faults of dns.sh with BIND (named) as the resolver, over IPv6: a zone whose
# servers are dead, and cut answers whose connection a filter refuses with ICMP.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need dig named nft
lab_gw c c2
S=${OUT6}:2
big=$(printf '%0240d' 0)
cat >"$LAB/named.conf" <<-N
	options {
	 directory "$LAB";
	 pid-file "$LAB/named.pid";
	 session-keyfile "$LAB/session.key";
	 listen-on { 127.0.0.1; };
	 listen-on-v6 { any; };
	 recursion yes;
	 allow-query { any; };
	 allow-recursion { any; };
	 dnssec-validation no;
	 empty-zones-enable no;
	 servfail-ttl 0;
	};
	controls { };
	zone "good.example" { type master; file "good.zone"; };
	zone "dead.example" { type forward; forward only; forwarders { 198.51.100.53; }; };
N
{
	printf '$TTL 60\n@ IN SOA ns.good.example. root.good.example. 1 3600 600 86400 60\n@ IN NS ns\nns IN AAAA %s\nwww IN A 192.0.2.80\n' "$S"
	for i in 1 2 3 4 5 6; do printf 'long IN TXT "%s%s"\n' $i "$big"; done
} >"$LAB/good.zone"
chmod -R a+rwX "$LAB"
ns s ip route add unreachable 198.51.100.53
bg s named -f -c "$LAB/named.conf"
for i in $(seq 50); do
	ns s dig +time=1 +tries=1 @127.0.0.1 www.good.example A 2>/dev/null | grep -q 192.0.2.80 && break
	sleep 0.1
done
ask() { # NS NAME [FLAGS...]
	local n=$1 name=$2
	shift 2
	printf '%s %s %s: %s\n' "$n" "$name" "$*" "$(ns "$n" dig +time=3 +tries=1 +noall +comments +answer "@$S" "$name" "$@" 2>&1 | grep -E 'status:|timed out|IN[[:space:]]+(A|TXT)|refused|prohibited|Truncated' | cut -c1-70 | tr '\n' ' ' || true)" >>"$LAB/answers"
}
[ "$1" != dns-tc-prohibited ] || printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  tcp dport 53 reject with icmpx type admin-prohibited\n }\n}\n' | ns gw nft -f -
capture gw inner inside.pcap "port 53 or icmp6"
vantage inside.pcap "gw, device inner: between the clients and gw"
case $1 in
dns-servfail-named)
	for i in 1 2 3 4; do
		ask c "host$i.dead.example" +time=12
		ask c2 www.good.example
	done
	ask c2 host1.dead.example +time=12
	;;
dns-tc-prohibited)
	for n in c c2; do
		ask $n long.good.example TXT +bufsize=512
		ask $n www.good.example
	done
	;;
esac
capture_stop
answers
case $1 in
dns-servfail-named)
	shows "BIND answers SERVFAIL for a zone whose only server cannot be reached, and answers others (IPv6)."
	finding dns-servfail positive
	check_frames "SERVFAIL" inside.pcap "dns.flags.rcode == 2" 4
	check "others are answered" grep -q 'good.example.*NOERROR' "$LAB/answers"
	;;
dns-tc-prohibited)
	shows "Long answers are cut (TC), and gw refuses TCP port 53 with ICMPv6, administratively prohibited."
	finding dns-tc-no-tcp positive
	check_frames "TC" inside.pcap "dns.flags.response == 1 && udp && dns.flags.truncated == 1" 2
	check_frames "refusals" inside.pcap "icmpv6.type == 1 && icmpv6.code == 1" 2
	;;
esac
lab_finish
