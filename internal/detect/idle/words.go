package idle

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the deaths on one wire, or at one server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == HalfOpen {
		return d.halfOpen(g, b)
	}
	return d.timeout(g, b)
}

func (d *detector) timeout(g *finding.Group, b *finding.Builder) bool {
	w := d.known(&deathOf(g, 0).head)
	deaths := d.counted(g, w)
	if len(deaths) == 0 {
		return false
	}
	n := len(deaths) + g.Count - len(g.Kept)
	x := deaths[0]
	h := &x.head
	shortest, longest := x.stall.IdleBefore, x.stall.IdleBefore
	resets := 0
	for _, y := range deaths {
		shortest, longest = min(shortest, y.stall.IdleBefore), max(longest, y.stall.IdleBefore)
		if y.stall.EndedByRST {
			resets++
		}
	}
	bound := detect.Span(shortest) + " or less"
	if w.longest > 0 {
		bound = fmt.Sprintf("between %s and %s", detect.Span(w.longest), detect.Span(shortest))
	}
	timer := "the device's timer is " + bound
	if from, to, any := d.tracked(deaths); any {
		bound = detect.Span(from)
		if to-from >= 100*time.Millisecond {
			bound += " to " + detect.Span(to)
		}
		timer = "its connection tracker says that it forgot them after " + bound
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	flows := detect.Plural(n, "connection", "connections")
	met := "met silence"
	switch resets {
	case 0:
	case len(deaths):
		met = "was answered by a reset that the other end did not send"
	default:
		met = "met silence, or a reset that the other end did not send"
	}
	b.Title("a device between %s and %s forgets connections after a silence of %s", h.Client.Addr, detect.EndText(h.Server), bound)
	b.Why("%s died after a pause: what was sent then %s, while both ends still believed the connection open; %s", flows, met, timer)
	b.Summary("%s between these networks went silent for %s to %s. When one end spoke again, what it sent %s. Neither end did anything wrong: a firewall or NAT between them throws away its memory of a connection that is "+
		"silent for too long, and stops what comes after. Users see sessions that freeze after a break.", flows, detect.Span(shortest), detect.Span(longest), met)
	b.Impact("%s lost", flows)
	d.timeoutFacts(b, deaths, n, w)
	d.timeoutAlternatives(b, deaths, n, w)
	d.timeoutRemedy(b, h, keepalive(w.longest, shortest))
	b.Check(fmt.Sprintf("conntrack -L -p tcp -s %s -d %s", h.Client.Addr, h.Server.Addr), "on the gateway, during the pause: the entry and its remaining seconds")
	b.WrongIf("a connection between these networks that survives a longer silence without keep-alives")
	story(b, x, "the pause begins", "data after the pause")
	return true
}

// heldFor is how long a connection tracker remembered a connection after its last packet; any is false where none said so
// before the packet that met silence.
func (d *detector) heldFor(x *death) (after time.Duration, any bool) {
	m := d.scope.Tracked.Between(&x.head, x.stall.Before.Time, x.stall.First.Time)
	return m.Forgot.Sub(x.stall.Before.Time), m.Forgot != 0
}

// tracked is the shortest and the longest time after which a connection tracker said that it forgot.
func (d *detector) tracked(deaths []*death) (from, to time.Duration, any bool) {
	for _, x := range deaths {
		if after, ok := d.heldFor(x); ok {
			if !any || after < from {
				from = after
			}
			to, any = max(to, after), true
		}
	}
	return from, to, any
}

func deathOf(g *finding.Group, i int) *death { return g.Kept[i].Data.(*death) }

// counted leaves out the deaths that are none of a timer: the flow lived after all, the pause was no longer than one
// that was survived, or the reset's distance is one from which the other end sends too.
func (d *detector) counted(g *finding.Group, w *history) []*death {
	var out []*death
	for i := range g.Kept {
		x := deathOf(g, i)
		if x.back || x.stall.IdleBefore <= w.longest {
			continue
		}
		if x.stall.EndedByRST {
			if has, _ := d.scope.Hosts.Get(x.head.Vantage, x.peer().Addr).HasTTL(x.stall.RSTTTL); has {
				continue
			}
		}
		out = append(out, x)
	}
	return out
}

// keepalive proposes an interval below the timer: what was survived, or else half of what was not.
func keepalive(survived, died time.Duration) int {
	d := died / 2
	if survived > 0 {
		d = survived
	}
	return max(1, int(d/time.Second))
}

func (d *detector) timeoutRemedy(b *finding.Builder, h *event.Head, every int) {
	l := b.Remedy(finding.AtClient, "speak more often than the timer: switch keep-alives on in the application, one every %d s or less (the line sets their pace for connections that use them)", every).
		Run("Linux", "sysctl -w net.ipv4.tcp_keepalive_time=%d", every)
	if h.Server.Port == 22 {
		l.Run("OpenSSH", "ssh -o ServerAliveInterval=%d %s", every, h.Server.Addr)
	}
	b.Remedy(finding.AtFirewall, "remember established connections for at least 2 h 4 min (RFC 5382 REQ-5); it costs memory for connections that are dead").
		Run("Linux", "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=7440")
	b.Remedy(finding.AtFirewall, "answer instead of dropping, so that both ends learn at once; it also tells strangers that a firewall is there").
		Run("nftables", "nft insert rule inet filter forward ct state invalid meta l4proto tcp reject with tcp reset")
}

func (d *detector) timeoutFacts(b *finding.Builder, deaths []*death, n int, w *history) {
	for i, x := range deaths {
		if i == 4 {
			b.Fact(nil, "and %d more like these", n-i)
			break
		}
		h := &x.head
		from, to := h.Client, h.Server
		if x.stall.Dir == packet.ToClient {
			from, to = to, from
		}
		what := fmt.Sprintf("sent %d times without an answer", x.stall.Tries)
		if x.stall.EndedByRST {
			what = fmt.Sprintf("answered by a reset with TTL %d; the other end's packets have %d", x.stall.RSTTTL, x.ttl)
		}
		b.Fact(detect.Refs(x.stall.Before, x.stall.First, x.stall.Last, x.stall.RST), "%s → %s silent for %s, then %d bytes %s",
			detect.EndText(from), detect.EndText(to), detect.Span(x.stall.IdleBefore), x.stall.IPLen, what)
		if after, ok := d.heldFor(x); ok {
			b.Fact(nil, "the gateway forgot %s → %s %s after that silence began, at %s s (conntrack)", detect.EndText(h.Client), detect.EndText(h.Server), detect.Span(after),
				d.scope.Since(packet.Ref{Time: x.stall.Before.Time.Add(after)}))
		}
	}
	switch {
	case w.longest > 0:
		b.Fact(detect.Refs(w.from, w.to), "%s survived pauses of up to %s on the same way", detect.Plural(w.survived, "connection", "connections"), detect.Span(w.longest))
	case d.lost:
		b.Fact(nil, "which pauses were survived is not known: there were more connections than --max-memory lets me remember")
	default:
		b.Fact(nil, "no connection on this way survived a pause of a second or more, so the timer has no lower bound here")
	}
}

// signs is what a group of deaths shows beyond each of them.
type signs struct {
	mute      *death       // one whose peer showed no life meanwhile; nil: all did
	heard     packet.Addr  // one that did
	peers     []packet.Ref // signs of life of the peers
	ways      []packet.Ref // exchanges on the way meanwhile
	resets    []packet.Ref
	inside    []packet.Ref // first tries that entered the device between two captures and never left it
	where     string       // of the second capture
	maxBefore packet.Time  // latest begin of a pause
	minFirst  packet.Time  // earliest end of a pause
}

func (d *detector) look(w *history, deaths []*death) signs {
	s := signs{minFirst: deaths[0].stall.First.Time}
	for _, x := range deaths {
		s.maxBefore, s.minFirst = max(s.maxBefore, x.stall.Before.Time), min(s.minFirst, x.stall.First.Time)
		peer, way := d.alive(w, x)
		if peer.IsZero() {
			if s.mute == nil {
				s.mute = x
			}
		} else {
			s.peers, s.heard = append(s.peers, peer), x.peer().Addr
		}
		if x.stall.EndedByRST {
			s.resets = append(s.resets, x.stall.RST)
		} else if !way.IsZero() {
			s.ways = append(s.ways, way)
		}
		if t := d.scope.Twins.Trace(x.stall.First); t.Known && !t.Seen {
			s.inside, s.where = append(s.inside, x.stall.First), d.scope.Twins.Name(t.Vantage)
		}
	}
	return s
}

func (d *detector) timeoutAlternatives(b *finding.Builder, deaths []*death, n int, w *history) {
	s := d.look(w, deaths)
	traced := len(s.inside) == len(deaths)
	switch {
	case len(s.peers) >= min(enough, len(deaths)):
		b.RuledOut("peer-gone", detect.Refs(s.peers...), "%s went on with other connections meanwhile", s.heard)
	case traced:
		b.RuledOut("peer-gone", s.inside, "what was sent never came out at %s", s.where)
	default:
		b.Open("peer-gone", "nothing shows that %s was there when it was spoken to at %s s; its log or uptime decides", s.mute.peer().Addr, d.scope.Since(s.mute.stall.First))
	}
	switch {
	case len(s.resets) == len(deaths):
		b.RuledOut("path-cut", s.resets, "something on the way answered")
	case traced:
		b.RuledOut("path-cut", s.inside, "what was sent came as far as the device before %s, and not out of it", s.where)
	case len(s.ways)+len(s.resets) >= min(enough, len(deaths)):
		b.RuledOut("path-cut", detect.Refs(append(s.ways, s.resets...)...), "other connections went on meanwhile on the same way")
	default:
		b.Open("path-cut", "other traffic between these networks at that moment decides; none was answered in this capture")
	}
	d.branch(b, s, deaths, n, w, traced)
	switch {
	case n < enough:
		b.Open("one-off", "%s so far; three, and others that survive shorter pauses, settle it", detect.Plural(n, "case", "cases"))
	case w.longest > 0:
		b.RuledOut("one-off", detect.Refs(w.from, w.to), "all %d died after longer pauses than any of the %d that were survived", n, w.survived)
	case len(s.resets) >= enough:
		b.RuledOut("one-off", s.resets, "%d connections died the same way", n)
	default:
		b.Open("one-off", "no connection that survived a shorter pause to compare with")
	}
}

// branch asks whether one event that hit some connections and spared others could be the reason: a failed link of
// several, a failed machine of several behind the address.
func (d *detector) branch(b *finding.Builder, s signs, deaths []*death, n int, w *history, traced bool) {
	others, short := d.hasty.newest(&w.hasty)
	for _, y := range others {
		if !y.back && y.peer == deaths[0].peer().Addr {
			b.Open("branch", "%s died without such a pause at %s s: a timer is not the reason there", detect.EndText(y.client), d.scope.Since(y.at))
			return
		}
	}
	var spared []packet.Ref
	witnesses, _ := d.lived.newest(&w.lived)
	for _, v := range witnesses {
		if v.silence > 0 && v.over(min(s.maxBefore, s.minFirst), max(s.maxBefore, s.minFirst)) {
			spared = append(spared, v.to)
		}
	}
	switch {
	case traced:
		b.RuledOut("branch", s.inside, "what was sent entered one device and never came out at %s", s.where)
	case short:
		b.Open("branch", "whether others died without a pause is not known: there were more connections than --max-memory lets me remember")
	case n < enough:
		b.Open("branch", "three connections that die at different times decide")
	case s.maxBefore >= s.minFirst:
		b.RuledOut("branch", detect.Refs(deaths[0].stall.Before, deaths[0].stall.First), "no moment lies within all the pauses, so no single failure explains the deaths")
	case len(spared) >= enough:
		b.RuledOut("branch", spared[:enough], "chance does not spare just the %d that paused for less", len(spared))
	default:
		b.Open("branch", "the pauses overlap, and fewer than three connections that paused for less outlived them; a longer capture decides")
	}
}

func (d *detector) halfOpen(g *finding.Group, b *finding.Builder) bool {
	var deaths []*death
	var refs []packet.Ref
	clients := map[packet.Addr]bool{}
	dead := map[uint64]bool{}
	for i := range g.Kept {
		y := deathOf(g, i)
		deaths, refs = append(deaths, y), append(refs, y.stall.RST)
		clients[y.head.Client.Addr], dead[y.head.FlowID] = true, true
	}
	x := deaths[0]
	h := &x.head
	flows := detect.Plural(g.Count, "connection", "connections")
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr})
	b.Title("%s no longer knew %s: it restarted, or another machine took over its address", h.Server.Addr, flows)
	b.Why("data on open connections was answered by resets that a machine sends for connections it has never heard of, with its own TTL")
	b.Summary("%s of %s still believed in %s to %s and went on talking. The server answered that it knows nothing of them. It lost its memory without saying goodbye: it restarted, crashed, or another machine took over its "+
		"address. The network did its work.", detect.Plural(len(clients), "client", "clients"), h.Client.Addr.Prefix(), flows, h.Server.Addr)
	b.Impact("%s of %s lost", flows, detect.Plural(len(clients), "client", "clients"))
	for i, y := range deaths {
		if i == 4 {
			b.Fact(nil, "and %d more like these", g.Count-i)
			break
		}
		b.Fact(detect.Refs(y.stall.First, y.stall.RST), "%s sent %d bytes at %s s, after %s of silence; reset %s later, TTL %d as in the server's other packets, without ACK", detect.EndText(y.head.Client), y.stall.IPLen,
			d.scope.Since(y.stall.First), detect.Span(y.stall.IdleBefore), detect.Span(y.stall.RST.Time.Sub(y.stall.First.Time)), y.stall.RSTTTL)
	}
	again := d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool { return dead[a.FlowID] || a.Answer.Time < x.stall.Before.Time }, x.stall.Before.Time, g.Last.Time.Add(time.Minute))
	if again.Answered > 0 {
		b.Fact(again.AnsweredRefs, "new connections to it were answered after the first of them fell silent: it is up")
	} else {
		b.Fact(nil, "no new connection to it was tried in this capture")
	}
	b.RuledOut("middlebox", refs, "the resets have the TTL of the server's own packets")
	b.RuledOut("abort", refs, "they carry no ACK and the client's own acknowledgement number: the form for an unknown connection (RFC 9293 3.10.7.1)")
	d.halfOpenAlternatives(g, b, deaths, refs)
	b.Remedy(finding.AtServer, "look for a restart, crash or failover before %s s of this capture", d.scope.Since(x.stall.First)).
		Run("Linux", "journalctl --list-boots")
	b.Remedy(finding.AtClient, "let the application reconnect by itself, and test idle connections before use (keep-alives shorter than its pauses)")
	b.Check("uptime -s; journalctl -b -1 -n 20", "on the server")
	b.WrongIf("a log of the server that shows it running without a break")
	story(b, x, "both ends still agree", "data on the old connection")
	return true
}

// halfOpenAlternatives asks whether one loss of memory explains all the deaths, and whether a timer could instead.
func (d *detector) halfOpenAlternatives(g *finding.Group, b *finding.Builder, deaths []*death, refs []packet.Ref) {
	x := deaths[0]
	h := &x.head
	var maxBefore, minReset packet.Time
	shortest := x.stall.IdleBefore
	for i, y := range deaths {
		maxBefore, shortest = max(maxBefore, y.stall.Before.Time), min(shortest, y.stall.IdleBefore)
		if i == 0 || y.stall.RST.Time < minReset {
			minReset = y.stall.RST.Time
		}
	}
	once := maxBefore < minReset
	w := d.known(h)
	var knew packet.Ref // a connection that the server remembered over the time of its supposed restart
	witnesses, short := d.lived.newest(&w.lived)
	for _, v := range witnesses {
		if once && v.server == h.Server.Addr && v.over(maxBefore, minReset) {
			knew = v.to
		}
	}
	var up packet.Ref
	for _, r := range d.announced[h.Server.Addr] {
		if once && r.Time > maxBefore && r.Time < minReset {
			up = r
		}
	}
	switch {
	case !knew.IsZero():
		b.Open("idle-timer", "another connection to %s lived on over that time: not all its memory was lost", h.Server.Addr)
	case short:
		b.Open("idle-timer", "whether another connection to %s lived on is not known: there were more than --max-memory lets me remember", h.Server.Addr)
	case !up.IsZero():
		b.RuledOut("idle-timer", detect.Refs(up), "%s announced its address at %s s, while they were silent: its interface came up, or another machine took over the address", h.Server.Addr, d.scope.Since(up))
		b.Evidence(up, "the server announces its address")
	case w.longest >= shortest:
		b.RuledOut("idle-timer", detect.Refs(w.from, w.to), "a silence of %s was survived on the same way, longer than the %s after which one of these was dead", detect.Span(w.longest), detect.Span(shortest))
	default:
		b.Open("idle-timer", "uptime -s on the server decides: a time before %s s means that it did not restart", d.scope.Since(x.stall.Before))
	}
	switch {
	case !knew.IsZero():
		b.Open("one-off", "the log of the server decides what became of just these")
	case g.Count >= 2 && once:
		b.RuledOut("one-off", refs, "%d connections were forgotten in the same time", g.Count)
	case g.Count >= 2:
		b.Open("one-off", "no single moment explains all of them; the log of the server decides")
	default:
		b.Open("one-off", "a second connection to the same server that dies the same way")
	}
}

// story draws one death.
func story(b *finding.Builder, x *death, before, after string) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	s := x.stall
	add(x.syn, packet.ToServer, "SYN", "the connection begins", false)
	add(x.synack, packet.ToClient, "SYN, ACK", "it is answered", false)
	add(s.Before, s.Dir, "last packet", before, false)
	add(s.First, s.Dir, "data", after, !s.EndedByRST)
	if s.Last != s.First {
		add(s.Last, s.Dir, "data (again)", "last repeat", true)
	}
	add(s.RST, s.Dir.Other(), "RST", "a reset comes back", false)
}
