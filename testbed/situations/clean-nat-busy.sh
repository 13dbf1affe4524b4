#!/bin/bash
# captures: clean-nat-busy
#
# Six machines behind one translated address, with sixty-four ports for it, for
# FST_CLEAN_SECONDS (1830): pages with and without TLS from four servers, names,
# pings, lines that stay open, and three minutes in which everybody works at once.
# The ports are used again and again, each time long after the connection before
# is forgotten at both ends.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft nginx openssl curl dnsmasq dig ping conntrack
peer=$(tool peer)
last=${FST_CLEAN_SECONDS:-1830}
lab_gw c1 c2 c3 c4 c5 c6
for i in 3 4 5; do addr s eth0 $OUT4.$i/24; done
d=$LAB/web
mkdir -p "$d/pages"
for i in 100 300 900; do head -c "$i" < <(yes "a line of the page, of no meaning") >"$d/pages/page-$i.txt"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=shop.example -keyout "$d/key.pem" -out "$d/cert.pem" 2>/dev/null
cat >"$d/nginx.conf" <<N
daemon off;
pid $d/nginx.pid;
error_log $d/error.log;
events { }
http {
	access_log off;
	server_tokens off;
	client_body_temp_path $d;
	proxy_temp_path $d;
	fastcgi_temp_path $d;
	uwsgi_temp_path $d;
	scgi_temp_path $d;
	server {
		listen 80;
		listen 443 ssl;
		ssl_certificate $d/cert.pem;
		ssl_certificate_key $d/key.pem;
		root $d/pages;
	}
}
N
chmod -R a+rX "$LAB"
bg s nginx -c "$d/nginx.conf"
bg s "$peer" echo -listen :2323
bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root \
	--address=/one.example/$OUT4.2 --address=/two.example/$OUT4.3 --address=/three.example/$OUT4.4 --address=/four.example/$OUT4.5
for p in 80 443 2323; do wait_port s $p; done
ns gw nft -f - <<-N
	table ip nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname outer meta l4proto { tcp, udp } masquerade to :40000-40063
			oifname outer masquerade
		}
	}
	table inet fw {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established,related accept
			iifname inner accept
		}
	}
N
truth "gw gives all six the ports 40000 to 40063 of $OUT4.1, and remembers a closed connection for 120 s (the kernel's own time)."
got() { # got CLIENT WHAT COMMAND...: one line on the outcome
	local n=$1 what=$2
	shift 2
	if "$@" >/dev/null 2>&1; then echo "$n $what ok"; else echo "$n $what fail"; fi >>"$LAB/answers"
}
hosts=(2 3 4 5)
act() { # act CLIENT
	local n=$1 h=$OUT4.${hosts[$((RANDOM % 4))]}
	case $((RANDOM % 12)) in
	0 | 1 | 2 | 3 | 4) fetch "$n" "http://$h/page-300.txt" -A browser ;;
	5 | 6) fetch "$n" "http://$h/page-100.txt" -A browser ;;
	7) fetch "$n" "https://$h/page-300.txt" -k -A browser ;;
	8) fetch "$n" "http://$h/page-900.txt" -A browser ;;
	9 | 10) got "$n" dns ns "$n" dig +tries=1 @$OUT4.2 three.example A ;;
	11) got "$n" ping ns "$n" ping -c 1 $h ;;
	esac
}
end=$((SECONDS + last)) begin=$SECONDS
client() { # client CLIENT: alone every minute; in the busy time every two
	local now
	while [ $SECONDS -lt $((end - 8)) ]; do
		act "$1"
		now=$((SECONDS - begin))
		if [ $now -gt $((last * 6 / 10)) ] && [ $now -lt $((last * 6 / 10 + last / 40)) ]; then
			sleep $((1 + RANDOM % 3))
		else
			sleep $((45 + RANDOM % 31))
		fi
	done
}
lines() { # lines that stay: one talks every 40 s, one is quiet but for keep-alive
	local talk="0s,2s" k
	for k in $(seq 40 40 $((last - 60))); do talk+=",40s"; done
	ns c2 "$peer" chat -to $OUT4.3:2323 -pauses "$talk" | sed 's/^/c2 /' >>"$LAB/answers" &
	ns c3 "$peer" chat -to $OUT4.3:2323 -pauses "1s,$((last - 40))s" -keepalive 60s | sed 's/^/c3 /' >>"$LAB/answers" &
	wait
}
capture_both
pids=
lines & pids+=" $!"
for n in c1 c2 c3 c4 c5 c6; do client $n & pids+=" $!"; done
wait $pids
capture_stop
awk '{ f = / 000 |fail|dead/ ? "failed" : "good"; n[$1 " " f]++ } END { for (k in n) print k, n[k] }' "$LAB/answers" | sort | truth_block "Requests"
# Ports used again: time from the last packet of a connection to the first of the next with the same ports.
tshark -n -r "$OUT/outside.pcap" -Y tcp -T fields -e frame.time_relative -e ip.src -e tcp.srcport -e ip.dst -e tcp.dstport -e tcp.flags 2>/dev/null |
	awk -v nat="$OUT4.1" '{ k = $2 == nat ? $3 " " $4 " " $5 : $5 " " $2 " " $3
		if ($2 == nat && $6 == "0x0002" && (k in seen)) { n++; g = $1 - seen[k]; if (min == "" || g < min) min = g }
		seen[k] = $1 } END { printf "%d %.1f\n", n, min }' >"$LAB/reuse"
read -r again shortest <"$LAB/reuse"
truth "Length: $last s. $again connections use the ports of one before; the shortest pause between two is $shortest s."
shows "Six machines behind one address with few ports, which are used again long after: nothing is wrong."
finding all clean
for f in tcp-timewait-reuse tcp-timewait-nat-timestamps snat-port-exhausted; do finding $f near-miss; done
check "every request was answered" every_ok
check "ports were used again" test "$again" -ge 10
check "never within the server's 60 s" test "${shortest%.*}" -ge 61
lab_finish
