package unreachable_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/unreachable"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// errorOf is an ICMP error of sender about a flow.
type errorOf struct {
	flow      detecttest.Flow
	proto     uint8
	sender    string
	typ, code uint8
	at        float64
	dir       packet.Dir
	stale     bool
	unknown   bool // the quoted packet's flow was not seen
}

func send(b *detecttest.Bench, e errorOf) {
	h := b.Head(e.flow, b.Ref(e.flow.Vantage, e.at))
	h.Proto = e.proto
	if e.unknown {
		h.FlowID = 0
	}
	x := event.NewICMPError(h)
	x.Type, x.Code, x.Version = e.typ, e.code, 4
	if !h.Client.Addr.Is4() {
		x.Version = 6
	}
	x.Sender, x.To, x.TTL, x.Fresh, x.QuotedDir = packet.MustAddr(e.sender), h.Client.Addr, 64, !e.stale, e.dir
	x.Quoted = packet.Quoted{Src: h.Client.Addr, Dst: h.Server.Addr, SrcPort: h.Client.Port, DstPort: h.Server.Port, Proto: e.proto, HasPorts: true}
	if e.dir == packet.ToClient {
		x.Quoted.Src, x.Quoted.Dst, x.Quoted.SrcPort, x.Quoted.DstPort = x.Quoted.Dst, x.Quoted.Src, x.Quoted.DstPort, x.Quoted.SrcPort
	}
	b.Send(x)
}

var web = detecttest.Flow{ID: 7, Client: "10.0.0.1:1000", Server: "10.9.0.9:443"}

// TestKinds: every error of RFC 792, RFC 1812 and RFC 4443 that ends an attempt is told in its own words, no other is.
func TestKinds(t *testing.T) {
	six := detecttest.Flow{ID: 8, Client: "fd00::1:1000", Server: "fd00:9::9:443"}
	for _, c := range []struct {
		name       string
		e          errorOf
		code, says string
	}{
		{"3/0", errorOf{typ: 3, code: 0, sender: "10.0.0.254"}, unreach, "10.0.0.254 has no route to 10.9.0.9"},
		{"3/1", errorOf{typ: 3, code: 1, sender: "10.0.0.254"}, unreach, "10.0.0.254 cannot find 10.9.0.9 on its network"},
		{"3/2", errorOf{typ: 3, code: 2, sender: "10.9.0.9"}, unreach, "10.9.0.9 does not speak TCP"},
		{"3/3 of the server, TCP", errorOf{typ: 3, code: 3, sender: "10.9.0.9"}, unreach, "the firewall of 10.9.0.9 itself rejects connections to port 443"},
		{"3/3 of another, TCP", errorOf{typ: 3, code: 3, sender: "10.0.0.254"}, unreach, "the firewall 10.0.0.254 rejects what 10.0.0.1 sends to port 443 of 10.9.0.9"},
		{"3/4 is for others", errorOf{typ: 3, code: 4, sender: "10.0.0.254"}, "", ""},
		{"3/5 source route", errorOf{typ: 3, code: 5, sender: "10.0.0.254"}, "", ""},
		{"3/6", errorOf{typ: 3, code: 6, sender: "10.0.0.254"}, unreach, "has no route to"},
		{"3/9", errorOf{typ: 3, code: 9, sender: "10.0.0.254"}, prohibited, "the firewall 10.0.0.254 forbids 10.0.0.1 to reach port 443 of 10.9.0.9"},
		{"3/10", errorOf{typ: 3, code: 10, sender: "10.0.0.254"}, prohibited, "code 10"},
		{"3/10 of the server", errorOf{typ: 3, code: 10, sender: "10.9.0.9"}, prohibited, "the firewall of 10.9.0.9 itself forbids 10.0.0.1 to reach port 443 of 10.9.0.9"},
		{"3/13", errorOf{typ: 3, code: 13, sender: "10.0.0.254"}, prohibited, "code 13"},
		{"11/0", errorOf{typ: 11, code: 0, sender: "10.0.0.254"}, "", ""},
		{"v6 1/0", errorOf{flow: six, typ: 1, code: 0, sender: "fd00::fe"}, unreach, "fd00::fe has no route to fd00:9::9"},
		{"v6 1/1", errorOf{flow: six, typ: 1, code: 1, sender: "fd00::fe"}, prohibited, "ICMPv6 type 1, code 1"},
		{"v6 1/2", errorOf{flow: six, typ: 1, code: 2, sender: "fd00::fe"}, unreach, "its source address is not valid there"},
		{"v6 1/3", errorOf{flow: six, typ: 1, code: 3, sender: "fd00::fe"}, unreach, "cannot find fd00:9::9"},
		{"v6 1/4", errorOf{flow: six, typ: 1, code: 4, sender: "fd00:9::9"}, unreach, "itself rejects connections"},
		{"v6 1/5", errorOf{flow: six, typ: 1, code: 5, sender: "fd00::fe"}, prohibited, "does not allow the source address of fd00::1"},
		{"v6 1/5 of the server", errorOf{flow: six, typ: 1, code: 5, sender: "fd00:9::9"}, prohibited, "the firewall of fd00:9::9 itself forbids"},
		{"v6 too big is for others", errorOf{flow: six, typ: 2, code: 0, sender: "fd00::fe"}, "", ""},
		{"stale", errorOf{typ: 3, code: 13, sender: "10.0.0.254", stale: true}, "", ""},
		{"of packets nobody saw", errorOf{typ: 3, code: 13, sender: "10.0.0.254", unknown: true}, "", ""},
		{"answers that may not pass", errorOf{typ: 3, code: 13, sender: "10.0.0.254", dir: packet.ToClient}, prohibited, "forbids the answers of 10.9.0.9 to 10.0.0.1"},
		{"a client that no longer waits", errorOf{typ: 3, code: 3, sender: "10.0.0.1", proto: packet.ProtoUDP, dir: packet.ToClient}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, unreachable.Def)
			if c.e.flow.ID == 0 {
				c.e.flow = web
			}
			if c.e.proto == 0 {
				c.e.proto = packet.ProtoTCP
			}
			b.Silence(c.e.flow, 1, 2)
			for i := range 2 {
				c.e.at = 6 + float64(i)
				send(b, c.e)
			}
			fs := b.End()
			if c.code == "" {
				if len(fs) != 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Code.ID != c.code || fs[0].Confidence != finding.Certain {
				t.Fatalf("%v, want one certain %s", fs, c.code)
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}

// TestPassing: an error that did not stop the conversation is none; one that was said once, or that the same client got
// past later, leaves room.
func TestPassing(t *testing.T) {
	b := detecttest.NewBench(t, nil, unreachable.Def)
	f := b.Silence(web, 1, 2)
	send(b, errorOf{flow: web, proto: packet.ProtoTCP, sender: "10.0.0.254", typ: 3, code: 1, at: 6})
	x := *f.Clone()
	*x.Head() = b.Head(web, b.Ref(0, 8))
	x.What = event.Answered
	x.Marks[event.MarkSYNACK] = x.Head().Seen
	b.Send(&x)
	if fs := b.End(); len(fs) != 0 {
		t.Errorf("the attempt got through: %s", detecttest.Text(fs[0]))
	}

	b = detecttest.NewBench(t, nil, unreachable.Def)
	b.Silence(web, 1, 2)
	send(b, errorOf{flow: web, proto: packet.ProtoTCP, sender: "10.0.0.254", typ: 3, code: 1, at: 6})
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Likely {
		t.Fatalf("%v", fs)
	}
	detecttest.Says(t, fs[0], "or: a passing state", "it was said once: try again")

	b = detecttest.NewBench(t, nil, unreachable.Def)
	b.Connect(detecttest.Flow{ID: 5, Client: "10.0.0.1:900", Server: web.Server}, 0.5, 0.001, 60)
	b.Silence(web, 1, 2)
	send(b, errorOf{flow: web, proto: packet.ProtoTCP, sender: "10.0.0.254", typ: 3, code: 1, at: 6})
	send(b, errorOf{flow: web, proto: packet.ProtoTCP, sender: "10.0.0.254", typ: 3, code: 1, at: 7})
	b.Connect(detecttest.Flow{ID: 9, Client: "10.0.0.1:1001", Server: web.Server}, 30, 0.001, 60)
	fs = b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Likely {
		t.Fatalf("%v", fs)
	}
	detecttest.Says(t, fs[0], "2 errors from 10.0.0.254", "still answered at 0.50 s", "again at 30.00 s", "the same client got through at 30.00 s")
}

// TestOneForEachSender: one finding names all destinations of one router and kind; another router has its own.
func TestOneForEachSender(t *testing.T) {
	b := detecttest.NewBench(t, nil, unreachable.Def)
	for i, server := range []string{"10.9.0.1:80", "10.9.0.2:80", "10.9.0.3:80"} {
		f := detecttest.Flow{ID: uint64(20 + i), Client: "10.0.0.1:1000", Server: server}
		b.Silence(f, float64(1+i), 2)
		send(b, errorOf{flow: f, proto: packet.ProtoTCP, sender: "10.0.0.254", typ: 3, code: 1, at: float64(6 + i)})
	}
	f := detecttest.Flow{ID: 30, Client: "10.0.0.1:1000", Server: "10.7.0.1:80"}
	b.Silence(f, 10, 2)
	send(b, errorOf{flow: f, proto: packet.ProtoTCP, sender: "10.0.0.253", typ: 3, code: 1, at: 15})
	fs := b.End()
	if len(fs) != 2 {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "10.0.0.254 cannot find 10.9.0.1, 10.9.0.2 and 10.9.0.3 on its network")
	detecttest.Says(t, fs[1], "10.0.0.253 cannot find 10.7.0.1 on its network")
}

// A name server's answer that comes when nobody waits any more is refused by the client: that is no closed service, even
// where the capture lacks the question.
func TestLateAnswer(t *testing.T) {
	questions := func() capture.Fault {
		return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool { return p.Proto == packet.ProtoUDP && p.DstPort == 53 }))
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{questions}, "dns-server-silent/inside.pcap"), unreach)
	detecttest.None(t, detecttest.Run(t, nil, "dns-server-silent/inside.pcap"), unreach)
}
