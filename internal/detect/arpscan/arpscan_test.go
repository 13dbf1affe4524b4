package arpscan_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect/arpscan"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestScan(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-scan/lan.pcap"), arpscan.Scan, finding.Likely)
	detecttest.Says(t, f, "10.1.0.14, 02:fd:00:00:00:0e (self-chosen), asked for 255 addresses", "251 of them are not there", "it found 4 machines: 10.1.0.1, 10.1.0.11, 10.1.0.12 and 10.1.0.13",
		"no packets of others come from it")
	f = detecttest.Only(t, detecttest.Run(t, nil, "arp-scan-nmap/lan.pcap"), arpscan.Scan, finding.Likely)
	detecttest.Says(t, f, "it found 4 machines")
	for _, dir := range []string{"arp-scan-few", "mac-flood-crowd", "arp-conflict", "arp-proxy"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"), arpscan.Scan, arpscan.Flood)
	}
}

func TestFlood(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "mac-flood/lan.pcap"), arpscan.Flood, finding.Certain)
	detecttest.Says(t, f, "new link-layer addresses sent frames", "sent a single frame", "are group addresses, from which no card may send")
	if len(f.Explains) != 1 || f.Explains[0].Code != "mac-source-illegal" {
		t.Errorf("it explains %v", f.Explains)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.1.0.12") {
		t.Run(d.Name, func(t *testing.T) {
			detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, "arp-scan/lan.pcap"), arpscan.Scan, finding.Likely)
			detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, "mac-flood/lan.pcap"), arpscan.Flood, finding.Certain)
		})
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "arp-scan/lan.pcap"), arpscan.Scan)
}

func TestMemory(t *testing.T) {
	detecttest.Split(t, "arp-scan-nmap/lan.pcap", 20, arpscan.Scan)
}

func mac(n int) packet.MAC { return packet.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)} }

var all = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func arp(b *detecttest.Bench, at float64, op uint16, n int, sender, target string, to int) {
	x := event.NewARP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), DstMAC: all})
	if op == 2 {
		x.Head().DstMAC = mac(to)
	}
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP, x.TargetMAC = op, mac(n), packet.MustAddr(sender), packet.MustAddr(target), mac(to)
	b.Send(x)
}

const scanner = "10.0.0.200"

// scan asks for n addresses, every apart; the first there are answered.
func scan(b *detecttest.Bench, n, there int, every float64) {
	for i := range n {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		arp(b, float64(i)*every, 1, 200, scanner, ip, 0)
		if i < there {
			arp(b, float64(i)*every+every/2, 2, i+1, ip, scanner, 200)
		}
	}
}

func TestEvents(t *testing.T) {
	wait := func(b *detecttest.Bench, at float64) { arp(b, at, 1, 9, "10.0.0.9", "10.0.0.1", 0) }
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence // 0: nothing
		code string
		says string
	}{
		{"most are not there", func(b *detecttest.Bench) { scan(b, 40, 8, 0.1); wait(b, 10) }, finding.Likely, arpscan.Scan, "asked for 40 addresses"},
		{"too few", func(b *detecttest.Bench) { scan(b, 31, 0, 0.1); wait(b, 10) }, 0, "", ""},
		{"most are there", func(b *detecttest.Bench) { scan(b, 40, 20, 0.1); wait(b, 10) }, 0, "", ""},
		{"too slow", func(b *detecttest.Bench) { scan(b, 40, 0, 3); wait(b, 200) }, 0, "", ""},
		{"the end comes before the answers can", func(b *detecttest.Bench) { scan(b, 40, 0, 0.01) }, 0, "", ""},
		{"a router on behalf of others", func(b *detecttest.Bench) {
			scan(b, 20, 0, 0.1)
			h := b.Head(detecttest.Flow{ID: 1, Client: "192.0.2.1:1000", Server: "10.0.0.7:80"}, b.Ref(0, 2))
			h.SrcMAC = mac(200)
			f := event.NewFlow(h)
			f.What, f.Start = event.Started, h.Seen
			b.Send(f)
			for i := 20; i < 60; i++ {
				arp(b, 2+float64(i)*0.1, 1, 200, scanner, fmt.Sprintf("10.0.0.%d", i+1), 0)
			}
			wait(b, 12)
		}, finding.Possible, arpscan.Scan, "it may ask on behalf of somebody behind it who scans"},
		{"many machines, each asking once", func(b *detecttest.Bench) {
			for i := range 400 {
				arp(b, float64(i)*0.01, 1, 1000+i, fmt.Sprintf("10.0.%d.%d", 1+i/200, i%200), "10.0.0.1", 0)
			}
			wait(b, 10)
		}, 0, "", ""},
		{"more than a network has, each once", func(b *detecttest.Bench) {
			for i := range 700 {
				arp(b, float64(i)*0.01, 1, 1000+i, fmt.Sprintf("10.0.%d.%d", 1+i/200, i%200), "10.0.0.1", 0)
			}
		}, finding.Certain, arpscan.Flood, "more than 512 new senders"},
		{"a great network wakes up, and goes on speaking", func(b *detecttest.Bench) {
			for i := range 1400 {
				arp(b, float64(i)*0.01, 1, 1000+i/2, fmt.Sprintf("10.0.%d.%d", 1+i/400, i/2%200), "10.0.0.1", 0)
			}
		}, 0, "", ""},
		{"the same in two hours", func(b *detecttest.Bench) {
			for i := range 700 {
				arp(b, float64(i)*10, 1, 1000+i, fmt.Sprintf("10.0.%d.%d", 1+i/200, i%200), "10.0.0.1", 0)
			}
		}, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpscan.Def)
			c.play(b)
			fs := b.End()
			if c.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want || fs[0].Code.ID != c.code {
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
				t.Fatalf("%d findings", len(fs))
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}
