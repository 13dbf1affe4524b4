// Package espflow finds tunnels whose encrypted packets travel one way only.
package espflow

import (
	"time"

	"firestorm/internal/analyzer/esp"
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "esp-one-way"

const (
	// oneWay is for how long packets must go one way before that is worth a word, and manyPackets how many: a ping of
	// ten seconds, the first tries of a connection.
	oneWay      = 10 * time.Second
	manyPackets = 8
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "espflow",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a tunnel whose encrypted packets travel one way only",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "capture", Name: "a capture that shows one direction"},
			{ID: "unasked", Name: "traffic that needs no answer (logs, streams)"},
			{ID: "behind", Name: "machines behind the other gateway that do not answer, or answer past the tunnel"},
		},
		References: []string{"RFC 4303 (ESP)", "RFC 3948 (ESP in UDP)", "RFC 4301 4.1 (an association is one-way)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "Each direction of a tunnel has a number of its own (SPI). Packets went one way for ten seconds or more, eight at least, and not one came the other way, though the gateways' key " +
			"exchange is answered both ways. Often a firewall lets UDP 500 pass and ESP (protocol 50, or UDP 4500) in one direction only. What is inside is encrypted: traffic that needs no answer, or " +
			"machines behind the other gateway that give none, look the same, and a capture on the other side of the firewall decides. Not this: an idle tunnel, a tunnel that was just rekeyed, a " +
			"capture of one direction.",
		Reproduce: "testbed: esp-one-way, esp-bare-one-way",
	}},
	Wants: detect.Wants{Named: []string{esp.Kind, ike.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, by: map[pair]*tunnel{}}
	},
}

// pair is two gateways at one vantage, in order of their addresses.
type pair struct {
	vantage uint16
	a, b    packet.Addr
}

// tunnel is what two gateways sent each other.
type tunnel struct {
	pair
	way      [2]way // by the sender: a, b
	reported bool
	flow     uint64
	udp      bool
	ah       bool
}

// way is one direction of a tunnel.
type way struct {
	first, last packet.Ref // of ESP
	start       packet.Ref // first packet since the other side was last heard
	spi         uint32
	done        uint64 // packets of associations before spi
	packets     uint64 // of spi, as last told
	sinceStart  uint64 // packets up to start
	ike         packet.Ref
}

func (w *way) total() uint64 { return w.done + w.packets }

type detector struct {
	scope *detect.Scope
	by    map[pair]*tunnel
	order []*tunnel
	// Evicted counts tunnels forgotten for lack of room.
	Evicted uint64
}

// Handle follows both directions of each tunnel.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *esp.Event:
		d.packets(x)
	case *ike.Event:
		t, side := d.tunnel(x.Head().Vantage, x.Sender().Addr, x.Receiver().Addr)
		t.way[side].ike = x.Head().Seen
	}
}

// tunnel returns the tunnel of two gateways and which of them is from.
func (d *detector) tunnel(v uint16, from, to packet.Addr) (t *tunnel, side int) {
	k := pair{v, from, to}
	if from.Compare(to) > 0 {
		k.a, k.b, side = to, from, 1
	}
	if t = d.by[k]; t != nil {
		return t, side
	}
	if len(d.order) >= d.scope.Limits.Entries {
		d.scope.Forgot("espflow", "tunnels", d.order[0].pair.a, d.order[0].pair.b)
		delete(d.by, d.order[0].pair)
		d.order = d.order[1:]
		d.Evicted++
	}
	t = &tunnel{pair: k}
	d.by[k] = t
	d.order = append(d.order, t)
	return t, side
}

func (d *detector) packets(e *esp.Event) {
	t, side := d.tunnel(e.Head().Vantage, e.From, e.To)
	w, back := &t.way[side], &t.way[1-side]
	t.flow, t.udp, t.ah = e.Head().FlowID, e.UDP, e.AH
	if w.spi != e.SPI {
		if e.Packets == 1 || w.spi == 0 {
			w.done, w.spi, w.packets = w.done+w.packets, e.SPI, 0
		} else if e.Last.Time <= w.last.Time {
			return // an older association, told of late
		} else {
			w.done, w.spi, w.packets = w.done+w.packets, e.SPI, 0
		}
	}
	if w.first.IsZero() {
		w.first = e.First
	}
	if w.start.IsZero() {
		w.start, w.sinceStart = e.First, w.total()
	}
	w.packets, w.last = max(w.packets, e.Packets), e.Last
	back.start = packet.Ref{} // it was heard
	if t.reported || !back.first.IsZero() && e.Last.Time.Sub(back.last.Time) < oneWay {
		return
	}
	if w.last.Time.Sub(w.start.Time) < oneWay || w.total()-w.sinceStart < manyPackets {
		return
	}
	t.reported = true
	from, to := e.From, e.To
	d.scope.Report(&finding.Instance{Code: Code, Key: from.String() + " " + to.String(), FlowID: t.flow, Vantage: t.vantage, Client: from, Server: to,
		First: w.start, Last: w.last, Data: &report{t, side}})
}

// report is a tunnel that went silent in one direction.
type report struct {
	t    *tunnel
	side int // who is heard
}

// Tick does nothing: packets count, not time.
func (d *detector) Tick(packet.Time) {}

// End does nothing: silence that was not long enough stays undecided.
func (d *detector) End(packet.Time) {}
