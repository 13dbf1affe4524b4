#!/bin/bash
# captures: ftp-tls-ccc
#
# A client that goes back to clear text after an encrypted login (CCC). vsftpd
# does not know CCC and Debian's proftpd cannot be installed beside it: unpack it
# (dpkg-deb -x of proftpd-core and proftpd-mod-crypto) and name the folder in
# FST_PROFTPD.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need nft curl
[ -x "${FST_PROFTPD:-}/usr/sbin/proftpd" ] || skip "FST_PROFTPD names no folder with proftpd and mod_tls"
PASSWORD=Correct-Horse-9
lab_gw c
account s alice $PASSWORD
certificate ftp.example
S=$OUT4.2
printf 'alice:%s:4711:4711::%s:/bin/sh\n' "$(openssl passwd -6 $PASSWORD)" "$LAB/home-alice" >"$LAB/users"
chmod 600 "$LAB/users" "$LAB/key.pem"
cat >"$LAB/proftpd.conf" <<C
ModulePath $FST_PROFTPD/usr/lib/proftpd
LoadModule mod_tls.c
ServerType standalone
ServerName ftp.example
Port 21
UseIPv6 off
User nobody
Group nogroup
PidFile $LAB/proftpd.pid
ScoreboardFile $LAB/proftpd.scores
DelayTable none
SystemLog $LAB/proftpd.log
AuthOrder mod_auth_file.c
AuthUserFile $LAB/users
RequireValidShell off
DefaultRoot ~
PassivePorts 50000 50010
UseReverseDNS off
TLSEngine on
TLSRSACertificateFile $LAB/cert.pem
TLSRSACertificateKeyFile $LAB/key.pem
TLSVerifyClient off
TLSRequired off
TLSOptions NoSessionReuseRequired
C
ns gw nft -f - <<N
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
		iifname inner tcp dport 21 accept
	}
}
N
truth "gw drops what is not allowed; port 21 to the server is allowed, data connections by its FTP helper."
bg s "$FST_PROFTPD/usr/sbin/proftpd" -n -c "$LAB/proftpd.conf"
wait_port s 21
capture_both "not icmp6 and not arp"
did() { if ns c curl -sS -m 14 --connect-timeout 12 -u "alice:$PASSWORD" "${@:2}" "ftp://$S/" >>"$LAB/curl.out" 2>&1; then echo "c curl $1: listed" >>"$LAB/answers"; else echo "c curl $1: failed" >>"$LAB/answers"; fi; }
did "in clear"
did "with TLS, then CCC" -k --ssl-reqd --ftp-ssl-control --ftp-ssl-ccc
capture_stop
answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
check_frames "clear text after TLS" inside.pcap 'frame contains "EPSV" && tcp.dstport == 21' 2
shows "The client goes back to clear text after an encrypted login (CCC): the firewall's helper reads the port again, and the listing works."
finding ftp-tls-hides-data-port near-miss
finding policy-plaintext-login positive
check "both listed" test "$(grep -c listed "$LAB/answers")" = 2
check_frames "data connections" outside.pcap "tcp.flags == 0x12 && tcp.srcport >= 50000" 2
lab_finish
