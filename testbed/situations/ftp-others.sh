#!/bin/bash
# captures: ftp-private-address-2121
#
# More of ftp.sh: the server behind a forwarded port at port 2121, asked by wget and
# curl; a client that takes no notice of the address (Python's ftplib) is served.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need nft wget curl python3
PASSWORD=Correct-Horse-9 IN4=198.51.100
lab_gw c c2
account s alice $PASSWORD
certificate ftp.example
ns gw nft -f - <<-N
	table ip fw {
		chain publish {
			type nat hook prerouting priority dstnat
			iifname inner ip daddr $IN4.1 tcp dport { 2121, 50000-50010 } dnat to $OUT4.2
		}
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established accept
			ct status dnat accept
		}
	}
N
truth "gw forwards ports 2121 and 50000 to 50010 of $IN4.1 to $OUT4.2, reads nothing, and drops what is not forwarded."
ftpd s ssl_enable=NO listen_port=2121
capture gw inner inside.pcap "tcp"
vantage inside.pcap "gw, device inner: between the clients and gw"
said() { if ns "$1" timeout 14 "${@:3}" </dev/null >"$LAB/said" 2>&1; then echo "$1 $2: fetched" >>"$LAB/answers"; else echo "$1 $2: failed" >>"$LAB/answers"; fi; }
said c "wget" wget -q -O /dev/null -T 6 -t 1 --user=alice --password=$PASSWORD "ftp://$IN4.1:2121/notes.txt"
said c2 "curl" curl -sS -m 8 --connect-timeout 6 --disable-epsv --no-ftp-skip-pasv-ip -u "alice:$PASSWORD" "ftp://$IN4.1:2121/"
said c2 "python" python3 -c 'import ftplib, sys; f = ftplib.FTP(); f.connect(sys.argv[1], 2121, timeout=6); f.login("alice", sys.argv[2]); f.retrlines("LIST"); f.quit()' $IN4.1 $PASSWORD
capture_stop
answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
check "two failed, one did not" test "$(grep -c failed "$LAB/answers") $(grep -c fetched "$LAB/answers")" = "2 1"
check_frames "the private address offered" inside.pcap 'tcp.srcport == 2121 && tcp contains "227 " && tcp contains "10,2,0,2"' 2
shows "A server behind a forwarded port (2121) offers the address it has inside: wget and curl go there in vain, Python takes no notice of it and is served."
finding ftp-private-address positive
finding policy-plaintext-login positive
lab_finish
