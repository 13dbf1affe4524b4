#!/bin/bash
# captures: ike-v2 ike-v1-main ike-v1-aggressive ike-sonicwall ike-natt ike-dpd
# captures: ike-psk-v2 ike-psk-v1 ike-psk-v1-aggressive ike-psk-v1-remedied ike-psk-v2-remedied
# captures: ike-proposal-v1 ike-proposal-v2 ike-proposal-v1-remedied ike-proposal-v2-remedied
# captures: ike-version-mismatch ike-invalid-ke ike-invalid-ke-unmet
# captures: ike-esp-proposal-v1 ike-esp-proposal-v2 ike-subnets-v1 ike-subnets-v2
# captures: ike-pfs-v1-initiator ike-pfs-v1-responder ike-pfs-v2-rekey ike-pfs-v1-remedied ike-pfs-v2-remedied
# captures: ike-id-v1-aggressive ike-id-v2 ike-id-v1-remedied
# captures: ike-silent ike-silent-later ike-port-closed ike-prohibited ike-silent-remedied
# captures: ike-natt-blocked ike-natt-blocked-remedied
# captures: ike-fragment-lost ike-fragment-lost-remedied ike-fragment-rfc7383
# captures: esp-one-way esp-one-way-remedied esp-idle
#
# Two real IKE daemons (strongSwan), one on each side of gw. Each has its tunnel
# in user space (kernel-libipsec), so that no kernel support is needed; it always
# carries ESP inside UDP and claims a NAT for that. The logs are the truth.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need charon-systemd swanctl nft openssl
lab_gw c
C=$IN4.11 S=$OUT4.2

# What the cases change.
V=2 AGG=no FRAG=yes AUTH=psk
PROP_I=aes128-sha256-modp2048 PROP_R=$PROP_I
ESP_I=aes128-sha256 ESP_R=$ESP_I
PSK_I=${RANDOM}one${RANDOM} PSK_R=$PSK_I
ID_I=$C ID_R=$S RID_I=$S RID_R=$C
LTS_I=192.168.1.0/24 LTS_R=192.168.2.0/24 RTS_R=$LTS_I
REKEY=0 DPD=0 V_R= PLUGINS=kernel-libipsec TALK=2 WAIT=14 RULES=""
case $1 in
*-v1*) V=1 ;;
esac
case $1 in
*aggressive*) AGG=yes PROP_I=aes128-sha256-modp2048 PROP_R=$PROP_I ID_I=c.example ID_R=s.example RID_I=s.example RID_R=c.example ;;
esac
case $1 in
ike-v2 | ike-v1-main | ike-v1-aggressive) REKEY=4 TALK=12 ESP_I=aes128-sha256-modp2048 ESP_R=$ESP_I ;;
ike-sonicwall) V=1 PROP_I=3des-md5-modp1024 PROP_R=$PROP_I ESP_I=3des-md5 ESP_R=$ESP_I REKEY=5 TALK=7 ;;
ike-dpd) DPD=1 TALK=2 ;;
ike-psk-v1 | ike-psk-v2 | ike-psk-v1-aggressive) PSK_R=${RANDOM}two${RANDOM} ;;
ike-proposal-v1 | ike-proposal-v2) PROP_I=aes256-sha256-modp2048 PROP_R=aes128-sha1-modp1536 ;;
ike-version-mismatch) V=2 V_R=1 ;;
ike-invalid-ke) PROP_I=aes128-sha256-modp1024-modp2048 PROP_R=aes128-sha256-modp2048 ;;
ike-invalid-ke-unmet) PROP_I=aes128-sha256-modp2048 PROP_R=aes128-sha256-modp3072 ;;
ike-esp-proposal-v1 | ike-esp-proposal-v2) ESP_I=aes256-sha256 ESP_R=aes128-sha1 ;;
ike-subnets-v1 | ike-subnets-v2) LTS_R=192.168.3.0/24 ;;
ike-pfs-v1-initiator) ESP_I=aes128-sha256-modp2048 ;;
ike-pfs-v1-responder) ESP_R=aes128-sha256-modp2048 ;;
ike-pfs-v2-rekey) ESP_I=aes128-sha256-modp2048 REKEY=4 TALK=12 ;;
ike-pfs-v2-remedied) REKEY=4 TALK=9 ;;
ike-id-v1-aggressive) RID_R=other.example ;;
ike-id-v2) ID_I=c.example ID_R=s.example RID_I=s.example RID_R=other.example ;;
ike-natt | ike-natt-blocked*) ID_I=c.example ID_R=s.example RID_I=s.example RID_R=c.example ;;
ike-fragment*) AUTH=pubkey FRAG=no ;;
ike-silent-later) TALK=0 ;;
esac
case $1 in
ike-fragment-rfc7383) FRAG=yes ;;
ike-silent) RULES="udp dport { 500, 4500 } drop" ;;
ike-prohibited) RULES="udp dport { 500, 4500 } reject with icmp type admin-prohibited" ;;
ike-natt-blocked) RULES="udp dport 4500 drop" ;;
# UDP payload that does not begin with the non-ESP marker is ESP.
esp-one-way) RULES="ip saddr $S udp sport 4500 @th,64,32 != 0 drop" TALK=16 ;;
esp-one-way-remedied) TALK=12 ;;
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
connection c $V "$C" "$S" "$PROP_I" "$ID_I" "$RID_I" "$LTS_I" 192.168.2.0/24 "$ESP_I" "$PSK_I"
connection s ${V_R:-$V} "$S" %any "$PROP_R" "$ID_R" "$RID_R" "$LTS_R" "$RTS_R" "$ESP_R" "$PSK_R"
addr c lo 192.168.1.1/32
addr s lo 192.168.2.1/32 192.168.3.1/32
case $1 in
ike-natt | ike-natt-blocked*) printf 'table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname "outer" masquerade\n }\n}\n' | ns gw nft -f - ;;
esac
[ -z "$RULES" ] || printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  %s\n }\n}\n' "$RULES" | ns gw nft -f -
[ "$1" != ike-fragment-lost ] || {
	# A filter with connection tracking puts fragments together first; one without memory, as here, does not.
	printf 'table netdev raw {\n chain in {\n  type filter hook ingress device "inner" priority 0\n  ip frag-off & 0x1fff != 0 drop\n }\n}\n' | ns gw nft -f -
}
[ "$1" != ike-silent-later ] || web s 80
capture_both "udp port 500 or udp port 4500 or icmp or tcp port 80 or (ip[6:2] & 0x1fff != 0)"
case $1 in
ike-port-closed) start c ;;
*) start c s ;;
esac
ctl c --initiate --child n --timeout $WAIT >"$LAB/initiate" 2>&1 || true
case $1 in
ike-silent-later)
	fetch c "http://$S/page-200.txt"
	ctl c --terminate --ike h >/dev/null 2>&1 || true
	truth "Then c ends the tunnel, gw drops UDP 500 and 4500, and c begins anew."
	printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  udp dport { 500, 4500 } drop\n }\n}\n' | ns gw nft -f -
	ctl c --initiate --child n --timeout $WAIT >"$LAB/initiate" 2>&1 || true
	fetch c "http://$S/page-200.txt"
	answers
	;;
esp-idle) TALK=0; sleep 14 ;;
ike-dpd)
	ns c ping -c 2 -i 0.5 -W 1 -I 192.168.1.1 192.168.2.1 >"$LAB/ping" 2>&1 || true
	truth "Then gw drops everything between the two."
	printf 'table inet fw {\n chain forward {\n  type filter hook forward priority filter\n  drop\n }\n}\n' | ns gw nft -f -
	sleep 9
	;;
esac
[ "$TALK" = 0 ] || [ "$1" = ike-dpd ] || ns c ping -c $((TALK * 2)) -i 0.5 -W 1 -I 192.168.1.1 192.168.2.1 >"$LAB/ping" 2>&1 || true
capture_stop
tail -n 1 "$LAB/initiate" | sed "s|unix:[^ ]*||" | truth_block "swanctl on c"
[ ! -f "$LAB/ping" ] || grep -h transmitted "$LAB/ping" | truth_block "ping through the tunnel, on c"
for n in c s; do
	[ -f "$LAB/$n.charon" ] || continue
	grep -hE "parsed|generating|retransmit|establish|fail|no |NO_|INVALID|mismatch|fak|NAT|behind|giving" "$LAB/$n.charon" |
		grep -vE "plugin|loaded|loading|secret|$LAB" | cut -c1-150 | head -n 60 | truth_block "charon on $n" || true
done
log() { grep -qE "$2" "$LAB/$1.charon"; }
pinged() { grep -qE " [1-9][0-9]* received" "$LAB/ping"; }
deaf() { ! pinged; }
IKE="ike-no-answer ike-proposal-mismatch ike-psk-mismatch ike-id-mismatch ike-phase2-refused ike-natt-blocked ike-fragment-lost esp-one-way"
near() { local f; for f in $IKE; do finding "$f" near-miss; done; }
up() { check "c says: established" log c "CHILD_SA n.* established"; check "packets pass the tunnel" pinged; }
case $1 in
ike-v2 | ike-v1-main | ike-v1-aggressive | ike-sonicwall)
	shows "IKE version $V${AGG/no/}, one tunnel comes up, carries packets and is rekeyed."
	near
	up
	check "rekeyed" log c "CHILD_SA n.2. established"
	;;
ike-natt)
	shows "c is behind the NAT gw: both move to UDP 4500, the tunnel carries packets."
	near
	up
	;;
ike-dpd)
	shows "The tunnel is up, then the path dies: dead peer detection asks in vain and gives up."
	near
	check "c gives up" log c "giving up|DPD"
	;;
ike-psk-v1 | ike-psk-v2 | ike-psk-v1-aggressive)
	shows "The pre-shared keys differ (IKE version $V${AGG/no/})."
	finding ike-psk-mismatch positive
	check "not established" deaf
	;;
ike-psk-*-remedied)
	shows "The same key on both sides: the tunnel carries packets."
	finding ike-psk-mismatch remedied
	up
	;;
ike-proposal-v1 | ike-proposal-v2)
	shows "No common IKE proposal: c offers $PROP_I, s accepts $PROP_R."
	finding ike-proposal-mismatch positive
	check "c is told so" log c "NO_PROP"
	;;
ike-invalid-ke-unmet)
	shows "The groups differ: c offers modp2048 alone, s accepts modp3072 alone."
	finding ike-proposal-mismatch positive
	check "c is told so" log c "NO_PROP|INVAL_KE"
	;;
ike-proposal-*-remedied)
	shows "One common IKE proposal: the tunnel carries packets."
	finding ike-proposal-mismatch remedied
	up
	;;
ike-version-mismatch)
	shows "c speaks IKEv2, s has a connection for IKEv1 only."
	finding ike-proposal-mismatch positive
	check "not established" deaf
	;;
ike-invalid-ke)
	shows "c guesses modp1024 first, s asks for modp2048 (INVALID_KE_PAYLOAD), c repeats with it: healthy."
	near
	up
	check "s asked for another group" log c "INVAL_KE"
	;;
ike-esp-proposal-*)
	shows "No common ESP proposal (IKE version $V): c offers $ESP_I, s accepts $ESP_R."
	finding ike-phase2-refused positive
	check "not established" deaf
	;;
ike-subnets-*)
	shows "The subnets do not mirror each other (IKE version $V): c asks for 192.168.2.0/24, s has 192.168.3.0/24."
	finding ike-phase2-refused positive
	check "not established" deaf
	;;
ike-pfs-v1-initiator)
	shows "PFS on c only: Quick Mode with a Diffie-Hellman group, refused."
	finding ike-phase2-refused positive
	check "not established" deaf
	;;
ike-pfs-v1-responder)
	shows "PFS on s only: Quick Mode without a Diffie-Hellman group, refused."
	finding ike-phase2-refused positive
	check "not established" deaf
	;;
ike-pfs-v2-rekey)
	shows "PFS on c only, IKEv2: the tunnel comes up and the first rekey is refused."
	finding ike-phase2-refused positive
	up
	check "the rekey is refused" log c "NO_PROP"
	;;
ike-pfs-*-remedied)
	shows "No PFS on either side: the tunnel carries packets."
	finding ike-phase2-refused remedied
	up
	;;
ike-id-v1-aggressive)
	shows "c calls itself c.example, s expects other.example: aggressive mode, the name is readable."
	finding ike-id-mismatch positive
	check "not established" deaf
	;;
ike-id-v2)
	shows "c calls itself c.example, s expects other.example: IKEv2, the name is encrypted."
	finding ike-psk-mismatch positive
	truth "The code names a wrong ID as what it cannot be told from."
	check "not established" deaf
	;;
ike-id-v1-remedied)
	shows "s expects the name that c gives: the tunnel carries packets."
	finding ike-id-mismatch remedied
	up
	;;
ike-silent)
	shows "gw drops UDP 500 and 4500: nobody answers c."
	finding ike-no-answer positive
	check "c gives up" log c "giving up"
	;;
ike-silent-later)
	shows "A tunnel was up and was ended; then gw drops UDP 500 and 4500, while the web server on s goes on answering c."
	finding ike-no-answer positive
	check "established at first" log c "CHILD_SA n.* established"
	check "c gives up later" log c "giving up"
	;;
ike-port-closed)
	shows "No IKE daemon runs on s: it answers with ICMP port unreachable."
	finding ike-no-answer positive
	check_frames "ICMP 3/3" inside.pcap "icmp.type == 3 && icmp.code == 3" 1
	;;
ike-prohibited)
	shows "gw forbids UDP 500 and says so with ICMP 3/13."
	finding ike-no-answer positive
	check_frames "ICMP 3/13" inside.pcap "icmp.type == 3 && icmp.code == 13" 1
	;;
ike-silent-remedied)
	shows "UDP 500 and 4500 are let through: the tunnel carries packets."
	finding ike-no-answer remedied
	up
	;;
ike-natt-blocked)
	shows "c is behind the NAT gw, which drops UDP 4500: IKE begins on 500 and dies at the move."
	finding ike-natt-blocked positive
	check "c gives up" log c "giving up"
	;;
ike-natt-blocked-remedied)
	shows "gw lets UDP 4500 pass: the tunnel carries packets."
	finding ike-natt-blocked remedied
	up
	;;
ike-fragment-lost)
	shows "IKE_AUTH with certificates needs IP fragments; gw drops all but the first fragment."
	finding ike-fragment-lost positive
	check "c gives up" log c "giving up"
	check_frames "fragments inside" inside.pcap "ip.frag_offset > 0" 3
	check_frames "no later fragments outside" outside.pcap "ip.frag_offset > 0" 0 0
	;;
ike-fragment-lost-remedied)
	shows "IKE_AUTH with certificates in IP fragments, all of which pass."
	finding ike-fragment-lost remedied
	up
	;;
ike-fragment-rfc7383)
	shows "IKE_AUTH with certificates, fragmented by IKE itself (RFC 7383)."
	near
	up
	;;
esp-one-way)
	shows "gw drops ESP from s to c (inside UDP 4500) and lets IKE pass: packets travel one way only."
	finding esp-one-way positive
	check "established" log c "CHILD_SA n.* established"
	check "no ping is answered" deaf
	;;
esp-one-way-remedied)
	shows "ESP passes both ways."
	finding esp-one-way remedied
	up
	;;
esp-idle)
	shows "The tunnel is up and idle."
	near
	check "established" log c "CHILD_SA n.* established"
	;;
esac
lab_finish
