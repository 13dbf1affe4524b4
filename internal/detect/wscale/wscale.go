// Package wscale finds devices that take the window scale option out of connection requests, so that no connection can
// have more than 64 KiB on the way.
package wscale

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "wscale-stripped"

const (
	// unscaled is the largest window without scaling.
	unscaled = 65535
	// full is how many bytes must have been on the way at once before a window of that size counts as the brake.
	full = 60000
	// slow is the round trip from which on 64 KiB at a time is less than 50 Mbit/s: below, nobody notices.
	slow = 10 * time.Millisecond
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "wscale",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a device removes the window scale option: connections cannot be faster than 64 KiB a round trip",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "endpoint", Name: "an end that does not offer window scaling itself"},
			{ID: "proxy", Name: "a proxy that opens connections of its own"},
		},
		References: []string{"RFC 7323 2 (window scale option)", "RFC 7323 2.2 (both sides must offer it, in the SYN and the SYN/ACK)"},
		Needs:      []finding.Gate{finding.GateHandshake},
		Settle:     0,
		About: "Without the window scale option a receiver can allow 65 535 bytes on the way, no more: the speed of a connection is then at most that much in each round trip. Looked for: two joined " +
			"captures of which one shows the option in a SYN or SYN/ACK and the other shows the same packet without it. From one capture it can only be guessed: ends that offer timestamps " +
			"and SACK but no scaling, and a transfer that fills 64 KiB over a long path; that is possible at most. Not this: small devices that never offer it; short paths, where nobody notices.",
		Reproduce: "testbed: wscale-stripped (nft: reset tcp option window)",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Answered, event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, open: map[uint64]*strip{}} },
}

// strip is one connection whose option was taken out.
type strip struct {
	flow        *event.Flow
	syn, synack detect.Trace // removed there; the zero Trace: not
	guessed     bool         // one capture only
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*strip
}

// Handle looks at handshakes when they are answered, and at what became of them when they end.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.Head().Proto != packet.ProtoTCP {
		return
	}
	id := f.Head().FlowID
	switch f.What {
	case event.Answered:
		if d.scope.Twins == nil || !d.scope.Twins.Near(id) && d.scope.Twins.Of(id) != 0 {
			return // the side nearer to the client speaks for both
		}
		s := &strip{flow: f.Keep()}
		if t := d.scope.Twins.Trace(f.Marks[event.MarkSYN]); t.Removed&packet.OptWScale != 0 {
			s.syn = t
		}
		if t := d.scope.Twins.Trace(f.Marks[event.MarkSYNACK]); t.Removed&packet.OptWScale != 0 {
			s.synack = t
		}
		switch {
		case !s.syn.Seen && !s.synack.Seen:
		case len(d.open) < d.scope.Limits.Entries:
			d.open[id] = s
		default:
			d.scope.Forgot("wscale", "connections", f.Head().Client.Addr, f.Head().Server.Addr)
		}
	case event.Ended:
		s := d.open[id]
		switch {
		case s != nil:
			delete(d.open, id)
			s.flow = f.Keep()
		case d.scope.Twins == nil && suspicious(f):
			s = &strip{flow: f.Keep(), guessed: true}
		default:
			return
		}
		h := f.Head()
		key := "removed"
		if s.guessed {
			key = h.Client.Addr.Prefix().String() + " " + h.Server.Addr.String()
		}
		d.scope.Report(&finding.Instance{Code: Code, Key: key, FlowID: id, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
			First: f.Start, Last: f.Last, NoBegin: f.Midstream, Data: s})
	}
}

// suspicious reports a transfer that filled an unscaled window over a long path, between ends that else offer what came
// with window scaling.
func suspicious(f *event.Flow) bool {
	c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	if !c.SYNSeen || !s.SYNSeen || c.WScale >= 0 && s.WScale >= 0 || roundTrip(f) < slow {
		return false
	}
	if !(c.TSSeen && c.SACKOK && s.TSSeen && s.SACKOK) || c.MaxWindow > unscaled || s.MaxWindow > unscaled {
		return false
	}
	return c.MaxFlight >= full || s.MaxFlight >= full
}

// Tick does nothing.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every flow before.
func (d *detector) End(packet.Time) {}

// rate writes the most that an unscaled window allows over a round trip.
func rate(rtt time.Duration) string {
	bits := 8 * unscaled / rtt.Seconds()
	switch {
	case bits >= 1e9:
		return fmt.Sprintf("%.1f Gbit/s", bits/1e9)
	case bits >= 1e7:
		return fmt.Sprintf("%.0f Mbit/s", bits/1e6)
	case bits >= 1e6:
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}
