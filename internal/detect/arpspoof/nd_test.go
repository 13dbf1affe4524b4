package arpspoof_test

import (
	"testing"

	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

func TestNeighbourDiscovery(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nd-spoof/lan.pcap"), arpspoof.ND, finding.Likely)
	detecttest.Says(t, f, "poses as fd00:1::1 to everybody", "is known as fd00:1::13", "their TTL one less: fd00:1::11 to fd00:2::2", "[fd00:2::2]:80",
		"ip neigh replace fd00:1::1 lladdr 02:fd:00:00:00:01")
	for _, dir := range []string{"nd-spoof-remedied", "nd-dad-conflict", "nd-dad-free", "ra-normal", "ra-rogue", "vrrp-failover", "vrrp-split"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"), arpspoof.Code, arpspoof.ND)
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "nd-spoof/lan.pcap"), arpspoof.ND)
}

// parasite6 waits for questions and answers them beside the owner: once as an answer, and on as advertisements that are
// marked as none.
func TestParasite(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nd-spoof-parasite/lan.pcap"), arpspoof.ND, finding.Likely)
	detecttest.Says(t, f, "fd00:1::13, 02:fd:00:00:00:0d (self-chosen), poses as fd00:1::1 to fd00:1::11", "9 times that it has fd00:1::1", "after a question, but marked as no answer to it",
		"fd00:1::1 is used by 02:fd:00:00:00:01", "that it tells both ends of a conversation was not seen")
	detecttest.SaysNot(t, f, "nobody had asked")
	f = detecttest.Only(t, detecttest.Run(t, nil, "nd-spoof-parasite-loop/lan.pcap"), arpspoof.ND, finding.Certain)
	detecttest.Says(t, f, "poses as fd00:1::1 and fd00:1::11, to each other", "their TTL one less", "fd00:1::12 is used by 02:fd:00:00:00:0c")
	detecttest.None(t, detecttest.Run(t, nil, "nd-spoof-parasite-remedied/lan.pcap"))
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "nd-spoof-parasite/lan.pcap"), arpspoof.ND)
}
