package arpspoof_test

import (
	"testing"

	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

// TestOneVictim: who is deceived asks for the gateway all the while; the forged advertisements say themselves that they are
// no answers.
func TestOneVictim(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nd-spoof-one/lan.pcap"), arpspoof.ND, finding.Likely)
	detecttest.Says(t, f, "poses as fd00:1::1", "told fd00:1::12 3 times that it has fd00:1::1")
}

// TestEttercap: it passes packets on by itself, with the TTL as it was.
func TestEttercap(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-spoof-ettercap/lan.pcap"), arpspoof.Code, finding.Certain)
	detecttest.Says(t, f, "poses as 10.1.0.1 and 10.1.0.11, to each other", "packets of others came to it and went on from its card, unchanged: ", "it put things right")
}

func TestSpoof(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-spoof-both/lan.pcap"), arpspoof.Code, finding.Certain)
	detecttest.Says(t, f, "10.1.0.13, 02:fd:00:00:00:0d (self-chosen), poses as", "to each other", "every 2.00 s", "nobody had asked", "their TTL one less", "10.2.0.2:80",
		"it put things right in the owners' names", "lladdr 02:fd:00:00:00:0")

	f = detecttest.Only(t, detecttest.Run(t, nil, "arp-spoof-one-way/lan.pcap"), arpspoof.Code, finding.Likely)
	detecttest.Says(t, f, "poses as 10.1.0.1 to 10.1.0.11", "TTL 64 in", "that it tells both ends of a conversation was not seen",
		"ip neigh replace 10.1.0.1 lladdr 02:fd:00:00:00:01 nud permanent")
}

func TestNoSpoof(t *testing.T) {
	for _, dir := range []string{"arp-spoof-remedied", "arp-conflict", "arp-conflict-flip", "arp-nic-swap", "arp-proxy", "arp-announce", "arp-probe"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"), arpspoof.Code, arpspoof.ND)
	}
}

// TestDamaged: what was relayed is told from the copies of a mirror that doubles everything.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "arp-spoof-both/lan.pcap")
			var found []*finding.Finding
			for _, f := range r.Findings {
				if f.Code.ID == arpspoof.Code {
					found = append(found, f)
				}
			}
			if len(found) != 1 || found[0].Confidence != finding.Certain {
				t.Fatalf("%v", detecttest.Codes(r, 0))
			}
			detecttest.Says(t, found[0], "nobody had asked", "packets of others came to it and went on")
		})
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "arp-spoof-both/lan.pcap"), arpspoof.Code)
}
