package synsilent

import (
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// branch is where the requests die, as far as the control group says.
type branch uint8

const (
	unknown      branch = iota
	portFiltered        // other ports of the server answer
	hostSilent          // the server answers ARP, but nobody gets a connection
	hostOff             // nobody answers ARP for it
	sourceFilter        // the same port answers others
	dropped             // two captures: the requests entered the device between them and never left it
	logged              // the firewall's own log says that it refused them
)

// witness is everything that decides the branch. Controls hold only attempts that began after the first silent one, so
// that a server which went off in between is not called choosy.
type witness struct {
	branch  branch
	clients []packet.Addr  // that met silence, in order
	ports   []uint16       // that were silent
	others  detect.Control // at the silent ports, other clients
	same    detect.Control // at the silent ports, the same clients
	near    detect.Control // other ports of the server, anybody
	own     detect.Control // other ports of the server, the same clients
	before  detect.Control // at the silent ports, anybody, in the minute before
	held    []packet.Ref   // answers to connections of the same clients at the silent ports, open when the first request was lost
	holding int            // how many these are
	arp     *detect.Host   // what ARP says of the server; nil: nothing
	local   bool           // a client is on the server's own wire
	died    detect.Trace   // what a second capture says of the first request
	between bool           // a second capture says of every request that it never came there
	alive   []packet.Ref   // signs that the server was up meanwhile, at any vantage
	refusal *event.Verdict // what the firewall's log says of every request; nil: nothing
}

// look asks the ledger and the host memory about the time from the first silent request to a minute after the last.
func (d *detector) look(g *finding.Group, silent []*attempt) witness {
	var w witness
	client, port := map[packet.Addr]bool{}, map[uint16]bool{}
	h := silent[0].flow.Head()
	from, to := silent[0].flow.Start.Time, g.Last.Time.Add(around)
	for _, a := range silent {
		x := a.flow.Head()
		if !client[x.Client.Addr] {
			client[x.Client.Addr] = true
			w.clients = append(w.clients, x.Client.Addr)
		}
		if !port[x.Server.Port] {
			port[x.Server.Port] = true
			w.ports = append(w.ports, x.Server.Port)
		}
		from = min(from, a.flow.Start.Time)
	}
	control := func(keep func(a *detect.Attempt) bool) detect.Control {
		return d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool {
			return a.Service.Proto != packet.ProtoTCP || a.Start.Time < from || !keep(a)
		}, from, to)
	}
	w.others = control(func(a *detect.Attempt) bool { return port[a.Service.Port] && !client[a.Client.Addr] })
	w.same = control(func(a *detect.Attempt) bool {
		return port[a.Service.Port] && client[a.Client.Addr] && a.Outcome == detect.OutAnswered
	})
	w.near = control(func(a *detect.Attempt) bool { return !port[a.Service.Port] })
	w.own = control(func(a *detect.Attempt) bool { return !port[a.Service.Port] && client[a.Client.Addr] })
	w.before = d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool {
		return a.Service.Proto != packet.ProtoTCP || a.Start.Time >= from || !port[a.Service.Port]
	}, from.Add(-around), from)
	d.scope.Ledger.Attempts(detect.Service{Addr: h.Server.Addr, Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		over := (a.Closed || a.Reset) && a.End.Time <= from
		if a.Vantage == h.Vantage && port[a.Service.Port] && client[a.Client.Addr] && a.Outcome == detect.OutAnswered && a.Start.Time < from && !over {
			if w.holding++; len(w.held) < 4 {
				w.held = append(w.held, a.Answer)
			}
		}
		return true
	})
	w.arp = d.scope.Hosts.Nearest(h.Server.Addr)
	for _, c := range w.clients {
		if x := d.scope.Hosts.Nearest(c); x != nil && w.arp != nil && !x.ARPAnswered.IsZero() && x.Prefix == w.arp.Prefix {
			w.local = true
		}
	}
	w.died, w.between = d.trace(silent)
	reached := w.near.Answered+w.near.Refused > 0
	w.alive = d.alive(&w, h.Server.Addr, from, to)
	switch {
	case w.same.Answered > 0: // it works now and then for the same client: neither filter nor absence explains that
	case w.others.Answered > 0:
		w.branch = sourceFilter
	case w.arp != nil && w.arp.ARPAskedN >= arpUnanswered && w.arp.ARPAsked.Time >= from && w.arp.ARPAskFirst.Time <= to && !reached:
		w.branch = hostOff
	case reached:
		w.branch = portFiltered
	case w.arp != nil && w.arp.ARPAskedN < arpUnanswered && w.arp.ARPAnswered.Time >= from.Add(-around) && w.arp.ARPAnswered.Time <= to:
		w.branch = hostSilent
	}
	if w.between && (w.branch == portFiltered || w.branch == hostSilent || w.branch == unknown && w.same.Answered == 0) {
		w.branch = dropped
	}
	if w.refusal = refusalOf(silent); w.refusal != nil && w.same.Answered == 0 {
		w.branch = logged
	}
	return w
}

// trace asks a second capture about every request: of the first, where it was seen; of all together, whether none of
// them ever came there. One missing packet may be the second capture's own loss, several in a row are not.
func (d *detector) trace(silent []*attempt) (first detect.Trace, between bool) {
	first = d.scope.Twins.Trace(silent[0].flow.Start)
	asked := 0
	for _, a := range silent {
		for _, r := range tryRefs(a.flow) {
			t := d.scope.Twins.Trace(r)
			if !t.Known || t.Seen {
				return first, false
			}
			asked++
		}
	}
	return first, asked > 1
}

// alive collects signs that the server was up while the requests were silent. Without one, a router that drops may do
// so because nobody answers for the address, which a capture without ARP does not show.
func (d *detector) alive(w *witness, server packet.Addr, from, to packet.Time) []packet.Ref {
	out := append(append([]packet.Ref(nil), w.others.AnsweredRefs...), w.near.AnsweredRefs...)
	if len(out) > 0 {
		return out
	}
	if w.died.Known {
		far := d.scope.Ledger.Server(w.died.Vantage, server, nil, from, to)
		out = append(out, far.AnsweredRefs...)
	}
	if w.arp != nil && w.arp.ARPAskedN < arpUnanswered && w.arp.ARPAnswered.Time >= from.Add(-around) && w.arp.ARPAnswered.Time <= to {
		out = append(out, w.arp.ARPAnswered)
	}
	return out
}

// who names the clients that met silence.
func (w *witness) who() string {
	var names []string
	for _, c := range w.clients {
		names = append(names, c.String())
	}
	return detect.List(names, 3)
}
