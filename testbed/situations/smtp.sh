#!/bin/bash
# captures: smtp-ident-silent smtp-ident-rejected smtp-rdns-silent smtp-greet-pause
#
# A mail server that asks back before it greets: who are you (ident, port 113),
# what is your name (DNS). A firewall drops the question, or refuses it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need nft exim4 swaks
lab_gw c c2
S=$OUT4.2
ident="0s" lookup="" pause=""
case $1 in
smtp-ident-*) ident=5s ;;
smtp-rdns-silent) lookup="*" ;;
smtp-greet-pause) pause="delay = 6s" ;;
esac
mkdir -p "$LAB/exim/spool"
chmod -R a+rX "$LAB"
chmod 777 "$LAB/exim" "$LAB/exim/spool"
cat >"$LAB/exim/conf" <<X
primary_hostname = mail.example
spool_directory = $LAB/exim/spool
log_file_path = $LAB/exim/%slog
local_interfaces = 0.0.0.0
daemon_smtp_ports = 25
tls_advertise_hosts =
acl_smtp_connect = pause
acl_smtp_rcpt = all
acl_smtp_data = throw
host_lookup = $lookup
rfc1413_hosts = *
rfc1413_query_timeout = $ident
dns_retrans = 2s
dns_retry = 2
begin acl
pause:
accept $pause
all:
accept
throw:
discard
X
sed -i 's/^accept delay/accept\n  delay/' "$LAB/exim/conf"
chmod 644 "$LAB/exim/conf"
echo "nameserver $OUT4.1" >"/etc/netns/$P-s/resolv.conf"
verdict=drop
[ "$1" != smtp-ident-rejected ] || verdict="reject with tcp reset"
ns gw nft -f - <<N
table ip fw {
	chain forward {
		type filter hook forward priority filter
		iifname outer tcp dport 113 $verdict
	}
	chain input {
		type filter hook input priority filter
		udp dport 53 drop
	}
}
N
truth "gw: port 113 to the clients: $verdict; DNS queries to gw are dropped. exim: rfc1413_query_timeout = $ident, host_lookup = $lookup, $pause"
bg s exim4 -bdf -q1h -C "$LAB/exim/conf"
wait_port s 25
capture_both "not icmp6 and not arp"
send() { { ns "$1" swaks --server $S --from a@client.example --to b@mail.example --helo client.example --timeout 30 --suppress-data >"$LAB/swaks-$1" 2>&1 && echo "$1 mail: sent" || echo "$1 mail: not sent"; } >>"$LAB/answers"; }
send c
send c2
capture_stop
answers
check "mails were sent" test "$(grep -c ': sent' "$LAB/answers")" = 2
greet() { tshark -n -r "$OUT/inside.pcap" -Y 'smtp.response.code == 220' -T fields -e frame.time_relative 2>/dev/null | tr '\n' ' '; }
truth "Greetings at (s): $(greet)"
case $1 in
smtp-ident-silent)
	shows "A mail server asks each client's port 113 before it greets; a firewall drops that, and the greeting comes 5 s late."
	finding smtp-banner-delay positive
	check_frames "questions repeated" outside.pcap "tcp.flags == 2 && tcp.dstport == 113 && tcp.analysis.retransmission" 2
	;;
smtp-ident-rejected)
	shows "The same server; the firewall refuses port 113, and the greeting comes at once."
	finding smtp-banner-delay remedied
	finding tcp-refused-by-middlebox positive
	check_frames "questions refused" outside.pcap "tcp.flags.reset == 1 && tcp.srcport == 113" 2
	;;
smtp-rdns-silent)
	shows "A mail server looks up the client's name before it greets; its name server does not answer."
	finding smtp-banner-delay positive
	check_frames "queries" outside.pcap "dns.flags.response == 0 && dns.qry.type == 12" 2
	check_frames "no answer" outside.pcap "dns.flags.response == 1" 0 0
	;;
smtp-greet-pause)
	shows "A mail server pauses 6 s before it greets, on purpose; it asks nothing meanwhile."
	finding smtp-banner-delay near-miss
	check_frames "nothing asked" outside.pcap "tcp.dstport == 113 || dns" 0 0
	;;
esac
lab_finish
