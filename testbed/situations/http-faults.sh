#!/bin/bash
# captures: redirect-loop redirect-loop-remedied redirect-login
# captures: bad-gateway bad-gateway-timeout bad-gateway-remedied
#
# Behind a proxy: an application that sends everybody to https although the proxy
# has taken TLS off, and a proxy whose application is gone (502) or does not
# answer (504). The proxy of the redirects is gw, captured between it and the
# application's host s; that of the failures is c3, captured with its clients and
# with the application on one wire.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nginx curl openssl python3
lab_gw c c2 c3
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB/key.pem" -out "$LAB/cert.pem" -days 30 -subj "/CN=shop.example" -addext "subjectAltName=DNS:shop.example" >/dev/null 2>&1
nginx_at() { # NS LINES...
	local n=$1
	shift
	{
		printf 'daemon off; pid %s; error_log %s; user root; events {}\nhttp { access_log off; types { text/html html; } default_type text/html;\n' "$LAB/nginx-$n.pid" "$LAB/nginx-$n.log"
		printf '%s\n' "$@"
		printf '}\n'
	} >"$LAB/nginx-$n.conf"
	chmod -R a+rX "$LAB"
	bg "$n" nginx -c "$LAB/nginx-$n.conf"
}
visit() { # NS PATH [CURL FLAGS...]
	local n=$1 p=$2
	shift 2
	fetch $n "https://shop.example$p" --resolve "shop.example:443:$IN4.1" --resolve "shop.example:80:$IN4.1" --cacert "$LAB/cert.pem" "$@"
}
plain() { # NS PATH: the proxy without TLS
	fetch $1 "http://shop.example$2" --resolve "shop.example:80:$IN4.13" -m 8
}
proxy='proxy_pass http://'$OUT4.2':8080; proxy_set_header Host $host; proxy_http_version 1.1; proxy_set_header Connection "";'
case $1 in
redirect-loop)
	# the application asks whether it was reached by https and finds that it was not
	nginx_at s 'server { listen 8080; location / { return 301 https://$host$request_uri; } }'
	nginx_at gw "server { listen 443 ssl; ssl_certificate $LAB/cert.pem; ssl_certificate_key $LAB/key.pem; location / { $proxy } }"
	;;
redirect-loop-remedied)
	nginx_at s 'server { listen 8080; location / { if ($http_x_forwarded_proto != "https") { return 301 https://$host$request_uri; } return 200 "<title>The shop</title>"; } }'
	nginx_at gw "server { listen 443 ssl; ssl_certificate $LAB/cert.pem; ssl_certificate_key $LAB/key.pem; location / { $proxy proxy_set_header X-Forwarded-Proto https; } }"
	;;
redirect-login)
	# without a cookie to the login, which sets one and sends back
	nginx_at s 'server { listen 8080; absolute_redirect off; location = /login { add_header Set-Cookie "seen=1; Path=/"; return 302 /shop; } location / { if ($cookie_seen = "") { return 302 /login; } return 200 "<title>The shop</title>"; } }'
	nginx_at gw "server { listen 443 ssl; ssl_certificate $LAB/cert.pem; ssl_certificate_key $LAB/key.pem; location / { $proxy } }"
	;;
bad-gateway*)
	nginx_at s 'server { listen 8080; location / { return 200 "<title>The shop</title>"; } }'
	nginx_at c3 "server { listen 80; location / { $proxy proxy_read_timeout 1s; proxy_connect_timeout 1s; proxy_next_upstream off; } }"
	;;
esac
wait_port s 8080
case $1 in
redirect*)
	wait_port gw 443
	capture gw outer outside.pcap tcp
	vantage outside.pcap "gw, device outer: between the proxy and the application"
	;;
*)
	wait_port c3 80
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner, a bridge: between clients and proxy, and between the proxy and the application"
	;;
esac
case $1 in
redirect-loop)
	for n in c c2; do visit $n / -L --max-redirs 12; done
	visit c /boots.html -L --max-redirs 12
	shows "An application behind a proxy that takes TLS off: it sends each request to https, where it just came from; browsers give up."
	finding http-redirect-loop positive
	;;
redirect-loop-remedied)
	for n in c c2; do visit $n / -L --max-redirs 12; done
	visit c /boots.html -L --max-redirs 12
	shows "The proxy says that the request came by https (X-Forwarded-Proto), and the application believes it."
	finding http-redirect-loop remedied
	;;
redirect-login)
	for i in 1 2 3; do for n in c c2; do
		visit $n /shop -L --max-redirs 12 -b /dev/null
	done; done
	shows "A login by cookie: each visitor is sent to the login and back once."
	finding http-redirect-loop near-miss
	;;
*)
	for i in 1 2 3 4 5 6; do plain c / && plain c2 /boots.html; done
	if [ $1 != bad-gateway-remedied ]; then
		if [ $1 = bad-gateway ]; then
			kill "$(cat "$LAB/nginx-s.pid")" # the application ends
		else
			kill -STOP $(ip netns pids "$P-s") # it hangs
		fi
		sleep 0.3
		for i in 1 2 3 4 5 6; do for n in c c2; do plain $n /page-$i.html & done; wait $(jobs -p | tail -2) || true; done
	fi
	case $1 in
	bad-gateway)
		shows "The application behind a proxy has ended: the proxy answers 502, its connections to the application are refused."
		finding http-5xx-burst positive
		;;
	bad-gateway-timeout)
		shows "The application behind a proxy hangs: the proxy answers 504 after a second."
		finding http-5xx-burst positive
		;;
	*)
		for i in 1 2 3 4 5 6; do plain c /page-$i.html && plain c2 /page-$i.html; done
		shows "The application runs: every request is served."
		finding http-5xx-burst remedied
		;;
	esac
	;;
esac
capture_stop
answers
case $1 in
redirect-loop) check_frames "redirects to https" outside.pcap 'http.response.code == 301 && http.location contains "https://shop.example/"' 30 ;;
redirect-loop-remedied) check_frames "no redirect" outside.pcap "http.response.code == 301" 0 0 ;;
redirect-login) check_frames "redirects" outside.pcap "http.response.code == 302" 12 12 ;;
bad-gateway) check_frames "502" inside.pcap "http.response.code == 502" 12 ;;
bad-gateway-timeout) check_frames "504" inside.pcap "http.response.code == 504" 10 ;;
*) check "every request was served" every_ok ;;
esac
lab_finish
