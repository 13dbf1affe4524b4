// Package ntpfaults finds clocks without a source: a time server that does not answer, that has no time itself, or that
// turns its client away.
package ntpfaults

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/analyzer/ntp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "ntp-silent-or-unsync"

const (
	// patience is how long an answer may take: far longer than any that is of use for a clock.
	patience = 3 * time.Second
	// manyTries is how many questions must have gone unanswered, or met a server without time.
	manyTries = 3
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "ntpfaults",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a time server does not answer, or has no time itself",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "filter", Name: "a packet filter that drops questions or answers silently"},
			{ID: "unseen", Name: "answers that come back on a way this capture does not show"},
			{ID: "starting", Name: "a server that was started a moment ago"},
		},
		References: []string{"RFC 5905 7.3 (leap indicator 3 and stratum 16: not synchronised)", "RFC 5905 7.4 (kiss codes)"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateTable},
		Settle:     10 * time.Second,
		About: "A client asked a time server three times or more and nobody answered; or the server answered that it has no time itself (leap indicator 3, stratum 16); or it turned the client away with a kiss code " +
			"(RATE: asked too often, DENY and RSTR: not allowed). Clocks drift without anybody noticing until certificates and log-ins fail. Not this: one lost question; an ICMP error, which has a finding of its own.",
		Reproduce: "testbed: ntp-silent, ntp-unsynchronised, ntp-dropped-v6, ntp-restarted",
	}},
	Wants: detect.Wants{Named: []string{ntp.Kind}, Kinds: []event.Kind{event.KindICMPError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, asked: map[pair]*source{}, served: map[place]packet.Ref{}}
	},
}

type place struct {
	vantage uint16
	addr    packet.Addr
}

type pair struct {
	place
	client packet.Addr
}

// source is one server as one client meets it.
type source struct {
	pair
	open  []packet.Ref // questions without an answer, the first few
	n     int
	last  packet.Ref
	flow  uint64
	good  packet.Ref // last answer with a time
	bad   []packet.Ref
	nbad  int
	kiss  string
	first packet.Ref // first packet of the server to this client
}

const kept = 4

// trouble is what is reported of a source.
type trouble struct {
	source
	how string // "silent", "unsynchronised", or a kiss code
}

type detector struct {
	scope  *detect.Scope
	asked  map[pair]*source
	served map[place]packet.Ref // last answer with a time to anybody
	lost   uint64
}

// Handle counts questions and what came of them.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *ntp.Event:
		if x.Mode == ntp.Client || x.Mode == ntp.Server {
			d.packet(x)
		}
	case *event.ICMPError:
		h := x.Head()
		if s := d.asked[pair{place{h.Vantage, h.Server.Addr}, h.Client.Addr}]; s != nil && h.Server.Port == ntp.Port {
			s.n, s.open = 0, nil // somebody says why
		}
	}
}

func (d *detector) packet(e *ntp.Event) {
	asks, answers := e.Ends()
	h := e.Head()
	k := pair{place{h.Vantage, answers.Addr}, asks.Addr}
	s := d.asked[k]
	if s == nil {
		if len(d.asked) >= d.scope.Limits.Entries {
			d.lost++
			d.scope.Forgot("ntpfaults", "pairs", asks.Addr, answers.Addr)
			return
		}
		s = &source{pair: k}
		d.asked[k] = s
	}
	if e.Mode == ntp.Client {
		if len(s.open) < kept {
			s.open = append(s.open, h.Seen)
		}
		s.n++
		s.last, s.flow = h.Seen, h.FlowID
		return
	}
	if s.first.IsZero() {
		s.first = h.Seen
	}
	s.n, s.open = 0, nil
	kiss := e.Kiss()
	if kiss == "" && !e.Unsynchronised() {
		s.good = h.Seen
		d.served[k.place] = h.Seen
		s.bad, s.nbad, s.kiss = nil, 0, ""
		return
	}
	if kiss != s.kiss {
		s.bad, s.nbad, s.kiss = nil, 0, kiss
	}
	if len(s.bad) < kept {
		s.bad = append(s.bad, h.Seen)
	}
	s.nbad++
	s.last, s.flow = h.Seen, h.FlowID
	if s.nbad == manyTries {
		how := "unsynchronised"
		if kiss != "" {
			how = kiss
		}
		d.report(s, how, s.bad[0])
	}
}

func (d *detector) report(s *source, how string, first packet.Ref) {
	d.scope.Report(&finding.Instance{Code: Code, Key: s.addr.String() + " " + how, FlowID: s.flow, Vantage: s.vantage, Client: s.client, Server: s.addr, Port: ntp.Port,
		First: first, Last: s.last, Data: &trouble{*s, how}})
	s.n, s.open = 0, nil
}

// Tick gives up questions that waited too long.
func (d *detector) Tick(now packet.Time) {
	d.give(func(s *source) bool { return now.Sub(s.last.Time) >= patience })
}

// End gives up those of which all but the last have waited long enough: the end of a capture is not a timeout.
func (d *detector) End(packet.Time) {
	d.give(func(s *source) bool { return s.n > manyTries && s.last.Time.Sub(s.open[0].Time) >= manyTries*patience })
}

func (d *detector) give(due func(*source) bool) {
	var out []*source
	for _, s := range d.asked {
		if s.n >= manyTries && due(s) {
			out = append(out, s)
		}
	}
	sort.Slice(out, func(i, k int) bool {
		a, b := out[i].open[0], out[k].open[0]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Frame < b.Frame
	})
	for _, s := range out {
		d.report(s, "silent", s.open[0])
	}
}

// Compose writes the finding for one server and one way in which it fails.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	t := g.Kept[0].Data.(*trouble)
	var who []string
	n := 0
	for i := range g.Kept {
		x := g.Kept[i].Data.(*trouble)
		if c := x.client.String(); len(who) == 0 || who[len(who)-1] != c {
			who = append(who, c)
		}
		n += max(x.n, x.nbad)
	}
	list, server := detect.List(who, 3), t.addr.String()
	b.Subject(finding.Subject{Role: "time server", Addr: t.addr, Port: ntp.Port})
	b.Subject(finding.Subject{Role: "client", Addr: t.client})
	b.Impact("%s without this source of time; clocks drift by seconds a week, until certificates and log-ins fail", detect.Plural(len(who), "machine", "machines"))
	b.Check(fmt.Sprintf("chronyd -Q -t 5 'server %s iburst'", server), "from "+t.client.String()+": it asks and sets nothing")
	served := d.served[t.place]
	switch t.how {
	case "silent":
		d.silent(t, b, list, n, served)
	case "unsynchronised":
		b.Title("the time server %s has no time itself", server)
		b.Why("it answers, and says that its clock is not synchronised (leap indicator 3 or stratum 16)")
		b.Summary("%s asked %s for the time. It answers, but says itself that its clock is not set by anything: clients rightly ignore it. Its own sources do not answer, or it has none.", list, server)
		b.Remedy(finding.AtServer, "see whether its own sources answer").Run("chrony", "chronyc sources -v").Run("ntpd", "ntpq -pn").Run("Windows", "w32tm /query /status")
		b.Remedy(finding.AtFirewall, "let %s ask outside over UDP port 123", server)
		b.RuledOut("filter", detect.Refs(t.bad...), "its answers come through")
		b.RuledOut("unseen", detect.Refs(t.bad...), "its answers were seen")
		if took := t.last.Time.Sub(t.first.Time); took < 10*time.Minute {
			b.Open("starting", "a server needs some minutes after its start; these answers span %s: the same question in a quarter of an hour", detect.Span(took))
		} else {
			b.RuledOut("starting", detect.Refs(t.first, t.last), "it has said so for %s", detect.Span(took))
		}
	default:
		b.Title("the time server %s turns %s away (%s)", server, list, t.how)
		b.Why("it answers with the kiss code %s: %s", t.how, kissWords(t.how))
		b.Summary("%s asked %s for the time and got a refusal: %s.", list, server, kissWords(t.how))
		b.Remedy(finding.AtClient, "ask less often, and more servers").Run("chrony", "grep -nE '^(server|pool)' /etc/chrony/chrony.conf")
		b.Remedy(finding.AtServer, "allow these clients").Run("chrony", "grep -rn '^ *allow' /etc/chrony").Run("ntpd", "grep -n restrict /etc/ntpsec/ntp.conf")
		b.RuledOut("filter", detect.Refs(t.bad...), "its answers come through")
		b.RuledOut("unseen", detect.Refs(t.bad...), "its answers were seen")
		b.RuledOut("starting", detect.Refs(t.bad...), "a refusal is no matter of its clock")
	}
	if t.how != "silent" {
		b.Fact(detect.Refs(t.bad...), "%s of that kind to %s", detect.Plural(t.nbad, "answer", "answers"), t.client)
		b.Fact(detect.Refs(g.First, g.Last), "the first at %s s, the last at %s s", d.scope.Since(g.First), d.scope.Since(g.Last))
	}
	for _, r := range t.open {
		b.Evidence(r, "asks for the time")
	}
	for _, r := range t.bad {
		b.Evidence(r, "answers without time")
	}
	b.WrongIf("an answer of %s with a stratum from 1 to 15 to one of these clients", server)
	return true
}

func (d *detector) silent(t *trouble, b *finding.Builder, list string, n int, served packet.Ref) {
	server := t.addr.String()
	b.Title("the time server %s does not answer %s", server, list)
	b.Why("%s went unanswered", detect.Plural(n, "question", "questions"))
	b.Summary("%s asked %s for the time and got no answer: the server is down, does not serve time, or a filter stops UDP port 123.", list, server)
	b.Fact(detect.Refs(append(append([]packet.Ref(nil), t.open...), t.last)...), "%s asked %s from %s to %s s, no answer within %s of the last", t.client, detect.Plural(t.n, "time", "times"),
		d.scope.Since(t.open[0]), d.scope.Since(t.last), detect.Span(patience))
	switch {
	case !t.good.IsZero():
		b.Fact(detect.Refs(t.good), "its last answer to %s came at %s s", t.client, d.scope.Since(t.good))
	case !served.IsZero():
		b.Fact(detect.Refs(served), "it answered another client at %s s", d.scope.Since(served))
	default:
		b.Fact(nil, "it answered nobody in this capture")
	}
	b.Open("filter", "ss -lunp 'sport = :123' on %s: if a program listens there, a filter on it or before it drops", server)
	h := d.scope.Hosts.Get(t.vantage, t.addr)
	switch {
	case !served.IsZero():
		b.RuledOut("unseen", detect.Refs(served), "other answers of %s were seen here", server)
	case h != nil && !h.LastSpoke.IsZero():
		b.RuledOut("unseen", detect.Refs(h.LastSpoke), "other packets of %s were seen here", server)
	default:
		b.Open("unseen", "nothing that %s sent was ever seen here: a capture at the server shows whether it answers", server)
	}
	b.RuledOut("starting", detect.Refs(t.open...), "a server that has no time yet says so")
	b.Remedy(finding.AtServer, "see whether the time service runs and serves this network").
		Run("chrony", "systemctl restart chrony; grep -rn '^ *allow' /etc/chrony").
		Run("ntpd", "systemctl restart ntpsec").
		Run("Windows", "w32tm /query /configuration")
	b.Remedy(finding.AtFirewall, "let UDP port 123 through to %s", server).
		Run("nftables", "nft insert rule inet filter forward ip%s daddr %s udp dport 123 accept", v6(t.addr), server)
	b.Remedy(finding.AtClient, "name three sources or more, so that one alone does not matter")
}

func v6(a packet.Addr) string {
	if a.Is4() {
		return ""
	}
	return "6"
}

func kissWords(kiss string) string {
	switch kiss {
	case "RATE":
		return "asked too often"
	case "DENY", "RSTR":
		return "this client is not allowed"
	}
	return "the server does not serve it"
}
