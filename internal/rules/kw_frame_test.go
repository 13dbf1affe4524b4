package rules

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// TestFrameNames: which frame a rule is about, and which rules are refused.
func TestFrameNames(t *testing.T) {
	for text, want := range map[string]string{
		`alert tls any any -> any any (frame:pdu; content:"a"; sid:1;)`:                             "frame:tls.pdu",
		`alert tls any any -> any any (frame:"tls.pdu"; content:"a"; sid:1;)`:                       "frame:tls.pdu",
		`alert ssl any any -> any any (frame:tls.ssl2.hdr; content:"a"; sid:1;)`:                    "frame:tls.ssl2.hdr",
		`alert http1 any any -> any any (frame:request; content:"a"; sid:1;)`:                       "frame:http.request",
		`alert tcp any any -> any any (frame:http1.response; content:"a"; sid:1;)`:                  "frame:http.response",
		`alert smb any any -> any any (frame:nbss.hdr; content:"a"; sid:1;)`:                        "frame:smb.nbss.hdr",
		`alert tcp any any -> any any (frame:smb.smb2.data; content:"a"; sid:1;)`:                   "frame:smb.smb2.data",
		`alert udp any any -> any any (frame:sip.request.line; content:"a"; sid:1;)`:                "frame:sip.request.line",
		`alert smtp any any -> any any (frame:stream; content:"a"; sid:1;)`:                         "frame:smtp.stream",
		`alert dns any any -> any any (frame:pdu; content:"a"; frame:dns.pdu; content:"b"; sid:1;)`: "frame:dns.pdu",
		`alert dns any any -> any any (frame:pdu; strip_whitespace; content:"a"; sid:1;)`:           "frame:dns.pdu",
		`alert tcp any any -> any any (frame:pdu; content:"a"; sid:1;)`:                             "names no protocol",
		`alert tcp any any -> any any (frame:tls; content:"a"; sid:1;)`:                             "names no protocol",
		`alert tcp-pkt any any -> any any (frame:tls.pdu; content:"a"; sid:1;)`:                     "rule about packets",
		`alert udp any any -> any any (frame:tls.pdu; content:"a"; sid:1;)`:                         "does not run over",
		`alert udp any any -> any any (frame:sip.stream; content:"a"; sid:1;)`:                      "no frame",
		`alert smb any any -> any any (frame:tls.pdu; content:"a"; sid:1;)`:                         "no frames of tls",
		`alert tls any any -> any any (frame:smb1.pdu; content:"a"; sid:1;)`:                        "no frame",
		`alert ftp any any -> any any (frame:pdu; content:"a"; sid:1;)`:                             "no frames of ftp",
		`alert tls any any -> any any (content:"abc"; frame:tls.pdu; content:"a"; sid:1;)`:          "elsewhere",
		`alert tls any any -> any any (tls.version:1.0; frame:tls.pdu; content:"a"; sid:1;)`:        "as well",
		`alert tls any any -> any any (frame:pdu; content:"a"; frame:hdr; content:"a"; sid:1;)`:     "one kind",
		`alert tls any any -> any any (frame:!pdu; content:"a"; sid:1;)`:                            "not there",
		`alert tls any any -> any any (frame:pdu; absent; sid:1;)`:                                  "absent",
		`alert tls any any -> any any (frame:pdu; sid:1;)`:                                          "nothing is asked",
	} {
		set, bad := tryLoad(t, text)
		switch {
		case len(bad) > 0 && !strings.Contains(bad[0].String(), want):
			t.Errorf("%s: %v, want %q", text, bad[0], want)
		case len(bad) == 0 && (set.Len() != 1 || set.sigs[0].frame != want):
			t.Errorf("%s: %q, want %q", text, set.sigs[0].frame, want)
		}
	}
}

// TestFrameRules: a rule alerts once for a frame, on the pieces that are shown of it.
func TestFrameRules(t *testing.T) {
	set := load(t, `alert tls any any -> any any (frame:pdu; content:"ab"; startswith; sid:1;)`, `alert tls any any -> any any (frame:pdu; content:"yz"; endswith; sid:2;)`,
		`alert tls any any -> any any (frame:pdu; content:!"q"; bsize:6; sid:3;)`, `alert tls any any -> any any (flow:to_client; frame:pdu; content:"ab"; sid:4;)`,
		`alert tls any any -> any any (frame:hdr; content:"ab"; sid:5;)`, `alert tcp any any -> any any (frame:tls.stream; content:"ab"; sid:6;)`)
	if names := NewEngine(set, nil, nil, 0).FrameNames("tls"); !slices.Equal(names, []string{"hdr", "pdu", "stream"}) {
		t.Errorf("%q", names)
	}
	for _, c := range []struct {
		name   string
		frames []event.FrameView
		want   []uint32
	}{
		{"whole", []event.FrameView{{Facts: event.FrameFacts{Type: "pdu"}, Done: true, Pieces: []event.FramePiece{{B: []byte("abcxyz")}}}}, []uint32{1, 2, 3}},
		{"in two steps", []event.FrameView{{Facts: event.FrameFacts{Type: "pdu"}, Pieces: []event.FramePiece{{B: []byte("abc"), Open: true}}},
			{Facts: event.FrameFacts{Type: "pdu"}, Done: true, Pieces: []event.FramePiece{{B: []byte("abcxyz")}}}}, []uint32{1, 2, 3}},
		{"its end", []event.FrameView{{Facts: event.FrameFacts{Type: "pdu"}, Pieces: []event.FramePiece{{At: 3, B: []byte("abxyz")}}}}, []uint32{2}},
		{"a hole", []event.FrameView{{Facts: event.FrameFacts{Type: "pdu"}, Pieces: []event.FramePiece{{B: []byte("abc"), Open: true}, {At: 5, B: []byte("yz")}}}}, []uint32{1, 2}},
		{"not its end", []event.FrameView{{Facts: event.FrameFacts{Type: "pdu"}, Pieces: []event.FramePiece{{At: 1, B: []byte("yz"), Open: true}}}}, nil},
		{"another one", []event.FrameView{{Facts: event.FrameFacts{Type: "stream"}, Pieces: []event.FramePiece{{B: []byte("xxab"), Open: true}}}}, []uint32{6}},
	} {
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "tls", true }, 1<<20)
		r.dial()
		head := r.flows.Last(1, event.KindFrame)
		for i := range c.frames {
			f := &c.frames[i]
			f.App, f.Facts.ID, f.Shown = "tls", 1, func() []byte { return []byte("shown") }
			r.e.Frame(flow.Handle{Index: 1, Dir: packet.ToServer}, &head, nil, f)
			r.e.Flush(&r.out)
		}
		got := r.alerts()
		for _, sid := range c.want {
			if len(got[sid]) != 1 {
				t.Errorf("%s: %v, want %d once", c.name, got, sid)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, e := range r.out {
			if a, ok := e.(*event.Alert); ok && (a.InFrame == nil || string(a.InFrame.Payload) != "shown" || a.InTx || !a.Stream) {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
	}
}
