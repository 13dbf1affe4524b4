// Package rpcport finds RPC services whose floating port a firewall blocks: the port directory says where mountd or the
// lock manager lives, and requests to that port die.
package rpcport

import (
	"time"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "rpc-dynamic-port-blocked"

// directoryPort is where the port directory itself lives (RFC 1833).
const directoryPort = 111

// control is how far around the blocked requests other ports of the server are asked for.
const control = 60 * time.Second

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "rpcport",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a firewall blocks the floating port of an RPC service",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "server-down", Name: "a server that is off or hung"},
			{ID: "busy", Name: "a service too busy to accept (full queue)"},
			{ID: "return-path", Name: "answers that take another way back and die there"},
		},
		Absorbs: []string{"tcp-syn-silent-drop", "icmp-admin-prohibited", "icmp-unreachable", "tcp-refused-by-middlebox"},
		References: []string{"RFC 1833 (port directory)", "RFC 1813 appendix I (mount protocol)", "RFC 8881 2.9.1 (NFSv4 needs one port)",
			"X/Open XNFS (NLM, NSM)"},
		Needs:  []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle: 30 * time.Second,
		About: "NFS up to version 3 asks the port directory (port 111) where mountd, the lock manager and others listen, and gets a number that may change at each restart. A firewall that passes 111 and 2049 " +
			"only lets the question and its answer through, and then drops or refuses what goes to the number. Here the answer of the directory was seen, and then requests to that port that met silence, an " +
			"ICMP error of a device on the way, or a reset that the server did not send. The other way round too: a server that cannot reach the lock manager or status monitor of its client. " +
			"Not this: port 0 in the answer (the service does not run), a port that the server itself refuses, NFS version 4.",
		Reproduce: "testbed: nfs-mountd-dropped, nfs-mountd-prohibited, nfs-moved",
	}},
	Wants: detect.Wants{
		TCP:   []event.What{event.Silent, event.Refused, event.Answered, event.Ended},
		Kinds: []event.Kind{event.KindICMPError},
		Named: []string{rpc.KindRPC},
	},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, places: map[place]*entry{}, history: map[service]*past{}, open: map[uint64]*blocked{}}
	},
}

// place is a port of a machine.
type place struct {
	vantage uint16
	addr    packet.Addr
	proto   uint8
	port    uint16
}

// service is a program of a machine.
type service struct {
	vantage uint16
	addr    packet.Addr
	proto   uint8
	program uint32
}

// entry is what the directory last said of a place.
type entry struct {
	at      place
	program uint32
	version uint32
	asker   packet.Addr
	ref     packet.Ref // the answer, the newest
	before  moved      // where the program was before; zero: nowhere else
}

// moved is an earlier place of a program.
type moved struct {
	port uint16
	ref  packet.Ref // the directory's answer
}

// past is where a program was seen last.
type past struct {
	port uint16
	ref  packet.Ref
	old  moved
}

// how a request was blocked.
type how uint8

const (
	silent how = iota
	byICMP     // a device on the way said so
	byRST      // a device on the way reset it in the server's name
)

// blocked is one conversation that died at a port of the directory.
type blocked struct {
	where    entry
	callback bool         // the server of a mount asks back to its client
	mount    []packet.Ref // callback: connections of that client to the server's NFS that live meanwhile
	how      how
	head     event.Head
	tries    []packet.Ref
	flow     *event.Flow      // TCP: newest snapshot
	err      *event.ICMPError // byICMP
	answered bool             // after all
}

type detector struct {
	scope   *detect.Scope
	places  map[place]*entry
	history map[service]*past
	order   []place // of places by first sight: the oldest leaves first
	open    map[uint64]*blocked
	evicted uint64 // directory entries forgotten for lack of room
}

// Handle learns from the directory and takes conversations that die at one of its ports.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *rpc.Transaction:
		d.transaction(x)
	case *event.ICMPError:
		d.icmp(x)
	case *event.Flow:
		h := x.Head()
		switch x.What {
		case event.Silent:
			d.take(h, x, silent, nil)
		case event.Refused:
			if x.Refusal.Dir == packet.ToClient && d.foreign(h, x.Refusal.TTL) {
				d.take(h, x, byRST, nil)
			}
		case event.Answered:
			if b := d.open[h.FlowID]; b != nil {
				b.answered = true
			}
		case event.Ended:
			if b := d.open[h.FlowID]; b != nil {
				b.flow, b.tries = x, triesOf(x)
				delete(d.open, h.FlowID)
			}
		}
	}
}

// foreign reports that other packets of the server are known, and none of them has the reset's TTL.
func (d *detector) foreign(h *event.Head, ttl uint8) bool {
	has, known := d.scope.Hosts.Get(h.Vantage, h.Server.Addr).HasTTL(ttl)
	return known && !has
}

// transaction reads an answer of the directory, and calls over UDP that nobody answered.
func (d *detector) transaction(x *rpc.Transaction) {
	h := x.Head()
	s := x.Server()
	if x.Call.Program == rpc.Portmap && x.Accepted() {
		for _, m := range x.Ports {
			if m.Port != 0 && m.Port != directoryPort && (m.Proto == packet.ProtoTCP || m.Proto == packet.ProtoUDP) {
				d.learn(x, place{h.Vantage, s.Addr, m.Proto, m.Port}, m)
			}
		}
		return
	}
	if h.Proto == packet.ProtoUDP && x.Answered.IsZero() && x.Repeats > 0 && d.open[h.FlowID] == nil {
		if en := d.places[place{h.Vantage, s.Addr, packet.ProtoUDP, s.Port}]; en != nil {
			b := &blocked{where: *en, head: *h, tries: []packet.Ref{x.Asked}}
			b.callback, b.mount = d.callback(h.Vantage, x.Client().Addr, s.Addr, x.Asked.Time)
			b.head.Client, b.head.Server = x.Client(), s
			d.report(b, x.Asked, h.Seen)
		}
	}
}

func (d *detector) learn(x *rpc.Transaction, at place, m rpc.Mapping) {
	limit := max(d.scope.Limits.Entries, 1)
	k := service{at.vantage, at.addr, at.proto, m.Program}
	p := d.history[k]
	if p == nil {
		if len(d.history) >= limit {
			d.evicted++
			d.scope.Forgot("rpcport", "programs", at.addr)
		} else {
			p = &past{port: at.port, ref: x.Answered}
			d.history[k] = p
		}
	}
	var before moved
	if p != nil {
		if p.port != at.port {
			p.old = moved{p.port, p.ref}
			p.port = at.port
		}
		p.ref = x.Answered
		before = p.old
	}
	en := d.places[at]
	if en == nil {
		if len(d.places) >= limit {
			delete(d.places, d.order[0])
			d.order = d.order[1:]
			d.evicted++
		}
		en = &entry{}
		d.places[at] = en
		d.order = append(d.order, at)
	}
	*en = entry{at: at, program: m.Program, version: m.Version, asker: x.Client().Addr, ref: x.Answered, before: before}
}

// take reports a TCP conversation that died at a port of the directory, or at the directory of a client that its server
// asks back.
func (d *detector) take(h *event.Head, f *event.Flow, why how, err *event.ICMPError) {
	if len(d.open) >= d.scope.Limits.Entries {
		d.scope.Forgot("rpcport", "connections", h.Client.Addr, h.Server.Addr)
		return
	}
	at := place{h.Vantage, h.Server.Addr, h.Proto, h.Server.Port}
	if f != nil {
		f.Keep()
	}
	b := &blocked{how: why, head: *h, flow: f, err: err}
	b.callback, b.mount = d.callback(h.Vantage, h.Client.Addr, h.Server.Addr, h.Seen.Time)
	switch en := d.places[at]; {
	case en != nil:
		b.where = *en
	case b.callback && h.Server.Port == directoryPort:
		b.where = entry{at: at, program: rpc.Portmap}
	default:
		return
	}
	if b.where.program == rpc.NFS && h.Server.Port == 2049 {
		return // not a floating port
	}
	if f != nil {
		b.tries = triesOf(f)
	}
	first, last := h.Seen, h.Seen
	if len(b.tries) > 0 {
		first, last = b.tries[0], b.tries[len(b.tries)-1]
	}
	d.open[h.FlowID] = b
	d.report(b, first, last)
}

func (d *detector) report(b *blocked, first, last packet.Ref) {
	key := b.head.Server.Addr.String()
	if b.callback {
		key = b.head.Client.Addr.String() + " back to " + key
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: key, FlowID: b.head.FlowID, Vantage: b.head.Vantage, Client: b.head.Client.Addr,
		Server: b.head.Server.Addr, Port: b.head.Server.Port, First: first, Last: last, Data: b})
}

// callback reports that to is a client of NFS at from: what from asks of it is a lock or a restart to be told. The proofs
// are answers of connections that were alive at the time, give or take the control time.
func (d *detector) callback(vantage uint16, from, to packet.Addr, at packet.Time) (found bool, alive []packet.Ref) {
	for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
		d.scope.Ledger.Attempts(detect.Service{Addr: from, Port: 2049, Proto: proto}, func(a *detect.Attempt) bool {
			if a.Vantage == vantage && a.Client.Addr == to && a.Outcome == detect.OutAnswered {
				found = true
				if a.End.Time >= at.Add(-control) && len(alive) < 4 {
					alive = append(alive, a.Answer)
				}
			}
			return len(alive) < 4
		})
	}
	return found, detect.Refs(alive...)
}

// icmp takes errors that a device on the way sends about a conversation with a port of the directory. What the server
// itself says, or a router without a way to it, is no filter.
func (d *detector) icmp(x *event.ICMPError) {
	h := x.Head()
	if h.FlowID == 0 || !x.Fresh || x.QuotedDir != packet.ToServer || x.Sender == h.Server.Addr || !filters(x) {
		return
	}
	if b := d.open[h.FlowID]; b != nil {
		if b.err == nil {
			b.err, b.how = x, byICMP
		}
		return
	}
	d.take(h, nil, byICMP, x)
	if b := d.open[h.FlowID]; b != nil {
		if a := d.scope.Ledger.Attempt(h.FlowID); a != nil {
			b.tries = detect.Refs(a.Start)
		}
	}
}

// filters reports an error that a filter sends (RFC 1812 5.2.7.1, RFC 4443 3.1): forbidden by rule, or the port
// unreachable with which filters reject by default.
func filters(x *event.ICMPError) bool {
	if x.Version == 4 {
		return x.Type == 3 && (x.Code == 3 || x.Code == 9 || x.Code == 10 || x.Code == 13 || x.Code == 2)
	}
	return x.Type == 1 && (x.Code == 1 || x.Code == 4 || x.Code == 5 || x.Code == 6)
}

func triesOf(f *event.Flow) []packet.Ref {
	return detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYN2], f.Marks[event.MarkSYN3], f.Marks[event.MarkSYNLast])
}

// Tick does nothing: the flow table says when silence is silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing: what was not silent yet stays undecided.
func (d *detector) End(packet.Time) {}
