package rpcport_test

import (
	"testing"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/rpcport"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// directory makes the answer of server's port directory to client.
func directory(b *detecttest.Bench, at float64, client, server string, ms ...rpc.Mapping) {
	r := b.Ref(0, at)
	x := rpc.New(event.Head{FlowID: uint64(1000 + at), Seen: r, Kind: event.FirstAnalyzerKind, Proto: packet.ProtoTCP,
		Client: event.End{Addr: packet.MustAddr(client), Port: 700}, Server: event.End{Addr: packet.MustAddr(server), Port: 111}})
	x.Asked, x.Answered, x.Ports = r, r, ms
	x.Call = rpc.Header{Program: rpc.Portmap, Version: 2, Procedure: 3}
	b.Send(x)
}

// refuse makes an ICMP error about a request to mountd.
func refuse(b *detecttest.Bench, sender string, typ, code uint8, fresh bool) {
	directory(b, 2, c, s, mountd)
	x := event.NewICMPError(event.Head{FlowID: 2, Seen: b.Ref(0, 3), Proto: packet.ProtoTCP, Client: event.End{Addr: packet.MustAddr(c), Port: 2},
		Server: event.End{Addr: packet.MustAddr(s), Port: 40000}})
	x.Version, x.Type, x.Code, x.Sender, x.To, x.Fresh, x.QuotedDir = 4, typ, code, packet.MustAddr(sender), packet.MustAddr(c), fresh, packet.ToServer
	b.Send(x)
}

const c, s = "10.0.0.1", "10.0.0.9"

var mountd = rpc.Mapping{Program: rpc.Mount, Version: 3, Proto: packet.ProtoTCP, Port: 40000}

func TestSilenceAndPorts(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(b *detecttest.Bench)
		want finding.Confidence // 0: nothing
	}{
		{"blocked, 2049 works", func(b *detecttest.Bench) {
			b.Connect(detecttest.Flow{ID: 1, Client: c + ":1", Server: s + ":2049"}, 1, 0.001, 60)
			directory(b, 2, c, s, mountd)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
		}, finding.Likely},
		{"only the directory answered", func(b *detecttest.Bench) {
			directory(b, 2, c, s, mountd)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
		}, finding.Likely},
		{"asked by another", func(b *detecttest.Bench) {
			directory(b, 2, "10.0.0.2", s, mountd)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
		}, finding.Possible},
		{"another port", func(b *detecttest.Bench) {
			directory(b, 2, c, s, mountd)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40001"}, 3, 3)
		}, 0},
		{"another server", func(b *detecttest.Bench) {
			directory(b, 2, c, "10.0.0.8", mountd)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
		}, 0},
		{"before the directory spoke", func(b *detecttest.Bench) {
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
			directory(b, 20, c, s, mountd)
		}, 0},
		{"port 0", func(b *detecttest.Bench) {
			m := mountd
			m.Port = 0
			directory(b, 2, c, s, m)
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3)
		}, 0},
		{"the server itself refuses", func(b *detecttest.Bench) {
			b.Connect(detecttest.Flow{ID: 1, Client: c + ":1", Server: s + ":2049"}, 1, 0.001, 60)
			directory(b, 2, c, s, mountd)
			b.Refuse(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 0.001, 60, nil)
		}, 0},
		{"a device resets", func(b *detecttest.Bench) {
			b.Connect(detecttest.Flow{ID: 1, Client: c + ":1", Server: s + ":2049"}, 1, 0.001, 60)
			directory(b, 2, c, s, mountd)
			b.Refuse(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 0.001, 63, func(f *event.Flow) { f.Refusal.Dir = packet.ToClient })
		}, finding.Certain},
		{"answered after all", func(b *detecttest.Bench) {
			directory(b, 2, c, s, mountd)
			x := b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":40000"}, 3, 3).Clone()
			x.What = event.Answered
			x.Head().Seen = b.Ref(0, 20)
			b.Send(x)
		}, 0},
		{"a gateway rejects", func(b *detecttest.Bench) { refuse(b, "10.0.0.254", 3, 3, true) }, finding.Certain},
		{"a gateway forbids", func(b *detecttest.Bench) { refuse(b, "10.0.0.254", 3, 13, true) }, finding.Certain},
		{"the server says that nothing listens", func(b *detecttest.Bench) { refuse(b, s, 3, 3, true) }, 0},
		{"a router knows no way", func(b *detecttest.Bench) { refuse(b, "10.0.0.254", 3, 0, true) }, 0},
		{"a packet too big", func(b *detecttest.Bench) { refuse(b, "10.0.0.254", 3, 4, true) }, 0},
		{"a stale error", func(b *detecttest.Bench) { refuse(b, "10.0.0.254", 3, 13, false) }, 0},
		{"NFS at its own port", func(b *detecttest.Bench) {
			directory(b, 2, c, s, rpc.Mapping{Program: rpc.NFS, Version: 3, Proto: packet.ProtoTCP, Port: 2049})
			b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":2049"}, 3, 3)
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, rpcport.Def)
			tc.make(b)
			fs := b.End()
			switch {
			case tc.want == 0 && len(fs) > 0:
				t.Errorf("%s", detecttest.Text(fs[0]))
			case tc.want != 0 && len(fs) != 1:
				t.Errorf("%d findings", len(fs))
			case tc.want != 0 && fs[0].Confidence != tc.want:
				t.Errorf("%s\n%s", fs[0].Confidence, detecttest.Text(fs[0]))
			}
		})
	}
}

// TestCallback: the server of a mount cannot reach lock manager or directory of its client.
func TestCallback(t *testing.T) {
	b := detecttest.NewBench(t, nil, rpcport.Def)
	b.Connect(detecttest.Flow{ID: 1, Client: c + ":1", Server: s + ":2049"}, 1, 0.001, 60)
	b.Silence(detecttest.Flow{ID: 2, Client: s + ":2", Server: c + ":111"}, 3, 3)
	directory(b, 20, s, c, rpc.Mapping{Program: rpc.NLM, Version: 4, Proto: packet.ProtoTCP, Port: 40500})
	b.Silence(detecttest.Flow{ID: 3, Client: s + ":3", Server: c + ":40500"}, 21, 3)
	fs := b.End()
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "10.0.0.9, a server of NFS, cannot call back its client 10.0.0.1: nlockmgr (TCP port 40500) and portmapper (TCP port 111)",
		"waiting for file locks hangs", "ip saddr 10.0.0.9 ip daddr 10.0.0.1")
	// the same silence without a mount is no call back
	b = detecttest.NewBench(t, nil, rpcport.Def)
	b.Silence(detecttest.Flow{ID: 2, Client: s + ":2", Server: c + ":111"}, 3, 3)
	if fs := b.End(); len(fs) != 0 {
		t.Errorf("%s", detecttest.Text(fs[0]))
	}
}

// TestBounded: the directory's table ends, the oldest entry leaves first.
func TestBounded(t *testing.T) {
	b := detecttest.NewBench(t, nil, rpcport.Def) // 1000 entries
	for i := range 1500 {
		m := mountd
		m.Port = uint16(2000 + i)
		directory(b, float64(1+i), c, s, m)
	}
	b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":2001"}, 1600, 3) // forgotten
	if fs := b.End(); len(fs) != 0 {
		t.Errorf("%s", detecttest.Text(fs[0]))
	}
	b = detecttest.NewBench(t, nil, rpcport.Def)
	for i := range 1500 {
		m := mountd
		m.Port = uint16(2000 + i)
		directory(b, float64(1+i), c, s, m)
	}
	b.Silence(detecttest.Flow{ID: 2, Client: c + ":2", Server: s + ":3499"}, 1600, 3)
	if fs := b.End(); len(fs) != 1 {
		t.Errorf("%d findings", len(fs))
	}
}
