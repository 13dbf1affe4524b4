package amplification_test

import (
	"testing"

	"firestorm/internal/detect/amplification"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = amplification.Code

func TestCaptures(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf finding.Confidence
		says []string
	}{
		{"amplification", finding.Certain, []string{"10.2.0.2:53 (DNS) multiplies requests by 14.3 towards 20 addresses: your server is a weapon against others (high",
			"40 requests of 3520 bytes in all were answered with 50320 bytes", "the hosts of 20 of 20 receivers refused it", "the requests name 20 networks, and 40 of 40 came with TTL",
			"unbound (in server:) access-control: 0.0.0.0/0 refuse", "rate-limit { responses-per-second 5; window 5; }", "udp dport 53 ip saddr != 10.2.0.0/24 drop"}},
		{"amplification-long", finding.Certain, []string{"multiplies requests by 16.1 towards 12 addresses", "24 of 24 conversations with addresses outside"}},
		{"amplification-one", finding.Likely, []string{"multiplies requests by 14.3 towards 198.18.0.1", "or: clients of their own", "refused by the receiver's host"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, file := range []string{"/inside.pcap", "/outside.pcap"} {
				detecttest.Says(t, detecttest.Only(t, detecttest.Run(t, nil, tc.name+file), code, tc.conf), tc.says...)
			}
		})
	}
}

func TestRemediedAndNearMiss(t *testing.T) {
	for _, name := range []string{"amplification-remedied", "amplification-clients"} {
		for _, file := range []string{"/inside.pcap", "/outside.pcap"} {
			r := detecttest.Run(t, nil, name+file)
			detecttest.None(t, r, code)
			detecttest.None(t, r)
		}
	}
}

// TestDamaged: without one direction there is no ratio, and nothing is claimed. Other damages leave the cause.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("198.18.0.1", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "amplification/outside.pcap")
			if d.Name == "no packets from the server" {
				detecttest.None(t, r, code)
				return
			}
			detecttest.Only(t, r, code, finding.Certain)
		})
	}
	r := detecttest.Run(t, []detecttest.Mutation{detecttest.Without("198.18.0.1")}, "amplification-one/outside.pcap")
	detecttest.None(t, r, code)
	r = detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "amplification-one/outside.pcap")
	detecttest.None(t, r, code) // one client that takes what it gets
	f := detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "amplification/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "clients in 20 networks are not all equally far away")
}
