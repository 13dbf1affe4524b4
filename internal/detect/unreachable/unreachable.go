// Package unreachable finds traffic that a router, firewall or host refuses with an ICMP error, and repeats in words
// what the error says: who says it, about which packets, since when.
package unreachable

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Prohibited  = "icmp-admin-prohibited"
	Unreachable = "icmp-unreachable"
)

// traceWindow is how long around a "time exceeded" of the same pair of hosts a port unreachable counts as the end of a
// traceroute: 30 hops of three tries with the usual five seconds each stay within.
const traceWindow = 10 * time.Minute

// Traceroute numbers its probes from this port on (its manual); three tries for each of up to 85 hops.
const (
	tracePort  = 33434
	tracePorts = 256
)

// kind is what an error says.
type kind uint8

const (
	none  kind = iota
	admin      // forbidden by a rule
	net        // no route
	host       // the machine does not answer on its own network
	proto      // the protocol is not spoken
	port       // nothing listens
	scope      // the source address is not valid beyond
)

// kindOf classes the destination-unreachable errors that end an attempt (RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1).
// "Fragmentation needed" is a matter of sizes and not of reach; "source route failed" concerns an option that nobody
// should use.
func kindOf(version, typ, code uint8) kind {
	if version == 4 {
		if typ != 3 {
			return none
		}
		switch code {
		case 9, 10, 13:
			return admin
		case 0, 6, 11:
			return net
		case 1, 7, 8, 12:
			return host
		case 2:
			return proto
		case 3:
			return port
		}
		return none
	}
	if typ != 1 {
		return none
	}
	switch code {
	case 1, 5:
		return admin
	case 0, 6:
		return net
	case 2:
		return scope
	case 3:
		return host
	case 4:
		return port
	}
	return none
}

var alternatives = []finding.Alt{
	{ID: "forged", Name: "an error that somebody forged"},
	{ID: "transient", Name: "a passing state, while routes or neighbours were being learned"},
}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "unreachable",
	Codes: []*finding.Code{{
		ID:           Prohibited,
		Title:        "a firewall says that traffic is forbidden",
		Kind:         finding.Policy,
		Severity:     finding.Medium,
		Tier:         2,
		Alternatives: alternatives,
		Absorbs:      []string{"tcp-syn-silent-drop"},
		References:   []string{"RFC 1812 5.2.7.1 (codes 9, 10, 13)", "RFC 4443 3.1 (codes 1, 5)", "RFC 5927 4.1 (which errors to believe)"},
		Settle:       30 * time.Second,
		About: "A firewall or router answered packets with an ICMP error that says \"forbidden by rule\" (IPv4 type 3 code 9, 10 or 13; IPv6 type 1 code 1 or 5). The error names its sender, and " +
			"quotes the packet that was refused: who, to whom, which port. Believed only when the quoted packet was seen and is recent; anything else may be forged or stale. Not this: errors that " +
			"had no effect because the conversation went on.",
		Reproduce: "testbed: icmp-admin-prohibited",
	}, {
		ID:           Unreachable,
		Title:        "a router or host says that a destination cannot be reached",
		Kind:         finding.Diagnosis,
		Severity:     finding.Medium,
		Tier:         2,
		Alternatives: alternatives,
		Absorbs:      []string{"tcp-syn-silent-drop"},
		References:   []string{"RFC 792 (destination unreachable)", "RFC 1122 3.2.2.1", "RFC 4443 3.1", "RFC 5927 4.1 (which errors to believe)"},
		Settle:       30 * time.Second,
		About: "A router or host answered packets with an ICMP error: no route to the network, no answer from the machine on its own wire, nothing listens on the port, or the protocol is not spoken. " +
			"One finding for each sender and each kind of error names the destinations. Believed only when the quoted packet was seen and is recent. Not this: the end of a traceroute, which " +
			"is meant to meet a closed port; a client that no longer waits for a late answer; a conversation that went on after the error.",
		Reproduce: "testbed: icmp-unreachable-net, icmp-unreachable-host, icmp-unreachable-port",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}, Other: []event.What{event.Ended}, Kinds: []event.Kind{event.KindICMPError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, open: map[uint64]*trouble{}, traced: map[pair]packet.Ref{}}
	},
}

// trouble is one flow that met an error.
type trouble struct {
	err     *event.ICMPError // the first one
	kind    kind
	count   int             // errors of that kind for the flow
	last    packet.Ref      // last of them
	attempt *detect.Attempt // nil: neither TCP nor UDP
	end     *event.Flow     // snapshot at the flow's end; nil until then
}

type pair struct {
	vantage uint16
	from    packet.Addr
	to      packet.Addr
}

type detector struct {
	scope  *detect.Scope
	open   map[uint64]*trouble // by flow, until it ends
	traced map[pair]packet.Ref // last "time exceeded" about packets from one host to another
}

// Handle takes errors that quote a flow that was seen, the first of each flow.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.ICMPError:
		d.icmp(x)
	case *event.Flow:
		if x.What == event.Ended {
			if t := d.open[x.Head().FlowID]; t != nil {
				t.end = x.Keep()
				delete(d.open, x.Head().FlowID)
			}
		}
	}
}

func (d *detector) icmp(x *event.ICMPError) {
	h := x.Head()
	if timeExceeded(x) {
		k := pair{h.Vantage, x.Quoted.Src, x.Quoted.Dst}
		if _, known := d.traced[k]; known || len(d.traced) < d.scope.Limits.Entries {
			d.traced[k] = h.Seen
		} else {
			d.scope.Forgot("unreachable", "traced ways", x.Quoted.Src, x.Quoted.Dst)
		}
		return
	}
	what := kindOf(x.Version, x.Type, x.Code)
	if what == none || h.FlowID == 0 || !x.Fresh {
		return
	}
	if what == port && (x.QuotedDir == packet.ToClient || looksLikeAnswer(x)) {
		return // an answer that came after the client stopped waiting
	}
	if t := d.open[h.FlowID]; t != nil {
		if t.kind == what {
			t.count++
			t.last = h.Seen
		}
		return
	}
	if len(d.open) >= d.scope.Limits.Entries {
		d.scope.Forgot("unreachable", "attempts", x.Quoted.Src, x.Quoted.Dst)
		return
	}
	t := &trouble{err: x, kind: what, count: 1, last: h.Seen, attempt: d.scope.Ledger.Attempt(h.FlowID)}
	d.open[h.FlowID] = t
	code := Unreachable
	if what == admin {
		code = Prohibited
	}
	first := h.Seen
	if t.attempt != nil {
		first = t.attempt.Start
	}
	d.scope.Report(&finding.Instance{
		Code: code, Key: x.Sender.String() + " " + kindKeys[what] + " " + x.QuotedDir.String(), FlowID: h.FlowID, Vantage: h.Vantage,
		Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: first, Last: h.Seen, Data: t,
	})
}

// looksLikeAnswer reports that the quoted datagram went from a service's port to one that clients draw, in a flow of
// which nothing else was seen: the question lies before the capture, or was lost by it.
func looksLikeAnswer(x *event.ICMPError) bool {
	q := &x.Quoted
	return q.HasPorts && q.Proto == packet.ProtoUDP && q.SrcPort < 1024 && q.DstPort >= 1024
}

var kindKeys = [...]string{"", "admin", "net", "host", "proto", "port", "scope"}

func timeExceeded(x *event.ICMPError) bool {
	return x.Version == 4 && x.Type == 11 && x.Code == 0 || x.Version == 6 && x.Type == 3 && x.Code == 0
}

// Tick forgets traceroutes of long ago, so that the table has room for the next.
func (d *detector) Tick(now packet.Time) {
	if len(d.traced) < d.scope.Limits.Entries {
		return
	}
	for k, r := range d.traced {
		if now.Sub(r.Time) > traceWindow {
			delete(d.traced, k)
		}
	}
}

// End does nothing: an error is complete when it comes.
func (d *detector) End(packet.Time) {}
