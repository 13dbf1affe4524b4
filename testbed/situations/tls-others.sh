#!/bin/bash
# captures: tls-expired-v6 tls-expired-smtp tls-expired-smtp-remedied
# captures: tls-name-rejected tls-name-imaps
# captures: tls-version-old tls-version-python tls-cipher-13 tls-group
# captures: tls-client-cert-gnutls tls-client-cert-smtp
# captures: tls-plain-to-tls-8443
# captures: tls-to-plain-465 tls-to-plain-465-remedied tls-to-plain-587 tls-to-plain-993
#
# The faults of tls-faults.sh between other programs: nginx, exim (GnuTLS), dovecot
# and gnutls-serv; gnutls-cli, Python, wget and swaks; STARTTLS, other ports, IPv6.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need openssl curl python3
lab_gw c c2
name=shop.example
case $1 in *smtp* | *imaps* | *-465* | *-587 | *-993) name=mail.example ;; esac
from=-2 to=40
case $1 in tls-expired-v6) from=-400 to=-35 ;; tls-expired-smtp) from=-90 to=-1 ;; esac
(
	cd "$LAB"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj "/O=Lab/CN=Lab CA"
	for n in s c; do
		openssl ecparam -name prime256v1 -genkey -noout -out $n.key
		openssl req -new -key $n.key -out $n.csr -subj "/O=Shop/CN=$([ $n = s ] && echo $name || echo till 7)"
	done
	printf 'subjectAltName=DNS:%s\n' $name >s.ext
	mkdir db && : >db/index && echo 2a01 >db/serial
	printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db/index\nserial=db/serial\nnew_certs_dir=db\ndefault_md=sha256\npolicy=p\ncertificate=ca.pem\nprivate_key=ca.key\n[p]\nO=optional\nCN=supplied\n' >ca.conf
	openssl ca -batch -config ca.conf -in s.csr -extfile s.ext -out s.pem -notext -startdate "$(date -u -d "$from days" +%y%m%d%H%M%SZ)" -enddate "$(date -u -d "$to days" +%y%m%d%H%M%SZ)"
	openssl ca -batch -config ca.conf -in c.csr -out c.pem -notext -startdate "$(date -u -d '-1 day' +%y%m%d%H%M%SZ)" -days 30
	chmod a+r *.pem *.key
) >"$LAB/openssl.log" 2>&1 || die "certificates: $(tail -n 3 "$LAB/openssl.log")"
chmod a+x "$LAB"
S=$OUT4.2
nginx_tls() { # PORT LINES...: the shop at the server's IPv6 address
	local port=$1
	shift
	need nginx
	{
		printf 'daemon off; pid %s/nginx.pid; error_log %s/nginx.log; user root; events {}\nhttp { access_log off; ssl_certificate %s/s.pem; ssl_certificate_key %s/s.key;\n' "$LAB" "$LAB" "$LAB" "$LAB"
		[ "$LAB_NAME" != tls-name-rejected ] || printf 'server { listen [::]:%s ssl default_server; ssl_reject_handshake on; }\n' "$port"
		printf 'server { listen [::]:%s ssl; server_name %s; %s location / { return 200 "shop\\n"; } }\n}\n' "$port" "$name" "$*"
	} >"$LAB/nginx.conf"
	bg s nginx -c "$LAB/nginx.conf"
	wait_port s "$port"
}
exim() { # PORT LINES...
	local port=$1
	shift
	need exim4
	mkdir -p "$LAB/exim/spool"
	chmod 777 "$LAB/exim" "$LAB/exim/spool"
	{
		printf '%s\n' "primary_hostname = $name" "spool_directory = $LAB/exim/spool" "log_file_path = $LAB/exim/%slog" "local_interfaces = <; 0.0.0.0 ; ::0" \
			"daemon_smtp_ports = $port" "acl_smtp_rcpt = accept" "acl_smtp_data = throw" "host_lookup =" "rfc1413_query_timeout = 0s" "$@" \
			"begin acl" "throw:" "discard"
	} >"$LAB/exim/conf"
	chmod 644 "$LAB/exim/conf"
	bg s exim4 -bdf -q1h -C "$LAB/exim/conf"
	wait_port s "$port"
}
with_tls="tls_advertise_hosts = *
tls_certificate = $LAB/s.pem
tls_privatekey = $LAB/s.key"
dovecot_at() { # PORT yes|no LINES...: IMAP alone
	local port=$1 ssl=$2
	shift 2
	need dovecot
	mkdir -p "$LAB/dovecot/run" "$LAB/mail"
	{
		printf '%s\n' "protocols = imap" "base_dir = $LAB/dovecot/run" "log_path = $LAB/dovecot/log" "mail_location = maildir:$LAB/mail" \
			"ssl = $ssl" "ssl_cert = <$LAB/s.pem" "ssl_key = <$LAB/s.key" "$@" \
			"passdb {" "driver = static" "args = password=x" "}" \
			"service imap-login {" "chroot =" "inet_listener imap {" "port = 0" "}" "inet_listener imaps {" "port = $port" "ssl = $ssl" "}" "}" \
			"service anvil {" "chroot =" "}"
	} >"$LAB/dovecot/conf"
	bg s dovecot -F -c "$LAB/dovecot/conf"
	wait_port s "$port"
}
# said NS WHAT COMMAND...: one line with the outcome; the last line of what the program says, should it fail.
said() {
	local n=$1 what=$2
	shift 2
	if ns "$n" timeout 9 "$@" </dev/null >"$LAB/said" 2>&1; then
		echo "$n $what: ok" >>"$LAB/answers"
	else
		echo "$n $what: failed: $(grep -v '^$' "$LAB/said" | tail -n 1 | cut -c1-150)" >>"$LAB/answers"
	fi
}
hosts() { local n; for n in c c2; do echo "$2 $1" >>"/etc/netns/$P-$n/hosts"; done; }
browse() { fetch "$1" "https://$host:$port/" --cacert "$LAB/ca.pem" "${@:2}"; }
gnutls() { said "$1" "gnutls-cli $port ${*:2}" gnutls-cli --x509cafile "$LAB/ca.pem" -p $port "${@:2}" $host; }
post() { said "$1" "curl smtp $port ${*:2}" curl -sS -m 8 --cacert "$LAB/ca.pem" "${@:2}" --mail-from a@client.example --mail-rcpt b@$name -T "$LAB/letter" ${scheme:-smtp}://$host:$port; }
host=$name port=443
printf 'Subject: a letter\r\n\r\nof no meaning\r\n' >"$LAB/letter"
python_imaps='import imaplib, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[2]); c.maximum_version = ssl.TLSVersion.TLSv1_2
imaplib.IMAP4_SSL(sys.argv[1], int(sys.argv[3]), ssl_context=c).logout()'
python_smtps='import smtplib, ssl, sys
smtplib.SMTP_SSL(sys.argv[1], int(sys.argv[3]), timeout=6, context=ssl.create_default_context(cafile=sys.argv[2])).quit()'
python_server='import functools, http.server, ssl, sys
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.minimum_version = ssl.TLSVersion.TLSv1_3; c.load_cert_chain(sys.argv[1], sys.argv[2])
h = http.server.ThreadingHTTPServer(("", 8443), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[3]))
h.socket = c.wrap_socket(h.socket, server_side=True); h.serve_forever()'
python_web='import ssl, sys, urllib.request
c = ssl.create_default_context(cafile=sys.argv[2]); c.maximum_version = ssl.TLSVersion.TLSv1_2
urllib.request.urlopen("https://%s:%s/" % (sys.argv[1], sys.argv[3]), timeout=6, context=c).read()'
scripted() { said "$1" "python $host:$port" python3 -c "$2" "$host" "$LAB/ca.pem" "$port"; }
V6=${OUT6}:2
case $1 in
tls-expired-v6) nginx_tls 443 "ssl_protocols TLSv1.2;"; hosts $name $V6 ;;
tls-expired-smtp*) port=25; exim 25 "$with_tls"; hosts $name $S ;;
tls-name-rejected) nginx_tls 443; hosts $name $V6; hosts old.example $V6 ;;
tls-name-imaps) port=993; dovecot_at 993 yes; hosts $name $S; hosts imap.example $S ;;
tls-version-old) nginx_tls 443 "ssl_protocols TLSv1.2;"; hosts $name $V6 ;;
tls-version-python) port=8443; mkdir "$LAB/www"; bg s python3 -c "$python_server" "$LAB/s.pem" "$LAB/s.key" "$LAB/www"; wait_port s 8443; hosts $name $S ;;
tls-cipher-13) nginx_tls 443 "ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;"; hosts $name $V6 ;;
tls-group) nginx_tls 443 "ssl_protocols TLSv1.3; ssl_ecdh_curve secp521r1;"; hosts $name $V6 ;;
tls-client-cert-gnutls)
	need gnutls-serv
	port=4433
	bg s gnutls-serv --port 4433 --x509cafile "$LAB/ca.pem" --x509certfile "$LAB/s.pem" --x509keyfile "$LAB/s.key" --require-client-cert --verify-client-cert --http --priority NORMAL:-VERS-ALL:+VERS-TLS1.2
	wait_port s 4433
	hosts $name $V6
	;;
tls-client-cert-smtp) port=25; exim 25 "$with_tls" "tls_verify_certificates = $LAB/ca.pem" "tls_verify_hosts = *"; hosts $name $S ;;
tls-plain-to-tls-8443) port=8443; nginx_tls 8443 ""; hosts $name $V6 ;;
tls-to-plain-465) port=465 scheme=smtps; exim 465; hosts $name $S ;;
tls-to-plain-465-remedied) port=465 scheme=smtps; exim 465 "$with_tls" "tls_on_connect_ports = 465"; hosts $name $S ;;
tls-to-plain-587) port=587 scheme=smtps; exim 587 "$with_tls"; hosts $name $V6 ;;
tls-to-plain-993) port=993; dovecot_at 993 no; hosts $name $S ;;
esac
capture gw outer outside.pcap "tcp port $port"
vantage outside.pcap "gw, device outer: between gw and the server"
case $1 in
tls-expired-v6)
	browse c
	gnutls c2
	said c "openssl s_client" openssl s_client -connect "[$V6]:443" -servername $host -CAfile "$LAB/ca.pem" -verify_return_error
	scripted c2 "$python_web"
	;;
tls-expired-smtp*)
	post c --ssl-reqd
	said c2 "python STARTTLS" python3 -c 'import smtplib, ssl, sys
s = smtplib.SMTP(sys.argv[1], 25, timeout=6); s.starttls(context=ssl.create_default_context(cafile=sys.argv[2])); s.quit()' $host "$LAB/ca.pem"
	post c2 --ssl-reqd --tls-max 1.2
	;;
tls-name-rejected)
	browse c
	host=old.example
	browse c
	gnutls c2
	said c2 "wget" wget -q -O /dev/null -T 6 -t 1 --ca-certificate "$LAB/ca.pem" https://$host/
	;;
tls-name-imaps)
	scripted c "$python_imaps"
	host=imap.example
	scripted c "$python_imaps"
	said c2 "curl imaps" curl -sS -m 8 --tls-max 1.2 --cacert "$LAB/ca.pem" imaps://$host/
	scripted c2 "$python_imaps"
	;;
tls-version-old)
	browse c2
	for n in c c c; do gnutls $n --priority NORMAL:-VERS-ALL:+VERS-TLS1.3; done
	;;
tls-version-python)
	browse c2
	for n in c c; do gnutls $n --priority NORMAL:-VERS-ALL:+VERS-TLS1.2; done
	browse c --tls-max 1.2
	;;
tls-cipher-13)
	browse c2
	for n in c c c; do browse $n --tls13-ciphers TLS_AES_128_GCM_SHA256; done
	;;
tls-group)
	browse c2 --curves P-521
	for n in c c c; do browse $n --curves X25519; done
	;;
tls-client-cert-gnutls)
	browse c2 --cert "$LAB/c.pem" --key "$LAB/c.key"
	for n in c c; do browse $n; done
	said c "wget" wget -q -O /dev/null -T 6 -t 1 --ca-certificate "$LAB/ca.pem" https://$host:$port/
	;;
tls-client-cert-smtp)
	post c2 --ssl-reqd --tls-max 1.2 --cert "$LAB/c.pem" --key "$LAB/c.key"
	for n in c c; do post $n --ssl-reqd --tls-max 1.2; done
	said c "swaks TLS 1.2" swaks --server $host --tls --tls-protocol tlsv1_2 --from a@client.example --to b@$name --helo client.example --timeout 6 --suppress-data
	;;
tls-plain-to-tls-8443)
	browse c2
	for n in c c; do said $n "wget in clear" wget -q -O /dev/null -T 6 -t 1 "http://$host:$port/till"; done
	said c2 "python in clear" python3 -c 'import sys, urllib.request; urllib.request.urlopen("http://%s:8443/stock" % sys.argv[1], timeout=6)' $host
	;;
tls-to-plain-465*)
	for n in c c2 c; do post $n; done
	scripted c2 "$python_smtps"
	;;
tls-to-plain-587)
	scheme=smtp post c2 --ssl-reqd
	for n in c c; do post $n; done
	scripted c "$python_smtps"
	;;
tls-to-plain-993)
	for n in c c2; do gnutls $n; done
	scripted c "$python_imaps"
	;;
esac
capture_stop
answers
count() { grep -cE ': failed| 000 ' "$LAB/answers" || true; }
failed() { [ "$(count)" = "$1" ]; }
alert() { check_frames "alert $1 ($2)" outside.pcap "tls.alert_message.desc == $2" "$3"; }
case $1 in
tls-expired-v6)
	shows "The certificate of a web server (nginx, IPv6) ran out five weeks ago: curl, gnutls-cli, openssl and Python refuse it, each in its way."
	finding tls-cert-expired positive
	check "four refused" failed 4
	;;
tls-expired-smtp)
	shows "The certificate of a mail server ran out yesterday: after STARTTLS curl and Python refuse it (TLS 1.3 and 1.2)."
	finding tls-cert-expired positive
	check "three refused" failed 3
	;;
tls-expired-smtp-remedied)
	shows "The mail server's certificate was renewed: STARTTLS and the mails go through."
	finding tls-cert-expired remedied
	check "all went through" failed 0
	;;
tls-name-rejected)
	shows "nginx is told to reject handshakes for names that it does not know (IPv6); the name that it knows works."
	finding tls-name-unknown positive
	check "three refused" failed 3
	alert unrecognized_name 112 3
	;;
tls-name-imaps)
	shows "Mail programs ask for imap.example, the certificate at port 993 is for mail.example; a client that asks for mail.example gets on (TLS 1.2)."
	finding tls-name-unknown positive
	check "three refused" failed 3
	;;
tls-version-old)
	shows "A client that insists on TLS 1.3 and a server that speaks TLS 1.2 only (IPv6); another client gets on."
	finding tls-no-common-version positive
	check "three refused" failed 3
	alert protocol_version 70 3
	;;
tls-version-python)
	shows "A server of Python's at port 8443 that wants TLS 1.3, and clients that speak 1.2 at most (gnutls-cli, curl); another client gets on."
	finding tls-no-common-version positive
	check "three refused" failed 3
	alert protocol_version 70 3
	;;
tls-cipher-13)
	shows "TLS 1.3 with one suite on each side, not the same (IPv6); another client gets on."
	finding tls-no-common-cipher positive
	check "three refused" failed 3
	alert handshake_failure 40 3
	;;
tls-group)
	shows "TLS 1.3: the server takes the group secp521r1 alone, one client offers X25519 alone (IPv6); another client gets on."
	finding tls-no-common-cipher positive
	check "three refused" failed 3
	alert handshake_failure 40 3
	;;
tls-client-cert-gnutls)
	shows "gnutls-serv at port 4433 (IPv6, TLS 1.2) wants a certificate of its clients; one has none."
	finding tls-client-cert-missing positive
	check "three refused" failed 3
	;;
tls-client-cert-smtp)
	shows "A mail server wants a certificate of its clients after STARTTLS (TLS 1.2); one has none."
	finding tls-client-cert-missing positive
	check "three refused" failed 3
	;;
tls-plain-to-tls-8443)
	shows "wget and Python speak plain HTTP to port 8443 (IPv6), where nginx speaks TLS and answers 400; curl speaks TLS."
	finding plaintext-to-tls-port positive
	check "three refused" failed 3
	;;
tls-to-plain-465)
	shows "Clients begin TLS at port 465, where the mail server was never told to: exim speaks in clear."
	finding tls-to-plaintext-port positive
	check "four refused" failed 4
	;;
tls-to-plain-465-remedied)
	shows "exim begins with TLS at port 465 (tls_on_connect_ports): the same clients get on."
	finding tls-to-plaintext-port remedied
	check "all went through" failed 0
	;;
tls-to-plain-587)
	shows "Clients begin TLS at port 587 (IPv6), which wants to be asked for it in clear (STARTTLS); another client does so and gets on."
	finding tls-to-plaintext-port positive
	check "three refused" failed 3
	;;
tls-to-plain-993)
	shows "Clients begin TLS at port 993, where dovecot speaks in clear (ssl = no)."
	finding tls-to-plaintext-port positive
	check "three refused" failed 3
	;;
esac
lab_finish
