package evidence

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func livePackets(n int) (ps []packet.Packet) {
	for i := range n {
		ps = append(ps, packet.Packet{Data: bytes.Repeat([]byte{byte(i)}, 60), Time: packet.Time(i+1) * 1e9, Frame: uint64(i + 1), Link: packet.LinkEthernet, WireLen: 60})
	}
	return ps
}

var liveFound = &finding.Finding{Code: &finding.Code{ID: "arp-scan"}, Severity: finding.High, Confidence: finding.Likely, Title: "a\x1b[2J\nb",
	Evidence: []finding.Proof{{Ref: packet.Ref{Frame: 1, Time: 1e9}}, {Ref: packet.Ref{Frame: 2, Time: 2e9}}}}

// TestLive: packets go out as they come; a finding is a comment of the packet after it, or of the statistics when none comes.
func TestLive(t *testing.T) {
	var b bytes.Buffer
	l := NewLive(&b, LiveOptions{Application: "firestorm", Visible: event.Visible, Name: func(uint16) string { return "eth0" }})
	ps := livePackets(4)
	l.Packets(ps[:2])
	ps[0].Data[0] = 99 // the batch is given back: what was taken is a copy
	l.Finding(liveFound)
	l.Packets(ps[2:3])
	l.Packets(ps[3:])
	late := *liveFound
	late.Title = "late"
	l.Finding(&late)
	l.Tick(20e9, []LiveStats{{Received: 4, Dropped: 1}})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	at := func(s string) int { return bytes.Index(b.Bytes(), []byte(s)) }
	three, four := at(strings.Repeat("\x02", 60)), at(strings.Repeat("\x03", 60))
	said, lateAt := at(`FS arp-scan high likely: a\u{1b}[2J\u{a}b (frames 1, 2)`), at("FS arp-scan high likely: late (frames 1, 2)")
	if at("eth0") < 0 || at("\x63\x00\x00") >= 0 || three < 0 || said < three || four < said || lateAt < four {
		t.Errorf("3 at %d, its comment at %d, 4 at %d, the last comment at %d", three, said, four, lateAt)
	}
}

// TestLiveReaderHangs: who looks on and takes nothing keeps nobody waiting; what is not shown is counted and said. One who goes away
// is noticed.
func TestLiveReaderHangs(t *testing.T) {
	r, w := io.Pipe()
	l := NewLive(w, LiveOptions{})
	begin := time.Now()
	ps := livePackets(16)
	for range liveQueue + 100 {
		l.Packets(ps)
	}
	if d := time.Since(begin); d > 5*time.Second || l.Lost() == 0 || l.bytes.Load() > liveBytes {
		t.Errorf("%v, %d lost, %d bytes kept", d, l.Lost(), l.bytes.Load())
	}
	var b bytes.Buffer
	read := make(chan error)
	go func() { _, err := io.Copy(&b, r); read <- err }()
	for l.bytes.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	l.Packets(ps[:1])
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-read; err != nil || !bytes.Contains(b.Bytes(), []byte("packets are not shown here")) {
		t.Errorf("%v; what is missing is not said in %d bytes", err, b.Len())
	}
	r, w = io.Pipe()
	l = NewLive(w, LiveOptions{})
	r.Close()
	l.Packets(ps)
	select {
	case <-l.Gone():
	case <-time.After(5 * time.Second):
		t.Error("nobody noticed that the reader is gone")
	}
	if err := l.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
