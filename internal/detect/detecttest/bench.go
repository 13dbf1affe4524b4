package detecttest

import (
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Bench runs detectors on events made by hand, with the ledger, host memory, gates and engine that they have in the
// sensor.
type Bench struct {
	Ledger *detect.Ledger
	Hosts  *detect.Hosts
	Gates  *detect.Gates
	Engine *finding.Engine
	Scope  *detect.Scope // Context may be set before the first event
	t      testing.TB
	dets   []detect.Detector
	now    packet.Time
	ticked packet.Time
	ord    uint64
	frame  map[uint16]uint64
}

// NewBench returns a bench for detectors; twins may be nil. Codes that the detectors absorb and nobody here reports are
// no fault.
func NewBench(t testing.TB, twins *detect.Twins, defs ...detect.Def) *Bench {
	t.Helper()
	b := &Bench{Ledger: detect.NewLedger(10_000), Hosts: detect.NewHosts(10_000), Gates: detect.NewGates(1000), t: t, frame: map[uint16]uint64{}}
	scope := detect.NewScope(b.Ledger, b.Hosts, twins, detect.Limits{Entries: 1000}, func(i *finding.Instance) { b.Engine.Report(i) })
	scope.Begin = At(0)
	b.Scope = scope
	owner, name := map[string]detect.Detector{}, map[string]string{}
	var codes []*finding.Code
	for _, d := range defs {
		det := d.New(scope)
		b.dets = append(b.dets, det)
		codes = append(codes, d.Codes...)
		for _, c := range d.Codes {
			owner[c.ID], name[c.ID] = det, d.Name
		}
	}
	var err error
	b.Engine, err = finding.NewEngine(finding.Options{Codes: codes, Gates: scope.Judge(b.Gates.Judge, func(code string) string { return name[code] }), Same: twins.Same,
		Compose: func(g *finding.Group, bl *finding.Builder) bool { return owner[g.Code.ID].Compose(g, bl) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start is the time that At counts from.
const start = packet.Time(1_700_000_000_000_000_000)

// At is the moment so many seconds after the beginning.
func At(seconds float64) packet.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// Ref makes a proof at a moment, with the next frame number of the source.
func (b *Bench) Ref(source uint16, seconds float64) packet.Ref {
	b.frame[source]++
	return packet.Ref{Frame: b.frame[source], Source: source, Time: At(seconds)}
}

// Send hands an event to everybody, as the sensor does.
func (b *Bench) Send(e event.Event) {
	h := e.Head()
	b.ord++
	h.Ordinal = b.ord
	if b.ticked == 0 {
		b.ticked = h.Seen.Time
	}
	for h.Seen.Time.Sub(b.ticked) >= detect.TickEvery {
		b.ticked = b.ticked.Add(detect.TickEvery)
		b.tick()
	}
	b.now = max(b.now, h.Seen.Time)
	b.Gates.Handle(e)
	b.Ledger.Handle(e)
	b.Hosts.Handle(e)
	b.Scope.Now = h.Seen.Time
	for _, d := range b.dets {
		d.Handle(e)
	}
}

func (b *Bench) tick() {
	for _, d := range b.dets {
		d.Tick(b.ticked)
	}
}

// End ends the input and returns the findings in report order.
func (b *Bench) End() []*finding.Finding {
	b.t.Helper()
	for _, d := range b.dets {
		d.End(b.now)
	}
	b.Engine.End(b.now)
	if n := b.Engine.Counts.Faulty; len(n) > 0 {
		b.t.Fatalf("findings with a fault: %v", n)
	}
	fs := b.Engine.Findings()
	for _, f := range fs {
		whole(b.t, f)
	}
	return fs
}

// Flow describes a TCP connection for hand-made events.
type Flow struct {
	ID             uint64
	Client, Server string // "10.0.0.1:1000"
	Vantage        uint16
	TTL            uint8 // of the client's packets
}

// Head returns the head of an event of the flow at a moment.
func (b *Bench) Head(f Flow, seen packet.Ref) event.Head {
	return event.Head{FlowID: f.ID, Proto: packet.ProtoTCP, Vantage: f.Vantage, Seen: seen, Client: end(f.Client), Server: end(f.Server)}
}

func (b *Bench) begin(f Flow, at float64) *event.Flow {
	syn := b.Ref(f.Vantage, at)
	x := event.NewFlow(b.Head(f, syn))
	x.What, x.Start, x.Last, x.SYNTries, x.State = event.Started, syn, syn, 1, event.StateSYNSent
	x.Marks[event.MarkSYN], x.Marks[event.MarkSYNLast] = syn, syn
	ttl := f.TTL
	if ttl == 0 {
		ttl = 64
	}
	x.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 1, Bytes: 74, Flags: packet.SYN, TTLFirst: ttl, TTLMin: ttl, TTLMax: ttl, ISN: 1000, SeqKnown: true, SYNSeen: true, SYNPrint: 7})
	b.Send(x)
	return x
}

// Connect sends the events of a connection that works: asked for at a moment, answered after took seconds by packets
// with the TTL.
func (b *Bench) Connect(f Flow, at, took float64, ttl uint8) *event.Flow {
	s := b.begin(f, at)
	x := *s.Clone()
	ack := b.Ref(f.Vantage, at+took)
	*x.Head() = b.Head(f, ack)
	x.What, x.Last, x.State = event.Answered, ack, event.StateSYNRecv
	x.Marks[event.MarkSYNACK] = ack
	x.RTTServer = ack.Time.Sub(x.Start.Time)
	x.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 1, Bytes: 74, Flags: packet.SYN | packet.ACK, TTLFirst: ttl, TTLMin: ttl, TTLMax: ttl, SeqKnown: true, SYNSeen: true})
	b.Send(&x)
	return &x
}

// Refuse sends the events of a request that a reset answers after took seconds; change may alter the event.
func (b *Bench) Refuse(f Flow, at, took float64, ttl uint8, change func(*event.Flow)) *event.Flow {
	s := b.begin(f, at)
	x := *s.Clone()
	rst := b.Ref(f.Vantage, at+took)
	*x.Head() = b.Head(f, rst)
	x.What, x.Last, x.State = event.Refused, rst, event.StateClosed
	x.Refusal = event.RST{Ref: rst, Dir: packet.ToClient, Ack: 1001, HasACK: true, TTL: ttl, Valid: true}
	x.Marks[event.MarkServerRST] = rst
	x.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 1, Bytes: 60, Flags: packet.RST | packet.ACK})
	if change != nil {
		change(&x)
	}
	b.Send(&x)
	return &x
}

// Silence sends the events of a request made tries times, a second apart, that nobody answers.
func (b *Bench) Silence(f Flow, at float64, tries int) *event.Flow {
	s := b.begin(f, at)
	x := *s.Clone()
	for i := 1; i < tries; i++ {
		r := b.Ref(f.Vantage, at+float64(i))
		switch i {
		case 1:
			x.Marks[event.MarkSYN2] = r
		case 2:
			x.Marks[event.MarkSYN3] = r
		}
		x.Marks[event.MarkSYNLast], x.Last = r, r
	}
	seen := x.Last
	seen.Time = seen.Time.Add(event.SilenceAfter)
	*x.Head() = b.Head(f, seen)
	x.What, x.SYNTries = event.Silent, uint32(tries)
	x.Sides[packet.ToServer].Packets = uint64(tries)
	b.Send(&x)
	return &x
}

func end(s string) event.End {
	i := len(s) - 1
	for i >= 0 && s[i] != ':' {
		i--
	}
	var port uint16
	for _, c := range s[i+1:] {
		port = port*10 + uint16(c-'0')
	}
	return event.End{Addr: packet.MustAddr(s[:i]), Port: port}
}
