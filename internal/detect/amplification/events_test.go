package amplification_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect/amplification"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// talk is one conversation with a service.
type talk struct {
	client, server string
	port           uint16
	up, down       uint64 // bytes
	n              uint64 // requests; 0: one
	ttl            uint8
}

func (x talk) event(b *detecttest.Bench, id uint64, at float64) *event.Flow {
	if x.server == "" {
		x.server = "10.0.0.53"
	}
	if x.port == 0 {
		x.port = 53
	}
	x.n = max(x.n, 1)
	start, last := b.Ref(0, at), b.Ref(0, at+0.01)
	f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoUDP, Seen: last, Client: event.End{Addr: packet.MustAddr(x.client), Port: 4000},
		Server: event.End{Addr: packet.MustAddr(x.server), Port: x.port}})
	f.What, f.End, f.Start, f.Last = event.Ended, event.EndTimeout, start, last
	f.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: x.n, Bytes: x.up * x.n, TTLFirst: x.ttl})
	if x.down > 0 {
		f.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: x.n, Bytes: x.down * x.n})
	}
	return f
}

// refuse sends the receiver's ICMP error for an answer.
func refuse(b *detecttest.Bench, id uint64, at float64, x talk) {
	f := x.event(b, id, at)
	h := *f.Head()
	h.Seen = b.Ref(0, at+0.02)
	e := event.NewICMPError(h)
	e.Version, e.Type, e.Code, e.Sender, e.QuotedDir = 4, 3, 3, h.Client.Addr, packet.ToClient
	e.Quoted.Dst = h.Client.Addr
	b.Send(e)
}

func stranger(i int) string { return fmt.Sprintf("198.18.%d.9", i%250) }

func TestEvents(t *testing.T) {
	long := func(i int) talk { return talk{client: stranger(i), up: 80, down: 1200, ttl: 50} }
	for _, c := range []struct {
		name   string
		n      int
		make   func(i int) talk
		refuse int // so many of the first answers are refused
		every  float64
		want   finding.Confidence // 0: nothing
		says   []string
	}{
		{name: "many receivers, one TTL", n: 40, make: long, want: finding.Certain, says: []string{"not all equally far away", "(high"}},
		{name: "many receivers at all distances", n: 40, make: func(i int) talk { x := long(i); x.ttl = uint8(40 + i%20); return x }, want: finding.Likely, says: []string{"the same question again and again"}},
		{name: "as many that refuse", n: 40, make: func(i int) talk { x := long(i); x.ttl = uint8(40 + i%20); return x }, refuse: 12, want: finding.Certain, says: []string{"the hosts of 12 of 40 receivers"}},
		{name: "a few that refuse a late answer", n: 40, make: func(i int) talk { x := long(i); x.ttl = uint8(40 + i%20); return x }, refuse: 4, want: finding.Likely},
		{name: "too few requests", n: 19, make: long},
		{name: "too short answers", n: 40, make: func(i int) talk { x := long(i); x.down = 800; return x }},
		{name: "requests only", n: 40, make: func(i int) talk { x := long(i); x.down = 0; return x }},
		{name: "a service that is not known for it", n: 40, make: func(i int) talk { x := long(i); x.port = 443; return x }},
		{name: "a busy service", n: 100, make: func(i int) talk {
			x := long(i)
			if i%5 < 3 {
				x.down = 150
			}
			return x
		}},
		{name: "own clients", n: 40, make: func(i int) talk { x := long(i); x.client = fmt.Sprintf("10.0.%d.7", i); return x }},
		{name: "one client that fetches much", n: 5, make: func(int) talk { return talk{client: "203.0.113.9", port: 161, up: 90, down: 1400, n: 60, ttl: 50} }},
		{name: "spread over a day", n: 40, make: long, every: 1200},
		{name: "a server elsewhere", n: 40, make: func(i int) talk { x := long(i); x.server = "203.0.113.53"; return x }, want: finding.Certain, says: []string{"(medium", "say so with --home-net"}},
		{name: "IPv6", n: 40, make: func(i int) talk {
			return talk{client: fmt.Sprintf("2001:db8:%x::9", i), server: "fd00::53", up: 100, down: 1300, ttl: 50}
		}, want: finding.Certain, says: []string{"ip6 daddr fd00::53 udp dport 53 ip6 saddr != fd00::/64 drop"}},
		{name: "NTP", n: 40, make: func(i int) talk { x := long(i); x.port = 123; return x }, want: finding.Certain, says: []string{"disable monitor"}},
		{name: "SNMP", n: 40, make: func(i int) talk { x := long(i); x.port = 161; return x }, want: finding.Certain, says: []string{"rocommunity"}},
		{name: "CLDAP", n: 40, make: func(i int) talk { x := long(i); x.port = 389; return x }, want: finding.Certain, says: []string{"ldap-rootdse"}},
		{name: "SSDP", n: 40, make: func(i int) talk { x := long(i); x.port = 1900; return x }, want: finding.Certain, says: []string{"UPnP"}},
		{name: "memcached", n: 40, make: func(i int) talk { x := long(i); x.port = 11211; return x }, want: finding.Certain, says: []string{"memcached -U 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, amplification.Def)
			every := max(c.every, 0.1)
			for i := range c.n {
				if i < c.refuse {
					refuse(b, uint64(i)+1, float64(i)*every, c.make(i))
				}
				b.Send(c.make(i).event(b, uint64(i)+1, float64(i)*every+0.05))
			}
			fs := b.End()
			if c.want == 0 {
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			if fs[0].Confidence != c.want {
				t.Errorf("%s, want %s\n%s", fs[0].Confidence, c.want, detecttest.Text(fs[0]))
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}

// TestOneVictim: a conversation of one address is forged only if its host refuses the answers again and again.
func TestOneVictim(t *testing.T) {
	x := talk{client: "203.0.113.9", port: 123, up: 60, down: 4000, n: 60, ttl: 50}
	for _, refusals := range []int{0, 9, 10} {
		b := detecttest.NewBench(t, nil, amplification.Def)
		for i := range refusals {
			refuse(b, 1, float64(i)/10, x)
		}
		b.Send(x.event(b, 1, 2))
		fs := b.End()
		if refusals < 10 {
			if len(fs) != 0 {
				t.Errorf("%d refusals: %s", refusals, detecttest.Text(fs[0]))
			}
			continue
		}
		if len(fs) != 1 || fs[0].Confidence != finding.Likely {
			t.Fatalf("%d findings", len(fs))
		}
		detecttest.Says(t, fs[0], "towards 203.0.113.9: your server", "a client that gives up before its answers come")
	}
}
