package detect_test

import (
	"fmt"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

var web = detect.Service{Addr: packet.MustAddr("10.0.0.9"), Port: 80, Proto: packet.ProtoTCP}

// attempt plays one attempt through a ledger and returns what the ledger made of it.
func attempt(l *detect.Ledger, id uint64, client string, port uint16, at float64, outcome event.What) *detect.Attempt {
	f := tcp(id, client, "10.0.0.9", port, event.Started, at, at)
	l.Handle(f)
	if outcome != event.Started {
		f = tcp(id, client, "10.0.0.9", port, outcome, at, at+0.5)
		switch outcome {
		case event.Answered:
			answered(f, 64)
		case event.Refused:
			f.Refusal.Ref = f.Head().Seen
		}
		l.Handle(f)
	}
	return l.Attempt(id)
}

func TestOutcomes(t *testing.T) {
	l := detect.NewLedger(100)
	for i, c := range []struct {
		what event.What
		want detect.Outcome
	}{{event.Started, detect.Undecided}, {event.Answered, detect.OutAnswered}, {event.Refused, detect.OutRefused}, {event.Silent, detect.OutSilent}} {
		a := attempt(l, uint64(i+1), "10.0.0.1", 80, float64(i), c.what)
		if a.Outcome != c.want {
			t.Errorf("%s makes %s, want %s", c.what, a.Outcome, c.want)
		}
	}
	a := attempt(l, 9, "10.0.0.1", 80, 20, event.Silent)
	l.Handle(answered(tcp(9, "10.0.0.1", "10.0.0.9", 80, event.Answered, 20, 29), 64))
	if a.Outcome != detect.OutAnswered || a.Connect != 9*time.Second {
		t.Errorf("an answer that comes late is an answer: %s after %s", a.Outcome, a.Connect)
	}
	l.Handle(tcp(9, "10.0.0.1", "10.0.0.9", 80, event.Silent, 20, 30))
	if a.Outcome != detect.OutAnswered {
		t.Errorf("what was answered is not silent any more: %s", a.Outcome)
	}
}

// TestAgain: who was answered at the third request waited from the first on.
func TestAgain(t *testing.T) {
	l := detect.NewLedger(100)
	attempt(l, 1, "10.0.0.1", 80, 0, event.Answered)
	l.Handle(tcp(2, "10.0.0.1", "10.0.0.9", 80, event.Started, 1, 1))
	f := tcp(2, "10.0.0.1", "10.0.0.9", 80, event.Answered, 1, 5)
	f.SYNTries = 3
	l.Handle(answered(f, 64))
	if s := l.Services(); len(s) != 1 || s[0].Answered != 2 || s[0].Again != 1 || s[0].AgainMax != 4*time.Second {
		t.Errorf("%+v", s)
	}
}

// TestICMP: an error that ends an attempt refuses it; one about sizes, one about answers, one of another flow do not.
func TestICMP(t *testing.T) {
	for _, c := range []struct {
		version, typ, code uint8
		dir                packet.Dir
		flow               uint64
		first              event.What
		want               detect.Outcome
	}{
		{4, 3, 1, packet.ToServer, 1, event.Started, detect.OutRefused},
		{4, 3, 4, packet.ToServer, 1, event.Started, detect.Undecided},
		{4, 11, 0, packet.ToServer, 1, event.Started, detect.Undecided},
		{6, 1, 4, packet.ToServer, 1, event.Started, detect.OutRefused},
		{6, 2, 0, packet.ToServer, 1, event.Started, detect.Undecided},
		{4, 3, 3, packet.ToClient, 1, event.Started, detect.Undecided},
		{4, 3, 1, packet.ToServer, 2, event.Started, detect.Undecided},
		{4, 3, 1, packet.ToServer, 1, event.Answered, detect.OutAnswered},
	} {
		l := detect.NewLedger(10)
		a := attempt(l, 1, "10.0.0.1", 80, 1, c.first)
		x := event.NewICMPError(event.Head{FlowID: c.flow, Seen: ref(5, 2)})
		x.Version, x.Type, x.Code, x.QuotedDir = c.version, c.typ, c.code, c.dir
		l.Handle(x)
		if a.Outcome != c.want {
			t.Errorf("%+v makes %s", c, a.Outcome)
		}
	}
}

// TestControlGroup: who else was answered, in the time asked for.
func TestControlGroup(t *testing.T) {
	l := detect.NewLedger(100)
	attempt(l, 1, "10.0.0.1", 80, 10, event.Silent)
	attempt(l, 2, "10.0.0.2", 80, 11, event.Answered)
	attempt(l, 3, "10.0.0.2", 80, 12, event.Answered)
	attempt(l, 4, "10.0.0.3", 80, 13, event.Refused)
	attempt(l, 5, "10.0.0.4", 443, 14, event.Answered)
	attempt(l, 6, "10.0.0.5", 80, 300, event.Answered) // much later
	attempt(l, 7, "10.0.0.6", 80, 9.8, event.Answered) // began before, answered within
	c := l.Others(0, web, func(a *detect.Attempt) bool { return a.FlowID == 1 }, at(10), at(60))
	if c.Answered != 3 || c.Refused != 1 || c.Silent != 0 || c.Clients != 3 || len(c.AnsweredRefs) != 3 || !c.Known || c.Total() != 4 {
		t.Errorf("%+v", c)
	}
	if c = l.Server(0, web.Addr, nil, at(10), at(60)); c.Answered != 4 || c.Silent != 1 || len(c.SilentRefs) != 1 {
		t.Errorf("%+v", c)
	}
	if c = l.Others(1, web, nil, at(0), at(400)); c.Total() != 0 || !c.Known {
		t.Errorf("another vantage saw %+v", c)
	}
	n := 0
	l.Attempts(detect.Service{}, func(a *detect.Attempt) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("%d attempts shown after saying no at the third", n)
	}
	n = 0
	l.Attempts(detect.Service{Port: 443}, func(a *detect.Attempt) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d attempts at port 443", n)
	}
}

// TestTrim: the ledger stays within its bound, keeps the counts, and says what it no longer knows.
func TestTrim(t *testing.T) {
	l := detect.NewLedger(20)
	attempt(l, 1, "10.0.0.1", 443, 0, event.Refused) // a small service keeps what it has
	for i := range 200 {
		attempt(l, uint64(10+i), fmt.Sprintf("10.0.1.%d", i), 80, float64(i), event.Answered)
	}
	kept := 0
	l.Attempts(detect.Service{}, func(*detect.Attempt) bool { kept++; return true })
	if kept > 20 {
		t.Errorf("%d attempts kept, the bound is 20", kept)
	}
	if c := l.Others(0, web, nil, at(0), at(300)); c.Known {
		t.Error("attempts are gone and it is not said")
	}
	if c := l.Others(0, web, nil, at(195), at(300)); !c.Known || c.Answered != 5 {
		t.Errorf("the last ones are still known: %+v", c)
	}
	if c := l.Others(0, detect.Service{Addr: web.Addr, Port: 443, Proto: packet.ProtoTCP}, nil, at(0), at(300)); c.Refused != 1 {
		t.Errorf("the small service paid for the large one: %+v", c)
	}
	s := l.Services()
	if len(s) != 2 || s[0].Port != 80 || s[0].Attempts != 200 || s[0].Answered != 200 || s[1].Refused != 1 {
		t.Errorf("%+v", s)
	}
	for i := range 50 { // services have a bound too
		l.Handle(tcp(uint64(1000+i), "10.0.0.1", fmt.Sprintf("10.2.0.%d", i), 80, event.Started, 400, 400))
	}
	if l.ServicesDropped == 0 || len(l.Services()) > 20 {
		t.Errorf("%d services, %d dropped", len(l.Services()), l.ServicesDropped)
	}
}

func TestServices(t *testing.T) {
	l := detect.NewLedger(100)
	for i, took := range []float64{0.010, 0.020, 0.090} {
		id := uint64(i + 1)
		l.Handle(tcp(id, "10.0.0.1", "10.0.0.9", 80, event.Started, 1, 1))
		l.Handle(answered(tcp(id, "10.0.0.1", "10.0.0.9", 80, event.Answered, 1, 1+took), 64))
		f := tcp(id, "10.0.0.1", "10.0.0.9", 80, event.Ended, 1, 3)
		f.Exchanges, f.ThinkMax, f.ThinkTotal = 2, time.Duration(i+1)*time.Second, time.Duration(i+2)*time.Second
		f.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 2, Bytes: 100})
		l.Handle(f)
	}
	s := l.Services()
	if len(s) != 1 {
		t.Fatalf("%+v", s)
	}
	x := s[0]
	if x.Clients != 1 || x.ConnectMedian.Round(time.Millisecond) != 20*time.Millisecond || x.ConnectMax.Round(time.Millisecond) != 90*time.Millisecond ||
		x.Exchanges != 6 || x.ThinkMean != 1500*time.Millisecond || x.ThinkMax != 3*time.Second || x.Bytes != 480 {
		t.Errorf("%+v", x)
	}
	if l.Attempt(1) != nil {
		t.Error("an ended flow is still live")
	}
}
