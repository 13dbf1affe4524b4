#!/bin/bash
# captures: smtp-ident-submission
#
# More of smtp.sh: a mail server that asks back before it greets, at port 587, of a
# client whose own rules drop the question; swaks and Python send.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft exim4 swaks python3
lab_gw c c2
S=$OUT4.2
mkdir -p "$LAB/exim/spool"
chmod -R a+rX "$LAB"
chmod 777 "$LAB/exim" "$LAB/exim/spool"
cat >"$LAB/exim/conf" <<X
primary_hostname = mail.example
spool_directory = $LAB/exim/spool
log_file_path = $LAB/exim/%slog
local_interfaces = 0.0.0.0
daemon_smtp_ports = 587
tls_advertise_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = throw
host_lookup =
rfc1413_hosts = *
rfc1413_query_timeout = 8s
begin acl
throw:
discard
X
chmod 644 "$LAB/exim/conf"
printf 'table inet fw {\n chain in {\n  type filter hook input priority filter\n  ct state established,related accept\n  iifname lo accept\n  drop\n }\n}\n' | ns c nft -f -
truth "c drops what it did not ask for, without a word; c2 has no such rules. exim: rfc1413_query_timeout = 8s"
bg s exim4 -bdf -q1h -C "$LAB/exim/conf"
wait_port s 587
capture_both "tcp"
send() { { ns "$1" "${@:2}" >"$LAB/said-$1" 2>&1 && echo "$1 mail: sent" || echo "$1 mail: not sent"; } >>"$LAB/answers"; }
python='import smtplib; s = smtplib.SMTP("10.2.0.2", 587, timeout=30); s.sendmail("a@client.example", "b@mail.example", "Subject: x\r\n\r\nx\r\n"); s.quit()'
send c swaks --server $S --port 587 --from a@client.example --to b@mail.example --helo client.example --timeout 30 --suppress-data
send c2 python3 -c "$python"
send c python3 -c "$python"
capture_stop
answers
check "mails were sent" test "$(grep -c ': sent' "$LAB/answers")" = 3
shows "A mail server (port 587) asks each client who it is before it greets; one client's own rules drop the question, and its greeting comes 8 s late; the other one refuses it, and is greeted at once."
finding smtp-banner-delay positive
finding tcp-closed-port positive
check_frames "questions repeated" inside.pcap "tcp.flags == 2 && tcp.dstport == 113 && tcp.analysis.retransmission && ip.dst == $IN4.11" 4
check_frames "a question refused" inside.pcap "tcp.flags.reset == 1 && tcp.srcport == 113 && ip.src == $IN4.12" 1
lab_finish
