package espflow_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/esp"
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/espflow"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct{ dir, what, line string }{
		{"esp-one-way", "32 packets of ESP in UDP 4500 from 10.1.0.11 to 10.2.0.2", "ip saddr 10.2.0.2 ip daddr 10.1.0.11 udp sport 4500 accept"},
		{"esp-bare-one-way", "32 packets of ESP (protocol 50) from 10.1.0.11 to 10.2.0.2", "ip saddr 10.2.0.2 ip daddr 10.1.0.11 meta l4proto esp accept"},
	} {
		f := detecttest.Only(t, detecttest.Run(t, nil, c.dir+"/inside.pcap"), espflow.Code, finding.Possible)
		detecttest.Says(t, f, "carries packets one way only", c.what, "none from 10.2.0.2 to 10.1.0.11 in the whole capture", "not: a capture that shows one direction: messages of IKE were seen from both sides")
		f = detecttest.Only(t, detecttest.Run(t, nil, c.dir+"/inside.pcap", c.dir+"/outside.pcap"), espflow.Code, finding.Certain)
		detecttest.Says(t, f, "the device between outside.pcap and inside.pcap drops the tunnel's packets from 10.2.0.2 to 10.1.0.11", c.line)
		detecttest.None(t, detecttest.Run(t, nil, c.dir+"/outside.pcap"), espflow.Code)
	}
}

// TestSent: what one gateway sends dies in the device between: from one place it may be silence, from two it is not.
func TestSent(t *testing.T) {
	in, out := "esp-one-way-v1/inside.pcap", "esp-one-way-v1/outside.pcap"
	detecttest.Only(t, detecttest.Run(t, nil, in), espflow.Code, finding.Possible)
	f := detecttest.Only(t, detecttest.Run(t, nil, in, out), espflow.Code, finding.Certain)
	detecttest.Says(t, f, "the device between inside.pcap and outside.pcap drops the tunnel's packets from 10.1.0.11 to 10.2.0.2", "were seen at inside.pcap and never at outside.pcap",
		"ip saddr 10.1.0.11 ip daddr 10.2.0.2 udp dport 4500 accept")
	detecttest.None(t, detecttest.Run(t, nil, out), espflow.Code)
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, dir := range []string{"esp-one-way-remedied", "esp-idle", "esp-bare", "ike-v2", "ike-v1-main", "ike-sonicwall", "ike-dpd", "ike-pfs-v2-rekey"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/inside.pcap"), espflow.Code)
	}
}

// TestDamaged: a healthy tunnel of which one direction is missing is no claim.
func TestDamaged(t *testing.T) {
	for _, dir := range []string{"ike-v2", "esp-bare", "esp-one-way", "esp-one-way-remedied"} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, dir+"/inside.pcap")
			detecttest.Weak(t, r, espflow.Code)
		}
	}
}

// flow sends events of one direction by hand.
func flow(b *detecttest.Bench, from, to string, spi uint32, begin, n, end float64) {
	first := b.Ref(0, begin)
	f := esp.Facts{SPI: spi, From: packet.MustAddr(from), To: packet.MustAddr(to), Packets: 1, FirstSeq: 1, First: first, Last: first}
	h := event.Head{Proto: packet.ProtoESP, Seen: first, Client: event.End{Addr: f.From}, Server: event.End{Addr: f.To}}
	b.Send(esp.New(h, esp.Started, f))
	f.Packets, f.Last = uint64(n), b.Ref(0, end)
	h.Seen = f.Last
	b.Send(esp.New(h, esp.Going, f))
}

func talk(b *detecttest.Bench, at float64) {
	for d := range packet.Dir(2) {
		ref := b.Ref(0, at)
		h := event.Head{Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: 4500}, Server: event.End{Addr: packet.MustAddr("10.0.0.2"), Port: 4500}}
		b.Send(ike.New(h, d, ike.Message{}))
	}
}

func TestWhen(t *testing.T) {
	for _, c := range []struct {
		name  string
		send  func(b *detecttest.Bench)
		conf  finding.Confidence // 0: no finding
		title string
	}{
		{"never the other way", func(b *detecttest.Bench) { talk(b, 0); flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 20, 15) }, finding.Possible, ""},
		{"stopped after a rekey", func(b *detecttest.Bench) {
			talk(b, 0)
			flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 20, 5)
			flow(b, "10.0.0.2", "10.0.0.1", 8, 1.1, 20, 5.1)
			flow(b, "10.0.0.1", "10.0.0.2", 9, 6, 20, 20)
		}, finding.Likely, ""},
		{"both ways over a rekey", func(b *detecttest.Bench) {
			for i := range 5 {
				at := float64(10 * i)
				flow(b, "10.0.0.1", "10.0.0.2", uint32(10+i), at, 20, at+9)
				flow(b, "10.0.0.2", "10.0.0.1", uint32(20+i), at+.1, 20, at+9.1)
			}
		}, 0, ""},
		{"a few seconds", func(b *detecttest.Bench) { flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 50, 9) }, 0, ""},
		{"a few packets", func(b *detecttest.Bench) { flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 5, 60) }, 0, ""},
		{"nothing of the other gateway", func(b *detecttest.Bench) { flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 20, 15) }, 0, ""},
		{"heard later", func(b *detecttest.Bench) {
			flow(b, "10.0.0.1", "10.0.0.2", 7, 1, 20, 15)
			flow(b, "10.0.0.2", "10.0.0.1", 8, 16, 20, 20)
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, espflow.Def)
			c.send(b)
			fs := b.End()
			if c.conf == 0 && len(fs) > 0 || c.conf != 0 && (len(fs) != 1 || fs[0].Confidence != c.conf) {
				for _, f := range fs {
					t.Log(detecttest.Text(f))
				}
				t.Errorf("%d findings", len(fs))
			}
		})
	}
}

// TestBounded: more tunnels than the bench has room for.
func TestBounded(t *testing.T) {
	b := detecttest.NewBench(t, nil, espflow.Def)
	for i := range 3000 {
		flow(b, fmt.Sprintf("10.%d.%d.1", i>>8, i&255), "192.0.2.1", 7, float64(i)/100, 2, float64(i)/100)
	}
	talk(b, 31)
	flow(b, "10.0.0.1", "10.0.0.2", 7, 31, 20, 50)
	if fs := b.End(); len(fs) != 1 {
		t.Errorf("%d findings", len(fs))
	}
}
