package sensor_test

import (
	"context"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// lines keeps the records of some kinds, with what EVE is told to show.
type lines struct {
	eve  event.EVE
	want string
	list []string
}

func (s *lines) Event(e event.Event) error {
	if l := string(e.AppendEVE(nil, &s.eve)); strings.Contains(l, s.want) {
		s.list = append(s.list, l)
	}
	return nil
}

// TestEndsOfFlows: what the record of a flow says that its table does not know.
func TestEndsOfFlows(t *testing.T) {
	ping := func(typ uint8, src, dst string) []byte {
		return packettest.ICMP{Src: src, Dst: dst, Type: typ, Rest: 1}.Frame()
	}
	flow := event.EVE{Version: 8, Ethernet: true}
	call, reply := "own1"+be(4, 0)+be(4, 2)+be(4, 100003)+be(4, 3)+be(4, 1)+zeros(16)+be(4, 4)+"fhnd", "own1"+be(4, 1)+zeros(16)
	nfs := talk("> \x80"+be(3, len(call))+call, "ack", "< \x80"+be(3, len(reply))+reply, "> x")
	for _, c := range []struct {
		name   string
		eve    event.EVE
		record string
		rules  []string
		frames [][]byte
		want   []string // in the one record
	}{
		{"cards of both sides", flow, `"event_type":"flow"`, nil, talk("> a", "ack"), []string{`"ether":{"src_macs":["`, `"],"dest_macs":["`}},
		{"not asked for", event.EVE{Version: 8}, `"event_type":"flow"`, nil, talk("> a", "ack"), []string{`!"ether"`, `!"metadata"`, `!"action"`, `!"app_proto_tc"`}},
		{"an answer of ICMP", flow, `"event_type":"flow"`, nil, [][]byte{ping(8, "192.0.2.1", "192.0.2.2"), ping(0, "192.0.2.2", "192.0.2.1")},
			[]string{`"icmp_type":8,"icmp_code":0,"response_icmp_type":0,"response_icmp_code":0`}},
		{"two protocols", flow, `"event_type":"flow"`, nil, talk("> GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "ack", "< SSH-2.0-OpenSSH_9.6\r\n", "> x"),
			[]string{`"app_proto":"http","app_proto_tc":"ssh"`}},
		{"and that is told", flow, `"event_type":"anomaly"`, nil, talk("> GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "ack", "< SSH-2.0-OpenSSH_9.6\r\n", "> x"),
			[]string{`"anomaly":{"type":"applayer","event":"APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS","layer":"proto_detect"}`, `!"tx_id"`}},
		{"a rule asks for it", flow, `"event_type":"alert"`, []string{`alert ip any any -> any any (app-layer-event:applayer_mismatch_protocol_both_directions; sid:9;)`},
			talk("> GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "ack", "< SSH-2.0-OpenSSH_9.6\r\n", "> x"), []string{`"signature_id":9`}},
		{"one protocol", flow, `"event_type":"flow"`, nil, talk("> GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "ack", "< HTTP/1.1 204 No Content\r\n\r\n", "> x"),
			[]string{`"app_proto":"http"`, `!app_proto_tc`, `!app_proto_ts`}},
		{"an answer that may be of another program", flow, `"event_type":"flow"`, nil, nfs, []string{`"app_proto":"nfs"`, `!app_proto_tc`}},
		{"what rules leave", flow, `"event_type":"flow"`, []string{`alert tcp any any -> any any (content:"key=val"; pcre:"/(\w+)=(\w+)/, flow:k, flow:v"; flowbits:set,b.c; sid:1;)`}, talk("> key=val", "ack", "> x"),
			[]string{`"alerted":true`, `"metadata":{"flowbits":["b.c"],"flowvars":[{"k":"key"},{"v":"val"}]}`}},
		{"a pass rule", flow, `"event_type":"flow"`, []string{`pass tcp any any -> any any (sid:1;)`}, talk("> a", "ack"), []string{`"alerted":false,"action":"pass"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var frames []capture.Frame
			for i, b := range c.frames {
				frames = append(frames, capture.Frame{Data: b, Time: packet.Time(1_700_000_000+i) * 1e9, Link: packet.LinkEthernet})
			}
			s := &lines{eve: c.eve, want: c.record}
			o := sensor.Options{Source: capture.NewMemory(frames), Workers: 2, Analyzers: standard.Analyzers, WantAll: true, MACs: c.eve.Ethernet, Sinks: []sensor.EventSink{s}}
			if c.rules != nil {
				o.Rules = ruleSet(t, c.rules...)
			}
			if _, err := sensor.Run(context.Background(), o); err != nil {
				t.Fatal(err)
			}
			if len(s.list) != 1 {
				t.Fatalf("%d records: %s", len(s.list), strings.Join(s.list, "\n"))
			}
			for _, w := range c.want {
				if not, no := strings.CutPrefix(w, "!"); strings.Contains(s.list[0], not) == no {
					t.Errorf("%s in %s", w, s.list[0])
				}
			}
		})
	}
}
