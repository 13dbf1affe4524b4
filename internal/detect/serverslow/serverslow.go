// Package serverslow finds services that take long to begin their answers while the network is quick.
package serverslow

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the finding's identifier.
const Code = "tcp-server-slow"

// Tunables.
const (
	// slowShare is the part of a service's exchanges that must be slow: the 95th percentile is slow.
	slowShare = 0.05
	// fewExchanges is how many slow exchanges are too few to speak of the service rather than of single requests.
	fewExchanges = 4
	// networkShare is the part of a wait that the way there and back may take at most.
	networkShare = 0.2
	// heldOpen is a wait from which an answer held back on purpose (long poll, subscription, upload gate) is as likely
	// as a slow server: such services hold for 20 to 60 s, people give up after ten.
	heldOpen = 10 * time.Second
	// alike is how little waits of heldLeast or more must differ to look like a timer.
	alike     = 0.05
	heldLeast = 3 * time.Second
	// severe is the median wait from which a service with several clients is reported as high.
	severe = 5 * time.Second
	// keep bounds the waits kept for the median, keepClients the clients that are told apart.
	keep        = 128
	keepClients = 512
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "serverslow",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a server takes long to begin its answers, and the network does not",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "network", Name: "a slow way between"},
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "by-design", Name: "an answer that is held back on purpose (long poll, subscription, a command that takes its time)"},
			{ID: "few", Name: "single slow requests rather than a slow service"},
		},
		References: []string{"RFC 9293 3.10.7.4 (acknowledgement before the answer)", "RFC 6202 (long polling)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
		Settle:     30 * time.Second,
		About: "Between the last packet of a request and the first packet of its answer lie one round trip and the time the server thinks. Looked for: exchanges where that takes half a second or " +
			"more, the round trip of the handshake is less than a fifth of it, and nothing was repeated; at least one exchange in twenty of the service must be so. The wait is then spent inside the " +
			"server or behind it. Not this: a long way (its handshake is slow too), loss (segments are repeated). A server that holds its answer back on purpose looks the same: " +
			"the finding stays likely at most, and possible where the protocol is interactive, the waits are equal or longer than ten seconds, or the samples are few.",
		Reproduce: "testbed: server-slow, server-slow-path, server-slow-remedied",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Answered, event.Ended}, Other: []event.What{event.Answered, event.Ended}, Kinds: []event.Kind{event.KindExchange}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, services: map[service]*record{}, asked: map[uint64]time.Duration{}}
	},
}

type service struct {
	vantage uint16
	detect.Service
}

// wait is what is kept of a slow exchange.
type wait struct {
	flow              uint64
	count             uint32 // exchanges of the connection so far
	think             time.Duration
	request, response packet.Ref
}

// record is what is known of one service's waits.
type record struct {
	slow      int // exchanges that count
	repeated  int // slow, but something was repeated meanwhile
	far       int // slow, but the way takes a good part of it
	noRTT     int // of slow: the handshake was not seen
	thinks    []wait
	least     time.Duration
	most      time.Duration
	total     time.Duration
	rttMost   time.Duration
	worst     event.Exchange
	clients   map[packet.Addr]struct{}
	greets    bool // the server speaks first: an interactive protocol
	greetsRef packet.Ref
	unasked   time.Duration // longest silence after which the server spoke though nothing was asked
}

type detector struct {
	scope    *detect.Scope
	services map[service]*record
	order    []service                // by first sight: the oldest gives way
	asked    map[uint64]time.Duration // by live flow that asked for its connection more than once: the longest its round trip can be
}

// Handle counts slow exchanges, and notes services that speak first.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Exchange:
		d.exchange(x)
	case *event.Flow:
		h := x.Head()
		switch x.What {
		case event.Answered:
			// Which of several requests was answered is unknown (Karn): it may have been the first.
			switch {
			case x.SYNTries <= 1:
			case len(d.asked) < d.scope.Limits.Entries:
				d.asked[h.FlowID] = x.Marks[event.MarkSYNACK].Time.Sub(x.Marks[event.MarkSYN].Time)
			default:
				d.scope.Forgot("serverslow", "requests that were repeated", h.Client.Addr, h.Server.Addr)
			}
			return
		case event.Ended:
			delete(d.asked, h.FlowID)
		default:
			return
		}
		r := d.services[service{h.Vantage, detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: h.Proto}}]
		s, c := x.Marks[event.MarkServerData], x.Marks[event.MarkClientData]
		if r != nil && !r.greets && !x.Midstream && !s.IsZero() && (c.IsZero() || s.Time < c.Time) {
			r.greets, r.greetsRef = true, s
		}
		if r != nil {
			r.unasked = max(r.unasked, x.Unasked)
		}
	}
}

func (d *detector) exchange(x *event.Exchange) {
	h := x.Head()
	if h.Proto != packet.ProtoTCP {
		return
	}
	k := service{h.Vantage, detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: h.Proto}}
	r := d.services[k]
	if r == nil {
		if len(d.services) >= d.scope.Limits.Entries && len(d.order) > 0 {
			d.scope.Forgot("serverslow", "services", d.order[0].Addr)
			delete(d.services, d.order[0])
			d.order = d.order[1:]
		}
		r = &record{clients: map[packet.Addr]struct{}{}}
		d.services[k] = r
		d.order = append(d.order, k)
	}
	rtt := x.RTT
	if rtt == 0 { // the connection was open before the capture began: what others took
		if o := d.scope.Hosts.Get(h.Vantage, h.Server.Addr); o != nil {
			rtt = o.MinRTT
		}
	}
	rtt = max(rtt, d.asked[h.FlowID])
	switch {
	case x.Retrans:
		r.repeated++
		return
	case float64(rtt) > networkShare*float64(x.Think):
		r.far++
		return
	case rtt == 0:
		r.noRTT++
	}
	r.slow++
	r.total += x.Think
	r.rttMost = max(r.rttMost, rtt)
	if r.least == 0 || x.Think < r.least {
		r.least = x.Think
	}
	if x.Think > r.most {
		r.most, r.worst = x.Think, *x
	}
	if len(r.thinks) < keep {
		r.thinks = append(r.thinks, wait{h.FlowID, x.Count, x.Think, x.Request, x.Response})
	}
	if len(r.clients) < keepClients {
		r.clients[h.Client.Addr] = struct{}{}
	}
	d.scope.Report(&finding.Instance{
		Code: Code, Key: detect.EndText(h.Server), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: x.Request, Last: x.Response, NoBegin: x.RTT == 0, Data: r,
	})
}

// Tick does nothing: the flow table measures.
func (d *detector) Tick(packet.Time) {}

// End does nothing: a request without an answer is not a slow answer.
func (d *detector) End(packet.Time) {}
