package popupspam_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/popupspam"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = popupspam.Code

func TestFounding(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "founding-messenger/founding.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "strangers send Windows Messenger pop-ups to 192.0.2.9: 16 in 122 min from 16 addresses (low, certain, 16)",
		"It is advertising, not an infection", "do not report or block their owners", "This capture holds no packet of the receiver",
		`"ATTENTION 0: an offer about registry waits for you. Type www[.]registry-0[.]example into your browser."`,
		"UDP ports 135, 1026, 1027 and 1028", "udp dport { 135, 137-138, 1025-1030 } drop")
	detecttest.SaysNot(t, f, "www.registry-0.example")
}

func TestOutcomes(t *testing.T) {
	for file, says := range map[string][]string{
		"messenger-spam/inside.pcap":          {"(low, certain, 14)", "No answer to any of them was seen", "all came with TTL 54", "hxxp://stop-popups[.]example[.]test/ now!"},
		"messenger-spam-closed/inside.pcap":   {"(low, certain, 14)", "The receiver said that nothing listens", "impact: none: nothing was shown"},
		"messenger-spam-answered/inside.pcap": {"(medium, certain, 14)", "The receiver answered 14 of them", "impact: 14 pop-ups shown"},
	} {
		t.Run(file, func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, file), code, finding.Certain)
			detecttest.Says(t, f, says...)
			detecttest.Says(t, f, "pop-ups to 10.1.0.11: 14 in ", "from 14 addresses")
		})
	}
}

func TestInside(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "messenger-spam-inside/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "10.1.0.12, a machine inside, sends Windows Messenger pop-ups to 10.1.0.11", "(high, likely, 8)", "treat 10.1.0.12 as infected", "or: announcements")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, file := range []string{"messenger-spam-remedied/inside.pcap", "messenger-announcement/inside.pcap", "messenger-dns-answer/inside.pcap", "clean-nat/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), code)
	}
}

// TestDamaged: what the capture lacks changes what is said of the answers, never who is blamed.
func TestDamaged(t *testing.T) {
	sender := detecttest.Packet(func(p *packet.Packet) bool {
		return p.Proto == packet.ProtoUDP && p.DstPort >= 1026 && p.DstPort <= 1028
	})
	file := "messenger-spam-answered/inside.pcap"
	run := func(m detecttest.Mutation) *finding.Finding {
		return detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{m}, file), code, finding.Certain)
	}
	detecttest.Says(t, run(detecttest.Without("10.1.0.11")), "This capture holds no packet of the receiver: whether it answered cannot be told", "impact: none seen")
	detecttest.Says(t, run(detecttest.Doubled), "pop-ups to 10.1.0.11: 14 in ", "from 14 addresses")
	for _, m := range []detecttest.Mutation{detecttest.Short, func() capture.Fault { return capture.DropWhere(sender) }} {
		detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{m}, file), code)
	}
	detecttest.Says(t, run(detecttest.Lossy), "pop-ups to 10.1.0.11: 1")
}
