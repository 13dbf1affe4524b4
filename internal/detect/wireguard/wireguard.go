// Package wireguard finds WireGuard peers that get no response to their handshake.
package wireguard

import (
	"fmt"
	"time"

	"firestorm/internal/analyzer/wireguard"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "wg-no-response"

const (
	// manyTries is how many initiations in a row without a response make a fault; WireGuard sends one in five seconds.
	manyTries = 3
	// around is how far before and after the tries other answers of the peer count.
	around = 60 * time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "wireguard",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a WireGuard peer that does not respond",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "off", Name: "a peer that is off, or another address"},
			{ID: "filter", Name: "a filter on the way that drops it"},
		},
		Absorbs:    []string{"icmp-unreachable", "icmp-admin-prohibited"},
		References: []string{"WireGuard (NDSS 2017) 5.1 (silence), 5.3 (cookies), 5.4.2", "https://www.wireguard.com/protocol/"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
		Settle:     30 * time.Second,
		About: "A peer sent three handshake initiations (148 bytes) or more, five seconds apart, and no response (92 bytes) came. WireGuard says nothing to whom it does not know: a wrong public " +
			"key, a wrong endpoint and a blocked port look the same. What decides: an ICMP error (nothing listens), a cookie reply (the peer is there, knows the key it is called by, and is under " +
			"load), other answers of the same machine and port. What is left then is the keys, or a clock that went back. Not this: responses that come late, a handshake that began before the capture.",
		Reproduce: "testbed: wg-wrong-key, wg-port-closed, wg-blocked",
	}},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindICMPError}, Named: []string{wireguard.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, by: map[key]*peering{}, flows: map[uint64]*peering{}}
	},
}

// key is who calls whom: the caller's port may change, the peer's is its endpoint.
type key struct {
	vantage  uint16
	from, to packet.Addr
	port     uint16
}

// peering is the handshakes of one peer at another.
type peering struct {
	key
	fromPort uint16
	flow     uint64
	tries    int // in a row, without response
	refs     [4]packet.Ref
	last     packet.Ref
	cookie   packet.Ref
	icmp     *event.ICMPError
	icmps    int
	worked   packet.Ref // last response
	data     packet.Ref // first data from the peer since
	heard    bool       // the caller sent data though no response was seen: this capture does not show it
	reported bool
}

type detector struct {
	scope *detect.Scope
	by    map[key]*peering
	order []*peering
	flows map[uint64]*peering
	// Evicted counts peerings forgotten for lack of room.
	Evicted uint64
}

// Handle counts initiations and what comes back.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *wireguard.Event:
		d.message(x)
	case *event.ICMPError:
		if p := d.flows[x.Head().FlowID]; p != nil && x.Fresh && x.Quoted.Src == p.from && (x.Version == 4 && x.Type == 3 && x.Code != 4 || x.Version == 6 && x.Type == 1) {
			if p.icmp == nil {
				p.icmp = x
			}
			p.icmps++
		}
	}
}

func (d *detector) message(e *wireguard.Event) {
	h := e.Head()
	from, to := h.Client, h.Server
	if e.Dir == packet.ToClient {
		from, to = to, from
	}
	switch e.Type {
	case wireguard.Initiation:
		p := d.peering(key{h.Vantage, from.Addr, to.Addr, to.Port})
		p.flow, p.fromPort = h.FlowID, from.Port
		d.flows[h.FlowID] = p
		if p.tries < len(p.refs) {
			p.refs[p.tries] = h.Seen
		}
		p.tries++
		p.last = h.Seen
		if p.tries == manyTries {
			d.report(p)
		}
	case wireguard.Response:
		if p := d.by[key{h.Vantage, to.Addr, from.Addr, from.Port}]; p != nil {
			*p = peering{key: p.key, fromPort: p.fromPort, flow: p.flow, worked: h.Seen, last: h.Seen}
		}
	case wireguard.CookieRepl:
		if p := d.by[key{h.Vantage, to.Addr, from.Addr, from.Port}]; p != nil {
			p.cookie = h.Seen
		}
	case wireguard.Transport:
		if p := d.by[key{h.Vantage, from.Addr, to.Addr, to.Port}]; p != nil && p.tries > 0 && p.worked.IsZero() {
			p.heard = true
		}
		if p := d.by[key{h.Vantage, to.Addr, from.Addr, from.Port}]; p != nil && p.tries > 0 {
			p.data = h.Seen
		}
	}
}

func (d *detector) peering(k key) *peering {
	if p := d.by[k]; p != nil {
		return p
	}
	if len(d.order) >= d.scope.Limits.Entries {
		d.scope.Forgot("wireguard", "tunnels", d.order[0].from, d.order[0].to)
		delete(d.by, d.order[0].key)
		delete(d.flows, d.order[0].flow)
		d.order = d.order[1:]
		d.Evicted++
	}
	if len(d.flows) >= 2*d.scope.Limits.Entries {
		clear(d.flows) // an error finds its peering again with the next initiation
	}
	p := &peering{key: k}
	d.by[k] = p
	d.order = append(d.order, p)
	return p
}

func (d *detector) report(p *peering) {
	d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprint(p.from, " ", p.to, " ", p.port), FlowID: p.flow, Vantage: p.vantage, Client: p.from, Server: p.to,
		Port: p.port, First: p.refs[0], Last: p.last, Covers: finding.Cover{Client: p.from, Server: p.to, Port: p.port}, Data: p})
}

// Tick does nothing: initiations count, not time.
func (d *detector) Tick(packet.Time) {}

// End does nothing: what was sent three times in vain was reported.
func (d *detector) End(packet.Time) {}
