// Package nagle finds programs whose small writes wait for acknowledgements that the other side holds back: Nagle's rule
// meets delayed acknowledgements.
package nagle

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "tcp-nagle-delack"

const (
	// enough is how many waits of one direction of a connection make a habit.
	enough = 10
	// minWindow is the window in bytes that holds back no small segment.
	minWindow = 4096
)

// timers are the delays of acknowledgements that systems have (Linux 40 ms, Windows and BSD 200 ms, older Windows 100 ms),
// with room for what the program adds.
var timers = [...]struct{ least, most time.Duration }{{30 * time.Millisecond, 60 * time.Millisecond}, {90 * time.Millisecond, 120 * time.Millisecond}, {180 * time.Millisecond, 230 * time.Millisecond}}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "nagle",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "small writes wait for acknowledgements that the other side delays",
		Kind:     finding.Diagnosis,
		Severity: finding.Low,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "program", Name: "a program that pauses between its writes by itself"},
			{ID: "limit", Name: "a sender held back by loss or by a small window"},
		},
		References: []string{"RFC 1122 4.2.3.2 (delayed acknowledgement)", "RFC 1122 4.2.3.4 (Nagle)", "RFC 896"},
		Needs:      []finding.Gate{finding.GateHandshake, finding.GateTwoWay, finding.GateLoss, finding.GateClock},
		Settle:     30 * time.Second,
		About: "By Nagle's rule a sender with a small segment in flight keeps the next small one back until the first is acknowledged; the receiver delays that acknowledgement because it hopes to send it with an answer. A program " +
			"that writes a request in two parts then waits out a timer for each. Looked for: ten times or more in one direction of a connection, a small segment whose bare acknowledgement comes 30 ms or more later than the way takes, " +
			"and the next small segment within 5 ms of its arrival. Not this: a program that thinks (nothing ties its next write to the acknowledgement), a long way (the handshake tells how long it is, from the place of capture to each end).",
		Reproduce: "testbed: nagle-delack, nagle-delack-answers, nagle-delack-remedied",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s} },
}

// waits is one direction of a connection.
type waits struct {
	head            event.Head
	dir             packet.Dir
	n               uint32
	total           time.Duration
	rtt             time.Duration
	repeats         uint32 // of the sender
	window          uint32 // of the receiver
	syn, data, last packet.Ref
}

// mean is the mean wait for an acknowledgement, its way taken off.
func (x *waits) mean() time.Duration { return x.total / time.Duration(x.n) }

// timer reports whether the mean wait is one of the known delays.
func (x *waits) timer() bool {
	for _, t := range timers {
		if m := x.mean(); m >= t.least && m <= t.most {
			return true
		}
	}
	return false
}

func (x *waits) from() event.End {
	if x.dir == packet.ToServer {
		return x.head.Client
	}
	return x.head.Server
}

func (x *waits) to() event.End {
	if x.dir == packet.ToServer {
		return x.head.Server
	}
	return x.head.Client
}

type detector struct{ scope *detect.Scope }

// Handle looks at each connection that is over. Without its handshake the round trip is unknown, and a long way would look
// like a delay.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Ended || f.Head().Proto != packet.ProtoTCP || f.Midstream || f.RTT == 0 {
		return
	}
	for _, dir := range [...]packet.Dir{packet.ToServer, packet.ToClient} {
		s := &f.Sides[dir]
		if s.HeldWaits < enough {
			continue
		}
		data := f.Marks[event.MarkClientData]
		if dir == packet.ToClient {
			data = f.Marks[event.MarkServerData]
		}
		x := &waits{head: *f.Head(), dir: dir, n: s.HeldWaits, total: s.HeldTotal, rtt: f.RTT, repeats: s.Retrans + s.RetransGap, window: f.Sides[dir.Other()].MaxWindow,
			syn: f.Marks[event.MarkSYN], data: data, last: f.Last}
		h := f.Head()
		d.scope.Report(&finding.Instance{Code: Code, Key: x.from().Addr.String() + " " + detect.EndText(h.Server) + " " + dir.String(), FlowID: h.FlowID, Vantage: h.Vantage,
			Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: f.Start, Last: f.Last, Data: x})
	}
}

// Tick does nothing: a connection is judged when it is over.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every connection before.
func (d *detector) End(packet.Time) {}

// Compose writes the finding for one sender and service.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*waits)
	var n uint32
	var total time.Duration
	timer, repeats, small := true, uint32(0), false
	for i := range g.Kept {
		y := g.Kept[i].Data.(*waits)
		n, total, repeats = n+y.n, total+y.total, repeats+y.repeats
		timer, small = timer && y.timer(), small || y.window < minWindow
	}
	from, to := x.from(), detect.EndText(x.head.Server)
	writer, where := "client", finding.AtClient
	if x.dir == packet.ToClient {
		writer, where = "server", finding.AtServer
	}
	b.Subject(finding.Subject{Role: "client", Addr: x.head.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: x.head.Server.Addr, Port: x.head.Server.Port})
	each := detect.Span(total / time.Duration(n))
	b.Title("%s waited %d times for a delayed acknowledgement, %s each, between two small writes to or from %s", from.Addr, n, each, to)
	b.Why("the %s writes in small parts; TCP sends the second part only when the first is acknowledged (Nagle), and %s delays that acknowledgement because it has nothing to send with it", writer, x.to().Addr)
	b.Summary("Nothing is lost and nothing is slow: two habits of TCP wait for each other. The program on %s hands over what belongs together in two small writes, and each time the second waits out the other side's timer.", from.Addr)
	b.Impact("%s of waiting in %s", detect.Span(total), detect.Plural(g.Count, "connection", "connections"))
	b.Fact(detect.Refs(x.data, x.last), "%d small segments in %s were sent within 5 ms of the arrival of a bare acknowledgement; %s had held that back for %s in the mean (the way to it and back taken off)", n, detect.Plural(len(g.Kept), "connection", "connections"), x.to().Addr, each)
	b.Fact(detect.Refs(x.syn), "the round trip of the handshake is %s", detect.Span(x.rtt))
	if timer {
		b.Fact(nil, "%s is a delay that systems have for acknowledgements (40, 100 or 200 ms)", detect.Span(x.mean()))
		b.Open("program", "its writes decide (strace): two small ones for each request")
	} else {
		b.Open("program", "%s is none of the usual delays of acknowledgements; its writes decide (strace): two small ones for each request", detect.Span(x.mean()))
		b.Cap(finding.Possible)
	}
	if repeats == 0 && !small {
		b.RuledOut("limit", detect.Refs(x.syn, x.last), "nothing was repeated, and the window was %d bytes", x.window)
	} else {
		b.Open("limit", "%d segments were repeated, the window was at most %d bytes: a connection without loss decides", repeats, x.window)
	}
	b.WrongIf("a trace of the program shows that it writes each request at once, or that it sets TCP_NODELAY")
	b.Remedy(where, "write what belongs together at once, or switch Nagle's rule off for the connection (many small packets then, where the program writes byte by byte)").
		Run("C", "setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));").
		Run("Python", "s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)").
		Run("Java", "socket.setTcpNoDelay(true);").
		Run("nginx", "tcp_nodelay on;")
	// The processes that have the connection: by the port at the server, by the far end at the client.
	sockets := fmt.Sprintf("sport = :%d", x.head.Server.Port)
	if x.dir == packet.ToServer {
		sockets = "dst " + to
	}
	b.Check("strace -f -e trace=network,write,writev $(ss -Htanp '"+sockets+"' | grep -o 'pid=[0-9]*' | sort -u | sed 's/pid=/-p /')", "on "+from.Addr.String()+", while it works: two small writes for each request, and no TCP_NODELAY")
	b.Evidence(x.syn, "the connection begins")
	b.Evidence(x.data, "the first of the small writes")
	b.Evidence(x.last, "the last packet")
	b.Ladder(finding.LadderRow{Ref: x.syn, Dir: packet.ToServer, Label: "SYN", Note: "the connection begins"})
	b.Ladder(finding.LadderRow{Ref: x.data, Dir: x.dir, Label: "data", Note: "the first small write"})
	return true
}
