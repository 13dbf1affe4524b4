package dcerpc

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/event"
)

// TestEVE: the records are those of the closed schema, and say what Suricata's say.
func TestEVE(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("../../output/eve/testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range append(play(t, conversation(), 1000), packets(t, udp(1, false, datagram(le, PRequest, 0x28, 5, 0, stub(le, "S", "A", "hello"))),
		udp(3, true, datagram(le, PResponse, 0x08, 5, 0, make([]byte, 4))))...) {
		line := string(e.AppendEVE(nil, &event.EVE{Version: 8}))
		if _, quiet := e.(*Popup); quiet {
			if line != "" {
				t.Errorf("a pop-up writes %s", line)
			}
			continue
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, line)
		}
		if bad := strings.Replace(line, `"dcerpc":{`, `"dcerpc":{"x":1,`, 1); bad == line {
			t.Errorf("no dcerpc object: %s", line)
		}
		lines = append(lines, line)
	}
	all := strings.Join(lines, "\n")
	for _, part := range []string{
		`"dcerpc":{"request":"BIND","interfaces":[{"uuid":"5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc","version":"1.0","ack_result":0}],"response":"BINDACK","call_id":1,"rpc_version":"5.0"}`,
		`{"request":"REQUEST","req":{"opnum":7,"frag_cnt":1,"stub_data_size":500},"interfaces":[{"uuid":"5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc","version":"1.0"}],"response":"FAULT","call_id":3,"rpc_version":"5.0"}`,
		`"response":"UNREPLIED","call_id":4`,
		`"response":"RESPONSE","res":{"frag_cnt":1,"stub_data_size":4},"activityuuid":"00000007-0000-0000-0000-000000000000","seqnum":5,"rpc_version":"4"}`,
	} {
		if !strings.Contains(all, part) {
			t.Errorf("no %s in\n%s", part, all)
		}
	}
}
