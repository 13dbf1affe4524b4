package flow

import (
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestVerdict: what a firewall's log says is told once for each flow and verdict, with the words and interfaces; text is cut at
// its end, and a message that is damaged tells what it can.
func TestVerdict(t *testing.T) {
	log := "\x02\x00\x00\x05" +
		"\x08\x00\x01\x00\x08\x00\x02\x00" + // IPv4, hook forward
		"\x0c\x00\x0a\x00FW DROP\x00" +
		"\x08\x00\x04\x00\x00\x00\x00\x02" + "\x08\x00\x05\x00\x00\x00\x00\x03" + "\x08\x00\x02\x00\x00\x00\x00\x2a" +
		"\x08\x00\x09\x00\x45\x00\x00\x00"
	tb := New(Options{MaxFlows: 16, MaxTombstones: 16, MaxBytes: 1 << 20})
	var evs []event.Event
	var told []*event.Verdict
	for _, l := range parse(t, "0.0 > S seq=1000\n1.0 > S seq=1000\n2.0 < R seq=0 ack=1001") {
		p := l.p
		p.Link, p.Data, p.Firewall = packet.LinkNFLOG, []byte(log), packet.FirewallBlock
		if l.p.Frame == 3 {
			p.Firewall = packet.FirewallPass
			p.Data = p.Data[:6]
		}
		h := tb.Packet(p, &evs)
		from := len(evs)
		tb.Verdict(p, h, &evs)
		for _, e := range evs[from:] {
			told = append(told, e.(*event.Verdict))
		}
	}
	if len(told) != 2 {
		t.Fatalf("%d verdicts, want one for each kind", len(told))
	}
	v := told[0]
	if v.Verdict != packet.FirewallBlock || v.Sure || v.Words != "FW DROP" || v.Hook != "forward" || v.In != 2 || v.Out != 3 || v.Mark != 42 || v.Dir != packet.ToServer ||
		v.Head().Seen.Frame != 1 || v.Head().FlowID == 0 || v.Head().Client.Port != 2268 {
		t.Errorf("%+v", v)
	}
	if w := told[1]; w.Verdict != packet.FirewallPass || w.Words != "" || w.Dir != packet.ToClient {
		t.Errorf("%+v", w)
	}
}
