// Package refused finds connection requests that were answered with a reset, and says who refused: the server itself,
// because nothing listens there, or a device on the way in the server's name.
package refused

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	ClosedPort = "tcp-closed-port"
	Middlebox  = "tcp-refused-by-middlebox"
)

// manyTargets is how many ports of one server, or servers at one port, a client may find closed before that counts as
// one search and no longer as so many broken services. Programs with a handful of fallbacks stay below.
const manyTargets = 5

// around is how far from the refusals answers of the same port speak of the same state of it.
const around = 2 * time.Second

// control is how far around the refusals other ports of the server are asked whether it was up.
const control = 60 * time.Second

// timingFloor is the least round trip to the server that can show that an answer came from nearer: below, the
// difference drowns in the time that machines take to answer.
const timingFloor = time.Millisecond

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "refused",
	Codes: []*finding.Code{{
		ID:       ClosedPort,
		Title:    "a server refuses connections to a port where nothing listens",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "middlebox", Name: "a device on the way that refuses in the server's name"},
			{ID: "own-firewall", Name: "a rule of the server's own firewall that refuses"},
			{ID: "busy", Name: "a service that cannot accept more at the moment"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop"},
		References: []string{"RFC 9293 3.10.7.1 (CLOSED: reset in answer to a SYN)", "RFC 9293 3.5.2 (reset generation)"},
		Settle:     30 * time.Second,
		About: "A request for a connection is answered at once with a reset (RST with ACK, sequence number 0, acknowledging the request). The machine is up and reachable; no program accepts " +
			"connections on that port. Looked for: such a reset whose TTL is that of the server's other packets, so that it came from as far away as the server. A firewall on the server " +
			"itself that rejects looks the same from outside, so this stays likely at most. Without other packets of the server to compare with it stays possible. A client that finds more " +
			"than five ports of a server closed, or one port closed on more than five servers, makes one finding: it is searching.",
		Reproduce: "testbed: closed-port",
	}, {
		ID:       Middlebox,
		Title:    "a device on the way refuses connections in the server's name",
		Kind:     finding.Policy,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "server", Name: "the server itself, with another TTL for its resets"},
			{ID: "forwarder", Name: "an address that forwards its other ports to a machine farther away, and this one to nobody"},
		},
		Absorbs:    []string{ClosedPort, "tcp-syn-silent-drop"},
		References: []string{"RFC 9293 3.10.7.1 (CLOSED: reset in answer to a SYN)", "RFC 5961 (resets that are not the peer's)", "RFC 3360 (inappropriate resets)"},
		Settle:     30 * time.Second,
		About: "A request for a connection is answered with a reset that bears the server's address and was not sent by it: its TTL shows another distance than the server's other packets do, " +
			"or it came in less than half of the time that the server needs. A firewall that rejects with a reset does that. With captures on both sides of the device, the request that " +
			"entered and never left decides. What fools it: a gateway that forwards some ports of its address to a machine behind it (the reset is then its own), load balancers, and rare " +
			"systems whose resets start from another TTL.",
		Reproduce: "testbed: refused-by-middlebox",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Refused}, Other: []event.What{event.Refused}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, spread: newSpreads(s.Limits.Entries)}
	},
}

// refusal is one request that was answered with a reset.
type refusal struct {
	flow  *event.Flow
	ports *targets // ports of this server that refused this client; nil: not counted for lack of room
	hosts *targets // servers that refused this client at this port; nil likewise
}

// searching reports whether the client's refusals are a search rather than a broken service.
func (r *refusal) searching() bool { return r.ports.many() || r.hosts.many() }

type detector struct {
	scope  *detect.Scope
	spread *spreads
	aged   packet.Time // last time that was done
}

// Handle reports each refusal under both codes: who refused is known when the server's other packets are.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Refused {
		return
	}
	h := f.Head()
	r := &refusal{flow: f.Keep()}
	r.ports = d.spread.add(spreadKey{h.Vantage, h.Client.Addr, h.Server.Addr, 0}, h.Server.Addr, h.Server.Port, f.Start)
	r.hosts = d.spread.add(spreadKey{h.Vantage, h.Client.Addr, packet.Addr{}, h.Server.Port}, h.Server.Addr, h.Server.Port, f.Start)
	if r.ports == nil || r.hosts == nil || r.ports.more || r.hosts.more {
		d.scope.Forgot("refused", "clients and what refused them", h.Client.Addr, h.Server.Addr)
	}
	key := detect.EndText(h.Server)
	switch {
	case r.ports.many():
		key = "ports " + h.Server.Addr.String() + " " + h.Client.Addr.String()
	case r.hosts.many():
		key = "hosts " + detect.EndText(event.End{Addr: h.Client.Addr, Port: h.Server.Port})
	}
	for _, code := range []string{ClosedPort, Middlebox} {
		d.scope.Report(&finding.Instance{
			Code: code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
			First: f.Start, Last: f.Refusal.Ref, Data: r,
		})
	}
}

// Tick forgets clients that rest, once a minute.
func (d *detector) Tick(now packet.Time) {
	if now.Sub(d.aged) >= time.Minute || now < d.aged {
		d.aged = now
		d.spread.age(now)
	}
}

// End does nothing: a refusal is complete when it comes.
func (d *detector) End(packet.Time) {}
