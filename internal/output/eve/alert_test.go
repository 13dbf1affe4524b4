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
