#!/bin/bash
# captures: http2-prior http2-upgrade http2-redirect-loop
#
# HTTP/2 in clear (RFC 9113): curl begins with it against nginx (prior knowledge), or asks Apache
# for it in HTTP/1.1 (Upgrade: h2c, 101). Several requests at once on one connection, packed pages,
# a form that is sent, a part of a file, a page that is not there, a download that is broken off.
# Nothing is wrong in the first two; in the third, nginx sends every visitor round in a circle.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need curl nginx apache2 python3
lab_gw c c2
S=$OUT4.2 d=$LAB/web
mkdir -p "$d/shop"
for i in 1 2 3 4; do
	python3 -c 'import sys; print("<html><title>Shop %s</title>" % sys.argv[1] + "<p>boots and shoes</p>" * 120 + "</html>")' "$i" >"$d/shop/page-$i.html"
done
head -c 20000 /dev/urandom >"$d/shop/part.bin"
chmod -R a+rX "$LAB"
h2() { # NS WHAT CURL-OPTIONS...: what curl saw
	local n=$1 what=$2
	shift 2
	ns "$n" curl -sS --no-progress-meter -m 9 "$@" -w "$n $what: %{http_code} HTTP/%{http_version} %{size_download} bytes, %{num_connects} connections\n" >>"$LAB/answers" 2>>"$LAB/answers" </dev/null || true
}
nginx_with() { # LINES...
	{
		printf 'daemon off; pid %s/nginx.pid; error_log %s/nginx.log; user root; events {}\nhttp { access_log off; absolute_redirect off; gzip on; gzip_min_length 100; types { text/html html; application/octet-stream bin; }\n' "$LAB" "$LAB"
		for t in client_body proxy fastcgi uwsgi scgi; do echo "${t}_temp_path $LAB;"; done
		printf '%s\n' "$@"
		printf '}\n'
	} >"$LAB/nginx.conf"
	bg s nginx -c "$LAB/nginx.conf"
}
case $1 in
http2-prior)
	nginx_with "server { listen 8080 http2; root $d/shop; location = /order { proxy_pass http://127.0.0.1:8090; } location /slow/ { alias $d/shop/; limit_rate 8k; } }" \
		"server { listen 127.0.0.1:8090; return 200 thanks; }"
	how=--http2-prior-knowledge url=http://$S:8080 port=8080
	;;
http2-upgrade)
	cat >"$LAB/apache.conf" <<-C
		ServerRoot $LAB
		ServerName shop.example
		Listen 80
		PidFile $LAB/apache.pid
		ErrorLog $LAB/apache.log
		LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
		LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
		LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
		LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
		TypesConfig /etc/mime.types
		Protocols h2c http/1.1
		DocumentRoot $d/shop
	C
	bg s apache2 -X -f "$LAB/apache.conf"
	how=--http2 url=http://$S port=80
	;;
http2-redirect-loop)
	nginx_with 'server { listen 8080 http2; location ~ ^/stock/$ { return 302 /stock; } location = /stock { return 302 /stock/; } }'
	how=--http2-prior-knowledge url=http://$S:8080 port=8080
	;;
esac
wait_port s $port
capture gw outer outside.pcap "tcp port $port"
vantage outside.pcap "gw, device outer: between the clients and the server"
case $1 in
http2-prior | http2-upgrade)
	h2 c "a page" $how -o /dev/null $url/page-1.html
	h2 c "a packed page" $how --compressed -o /dev/null $url/page-2.html
	h2 c "three at once" $how --parallel --parallel-immediate -o /dev/null $url/page-1.html -o /dev/null $url/page-2.html -o /dev/null $url/page-3.html
	h2 c2 "a part" $how -r 100-199 -o /dev/null $url/part.bin
	h2 c2 "a head" $how -I -o /dev/null $url/page-4.html
	h2 c2 "not there" $how -o /dev/null $url/none.html
	h2 c "a download" $how -o /dev/null $url/part.bin
	;;&
http2-prior)
	h2 c2 "a form" $how --data-urlencode "article=boots & shoes" -o /dev/null $url/order
	ns c2 curl -sS -m 1.5 $how -o /dev/null $url/slow/part.bin >/dev/null 2>&1 && die "the slow download came to its end"
	echo "c2 a download, broken off after 1.5 s" >>"$LAB/answers"
	shows "HTTP/2 from the first byte on (curl and nginx): pages, several at once, a form, a part, a download that is broken off; nothing is wrong."
	finding all clean
	;;
http2-upgrade)
	shows "HTTP/1.1 that goes on as HTTP/2 (Upgrade: h2c and 101; curl and Apache): pages, several at once, a part; nothing is wrong."
	finding all clean
	;;
http2-redirect-loop)
	for i in $(seq 6); do # this curl cannot follow in a connection that began as HTTP/2
		for n in c c2; do for p in /stock /stock/; do h2 $n "$p" $how -o /dev/null $url$p; done; done
	done
	shows "One rule adds a slash to an address, another one takes it away, in HTTP/2 (nginx): who follows gets no further."
	finding http-redirect-loop positive
	;;
esac
sleep 0.3
capture_stop
answers
case $1 in
http2-prior | http2-upgrade)
	check "every answer came in HTTP/2" sh -c "! grep -v 'HTTP/2 \|broken off' '$LAB/answers'"
	check_frames "header lists" outside.pcap 'http2.type == 1' 9
	;;&
http2-upgrade) check_frames "switches of protocol" outside.pcap 'http.response.code == 101' 5 ;;
http2-redirect-loop) check_frames "redirects" outside.pcap 'http2.headers.status == 302' 20 ;;
esac
lab_finish
