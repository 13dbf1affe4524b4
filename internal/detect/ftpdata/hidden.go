package ftpdata

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the data connections of one client and server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == Private {
		return d.composePrivate(g, b)
	}
	return d.composeHidden(g, b)
}

// hiddenStory is what is known of the data connections that failed.
type hiddenStory struct {
	d        *detector
	fs       []*failure
	f        *failure // the first
	s        *session // its control channel
	active   bool     // the server calls
	ports    []uint16
	requests int
	worked   inClear // a transfer in clear text between the two, before or after; zero: none
	quiet    bool    // the control channel was silent meanwhile: the client waited for this
	alone    bool    // nothing but the control channel was seen
	conf     settings
}

func (d *detector) composeHidden(g *finding.Group, b *finding.Builder) bool {
	w := &hiddenStory{d: d}
	for i := range g.Kept {
		x := g.Kept[i].Data.(*failure)
		if x.how == reset && d.own(x.flow) {
			continue // nothing listens there any more: no firewall
		}
		w.fs = append(w.fs, x)
	}
	if len(w.fs) == 0 {
		return false
	}
	w.f = w.fs[0]
	w.s, w.alone = w.f.ses, w.f.how == unseen
	if d.cameUp(w) || w.alone && len(w.s.failed) > 0 { // a data connection that was tried until the end is told by itself
		return false
	}
	for _, x := range w.fs {
		if x.flow != nil {
			w.requests += int(max(x.flow.SYNTries, 1))
			w.ports = append(w.ports, x.flow.Head().Server.Port)
		} else if x.icmp != nil {
			w.requests++
			w.ports = append(w.ports, x.icmp.Head().Server.Port)
		}
	}
	w.active = !w.alone && w.f.client == w.s.server.Addr
	w.worked = d.clear[clearKey{w.s.vantage, w.s.client.Addr, w.s.server.Addr}]
	w.quiet = !w.alone && d.waited(w)
	w.conf = d.configured(w.s, false, w.s.server.Addr)
	w.words(b)
	w.facts(b)
	w.alternatives(b)
	w.remedy(b)
	w.story(b)
	return true
}

// own reports whether a reset came from as far away as the machine's other packets.
func (d *detector) own(f *event.Flow) bool {
	h := f.Head()
	has, known := d.scope.Hosts.Get(h.Vantage, h.Server.Addr).HasTTL(f.Refusal.TTL)
	return known && has
}

// cameUp reports whether any data connection of the encrypted session was answered: then its port is open, and
// encryption is not what stops the others.
func (d *detector) cameUp(w *hiddenStory) (any bool) {
	s := w.s
	from := s.encrypted().Time
	to := packet.Time(1<<63 - 1)
	if s.end != nil {
		to = s.end.Last.Time.Add(soon)
	}
	look := func(server, client packet.Addr) {
		d.scope.Ledger.Attempts(detect.Service{Addr: server, Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
			any = any || a.Vantage == s.vantage && a.Client.Addr == client && a.Service.Port >= firstData && a.Outcome == detect.OutAnswered &&
				a.Start.Time >= from && a.Start.Time <= to && d.byFlow[a.FlowID] == nil
			return !any
		})
	}
	look(s.server.Addr, s.client.Addr)
	look(s.client.Addr, s.server.Addr)
	return any
}

// waited reports whether the control channel fell silent when the data connection was asked for, and stayed so while
// it was tried.
func (d *detector) waited(w *hiddenStory) bool {
	for _, x := range w.fs {
		e := x.ses.end
		if e == nil {
			continue
		}
		at := x.first().Time
		from, to := e.IdleFrom.Time, e.IdleTo.Time
		if e.End == event.EndInput && d.now.Sub(e.Last.Time) > e.IdleSurvived {
			from, to = e.Last.Time, d.now
		}
		if from != 0 && at.Sub(from) <= soon && from.Sub(at) <= soon && to.Sub(at) >= event.SilenceAfter {
			return true
		}
	}
	return false
}

func (w *hiddenStory) data() string {
	return detect.Plural(len(w.fs), "data connection", "data connections")
}

func (w *hiddenStory) words(b *finding.Builder) {
	s := w.s
	server := detect.EndText(s.server)
	b.Subject(finding.Subject{Role: "client", Addr: s.client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: s.server.Addr, Port: s.server.Port})
	since := fmt.Sprintf("since AUTH %s (%s)", s.method, w.d.scope.Frame(s.auth))
	switched := fmt.Sprintf("This FTP login switched to encryption (AUTH %s, %s).", s.method, w.d.scope.Frame(s.auth))
	if s.implicit {
		since = fmt.Sprintf("from the first byte (implicit TLS, port %d)", s.server.Port)
		switched = fmt.Sprintf("This FTP login is encrypted from its first byte (port %d).", s.server.Port)
	}
	if w.alone {
		b.Title("the encrypted FTP login of %s to %s hung, and no data connection was seen", s.client.Addr, server)
		b.Why("the control channel is encrypted %s and was then silent for %s with no data connection in this capture: a firewall before this place that cannot read the data port would look like that", since,
			detect.Span(w.d.silence(s)))
		b.Summary("%s What follows is unreadable to everybody between; this place saw the login, then a long silence, and never a connection for a listing or a file. If users say that login works and listing hangs, a firewall between "+
			"them and this place drops the data connections because it cannot read their ports.", switched)
		b.Impact("one session, silent for %s", detect.Span(w.d.silence(s)))
		return
	}
	verb := map[how]string{silent: "dropped", reset: "reset", icmp: "rejected"}[w.f.how]
	if w.active {
		b.Title("FTP to %s logs in but does not list: the encrypted login hides from the firewall that the server will call back; %s %s", server, w.data(), verb)
	} else {
		b.Title("FTP to %s logs in but does not list: the encrypted login hides the data port from the firewall; %s %s", server, w.data(), verb)
	}
	b.Why("the control channel is encrypted %s, so a firewall's FTP helper cannot read where the data connection goes and opens nothing: %s %s", since, w.call(), verb)
	more := ""
	if !w.worked.ref.IsZero() {
		when := "Earlier"
		if w.worked.ref.Time > s.encrypted().Time {
			when = "Later"
		}
		more = fmt.Sprintf(" %s the same two machines listed without encryption (%s at %s s).", when, w.d.scope.Frame(w.worked.ref), w.d.scope.Since(w.worked.ref))
	}
	b.Summary("%s From then on the firewall cannot read which port is offered for the file transfer, so its FTP helper opens nothing: %s asked for %s and %s. Login works, listing and transfers hang.%s",
		switched, w.call(), detect.Plural(w.requests, "time", "times"), verb, more)
	b.Impact("%s failed, %s", detect.Plural(len(w.fs), "listing or transfer", "listings or transfers"), w.waiting())
}

// call names the data connections, with the verb.
func (w *hiddenStory) call() string {
	if w.active {
		return fmt.Sprintf("the server's connection to %s was", detect.EndText(w.head().Server))
	}
	if distinct(w.ports) > 1 {
		return fmt.Sprintf("the client's connections to %s were", detect.PortsText(w.ports))
	}
	return fmt.Sprintf("the client's connection to %s was", detect.PortsText(w.ports))
}

func (w *hiddenStory) head() *event.Head {
	if w.f.flow != nil {
		return w.f.flow.Head()
	}
	if w.f.icmp != nil {
		return w.f.icmp.Head()
	}
	return w.s.end.Head()
}

func (w *hiddenStory) waiting() string {
	if w.s.end != nil && w.quiet {
		if n := w.d.silence(w.s); n >= time.Second {
			return "the user waited " + detect.Span(n)
		}
	}
	return "each after a login that worked"
}

func (w *hiddenStory) facts(b *finding.Builder) {
	s, scope := w.s, w.d.scope
	if s.implicit {
		b.Fact(detect.Refs(s.begin), "the control channel to port %d was encrypted from the beginning, at %s s", s.server.Port, scope.Since(s.begin))
	} else {
		b.Fact(detect.Refs(s.auth, s.tls), "AUTH %s at %s s, accepted (234): nothing on the control channel can be read from there on", s.method, scope.Since(s.tls))
	}
	if w.alone {
		f := s.end
		b.Fact(detect.Refs(f.IdleFrom, f.IdleTo, f.Last), "the control channel was silent for %s", detect.Span(w.d.silence(s)))
		b.Fact(nil, "no data connection between %s and %s was seen, answered or not", s.client.Addr, s.server.Addr)
		w.contextFact(b)
		return
	}
	for i, x := range w.fs {
		if i == 3 {
			b.Fact(nil, "%s more failed the same way", detect.Plural(len(w.fs)-i, "data connection", "data connections"))
			break
		}
		w.failureFact(b, x)
	}
	if !w.worked.ref.IsZero() {
		b.Fact(detect.Refs(w.worked.ref), "without encryption the same two machines completed a transfer (%s, 226) at %s s: that time the firewall read the port", w.worked.command, scope.Since(w.worked.ref))
	}
	if w.quiet {
		b.Fact(detect.Refs(s.end.IdleFrom, s.end.IdleTo), "the control channel fell silent when the data connection was asked for, for %s: the client waited for it", detect.Span(w.d.silence(s)))
	}
	w.contextFact(b)
}

func (w *hiddenStory) failureFact(b *finding.Builder, x *failure) {
	scope := w.d.scope
	switch {
	case x.icmp != nil:
		i := x.icmp
		b.Fact(detect.Refs(i.Head().Seen), "%s answered the connection from %s to %s with ICMP type %d code %d at %s s", i.Sender, detect.EndText(i.Head().Client), detect.EndText(i.Head().Server), i.Type, i.Code,
			scope.Since(i.Head().Seen))
	case x.how == reset:
		f := x.flow
		host := scope.Hosts.Get(f.Head().Vantage, f.Head().Server.Addr)
		theirs := ""
		if host != nil && host.TTLs[0] != 0 {
			theirs = fmt.Sprintf(", other packets of it have %d: another machine sent it", host.TTLs[0])
		}
		b.Fact(detect.Refs(f.Start, f.Refusal.Ref), "the connection from %s to %s was reset at %s s, with TTL %d%s", detect.EndText(f.Head().Client), detect.EndText(f.Head().Server), scope.Since(f.Refusal.Ref), f.Refusal.TTL, theirs)
	default:
		f := x.flow
		b.Fact(x.tries(), "%s from %s to %s at %s, no reply", detect.Plural(int(f.SYNTries), "request", "requests"), detect.EndText(f.Head().Client), detect.EndText(f.Head().Server), scope.Times(x.tries(), 4))
	}
}

func (w *hiddenStory) alternatives(b *finding.Builder) {
	s := w.s
	alive := detect.Refs(s.encrypted())
	if s.end != nil {
		alive = detect.Refs(s.encrypted(), s.end.Last)
	}
	if w.alone {
		b.Open("loss", "a capture beside the client shows whether a data connection is asked for again and again")
		b.Open("server-down", "the server's log tells what it waited for")
		b.Open("always-blocked", "the firewall's rules tell")
		b.Open("other", "the client may have wanted nothing: ask what the user saw")
		return
	}
	switch {
	case w.requests >= 2 || w.f.how != silent:
		b.RuledOut("loss", w.firsts(), "%s met the same fate while the control channel worked", detect.Plural(w.requests, "request", "requests"))
	default:
		b.Open("loss", "one request alone may be lost: capture longer")
	}
	b.RuledOut("server-down", alive, "it answered on the control channel")
	if !w.worked.ref.IsZero() {
		b.RuledOut("always-blocked", detect.Refs(w.worked.ref), "in clear text a data connection of the same two came up")
	} else {
		b.Open("always-blocked", "the firewall's rules tell; the remedy is the same")
	}
	switch {
	case w.otherByContext(b):
	case w.quiet:
		b.RuledOut("other", detect.Refs(s.end.IdleFrom, s.end.IdleTo), "the control channel fell silent at that moment and waited for it")
	case !w.gaveUp().IsZero() && (!w.active || w.head().Client.Port == s.server.Port-1):
		b.RuledOut("other", detect.Refs(w.gaveUp()), "the session ended without any other data connection, after the last of these requests: this was the one it waited for")
	case distinct(w.ports) > 1:
		b.RuledOut("other", w.firsts(), "%d different ports were tried, each soon after a login", distinct(w.ports))
	case w.active && w.head().Client.Port == s.server.Port-1:
		b.RuledOut("other", w.firsts(), "the server called from port %d, which is FTP's for data", w.head().Client.Port)
	default:
		b.Open("other", "ask what listens at %s", detect.EndText(w.head().Server))
	}
}

// gaveUp is where the client ended the session after its data connection was tried in vain; zero if it did not.
func (w *hiddenStory) gaveUp() packet.Ref {
	e := w.s.end
	if e == nil {
		return packet.Ref{}
	}
	out := e.Marks[event.MarkClientFIN]
	if out.IsZero() {
		out = e.Marks[event.MarkClientRST]
	}
	last := w.f.first().Time
	for _, x := range w.fs {
		if x.ses == w.s && x.flow != nil {
			last = max(last, x.flow.Marks[event.MarkSYNLast].Time, x.flow.Refusal.Ref.Time)
		}
	}
	if out.IsZero() || out.Time < last || out.Time.Sub(last) > after {
		return packet.Ref{}
	}
	return out
}

func (w *hiddenStory) firsts() (out []packet.Ref) {
	for i, x := range w.fs {
		if i < 4 {
			out = append(out, x.first())
		}
	}
	return out
}

func distinct(ports []uint16) int {
	p := append([]uint16(nil), ports...)
	sort.Slice(p, func(i, j int) bool { return p[i] < p[j] })
	n := 0
	for i := range p {
		if i == 0 || p[i] != p[i-1] {
			n++
		}
	}
	return n
}

func (w *hiddenStory) remedy(b *finding.Builder) {
	s := w.s.server.Addr
	if w.active {
		b.Remedy(finding.AtClient, "let the client connect (passive mode): then only the server's ports have to be opened").
			Run("lftp", "set ftp:passive-mode on").
			Run("curl", "curl --ftp-pasv --ssl-reqd -u USER ftp://%s/", s)
	}
	lo, hi, has := w.conf.ports()
	which := "that range"
	if has {
		which = fmt.Sprintf("the passive range of %s", w.conf.file())
	} else {
		step := b.Remedy(finding.AtServer, "give passive connections a fixed, small range of ports").
			Run("vsftpd", `printf 'pasv_min_port=50000\npasv_max_port=50100\n' >>/etc/vsftpd.conf && systemctl restart vsftpd`)
		if !w.conf.counts() {
			step.Run("proftpd", `printf 'PassivePorts 50000 50100\n' >/etc/proftpd/conf.d/passive.conf && systemctl restart proftpd`).
				Run("pure-ftpd", `echo 50000 50100 >/etc/pure-ftpd/conf/PassivePortRange && systemctl restart pure-ftpd`)
		}
		step.Run("what else is in the way", "firestorm lint ftp /etc/vsftpd.conf")
	}
	family, set := "ip", "iptables"
	if !s.Is4() {
		family, set = "ip6", "ip6tables"
	}
	b.Remedy(finding.AtFirewall, "allow exactly %s to this server, and no more (each of these ports can then be reached by whoever the rule names)", which).
		Run("nftables", "nft insert rule inet filter forward %s daddr %s tcp dport %d-%d accept", family, s, lo, hi).
		Run("iptables", "%s -I FORWARD -d %s -p tcp --dport %d:%d -j ACCEPT", set, s, lo, hi).
		Run("a table of nftables, on what the server's file says", "firestorm lint ftp /etc/vsftpd.conf --rules --server %s", s)
	b.Remedy(finding.AtServer, "behind address translation, tell the server its outer address too (vsftpd: pasv_address=ADDRESS; proftpd: MasqueradeAddress ADDRESS), and forward the range")
	b.Remedy(finding.AtServer, "or offer SFTP (part of SSH): one connection, encrypted, no second port")
	b.Remedy(finding.AtClient, "only if nothing else is possible: CCC after the login, where client and server know it (curl: --ftp-ssl-ccc). The password stays protected; commands, names of files and what they hold do not")
	b.Check(fmt.Sprintf("curl -v --ssl-reqd --connect-timeout 10 -u USER ftp://%s/", detect.EndText(w.s.server)), "on the client: it lists when the range is open")
	b.WrongIf("a capture at the server that shows the data connection arriving there")
}

func (w *hiddenStory) story(b *finding.Builder) {
	s := w.s
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	if !w.worked.ref.IsZero() {
		add(w.worked.ref, packet.ToClient, "226", "a transfer in clear text works", false)
	}
	if s.implicit {
		add(s.begin, packet.ToServer, "SYN", "login to the port that is encrypted from the first byte", false)
	}
	add(s.auth, packet.ToServer, "AUTH "+s.method, "the client asks for encryption", false)
	add(s.tls, packet.ToClient, "234", "accepted: unreadable from here on", false)
	dir := packet.ToServer
	if w.active {
		dir = packet.ToClient
	}
	for i, x := range w.fs {
		if i == 2 {
			break
		}
		switch {
		case x.icmp != nil:
			add(x.icmp.Head().Seen, packet.ToClient, "ICMP", "the firewall says no", false)
		case x.how == reset:
			add(x.flow.Start, dir, "SYN", "the data connection", false)
			add(x.flow.Refusal.Ref, dir.Other(), "RST", "in the other's name", false)
		case x.flow != nil:
			for j, t := range x.tries() {
				note := "the data connection"
				if j > 0 {
					note = "again, no answer"
				}
				add(t, dir, "SYN", note, true)
			}
		}
	}
	if w.alone {
		add(s.end.IdleFrom, packet.ToServer, "TLS", "the last word before the silence", false)
		add(s.end.Last, packet.ToServer, "", "the last packet", false)
	}
}
