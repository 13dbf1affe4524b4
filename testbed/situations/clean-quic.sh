#!/bin/bash
# captures: clean-quic
#
# QUIC as ngtcp2 speaks it, all of it twice: pages over IPv4 and IPv6, a server that
# first wants an address proved (Retry), version 1, version 2 as a draft, a server that
# chooses the other one, a version that no server knows, sessions that are resumed with
# data in the first flight, a client that changes its address on the way.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need gtlsserver gtlsclient openssl python3 ss
lab_gw c c2
d=$LAB/www
mkdir -p "$d"
for i in 300 4000 60000; do head -c "$i" < <(yes "a line of the page, of no meaning") >"$d/page-$i.txt"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=shop.example -addext subjectAltName=DNS:shop.example,DNS:shop6.example -keyout "$LAB/key.pem" -out "$LAB/cert.pem" 2>/dev/null
chmod -R a+rX "$LAB"
serve() { # PORT FLAGS...
	local port=$1 i
	shift
	bg s gtlsserver -q -d "$d" --no-quic-dump --no-http-dump "$@" '*' "$port" "$LAB/key.pem" "$LAB/cert.pem"
	for i in $(seq 50); do
		[ -z "$(ns s ss -Hlun "sport = :$port")" ] || return 0
		sleep 0.1
	done
	die "nothing listens on UDP port $port: $(tail -n 3 "$LAB/s.log")"
}
serve 443
serve 4443 --validate-addr
serve 8443 --preferred-versions=v2draft,v1
for n in c c2; do printf '%s.2 shop.example\n%s:2 shop6.example\n' $OUT4 $OUT6 >"/etc/netns/$P-$n/hosts"; done
get() { # NS WHAT NAME PORT SIZE FLAGS...: one page, then a short pause
	local n=$1 what=$2 to=$3 port=$4 size=$5 got=$LAB/got
	shift 5
	rm -rf "$got"
	mkdir -p "$got"
	if ns "$n" timeout 8 gtlsclient -q --no-quic-dump --no-http-dump --exit-on-all-streams-close --download="$got" "$@" \
		"$to" "$port" "https://$to:$port/page-$size.txt" >>"$LAB/$n.log" 2>&1 && cmp -s "$got/page-$size.txt" "$d/page-$size.txt"; then
		echo "$n $what: page of $size bytes" >>"$LAB/answers"
	else
		echo "$n $what: failed" >>"$LAB/answers"
	fi
	sleep 1
}
capture_both
for round in 1 2; do
	get c "version 1" shop.example 443 4000
	get c2 "version 1, IPv6" shop6.example 443 60000
	get c "version 2" shop.example 443 300 --version=v2draft
	get c2 "Retry" shop.example 4443 4000
	get c "Retry, IPv6" shop6.example 4443 300
	get c2 "the server prefers version 2" shop.example 8443 4000 --other-versions=v2draft,v1
	get c "a first session" shop.example 443 300 --session-file="$LAB/session" --tp-file="$LAB/tp" --token-file="$LAB/token"
	get c "resumed" shop.example 443 4000 --session-file="$LAB/session" --tp-file="$LAB/tp" --token-file="$LAB/token"
	get c2 "other groups" shop.example 443 300 --groups=-GROUP-ALL:+GROUP-SECP521R1:+GROUP-SECP384R1:+GROUP-X25519
	get c2 "a new address on the way" shop.example 443 60000 --change-local-addr=10ms
	get c "new keys on the way" shop.example 443 60000 --key-update=5ms
done
ns c timeout 3 gtlsclient -q --version=0x1a2a3a4a shop.example 443 https://shop.example/page-300.txt >"$LAB/strange" 2>&1 || true
capture_stop
answers
shows "Pages over QUIC, versions 1 and 2, with Retry, version negotiation, resumption and a client that moves; nothing is wrong."
finding all clean
check "every page came" every_ok
for n in "Initial packets of version 1:quic.version == 1 && quic.long.packet_type == 0:40" "Initial packets of version 2:quic.version == 0x6b3343cf || quic.version == 0x709a50c4:4" \
	"Retry packets:quic.long.packet_type == 3 && quic.retry_token:4" "a list of versions:quic.version == 0:1" "data in the first flight:quic.long.packet_type == 1:1" "hellos of clients:tls.handshake.type == 1:20"; do
	IFS=: read -r what filter min <<<"$n"
	check_frames "$what" inside.pcap "$filter" "$min"
done
lab_finish
