package arpconflict_test

import (
	"testing"

	"firestorm/internal/detect/arpconflict"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

func TestConflict(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-conflict/lan.pcap"), arpconflict.Code, finding.Certain)
	detecttest.Says(t, f, "two machines use 10.1.0.50", "02:fd:00:00:00:0b", "02:fd:00:00:00:0c", "the same question got two answers (frame 2 and frame 3)",
		"8 questions were answered by both", "dhcp-host=02:fd:00:00:00:0c,10.1.0.50", "both ask questions of their own")

	f = detecttest.Only(t, detecttest.Run(t, nil, "arp-conflict-flip/lan.pcap"), arpconflict.Code, finding.Certain)
	detecttest.Says(t, f, "claims of it come from both in turn, 7 changes within 5 minutes", "none of the changes was announced")
	detecttest.SaysNot(t, f, "got two answers")
}

// TestGateway: a machine with the gateway's address; both are seen to use it.
func TestGateway(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-conflict-gateway/lan.pcap"), arpconflict.Code, finding.Certain)
	detecttest.Says(t, f, "two machines use 10.1.0.1", "not: one machine with two cards in this network")
}

func TestNoConflict(t *testing.T) {
	for _, file := range []string{"arp-conflict-remedied", "arp-nic-swap", "arp-proxy", "arp-announce", "arp-probe", "syn-silent-host-off"} {
		dir := file + "/lan.pcap"
		if file == "syn-silent-host-off" {
			dir = file + "/outside.pcap"
		}
		detecttest.None(t, detecttest.Run(t, nil, dir), arpconflict.Code, arpconflict.DAD)
	}
}

// TestOneMachine: a router that answers on two of its cards; nothing tells it from a twin, so that nothing is claimed.
func TestOneMachine(t *testing.T) {
	detecttest.Weak(t, detecttest.Run(t, nil, "span-routed-twice/span.pcap"), arpconflict.Code)
}

// TestDamaged: the claims prove it by themselves; without them there is nothing to say.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.13", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, "arp-conflict/lan.pcap"), arpconflict.Code, finding.Certain)
		})
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "arp-conflict/lan.pcap"))
}
