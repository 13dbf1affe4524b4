#!/bin/bash
# captures: ike-fragment-lost-v1 ike-fragment-lost-answer ike-id-v1-responder ike-id-v1-email
# captures: ike-natt-blocked-answers ike-natt-blocked-v1 ike-id-v1-ipv6 esp-one-way-v1
#
# More of ike.sh, with the same daemons (strongSwan): the other version of IKE, the
# other direction, other kinds of names, IPv6.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need charon-systemd swanctl nft openssl
lab_gw c
C=$IN4.11 S=$OUT4.2
V=2 AGG=no FRAG=yes AUTH=psk PROP=aes128-sha256-modp2048 ESP=aes128-sha256 REKEY=0 DPD=0 PLUGINS=kernel-libipsec
PSK=${RANDOM}one${RANDOM}
ID_I=c.example ID_R=s.example RID_I=s.example RID_R=c.example
case $1 in *-v1*) V=1 ;; esac
case $1 in
ike-fragment-lost-*) AUTH=pubkey FRAG=no ;;
ike-id-v1-responder) AGG=yes RID_I=other.example ;;
ike-id-v1-ipv6) AGG=yes C=${IN6}:11 S=${OUT6}:2 ID_I=${IN6}:11 RID_R=${IN6}:99 ID_R=${OUT6}:2 RID_I=${OUT6}:2 ;;
ike-id-v1-email) AGG=yes ID_I=carol@c.example RID_R=dave@c.example ;;
esac
daemon() { # NS: its configuration
	cat >"$LAB/$1.daemon" <<-X
		charon-systemd {
		 load = random nonce openssl aes des md5 sha1 sha2 hmac gmp kdf pem pkcs1 pkcs8 x509 pubkey curve25519 gcm cmac drbg socket-default $PLUGINS kernel-netlink vici updown
		 install_routes = yes
		 i_dont_care_about_security_and_use_aggressive_mode_psk = yes
		 retransmit_tries = 3
		 retransmit_timeout = 1.0
		 retransmit_base = 1.3
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

# connection NS VERSION LOCAL REMOTE PROPOSALS ID PEERID LOCALNET REMOTENET ESP PSK
connection() {
	local secret="" certs=""
	mkdir -p "$LAB/$1.d"
	if [ "$AUTH" = psk ]; then
		printf -v secret 'secrets {\n ike-1 {\n  secret="%s"\n }\n}' "${11}"
	else
		certs="certs=$1.pem"
	fi
	cat >"$LAB/$1.d/swanctl.conf" <<-X
		connections {
		 h {
		  version=$2
		  aggressive=$AGG
		  mobike=no
		  fragmentation=$FRAG
		  local_addrs=$3
		  remote_addrs=$4
		  proposals=$5
		  dpd_delay=$DPD
		  dpd_timeout=5
		  send_certreq=no
		  send_cert=always
		  local {
		   auth=$AUTH
		   id=$6
		   $certs
		  }
		  remote {
		   auth=$AUTH
		   id=$7
		  }
		  children {
		   n {
		    local_ts=$8
		    remote_ts=$9
		    esp_proposals=${10}
		    rekey_time=$REKEY
		    life_time=$((REKEY * 4))
		    rand_time=0
		    dpd_action=clear
		   }
		  }
		 }
		}
		$secret
	X
}

# certificates: a pair that is large enough to need fragments.
certificates() {
	local n d
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB/ca.key" -out "$LAB/ca.pem" -days 3650 -subj "/CN=example CA" 2>/dev/null
	for n in c s; do
		d=$LAB/$n.d
		mkdir -p "$d/private" "$d/x509" "$d/x509ca"
		cp "$LAB/ca.pem" "$d/x509ca/"
		openssl req -newkey rsa:2048 -nodes -keyout "$d/private/$n.pem" -out "$LAB/$n.csr" -subj "/CN=$n.example" 2>/dev/null
		openssl x509 -req -in "$LAB/$n.csr" -CA "$LAB/ca.pem" -CAkey "$LAB/ca.key" -CAcreateserial -days 3650 -out "$d/x509/$n.pem" \
			-extfile <(printf 'subjectAltName=DNS:%s.example\nnsComment=%s\n' "$n" "$(head -c 700 </dev/zero | tr '\0' x)") 2>/dev/null
	done
	ID_I=c.example ID_R=s.example RID_I=s.example RID_R=c.example
}

ctl() { local n=$1; shift; STRONGSWAN_CONF=$LAB/$n.daemon ns "$n" swanctl "$@" --uri "unix://$LAB/$n.vici"; }
start() {
	local n i
	for n in "$@"; do
		STRONGSWAN_CONF=$LAB/$n.daemon bg "$n" charon-systemd
	done
	for n in "$@"; do
		for i in $(seq 50); do [ -S "$LAB/$n.vici" ] && break; sleep 0.1; done
		sleep 0.3
		ctl "$n" --load-all --noprompt --file "$LAB/$n.d/swanctl.conf" >"$LAB/$n.load" 2>&1 || die "configuration of $n: $(tail -n 4 "$LAB/$n.load")"
	done
}

[ "$AUTH" = psk ] || certificates
daemon c
daemon s
connection c $V "$C" "$S" $PROP "$ID_I" "$RID_I" 192.168.1.0/24 192.168.2.0/24 $ESP "$PSK"
connection s $V "$S" %any $PROP "$ID_R" "$RID_R" 192.168.2.0/24 192.168.1.0/24 $ESP "$PSK"
addr c lo 192.168.1.1/32
addr s lo 192.168.2.1/32
rule() { printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$1" | ns gw nft -f -; }
# fragments DEVICE: all but the first are lost there; a filter with memory would put them together first.
fragments() { printf 'table netdev raw {\n chain in {\n  type filter hook ingress device "%s" priority 0\n  ip frag-off & 0x1fff != 0 drop\n }\n}\n' "$1" | ns gw nft -f -; }
case $1 in
ike-fragment-lost-v1) fragments inner ;;
ike-fragment-lost-answer) fragments outer ;;
ike-natt-*) printf 'table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname "outer" masquerade\n }\n}\n' | ns gw nft -f - ;;
esac
case $1 in
ike-natt-blocked-answers) rule "udp sport 4500 drop" ;;
ike-natt-blocked-v1) rule "udp dport 4500 reject with icmp type port-unreachable" ;;
esp-one-way-v1) rule "ip saddr $C udp dport 4500 @th,64,32 != 0 drop" ;;
esac
if [ "$1" = ike-id-v1-ipv6 ]; then
	capture gw inner inside.pcap "udp port 500 or icmp6"
	vantage inside.pcap "gw, device inner: between the clients and gw"
else
	capture_both "udp port 500 or udp port 4500 or icmp or (ip[6:2] & 0x1fff != 0)"
fi
start c s
ctl c --initiate --child n --timeout 14 >"$LAB/initiate" 2>&1 || true
ns c ping -c $([ "$1" = esp-one-way-v1 ] && echo 24 || echo 3) -i 0.5 -W 1 -I 192.168.1.1 192.168.2.1 >"$LAB/ping" 2>&1 || true
ns c ping -c 2 -i 0.3 -W 1 "$S" >/dev/null || true # past the tunnel: the way itself works
capture_stop
tail -n 1 "$LAB/initiate" | sed "s|unix:[^ ]*||" | truth_block "swanctl on c"
grep -h transmitted "$LAB/ping" | truth_block "ping through the tunnel, on c"
for n in c s; do
	grep -hE "parsed|generating|retransmit|establish|fail|no |NO_|INVALID|mismatch|NAT|behind|giving" "$LAB/$n.charon" |
		grep -vE "plugin|loaded|loading|secret|$LAB" | cut -c1-150 | head -n 60 | truth_block "charon on $n" || true
done
log() { grep -qE "$2" "$LAB/$1.charon"; }
deaf() { ! grep -qE " [1-9][0-9]* received" "$LAB/ping"; }
check "no ping is answered" deaf
case $1 in
ike-fragment-lost-v1)
	shows "IKEv1 with certificates needs IP fragments; gw drops all but the first fragment of c's."
	finding ike-fragment-lost positive
	check_frames "fragments inside" inside.pcap "ip.frag_offset > 0" 3
	check_frames "none outside" outside.pcap "ip.frag_offset > 0 && ip.src == $C" 0 0
	;;
ike-fragment-lost-answer)
	shows "IKEv2 with certificates needs IP fragments; gw drops all but the first fragment of what s answers."
	finding ike-fragment-lost positive
	check_frames "fragments of s outside" outside.pcap "ip.frag_offset > 0 && ip.src == $S" 1
	check_frames "none inside" inside.pcap "ip.frag_offset > 0 && ip.src == $S" 0 0
	;;
ike-id-v1-responder)
	shows "c expects s to call itself other.example, s calls itself s.example: aggressive mode, and c says no."
	finding ike-psk-mismatch positive
	truth "The code names a wrong ID as what it cannot be told from: the refusal is c's, and encrypted."
	;;
ike-id-v1-email)
	shows "c calls itself carol@c.example, s expects dave@c.example: aggressive mode, the name is readable."
	finding ike-id-mismatch positive
	;;
ike-natt-blocked-v1)
	shows "c is behind the NAT gw, which refuses UDP 4500 with ICMP port unreachable: IKEv1 main mode begins on 500 and dies at the move."
	finding ike-natt-blocked positive
	check "c gives up" log c "giving up"
	;;
ike-id-v1-ipv6)
	shows "Over IPv6, c names itself by its address, s expects another address: aggressive mode, the name is readable."
	finding ike-id-mismatch positive
	;;
esp-one-way-v1)
	shows "IKEv1; gw drops ESP from c to s (inside UDP 4500) and lets IKE pass: packets travel one way only."
	finding esp-one-way positive
	check "established" log c "CHILD_SA n.* established"
	;;
ike-natt-blocked-answers)
	shows "c is behind the NAT gw, which drops what comes back from UDP 4500: IKE begins on 500 and dies at the move."
	finding ike-natt-blocked positive
	check "c gives up" log c "giving up"
	;;
esac
lab_finish
