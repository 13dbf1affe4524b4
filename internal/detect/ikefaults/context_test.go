package ikefaults_test

import (
	"fmt"
	"slices"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/ikefaults"
	"firestorm/internal/finding"
	"firestorm/internal/sensor"
)

// ipsec is the initiator's file, swanctl the responder's, as the testbed's daemons were set but for what a case changes.
func ipsec(ike, esp, pfs, more string) string {
	return fmt.Sprintf("conn gw\n\tleft=10.1.0.11\n\tleftsubnet=192.168.1.0/24\n\tright=10.2.0.2\n\trightsubnet=192.168.2.0/24\n\tike=%s\n\tesp=%s\n\tpfs=%s\n%s", ike, esp, pfs, more)
}

func swanctl(version int, ike, esp, own, id string) string {
	return fmt.Sprintf("connections {\n h {\n  version=%d\n  remote_addrs=10.1.0.11\n  proposals=%s\n  local { auth=psk }\n  remote {\n   id=%s\n  }\n  children {\n   n {\n    local_ts=%s\n    remote_ts=192.168.1.0/24\n    esp_proposals=%s\n   }\n  }\n }\n}\n",
		version, ike, id, own, esp)
}

func with(t *testing.T, dir, initiator, responder string) *sensor.Result {
	t.Helper()
	conf := map[string]string{}
	for addr, text := range map[string]string{"10.1.0.11": initiator, "10.2.0.2": responder} {
		if text != "" {
			conf[addr] = text
		}
	}
	return detecttest.RunWith(t, conf, dir+"/inside.pcap")
}

func TestContext(t *testing.T) {
	const own, group = "192.168.2.0/24", "aes128-sha256-modp2048"
	for _, c := range []struct {
		name, dir, initiator, responder string
		code                            string
		conf                            finding.Confidence
		says                            []string
	}{
		{"proposals", "ike-proposal-v1", "", swanctl(1, "aes128-sha1-modp1536", "aes128-sha256", own, "10.1.0.11"), ikefaults.ProposalMismatch, finding.Certain,
			[]string{"10.1.0.11 offered aes256-sha256-modp2048 and 10.2.0.2 accepts aes128-sha1-modp1536: no common cipher", "conf-of-10.2.0.2:2 (h) accepts"}},
		{"version", "ike-version-mismatch", "", swanctl(1, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.ProposalMismatch, finding.Certain,
			[]string{"the connection of 10.2.0.2 is for IKEv1"}},
		{"proposals that would fit", "ike-proposal-v2", "", swanctl(2, "aes256-sha256-modp2048", "aes128-sha256", own, "10.1.0.11"), ikefaults.ProposalMismatch, finding.Likely,
			[]string{"accepts aes256-sha256-modp2048"}},
		{"no connection for the peer", "ike-proposal-v2", "", "conn x\n\tleft=10.2.0.2\n\tright=192.0.2.1\n", ikefaults.ProposalMismatch, finding.Likely,
			[]string{"conf-of-10.2.0.2 has no connection for the peer 10.1.0.11"}},
		{"same identities", "ike-psk-v1", ipsec(group, "aes128-sha256", "no", ""), swanctl(1, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.PSKMismatch, finding.Certain,
			[]string{"the pre-shared keys differ", "name the same identities"}},
		{"one side only", "ike-psk-v1", "", swanctl(1, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.PSKMismatch, finding.Likely, []string{"pre-shared key or ID"}},
		{"other identities", "ike-id-v2", ipsec(group, "aes128-sha256", "no", "\tleftid=@c.example\n"), swanctl(2, group, "aes128-sha256", own, "other.example"), ikefaults.PSKMismatch, finding.Likely,
			[]string{"10.1.0.11 calls itself c.example and 10.2.0.2 expects other.example", "or: an identity"}},
		{"PFS", "ike-pfs-v1-initiator", ipsec(group, group, "yes", ""), swanctl(1, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.Phase2Refused, finding.Certain,
			[]string{"the configurations of both sides differ in PFS", "PFS with modp2048, ESP aes128-sha256-modp2048", "PFS no, ESP aes128-sha256"}},
		{"PFS of one side", "ike-pfs-v1-initiator", "", swanctl(1, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.Phase2Refused, finding.Likely, []string{"PFS no, ESP aes128-sha256"}},
		{"ESP", "ike-esp-proposal-v1", ipsec(group, "aes256-sha256", "no", ""), swanctl(1, group, "aes128-sha1", own, "10.1.0.11"), ikefaults.Phase2Refused, finding.Certain,
			[]string{"differ in the ESP algorithms"}},
		{"subnets", "ike-subnets-v2", ipsec(group, "aes128-sha256", "no", ""), swanctl(2, group, "aes128-sha256", "192.168.3.0/24", "10.1.0.11"), ikefaults.Phase2Refused, finding.Certain,
			[]string{"differ in the subnets"}},
		{"all agrees", "ike-subnets-v2", ipsec(group, "aes128-sha256", "no", ""), swanctl(2, group, "aes128-sha256", own, "10.1.0.11"), ikefaults.Phase2Refused, finding.Likely,
			[]string{"agree in the ESP algorithms and the subnets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := detecttest.Only(t, with(t, c.dir, c.initiator, c.responder), c.code, c.conf)
			detecttest.Says(t, f, c.says...)
			want := "firestorm lint ipsec /etc"
			if c.initiator != "" {
				want = "firestorm lint ipsec conf-of-10.2.0.2 --peer conf-of-10.1.0.11"
			}
			commands := []string{f.Check}
			for _, s := range f.Remedy {
				for _, r := range s.Run {
					commands = append(commands, r.Line)
				}
			}
			if !slices.Contains(commands, want) {
				t.Errorf("no %q in %q", want, commands)
			}
		})
	}
	// files make no finding where the packets show none
	detecttest.None(t, with(t, "ike-v2", ipsec("aes256-sha1-modp1024", "3des-md5", "yes", ""), swanctl(1, "des", "des", own, "x.example")))
}
