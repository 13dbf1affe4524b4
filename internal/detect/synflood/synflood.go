// Package synflood finds floods of connection requests that nobody means to complete (RFC 4987), and says whether the
// service still answers others.
package synflood

import (
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "syn-flood"

const (
	// window is the time over which requests to one service are counted. Linux holds a half-open connection for 63 s,
	// so that 20 requests a second fill a queue of a thousand: ten seconds tell that from an hour's trickle.
	window = 10 * time.Second
	// suspectAt is how many requests in one window make a service worth watching closely.
	suspectAt = 50
	// floodAt is how many requests of one bout make a flood, when almost none is completed.
	floodAt = 200
	// completes is the share of completed requests from which on it is a crowd, not a flood.
	completes = 0.10
	// crowd is the share of completed requests that makes what is watched a crowd at once, long before it could be a flood.
	crowd = 0.50
	// ebbs is the share of completed requests in one window from which on a flood is over though the service is still asked.
	ebbs = 2 * completes
	// repeatAfter is when a real client has sent its request again: after 1 s (RFC 6298 2.1), 3 s on older systems.
	repeatAfter = 3 * time.Second
	// answerAgain is when a server that remembers a request has sent its answer again: 1 s (RFC 6298 2.1), with room for
	// its timer. It counts only where others were answered again.
	answerAgain = 1500 * time.Millisecond
	// sayAgain is how often a flood that goes on is reported anew, so that what it explains stays explained.
	sayAgain = time.Minute
	// sweepEvery is how often services that nobody asks are forgotten.
	sweepEvery = time.Minute
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "synflood",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a service is flooded with connection requests that nobody means to complete",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "crowd", Name: "a crowd of real clients"},
			{ID: "scan", Name: "a port scan"},
			{ID: "outage", Name: "a service that is down while its clients keep trying"},
			{ID: "return-path", Name: "answers that do not find their way back to real clients"},
		},
		Absorbs: []string{"tcp-syn-silent-drop", "tcp-accept-queue-full", "tcp-closed-port", "tcp-refused-by-middlebox", "icmp-unreachable",
			"icmp-admin-prohibited", "tcp-loss-where"},
		References: []string{"RFC 4987 (SYN flooding and its mitigations)", "RFC 2827 (ingress filtering)", "RFC 6298 2.1 (a client repeats its request)"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateClock},
		Settle:     30 * time.Second,
		About: "A SYN flood asks for connections and never completes them, so that the server's queue of half-open connections is full and others find no place. Looked for: at least 200 " +
			"requests to one port within a bout (50 or more in ten seconds), of which less than a tenth are completed. How many addresses ask, whether they look alike (options, TTL), " +
			"and whether they repeat their request as real clients do, tells forged sources from a service that is down. Others who are served meanwhile show that the server stands it. " +
			"Not this: a crowd, which completes its connections; a port scan, which asks many ports once; requests through a capture that lost most packets.",
		Reproduce: "testbed: syn-flood (hping3 -S --rand-source)",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Started, event.Answered, event.Established, event.Refused, event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return newDetector(s) },
}

// target is one service, as its requests show it.
type target struct {
	vantage uint16
	addr    packet.Addr
	port    uint16
	from    packet.Time // begin of the counting window
	asked   uint32      // requests in it
	flood   *flood      // not nil while it is watched closely
	opts    [2]uint32   // answered requests outside any flood, by whether the SYN/ACK kept an offered option
}

type detector struct {
	scope   *detect.Scope
	targets *detect.ByService[target]
	active  []*target // those with a flood, in order of begin
	now     packet.Time
	swept   packet.Time
	// Untold counts requests to services beyond the table's room.
	untold uint64
}

func newDetector(s *detect.Scope) *detector {
	return &detector{scope: s, targets: detect.NewByService[target](s, s.Limits.Entries, false).Of(s, "synflood", "services")}
}

// Handle counts requests and what became of them.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok {
		return
	}
	h := f.Head()
	if h.Proto != packet.ProtoTCP {
		return
	}
	switch f.What {
	case event.Started:
		if f.Sides[packet.ToServer].SYNSeen && !f.Midstream {
			d.start(f, h)
		}
	case event.Answered:
		if t := d.targets.Get(h); t != nil {
			t.outcome(f, d.now)
		}
	case event.Established, event.Refused, event.Ended:
		if len(d.active) == 0 {
			return // they count within a flood only
		}
		if t := d.targets.Get(h); t != nil {
			t.outcome(f, d.now)
		}
	}
}

func (d *detector) start(f *event.Flow, h *event.Head) {
	at := f.Start.Time
	t, fresh := d.targets.Own(h)
	switch {
	case t == nil:
		d.untold++
		return
	case fresh:
		t.vantage, t.addr, t.port, t.from = h.Vantage, h.Server.Addr, h.Server.Port, at
	}
	if at.Sub(t.from) > window || at < t.from {
		d.turn(t, at)
	}
	t.asked++
	if t.flood == nil && t.asked >= suspectAt {
		t.flood = newFlood(f.Start, t.asked-1)
		d.active = append(d.active, t)
	}
	if t.flood != nil && !t.flood.ebb {
		t.flood.ask(f)
		if t.flood.crowded() {
			d.forget(t)
		}
	}
}

// turn begins a new window. A bout that fell under the mark is over. What was completed an hour ago does not speak for who
// asks now: a busy service is no flood, and begins anew; a flood that became a busy service keeps what it was.
func (d *detector) turn(t *target, at packet.Time) {
	switch fl := t.flood; {
	case fl == nil:
	case t.asked < suspectAt:
		d.close(t)
	case fl.ebb:
	case fl.turned.flood && (fl.calm() || !fl.is()):
		fl.ebbed()
	case !fl.is() && fl.seen >= floodAt:
		d.forget(t)
	default:
		fl.turn()
	}
	t.from, t.asked = at, 0
}

// forget ends a bout that was none. The service is watched again from its next requests on.
func (d *detector) forget(t *target) {
	for i, n := range t.flood.opts {
		t.opts[i] += n
	}
	t.asked = 0
	d.drop(t)
}

func (d *detector) close(t *target) {
	d.report(t)
	d.drop(t)
}

func (d *detector) drop(t *target) {
	t.flood = nil
	for i, x := range d.active {
		if x == t {
			d.active = append(d.active[:i], d.active[i+1:]...)
			return
		}
	}
}

// report hands a flood on, once for each stretch of time it covers.
func (d *detector) report(t *target) {
	fl := t.flood
	if !fl.is() || fl.said != 0 && fl.last.Time <= fl.said {
		return
	}
	fl.before = t.opts
	first := fl.first
	if fl.said != 0 {
		first = fl.lastSaid
	}
	last := fl.last
	if fl.end.Time > last.Time {
		last = fl.end
	}
	fl.said, fl.lastSaid = last.Time, last
	i := &finding.Instance{Code: Code, Key: detect.EndText(event.End{Addr: t.addr, Port: t.port}), Vantage: t.vantage, Server: t.addr, Port: t.port,
		First: first, Last: last, Covers: finding.Cover{Server: t.addr, Port: t.port}, Data: fl}
	if a, share, ok := fl.single(); ok && share == 1 {
		i.Client = a
	}
	d.scope.Report(i)
}

// Tick ends bouts that went quiet, reports those that go on, and forgets services that nobody asks.
func (d *detector) Tick(now packet.Time) {
	d.now = now
	for _, t := range append([]*target(nil), d.active...) {
		fl := t.flood
		switch {
		case now.Sub(t.from) > 2*window && now.Sub(fl.last.Time) > window, fl.ebb && now.Sub(fl.last.Time) > 3*window:
			d.close(t)
		case fl.said == 0 && now.Sub(fl.first.Time) > sayAgain, fl.said != 0 && now.Sub(fl.said) > sayAgain:
			d.report(t)
		}
	}
	if now.Sub(d.swept) >= sweepEvery {
		d.swept = now
		d.targets.Sweep(func(t *target) bool { return t.flood == nil && now.Sub(t.from) > 6*window })
	}
}

// End reports the bouts that last until the end of the input.
func (d *detector) End(now packet.Time) {
	d.now = now
	sort.SliceStable(d.active, func(i, j int) bool { return d.active[i].flood.first.Time < d.active[j].flood.first.Time })
	for _, t := range append([]*target(nil), d.active...) {
		d.report(t)
	}
}
