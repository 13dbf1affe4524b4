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
