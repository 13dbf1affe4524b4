package stalled_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "tcp-data-unanswered"

// One capture shows a death and, beside it, connections that go on: the other machine itself stays possible.
func TestOneSide(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nat-drop-midway/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "1 connection of 10.1.0.12 to 10.2.0.2:2323 died in the middle", "92 bytes sent 7 times", "new connections on the same way were answered after that",
		"or: the other machine dropping these packets itself")
}

// Two captures show that the packets enter the device between and never leave it.
func TestBothSides(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nat-drop-midway/inside.pcap", "nat-drop-midway/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "the device between inside.pcap and outside.pcap drops 1 connection in the middle", "the packets never reached its side")
}

// TestOtherDrops: what has a word in it, on a connection that has just worked; over IPv6, after ten packets.
func TestOtherDrops(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "data-unanswered-word/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "died in the middle", "139 bytes sent 7 times", "it worked before: 5 packets there and 4 back", "content inspection")
	f = detecttest.Only(t, detecttest.Run(t, nil, "data-unanswered-ipv6/inside.pcap", "data-unanswered-ipv6/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "the device between inside.pcap and outside.pcap drops 1 connection in the middle", "[fd00:1::12]")
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, files := range [][]string{
		{"nat-drop-midway/outside.pcap"}, {"nat-drop-midway-remedied/inside.pcap"}, {"nat-drop-midway-remedied/inside.pcap", "nat-drop-midway-remedied/outside.pcap"},
		{"idle-timeout/inside.pcap"}, {"idle-timeout-reset/inside.pcap"}, {"pmtud-black-hole/inside.pcap"}, {"pmtud-black-hole/server.pcap"}, {"zero-window/inside.pcap"},
		{"loss-client-side-up/inside.pcap"}, {"loss-server-side-down/inside.pcap"}, {"asymmetric-path/inside.pcap"}, {"accept-queue-full-burst/inside.pcap"},
		{"half-open-restart/inside.pcap"}, {"reorder/inside.pcap"}, {"clean-wan/inside.pcap"}, {"clean-one-sided/one-sided.pcap"},
	} {
		detecttest.None(t, detecttest.Run(t, nil, files...), code)
	}
}

// A capture that cannot show it must not claim it.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.12", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "nat-drop-midway/inside.pcap")
			for _, f := range r.Findings {
				if f.Code.ID != code && detecttest.Claims(f) && f.Code.ID != "duplicate-on-wire" {
					t.Errorf("claims %s: %s", f.Code.ID, f.Title)
				}
			}
			if d.Name == "no packets from the server" || d.Name == "no packets from the client" {
				detecttest.Weak(t, r, code)
			}
		})
	}
}
