package msstoobig_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/msstoobig"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestTooBig(t *testing.T) {
	for _, c := range []struct {
		file string
		n    int
		says []string
	}{
		{"mss-tunnel/inside.pcap", 1, []string{"connections through 10.1.0.1 begin with packets of 1500 bytes, and a link on the way carries 1420 (low, certain, 2)",
			"segments of 1460 bytes (MSS), that is packets of 1500; for this link it would have to be 1380", "packets of up to 1420 bytes", "ip tcp adjust-mss 1380", "ping -M do -c 3 -s 1392 10.3.0.2"}},
		{"mss-tunnel-ipv6/server.pcap", 1, []string{"connections through fd00:3::1 begin with packets of 1500 bytes, and a link on the way carries 1420", "it would have to be 1360", "ping -6 -M do -c 3 -s 1372 fd00:1::11"}},
		{"pmtud-ok/inside.pcap", 2, []string{"a link on the way carries 1300"}},
	} {
		for _, f := range detecttest.All(t, detecttest.Run(t, nil, c.file), c.n, msstoobig.Code, finding.Certain) {
			detecttest.Says(t, f, c.says...)
		}
	}
	for _, file := range []string{"mss-probe/inside.pcap", "mss-tunnel-remedied/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file))
	}
	detecttest.None(t, detecttest.Run(t, nil, "pmtud-black-hole-filtered/outside.pcap"), msstoobig.Code)
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "mss-tunnel/inside.pcap"), msstoobig.Code)
}

// TestMessages: which messages count, and what must have come after them.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*event.ICMPError, *event.Flow)
		found  bool
	}{
		{"a message, and smaller packets", func(*event.ICMPError, *event.Flow) {}, true},
		{"stale or forged", func(x *event.ICMPError, _ *event.Flow) { x.Fresh = false }, false},
		{"no size said", func(x *event.ICMPError, _ *event.Flow) { x.MTU = 0 }, false},
		{"the packet was not larger", func(x *event.ICMPError, _ *event.Flow) { x.Quoted.Len = 1400 }, false},
		{"the data never arrived", func(_ *event.ICMPError, f *event.Flow) { f.Sides[packet.ToServer].Acked = 5000 }, false},
		{"nothing is known to have arrived", func(_ *event.ICMPError, f *event.Flow) { f.Sides[packet.ToServer].MaxDelivered = 0 }, false},
		{"larger packets arrived", func(_ *event.ICMPError, f *event.Flow) { f.Sides[packet.ToServer].MaxDelivered = 1500 }, false},
		{"the announced size fits", func(x *event.ICMPError, f *event.Flow) {
			f.Sides[packet.ToClient].MSS, x.MTU, x.Quoted.Len, f.Sides[packet.ToServer].MaxDelivered = 1460, 1500, 1645, 1500
		}, false},
		{"the announced size does not fit by a byte", func(x *event.ICMPError, f *event.Flow) {
			f.Sides[packet.ToClient].MSS, x.MTU, x.Quoted.Len, f.Sides[packet.ToServer].MaxDelivered = 1460, 1499, 1500, 1499
		}, true},
		{"another error", func(x *event.ICMPError, _ *event.Flow) { x.Code = 1 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, msstoobig.Def)
			flow := detecttest.Flow{ID: 1, Client: "10.1.0.5:2000", Server: "10.2.0.9:443"}
			f := *b.Connect(flow, 0, 0.05, 60)
			s := &f.Sides[packet.ToServer]
			s.SeqKnown, s.Acked, s.MaxDelivered = true, 9000, 1400
			x := event.NewICMPError(b.Head(flow, b.Ref(0, 1)))
			x.Version, x.Type, x.Code, x.MTU, x.Fresh, x.QuotedDir = 4, 3, 4, 1400, true, packet.ToServer
			x.Sender = packet.MustAddr("10.1.0.1")
			x.Quoted = packet.Quoted{Src: packet.MustAddr("10.1.0.5"), Dst: packet.MustAddr("10.2.0.9"), Seq: 5000, Len: 1500, Proto: packet.ProtoTCP}
			c.change(x, &f)
			b.Send(x)
			f.What, f.Last = event.Ended, b.Ref(0, 10)
			b.Send(&f)
			fs := b.End()
			switch {
			case (len(fs) == 1) != c.found:
				t.Errorf("%d findings", len(fs))
			case c.found && fs[0].Confidence != finding.Likely:
				t.Errorf("%s, want likely: it was said of one connection", fs[0].Confidence)
			}
		})
	}
}
