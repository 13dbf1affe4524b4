package popupspam_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/popupspam"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// send makes a pop-up by hand, to 192.0.2.9.
func send(b *detecttest.Bench, id uint64, at float64, from, text string) {
	x := dcerpc.NewPopup(event.Head{FlowID: id, Seen: b.Ref(0, at), Kind: event.FirstAnalyzerKind, Proto: packet.ProtoUDP,
		Client: event.End{Addr: packet.MustAddr(from), Port: 4000}, Server: event.End{Addr: packet.MustAddr("192.0.2.9"), Port: 1026}})
	x.Text, x.Whole = text, true
	b.Send(x)
}

func three(b *detecttest.Bench) {
	for i := range 3 {
		send(b, uint64(i+1), float64(i), fmt.Sprintf("198.51.100.%d", i+1), "hello")
	}
}

// TestTwoCaptures: with the other side of the firewall known, pop-ups that never came there were dropped.
func TestTwoCaptures(t *testing.T) {
	for _, tc := range []struct {
		trace detect.Trace
		says  string
	}{
		{detect.Trace{Known: true, Vantage: 1}, "The device between out.pcap and in.pcap dropped them."},
		{detect.Trace{Known: true, Seen: true, Vantage: 1}, "This capture holds no packet of the receiver"},
		{detect.Trace{}, "This capture holds no packet of the receiver"},
	} {
		b := detecttest.NewBench(t, detect.NewTwins([]string{"out.pcap", "in.pcap"}, func(packet.Ref) detect.Trace { return tc.trace }), popupspam.Def)
		three(b)
		fs := b.End()
		if len(fs) != 1 {
			t.Fatalf("%d findings", len(fs))
		}
		detecttest.Says(t, fs[0], tc.says)
	}
}

// TestRefused: a gateway that says no is named; an error of the receiver is another thing.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		sender string
		code   uint8
		says   string
	}{
		{"192.0.2.1", 13, "192.0.2.1 refused them"},
		{"192.0.2.1", 3, "192.0.2.1 refused them"},
		{"192.0.2.9", 3, "The receiver said that nothing listens"},
	} {
		b := detecttest.NewBench(t, nil, popupspam.Def)
		three(b)
		x := event.NewICMPError(event.Head{FlowID: 2, Seen: b.Ref(0, 4)})
		x.Version, x.Type, x.Code, x.Sender, x.QuotedDir = 4, 3, tc.code, packet.MustAddr(tc.sender), packet.ToServer
		x.Quoted.Dst = packet.MustAddr("192.0.2.9")
		b.Send(x)
		fs := b.End()
		if len(fs) != 1 || fs[0].Severity != finding.Low {
			t.Fatalf("%v", fs)
		}
		detecttest.Says(t, fs[0], tc.says)
	}
}

// TestPart: a fragment's text is told as a part, hostile text stays within its quotation marks.
func TestPart(t *testing.T) {
	b := detecttest.NewBench(t, nil, popupspam.Def)
	for i := range 3 {
		x := dcerpc.NewPopup(event.Head{FlowID: uint64(i + 1), Seen: b.Ref(0, float64(i)), Kind: event.FirstAnalyzerKind, Proto: packet.ProtoUDP,
			Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("198.51.100.%d", i+1)), Port: 4000}, Server: event.End{Addr: packet.MustAddr("192.0.2.9"), Port: 1026}})
		x.Text, x.Fragment = "go to http://a.example\" CRITICAL \x1b[31mfake", true
		b.Send(x)
	}
	fs := b.End()
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], `Part of a text: "go to hxxp://a[.]example' CRITICAL ?[31mfake".`, "3 datagrams are part of a longer call")
	detecttest.SaysNot(t, fs[0], "\x1b", "http://a")
}
