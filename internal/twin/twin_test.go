package twin_test

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/twin"
)

// load reads a committed capture as decoded packets of one vantage.
func load(t *testing.T, name string, v uint16) []packet.Packet {
	t.Helper()
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", name), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out []packet.Packet
	var b packet.Batch
	for {
		err := src.Next(&b)
		for _, p := range b.Packets {
			p.Data = slices.Clone(p.Data)
			p.Source = v
			packet.Decode(&p, nil)
			out = append(out, p)
		}
		b.Release()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func join(t *testing.T, a, b []packet.Packet) (*twin.Join, bool) {
	t.Helper()
	ps := twin.NewPass(twin.Options{})
	for i := range a {
		ps.Add(0, &a[i])
	}
	for i := range b {
		ps.Add(1, &b[i])
	}
	return ps.Solve()
}

func TestOffsetIsSolved(t *testing.T) {
	for _, off := range []time.Duration{0, 3700 * time.Millisecond, -90 * time.Second} {
		a, b := load(t, "timewait-silent/inside.pcap", 0), load(t, "timewait-silent/outside.pcap", 1)
		for i := range b {
			b[i].Time = b[i].Time.Add(off)
		}
		j, ok := join(t, a, b)
		if !ok {
			t.Fatal("not joined")
		}
		if d := j.Offset - off; d > time.Millisecond || d < -time.Millisecond {
			t.Errorf("offset %v, want %v", j.Offset, off)
		}
		if j.Near() != 0 {
			t.Error("inside is nearer to the clients")
		}
		if j.Matched < 230 {
			t.Errorf("%d of 237 packets matched", j.Matched)
		}
	}
}

// A long way between the captures must not be taken for a clock that is wrong: what goes there comes later, what comes
// back was there earlier.
func TestDelayIsNoOffset(t *testing.T) {
	const way, off = 40 * time.Millisecond, 3 * time.Second
	a, b := load(t, "timewait-silent/inside.pcap", 0), load(t, "timewait-silent/outside.pcap", 1)
	server := packet.MustAddr("10.3.0.2")
	for i := range b {
		d := way
		if b[i].Src == server {
			d = -way
		}
		b[i].Time = b[i].Time.Add(off + d)
	}
	j, ok := join(t, a, b)
	if !ok || j.Offset-off > time.Millisecond || off-j.Offset > time.Millisecond {
		t.Errorf("joined %v, offset %v, want %v", ok, j.Offset, off)
	}
	if j.Delay-way > time.Millisecond || way-j.Delay > time.Millisecond {
		t.Errorf("delay %v, want %v", j.Delay, way)
	}
}

// A NAT rewrites addresses; both directions of a connection must find their twin, whichever capture comes first.
func TestPartnerAcrossNAT(t *testing.T) {
	a, b := load(t, "timewait-silent/inside.pcap", 0), load(t, "timewait-silent/outside.pcap", 1)
	j, _ := join(t, a, b)
	n := 0
	for i := range a {
		p := &a[i]
		if p.TCPFlags&(packet.SYN|packet.ACK) != packet.SYN {
			continue
		}
		other, ok := j.Partner(0, p.Ref())
		if !ok {
			continue // a retry
		}
		n++
		back, ok := j.Partner(1, other)
		if !ok || back.Frame != p.Frame {
			t.Errorf("frame %d ↔ %d does not go back (%v)", p.Frame, other.Frame, back)
		}
		tr := j.Trace(0, p.Ref())
		if !tr.Seen || !slices.ContainsFunc(tr.Changed, func(s string) bool { return strings.Contains(s, "became 10.2.0.1:") }) {
			t.Errorf("frame %d: %+v", p.Frame, tr)
		}
	}
	if n < 10 {
		t.Errorf("%d connections joined", n)
	}
}

func TestDiedBetween(t *testing.T) {
	a, b := load(t, "syn-silent-port/inside.pcap", 0), load(t, "syn-silent-port/outside.pcap", 1)
	j, _ := join(t, a, b)
	died, passed := 0, 0
	for i := range a {
		p := &a[i]
		if p.Proto != packet.ProtoTCP || !p.Has(packet.SYN) || p.Has(packet.ACK) {
			continue
		}
		tr := j.Trace(0, p.Ref())
		switch {
		case p.DstPort == 8443 && tr.Known && !tr.Seen:
			died++
		case p.DstPort == 80 && tr.Seen:
			passed++
		default:
			t.Errorf("frame %d port %d: %+v", p.Frame, p.DstPort, tr)
		}
	}
	if died == 0 || passed == 0 {
		t.Errorf("died %d passed %d", died, passed)
	}
}

// Absence means nothing while the other capture was not running.
func TestOutsideTheSpanIsUnknown(t *testing.T) {
	a, b := load(t, "syn-silent-port/inside.pcap", 0), load(t, "syn-silent-port/outside.pcap", 1)
	b = b[:len(b)/2]
	j, _ := join(t, a, b)
	last := a[len(a)-1].Ref()
	if tr := j.Trace(0, last); tr.Known && !tr.Seen {
		t.Errorf("%+v: the other capture had ended", tr)
	}
}

func TestUnrelatedCaptures(t *testing.T) {
	a, b := load(t, "syn-silent-port/inside.pcap", 0), load(t, "zero-window/inside.pcap", 1)
	if j, ok := join(t, a, b); ok {
		t.Errorf("joined with %d packets in common", j.Matched)
	}
}

// A firewall that randomises sequence numbers leaves timestamps, IP-ID and payload.
func TestRewrittenSequenceNumbers(t *testing.T) {
	a, b := load(t, "clean-nat/inside.pcap", 0), load(t, "clean-nat/outside.pcap", 1)
	plain, _ := join(t, a, b)
	for i := range b {
		if b[i].Proto == packet.ProtoTCP {
			b[i].Seq += 1_000_003
			b[i].Ack += 1_000_003
		}
	}
	j, ok := join(t, a, b)
	if !ok || float64(j.Matched) < 0.8*float64(plain.Matched) {
		t.Errorf("%d matched, %d without rewriting", j.Matched, plain.Matched)
	}
}

func TestRemovedOption(t *testing.T) {
	a, b := load(t, "wscale-stripped/inside.pcap", 0), load(t, "wscale-stripped/outside.pcap", 1)
	j, _ := join(t, a, b)
	n := 0
	for i := range a {
		if tr := j.Trace(0, a[i].Ref()); tr.Removed&packet.OptWScale != 0 {
			n++
		}
	}
	if n == 0 {
		t.Error("no SYN lost its window scale")
	}
}

// TestRemovedTimestamps: a SYN without the timestamps that it had is still the same SYN; a try before it, which died, is not.
func TestRemovedTimestamps(t *testing.T) {
	a, b := load(t, "wscale-stripped-nat/inside.pcap", 0), load(t, "wscale-stripped-nat/outside.pcap", 1)
	early := a[0]
	early.Frame, early.Time, early.TSVal = 9999, early.Time.Add(-time.Second), early.TSVal-1000
	b = append([]packet.Packet{b[20]}, b...) // something of that time
	b[0].Frame, b[0].Time = 9999, early.Time.Add(-time.Millisecond)
	j, _ := join(t, append([]packet.Packet{early}, a...), b)
	if tr := j.Trace(0, early.Ref()); !tr.Known || tr.Seen {
		t.Errorf("the try that died: %+v", tr)
	}
	if tr := j.Trace(0, a[0].Ref()); !tr.Seen || tr.Ref.Frame != 1 || tr.Removed != packet.OptWScale|packet.OptTS {
		t.Errorf("the SYN: %+v", tr)
	}
}

func TestLimit(t *testing.T) {
	a, b := load(t, "clean-nat/inside.pcap", 0), load(t, "clean-nat/outside.pcap", 1)
	ps := twin.NewPass(twin.Options{MaxPackets: 500})
	for i := range a {
		ps.Add(0, &a[i])
	}
	for i := range b {
		ps.Add(1, &b[i])
	}
	j, ok := ps.Solve()
	if !ok || j.Unjoined(0) == 0 {
		t.Fatalf("joined %v, %d beyond the limit", ok, j.Unjoined(0))
	}
	if tr := j.Trace(0, a[len(a)-1].Ref()); tr.Known {
		t.Error("a packet beyond the limit is called known")
	}
}
