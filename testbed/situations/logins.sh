#!/bin/bash
# captures: clear-logins logins-encrypted ftp-guessing
#
# Logins in clear text to FTP, POP3, IMAP, SMTP and Telnet; the same services
# with TLS; somebody who guesses passwords by FTP.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need curl hydra swaks dovecot exim4 telnetd
lab_gw c
PASSWORD=Correct-Horse-9
account s alice $PASSWORD
certificate mail.example
S=$OUT4.2
ftpd s ssl_enable=YES
dovecotd() {
	mkdir -p "$LAB/dovecot/run" "$LAB/mail"
	chown -R 4711:4711 "$LAB/mail"
	cat >"$LAB/dovecot/conf" <<-D
		protocols = imap pop3
		base_dir = $LAB/dovecot/run
		log_path = $LAB/dovecot/log
		disable_plaintext_auth = no
		ssl = yes
		ssl_cert = <$LAB/cert.pem
		ssl_key = <$LAB/key.pem
		mail_location = maildir:$LAB/mail
		first_valid_uid = 1
		passdb {
			driver = static
			args = password=$PASSWORD
		}
		userdb {
			driver = static
			args = uid=4711 gid=4711 home=$LAB/home-alice
		}
		service imap-login {
			chroot =
		}
		service pop3-login {
			chroot =
		}
		service anvil {
			chroot =
		}
	D
	bg s dovecot -F -c "$LAB/dovecot/conf"
	wait_port s 143
	wait_port s 110
}
eximd() {
	mkdir -p "$LAB/exim/spool"
	chmod 777 "$LAB/exim" "$LAB/exim/spool"
	chmod 644 "$LAB/key.pem" # exim gives up its rights
	cat >"$LAB/exim/conf" <<-X
		primary_hostname = mail.example
		spool_directory = $LAB/exim/spool
		log_file_path = $LAB/exim/%slog
		local_interfaces = 0.0.0.0
		daemon_smtp_ports = 25
		tls_certificate = $LAB/cert.pem
		tls_privatekey = $LAB/key.pem
		tls_advertise_hosts = *
		acl_smtp_rcpt = accept
		acl_smtp_data = throw
		host_lookup =
		rfc1413_query_timeout = 0s
		never_users =
		begin acl
		throw:
		discard
		begin authenticators
		plain:
		driver = plaintext
		public_name = PLAIN
		server_prompts = :
		server_condition = \${if and{{eq{\$auth2}{alice}}{eq{\$auth3}{$PASSWORD}}}}
		server_set_id = \$auth2
		login:
		driver = plaintext
		public_name = LOGIN
		server_prompts = Username:: : Password::
		server_condition = \${if and{{eq{\$auth1}{alice}}{eq{\$auth2}{$PASSWORD}}}}
		server_set_id = \$auth1
	X
	chmod 644 "$LAB/exim/conf"
	bg s exim4 -bdf -q1h -C "$LAB/exim/conf"
	wait_port s 25
}
did() { if "${@:2}" >>"$LAB/clients.log" 2>&1; then echo "c $1: in" >>"$LAB/answers"; else echo "c $1: out" >>"$LAB/answers"; fi; }
get() { ns c curl -sS -k -m 8 "$@"; }
mail() { ns c swaks --server $S --from a@client.example --to b@mail.example --helo client.example --timeout 8 --suppress-data "$@"; }
pops() { ns c python3 -c 'import poplib, sys; p = poplib.POP3("10.2.0.2", timeout=8); p.user("alice"); p.pass_(sys.argv[1]); p.stat(); p.quit()' "$1"; }
imaps() { ns c python3 -c 'import imaplib, sys; m = imaplib.IMAP4("10.2.0.2", timeout=8); m.login("alice", sys.argv[1]); m.select(); m.logout()' "$1"; }
telnets() {
	ns s sh -c "exec python3 -c '
import socket, subprocess, sys
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((\"\", 23)); l.listen(5)
while True:
    c, _ = l.accept()
    subprocess.Popen([\"telnetd\", \"-h\"], stdin=c, stdout=c, stderr=c); c.close()
'" </dev/null >>"$LAB/s.log" 2>&1 &
	disown
	wait_port s 23
}
typed() { # NAME PASSWORD: a person at a Telnet prompt
	ns c python3 - "$1" "$2" <<-'T'
		import socket, sys, time
		s = socket.create_connection(("10.2.0.2", 23)); s.settimeout(0.3)
		heard = b""
		def until(what, most):
		    global heard
		    end = time.time() + most
		    while time.time() < end and not any(w in heard for w in what):
		        try: b = s.recv(4096)
		        except socket.timeout: continue
		        if not b: break
		        out = b""; i = 0
		        while i < len(b):
		            if b[i] == 255 and i + 2 < len(b) and b[i+1] in (251, 252, 253, 254):
		                out += bytes([255, {253: 252, 251: 254, 252: 254, 254: 252}[b[i+1]], b[i+2]]) if b[i+1] in (251, 253) else b""
		                i += 3
		            elif b[i] == 255: i += 2
		            else: heard += b[i:i+1]; i += 1
		        if out: s.sendall(out)
		    return any(w in heard for w in what)
		until([b"login:"], 8); heard = b""
		for c in sys.argv[1]: s.sendall(c.encode()); time.sleep(0.05)
		s.sendall(b"\r\0"); until([b"assword:"], 8); heard = b""
		s.sendall(sys.argv[2].encode() + b"\r\0")
		ok = until([b"$ ", b"Last login", b"incorrect"], 8) and b"incorrect" not in heard
		s.close(); sys.exit(0 if ok else 1)
	T
}
case $1 in
clear-logins)
	dovecotd
	eximd
	telnets
	capture_both "tcp"
	did "FTP" get -u "alice:$PASSWORD" "ftp://$S/"
	did "POP3" pops "$PASSWORD"
	did "POP3 AUTH PLAIN" get -u "alice:$PASSWORD" --login-options AUTH=PLAIN "pop3://$S/"
	did "POP3, wrong password" pops "Wrong-$PASSWORD"
	did "IMAP LOGIN" imaps "$PASSWORD"
	did "IMAP AUTHENTICATE PLAIN" get -u "alice:$PASSWORD" --login-options AUTH=PLAIN "imap://$S/INBOX"
	did "SMTP AUTH PLAIN" mail --auth PLAIN --auth-user alice --auth-password "$PASSWORD"
	did "SMTP AUTH LOGIN" mail --auth LOGIN --auth-user alice --auth-password "$PASSWORD"
	did "Telnet" typed alice "$PASSWORD"
	did "Telnet, wrong password" typed alice "Wrong-$PASSWORD"
	;;
logins-encrypted)
	dovecotd
	eximd
	capture_both "tcp"
	did "FTP" get --ssl-reqd -u "alice:$PASSWORD" "ftp://$S/"
	did "POP3" get --ssl-reqd -u "alice:$PASSWORD" "pop3://$S/"
	did "IMAP" get --ssl-reqd -u "alice:$PASSWORD" "imap://$S/INBOX"
	did "SMTP" mail --tls --auth PLAIN --auth-user alice --auth-password "$PASSWORD"
	did "FTP, anonymous" get -u "anonymous:guest@client.example" "ftp://$S/"
	;;
ftp-guessing)
	capture_both "tcp"
	for i in $(seq 8); do echo "guess-$i"; done >"$LAB/words"
	printf '%s\n' root admin alice backup >"$LAB/names"
	ns c timeout 100 hydra -I -t 4 -L "$LAB/names" -P "$LAB/words" ftp://$S >"$LAB/hydra.log" 2>&1 || true
	;;
esac
capture_stop
[ ! -e "$LAB/answers" ] || answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
case $1 in
clear-logins)
	shows "Logins in clear text by FTP, POP3, IMAP, SMTP and Telnet, most of them let in."
	finding policy-plaintext-login positive
	check "eight in, two out" test "$(grep -c ': in' "$LAB/answers") $(grep -c ': out' "$LAB/answers")" = "8 2"
	truth "User alice each time."
	;;
logins-encrypted)
	shows "The same services with TLS before the password; and anonymous FTP, refused."
	finding policy-plaintext-login near-miss
	check "four in" test "$(grep -c ': in' "$LAB/answers")" = 4
	;;
ftp-guessing)
	shows "hydra tries passwords for four users by FTP; each is refused."
	finding brute-force-login positive
	finding policy-plaintext-login positive
	check_frames "refusals" inside.pcap "ftp.response.code == 530" 20
	check_frames "passwords" inside.pcap 'ftp.request.arg contains "guess-"' 20
	;;
esac
lab_finish
