#!/bin/bash
# captures: maintenance-200 maintenance-200-standing maintenance-200-redirect
# captures: maintenance-503 maintenance-503-bare maintenance-503-nginx
# captures: maintenance-article maintenance-spa
#
# A shop's web server, and its maintenance page: sent with 200 by a Lua script of
# lighttpd (mod_magnet), by a redirect, and as it should be, with 503 and
# Retry-After. Then what only looks like it: an article about maintenance, an
# application whose addresses all show one shell.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need lighttpd nginx curl
lab_gw c c2
root=$LAB/shop
mkdir -p "$root"
page() { # FILE TITLE TEXT
	printf '<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><h1>%s</h1>\n<p>%s</p>\n</body></html>\n' "$2" "$2" "$3" >"$root/$1"
}
page index.html "The shoe shop" "Shoes for every road, from the makers of good boots."
for p in boots sandals slippers contact delivery; do
	page $p.html "The shoe shop: $p" "Everything about $p, with prices and pictures, and how to order them from us."
done
live=$root/maintenance-live.html
maintenance_page() {
	cat >"$live" <<-H
		<!DOCTYPE html>
		<html><head><title>We'll be right back</title></head>
		<body><h1>Down for maintenance</h1><p>Our shop is being worked on. Please come again in an hour.</p></body></html>
	H
	chmod a+r "$live"
}
# The switch of the Lua script is the page itself, in the document root.
magnet() { # STATUS LINES...
	{
		printf 'local page = lighty.env["physical.doc-root"] .. "/maintenance-live.html"\n'
		printf 'if lighty.stat(page) then\n'
		printf ' lighty.content = { { filename = page } }\n lighty.header["Content-Type"] = "text/html"\n'
		[ $# = 1 ] || printf ' %s\n' "${@:2}"
		printf ' return %s\nend\n' "$1"
	} >"$LAB/maintenance.lua"
}
lighttpd_shop() { # further lines of the configuration
	{
		cat <<-W
			server.document-root = "$root"
			server.port = 80
			server.errorlog = "$LAB/lighttpd.log"
			index-file.names = ( "index.html" )
			mimetype.assign = ( ".html" => "text/html; charset=utf-8" )
		W
		printf '%s\n' "$@"
	} >"$LAB/lighttpd.conf"
	chmod -R a+rX "$LAB"
	bg s lighttpd -D -f "$LAB/lighttpd.conf"
	wait_port s 80
}
nginx_shop() { # lines of the server block
	{
		printf 'daemon off; pid %s; error_log %s; user root; events {}\n' "$LAB/nginx.pid" "$LAB/nginx.log"
		printf 'http { access_log off; types { text/html html; } server { listen 80; root %s;\n' "$root"
		printf '%s\n' "$@"
		printf '} }\n'
	} >"$LAB/nginx.conf"
	chmod -R a+rX "$LAB"
	bg s nginx -c "$LAB/nginx.conf"
	wait_port s 80
}
with_magnet='server.modules = ( "mod_magnet" )
magnet.attract-physical-path-to = ( "'$LAB'/maintenance.lua" )'
visit() { # NS PATH [CURL FLAGS...]: a visitor of shop.example
	local n=$1 p=$2
	shift 2
	fetch $n "http://shop.example$p" --resolve "shop.example:80:$OUT4.2" -A "Mozilla/5.0 (X11; Linux x86_64) Firefox/115.0" "$@"
}
robot() { visit c2 "$1" -A "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"; }
before="/ /boots.html /sandals.html /contact.html"
all="$before /slippers.html /delivery.html"
case $1 in
maintenance-200 | maintenance-200-standing)
	magnet 200
	lighttpd_shop "$with_magnet"
	;;
maintenance-200-redirect)
	nginx_shop "location = /maintenance-live.html { }" "location / { if (-f $live) { return 302 /maintenance-live.html; } index index.html; }"
	;;
maintenance-503)
	# the remedy as the finding prints it for lighttpd
	magnet 503 'lighty.header["Retry-After"] = "3600"; lighty.header["Cache-Control"] = "no-store"; return 503'
	sed -i '/^ return 503$/d' "$LAB/maintenance.lua"
	lighttpd_shop "$with_magnet"
	;;
maintenance-503-nginx)
	# the remedy as the finding prints it for nginx
	nginx_shop "index index.html;" \
		'error_page 503 @maintenance; location @maintenance { rewrite ^ /maintenance-live.html break; add_header Retry-After 3600 always; add_header Cache-Control no-store always; }' \
		'if (-f $document_root/maintenance-live.html) { return 503; }'
	;;
maintenance-503-bare)
	magnet 503
	lighttpd_shop "$with_magnet"
	;;
maintenance-article)
	page boots.html "Maintenance of boots" "How to keep good boots for years: the maintenance of leather, soles and laces."
	page news.html "Scheduled maintenance" "On Sunday night our shop is under maintenance from two to three. You can order until then."
	lighttpd_shop
	;;
maintenance-spa)
	page index.html "The shoe shop" "<script>load('/app.js')</script><noscript>This shop needs scripts.</noscript>"
	nginx_shop "location / { try_files /index.html =404; }"
	;;
esac
capture_both tcp
status=200
case $1 in
maintenance-article)
	for p in / /boots.html /news.html /sandals.html /contact.html; do visit c $p; robot $p; done
	;;
maintenance-spa)
	for p in $all; do visit c $p; robot $p; done
	;;
*)
	[ $1 = maintenance-200-standing ] || for p in $before; do visit c $p; done
	maintenance_page
	case $1 in maintenance-503*) status=503 ;; maintenance-200-redirect) status=302 ;; esac
	follow=
	[ $1 != maintenance-200-redirect ] || follow=-L
	for p in $all; do visit c $p $follow; done
	for p in / /boots.html /delivery.html; do visit c2 $p $follow -A "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"; done
	[ $1 != maintenance-503-bare ] || for i in 1 2 3; do sleep 0.3; visit c /; done
	;;
esac
capture_stop
answers
check_frames "answers with $status" outside.pcap "http.response.code == $status" 6
case $1 in
maintenance-200)
	shows "A shop answers as usual, then with its maintenance page for every address, with status 200; a crawler is among the visitors."
	finding http-maintenance-200 positive
	check_frames "the page, with 200" outside.pcap 'http.response.code == 200 && http contains "right back"' 9
	;;
maintenance-200-standing)
	shows "A shop whose maintenance page is sent with status 200 for every address from the beginning of the capture on."
	finding http-maintenance-200 positive
	check_frames "the page, with 200" outside.pcap 'http.response.code == 200 && http contains "right back"' 9
	;;
maintenance-200-redirect)
	shows "A shop that sends everybody to its maintenance page by a redirect; the page itself has status 200."
	finding http-maintenance-200 positive
	check_frames "the page, with 200" outside.pcap 'http.response.code == 200 && http contains "right back"' 9
	;;
maintenance-503)
	shows "The maintenance page of lighttpd with status 503, Retry-After and no-store."
	finding http-maintenance-200 remedied
	finding http-503-no-retry-after remedied
	check_frames "Retry-After" outside.pcap 'http.response.code == 503 && http contains "Retry-After: 3600" && http contains "right back"' 9
	;;
maintenance-503-nginx)
	shows "The maintenance page of nginx with status 503, Retry-After and no-store."
	finding http-maintenance-200 remedied
	finding http-503-no-retry-after remedied
	check_frames "Retry-After" outside.pcap 'http.response.code == 503 && http contains "Retry-After: 3600" && http contains "right back"' 9
	;;
maintenance-503-bare)
	shows "The maintenance page with status 503, as it should be, but without Retry-After; a visitor asks again and again."
	finding http-503-no-retry-after positive
	finding http-5xx-burst near-miss
	finding http-maintenance-200 near-miss
	check_frames "no Retry-After" outside.pcap 'http.response.code == 503 && http contains "Retry-After"' 0 0
	;;
maintenance-article)
	shows "A working shop with an article about maintenance and a notice of a maintenance to come."
	finding http-maintenance-200 near-miss
	finding http-503-no-retry-after near-miss
	;;
maintenance-spa)
	shows "An application: every address answers with the same shell, which fetches the rest by a script."
	finding http-maintenance-200 near-miss
	check_frames "one page for all" outside.pcap 'http.response.code == 200 && http contains "needs scripts"' 12
	;;
esac
lab_finish
