// Package natports finds translators (NAT) that have run out of ports towards one service.
package natports

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "snat-port-exhausted"

// enough is how many ports in a row, all taken, make a pool: fewer lie side by side by chance, or are a rule for one machine.
const enough = 4

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "natports",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a NAT has no port left for a service: new connections to it vanish inside the NAT",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way to the NAT or in it"},
			{ID: "limit", Name: "a rule or a full table that refuses more connections, while ports are left"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop"},
		References: []string{"RFC 6888 3 (ports of a carrier-grade NAT)", "RFC 7857 (timers of a NAT's mappings)", "RFC 4787 4.2 (port assignment)", "RFC 6056 3 (port ranges)"},
		Needs:      []finding.Gate{finding.GateHandshake, finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A NAT tells its clients' connections to one service apart by its own ports. It has only so many for each of its addresses, and keeps each for a while after the connection closed. When all are taken, " +
			"requests enter the NAT and never leave it: the client sees silence, the server sees nothing, and nothing is blocked. Looked for, in two captures of both sides: requests that came to the NAT and never left it, " +
			"while the ports that it used towards that service form a row without a gap, all of them taken before, and none that is new is used from then on. Not this: clients that keep their own ports behind the NAT (then a row " +
			"of ports is theirs, not the NAT's), requests that leave the NAT and die further on, fewer than four ports. From one capture it looks like a filter.",
		Reproduce: "testbed: snat-exhausted, snat-exhausted-web, snat-exhausted-ipv6, snat-exhausted-remedied",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Silent, event.Answered, event.Refused, event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, open: map[uint64]*lost{}} },
}

// lost is one connection attempt whose first requests never left the NAT.
type lost struct {
	flow   *event.Flow // newest snapshot
	passed bool        // a later request got through after all
	there  uint16      // the vantage beyond the NAT
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*lost // by flow
}

// Handle takes attempts that met silence and whose requests the capture beyond the device lacks.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || d.scope.Twins == nil {
		return
	}
	h := f.Head()
	x := d.open[h.FlowID]
	switch f.What {
	case event.Silent:
		d.take(f, false)
	case event.Answered, event.Refused:
		if x == nil && f.SYNTries > 2 { // it was not silent for long enough to be called so
			d.take(f, true)
		} else if x != nil {
			x.flow, x.passed = f, true
		}
	case event.Ended:
		if x != nil {
			x.flow = f.Keep()
			delete(d.open, h.FlowID)
		}
	}
}

// take reports an attempt whose first requests never left the device.
func (d *detector) take(f *event.Flow, passed bool) {
	h := f.Head()
	there, gone := d.gone(f)
	if !gone || d.open[h.FlowID] != nil {
		return
	}
	if len(d.open) >= d.scope.Limits.Entries {
		d.scope.Forgot("natports", "attempts", h.Client.Addr, h.Server.Addr)
		return
	}
	x := &lost{flow: f.Keep(), there: there, passed: passed}
	d.open[h.FlowID] = x
	d.scope.Report(&finding.Instance{Code: Code, Key: detect.EndText(h.Server), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: f.Start, Last: f.Marks[event.MarkSYNLast], Data: x})
}

// gone reports that the first two requests of an attempt are not in the capture beyond the device. One missing packet may
// be that capture's own loss.
func (d *detector) gone(f *event.Flow) (there uint16, gone bool) {
	tries := detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYN2])
	for _, r := range tries {
		t := d.scope.Twins.Trace(r)
		if !t.Known || t.Seen {
			return 0, false
		}
		there = t.Vantage
	}
	return there, len(tries) == 2
}

// Tick does nothing: the flow table says when silence is silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}

// use is one connection that got a port of the NAT.
type use struct {
	in, out *detect.Attempt
}

// pool is what the NAT used towards the service.
type pool struct {
	nat      packet.Addr
	uses     []use          // by the time of the request beyond the NAT
	ports    map[uint16]int // how often each was used
	low, top uint16
	changed  int          // uses whose port is not the client's
	again    packet.Ref   // first request beyond the NAT with a port that had been used before
	last     packet.Ref   // when the last port that had not been used before was taken
	steps    map[int]bool // from one new port to the next: one step alone is an order
	prev     uint16
	first    []packet.Ref // of uses, four at most
}

// poolOf collects the connections to the service that were translated; ok: they share one address of the NAT, and their
// ports form a row without a gap.
func (d *detector) poolOf(service detect.Service, here, there uint16) (p pool, ok bool) {
	in := map[uint64]*detect.Attempt{}
	d.scope.Ledger.Attempts(service, func(a *detect.Attempt) bool {
		if a.Vantage == here {
			in[a.FlowID] = a
		}
		return true
	})
	p = pool{ports: map[uint16]int{}, steps: map[int]bool{}, low: 65535}
	ok = true
	d.scope.Ledger.Attempts(service, func(a *detect.Attempt) bool {
		i := in[d.scope.Twins.Of(a.FlowID)]
		if a.Vantage != there || i == nil {
			return true
		}
		if len(p.uses) == 0 {
			p.nat = a.Client.Addr
		}
		// A NAT with several addresses has a row of ports for each: which of them is full cannot be told.
		ok = ok && a.Client.Addr == p.nat && i.Client.Addr != a.Client.Addr
		p.add(use{i, a})
		return ok
	})
	return p, ok && len(p.ports) >= enough && int(p.top-p.low)+1 == len(p.ports) && 2*p.changed >= len(p.uses)
}

// add takes one more use; the ledger has them by the time of their requests.
func (p *pool) add(u use) {
	port := u.out.Client.Port
	p.ports[port]++
	switch {
	case p.ports[port] == 2 && p.again.IsZero():
		p.again = u.out.Start
	case p.ports[port] == 1:
		if len(p.uses) > 0 {
			p.steps[int(port)-int(p.prev)] = true
		}
		p.prev, p.last = port, u.out.Start
	}
	p.low, p.top = min(p.low, port), max(p.top, port)
	if port != u.in.Client.Port {
		p.changed++
	}
	if len(p.first) < 4 {
		p.first = append(p.first, u.out.Start)
	}
	p.uses = append(p.uses, u)
}

// at counts, of the ports in use when a request was lost, those whose connection was open, and those whose connection was
// over: the NAT keeps these for a while.
func (p *pool) at(t packet.Time) (open, over int) {
	held := map[uint16]bool{}
	for _, u := range p.uses {
		if u.out.Start.Time <= t {
			held[u.out.Client.Port] = !(u.out.Closed || u.out.Reset) || u.out.End.Time > t
		}
	}
	for _, o := range held {
		if o {
			open++
		} else {
			over++
		}
	}
	return open, over
}
