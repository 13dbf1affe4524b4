#!/bin/bash
# captures: clean-ike
#
# Tunnels without fault, for FST_CLEAN_SECONDS (1830): c speaks IKEv2 with PFS, c2
# IKEv1 main mode with PFS from behind a NAT, c3 IKEv2 with certificates and MOBIKE.
# Each IKE SA and each tunnel is rekeyed several times, dead peer detection asks in
# pauses, packets travel. Two daemons (strongSwan) as in ike.sh, both sides of gw.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need charon-systemd swanctl nft openssl ping curl python3
last=${FST_CLEAN_SECONDS:-1830}
lab_gw c c2 c3
C=$IN4.11 C2=$IN4.12 C3=$IN4.13 S=$OUT4.2
PSK=${RANDOM}one${RANDOM}
daemon() { # NS: its configuration
	cat >"$LAB/$1.daemon" <<-X
		charon-systemd {
		 load = random nonce openssl aes des md5 sha1 sha2 hmac gmp kdf pem pkcs1 pkcs8 x509 pubkey curve25519 gcm cmac drbg socket-default kernel-libipsec kernel-netlink vici updown
		 install_routes = yes
		 plugins {
		  vici {
		   socket = unix://$LAB/$1.vici
		  }
		 }
		 filelog {
		  f {
		   path = $LAB/$1.charon
		   default = 1
		   time_format = %H:%M:%S
		   flush_line = yes
		  }
		 }
		}
	X
}
# connection NAME VERSION LOCAL REMOTE ID PEERID LOCALNET REMOTENET AUTH [LINES...]: one entry; IKE is rekeyed after
# about a third of the time, the tunnel after a fifth.
connection() {
	local name=$1 certs=
	[ "$9" = psk ] || certs="certs=${5%%.*}.pem"
	cat <<-X
		 $name {
		  version=$2
		  local_addrs=$3
		  remote_addrs=$4
		  proposals=aes128-sha256-modp2048
		  dpd_delay=45
		  send_cert=always
		  send_certreq=no
		  rekey_time=$((last * 3 / 10))
		  over_time=120
		  ${*:10}
		  local {
		   auth=$9
		   id=$5
		   $certs
		  }
		  remote {
		   auth=$9
		   id=$6
		  }
		  children {
		   n-$name {
		    local_ts=$7
		    remote_ts=$8
		    esp_proposals=aes128-sha256-modp2048
		    rekey_time=$((last / 5))
		   }
		  }
		 }
	X
}
certificates() { # NS...: one authority, a pair for each, readable by the daemons
	local n d
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB/ca.key" -out "$LAB/ca.pem" -days 3650 -subj "/CN=example CA" 2>/dev/null
	for n in "$@"; do
		d=$LAB/$n.d
		mkdir -p "$d/private" "$d/x509" "$d/x509ca"
		cp "$LAB/ca.pem" "$d/x509ca/"
		openssl req -newkey rsa:2048 -nodes -keyout "$d/private/$n.pem" -out "$LAB/$n.csr" -subj "/CN=$n.example" 2>/dev/null
		openssl x509 -req -in "$LAB/$n.csr" -CA "$LAB/ca.pem" -CAkey "$LAB/ca.key" -CAcreateserial -days 3650 -out "$d/x509/$n.pem" \
			-extfile <(printf 'subjectAltName=DNS:%s.example\n' "$n") 2>/dev/null
	done
}
ctl() { local n=$1; shift; STRONGSWAN_CONF=$LAB/$n.daemon ns "$n" swanctl "$@" --uri "unix://$LAB/$n.vici"; }
start() { # NS...
	local n i
	for n in "$@"; do
		daemon "$n"
		STRONGSWAN_CONF=$LAB/$n.daemon bg "$n" charon-systemd
	done
	for n in "$@"; do
		for i in $(seq 50); do [ -S "$LAB/$n.vici" ] && break; sleep 0.1; done
		sleep 0.3
		ctl "$n" --load-all --noprompt --file "$LAB/$n.d/swanctl.conf" >"$LAB/$n.load" 2>&1 || die "configuration of $n: $(tail -n 4 "$LAB/$n.load")"
	done
}
conf() { # NS: the connections on standard input become its configuration
	mkdir -p "$LAB/$1.d"
	{
		echo 'connections {'
		cat
		printf '}\nsecrets {\n ike-1 {\n  secret="%s"\n }\n}\n' "$PSK"
	} >"$LAB/$1.d/swanctl.conf"
}
certificates c3 s
N1=192.168.11 N2=192.168.12 N3=192.168.13 NS=192.168.2
connection one 2 $C $S c.example s.example $N1.0/24 $NS.0/24 psk mobike=no | conf c
connection two 1 $C2 $S c2.example s.example $N2.0/24 $NS.0/24 psk reauth_time=0 | conf c2
connection three 2 $C3 $S c3.example s.example $N3.0/24 $NS.0/24 pubkey mobike=yes | conf c3
# The server leaves the rekeying to the others: its times are longer.
{
	connection one 2 $S $C s.example c.example $NS.0/24 $N1.0/24 psk mobike=no
	connection two 1 $S %any s.example c2.example $NS.0/24 $N2.0/24 psk reauth_time=0
	connection three 2 $S %any s.example c3.example $NS.0/24 $N3.0/24 pubkey mobike=yes
} | sed -e "s/ rekey_time=.*/ rekey_time=4h/" | conf s
addr c lo $N1.1/32
addr c2 lo $N2.1/32
addr c3 lo $N3.1/32
addr s lo $NS.1/32
mkdir "$LAB/pages"
head -c 200 < <(yes "a line of the page, of no meaning") >"$LAB/pages/page-200.txt"
bg s python3 -m http.server 80 --directory "$LAB/pages"
wait_port s 80
ns gw nft -f - <<-N
	table ip nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname outer ip saddr $C2 masquerade
		}
	}
N
truth "gw translates the address of c2 and leaves the others alone."
capture_both "udp port 500 or udp port 4500 or icmp or (ip[6:2] & 0x1fff != 0)"
end=$((SECONDS + last))
start s c c2 c3
for x in "c one" "c2 two" "c3 three"; do
	set -- $x
	ctl $1 --initiate --child n-$2 --timeout 15 >"$LAB/initiate-$1" 2>&1 || die "$1 has no tunnel: $(tail -n 2 "$LAB/initiate-$1")"
done
set -- clean-ike
client() { # client NS SOURCE PAUSE: pings and pages through the tunnel; every fifth pause is long enough for dead peer detection
	local k=0 pause
	while :; do
		pause=$3
		[ $((k % 5)) != 4 ] || pause=110
		[ $((SECONDS + pause)) -lt $end ] || break
		if [ $((k % 6)) = 2 ]; then
			fetch "$1" "http://$NS.1/page-200.txt" --interface "$2"
		elif ns "$1" ping -c 2 -i 0.5 -W 2 -I "$2" $NS.1 >/dev/null 2>&1; then
			echo "$1 ping 200 " >>"$LAB/answers"
		else
			echo "$1 ping 000 " >>"$LAB/answers"
		fi
		k=$((k + 1))
		sleep $pause
	done
}
client c $N1.1 22 & a=$!
client c2 $N2.1 27 & b=$!
client c3 $N3.1 31 & d=$!
wait $a $b $d
ctl c3 --terminate --ike three >/dev/null 2>&1 || true
truth "At the end c3 takes its tunnel down in order."
capture_stop
awk '{ f = / 000 /? "failed" : "good"; n[$1 " " f]++ } END { for (k in n) print k, n[k] }' "$LAB/answers" | sort | truth_block "Pings and pages through the tunnels"
for n in c c2 c3; do
	grep -hoE "(IKE_SA|CHILD_SA) [a-z-]+.*established|(inbound|outbound) CHILD_SA.*established|sending DPD request|rekeyed between|IKE_SA .* rekeyed|giving up|retransmit [0-9]" "$LAB/$n.charon" |
		sed -E 's/(\[|\{)[0-9]+.*(established|rekeyed).*/ \2/' | sort | uniq -c | truth_block "charon on $n"
done
truth "Length: $last s."
shows "Three tunnels (IKEv2, IKEv1 behind a NAT, IKEv2 with certificates) with PFS: packets travel, IKE and the tunnels are rekeyed, dead peer detection asks and is answered."
finding all clean
for f in ike-no-answer ike-proposal-mismatch ike-psk-mismatch ike-id-mismatch ike-phase2-refused ike-natt-blocked ike-fragment-lost esp-one-way; do finding $f near-miss; done
check "every packet came through" every_ok
for n in c c2 c3; do
	check "$n rekeyed its tunnel" sh -c "[ \$(grep -c 'CHILD_SA.*established' $LAB/$n.charon) -ge 4 ]"
	check "$n rekeyed IKE" sh -c "[ \$(grep -cE 'IKE_SA .*(established between|rekeyed)' $LAB/$n.charon) -ge 2 ]"
	check "$n never gave up" sh -c "! grep -q 'giving up' $LAB/$n.charon"
done
lab_finish
