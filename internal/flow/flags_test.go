package flow

import (
	"slices"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestIntact: flags without meaning count where the checksum bears them out, or where nobody is to look at it.
func TestIntact(t *testing.T) {
	for _, c := range []struct {
		name      string
		sum       packet.Sum
		unchecked bool
		cut       bool
		want      bool
	}{
		{"right", packet.SumGood, false, false, true},
		{"left to the card", packet.SumOffload, false, false, true},
		{"wrong", packet.SumBad, false, false, false},
		{"not computed: cut short", packet.SumUnchecked, false, true, false},
		{"not computed, as told", packet.SumUnchecked, true, false, true},
		{"not computed, as told, and cut short", packet.SumUnchecked, true, true, false},
		{"wrong all the same", packet.SumBad, true, false, false},
	} {
		lines := parse(t, shake+"1 > FSP seq=1001 ack=5001 len=10\n")
		p := lines[len(lines)-1].p
		p.L4Sum = c.sum
		if c.cut {
			p.PayloadLen = 4
		}
		f := flowsOf(runLines(New(Options{Unchecked: c.unchecked}), lines), event.Ended)[0]
		if got := slices.Contains(f.Anomalies, packet.StreamPktInvalidFlags); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestICMPKnown: a flow of ICMP is known by type and code of its first packet, whatever follows.
func TestICMPKnown(t *testing.T) {
	for _, c := range []struct {
		proto           uint8
		first, answer   uint8
		code            uint8
		headers, wantOK bool
	}{
		{packet.ProtoICMP, 8, 0, 0, true, true}, {packet.ProtoICMP, 9, 9, 16, true, true}, {packet.ProtoICMPv6, 128, 129, 0, true, true}, {packet.ProtoICMP, 8, 0, 0, false, false}, {packet.ProtoUDP, 8, 0, 0, true, false},
	} {
		lines := parse(t, "0 > -\n1 < -\n2 > -\n")
		for i, l := range lines {
			p := l.p
			p.Proto, p.TCPFlags, p.ICMPType, p.ICMPCode, p.ICMPRest = c.proto, 0, c.first, c.code, 77<<16
			if c.proto != packet.ProtoUDP {
				p.SrcPort, p.DstPort = 0, 0
			}
			if i == 1 {
				p.ICMPType = c.answer
			}
			if !c.headers {
				p.L4 = 0
			}
		}
		evs := runLines(New(Options{}), lines)
		if len(flowsOf(evs, event.Ended)) != 1 {
			t.Fatalf("%d flows", len(flowsOf(evs, event.Ended)))
		}
		for _, e := range evs {
			h := e.Head()
			if h.ICMPKnown != c.wantOK || c.wantOK && (h.ICMPType != c.first || h.ICMPCode != c.code) {
				t.Errorf("proto %d: type %d, code %d, known %v", c.proto, h.ICMPType, h.ICMPCode, h.ICMPKnown)
			}
		}
	}
}
