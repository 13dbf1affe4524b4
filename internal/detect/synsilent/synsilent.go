// Package synsilent finds connection requests that nobody answers, and says from the control group where they die.
package synsilent

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "tcp-syn-silent-drop"

// around is how far before and after the silent requests the control group is looked for: long enough to hold other
// traffic of a quiet site, short enough that a change of rules in between is unlikely.
const around = 60 * time.Second

// arpUnanswered is how many ARP requests in a row without a reply say that nobody has the address: Linux asks three
// times before it gives up (RFC 1122 2.3.2.1 asks for at most one a second).
const arpUnanswered = 3

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "synsilent",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "connection requests that nobody answers",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "server-down", Name: "a server that is off or hung"},
			{ID: "return-path", Name: "answers that take another way back and die there"},
			{ID: "busy", Name: "a service too busy to accept (full queue)"},
		},
		References: []string{"RFC 9293 3.8.3 (retransmission of SYN)", "RFC 1122 4.2.3.5 (connection failures)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A client asks for a connection two or more times and nothing comes back: no SYN/ACK, no reset, no ICMP error. Who else was answered at that time decides where the " +
			"request dies. Other ports of the server answer: this port is filtered. Nobody reaches the server though it answers ARP: its own firewall, or it hangs. Nobody answers ARP " +
			"for it: it is off, or the address is wrong. Others reach the same port: somebody filters by source. With captures on both sides of a " +
			"device, requests that enter it and never leave it are dropped there. A log of the firewall (NFLOG or PFLOG, as a file or live) that has the requests beside words such as drop or reject says it itself. Without such a control group the finding stays possible. Not this: an " +
			"answer that comes late, a capture that sees one direction, ports reused too early (tcp-timewait-reuse), a flood.",
		Reproduce: "testbed: syn-silent-port, syn-silent-host, syn-silent-host-off, syn-silent-source",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Silent, event.Answered, event.Refused, event.StaleACK, event.Ended}, Other: []event.What{event.Silent, event.Answered, event.Refused, event.StaleACK, event.Ended},
		Kinds: []event.Kind{event.KindVerdict}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, open: map[uint64]*attempt{}, clients: map[clientKey]*unheard{}, refusals: map[event.Ends]*event.Verdict{}}
	},
}

// ofClient begins the key of groups about a client whom many servers did not answer.
const ofClient = "client "

// attempt is one connection attempt that met silence.
type attempt struct {
	flow     *event.Flow    // newest snapshot
	answered bool           // an answer came after all
	unheard  *unheard       // who else did not answer this client; nil: no room to know
	refusal  *event.Verdict // what the firewall's log says of it; nil: nothing
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*attempt // by flow
	// clients are those that met silence lately.
	clients map[clientKey]*unheard
	aged    packet.Time
	// refusals are the requests of which a firewall's log said that it refuses them.
	refusals map[event.Ends]*event.Verdict
}

// Handle takes attempts when the flow table calls them silent, and forgives those that are answered later.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok {
		if v, ok := e.(*event.Verdict); ok {
			d.hear(v)
		}
		return
	}
	h := f.Head()
	switch f.What {
	case event.Silent:
		if len(d.open) >= d.scope.Limits.Entries {
			d.scope.Forgot("synsilent", "attempts", h.Client.Addr, h.Server.Addr)
			return
		}
		a := &attempt{flow: f.Keep(), unheard: d.unanswered(clientKey{h.Vantage, h.Client.Addr}, h.Server.Addr, f.Start.Time), refusal: d.heard(f)}
		d.open[h.FlowID] = a
		key := h.Server.Addr.String()
		if a.unheard.many() {
			key = ofClient + h.Client.Addr.String()
		}
		d.scope.Report(&finding.Instance{
			Code: Code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage,
			Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: f.Start, Last: f.Marks[event.MarkSYNLast], Data: a,
		})
	case event.Answered, event.Refused, event.StaleACK:
		if a := d.open[h.FlowID]; a != nil {
			a.answered, a.flow = true, f.Keep()
		}
	case event.Ended:
		if a := d.open[h.FlowID]; a != nil {
			a.flow = f.Keep()
			delete(d.open, h.FlowID)
		}
	}
}

// Tick forgets clients that rest, once a minute; the flow table says when silence is silence.
func (d *detector) Tick(now packet.Time) {
	if now.Sub(d.aged) >= time.Minute || now < d.aged {
		d.aged = now
		d.age(now)
		d.ageRefusals(now)
	}
}

// End does nothing: what was not silent yet stays undecided, and the report's service table says so.
func (d *detector) End(packet.Time) {}
