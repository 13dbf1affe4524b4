// Package msstoobig finds ways on which connections begin with packets that a link on the way does not carry, though all
// goes on once a router has said so.
package msstoobig

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "mss-too-big-for-tunnel"

// Sizes of the headers that a segment of the announced size comes with, in bytes (RFC 6691).
const (
	head4 = 40
	head6 = 60
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "msstoobig",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "connections begin with packets that are too large for a link on the way, and send them again",
		Kind:     finding.Diagnosis,
		Severity: finding.Low,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "forged", Name: "a forged message that makes packets small"},
			{ID: "detour", Name: "a detour that was there for a moment"},
		},
		References: []string{"RFC 1191 (path MTU discovery)", "RFC 8201 (for IPv6)", "RFC 4459 (MTU in tunnels)", "RFC 6691 (MSS and headers)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateClock, finding.GateTable},
		Settle:     0,
		About: "Both ends announce segments as large as their own links carry. A tunnel on the way (WireGuard, IPsec, PPPoE, a cloud's network) carries less, and its router drops the first large packets and says so (IPv4 type 3 " +
			"code 4, IPv6 type 2). The sender then makes them smaller: all works, a little late, for each new destination. It works only as long as these messages pass; where they are filtered it is pmtud-black-hole. Looked for: " +
			"such a message about a TCP packet that was just sent, and the same data acknowledged in smaller packets after it. Not this: measurements with ping, packets that stall, UDP, segments that a card joined to a packet larger than they were sent in.",
		Reproduce: "testbed: mss-tunnel, mss-tunnel-ipv6, mss-tunnel-remedied",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}, Kinds: []event.Kind{event.KindICMPError}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, told: map[uint64]*told{}} },
}

// told is the first message about size for a connection.
type told struct {
	err  *event.ICMPError
	n    int         // messages for this connection
	flow *event.Flow // when it ended
}

type detector struct {
	scope *detect.Scope
	told  map[uint64]*told // by flow
}

// Handle remembers messages about size, and looks at what became of the connection when it ends.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.ICMPError:
		h := x.Head()
		if !(x.Version == 4 && x.Type == 3 && x.Code == 4 || x.Version == 6 && x.Type == 2) || !x.Fresh || h.FlowID == 0 || h.Proto != packet.ProtoTCP || x.MTU == 0 || uint32(x.Quoted.Len) <= x.MTU {
			return
		}
		t := d.told[h.FlowID]
		switch {
		case t != nil:
			t.n++
		case len(d.told) < d.scope.Limits.Entries:
			d.told[h.FlowID] = &told{err: x, n: 1}
		default:
			d.scope.Forgot("msstoobig", "connections", h.Client.Addr, h.Server.Addr)
		}
	case *event.Flow:
		d.ended(x)
	}
}

// ended reports a connection whose data got through in smaller packets.
func (d *detector) ended(f *event.Flow) {
	h := f.Head()
	t := d.told[h.FlowID]
	if t == nil {
		return
	}
	delete(d.told, h.FlowID)
	s := &f.Sides[t.err.QuotedDir]
	if !s.SeqKnown || s.MaxDelivered == 0 || int32(s.Acked-t.err.Quoted.Seq) <= 0 || s.MaxDelivered > t.err.MTU {
		return
	}
	if mss := f.Sides[t.err.QuotedDir.Other()].MSS; mss != 0 && uint32(mss)+headers(t.err.Version) <= t.err.MTU {
		return // segments of the announced size fit: what was too large had been joined on the way, by a card or a balancer
	}
	t.flow = f.Keep()
	d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprintf("%d v%d", t.err.MTU, t.err.Version), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: f.Start, Last: f.Last, NoBegin: f.Midstream, Data: t})
}

// headers are those that a segment comes with.
func headers(version uint8) uint32 {
	if version == 6 {
		return head6
	}
	return head4
}

// Tick does nothing.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every flow before.
func (d *detector) End(packet.Time) {}
