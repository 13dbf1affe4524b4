package ikefaults

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestBounded: ten thousand peers and as many SAs; what is beyond the room is forgotten and counted, and the last ones
// are still judged.
func TestBounded(t *testing.T) {
	const peers, room = 10_000, 500
	var got []*finding.Instance
	s := detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: room}, func(i *finding.Instance) { got = append(got, i) })
	d := Def.New(s).(*detector)
	for i := range peers {
		ref := packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i+1) * 100_000}
		h := event.Head{FlowID: uint64(i + 1), Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.%d.%d.1", i>>8, i&255)), Port: 500},
			Server: event.End{Addr: packet.MustAddr("192.0.2.1"), Port: 500}}
		m := ike.Message{Header: ike.Header{InitSPI: uint64(i + 1), Major: 2, Exchange: ike.SAInit, Flags: 8, Length: 400}, Transforms: []ike.Transform{{Proposal: 1, Proto: 1, Type: ike.TypeDH, ID: 14}}}
		d.Handle(ike.New(h, packet.ToServer, m))
		n := ike.Message{NNotify: 1}
		n.Notifies[0].Type = ike.NoProposalChosen
		n.Header = ike.Header{InitSPI: uint64(i + 1), RespSPI: 0, Major: 2, Exchange: ike.SAInit, Flags: 0x20, Length: 36}
		d.Handle(ike.New(h, packet.ToClient, n))
		if i%5000 == 0 { // many come within a tick
			d.Tick(ref.Time)
		}
		if len(d.by) > room || len(d.order) > room || len(d.peers) > room || len(d.pairs) > room || len(d.askers) > room || len(d.active) > 2*room {
			t.Fatalf("peer %d: %d SAs, %d pairs", i, len(d.by), len(d.peers))
		}
	}
	d.End(peers * 100_000)
	if d.Evicted == 0 {
		t.Error("nothing was forgotten")
	}
	if len(got) != peers {
		t.Errorf("%d instances for %d refusals: who is forgotten is judged before", len(got), peers)
	}
	if len(d.active) > 0 {
		t.Errorf("%d still to be judged", len(d.active))
	}
}
