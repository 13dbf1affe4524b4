#!/bin/bash
# captures: clean-nat clean-routed clean-gro clean-wan
# captures: clean-span-twice clean-one-sided clean-midstream
#
# Ordinary traffic in which nothing is wrong, for FST_CLEAN_SECONDS (360): web
# with and without TLS, kept-alive and short, DNS, SSH, ping, uploads, idle flows
# with keep-alive, both sides closing first, a port used again after a long time;
# IPv4 and IPv6; three clients. The variants are what a sensor meets in practice.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft lighttpd nginx openssl curl sshd ssh ssh-keygen dnsmasq dig ping
peer=$(tool peer)
last=${FST_CLEAN_SECONDS:-360}
case $1 in
clean-wan) WIRE_OUT="-delay 35ms" ;;
esac
lab_gw c c2 c3
S4=$OUT4.2 S6=${OUT6}:2

# --- services on s
web s 80
d=$LAB/tls
mkdir -p "$d"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=shop.example -keyout "$d/key.pem" -out "$d/cert.pem" 2>/dev/null
cat >"$d/nginx.conf" <<N
daemon off;
pid $d/nginx.pid;
error_log $d/error.log;
events { }
http {
	access_log off;
	client_body_temp_path $d;
	proxy_temp_path $d;
	fastcgi_temp_path $d;
	uwsgi_temp_path $d;
	scgi_temp_path $d;
	server {
		listen 443 ssl;
		listen [::]:443 ssl;
		ssl_certificate $d/cert.pem;
		ssl_certificate_key $d/key.pem;
		root $LAB/www-s-80;
	}
}
N
bg s nginx -c "$d/nginx.conf"
bg s "$peer" serve -listen :8080 -close client -size 1500
bg s "$peer" serve -listen :8081 -close server -size 600
bg s "$peer" echo -listen :2323
bg s dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts --pid-file= -u root \
	--address=/shop.example/$S4 --address=/shop.example/$S6 --txt-record=text.example,hello
ssh-keygen -q -t ed25519 -N '' -f "$LAB/hostkey"
ssh-keygen -q -t ed25519 -N '' -f "$LAB/userkey"
cp "$LAB/userkey.pub" "$LAB/authorized"
mkdir -p /run/sshd
bg s "$(command -v sshd)" -D -p 22 -f /dev/null -h "$LAB/hostkey" -o StrictModes=no -o UsePAM=no \
	-o PidFile=none -o AuthorizedKeysFile="$LAB/authorized" -o PermitRootLogin=yes -o UseDNS=no
for p in 22 443 8080 8081 2323; do wait_port s $p; done

# --- the box in the middle
{
	echo 'table inet fw {'
	echo ' chain forward {'
	echo '  type filter hook forward priority filter; policy drop'
	echo '  ct state established,related accept'
	echo '  meta l4proto ipv6-icmp accept'
	echo '  iifname "inner" accept'
	echo ' }'
	echo '}'
	if [ "$1" = clean-nat ]; then
		echo 'table ip nat {'
		echo ' chain post {'
		echo '  type nat hook postrouting priority srcnat'
		echo '  oifname "outer" masquerade'
		echo ' }'
		echo '}'
	fi
} | ns gw nft -f -

case $1 in
clean-gro)
	for x in "gw inner" "gw outer" "gw p-c" "gw p-c2" "gw p-c3" "s eth0" "c eth0" "c2 eth0" "c3 eth0"; do
		set -- $x
		ns "$1" ethtool -K "$2" tx on rx on tso on gso on gro on >/dev/null 2>&1 || true
	done
	set -- clean-gro
	;;
clean-span-twice)
	# A mirror port that is fed twice: what enters and leaves "outer" reaches the
	# sensor's device two times.
	ns gw ip link add span type veth peer name sensor
	ns gw ip link set span up
	ns gw ip link set sensor up
	plain gw span
	plain gw sensor
	ns gw sysctl -qw net.ipv6.conf.span.disable_ipv6=1 net.ipv6.conf.sensor.disable_ipv6=1
	ns gw tc qdisc add dev outer clsact
	for way in ingress egress; do
		ns gw tc filter add dev outer $way protocol all u32 match u32 0 0 action mirred egress mirror dev span action mirred egress mirror dev span
	done
	;;
esac

# --- what a client does, again and again
end=$((SECONDS + last))
ssh_() { ns "$1" ssh -q -i "$LAB/userkey" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes "root@$2" "$3"; }
got() { # got CLIENT WHAT COMMAND...: one line on the outcome
	local n=$1 what=$2
	shift 2
	if "$@" >/dev/null 2>&1; then echo "$n $what ok"; else echo "$n $what fail"; fi >>"$LAB/answers"
}
act() {
	local n=$1
	case $2 in
	0) fetch "$n" "http://$S4/page-200.txt" ;;
	1) fetch "$n" "http://[$S6]/page-3000.txt" ;;
	2) got "$n" "kept-alive web" ns "$n" curl -sS -m 30 --rate 30/m -o /dev/null -o /dev/null -o /dev/null -o /dev/null "http://$S4/page-200.txt" "http://$S4/page-3000.txt" "http://$S4/nothing-here" "http://$S4/page-200.txt" ;;
	3) fetch "$n" "https://$S4/page-3000.txt" -k ;;
	4) fetch "$n" "https://[$S6]/page-200.txt" -k ;;
	5) got "$n" dns ns "$n" dig +tries=1 @$S4 shop.example A ;;
	6) got "$n" dns6 ns "$n" dig +tries=1 @$S6 shop.example AAAA ;;
	7) got "$n" ping ns "$n" ping -c 3 -i 0.5 $S4 ;;
	8) got "$n" ping6 ns "$n" ping -c 2 -i 0.5 $S6 ;;
	9) got "$n" upload ns "$n" curl -sS -m 20 -o /dev/null --data-binary "@$LAB/www-s-80/page-20000.txt" "http://$S4:8080/form" ;;
	10) ns "$n" "$peer" get -to $S4:8080 -close client -count 2 -gap 300ms | sed "s/^/$n /" >>"$LAB/answers" ;;
	11) ns "$n" "$peer" get -to "[$S6]:8081" -close server -count 2 -gap 500ms | sed "s/^/$n /" >>"$LAB/answers" ;;
	12) got "$n" ssh ssh_ "$n" $S4 'for i in 1 2 3 4; do echo line $i; sleep 0.7; done' ;;
	13) fetch "$n" "http://$S4/page-20000.txt" ;;
	14) got "$n" "dns over tcp" ns "$n" dig +tcp +tries=1 @$S4 text.example TXT ;;
	esac
}
client() {
	local n=$1 k=$2
	while [ $SECONDS -lt $end ]; do
		act "$n" $((k % 15))
		k=$((k + 1))
		sleep $((4 + RANDOM % 5)).$((RANDOM % 9))
	done
}
# The long flows: an SSH session with output now and then, a quiet line with
# keep-alive, a line that speaks every 20 s.
long_flows() {
	local talk="0s,2s" k
	for k in $(seq 20 20 $((last - 20))); do talk+=",20s"; done
	got c "long ssh" ssh_ c $S6 "for i in \$(seq $((last / 9))); do date; sleep 9; done" &
	ns c2 "$peer" chat -to $S4:2323 -pauses "$talk" | sed 's/^/c2 /' >>"$LAB/answers" &
	ns c3 "$peer" chat -to "[$S6]:2323" -pauses "1s,$((last - 30))s" -keepalive 30s | sed 's/^/c3 /' >>"$LAB/answers" &
	wait
}
long_flows &
flows=$!
[ "$1" != clean-midstream ] || sleep 20
case $1 in
clean-span-twice)
	capture gw sensor span.pcap
	vantage span.pcap "a mirror port that gets every frame of gw's device outer twice"
	;;
clean-one-sided)
	capture gw outer one-sided.pcap "dst net 10.2.0.2/32 or dst host fd00:2::2"
	vantage one-sided.pcap "gw, device outer, only frames towards the server"
	;;
clean-nat | clean-wan) capture_both ;;
*)
	capture gw inner inside.pcap
	vantage inside.pcap "gw, device inner: between the clients and gw"
	;;
esac
ns c "$peer" get -from :45000 -to $S4:8081 -close server | sed 's/^/c /' >>"$LAB/answers"
client c 0 & a=$!
client c2 5 & b=$!
client c3 10 & e=$!
wait $a $b $e
ns c "$peer" get -from :45000 -to $S4:8081 -close server | sed 's/^/c /' >>"$LAB/answers"
if [ "$1" = clean-midstream ]; then
	kill $flows 2>/dev/null || true
else
	wait $flows
fi
capture_stop
awk '{ f = / 000 |fail|dead/ ? "failed" : "good"; n[$1 " " f]++ } END { for (k in n) print k, n[k] }' "$LAB/answers" | sort | truth_block "Requests"
truth "Length: $last s. The same client port 45000 is used at the start and, $last s later, at the end."
check "every request was answered" every_ok
case $1 in
clean-nat) shows "Ordinary traffic through a stateful firewall with NAT (IPv4) and without (IPv6), both vantages: nothing is wrong." ;;
clean-routed) shows "Ordinary traffic through a stateful firewall without NAT: nothing is wrong." ;;
clean-gro) shows "Ordinary traffic captured on a host with segmentation offloads: frames longer than the MTU, checksums left to the card; nothing is wrong." ;;
clean-wan) shows "Ordinary traffic over a path of 70 ms: nothing is wrong." ;;
clean-span-twice) shows "Ordinary traffic on a mirror port that delivers each frame twice: nothing is wrong but the mirror." ;;
clean-one-sided) shows "Ordinary traffic of which the sensor sees one direction only: nothing is wrong." ;;
clean-midstream) shows "Ordinary traffic; the capture starts in the middle of long flows and ends before they do: nothing is wrong." ;;
esac
finding all clean
[ "$1" != clean-span-twice ] || finding duplicate-on-wire positive
f=$(cd "$OUT" && ls *.pcap | tail -n 1)
check_frames "frames" "$f" frame 300
[ "$1" != clean-gro ] || check_frames "frames longer than the MTU" "$f" "frame.len > 1514" 5
lab_finish
