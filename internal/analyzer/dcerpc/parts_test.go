package dcerpc

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// request is a fragment of a request to context 0.
func request(flags byte, id uint32, stub string) string {
	return string(unit(PRequest, flags, id, call(26, []byte(stub))))
}

func response(flags byte, id uint32, stub string) string {
	return string(unit(PResponse, flags, id, append(make([]byte, 8), stub...)))
}

func TestParts(t *testing.T) {
	iface := string(Messenger[:]) + "\x00\x01"
	turns := []analyzertest.Turn{{Dir: packet.ToServer, Data: string(unit(PBind, unitFirst|unitLast, 1, bindBody(3, Messenger)))},
		{Dir: packet.ToClient, Data: string(unit(PBindAck, unitFirst|unitLast, 1, bindAckBody(0)))},
		{Dir: packet.ToServer, Data: request(unitFirst|unitLast, 2, "whole")},
		{Dir: packet.ToClient, Data: response(unitFirst, 2, "first ") + response(unitLast, 2, "last")},
		{Dir: packet.ToServer, Data: request(unitFirst, 3, strings.Repeat("a", 3000)) + request(0, 3, "b") + request(unitLast, 3, "c")}}
	for _, cut := range []int{1, 13, 5000} {
		got := analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:135", true, turns...)...)
		if len(got) != 3 {
			t.Fatalf("cut %d: shown %d times", cut, len(got))
		}
		for i, want := range []struct {
			dir  packet.Dir
			tx   uint64
			stub string
		}{{packet.ToServer, 1, "whole"}, {packet.ToClient, 1, "first last"}, {packet.ToServer, 2, strings.Repeat("a", 3000) + "bc"}} {
			g := got[i]
			if g.Dir != want.dir || g.Tx != want.tx || !slices.Equal(g.Parts["dcerpc.stub_data"], []string{want.stub}) ||
				!slices.Equal(g.Parts["dcerpc.opnum"], []string{"\x00\x1a"}) || !slices.Equal(g.Parts["dcerpc.iface"], []string{iface}) || g.Parts["dcerpc.order"][0] != "\x01" {
				t.Errorf("cut %d: %d is %v %d %q", cut, i, g.Dir, g.Tx, g.Parts)
			}
			analyzertest.ValidEVE(t, g.Record)
		}
		if line := string(got[1].Record.AppendEVE(nil, &event.EVE{})); !strings.Contains(line, `"req":{"opnum":26,"frag_cnt":1,"stub_data_size":5},"interfaces":[{"uuid":"`+Messenger.String()+`","version":"1.0","ack_result":0}],"response":"RESPONSE"`) {
			t.Error(line)
		}
	}
	// what the server refused is no interface of the call
	turns[1].Data = string(unit(PBindAck, unitFirst|unitLast, 1, bindAckBody(2)))
	for _, g := range analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(99, "10.0.0.1:4000", "10.0.0.2:135", true, turns...)...) {
		if len(g.Parts["dcerpc.iface"]) != 0 {
			t.Errorf("a refused interface: %q", g.Parts)
		}
	}
}

// A stub in fragments is kept as far as 64 KiB go.
func TestStubIsBounded(t *testing.T) {
	piece := strings.Repeat("s", 30000)
	data := request(unitFirst, 1, piece) + request(0, 1, piece) + request(0, 1, piece) + request(unitLast, 1, piece)
	got := analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(20000, "10.0.0.1:4000", "10.0.0.2:135", true, analyzertest.Turn{Dir: packet.ToServer, Data: data})...)
	if len(got) != 1 || len(got[0].Parts["dcerpc.stub_data"][0]) != maxStub {
		t.Fatalf("%d", len(got))
	}
}

func TestDatagramParts(t *testing.T) {
	var frames [][]byte
	for i, typ := range []PType{PRequest, PResponse} {
		p := udp(uint64(i+1), i == 1, datagram(le, typ, 0x08, 5, 0, []byte("stub")))
		frames = append(frames, p.Data)
	}
	got := analyzertest.Show(t, []analyzer.Def{Def}, frames...)
	if len(got) != 2 || got[0].Parts["dcerpc.stub_data"][0] != "stub" || len(got[0].Parts["dcerpc.iface"]) != 1 || len(got[1].Parts["dcerpc.opnum"]) != 0 || got[1].Dir != packet.ToClient {
		t.Errorf("%+v", got)
	}
	for _, g := range got {
		analyzertest.ValidEVE(t, g.Record)
	}
}
