#!/bin/bash
# captures: ftp-tls-hidden ftp-tls-hidden-icmp ftp-tls-hidden-reset ftp-tls-hidden-remedied
# captures: ftp-tls-active ftp-tls-implicit ftp-auth-refused
# captures: ftp-private-address ftp-private-address-remedied ftp-private-port
#
# A firewall whose FTP helper opens data connections by reading the control
# channel, until the login is encrypted; and a server behind a forwarded port
# that offers the address it has inside.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need nft
PASSWORD=Correct-Horse-9
case $1 in
ftp-private-port) OUT4=203.0.113 ;;
ftp-private-*) IN4=198.51.100 ;;
esac
lab_gw c
account s alice $PASSWORD
certificate ftp.example
S=$OUT4.2
verdict=drop open= limit=14
case $1 in
ftp-tls-hidden-icmp) verdict="reject with icmp type admin-prohibited" ;;
ftp-tls-hidden-reset) verdict="reject with tcp reset" ;;
*-hidden-remedied) open="tcp dport 50000-50010 accept" ;;
esac
firewall() {
	ns gw nft -f - <<-N
		table ip fw {
			ct helper ftp {
				type "ftp" protocol tcp
			}
			chain helper {
				type filter hook prerouting priority filter
				tcp dport 21 ct helper set "ftp"
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				ct state established,related accept
				iifname inner tcp dport { 21, 990 } accept
				$open
				meta l4proto tcp $verdict
			}
		}
	N
	truth "gw drops what is not allowed ($verdict); ports 21 and 990 to the server are allowed, data connections by its FTP helper. $open"
}
forward() {
	ns gw nft -f - <<-N
		table ip fw {
			chain publish {
				type nat hook prerouting priority dstnat
				iifname inner ip daddr $IN4.1 tcp dport { 21, 50000-50010 } dnat to $S
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				ct state established accept
				ct status dnat accept
			}
		}
	N
	truth "gw forwards ports 21 and 50000 to 50010 of $IN4.1 to $S, reads nothing, and drops what is not forwarded."
}
clear="ftp:ssl-allow false" tls="ftp:ssl-force true" data="ftp:ssl-protect-data true"
wait="net:timeout ${limit}s"
case $1 in
ftp-private-address)
	forward
	ftpd s ssl_enable=NO
	capture_both "not icmp6 and not arp"
	lister c "in clear, passive" $IN4.1 "$clear" "$wait" "ftp:fix-pasv-address no" "ftp:prefer-epsv no"
	ns c curl -sS -m 14 --connect-timeout 12 --disable-epsv --no-ftp-skip-pasv-ip -u "alice:$PASSWORD" "ftp://$IN4.1/" >>"$LAB/curl.out" 2>&1 &&
		echo "c curl passive: listed" >>"$LAB/answers" || echo "c curl passive: failed" >>"$LAB/answers"
	;;
ftp-private-address-remedied)
	forward
	ftpd s ssl_enable=NO pasv_address=$IN4.1
	capture_both "not icmp6 and not arp"
	lister c "in clear, passive" $IN4.1 "$clear" "$wait" "ftp:fix-pasv-address no" "ftp:prefer-epsv no"
	;;
ftp-private-port)
	ns gw nft -f - <<-N
		table ip fw {
			chain out {
				type nat hook postrouting priority srcnat
				oifname outer masquerade
			}
		}
	N
	truth "gw translates the clients' addresses and reads nothing."
	ftpd s ssl_enable=NO
	capture_both "not icmp6 and not arp"
	lister c "in clear, active" $S "$clear" "$wait" "ftp:passive-mode no"
	;;
ftp-auth-refused)
	firewall
	ftpd s ssl_enable=NO
	capture_both "not icmp6 and not arp"
	lister c "asks for TLS and goes on without" $S "ftp:ssl-allow true" "$wait"
	lister c "in clear" $S "$clear" "$wait"
	;;
ftp-tls-active)
	firewall
	ftpd s ssl_enable=YES
	capture_both "not icmp6 and not arp"
	lister c "in clear, active" $S "$clear" "$wait" "ftp:passive-mode no"
	lister c "with TLS, active" $S "$tls" "$wait" "ftp:passive-mode no"
	;;
ftp-tls-implicit)
	firewall
	ftpd s ssl_enable=YES implicit_ssl=YES listen_port=990
	capture_both "not icmp6 and not arp"
	lister c "implicit TLS" ftps://$S "$data" "$wait"
	;;
*)
	firewall
	ftpd s ssl_enable=YES
	capture_both "not icmp6 and not arp"
	lister c "in clear" $S "$clear" "$wait"
	lister c "with TLS" $S "$tls" "$data" "$wait"
	lister c "with TLS again" $S "$tls" "$wait" "net:timeout 8s"
	;;
esac
capture_stop
answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
case $1 in
ftp-tls-implicit) ;;
*)
	finding policy-plaintext-login positive
	check_frames "a password in clear text" inside.pcap 'ftp.request.command == "PASS"' 1
	;;
esac
syn="tcp.flags == 2 && tcp.dstport >= 50000 && tcp.dstport <= 50010"
case $1 in
ftp-tls-hidden*)
	check_frames "login encrypted" inside.pcap 'ftp.response.code == 234' 2
	check_frames "data connection in clear" outside.pcap "tcp.flags == 0x12 && tcp.srcport >= 50000" 1
	;;
esac
case $1 in
ftp-tls-hidden)
	shows "A firewall with an FTP helper: listing works in clear text and hangs once the login is encrypted; requests to the passive port are dropped."
	finding ftp-tls-hides-data-port positive
	check "clear text listed, TLS did not" test "$(grep -c listed "$LAB/answers") $(grep -c failed "$LAB/answers")" = "1 2"
	check_frames "requests repeated" inside.pcap "$syn && tcp.analysis.retransmission" 6
	;;
ftp-tls-hidden-icmp)
	shows "As ftp-tls-hidden, but the firewall answers with ICMP: administratively prohibited."
	finding ftp-tls-hides-data-port positive
	check "clear text listed, TLS did not" test "$(grep -c listed "$LAB/answers") $(grep -c failed "$LAB/answers")" = "1 2"
	check_frames "ICMP" inside.pcap "icmp.type == 3 && icmp.code == 13" 2
	;;
ftp-tls-hidden-reset)
	shows "As ftp-tls-hidden, but the firewall answers with a reset in the server's name."
	finding ftp-tls-hides-data-port positive
	check "clear text listed, TLS did not" test "$(grep -c listed "$LAB/answers") $(grep -c failed "$LAB/answers")" = "1 2"
	check_frames "resets with the firewall's TTL" inside.pcap "tcp.flags.reset == 1 && ip.src == $S && ip.ttl == 64 && tcp.srcport >= 50000" 2
	;;
ftp-tls-hidden-remedied)
	shows "The same firewall with the server's passive ports opened: encrypted logins list too."
	finding ftp-tls-hides-data-port remedied
	check "all listed" test "$(grep -c listed "$LAB/answers")" = 3
	check_frames "no request repeated" inside.pcap "$syn && tcp.analysis.retransmission" 0 0
	;;
ftp-tls-active)
	shows "Active FTP through the same firewall: works in clear text; encrypted, the server's connection to the client is dropped."
	finding ftp-tls-hides-data-port positive
	check "clear text listed, TLS did not" test "$(grep -c listed "$LAB/answers") $(grep -c failed "$LAB/answers")" = "1 1"
	check_frames "the server's requests repeated" outside.pcap "tcp.flags == 2 && tcp.srcport == 20 && tcp.analysis.retransmission" 3
	;;
ftp-tls-implicit)
	shows "Implicit TLS on port 990: the firewall never sees a command, and the data connection is dropped."
	finding ftp-tls-hides-data-port positive
	check "not listed" test "$(grep -c failed "$LAB/answers")" = 1
	check_frames "requests repeated" inside.pcap "$syn && tcp.analysis.retransmission" 3
	;;
ftp-auth-refused)
	shows "The server refuses AUTH TLS; the client goes on in clear text, and the firewall's helper opens the data connection."
	finding ftp-tls-hides-data-port near-miss
	check "all listed" test "$(grep -c listed "$LAB/answers")" = 2
	check_frames "AUTH refused" inside.pcap 'ftp.request.command == "AUTH"' 1
	;;
ftp-private-port)
	shows "An active FTP client behind address translation names its inner address (PORT); the server refuses to call it."
	finding ftp-private-address positive
	check "not listed" test "$(grep -c failed "$LAB/answers")" = 1
	check_frames "PORT with the inner address" outside.pcap 'ftp.request.command == "PORT" && ftp.request.arg contains "10,1,0,11"' 1
	check_frames "refused" outside.pcap 'ftp.response.code == 500' 1
	;;
ftp-private-address)
	shows "A server behind a forwarded port offers the address it has inside (227); the client's connection to it goes nowhere."
	finding ftp-private-address positive
	check "nothing listed" test "$(grep -c failed "$LAB/answers")" = 2
	check_frames "the private address offered" inside.pcap 'ftp.passive.ip == 10.2.0.2' 2
	check_frames "requests to it repeated" inside.pcap "$syn && ip.dst == $S && tcp.analysis.retransmission" 6
	;;
ftp-private-address-remedied)
	shows "The same server with pasv_address set to the address that clients reach."
	finding ftp-private-address remedied
	check "listed" test "$(grep -c listed "$LAB/answers")" = 1
	;;
esac
lab_finish
