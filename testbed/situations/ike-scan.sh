#!/bin/bash
# captures: ike-scan
#
# Somebody looks for VPN gateways with ike-scan: single requests in version 1 and
# 2 and in aggressive mode. It is no gateway that fails: it never goes on.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need charon-systemd swanctl ike-scan
lab_gw c
S=$OUT4.2
cat >"$LAB/s.daemon" <<-X
	charon-systemd {
	 load = random nonce openssl aes des md5 sha1 sha2 hmac gmp kdf pem pkcs1 pkcs8 x509 pubkey curve25519 gcm cmac drbg socket-default kernel-libipsec kernel-netlink vici updown
	 i_dont_care_about_security_and_use_aggressive_mode_psk = yes
	 plugins {
	  vici {
	   socket = unix://$LAB/s.vici
	  }
	 }
	}
X
mkdir -p "$LAB/s.d"
cat >"$LAB/s.d/swanctl.conf" <<-X
	connections {
	 h {
	  version=0
	  local_addrs=$S
	  proposals=aes128-sha256-modp2048,3des-sha1-modp1024,3des-md5-modp1024
	  local {
	   auth=psk
	   id=$S
	  }
	  remote {
	   auth=psk
	  }
	  children {
	   n {
	    local_ts=192.168.2.0/24
	   }
	  }
	 }
	}
X
STRONGSWAN_CONF=$LAB/s.daemon bg s charon-systemd
for i in $(seq 50); do [ -S "$LAB/s.vici" ] && break; sleep 0.1; done
STRONGSWAN_CONF=$LAB/s.daemon ns s swanctl --load-all --noprompt --file "$LAB/s.d/swanctl.conf" --uri "unix://$LAB/s.vici" >/dev/null 2>&1
capture_both "udp port 500 or icmp"
{
	ns c ike-scan -M -r 1 "$S"
	ns c ike-scan -2 -M -r 1 "$S"
	ns c ike-scan -A -M -r 1 --id=c.example --trans=7/128,4,1,14 "$S"
} 2>&1 | grep -vE "^(Starting|Ending)" | truth_block "ike-scan on c" || true
capture_stop
shows "ike-scan asks a gateway in version 1, in version 2 and in aggressive mode, once each, and never goes on."
for f in ike-no-answer ike-psk-mismatch ike-phase2-refused ike-natt-blocked ike-id-mismatch; do finding $f near-miss; done
check_frames "requests" inside.pcap "isakmp && ip.dst == $S" 3
check_frames "answers" inside.pcap "isakmp && ip.src == $S" 2
lab_finish
