package detect_test

import (
	"fmt"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

var nine = packet.MustAddr("10.0.0.9")

// TestTTLs: a host's TTLs come from its packets, never from resets in its name.
func TestTTLs(t *testing.T) {
	h := detect.NewHosts(10)
	refused := tcp(1, "10.0.0.1", "10.0.0.9", 443, event.Refused, 1, 1.1)
	refused.Refusal.TTL = 64
	h.Handle(refused)
	if _, known := h.Get(0, nine).HasTTL(64); known {
		t.Error("a reset told the server's TTL")
	}
	h.Handle(answered(tcp(2, "10.0.0.1", "10.0.0.9", 80, event.Answered, 2, 2.25), 61))
	h.Handle(answered(tcp(3, "10.0.0.1", "10.0.0.9", 80, event.Answered, 3, 3.75), 62))
	host := h.Get(0, nine)
	for ttl, want := range map[uint8]bool{61: true, 62: true, 64: false} {
		if has, known := host.HasTTL(ttl); has != want || !known {
			t.Errorf("TTL %d: %v known %v", ttl, has, known)
		}
	}
	if host.RTTs != 2 || host.MinRTT != 250*time.Millisecond || host.MaxRTT != 750*time.Millisecond {
		t.Errorf("round trips %d, %s to %s", host.RTTs, host.MinRTT, host.MaxRTT)
	}
	if h.Get(1, nine) != nil {
		t.Error("another vantage knows it too")
	}
	var none *detect.Host
	if has, known := none.HasTTL(61); has || known {
		t.Error("an unknown host has a TTL")
	}
	if signs, _ := none.NAT(); signs != 0 {
		t.Error("an unknown host is a NAT")
	}
}

// TestNAT: machines behind one address show in TTLs, fingerprints and clocks; one machine shows one of each.
func TestNAT(t *testing.T) {
	syn := func(h *detect.Hosts, id uint64, seconds float64, ttl uint8, print, ts uint32) {
		f := tcp(id, "10.0.0.1", "10.0.0.9", 80, event.Started, seconds, seconds)
		s := &f.Sides[packet.ToServer]
		s.TTLFirst, s.SYNPrint, s.TSSeen, s.TSFirst = ttl, print, ts != 0, ts
		h.Handle(f)
	}
	me := packet.MustAddr("10.0.0.1")
	h := detect.NewHosts(10)
	syn(h, 1, 1, 64, 7, 1000)
	syn(h, 2, 61, 64, 7, 61_000) // a minute later, a clock of a thousand ticks a second
	if signs, n := h.Get(0, me).NAT(); signs != 0 || n != 0 {
		t.Errorf("one machine shows %d signs of %d", signs, n)
	}
	syn(h, 3, 62, 127, 8, 0)
	if signs, n := h.Get(0, me).NAT(); signs != 2 || n != 2 {
		t.Errorf("two machines show %d signs of %d", signs, n)
	}
	syn(h, 4, 63, 64, 7, 900_000_000)
	syn(h, 5, 64, 64, 7, 3_000_000_000)
	if signs, n := h.Get(0, me).NAT(); signs != 3 || n != 3 {
		t.Errorf("three clocks show %d signs of %d", signs, n)
	}
	// across the wrap of the clock
	h = detect.NewHosts(10)
	syn(h, 1, 1, 64, 7, 0xfffffff0)
	syn(h, 2, 2, 64, 7, 900)
	if signs, _ := h.Get(0, me).NAT(); signs != 0 {
		t.Error("a clock that wraps is taken for two")
	}
}

func TestARP(t *testing.T) {
	h := detect.NewHosts(10)
	arp := func(op uint16, sender, target string, seconds float64, vantage uint16) {
		x := event.NewARP(event.Head{Seen: ref(uint64(seconds*10), seconds), Vantage: vantage})
		x.Op, x.SenderIP, x.TargetIP, x.SenderMAC = op, packet.MustAddr(sender), packet.MustAddr(target), packet.MAC{2, 0, 0, 0, 0, 9}
		h.Handle(x)
	}
	for i := range 5 {
		arp(1, "10.0.0.254", "10.0.0.9", float64(1+i), 1)
	}
	x := h.Nearest(nine)
	if x == nil || x.ARPAskedN != 5 || x.ARPAskFirst.Time != at(1) || x.ARPAsked.Time != at(5) || x.ARPAskedUnansweredRefs[2].Time != at(3) {
		t.Fatalf("%+v", x)
	}
	if asker := h.Get(1, packet.MustAddr("10.0.0.254")); asker == nil || asker.ARPAnswered.IsZero() || asker.MAC != (packet.MAC{2, 0, 0, 0, 0, 9}) {
		t.Error("who asks shows that he is there")
	}
	arp(2, "10.0.0.9", "10.0.0.254", 6, 1)
	if x.ARPAskedN != 0 || x.ARPAnswered.Time != at(6) || !x.ARPAskedUnansweredRefs[0].IsZero() || x.Prefix != nine.Prefix() {
		t.Errorf("after the reply: %+v", x)
	}
	arp(1, "0.0.0.0", "10.0.0.9", 7, 1) // a probe claims nothing
	if h.Get(1, packet.MustAddr("0.0.0.0")) != nil {
		t.Error("a probe's sender is taken for a host")
	}
	arp(1, "10.0.0.7", "10.0.0.7", 8, 1) // an announcement asks nothing
	if y := h.Get(1, packet.MustAddr("10.0.0.7")); y == nil || y.ARPAskedN != 0 || y.ARPAnswered.IsZero() {
		t.Errorf("an announcement: %+v", y)
	}
	if h.Nearest(packet.MustAddr("10.0.0.100")) != nil {
		t.Error("ARP knows an address that nobody named")
	}
}

func TestHostsBound(t *testing.T) {
	h := detect.NewHosts(3)
	for i := range 10 {
		h.Handle(answered(tcp(uint64(i+1), "10.0.0.1", fmt.Sprintf("10.1.0.%d", i), 80, event.Answered, 1, 2), 64))
	}
	if h.Evicted != 7 || h.Get(0, packet.MustAddr("10.1.0.0")) != nil || h.Get(0, packet.MustAddr("10.1.0.9")) == nil {
		t.Errorf("%d evicted", h.Evicted)
	}
}
