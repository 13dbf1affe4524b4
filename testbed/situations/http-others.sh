#!/bin/bash
# captures: redirect-loop-hosts redirect-loop-slash
# captures: overload-503 unready-503 failing-500
#
# More of http-faults.sh and maintenance.sh, between other programs: two names that
# send visitors to each other, a slash that one rule adds and another takes away;
# nginx that turns requests away (limit_req), a Python application that is not ready,
# and one that fails by itself. IPv4 and IPv6, several ports.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nginx curl wget python3
lab_gw c c2
V6=${OUT6}:2 S=$OUT4.2
nginx_with() { # LINES...
	{
		printf 'daemon off; pid %s/nginx.pid; error_log %s/nginx.log; user root; events {}\nhttp { access_log off; default_type text/html; absolute_redirect off;\n' "$LAB" "$LAB"
		printf '%s\n' "$@"
		printf '}\n'
	} >"$LAB/nginx.conf"
	bg s nginx -c "$LAB/nginx.conf"
}
# app PORT: a small application; it answers what the file LAB/state says.
app() {
	cat >"$LAB/app.py" <<-'P'
		import http.server, sys
		state = sys.argv[2]
		class App(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_GET(self):
		        code, text = open(state).read().strip().split(" ", 1)
		        body = ("<title>%s</title>\n" % text).encode()
		        self.send_response(int(code))
		        self.send_header("Content-Type", "text/html")
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		http.server.ThreadingHTTPServer(("", int(sys.argv[1])), App).serve_forever()
	P
	echo "200 Stock of the shop" >"$LAB/state"
	bg s python3 "$LAB/app.py" "$1" "$LAB/state"
	wait_port s "$1"
}
said() { # NS WHAT COMMAND...
	local n=$1 what=$2
	shift 2
	if ns "$n" timeout 9 "$@" </dev/null >"$LAB/said" 2>&1; then
		echo "$n $what: ok" >>"$LAB/answers"
	else
		echo "$n $what: failed: $(grep -v '^$' "$LAB/said" | tail -n 1 | cut -c1-120)" >>"$LAB/answers"
	fi
}
hosts() { local n; for n in c c2; do echo "$2 $1" >>"/etc/netns/$P-$n/hosts"; done; }
python='import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=6).read()'
case $1 in
redirect-loop-hosts)
	nginx_with "server { listen [::]:80; server_name shop.example; return 301 http://www.shop.example\$request_uri; }" \
		"server { listen [::]:80; server_name www.shop.example; return 301 http://shop.example\$request_uri; }"
	hosts shop.example $V6
	hosts www.shop.example $V6
	wait_port s 80
	port=80
	;;
redirect-loop-slash)
	nginx_with 'server { listen 8080; location ~ ^/stock/$ { return 302 /stock; } location = /stock { return 302 /stock/; } location / { return 200 "<title>The shop</title>"; } }'
	hosts shop.example $S
	wait_port s 8080
	port=8080
	;;
overload-503)
	nginx_with 'limit_req_zone $server_port zone=all:1m rate=2r/s;' 'server { listen 80; listen [::]:80; location / { limit_req zone=all; try_files /none @all; } location @all { return 200 "<title>The shop</title>"; } }'
	hosts shop.example $V6
	wait_port s 80
	port=80
	;;
unready-503 | failing-500) port=8000; app 8000; hosts shop.example $S ;;
esac
capture gw outer outside.pcap "tcp port $port"
vantage outside.pcap "gw, device outer: between gw and the server"
case $1 in
redirect-loop-hosts)
	said c "curl" curl -sS -o /dev/null -L --max-redirs 14 http://shop.example/
	said c2 "wget" wget -q -O /dev/null -T 6 -t 1 http://www.shop.example/boots.html
	shows "shop.example sends every visitor to www.shop.example, which sends everybody back (nginx, IPv6); curl and wget give up."
	finding http-redirect-loop positive
	;;
redirect-loop-slash)
	said c "curl" curl -sS -o /dev/null http://shop.example:8080/
	said c "curl" curl -sS -o /dev/null -L --max-redirs 10 http://shop.example:8080/stock
	said c2 "python" python3 -c "$python" http://shop.example:8080/stock
	shows "One rule adds a slash to an address, another one takes it away (nginx, port 8080): curl and Python give up."
	finding http-redirect-loop positive
	;;
overload-503)
	for i in $(seq 4); do fetch c http://shop.example/page-$i.html; fetch c2 http://shop.example/; done
	shows "nginx turns requests away that come faster than two a second (limit_req, IPv6): 503 without Retry-After."
	finding http-503-no-retry-after positive
	;;
unready-503)
	fetch c http://shop.example:8000/stock
	echo "503 Under maintenance" >"$LAB/state"
	for i in 1 2 3 4; do
		said c2 "wget" wget -q -O /dev/null -T 6 -t 1 http://shop.example:8000/stock
		fetch c http://shop.example:8000/orders
		sleep 0.5
	done
	shows "An application (Python, port 8000) under maintenance: 503 without Retry-After; wget and curl ask again and again."
	finding http-503-no-retry-after positive
	;;
failing-500)
	for i in $(seq 10); do fetch c http://shop.example:8000/stock; fetch c2 http://shop.example:8000/orders/$i; done
	echo "500 Internal error" >"$LAB/state"
	for i in $(seq 7); do
		fetch c http://shop.example:8000/stock
		said c2 "wget" wget -q -O /dev/null -T 6 -t 1 http://shop.example:8000/orders/$i
	done
	shows "An application (Python, port 8000) that answered begins to fail with 500; no proxy is before it."
	finding http-5xx-burst positive
	;;
esac
capture_stop
answers
case $1 in
redirect-loop-hosts) check_frames "redirects" outside.pcap "http.response.code == 301" 28 ;;
redirect-loop-slash) check_frames "redirects" outside.pcap "http.response.code == 302" 14 ;;
overload-503 | unready-503)
	check_frames "503" outside.pcap "http.response.code == 503" 5 9
	check_frames "no Retry-After" outside.pcap 'http.response.code == 503 && http contains "Retry-After"' 0 0
	;;
failing-500) check_frames "500" outside.pcap "http.response.code == 500" 14 ;;
esac
lab_finish
