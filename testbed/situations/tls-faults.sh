#!/bin/bash
# captures: tls-expired tls-expired-13 tls-expired-remedied
# captures: tls-name-unknown tls-name-san tls-name-remedied
# captures: tls-version tls-version-remedied tls-cipher tls-cipher-remedied
# captures: tls-client-cert tls-client-cert-13 tls-client-cert-optional tls-client-cert-remedied
# captures: tls-plain-to-tls tls-plain-to-tls-mute tls-plain-to-tls-remedied
# captures: tls-tls-to-plain tls-tls-to-plain-remedied
#
# TLS that comes to nothing: certificates that ran out, names that a server does
# not know, versions and cipher suites without a match, client certificates that
# are missing, and both ways to speak to the wrong port. Each with the twin that
# works.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need openssl curl
lab_gw c c2
days=30
case $1 in tls-expired | tls-expired-13) days=-3 ;; esac
name=shop.example
# an authority that the clients trust, and the server's certificate
(
	cd "$LAB"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj "/O=Lab/CN=Lab CA"
	openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj "/O=Shop/CN=$name"
	printf 'subjectAltName=DNS:%s,DNS:www.%s\n' $name $name >s.ext
	if [ $days -lt 0 ]; then # it ran out three days ago
		openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -set_serial 17 -extfile s.ext -out s.pem -days 30
		mkdir db && : >db/index && echo 11 >db/serial
		openssl ca -batch -config <(printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db/index\nserial=db/serial\nnew_certs_dir=db\ndefault_md=sha256\npolicy=p\ncertificate=ca.pem\nprivate_key=ca.key\n[p]\nO=optional\nCN=supplied\n') \
			-in s.csr -extfile s.ext -out s.pem -startdate "$(date -u -d '-33 days' +%y%m%d%H%M%SZ)" -enddate "$(date -u -d '-3 days' +%y%m%d%H%M%SZ)"
	else
		openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -set_serial 17 -extfile s.ext -out s.pem -days 30
	fi
	openssl req -newkey rsa:2048 -nodes -keyout c.key -out c.csr -subj "/O=Shop/CN=till 7"
	openssl x509 -req -in c.csr -CA ca.pem -CAkey ca.key -set_serial 18 -out c.pem -days 30
) >/dev/null 2>&1
server() { # FLAGS...
	bg s openssl s_server -accept 443 -cert "$LAB/s.pem" -key "$LAB/s.key" -www "$@"
	wait_port s 443
}
ask() { # NS [CURL FLAGS...]: curl by the shop's name
	local n=$1
	shift
	fetch $n "https://$host/" --resolve "$host:443:$OUT4.2" --cacert "$LAB/ca.pem" "$@"
}
host=$name
low="-cipher ALL:@SECLEVEL=0"
case $1 in
tls-expired | tls-expired-remedied) server -tls1_2 ;;
tls-expired-13) server -tls1_3 ;;
tls-name-unknown) server -tls1_2 -servername $name -servername_fatal -cert2 "$LAB/s.pem" -key2 "$LAB/s.key" ;;
tls-name-san | tls-name-remedied) server -tls1_2 ;;
tls-version) server -tls1_3 ;;
tls-version-remedied) server ;;
tls-cipher) server -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384 ;;
tls-cipher-remedied) server -tls1_2 ;;
tls-client-cert | tls-client-cert-remedied) server -tls1_2 -Verify 3 -verify_return_error -CAfile "$LAB/ca.pem" ;;
tls-client-cert-13) server -tls1_3 -Verify 3 -verify_return_error -CAfile "$LAB/ca.pem" ;;
tls-client-cert-optional) server -tls1_2 -verify 3 -CAfile "$LAB/ca.pem" ;;
tls-plain-to-tls | tls-plain-to-tls-remedied)
	need nginx
	printf 'daemon off; pid %s; error_log %s; user root; events {}\nhttp { access_log off; server { listen 443 ssl; ssl_certificate %s; ssl_certificate_key %s; location / { return 200 "shop\\n"; } } }\n' \
		"$LAB/nginx.pid" "$LAB/nginx.log" "$LAB/s.pem" "$LAB/s.key" >"$LAB/nginx.conf"
	bg s nginx -c "$LAB/nginx.conf"
	wait_port s 443
	;;
tls-plain-to-tls-mute) server ;;
tls-tls-to-plain*) web s 443 ;;
esac
capture_both tcp
both() { for n in c c2 c; do "$@" || true; done; }
case $1 in
tls-expired*) for n in c c2 c; do ask $n; done ;;
tls-name-unknown | tls-name-san)
	ask c
	host=old.example
	for n in c c2 c; do ask $n; done
	;;
tls-name-remedied) for n in c c2 c; do ask $n; done ;;
tls-version)
	ask c2
	for n in c c c; do ask $n --tlsv1.2 --tls-max 1.2; done
	;;
tls-version-remedied) for n in c c c; do ask $n --tlsv1.2 --tls-max 1.2; done ;;
tls-cipher)
	ask c2
	for n in c c c; do ask $n --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256; done
	;;
tls-cipher-remedied) for n in c c c; do ask $n --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256; done ;;
tls-client-cert | tls-client-cert-13)
	ask c2 --cert "$LAB/c.pem" --key "$LAB/c.key"
	for n in c c c; do ask $n; done
	;;
tls-client-cert-optional) for n in c c2 c; do ask $n; done ;;
tls-client-cert-remedied) for n in c c2 c; do ask $n --cert "$LAB/c.pem" --key "$LAB/c.key"; done ;;
tls-plain-to-tls | tls-plain-to-tls-mute)
	ask c2
	for n in c c c; do fetch $n "http://$host:443/" --resolve "$host:443:$OUT4.2"; done
	;;
tls-plain-to-tls-remedied) for n in c c2 c; do ask $n; done ;;
tls-tls-to-plain)
	fetch c2 "http://$host:443/page-200.txt" --resolve "$host:443:$OUT4.2"
	for n in c c c; do ask $n; done
	;;
tls-tls-to-plain-remedied) for n in c c2 c; do fetch $n "http://$host:443/page-200.txt" --resolve "$host:443:$OUT4.2"; done ;;
esac
capture_stop
answers
case $1 in
tls-expired)
	shows "The server's certificate ran out three days ago; every client refuses it (TLS 1.2: the certificate and the alert are in clear)."
	finding tls-cert-expired positive
	finding tls-name-unknown near-miss
	check_frames "alert certificate_expired" outside.pcap "tls.alert_message.desc == 45" 3
	;;
tls-expired-13)
	shows "The server's certificate ran out three days ago; every client refuses it (TLS 1.3: the certificate cannot be read, OpenSSL's alert is in clear)."
	finding tls-cert-expired positive
	check_frames "alert certificate_expired" outside.pcap "tls.alert_message.desc == 45" 3
	;;
tls-name-unknown)
	shows "Clients ask the server for a name that it does not know; it says so and ends the handshake."
	finding tls-name-unknown positive
	check_frames "alert unrecognized_name" outside.pcap "tls.alert_message.desc == 112" 3
	;;
tls-name-san)
	shows "Clients ask the server for a name that its certificate is not for; they refuse it."
	finding tls-name-unknown positive
	finding tls-cert-expired near-miss
	check_frames "the other name is asked for" outside.pcap 'tls.handshake.extensions_server_name == "old.example"' 3
	;;
tls-version)
	shows "A client that speaks TLS 1.2 at most, and a server that wants TLS 1.3; another client gets on."
	finding tls-no-common-version positive
	check_frames "alert protocol_version" outside.pcap "tls.alert_message.desc == 70" 3
	;;
tls-cipher)
	shows "A client with two cipher suites and a server with a third one; another client gets on."
	finding tls-no-common-cipher positive
	finding tls-no-common-version near-miss
	check_frames "alert handshake_failure" outside.pcap "tls.alert_message.desc == 40" 3
	;;
tls-client-cert)
	shows "The server wants a certificate of its clients; one client has none (TLS 1.2)."
	finding tls-client-cert-missing positive
	finding tls-no-common-cipher near-miss
	check_frames "alert of the server" outside.pcap "tls.alert_message.level == 2 && ip.src == $OUT4.2" 3
	;;
tls-client-cert-13)
	shows "The server wants a certificate of its clients; one client has none (TLS 1.3: the request and the alert cannot be read)."
	finding tls-client-cert-missing positive
	check_frames "protected records of 19 bytes from the server" outside.pcap "tls.record.opaque_type == 23 && tls.record.length == 19 && ip.src == $OUT4.2" 3
	;;
tls-client-cert-optional)
	shows "The server asks for a certificate of its clients and takes them without one."
	finding tls-client-cert-missing near-miss
	check "every client was served" every_ok
	;;
tls-plain-to-tls)
	shows "Clients speak plain HTTP to a port where the server speaks TLS; nginx answers 400. Another client speaks TLS."
	finding plaintext-to-tls-port positive
	finding tls-to-plaintext-port near-miss
	check_frames "answers with 400" outside.pcap "http.response.code == 400" 3
	;;
tls-plain-to-tls-mute)
	shows "Clients speak plain HTTP to a port where the server speaks TLS; it closes or sends an alert. Another client speaks TLS."
	finding plaintext-to-tls-port positive
	check_frames "requests in clear" outside.pcap 'tcp.dstport == 443 && tcp.payload[0:3] == 47:45:54' 3
	;;
tls-tls-to-plain)
	shows "Clients begin TLS at a port where the server speaks plain HTTP; it answers 400. Another client speaks HTTP."
	finding tls-to-plaintext-port positive
	finding plaintext-to-tls-port near-miss
	check_frames "hellos" outside.pcap "tcp.dstport == 443 && tcp.payload[0:2] == 16:03" 3
	;;
tls-expired-remedied)
	shows "The certificate was renewed."
	finding tls-cert-expired remedied
	;;
tls-name-remedied)
	shows "The clients ask for the name that the certificate is for."
	finding tls-name-unknown remedied
	;;
tls-version-remedied)
	shows "The server speaks TLS 1.2 as well."
	finding tls-no-common-version remedied
	;;
tls-cipher-remedied)
	shows "The server takes the client's cipher suites."
	finding tls-no-common-cipher remedied
	;;
tls-client-cert-remedied)
	shows "The client has a certificate that the server knows."
	finding tls-client-cert-missing remedied
	;;
tls-plain-to-tls-remedied)
	shows "The clients speak TLS to the TLS port."
	finding plaintext-to-tls-port remedied
	;;
tls-tls-to-plain-remedied)
	shows "The clients speak HTTP to the HTTP port."
	finding tls-to-plaintext-port remedied
	;;
esac
case $1 in *-remedied) check "every client was served" every_ok ;; esac
lab_finish
