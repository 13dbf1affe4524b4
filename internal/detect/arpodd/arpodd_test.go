package arpodd_test

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/detect/arpodd"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestOdd(t *testing.T) {
	r := detecttest.Run(t, nil, "arp-odd/lan.pcap")
	var texts []*finding.Finding
	for _, f := range r.Findings {
		if f.Confidence == finding.Likely {
			texts = append(texts, f)
		}
	}
	if len(texts) != 2 || texts[0].Code.ID != arpodd.Illegal || texts[1].Code.ID != arpodd.Mismatch {
		t.Fatalf("%v", detecttest.Codes(r, 0))
	}
	detecttest.Says(t, texts[0], "3 frames from a group address, such as 03:fd:00:00:00:0e", "3 ARP packets that give an address to a group, ff:ff:ff:ff:ff:ff",
		"3 ARP packets with impossible address sizes, sent by 02:fd:00:00:00:0e")
	detecttest.SaysNot(t, texts[0], "02:fd:00:00:00:01") // the gateway answers what it is asked
	detecttest.Says(t, texts[1], "02:fd:00:00:00:0e (self-chosen) sends ARP in the name of another card", "10.1.0.99 is at 02:fd:00:00:00:99")
}

func TestBogon(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "arp-bogon/lan.pcap"), arpodd.Bogon, finding.Likely)
	detecttest.Says(t, f, "172.31.9.5", "it asked for 172.31.9.1", "none of them answered", "10.1.0.13, 10.1.0.1 and 10.1.0.11")
}

func TestNothingOdd(t *testing.T) {
	for _, file := range []string{"arp-bogon-remedied/lan.pcap", "arp-proxy/lan.pcap", "arp-spoof-both/lan.pcap", "arp-conflict/lan.pcap", "vrrp-failover/lan.pcap", "arp-scan/lan.pcap",
		"syn-silent-host-off/outside.pcap", "clean-wan/outside.pcap", "span-routed-twice/span.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), arpodd.Mismatch, arpodd.Illegal, arpodd.Bogon)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "172.31.9.1") {
		t.Run(d.Name, func(t *testing.T) {
			detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, "arp-bogon/lan.pcap"), arpodd.Bogon, finding.Likely)
		})
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "arp-bogon/lan.pcap"))
}

func TestMemory(t *testing.T) { detecttest.Split(t, "arp-bogon/lan.pcap", 20, arpodd.Bogon) }

func mac(n byte) packet.MAC { return packet.MAC{2, 0, 0, 0, 0, n} }

var all = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func says(b *detecttest.Bench, at float64, op uint16, ether, sha packet.MAC, sender, target string, tha packet.MAC) {
	x := event.NewARP(event.Head{Seen: b.Ref(0, at), SrcMAC: ether, DstMAC: all})
	if op == 2 {
		x.Head().DstMAC = tha
	}
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP, x.TargetMAC = op, sha, packet.MustAddr(sender), packet.MustAddr(target), tha
	b.Send(x)
}

func TestEvents(t *testing.T) {
	none := packet.MAC{}
	ask := func(b *detecttest.Bench, at float64, n byte, sender, target string) {
		says(b, at, 1, mac(n), mac(n), sender, target, none)
	}
	answer := func(b *detecttest.Bench, at float64, n byte, sender, target string, to byte) {
		says(b, at, 2, mac(n), mac(n), sender, target, mac(to))
	}
	crowd := func(b *detecttest.Bench) {
		for i := byte(2); i < 6; i++ {
			ask(b, float64(i)/10, i, fmt.Sprintf("10.0.0.%d", i), "10.0.0.1")
			answer(b, float64(i)/10+0.01, 1, "10.0.0.1", fmt.Sprintf("10.0.0.%d", i), i)
		}
	}
	vain := func(b *detecttest.Bench, sender, target string) {
		for i := range 6 {
			ask(b, 1+float64(i), 99, sender, target)
		}
	}
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want string // code; empty: none
	}{
		{"of another network", func(b *detecttest.Bench) { crowd(b); vain(b, "192.0.2.9", "192.0.2.1") }, arpodd.Bogon},
		{"it asked before the others spoke", func(b *detecttest.Bench) { vain(b, "192.0.2.9", "192.0.2.1"); crowd(b) }, arpodd.Bogon},
		{"no network is known", func(b *detecttest.Bench) { vain(b, "192.0.2.9", "192.0.2.1") }, ""},
		{"of this network: the machine asked for is off", func(b *detecttest.Bench) { crowd(b); vain(b, "10.0.0.99", "10.0.0.200") }, ""},
		{"a longer network: answered by who is here", func(b *detecttest.Bench) {
			crowd(b)
			ask(b, 0.9, 99, "10.0.7.9", "10.0.0.1")
			answer(b, 0.91, 1, "10.0.0.1", "10.0.7.9", 99)
			vain(b, "10.0.7.9", "10.0.7.1")
			vain(b, "10.0.7.10", "10.0.7.1")
		}, ""},
		{"somebody looks for it and finds it", func(b *detecttest.Bench) {
			crowd(b)
			vain(b, "192.0.2.9", "192.0.2.1")
			ask(b, 8, 2, "10.0.0.2", "192.0.2.9")
			answer(b, 8.1, 99, "192.0.2.9", "10.0.0.2", 2)
		}, ""},
		{"link-local", func(b *detecttest.Bench) { crowd(b); vain(b, "169.254.3.9", "169.254.3.1") }, ""},
		{"a second network with hosts", func(b *detecttest.Bench) {
			crowd(b)
			for i := range 3 {
				ask(b, 0.9, byte(50+i), fmt.Sprintf("192.0.2.%d", 20+i), "192.0.2.1")
			}
			vain(b, "192.0.2.9", "192.0.2.1")
		}, ""},
		{"two of a second network talk to each other", func(b *detecttest.Bench) {
			crowd(b)
			vain(b, "192.0.2.9", "192.0.2.1")
			ask(b, 8, 99, "192.0.2.9", "192.0.2.7")
			answer(b, 8.1, 98, "192.0.2.7", "192.0.2.9", 99)
		}, ""},
		{"another card's name", func(b *detecttest.Bench) { says(b, 0, 1, mac(1), mac(2), "10.0.0.2", "10.0.0.1", none) }, arpodd.Mismatch},
		{"HSRP's virtual address", func(b *detecttest.Bench) {
			says(b, 0, 1, mac(1), packet.MAC{0, 0, 0x0c, 7, 0xac, 1}, "10.0.0.2", "10.0.0.1", none)
		}, ""},
		{"a frame from a group", func(b *detecttest.Bench) {
			says(b, 0, 1, packet.MAC{3}, packet.MAC{2, 2}, "10.0.0.2", "10.0.0.1", none)
		}, arpodd.Illegal},
		{"nobody as owner", func(b *detecttest.Bench) { says(b, 0, 1, mac(1), none, "10.0.0.2", "10.0.0.1", none) }, arpodd.Illegal},
		{"an answer to everybody", func(b *detecttest.Bench) { says(b, 0, 2, mac(1), mac(1), "10.0.0.2", "10.0.0.1", all) }, arpodd.Illegal},
		{"an announcement is addressed to everybody", func(b *detecttest.Bench) { says(b, 0, 2, mac(1), mac(1), "10.0.0.2", "10.0.0.2", all) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpodd.Def)
			c.play(b)
			fs := b.End()
			if c.want == "" {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Code.ID != c.want || fs[0].Confidence != finding.Likely {
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
				t.Fatalf("%d findings, want %s", len(fs), c.want)
			}
		})
	}
}

// TestLoopback: a loopback device shows frames without any address.
// TestVLAN: each title names the VLAN, and the same machine in two of them makes two findings.
func TestVLAN(t *testing.T) {
	tagged := func(b *detecttest.Bench, at float64, vlan uint16, ether, sha packet.MAC, sender, target string) {
		x := event.NewARP(event.Head{Seen: b.Ref(0, at), SrcMAC: ether, DstMAC: all, NVLAN: 1, VLANs: [3]uint16{vlan}})
		x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = 1, sha, packet.MustAddr(sender), packet.MustAddr(target)
		b.Send(x)
	}
	b := detecttest.NewBench(t, nil, arpodd.Def)
	for _, vlan := range []uint16{20, 30} {
		tagged(b, 1, vlan, mac(1), mac(2), "10.0.0.2", "10.0.0.1")
		tagged(b, 1, vlan, packet.MAC{3}, packet.MAC{2, 2}, "10.0.0.2", "10.0.0.1")
	}
	for i := byte(2); i < 6; i++ {
		tagged(b, 2, 20, mac(i), mac(i), fmt.Sprintf("10.0.0.%d", i), "10.0.0.1")
	}
	for i := range 6 {
		tagged(b, 3+float64(i), 20, mac(99), mac(99), "192.0.2.9", "192.0.2.1")
	}
	var titles []string
	for _, f := range b.End() {
		titles = append(titles, f.Title)
	}
	text := strings.Join(titles, "\n")
	for _, want := range []string{"in the name of another card in VLAN 20: ", "in the name of another card in VLAN 30: ", "no honest card sends in VLAN 20: ", "no honest card sends in VLAN 30: ",
		"another network than this one in VLAN 20"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestLoopback(t *testing.T) {
	b := detecttest.NewBench(t, nil, arpodd.Def)
	h := b.Head(detecttest.Flow{ID: 1, Client: "127.0.0.1:1000", Server: "127.0.0.1:80"}, b.Ref(0, 0))
	f := event.NewFlow(h)
	f.What, f.Start = event.Started, h.Seen
	b.Send(f)
	for _, f := range b.End() {
		t.Errorf("%s", detecttest.Text(f))
	}
}
