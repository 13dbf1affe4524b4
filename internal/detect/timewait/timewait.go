// Package timewait finds connection requests that a server does not accept because it still remembers the previous
// connection from the same address and port (TIME_WAIT): the founding case of the program.
package timewait

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Reuse is the code of the common form, Clocks that of two machines behind one NAT whose timestamps differ.
const (
	Reuse  = "tcp-timewait-reuse"
	Clocks = "tcp-timewait-nat-timestamps"
)

// longestHold is how long a server may remember a closed connection: twice the maximum segment lifetime of two
// minutes (RFC 9293 3.4.2). A port reused later than that is not this fault.
const longestHold = 240 * time.Second

var references = []string{"RFC 9293 3.6.1, 3.10.7.4 (TIME-WAIT)", "RFC 1122 4.2.2.13 (reopening a connection in TIME-WAIT)",
	"RFC 6191 (timestamps shorten TIME-WAIT)", "RFC 1337 (TIME-WAIT hazards)", "RFC 5382 REQ-5 (NAT timers, and their gap for TIME-WAIT)"}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "timewait",
	Codes: []*finding.Code{{
		ID:       Reuse,
		Title:    "a server ignores or refuses requests that reuse a port it still remembers",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "server-down", Name: "a server that is down or overloaded"},
			{ID: "firewall", Name: "a firewall that drops silently"},
		},
		Absorbs:    []string{Clocks, "tcp-syn-silent-drop", "tcp-asymmetric-path", "tcp-half-open-reset", "tcp-loss-where"},
		References: references,
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateNAT, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "The side that closes a TCP connection first must remember it for up to four minutes (TIME_WAIT). When the server closed first, and the client's " +
			"side (usually a NAT with a shorter memory) uses the same address and port again meanwhile, the server may ignore the request or answer it with an " +
			"acknowledgement of the old connection. Looked for: a clean close begun by the server, or by both at once (the FINs cross: both must remember), then a new SYN with the same addresses and ports within 240 s that " +
			"is met with silence or with a stale ACK. Sequence numbers and timestamps are compared modulo 2^32: a server may accept a request that looks newer (RFC " +
			"1122, RFC 6191), so an older look is what entitles it to refuse. Not this fault: a server nobody reaches, a client that closed first, a begin of the " +
			"capture after the earlier connection. Where the connection tracker of the NAT was listened to (watch --conntrack, read --conntrack-log), when it forgot is a value. A Linux server does not stay silent: it answers with a stale ACK and heals within milliseconds.",
		Reproduce: "testbed/timewait.sh: two clients behind one NAT that remembers closed connections for a second only; timewait-crossed.sh: both sides close at once",
	}, {
		ID:       Clocks,
		Title:    "a server takes a second machine behind a NAT for an old one, because its timestamps are lower",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "server-down", Name: "a server that is down or overloaded"},
			{ID: "firewall", Name: "a firewall that drops silently"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop", "tcp-asymmetric-path", "tcp-half-open-reset", "tcp-loss-where"},
		References: append([]string{"RFC 7323 5.3 (PAWS)"}, references...),
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateNAT, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "Two machines behind one NAT share an address but not a clock. When the second gets the port of the first soon after, its TCP timestamps may be lower " +
			"than those the server remembers, and the server takes its request for a stray old packet (PAWS, RFC 7323 5.3). Looked for as tcp-timewait-reuse, with a " +
			"timestamp that is older.",
		Reproduce: "testbed/timewait.sh with timestamps on",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Silent, event.StaleACK, event.Answered, event.Established, event.Reset, event.Ended}, Other: []event.What{event.Silent, event.StaleACK, event.Answered, event.Established, event.Reset, event.Ended}, Reused: true},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, open: map[uint64]*reuse{}} },
}

// Form is how the server met the request.
type form uint8

const (
	silent form = iota // no answer at all
	stale              // a stale ACK, and the attempt failed
	healed             // a stale ACK, then accepted
)

// truth is yes, no or unknown.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

// reuse is one request that met a remembered connection.
type reuse struct {
	flow  *event.Flow // newest snapshot
	prev  event.Previous
	seqOK truth // the new sequence number is newer than the old end
	tsOK  truth // the new timestamp is newer
	form  form
	said  bool
	nat   detect.Memory // what the NAT's connection tracker said
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*reuse // by flow, until the attempt's outcome is known
}

// Handle follows flows that reuse the ports of one that the server closed first.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.Prev == nil {
		return
	}
	id := f.Head().FlowID
	r := d.open[id]
	switch f.What {
	case event.Silent, event.StaleACK:
		if r == nil {
			if !qualifies(f) {
				return
			}
			if len(d.open) >= d.scope.Limits.Entries {
				d.scope.Forgot("timewait", "attempts", f.Head().Client.Addr, f.Head().Server.Addr)
				return
			}
			r = &reuse{prev: *f.Prev}
			d.open[id] = r
		}
		r.flow = f.Keep()
		d.ask(r)
		if f.What == event.StaleACK {
			r.form = stale
			break
		}
		d.report(r)
	case event.Answered, event.Established:
		if r != nil && r.form == stale && !r.said {
			r.flow, r.form = f, healed
			d.report(r)
		}
	case event.Ended, event.Reset:
		if r == nil {
			return
		}
		r.flow = f.Keep()
		if r.form == stale && !r.said {
			d.report(r)
		}
		if f.What == event.Ended {
			delete(d.open, id)
		}
	}
}

// ask asks the connection tracker when it forgot the connection before. It is heard a little later than the packets, and
// what it said first of the time between is what counts.
func (d *detector) ask(r *reuse) {
	m := d.scope.Tracked.Between(r.flow.Head(), r.prev.Closed.Time, r.flow.Start.Time)
	if was := &r.nat; was.Forgot != 0 {
		m.Known, m.Forgot, m.ByPacket, m.Was = true, was.Forgot, false, was.Was
	}
	if m.Known {
		r.nat = m
	}
}

// qualifies reports whether the server entitled itself to remember: closed cleanly, by the server first or by both at once,
// not long ago.
func qualifies(f *event.Flow) bool {
	p := f.Prev
	if p.ServerFIN.IsZero() || p.ClientFIN.IsZero() || p.FirstFIN != packet.ToClient && !p.Crossed || p.Closed.IsZero() || p.Reset {
		return false
	}
	age := f.Start.Time.Sub(p.Closed.Time)
	return age > 0 && age <= longestHold
}

func (d *detector) report(r *reuse) {
	if r.said {
		return
	}
	r.said = true
	f := r.flow
	h := f.Head()
	d.ask(r)
	c := &f.Sides[packet.ToServer]
	if r.prev.SeqKnown && c.SYNSeen && f.Missing&packet.NoSeq == 0 {
		r.seqOK = truthOf(int32(c.ISN-r.prev.ClientEnd) > 0)
	}
	if r.prev.ClientTSSeen && c.TSSeen {
		r.tsOK = truthOf(int32(c.TSFirst-r.prev.ClientTS) > 0)
	}
	code := Reuse
	if r.tsOK == no { // PAWS refuses whatever the sequence number says (RFC 7323 5.3)
		code = Clocks
	}
	last := f.Marks[event.MarkSYNLast]
	if r.form != silent {
		last = f.Last
	}
	d.scope.Report(&finding.Instance{
		Code: code, Key: detect.EndText(h.Server) + " " + h.Client.Addr.String() + " " + [...]string{"silent", "stale", "healed"}[r.form],
		FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: r.prev.Start, Last: last, Data: r,
	})
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// Tick does nothing: outcomes come as events.
func (d *detector) Tick(packet.Time) {}

// End reports stale answers whose attempt was still open: what happened is shown, what would have come is not claimed.
func (d *detector) End(packet.Time) {
	var ids []*reuse
	for _, r := range d.open {
		if r.form == stale && !r.said {
			ids = append(ids, r)
		}
	}
	sortReuses(ids)
	for _, r := range ids {
		d.report(r)
	}
}
