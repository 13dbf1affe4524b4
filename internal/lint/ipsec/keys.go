package ipsec

import "strings"

// confKeys are the settings of a conn that FreeS/WAN, Openswan, libreswan and strongSwan know, with left and right.
var confKeys = func() []string {
	var out []string
	for _, k := range strings.Fields(`subnet subnets id nexthop firewall updown sourceip protoport rsasigkey rsasigkey2 cert cert2 ca ca2 sendcert groups groups2 auth auth2 id2 sigkey hostaccess allowany
		ikeport dns subnetwithin certpolicy policy xauthserver xauthclient modecfgserver modecfgclient username xauthusername addresspool ckaid vti interface-ip cat autheap pubkey espenckey espauthkey espspi ahkey ahspi`) {
		out = append(out, "left"+k, "right"+k)
	}
	return append(out, strings.Fields(`left right type auto authby auth ah esp ike phase2 phase2alg pfs pfsgroup keyexchange ikev2 ikev1-policy aggressive aggrmode compress
		ikelifetime keylife lifetime salifetime lifebytes lifepackets salifebytes salifepackets ipsec-max-bytes ipsec-max-packets margintime marginbytes marginpackets rekeymargin rekeyfuzz rekey reauth keyingtries
		dpdaction dpddelay dpdtimeout closeaction inactivity mobike forceencaps encapsulation fragmentation nat-keepalive nat_keepalive nat-ikev1-method nat_traversal ikepad modecfgpull modeconfig modecfgdns modecfgdns1 modecfgdns2
		modecfgdomain modecfgdomains modecfgbanner xauth xauth_identity xauthby xauthfail eap eap_identity aaa_identity cisco-unity cisco_unity remote-peer-type remote_peer_type
		initial-contact initial_contact send-vendorid send_vendorid sha2-truncbug sha2_truncbug sha256_96 narrowing ppk esn decap-dscp nopmtudisc tfc mark mark_in mark_out mark-in mark-out reqid replay_window replay-window
		nflog nflog-group priority mtu metric vti-interface vti-routing vti-shared ipsec-interface hostaddrfamily clientaddrfamily connaddrfamily connalias failureshunt negotiationshunt overlapip
		installpolicy mediation mediated_by me_peerid ikedscp policy-label labeled-ipsec labeled_ipsec intermediate accept-redirect accept-redirect-to send-redirect redirect-to sendca nm-configured nm_configured
		retransmit-timeout retransmit-interval retransmission-timeout disablearrivalcheck spi spibase espreplay_window espenckey espauthkey ahreplay_window ahkey sareftrack loopback dontrekey session-resumption
		tcp-remoteport enable-tcp ms-dh-downgrade dns-match-id require-id-on-certificate nic-offload psk secret password clones pam-authorize`)...)
}()

// swanctlKeys are the settings of a connection of swanctl.conf.
var swanctlKeys = strings.Fields(`version local_addrs remote_addrs local_port remote_port proposals vips aggressive pull dscp encap mobike dpd_delay dpd_timeout fragmentation childless send_certreq send_cert ppk_id ppk_required
	keyingtries unique reauth_time rekey_time over_time rand_time pools if_id_in if_id_out mediation mediated_by mediation_peer ocsp send_cert_req`)
