package vrrp_test

import (
	"testing"
	"time"

	analyzer "firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/vrrp"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestSplit(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "vrrp-split/lan.pcap"), vrrp.Code, finding.Certain)
	detecttest.Says(t, f, "10.1.0.11 and 10.1.0.12 both lead VRRP router 51", "priority 150", "priority 100", "for 10.1.0.100", "the messages do not arrive, or are dropped on arrival",
		"meta l4proto 112 accept")
	for _, dir := range []string{"vrrp-failover", "vrrp-split-remedied", "clean-vrrp"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"))
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.13", "10.1.0.12") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "vrrp-split/lan.pcap")
			if d.Name == "no packets from the server" { // one of the two is not seen: nothing to say
				detecttest.None(t, r, vrrp.Code)
				return
			}
			detecttest.Only(t, r, vrrp.Code, finding.Certain)
		})
	}
}

func TestMemory(t *testing.T) { detecttest.Split(t, "vrrp-split/lan.pcap", 20, vrrp.Code) }

func advert(b *detecttest.Bench, at float64, from, addr string, change func(*analyzer.Message)) {
	x := analyzer.NewAdvert(event.Head{Seen: b.Ref(0, at), Client: event.End{Addr: packet.MustAddr(from)}}, event.FirstAnalyzerKind)
	x.Message = analyzer.Message{Protocol: analyzer.VRRP, Version: 3, Group: 7, Priority: 100, Interval: time.Second, Leads: true}
	if addr != "" {
		x.Addresses[0], x.NAddress, x.Count = packet.MustAddr(addr), 1, 1
	}
	x.TTL = 255
	if change != nil {
		change(&x.Message)
	}
	b.Send(x)
}

func TestEvents(t *testing.T) {
	const a, z, v = "10.0.0.2", "10.0.0.3", "10.0.0.1"
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"one leads", func(b *detecttest.Bench) {
			for i := range 20 {
				advert(b, float64(i), a, v, nil)
			}
		}, 0, ""},
		{"a hand-over", func(b *detecttest.Bench) {
			for i := range 20 {
				if i < 10 {
					advert(b, float64(i), a, v, nil)
				} else {
					advert(b, float64(i), z, v, nil)
				}
			}
		}, 0, ""},
		{"preempted: one message side by side", func(b *detecttest.Bench) {
			for i := range 20 {
				if i < 10 {
					advert(b, float64(i), a, v, nil)
				}
				if i >= 9 {
					advert(b, float64(i)+0.5, z, v, nil)
				}
			}
		}, 0, ""},
		{"side by side", func(b *detecttest.Bench) {
			for i := range 10 {
				advert(b, float64(i), a, v, nil)
				advert(b, float64(i)+0.5, z, v, nil)
			}
		}, finding.Certain, "both lead VRRP router 7"},
		{"of other groups", func(b *detecttest.Bench) {
			for i := range 10 {
				advert(b, float64(i), a, v, nil)
				advert(b, float64(i)+0.5, z, v, func(m *analyzer.Message) { m.Group = 8 })
			}
		}, 0, ""},
		{"with other addresses", func(b *detecttest.Bench) {
			for i := range 10 {
				advert(b, float64(i), a, v, nil)
				advert(b, float64(i)+0.5, z, "10.0.9.1", nil)
			}
		}, finding.Likely, "whether the mirror joins two VLANs"},
		{"of other versions", func(b *detecttest.Bench) {
			for i := range 10 {
				advert(b, float64(i), a, v, nil)
				advert(b, float64(i)+0.5, z, v, func(m *analyzer.Message) { m.Version = 2 })
			}
		}, finding.Certain, "they ignore each other (RFC 9568 8.4)"},
		{"one that resigns each time", func(b *detecttest.Bench) {
			for i := range 10 {
				advert(b, float64(i), a, v, nil)
				advert(b, float64(i)+0.5, z, v, func(m *analyzer.Message) { m.Resigns = true })
			}
		}, 0, ""},
		{"to and fro", func(b *detecttest.Bench) {
			for i := range 6 {
				for j := range 5 {
					advert(b, float64(i*100+j), []string{a, z}[i%2], v, nil)
				}
			}
		}, finding.Certain, "5 changes within an hour"},
		{"taken down in order, again and again", func(b *detecttest.Bench) {
			for i := range 6 {
				from := []string{a, z}[i%2]
				for j := range 5 {
					advert(b, float64(i*100+j), from, v, nil)
				}
				if from == a {
					advert(b, float64(i*100+5), a, v, func(m *analyzer.Message) { m.Resigns = true })
				}
			}
		}, 0, ""},
		{"one leave is announced, the others are not", func(b *detecttest.Bench) {
			for i := range 9 {
				from := []string{a, z}[i%2]
				for j := range 5 {
					advert(b, float64(i*100+j), from, v, nil)
				}
				if i == 0 {
					advert(b, float64(i*100+5), a, v, func(m *analyzer.Message) { m.Resigns = true })
				}
			}
		}, finding.Certain, "6 changes within an hour"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, vrrp.Def)
			c.play(b)
			fs := b.End()
			if c.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want {
				t.Fatalf("%d findings: %v", len(fs), fs)
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}
