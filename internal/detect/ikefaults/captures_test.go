package ikefaults_test

import (
	"strings"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/ikefaults"
	"firestorm/internal/finding"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		dir, code  string
		confidence finding.Confidence
		says       []string
	}{
		{"ike-silent", ikefaults.NoAnswer, finding.Possible, []string{"10.2.0.2 does not answer the key exchange of 10.1.0.11", "IKE_SA_INIT (464 bytes) sent 4 times", "or: a filter on the way that drops UDP 500"}},
		{"ike-silent-later", ikefaults.NoAnswer, finding.Likely, []string{"it answers other traffic", "not: a gateway that ignores peers it does not know: it answered the same peer before", "or: a filter on the way"}},
		{"ike-port-closed", ikefaults.NoAnswer, finding.Certain, []string{"no IKE daemon listens on 10.2.0.2", "4 errors from 10.2.0.2, ICMP type 3 code 3", "ss -lun 'sport = :500 or sport = :4500'"}},
		{"ike-prohibited", ikefaults.NoAnswer, finding.Certain, []string{"a firewall (10.1.0.1) forbids the key exchange from 10.1.0.11 to 10.2.0.2", "udp dport { 500, 4500 } accept", "meta l4proto esp accept"}},
		{"ike-proposal-v1", ikefaults.ProposalMismatch, finding.Likely, []string{"offered by 10.1.0.11 (IKEv1): aes256-sha256-modp2048", "NO_PROPOSAL_CHOSEN, in the clear",
			"run: swanctl.conf proposals = aes256-sha256-modp2048", "run: ipsec.conf ike=aes256-sha2_256;modp2048", "Group 14, AES-256, SHA256", "run: ipsec.conf ikev2=no"}},
		{"ike-proposal-v2", ikefaults.ProposalMismatch, finding.Likely, []string{"offered by 10.1.0.11 (IKEv2): aes256-sha256-modp2048", "run: ipsec.conf ikev2=yes", "or: a gateway that has no connection for this peer"}},
		{"ike-invalid-ke-unmet", ikefaults.ProposalMismatch, finding.Likely, []string{"aes128-sha256-modp2048"}},
		{"ike-version-mismatch", ikefaults.ProposalMismatch, finding.Likely, []string{"this version of IKE, which says the same", "see that a connection for 10.1.0.11 with IKEv2 is there at all"}},
		{"ike-psk-v1", ikefaults.PSKMismatch, finding.Likely, []string{"do not accept each other: pre-shared key or ID", "the fifth message of main mode (108 bytes) sent 4 times",
			"not: a certificate that is refused: the two agreed on a pre-shared key as method, in the clear", "or: an identity (ID)", "leave out leftid and rightid"}},
		{"ike-psk-v1-aggressive", ikefaults.PSKMismatch, finding.Likely, []string{"10.1.0.11 did not accept the proof in the answer of 10.2.0.2", "by an informational message instead of the third one"}},
		{"ike-psk-v2", ikefaults.PSKMismatch, finding.Likely, []string{"the answer at 0.02 s has 80 bytes, at most 15 of them payloads: no room for an identity and its proof (32)",
			"not: a certificate that is refused: the proof of 10.1.0.11 holds at most 191 bytes"}},
		{"ike-id-v2", ikefaults.PSKMismatch, finding.Likely, []string{"pre-shared key or ID", "or: an identity (ID) that the other side does not expect"}},
		{"ike-id-v1-aggressive", ikefaults.IDMismatch, finding.Likely, []string{`does not accept the identity "c.example" of 10.1.0.11`, "AUTHENTICATION_FAILED", "run: swanctl.conf id = c.example"}},
		{"ike-esp-proposal-v1", ikefaults.Phase2Refused, finding.Likely, []string{"trust each other and refuse each other's tunnel settings", "it has no room for a key exchange of the group modp2048", "instead of the second one of quick mode"}},
		{"ike-esp-proposal-v2", ikefaults.Phase2Refused, finding.Likely, []string{"128 bytes, at most 63 of them payloads: enough to prove an identity (32), not for a tunnel (116)"}},
		{"ike-subnets-v1", ikefaults.Phase2Refused, finding.Likely, []string{"leftsubnet=OWN"}},
		{"ike-subnets-v2", ikefaults.Phase2Refused, finding.Likely, []string{"Check in this order: PFS on one side only, the ESP algorithms, the two subnets"}},
		{"ike-pfs-v1-initiator", ikefaults.Phase2Refused, finding.Likely, []string{"10.1.0.11 uses PFS, and 10.2.0.2 probably does not", "the first message of quick mode (444 bytes)"}},
		{"ike-pfs-v1-responder", ikefaults.Phase2Refused, finding.Likely, []string{"10.1.0.11 does not use PFS, and 10.2.0.2 may insist on it", "the first message of quick mode (188 bytes)"}},
		{"ike-pfs-v2-rekey", ikefaults.Phase2Refused, finding.Likely, []string{"gets no fresh keys: it works for its lifetime, then stops", "CREATE_CHILD_SA (208 bytes)",
			"has 80 bytes, at most 15 of them payloads", "10.2.0.2 does not use PFS, and 10.1.0.11 may insist on it", "the tunnel came up at"}},
		{"ike-natt-blocked", ikefaults.NATTBlocked, finding.Likely, []string{"UDP port 4500 is blocked between 10.1.0.11 and 10.2.0.2", "on port 500 IKE_SA_INIT was answered", "on port 4500 IKE_AUTH",
			"not: a wrong pre-shared key, to which old responders say nothing", "nft insert rule inet filter forward udp dport 4500 accept"}},
		{"ike-fragment-lost-v1", ikefaults.FragmentLost, finding.Likely, []string{"large messages between 10.1.0.11 and 10.2.0.2 do not get through", "main mode"}},
		{"ike-fragment-lost-answer", ikefaults.FragmentLost, finding.Likely, []string{"large messages between 10.1.0.11 and 10.2.0.2 do not get through", "and no answer in fragments leaving"}},
		{"ike-id-v1-email", ikefaults.IDMismatch, finding.Likely, []string{`does not accept the identity "carol@c.example" of 10.1.0.11`}},
		{"ike-id-v1-responder", ikefaults.PSKMismatch, finding.Likely, []string{"pre-shared key or ID"}},
		{"ike-natt-blocked-v1", ikefaults.NATTBlocked, finding.Certain, []string{"on port 4500, where the exchange has to go on, 10.1.0.1 refuses", "10.1.0.1 answered instead: 4 errors, ICMP type 3 code 3, quoting it",
			"not: a responder that does not listen on port 4500", "not: a wrong pre-shared key"}},
		{"ike-id-v1-ipv6", ikefaults.IDMismatch, finding.Likely, []string{`fd00:2::2 does not accept the identity "fd00:1::11" of fd00:1::11`, "ipsec.conf rightid=fd00:1::11"}},
		{"ike-natt-blocked-answers", ikefaults.NATTBlocked, finding.Likely, []string{"UDP port 4500 is blocked between 10.1.0.11 and 10.2.0.2"}},
		{"ike-fragment-lost", ikefaults.FragmentLost, finding.Likely, []string{"IP fragments are dropped on the way", "fragmentation by IKE (RFC 7383) was not offered by both sides", "fragmentation = yes"}},
	} {
		t.Run(c.dir, func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, c.dir+"/inside.pcap"), c.code, c.confidence)
			detecttest.Says(t, f, c.says...)
			if f.Confidence == finding.Certain && c.code == ikefaults.PSKMismatch {
				t.Error("what is encrypted was called certain")
			}
		})
	}
}

// TestTogether: with the other side of the firewall it shows where the request dies.
func TestTogether(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "ike-silent-later/inside.pcap", "ike-silent-later/outside.pcap"), ikefaults.NoAnswer, finding.Certain)
	detecttest.Says(t, f, "the device between inside.pcap and outside.pcap drops the key exchange", "never left it")
	for _, dir := range []string{"ike-psk-v1", "ike-pfs-v2-rekey", "ike-natt-blocked", "ike-proposal-v2"} { // one fault seen at two places is one finding
		if n := len(detecttest.Run(t, nil, dir+"/inside.pcap", dir+"/outside.pcap").Findings); n != 1 {
			t.Errorf("%s at two places: %d findings", dir, n)
		}
	}
}

// TestExplainsICMP: the error and the silence are one finding.
func TestExplainsICMP(t *testing.T) {
	for dir, code := range map[string]string{"ike-port-closed": "icmp-unreachable", "ike-prohibited": "icmp-admin-prohibited"} {
		f := detecttest.Only(t, detecttest.Run(t, nil, dir+"/inside.pcap"), ikefaults.NoAnswer, finding.Certain)
		if len(f.Explains) != 1 || f.Explains[0].Code != code {
			t.Errorf("%s explains %v", dir, f.Explains)
		}
	}
}

var all = []string{ikefaults.NoAnswer, ikefaults.ProposalMismatch, ikefaults.PSKMismatch, ikefaults.IDMismatch, ikefaults.Phase2Refused, ikefaults.NATTBlocked, ikefaults.FragmentLost}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, dir := range []string{"ike-v2", "ike-v1-main", "ike-v1-aggressive", "ike-sonicwall", "ike-natt", "ike-dpd", "ike-invalid-ke", "ike-fragment-rfc7383", "ike-scan",
		"ike-psk-v1-remedied", "ike-psk-v2-remedied", "ike-proposal-v1-remedied", "ike-proposal-v2-remedied", "ike-pfs-v1-remedied", "ike-pfs-v2-remedied", "ike-id-v1-remedied",
		"ike-silent-remedied", "ike-natt-blocked-remedied", "ike-fragment-lost-remedied", "esp-one-way", "esp-idle", "esp-bare"} {
		for _, files := range [][]string{{dir + "/inside.pcap"}, {dir + "/outside.pcap"}, {dir + "/inside.pcap", dir + "/outside.pcap"}} {
			detecttest.None(t, detecttest.Run(t, nil, files...), all...)
		}
	}
}

// TestDamaged: a capture of one direction proves no silence and no refusal that was not seen; nothing damaged makes
// another cause likely.
func TestDamaged(t *testing.T) {
	for dir, code := range map[string]string{"ike-psk-v1": ikefaults.PSKMismatch, "ike-psk-v2": ikefaults.PSKMismatch, "ike-natt-blocked": ikefaults.NATTBlocked,
		"ike-pfs-v1-initiator": ikefaults.Phase2Refused, "ike-pfs-v2-rekey": ikefaults.Phase2Refused, "ike-proposal-v2": ikefaults.ProposalMismatch,
		"ike-silent-later": ikefaults.NoAnswer, "ike-v2": "", "ike-v1-main": "", "ike-fragment-lost": ikefaults.FragmentLost, "ike-dpd": ""} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(dir+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, dir+"/inside.pcap")
				for _, f := range r.Findings {
					if detecttest.Claims(f) && f.Code.ID != code && f.Code.ID != "duplicate-on-wire" {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
				if strings.HasPrefix(d.Name, "no packets from") && dir != "ike-silent-later" {
					for _, c := range all {
						detecttest.Weak(t, r, c)
					}
				}
			})
		}
	}
}
