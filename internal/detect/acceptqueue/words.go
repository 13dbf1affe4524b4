package acceptqueue

import (
	"fmt"
	"sort"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// state is what Compose knows of a service and its victims.
type state struct {
	head    *event.Head
	mute    []*victim // granted, then not heard
	silent  []*victim // request not answered
	late    int       // got through after all
	parked  []parked
	served  []packet.Ref // while others were not
	again   int          // repeated SYN/ACKs
	tries   int          // packets without an answer
	clients map[packet.Addr]bool
	others  detect.Control // other ports of the server
	life    []packet.Ref   // packets of the server while attempts met silence
	asked   int            // requests to the service in that time
}

// Compose writes the finding for one service, if its queue is what explains the silence.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := d.state(g)
	if len(s.mute)+len(s.silent) < unanswered || len(s.parked) == 0 && s.again == 0 {
		return false
	}
	server := detect.EndText(s.head.Server)
	victims := len(s.mute) + len(s.silent)
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	b.Subject(finding.Subject{Role: "server", Addr: s.head.Server.Addr, Port: s.head.Server.Port})
	b.Title("%s is too busy to accept: its queue of new connections is full", server)
	b.Why("the program behind %s does not take what the server's kernel has queued for it: %s; %s", server, s.queued(), s.met())
	b.Summary("The network works and the server is up, but the program that should serve %s does not accept new connections. The server's kernel finishes handshakes on its behalf until its queue is full, "+
		"then drops what comes, without a word. Users see connections that hang and time out.", server)
	b.Impact("%s of %s failed", detect.Plural(victims, "attempt", "attempts"), detect.Plural(len(s.clients), "client", "clients"))
	d.facts(b, s)
	s.alternatives(b)
	port := s.head.Server.Port
	b.Remedy(finding.AtServer, "find out why the program does not accept: hung, all workers busy, its own limit of connections or files reached; restart it if it hangs").
		Run("Linux", "ss -ltnp 'sport = :%d'", port)
	b.Remedy(finding.AtServer, "if it accepts but cannot keep up: more workers, and a longer queue (the program's listen backlog, up to the kernel's limit; restart it then)").
		Run("Linux", "sysctl -w net.core.somaxconn=4096")
	b.Remedy(finding.AtServer, "let the kernel refuse instead of staying silent, so that clients learn at once (cost: a short burst fails instead of waiting a second)").
		Run("Linux", "sysctl -w net.ipv4.tcp_abort_on_overflow=1")
	b.Check(fmt.Sprintf("ss -ltn 'sport = :%d'; nstat -az TcpExtListenOverflows", port), "on the server: Recv-Q (waiting) above Send-Q (the limit), and a counter that grows")
	b.WrongIf("ss -ltn on %s showing Recv-Q at 0 for port %d meanwhile", s.head.Server.Addr, port)
	d.story(b, s)
	return true
}

func (d *detector) state(g *finding.Group) *state {
	s := &state{clients: map[packet.Addr]bool{}}
	first, last := packet.Time(1<<63-1), packet.Time(-1<<63)
	for i := range g.Kept {
		v := g.Kept[i].Data.(*victim)
		s.head = v.flow.Head()
		if v.late {
			s.late++
			continue
		}
		first, last = min(first, v.flow.Start.Time), max(last, v.flow.Last.Time)
		s.clients[s.head.Client.Addr] = true
		if v.mute() {
			s.mute = append(s.mute, v)
			s.tries += int(v.flow.Stall.Tries)
			s.again += max(int(v.flow.SYNACKTries)-1, 0)
		} else {
			s.silent = append(s.silent, v)
			s.tries += int(v.flow.SYNTries)
		}
	}
	r := d.services.Find(g.Kept[0].Vantage, detect.Service{Addr: s.head.Server.Addr, Port: s.head.Server.Port, Proto: packet.ProtoTCP})
	if r == nil || first > last {
		return s
	}
	for _, p := range r.parked {
		if p.start.Time <= last && p.last.Time >= first.Add(-parkedBefore) {
			s.parked = append(s.parked, p)
		}
	}
	sort.SliceStable(s.parked, func(i, j int) bool { return s.parked[i].start.Time < s.parked[j].start.Time })
	for x := range r.served.All {
		if x.Time >= first && x.Time <= last {
			s.served = append(s.served, *x)
		}
	}
	sort.SliceStable(s.served, func(i, j int) bool { return s.served[i].Time < s.served[j].Time })
	for _, p := range s.parked {
		if p.finack.Time >= first {
			s.life = append(s.life, p.finack)
		}
	}
	for _, v := range s.mute {
		s.life = append(s.life, v.flow.Marks[event.MarkSYNACK])
	}
	h := s.head
	s.others = d.scope.Ledger.Server(g.Kept[0].Vantage, h.Server.Addr, func(a *detect.Attempt) bool { return a.Service.Port == h.Server.Port }, first, last)
	s.life = append(append(s.life, s.others.AnsweredRefs...), s.served...)
	s.life = detect.Refs(s.life[:min(len(s.life), 8)]...)
	all := d.scope.Ledger.Others(g.Kept[0].Vantage, detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: packet.ProtoTCP}, nil, first, last)
	s.asked = all.Total()
	return s
}

// queued says what lies with the server's kernel.
func (s *state) queued() string {
	switch {
	case len(s.parked) == 0:
		return fmt.Sprintf("it repeated its SYN/ACK %s although the client had acknowledged", detect.Plural(s.again, "time", "times"))
	case len(s.parked) == 1:
		return "one connection was taken and its data acknowledged, but never answered"
	}
	return fmt.Sprintf("%d connections were taken and their data acknowledged, but never answered", len(s.parked))
}

// met says what became of the others.
func (s *state) met() string {
	m, n := len(s.mute), len(s.silent)
	granted := fmt.Sprintf("the data of %d more, granted by a SYN/ACK, met silence", m)
	asked := fmt.Sprintf("%d more requests met silence", n)
	switch {
	case m == 0:
		return asked
	case n == 0:
		return granted
	}
	return granted + ", and " + asked
}

func (d *detector) facts(b *finding.Builder, s *state) {
	for i, p := range s.parked {
		if i == 2 {
			b.Fact(nil, "and %s", detect.Plural(len(s.parked)-i, "more connection like these", "more connections like these"))
			break
		}
		b.Fact(detect.Refs(p.synack, p.data, p.last), "%s: handshake done, request at %s s acknowledged, no answer in %s", detect.EndText(p.client), d.scope.Since(p.data), detect.Span(p.last.Time.Sub(p.data.Time)))
	}
	for i, v := range s.mute {
		f := v.flow
		if i == 2 {
			b.Fact(nil, "and %s", detect.Plural(len(s.mute)-i, "more connection whose data met silence", "more connections whose data met silence"))
			break
		}
		again := ""
		if f.SYNACKTries > 1 {
			again = fmt.Sprintf("; the server sent its SYN/ACK %d times", f.SYNACKTries)
		}
		b.Fact(detect.Refs(f.Marks[event.MarkSYNACK], f.Marks[event.MarkHandshake], f.Stall.First, f.Stall.Last), "%s: handshake done for the client, its first data sent %d times, no acknowledgement%s",
			detect.EndText(f.Head().Client), f.Stall.Tries, again)
	}
	for i, v := range s.silent {
		f := v.flow
		if i == 2 {
			b.Fact(nil, "and %s", detect.Plural(len(s.silent)-i, "more request that met silence", "more requests that met silence"))
			break
		}
		b.Fact(detect.Refs(f.Start, f.Marks[event.MarkSYN2], f.Marks[event.MarkSYNLast]), "%s: asked %d times from %s s, no reply", detect.EndText(f.Head().Client), f.SYNTries, d.scope.Since(f.Start))
	}
	if s.others.Answered > 0 {
		b.Fact(s.others.AnsweredRefs, "other ports of the server answered %s meanwhile", detect.Plural(s.others.Answered, "time", "times"))
	}
	if s.late > 0 {
		b.Fact(nil, "%s got through after all", detect.Plural(s.late, "attempt", "attempts"))
	}
	if len(s.served) > 0 {
		b.Fact(s.served[:min(len(s.served), 4)], "%s served meanwhile: the program is slow rather than dead", detect.Plural(len(s.served), "connection was", "connections were"))
	}
}

// acks are the frames that show the server's kernel at work on the port.
func (s *state) acks() []packet.Ref {
	var rs []packet.Ref
	for i, p := range s.parked {
		if i < 3 {
			rs = append(rs, p.synack, p.data, p.last)
		}
	}
	if len(rs) == 0 {
		for i, v := range s.mute {
			if i < 3 {
				rs = append(rs, v.flow.Marks[event.MarkSYNACK], v.flow.Marks[event.MarkSYNACKLast])
			}
		}
	}
	return detect.Refs(rs...)
}

// firsts are the first requests that met the full queue.
func (s *state) firsts() []packet.Ref {
	var rs []packet.Ref
	for i, v := range append(append([]*victim(nil), s.mute...), s.silent...) {
		if i < 4 {
			rs = append(rs, v.flow.Start)
		}
	}
	return rs
}

func (s *state) alternatives(b *finding.Builder) {
	if s.tries >= triesLeast && len(s.life) > 0 {
		b.RuledOut("loss", s.life, "%d packets of %s went unanswered in a row, and others were answered meanwhile", s.tries, detect.Plural(len(s.mute)+len(s.silent), "connection", "connections"))
	} else {
		b.Open("loss", "%d packets went unanswered; a capture at the server decides", s.tries)
	}
	switch {
	case len(s.mute) > 0 && len(s.parked) > 0:
		b.RuledOut("firewall", s.acks(), "it had let the same connections' requests through, and the data of others to the same port")
	case len(s.parked) > 0:
		b.Open("firewall", "one that limits the connections to this port would drop requests just so; ss -ltn on the server shows whether its queue is full")
	default:
		b.Open("firewall", "one that lets requests through and drops what follows; a capture at the server decides")
	}
	if len(s.life) > 0 {
		b.RuledOut("server-down", s.life, "it answered meanwhile: on this port, or on others")
	} else {
		b.Open("server-down", "nothing was heard from it meanwhile; ping %s, or another of its services, decides", s.head.Server.Addr)
	}
	if s.asked < flood {
		b.RuledOut("flood", s.firsts(), "%s to the service in that time: no flood", detect.Plural(s.asked, "request", "requests"))
	} else {
		b.Open("flood", "%d requests to the service in that time; whether they come from real clients, the server's connections show", s.asked)
	}
	if len(s.served) > 0 && len(s.parked) == 0 {
		b.Cap(finding.Possible)
	}
}

func (d *detector) story(b *finding.Builder, s *state) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	if len(s.parked) > 0 {
		p := s.parked[0]
		add(p.start, packet.ToServer, "SYN", detect.EndText(p.client)+" asks", false)
		add(p.synack, packet.ToClient, "SYN, ACK", "the kernel grants", false)
		add(p.data, packet.ToServer, "data", "acknowledged, never answered", false)
	}
	if len(s.mute) > 0 {
		f := s.mute[0].flow
		add(f.Start, packet.ToServer, "SYN", detect.EndText(f.Head().Client)+" asks", false)
		add(f.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "granted", false)
		add(f.Stall.First, packet.ToServer, "data", "no acknowledgement", true)
		add(f.Marks[event.MarkSYNACKLast], packet.ToClient, "SYN, ACK (again)", "the server drops what follows", false)
		add(f.Stall.Last, packet.ToServer, "data (again)", "no acknowledgement", true)
	}
	if len(s.silent) > 0 {
		f := s.silent[0].flow
		add(f.Start, packet.ToServer, "SYN", detect.EndText(f.Head().Client)+" asks, no reply", true)
		add(f.Marks[event.MarkSYN2], packet.ToServer, "SYN (again)", "no reply", true)
		add(f.Marks[event.MarkSYNLast], packet.ToServer, "SYN (again)", "no reply", true)
	}
}
