#!/bin/bash
# captures: clean-crawler
#
# A crawler (wget) reads four sites for FST_CLEAN_SECONDS (1830): names, robots.txt,
# hundreds of pages with pauses between, pages that moved or are gone, one site with
# TLS, connections that are kept and connections that the server closes. People read
# the same sites meanwhile.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need wget nginx openssl dnsmasq curl python3
last=${FST_CLEAN_SECONDS:-1830}
lab_gw c c2
for i in 3 4 5; do addr s eth0 $OUT4.$i/24; done
d=$LAB/web pages=90
pause=$((last / pages - 1))
python3 - "$d" $pages <<'X'
import os, sys
root, pages = sys.argv[1], int(sys.argv[2])
for site in ("one", "two", "three", "four"):
    top = os.path.join(root, site)
    os.makedirs(top)
    with open(os.path.join(top, "robots.txt"), "w") as f:
        f.write("User-agent: *\nDisallow: /private/\n")
    for i in range(pages):
        links = ["/page-%d.html" % j for j in (2 * i + 1, 2 * i + 2) if j < pages]
        if i % 12 == 5:
            links.append("/gone-%d.html" % i)
        if i % 15 == 7:
            links.append("/old/page-%d.html" % (i // 2))
        if i % 20 == 3:
            links.append("/private/note-%d.html" % i)
        body = "".join('<a href="%s">x</a>' % l for l in links)
        name = "index.html" if i == 0 else "page-%d.html" % i
        with open(os.path.join(top, name), "w") as f:
            f.write("<html><title>%s %d</title>%s</html>\n" % (site, i, body))
X
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=four.example -addext subjectAltName=DNS:four.example -keyout "$d/key.pem" -out "$d/cert.pem" 2>/dev/null
site() { # site NAME ADDRESS LISTEN KEEPALIVE LINES...: one server block
	printf 'server {\n listen %s:%s;\n server_name %s.example;\n root %s/%s;\n keepalive_timeout %s;\n rewrite ^/old/(.*)$ /$1 permanent;\n %s\n}\n' "$2" "$3" "$1" "$d" "$1" "$4" "${5:-}"
}
{
	printf 'daemon off;\npid %s/nginx.pid;\nerror_log %s/error.log;\nevents { }\nhttp {\naccess_log off;\nserver_tokens off;\ntypes { text/html html; text/plain txt; }\n' "$d" "$d"
	for t in client_body proxy fastcgi uwsgi scgi; do echo "${t}_temp_path $d;"; done
	site one $OUT4.2 80 75
	site two $OUT4.3 80 5
	site three $OUT4.4 80 0
	site four $OUT4.5 "443 ssl" 75 "ssl_certificate $d/cert.pem; ssl_certificate_key $d/key.pem;"
	echo '}'
} >"$d/nginx.conf"
chmod -R a+rX "$LAB"
bg s nginx -c "$d/nginx.conf"
bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root --local-ttl=120 --filter-AAAA \
	--address=/one.example/$OUT4.2 --address=/two.example/$OUT4.3 --address=/three.example/$OUT4.4 --address=/four.example/$OUT4.5
wait_port s 80
wait_port s 443
for n in c c2; do echo "nameserver $OUT4.2" >"/etc/netns/$P-$n/resolv.conf"; done
end=$((SECONDS + last))
capture gw inner inside.pcap
vantage inside.pcap "gw, device inner: between the clients and gw"
crawl() { # crawl URL: until the time is over or the site is
	local name=${1#*//} left=$((end - SECONDS - 2))
	name=${name%%.*}
	mkdir -p "$LAB/got/$name"
	ns c timeout $left wget -q -r -l inf -t 2 --wait $pause --random-wait -U "crawler/1.0 (+http://one.example/bot.html)" --ca-certificate "$d/cert.pem" \
		-P "$LAB/got/$name" -o "$LAB/wget.$name" "$1" || true
}
reader() { # a person: a page every half minute or so
	while [ $((SECONDS + 40)) -lt $end ]; do
		fetch c2 "http://one.example/page-$((1 + RANDOM % 80)).html" -A browser
		fetch c2 "http://two.example/page-$((1 + RANDOM % 80)).html" -A browser
		sleep $((55 + RANDOM % 30))
	done
}
pids=
for u in http://one.example/ http://two.example/ http://three.example/ https://four.example/; do
	crawl $u & pids+=" $!"
	sleep 2
done
reader & pids+=" $!"
wait $pids
capture_stop
find "$LAB/got" -name '*.html' | sed "s|$LAB/got/||; s|/.*||" | sort | uniq -c | truth_block "Pages that the crawler got, by site"
awk '{ print $3 }' "$LAB/answers" | sort | uniq -c | truth_block "Answers that the reader got"
truth "Length: $last s. On each site some links lead to pages that are gone (404), that moved (301), or that robots.txt forbids."
shows "A crawler reads four sites in the usual manner: robots.txt, pauses, moved and missing pages; nothing is wrong."
finding all clean
for f in scan-ports scan-hosts http-redirect-loop http-5xx-burst http-maintenance-200; do finding $f near-miss; done
check "the reader was served" every_ok
check "all sites were read" test "$(find "$LAB/got" -name '*.html' | wc -l)" -ge $((pages * 2))
check_frames "missing pages" inside.pcap "http.response.code == 404" 5
check_frames "moved pages" inside.pcap "http.response.code == 301" 5
check_frames "nothing private was asked for" inside.pcap 'http.request.uri contains "/private/"' 0 0
lab_finish
