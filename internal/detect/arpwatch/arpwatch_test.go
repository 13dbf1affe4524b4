package arpwatch_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect"
	"firestorm/internal/detect/arpwatch"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

func mac(n int) packet.MAC    { return packet.MAC{0, 0x0c, 0x29, byte(n >> 16), byte(n >> 8), byte(n)} }
func random(n int) packet.MAC { return packet.MAC{2, 0x11, 0x22, byte(n >> 16), byte(n >> 8), byte(n)} }

var all = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func arp(r packet.Ref, m packet.MAC, op uint16, sender, target string) *event.ARP {
	x := event.NewARP(event.Head{Seen: r, SrcMAC: m, DstMAC: all})
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = op, m, packet.MustAddr(sender), packet.MustAddr(target)
	return x
}

// ask sends a question of a machine.
func ask(b *detecttest.Bench, at float64, m packet.MAC, ip string) {
	b.Send(arp(b.Ref(0, at), m, 1, ip, "10.0.0.1"))
}

const day = 86400.0

// learned is a bench whose first day of learning is over; the machines 1 to 3 are known as 10.0.0.1 to 10.0.0.3.
func learned(t *testing.T) *detecttest.Bench {
	b := detecttest.NewBench(t, nil, arpwatch.Def)
	for i := 1; i <= 3; i++ {
		ask(b, float64(i), mac(i), fmt.Sprintf("10.0.0.%d", i))
	}
	ask(b, 4, random(1), "10.0.0.50")
	return b
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want map[string]string // code: what it says
	}{
		{"nothing new", func(b *detecttest.Bench) { ask(b, 2*day, mac(1), "10.0.0.1") }, nil},
		{"learning", func(b *detecttest.Bench) { ask(b, 0.9*day, mac(7), "10.0.0.7"); ask(b, 0.91*day, mac(8), "10.0.0.7") }, nil},
		{"new ones make one line", func(b *detecttest.Bench) {
			for i := 10; i < 15; i++ {
				ask(b, 2*day+float64(i), mac(i), fmt.Sprintf("10.0.0.%d", i))
			}
			ask(b, 2*day+20, random(9), "10.0.0.60")
		}, map[string]string{arpwatch.NewStation: "6 new machines: 10.0.0.10 is 00:0c:29:00:00:0a (VMware)"}},
		{"a known one with another lease", func(b *detecttest.Bench) { ask(b, 2*day, mac(1), "10.0.0.99") }, nil},
		{"another card", func(b *detecttest.Bench) { ask(b, 2*day, mac(9), "10.0.0.1"); ask(b, 2*day+9, mac(9), "10.0.0.1") },
			map[string]string{arpwatch.Changed: "10.0.0.1 is 00:0c:29:00:00:09 (VMware), was 00:0c:29:00:00:01 (VMware)"}},
		{"to and fro", func(b *detecttest.Bench) { ask(b, 2*day, mac(9), "10.0.0.1"); ask(b, 2*day+9, mac(1), "10.0.0.1") },
			map[string]string{arpwatch.Changed: "", arpwatch.FlipFlop: "1 time an address went to and fro"}},
		{"an earlier one again", func(b *detecttest.Bench) {
			ask(b, 2*day, mac(8), "10.0.0.1")
			ask(b, 2*day+5, mac(9), "10.0.0.1")
			ask(b, 2*day+9, mac(1), "10.0.0.1")
		}, map[string]string{arpwatch.Changed: "", arpwatch.ReusedOld: "went back to an earlier machine"}},
		{"phones among themselves", func(b *detecttest.Bench) { ask(b, 2*day, random(2), "10.0.0.50") }, nil},
		{"a sleep proxy, and the sleeper wakes", func(b *detecttest.Bench) {
			b.Send(arp(b.Ref(0, 2*day), mac(2), 2, "10.0.0.3", "10.0.0.3"))
			ask(b, 2*day+60, mac(3), "10.0.0.3")
		}, nil},
		{"the virtual address of routers", func(b *detecttest.Bench) {
			ask(b, 2*day, packet.MAC{0, 0, 0x5e, 0, 1, 7}, "10.0.0.1")
		}, nil},
		{"an address that routers share", func(b *detecttest.Bench) {
			v := vrrp.NewAdvert(event.Head{Seen: b.Ref(0, 2*day)}, event.FirstAnalyzerKind)
			v.Addresses[0], v.NAddress = packet.MustAddr("10.0.0.1"), 1
			b.Send(v)
			b.Send(arp(b.Ref(0, 2*day+1), mac(77), 2, "10.0.0.1", "10.0.0.1"))
			b.Send(arp(b.Ref(0, 2*day+9), mac(1), 2, "10.0.0.1", "10.0.0.1"))
		}, nil},
		{"gone", func(b *detecttest.Bench) {
			ask(b, 10*day, mac(2), "10.0.0.2")
			ask(b, 10*day+1, random(1), "10.0.0.50")
			ask(b, 45*day, mac(1), "10.0.0.1")
			ask(b, 45*day+7200, mac(1), "10.0.0.1")
		}, map[string]string{arpwatch.Expired: "1 machine is gone: 10.0.0.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := learned(t)
			c.play(b)
			fs := b.End()
			if len(fs) != len(c.want) {
				t.Errorf("%d findings, want %d", len(fs), len(c.want))
			}
			for _, f := range fs {
				says, ok := c.want[f.Code.ID]
				if !ok {
					t.Errorf("%s", detecttest.Text(f))
					continue
				}
				detecttest.Says(t, f, says)
			}
		})
	}
}

// TestCaptures: without a memory nothing is said.
func TestCaptures(t *testing.T) {
	for _, dir := range []string{"arp-conflict", "arp-nic-swap", "arp-conflict-flip"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"), arpwatch.NewStation, arpwatch.Changed, arpwatch.ReusedOld, arpwatch.FlipFlop, arpwatch.Expired)
	}
}

func detector(entries int, report func(*finding.Instance)) detect.Detector {
	return arpwatch.Def.New(detect.NewScope(nil, nil, nil, detect.Limits{Entries: entries}, report))
}

// TestSplit: a day of changes, cut anywhere with the memory going on, brings the same reports.
func TestSplit(t *testing.T) {
	var events []event.Event
	for i := range 400 {
		at := detecttest.At(float64(i) * 600)
		m, ip := mac(i/7), i/7%40 // each machine has its own address, some of which go on to later ones
		if i%11 == 0 {
			m = random(i % 5)
		}
		if i%13 == 0 && i > 100 {
			m = mac(ip + 40*(i%3))
		}
		events = append(events, arp(packet.Ref{Frame: uint64(i + 1), Time: at}, m, 1, fmt.Sprintf("10.0.0.%d", ip), "10.0.0.1"))
	}
	run := func(cuts ...int) (out []string) {
		report := func(i *finding.Instance) {
			out = append(out, fmt.Sprint(i.Code, i.First.Frame, i.Server))
		}
		d := detector(1000, report)
		for i, e := range events {
			for _, c := range cuts {
				if c == i {
					var b bytes.Buffer
					if err := d.(detect.Keeper).Save(&b); err != nil {
						t.Fatal(err)
					}
					d = detector(1000, report)
					if err := d.(detect.Keeper).Load(&b); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.Tick(e.Head().Seen.Time)
			d.Handle(e)
		}
		return out
	}
	want := strings.Join(run(), "\n")
	if strings.Count(want, "\n") < 20 {
		t.Fatalf("too little to compare:\n%s", want)
	}
	for c := 0; c < len(events); c += 20 {
		if got := strings.Join(run(c), "\n"); got != want {
			t.Fatalf("cut at %d:\n%s\nwant\n%s", c, got, want)
		}
	}
	if got := strings.Join(run(50, 100, 150, 200, 250, 300, 350), "\n"); got != want {
		t.Error("cut seven times")
	}
}

// TestFlood: made-up stations neither fill the memory nor take longer and longer.
func TestFlood(t *testing.T) {
	d := detector(500, func(*finding.Instance) {})
	begin := time.Now()
	var first time.Duration
	const n = 300_000
	for i := range n {
		m := packet.MAC{0, 1, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
		x := event.NewARP(event.Head{Seen: packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i + 1)}, SrcMAC: m, DstMAC: all})
		x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = 1, m, packet.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}, packet.MustAddr("10.0.0.1")
		d.Handle(x)
		if i == n/10 {
			first = time.Since(begin)
		}
	}
	if took := time.Since(begin); took > 10*first*3 {
		t.Errorf("the first tenth took %v, all of them %v", first, took)
	}
	var b bytes.Buffer
	if err := d.(detect.Keeper).Save(&b); err != nil {
		t.Fatal(err)
	}
	tab := neighbour.NewTable(n)
	if err := tab.Load(&b); err != nil || tab.Len() != 8000 {
		t.Errorf("%d neighbours remembered, %v", tab.Len(), err)
	}
}
