package eve

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestAlertsValid: records of alerts keep to the closed schema, whatever they are asked to show.
func TestAlertsValid(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	a := event.NewAlert(event.Head{FlowID: 1, Proto: packet.ProtoTCP, Client: client, Server: server, Seen: at(13, 340), DstMAC: packet.MAC{2}, Via: packet.ViaFlowEnd},
		&event.RuleInfo{GID: 1, SID: 9, Rev: 2, Action: "allowed", Msg: "odd\x1b", Severity: 3, References: []string{"http://x/"}, Text: "alert …",
			Metadata: []event.RuleMeta{{Key: "policy", Values: []string{"a"}}}, Target: event.DestIsHit})
	a.Said, a.Flow, a.AppProto, a.Bits = tcpFlow(event.Started), &event.AlertFlow{}, "http", []string{"x"}
	a.Payload, a.Frame, a.Link, a.Stream = []byte("ab\x00\xff\u202e"), []byte{1, 2, 3}, packet.LinkCHDLC, true
	for n := range 1 << 10 {
		bit := func(i int) bool { return n>>i&1 != 0 }
		c := &event.EVE{Version: 7 + n&1, Ethernet: bit(1), Alert: event.AlertParts{Payload: bit(2), PayloadPrintable: bit(3), PayloadLength: bit(4), Packet: bit(5),
			References: bit(6), RuleText: bit(7), Verdict: bit(8), NoFlow: bit(9), NoMetadata: bit(9), NoVars: bit(9)}}
		line := string(a.AppendEVE(nil, c))
		if err := valid(s, line); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		for _, r := range line {
			if event.Unprintable(r) {
				t.Fatalf("%U in %s", r, line)
			}
		}
		if strings.Contains(line, `"packet"`) != bit(5) || strings.Contains(line, `"ip_v"`) == (c.Version == 7) {
			t.Fatalf("%+v: %s", c, line)
		}
	}
}

// TestFramesValid: so do records of frames, and alerts about them.
func TestFramesValid(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	h := event.Head{FlowID: 1, Proto: packet.ProtoTCP, Client: client, Server: server, Seen: at(13, 340)}
	x := event.NewFrame(h)
	x.App = "smb"
	x.Facts = event.FrameFacts{Type: "smb2.data", ID: 3, Dir: packet.ToClient, Stream: true, Offset: 853, Length: 100, Complete: true, Payload: []byte("a\x00\xff\r\n\"")}
	a := event.NewAlert(h, &event.RuleInfo{GID: 1, SID: 9, Action: "allowed", Severity: 3})
	a.InFrame = &event.FrameFacts{Type: "pdu", ID: 1, Length: 5, Tx: 7, InTx: true}
	for _, c := range []struct{ line, want string }{
		{string(x.AppendEVE(nil, &event.EVE{})), `"app_proto":"smb","frame":{"type":"smb2.data","id":3,"direction":"toclient","stream_offset":853,"length":100,"complete":true,` +
			`"payload":"YQD/DQoi","payload_printable":"a..\r\n\""}`},
		{string(a.AppendEVE(nil, &event.EVE{})), `"frame":{"type":"pdu","id":1,"direction":"toserver","length":5,"complete":false,"tx_id":7}`},
	} {
		if err := valid(s, c.line); err != nil {
			t.Errorf("%v\n%s", err, c.line)
		}
		if !strings.Contains(c.line, c.want) {
			t.Errorf("%s lacks %s", c.line, c.want)
		}
	}
}
