#!/bin/bash
# Each configuration that "firestorm maintenance config" prints, in its real server: 200 before, 503 with Retry-After and
# no-store while the flag is set, 200 after; people on the allow-list see the site; the checker agrees; the sensor has
# nothing to say of it. And the common wrong recipe: the checker and the sensor both complain.
#
# usage: maintenance.sh FIRESTORM [SERVER...]
set -euo pipefail
firestorm=$(readlink -f "$1")
shift
. "$(dirname "$0")/../../testbed/lib.sh"
lab_begin tools-maintenance
need lighttpd nginx haproxy apache2 curl tcpdump openssl
lab_gw c admin
root=$LAB/site
mkdir -p "$root/maintenance-assets"
for p in index boots sandals contact; do
	printf '<!DOCTYPE html>\n<html><head><title>The shoe shop: %s</title></head>\n<body><h1>%s</h1><p>Shoes and the like.</p></body></html>\n' $p $p >"$root/$p.html"
done
echo "User-agent: *" >"$root/robots.txt"
echo "body { color: black }" >"$root/maintenance-assets/page.css"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=shop.example -addext subjectAltName=DNS:shop.example,IP:$OUT4.2 -days 2 -keyout "$LAB/key.pem" -out "$LAB/cert.pem" 2>/dev/null
cat "$LAB/cert.pem" "$LAB/key.pem" >"$LAB/both.pem"
admin=$IN4.12

# config SERVER DIR [FLAGS...]: writes the files into LAB/SERVER and the flag's folder.
config() {
	local server=$1 dir=$2
	shift 2
	mkdir -p "$LAB/$server" "$dir"
	"$firestorm" maintenance config --server "$server" --dir "$dir" --allow "$admin" --retry-after 2h --outdir "$LAB/$server" "$@" >"$LAB/$server/howto"
	chmod -R a+rX "$LAB"
}

start_lighttpd() {
	config lighttpd "$LAB/flag-lighttpd"
	cp "$LAB/lighttpd/maintenance.lua" "$LAB/flag-lighttpd/"
	cat >"$LAB/lighttpd/lighttpd.conf" <<-W
		server.modules = ( "mod_openssl" )
		server.document-root = "$root"
		server.port = 80
		server.errorlog = "$LAB/lighttpd.log"
		index-file.names = ( "index.html" )
		mimetype.assign = ( ".html" => "text/html; charset=utf-8", ".txt" => "text/plain", ".css" => "text/css" )
		include "$LAB/lighttpd/09-maintenance.conf"
		\$SERVER["socket"] == ":443" { ssl.engine = "enable" ssl.pemfile = "$LAB/both.pem" }
	W
	bg s lighttpd -D -f "$LAB/lighttpd/lighttpd.conf"
}

start_nginx() {
	config nginx "$LAB/flag-nginx"
	cat >"$LAB/nginx/nginx.conf" <<-W
		daemon off; pid $LAB/nginx.pid; error_log $LAB/nginx.log; user root; events {}
		http {
			access_log off; include /etc/nginx/mime.types;
			include $LAB/nginx/maintenance.conf;
			server {
				listen 80; listen 443 ssl http2; ssl_certificate $LAB/cert.pem; ssl_certificate_key $LAB/key.pem;
				root $root; index index.html;
				include $LAB/nginx/snippets-maintenance.conf;
			}
		}
	W
	bg s nginx -c "$LAB/nginx/nginx.conf"
}

start_haproxy() {
	local chroot=$LAB/chroot
	mkdir -p "$chroot"
	config haproxy "$chroot/maintenance" --chroot "$chroot"
	# The site itself is a lighttpd behind it.
	printf 'server.document-root = "%s"\nserver.port = 8080\nserver.bind = "127.0.0.1"\nindex-file.names = ( "index.html" )\nmimetype.assign = ( ".html" => "text/html", ".txt" => "text/plain", ".css" => "text/css" )\n' "$root" >"$LAB/haproxy/site.conf"
	bg s lighttpd -D -f "$LAB/haproxy/site.conf"
	{
		sed "s#/etc/haproxy/maintenance.lua#$LAB/haproxy/maintenance.lua#; s#^global#global\n\tchroot $chroot#; s#^frontend site#frontend site\n\tbind :80\n\tbind :443 ssl crt $LAB/both.pem alpn h2,http/1.1#" "$LAB/haproxy/maintenance.cfg"
		printf '\tdefault_backend site\nbackend site\n\tserver s1 127.0.0.1:8080\ndefaults\n' | sed '/^defaults/d'
	} >"$LAB/haproxy/rules.cfg"
	printf 'defaults\n\tmode http\n\ttimeout client 5s\n\ttimeout server 5s\n\ttimeout connect 5s\n' >"$LAB/haproxy/defaults.cfg"
	bg s haproxy -db -f "$LAB/haproxy/defaults.cfg" -f "$LAB/haproxy/rules.cfg"
}

start_apache() {
	config apache "$LAB/flag-apache"
	local m
	{
		printf 'ServerRoot %s\nServerName shop.example\nPidFile %s/apache.pid\nListen 80\nListen 443\nErrorLog %s/apache.log\nTypesConfig /etc/mime.types\nDocumentRoot %s\nProtocols h2 http/1.1\n' "$LAB" "$LAB" "$LAB" "$root"
		for m in mpm_event authz_core authz_host mime dir alias rewrite headers ssl http2; do echo "LoadModule ${m}_module /usr/lib/apache2/modules/mod_$m.so"; done
		printf 'DirectoryIndex index.html\n<Directory %s>\n Require all granted\n</Directory>\nInclude %s/apache/maintenance.conf\n' "$root" "$LAB"
		printf '<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile %s/cert.pem\nSSLCertificateKeyFile %s/key.pem\nRewriteEngine On\nRewriteOptions InheritBefore\n</VirtualHost>\n' "$LAB" "$LAB"
	} >"$LAB/apache/apache.conf"
	bg s apache2 -X -f "$LAB/apache/apache.conf"
}

stop_all() {
	local p
	for p in $(ip netns pids "$P-s"); do kill -KILL "$p" 2>/dev/null || true; done
	sleep 0.3
}

# status NS PATH [CURL FLAGS...]
status() {
	local n=$1 p=$2
	shift 2
	ns "$n" curl -s -o /dev/null -m 5 -w '%{http_code}' --resolve "shop.example:80:$OUT4.2" "$@" "http://shop.example$p"
}

is() { # TEXT GOT WANT
	[ "$2" = "$3" ] || die "$server: $1: $2, wanted $3"
}

# sound FILE: how many findings about maintenance the sensor has.
sound() { "$firestorm" read "$OUT/$1" --json | grep -cE '"code":"http-(maintenance-200|503-no-retry-after)"' || true; }

visit() { for p in / /boots.html /sandals.html /contact.html; do status c $p >/dev/null; done; }

servers=${*:-lighttpd nginx haproxy apache}
for server in $servers; do
	dir=$LAB/flag-$server
	[ $server != haproxy ] || dir=$LAB/chroot/maintenance
	start_$server
	wait_port s 80
	wait_port s 443
	capture gw inner $server.pcap tcp port 80
	visit
	is before "$(status c /)" 200
	ns c "$firestorm" maintenance check --expect up --insecure --variants=false "http://$OUT4.2/" "https://$OUT4.2/" >"$LAB/$server.up" || die "$server: not up: $(cat "$LAB/$server.up")"
	"$firestorm" maintenance on --for 30m --dir "$dir" >/dev/null
	chmod -R a+rX "$LAB"
	sleep 0.2
	visit
	is during "$(status c /)" 503
	is "a page that is not there" "$(status c /nothing)" 503
	is POST "$(status c /boots.html -d x=1)" 503
	is "the page's own things" "$(status c /maintenance-assets/page.css)" 200
	is "the allow-list" "$(status admin /boots.html)" 200
	ns c curl -s -m 5 -D "$LAB/head" -o "$LAB/body" -H 'Accept: application/json' "http://$OUT4.2/boots.html"
	grep -qi '^content-type: application/json' "$LAB/head" && grep -q '"status":503' "$LAB/body" || die "$server: no JSON for who wants it: $(cat "$LAB/head")"
	ns c curl -s -m 5 -D "$LAB/head" -o "$LAB/body" "http://$OUT4.2/api/v1/boots?a=b"
	grep -q '"status":503' "$LAB/body" || die "$server: no JSON below /api/: $(cat "$LAB/head" "$LAB/body")"
	ns c curl -s -m 5 -o "$LAB/body" "http://$OUT4.2/"
	grep -q 'Down for maintenance' "$LAB/body" || die "$server: no page"
	ns c "$firestorm" maintenance check --insecure --variants=false "http://$OUT4.2/boots.html" "https://$OUT4.2/" --json >"$LAB/$server.json" ||
		die "$server: the checker complains: $(ns c "$firestorm" maintenance check --insecure --variants=false "http://$OUT4.2/boots.html" "https://$OUT4.2/" || true)"
	! grep -q '"warnings"' "$LAB/$server.json" || die "$server: the checker warns: $(grep -o '"warnings".*' "$LAB/$server.json")"
	# Retry-After follows the half hour of the flag, but for nginx, which is told two hours.
	after=$(ns c curl -s -o /dev/null -D - "http://$OUT4.2/" | tr -d '\r' | sed -n 's/^[Rr]etry-[Aa]fter: //p')
	case $server in
	nginx) is Retry-After "$after" 7200 ;;
	apache) [ "$(date -d "$after" +%s)" -gt $(($(date +%s) + 1700)) ] || die "apache: Retry-After: $after" ;;
	*) [ "$after" -gt 1700 ] && [ "$after" -le 1800 ] || die "$server: Retry-After: $after" ;;
	esac
	# A flag that somebody made by hand has no time: the two hours of the configuration.
	: >"$dir/on"
	after=$(ns c curl -s -o /dev/null -D - "http://$OUT4.2/" | tr -d '\r' | sed -n 's/^[Rr]etry-[Aa]fter: //p')
	is "Retry-After without a time" "$after" 7200
	h2=$(ns c curl -sk -o /dev/null -m 5 -w '%{http_version} %{http_code}' --http2 "https://$OUT4.2/")
	is "HTTP/2" "$h2" "2 503"
	"$firestorm" maintenance off --dir "$dir" >/dev/null
	sleep 0.2
	visit
	is after "$(status c /)" 200
	ns c "$firestorm" maintenance check --expect up --insecure --variants=false "http://$OUT4.2/" "https://$OUT4.2/" >/dev/null || die "$server: not back"
	capture_stop
	is "findings of the sensor" "$(sound $server.pcap)" 0
	stop_all
	echo "ok   maintenance: $server: 200, 503 (Retry-After $after, no-store, HTTP/2, JSON, HEAD, allow-list), 200; checker and sensor agree"
done

# The common wrong recipe: the page in place of each page, with 200.
server=wrong
printf 'local f = io.open("%s/on", "r")\nif f then f:close() lighty.content = { { filename = "%s/page.html" } } lighty.header["Content-Type"] = "text/html" return 200 end\n' "$LAB/flag-wrong" "$LAB/flag-wrong" >"$LAB/wrong.lua"
printf 'server.modules = ( "mod_magnet" )\nserver.document-root = "%s"\nserver.port = 80\nindex-file.names = ( "index.html" )\nmimetype.assign = ( ".html" => "text/html" )\nmagnet.attract-raw-url-to = ( "%s/wrong.lua" )\n' "$root" "$LAB" >"$LAB/wrong.conf"
"$firestorm" maintenance on --for 30m --dir "$LAB/flag-wrong" >/dev/null
"$firestorm" maintenance off --dir "$LAB/flag-wrong" >/dev/null
chmod -R a+rX "$LAB"
bg s lighttpd -D -f "$LAB/wrong.conf"
wait_port s 80
capture gw inner wrong.pcap tcp port 80
visit
"$firestorm" maintenance on --for 30m --dir "$LAB/flag-wrong" >/dev/null
visit
rc=0
ns c "$firestorm" maintenance check "http://$OUT4.2/" >"$LAB/wrong.out" || rc=$?
is "the checker's exit status" $rc 1
grep -q 'answers 200: programs take' "$LAB/wrong.out" || die "the checker does not say why: $(cat "$LAB/wrong.out")"
capture_stop
[ "$(sound wrong.pcap)" -ge 1 ] || die "the sensor is silent on the wrong recipe"
"$firestorm" read "$OUT/wrong.pcap" --json | grep -q '"code":"http-maintenance-200"' || die "the sensor says something else of the wrong recipe"
echo "ok   maintenance: the wrong recipe (200): the checker says so, the sensor fires http-maintenance-200"
