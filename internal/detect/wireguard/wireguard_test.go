package wireguard_test

import (
	"fmt"
	"testing"

	wg "firestorm/internal/analyzer/wireguard"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/wireguard"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		dir   string
		files []string
		conf  finding.Confidence
		says  []string
	}{
		{"wg-wrong-key", []string{"inside.pcap"}, finding.Likely, []string{"the WireGuard peer 10.2.0.2:51820 does not respond to 10.1.0.11", "4 handshake initiations (148 bytes)",
			"most likely it does not know the public key of 10.1.0.11", "or: a filter on the way that drops it: it would have to filter by source", "wg show all public-key"}},
		{"wg-wrong-key", []string{"inside.pcap", "outside.pcap"}, finding.Likely, []string{"not: a filter on the way that drops it: they were seen at outside.pcap, too"}},
		{"wg-wrong-key-alone", []string{"inside.pcap"}, finding.Possible, []string{"WireGuard does not say why", "or: a peer that is off"}},
		{"wg-port-closed", []string{"inside.pcap"}, finding.Certain, []string{"no WireGuard listens on 10.2.0.2:51820", "ICMP type 3 code 3"}},
		{"wg-blocked", []string{"inside.pcap"}, finding.Likely, []string{"or: a filter on the way"}},
		{"wg-blocked", []string{"inside.pcap", "outside.pcap"}, finding.Certain, []string{"the device between inside.pcap and outside.pcap drops the WireGuard handshakes of 10.1.0.11"}},
	} {
		var files []string
		for _, f := range c.files {
			files = append(files, c.dir+"/"+f)
		}
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, files...), wireguard.Code, c.conf)
			detecttest.Says(t, f, c.says...)
		})
	}
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, dir := range []string{"wg-good", "wg-remedied"} {
		for _, files := range [][]string{{dir + "/inside.pcap"}, {dir + "/outside.pcap"}, {dir + "/inside.pcap", dir + "/outside.pcap"}} {
			detecttest.None(t, detecttest.Run(t, nil, files...))
		}
	}
	detecttest.None(t, detecttest.Run(t, nil, "wg-blocked/outside.pcap"), wireguard.Code)
}

func TestDamaged(t *testing.T) {
	for _, dir := range []string{"wg-good", "wg-remedied", "wg-wrong-key", "wg-blocked"} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(dir+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, dir+"/inside.pcap")
				for _, f := range r.Findings {
					if detecttest.Claims(f) && (dir == "wg-good" || dir == "wg-remedied" || f.Code.ID != wireguard.Code) && f.Code.ID != "duplicate-on-wire" {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
				if d.Name == "no packets from the server" {
					detecttest.Weak(t, r, wireguard.Code)
				}
			})
		}
	}
}

const (
	caller = "10.0.0.1"
	peer   = "10.0.0.2"
)

func send(b *detecttest.Bench, at float64, d packet.Dir, kind uint8) {
	ref := b.Ref(0, at)
	h := event.Head{FlowID: 5, Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr(caller), Port: 40000}, Server: event.End{Addr: packet.MustAddr(peer), Port: 51820}}
	b.Send(wg.New(h, d, wg.Message{Type: kind}))
}

func TestWhen(t *testing.T) {
	ask := func(b *detecttest.Bench, at ...float64) {
		for _, x := range at {
			send(b, x, packet.ToServer, wg.Initiation)
		}
	}
	for _, c := range []struct {
		name string
		send func(b *detecttest.Bench)
		conf finding.Confidence // 0: no finding
		says string
	}{
		{"three in vain", func(b *detecttest.Bench) { ask(b, 0, 5, 10) }, finding.Possible, "3 handshake initiations"},
		{"two in vain", func(b *detecttest.Bench) { ask(b, 0, 5) }, 0, ""},
		{"answered at the third", func(b *detecttest.Bench) { ask(b, 0, 5, 10); send(b, 10.1, packet.ToClient, wg.Response) }, 0, ""},
		{"each answered", func(b *detecttest.Bench) {
			for i := range 5 {
				ask(b, float64(120*i))
				send(b, float64(120*i)+.1, packet.ToClient, wg.Response)
			}
		}, 0, ""},
		{"worked before", func(b *detecttest.Bench) {
			ask(b, 0)
			send(b, .1, packet.ToClient, wg.Response)
			ask(b, 120, 125, 130, 135)
		}, finding.Possible, "the same peer responded at 0.10 s"},
		{"under load", func(b *detecttest.Bench) { ask(b, 0, 5); send(b, 5.1, packet.ToClient, wg.CookieRepl); ask(b, 10, 15) }, finding.Likely, "is under load"},
		{"the old keys still work", func(b *detecttest.Bench) { ask(b, 0, 5, 10); send(b, 11, packet.ToClient, wg.Transport) }, 0, ""},
		{"answers that this capture does not show", func(b *detecttest.Bench) { ask(b, 0); send(b, .2, packet.ToServer, wg.Transport); ask(b, 120, 240) }, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, wireguard.Def)
			c.send(b)
			fs := b.End()
			if c.conf == 0 && len(fs) > 0 || c.conf != 0 && (len(fs) != 1 || fs[0].Confidence != c.conf) {
				for _, f := range fs {
					t.Log(detecttest.Text(f))
				}
				t.Fatalf("%d findings", len(fs))
			}
			if c.says != "" {
				detecttest.Says(t, fs[0], c.says)
			}
		})
	}
}

// TestBounded: more callers than the bench has room for; the last one is still told.
func TestBounded(t *testing.T) {
	b := detecttest.NewBench(t, nil, wireguard.Def)
	for i := range 3000 {
		ref := b.Ref(0, float64(i)/100)
		h := event.Head{FlowID: uint64(10 + i), Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.%d.%d.1", 1+i>>8, i&255)), Port: 4}, Server: event.End{Addr: packet.MustAddr(peer), Port: 5}}
		b.Send(wg.New(h, packet.ToServer, wg.Message{Type: wg.Initiation}))
	}
	for _, at := range []float64{31, 36, 41} {
		send(b, at, packet.ToServer, wg.Initiation)
	}
	if fs := b.End(); len(fs) != 1 {
		t.Errorf("%d findings", len(fs))
	}
}
