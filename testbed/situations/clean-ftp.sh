#!/bin/bash
# captures: clean-ftp
#
# FTP as it should be, for FST_CLEAN_SECONDS (1830): anybody's downloads without a
# password (passive and active, both forms of the commands, IPv4 and IPv6), people
# who log in with TLS (passive and active), a session that stays open and is heard
# of each minute, errors of everyday. A stateful firewall knows the data ports.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need nft curl lftp python3
last=${FST_CLEAN_SECONDS:-1830}
lab_gw c c2 c3
PASSWORD=Correct-Horse-9
S=$OUT4.2 S6=${OUT6}:2
account s alice $PASSWORD
certificate ftp.example
pub=$LAB/pub
mkdir -p "$pub/incoming"
for i in 120 900 2500; do head -c "$i" < <(yes "a line of a file, of no meaning") >"$pub/file-$i.txt"; done
chmod -R a+rX "$LAB" && chmod 555 "$pub"
ftpd s listen=NO listen_ipv6=YES ssl_enable=YES allow_anon_ssl=NO force_local_logins_ssl=YES anonymous_enable=YES \
	no_anon_password=NO ftp_username=alice "anon_root=$pub" idle_session_timeout=900
ns gw nft -f - <<-N
	table inet fw {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established,related accept
			meta l4proto { icmp, ipv6-icmp } accept
			iifname inner tcp dport { 21, 50000-50010 } accept
			iifname outer tcp sport 20 accept
		}
	}
N
truth "gw drops what is not allowed; 21 and 50000 to 50010 to the server, and connections from its port 20, are allowed. It reads nothing."
got() { # got NS WORDS COMMAND...: one line with the outcome
	local n=$1 what=$2
	shift 2
	if "$@" >"$LAB/got-$n" 2>&1; then echo "$n $what: good"; else echo "$n $what: failed ($?) $(tail -n 1 "$LAB/got-$n")"; fi >>"$LAB/answers"
}
anybody() { # anybody NS FILE FLAGS...: curl without an account
	local n=$1 file=$2
	shift 2
	ns "$n" curl -g -sS -m 20 -o /dev/null -u "anonymous:guest@" "$@" "ftp://$file"
}
# alice NS HOST COMMANDS SETTINGS...: lftp with TLS on both channels.
alice() {
	local n=$1 host=$2 what=$3 s
	shift 3
	{
		for s in "ftp:ssl-force true" "ftp:ssl-protect-data true" "ssl:verify-certificate no" "net:timeout 20s" "net:max-retries 1" "$@"; do echo "set $s"; done
		printf '%s\n' "set cmd:fail-exit true" "open -u alice,$PASSWORD $host" "$what"
	} >"$LAB/lftp-$n"
	HOME=$LAB ns "$n" lftp -f "$LAB/lftp-$n"
}
act() { # act NS NUMBER
	local n=$1
	case $2 in
	0) got "$n" "anybody, EPSV" anybody "$n" "$S/file-900.txt" ;;
	1) got "$n" "anybody, PASV" anybody "$n" "$S/file-120.txt" --disable-epsv ;;
	2) got "$n" "alice, TLS, passive" alice "$n" $S "ls; cat notes.txt" ;;
	3) got "$n" "anybody, active, EPRT" anybody "$n" "$S/file-2500.txt" --ftp-port - ;;
	4) got "$n" "anybody, active, PORT" anybody "$n" "$S/" --ftp-port - --disable-eprt ;;
	5) got "$n" "alice, TLS, active" alice "$n" $S "ls" "ftp:passive-mode no" ;;
	6) got "$n" "anybody, IPv6" anybody "$n" "[$S6]/file-900.txt" ;;
	7) got "$n" "alice, TLS, sends" alice "$n" $S "put $pub/file-900.txt -o sent-$n.txt; rm sent-$n.txt" ;;
	8) got "$n" "anybody, no such file" eval "! anybody $n $S/nothing-here.txt" ;;
	9) got "$n" "anybody, active, IPv6" anybody "$n" "[$S6]/file-120.txt" --ftp-port - ;;
	10) got "$n" "alice, TLS, IPv6" alice "$n" "ftp://[$S6]" "ls" ;;
	esac
}
end=$((SECONDS + last))
client() { # client NS BEGIN PAUSE
	local k=$2
	while [ $((SECONDS + $3)) -lt $end ]; do
		act "$1" $((k % 11))
		k=$((k + 1))
		sleep $(($3 - 5 + RANDOM % 10))
	done
}
# A session that stays: a sign of life each minute, a listing now and then.
stays() {
	ns c3 python3 - "$S" "$((last - 20))" <<-'X' && echo "c3 session that stays: good" || echo "c3 session that stays: failed"
		import ftplib, sys, time
		end = time.monotonic() + float(sys.argv[2])
		f = ftplib.FTP(sys.argv[1], timeout=20)
		f.login()
		n = 0
		while time.monotonic() < end:
		    f.nlst() if n % 5 == 0 else f.voidcmd("NOOP")
		    n += 1
		    time.sleep(60 if end - time.monotonic() > 60 else max(0, end - time.monotonic()))
		f.quit()
	X
}
capture gw inner inside.pcap "not icmp6 and not arp"
vantage inside.pcap "gw, device inner: between the clients and gw"
stays >"$LAB/stays" 2>&1 &
a=$!
client c 0 75 & b=$!
client c2 5 95 & e=$!
wait $a $b $e
capture_stop
cat "$LAB/stays" >>"$LAB/answers"
sed 's/^[^ ]* //' "$LAB/answers" | sort | uniq -c | truth_block "What the clients saw"
grep -cE 'CONNECT' "$LAB/vsftpd.log" | sed 's/$/ connections/' | truth_block "The server's log"
truth "Length: $last s."
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
shows "FTP without fault through a firewall that knows the data ports: anybody's downloads, people with TLS, passive and active, IPv4 and IPv6, a session that stays open."
finding all clean
check "every request had the outcome it should have" sh -c "! grep -q failed $LAB/answers"
check_frames "logins encrypted" inside.pcap 'ftp.response.code == 234' 3
check_frames "active data connections" inside.pcap 'tcp.flags == 2 && tcp.srcport == 20' 3
check_frames "no password but a guest's" inside.pcap 'ftp.request.command == "PASS" && !(ftp.request.arg contains "guest") && !(ftp.request.arg contains "anonymous")' 0 0
lab_finish
