package popupspam

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for a campaign; single pop-ups are no finding.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	c := g.Kept[0].Data.(*campaign)
	if !c.is {
		return false
	}
	s := story{scope: d.scope, c: c}
	for a := range c.receivers {
		s.receivers = append(s.receivers, a)
	}
	sort.Slice(s.receivers, func(i, j int) bool {
		a, b := s.receivers[i], s.receivers[j]
		if n, m := c.receivers[a], c.receivers[b]; n != m {
			return n > m
		}
		return a.Compare(b) < 0
	})
	for p := range c.ports {
		s.ports = append(s.ports, p)
	}
	for _, a := range s.receivers {
		if h := d.scope.Hosts.Get(c.vantage, a); h != nil && h.TTLs[0] != 0 {
			s.heard = true
		}
	}
	s.died, s.between = d.dropped(c)
	s.inside = !c.key.from.IsZero()
	if s.inside {
		s.fromInside(b)
	} else {
		s.fromOutside(b)
	}
	s.facts(b)
	s.alternatives(b)
	s.evidence(b)
	return true
}

// dropped asks a second capture whether the first pop-ups got beyond the device between.
func (d *detector) dropped(c *campaign) (vantage uint16, between bool) {
	asked := 0
	for _, r := range c.refs {
		t := d.scope.Twins.Trace(r)
		if t.Seen {
			return 0, false
		}
		if t.Known {
			asked++
			vantage = t.Vantage
		}
	}
	return vantage, asked > 1
}

// story is what the texts of one finding are made of.
type story struct {
	scope     *detect.Scope
	c         *campaign
	receivers []packet.Addr // most pop-ups first
	ports     []uint16
	heard     bool   // the capture holds packets of a receiver
	between   bool   // a second capture never saw them
	died      uint16 // the vantage that between speaks of
	inside    bool
}

func (s *story) atLeast() string {
	if s.c.more || s.c.forgotten {
		return "at least "
	}
	return ""
}

func (s *story) to() string {
	first := s.receivers[0].String()
	if n := len(s.receivers) - 1; n > 0 {
		return first + " and " + detect.Plural(n, "other address", "other addresses")
	}
	return first
}

func (s *story) over() string { return detect.Span(s.c.last.Time.Sub(s.c.first.Time)) }

func (s *story) count() string { return s.atLeast() + fmt.Sprint(s.c.count) }

func (s *story) fromOutside(b *finding.Builder) {
	c := s.c
	sources := s.atLeast() + detect.Plural(len(c.sources), "address", "addresses")
	b.Title("strangers send Windows Messenger pop-ups to %s: %s in %s from %s", s.to(), s.count(), s.over(), sources)
	b.Why("each datagram is a call to the Windows Messenger service to show a text on the screen; it needs no answer, so anybody can send it with a forged source address")
	b.Summary("Strangers are sending pop-ups for the Windows Messenger service to %s (%s in %s, from %s). %s It is advertising, not an infection: nothing on the receiving machine asked for it. %s "+
		"The source addresses are probably forged: do not report or block their owners.", s.to(), s.count(), s.over(), sources, s.sample(), s.outcome())
	b.Impact("%s", s.impact())
	if c.answered == 0 {
		b.Severity(finding.Low)
	}
	b.Subject(finding.Subject{Role: "receiver", Addr: s.receivers[0]})
	fam, private := "ip", "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }"
	if !s.receivers[0].Is4() {
		fam, private = "ip6", "{ fc00::/7, fe80::/10 }"
	}
	b.Remedy(finding.AtFirewall, "drop what comes from outside for the Messenger and the other old Windows services, before anything accepts it; answers to own questions are not touched").
		Run("nftables", "nft insert rule inet filter forward %s saddr != %s ct state new udp dport { 135, 137-138, 1025-1030 } drop", fam, private).
		Run("nftables", "nft insert rule inet filter forward %s saddr != %s ct state new tcp dport { 135, 139, 445 } drop", fam, private)
	b.Remedy(finding.AtClient, "on a Windows old enough to have the service (NT, 2000, XP, 2003), switch it off").
		Run("Windows", "sc config messenger start= disabled & net stop messenger")
	b.Check("nft list ruleset | grep -n -e 1025-1030 -e 135", "at the firewall; on the receiver: netstat -ano -p udp | findstr :"+fmt.Sprint(s.lowestPort()))
}

func (s *story) fromInside(b *finding.Builder) {
	c := s.c
	from := c.key.from
	b.Title("%s, a machine inside, sends Windows Messenger pop-ups to %s (%s in %s)", from, s.to(), s.count(), s.over())
	b.Why("the calls to the Windows Messenger service come from an address inside: either somebody there sends announcements, or a program on %s sends adverts without its owner knowing", from)
	b.Summary("%s has sent pop-ups for the Windows Messenger service to %s (%s in %s). %s %s Unless somebody knows of it, treat %s as infected.", from, s.to(), s.count(), s.over(), s.sample(), s.outcome(), from)
	b.Impact("%s", s.impact())
	b.Severity(finding.High)
	b.Subject(finding.Subject{Role: "sender", Addr: from})
	b.Subject(finding.Subject{Role: "receiver", Addr: s.receivers[0]})
	b.Remedy(finding.AtClient, "find the program on %s that sends to UDP %s; if nobody knows it, take the machine off the network and examine it", from, detect.PortsText(s.ports)).
		Run("Windows", "netstat -ano -p udp").
		Run("Linux", "ss -uanp")
	b.Remedy(finding.AtFirewall, "until then, stop it from sending").
		Run("nftables", "nft insert rule inet filter forward %s saddr %s udp dport { 135, 1025-1030 } drop", family(from), from)
	b.Check("netstat -ano -p udp", "on "+from.String()+", while it goes on; Linux: ss -uanp")
}

func family(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}

func (s *story) lowestPort() uint16 {
	low := s.ports[0]
	for _, p := range s.ports {
		low = min(low, p)
	}
	return low
}

// outcome says what became of the pop-ups.
func (s *story) outcome() string {
	c := s.c
	switch {
	case s.between:
		return fmt.Sprintf("The device between %s and %s dropped them.", s.scope.Twins.Name(c.vantage), s.scope.Twins.Name(s.died))
	case c.answered > 0:
		return fmt.Sprintf("The receiver answered %s: the service runs there, and the texts were shown.", detect.Plural(c.answered, "of them", "of them"))
	case c.closed > 0:
		return "The receiver said that nothing listens on that port: the texts were not shown."
	case c.refused > 0:
		return fmt.Sprintf("%s refused them: the texts were not shown.", c.refusedBy)
	case s.heard:
		return "No answer to any of them was seen: they were dropped behind this point, or ignored."
	}
	return "This capture holds no packet of the receiver: whether it answered cannot be told."
}

func (s *story) impact() string {
	c := s.c
	switch {
	case c.answered > 0:
		return fmt.Sprintf("%s shown on a screen, each a text that lures its reader", detect.Plural(c.answered, "pop-up", "pop-ups"))
	case s.between || c.closed > 0 || c.refused > 0:
		return "none: nothing was shown"
	}
	return "none seen"
}

// sample quotes the first text.
func (s *story) sample() string {
	for _, x := range s.c.shown {
		if x.Text != "" {
			return fmt.Sprintf("%s: %s.", textName(x), quote(x.Text))
		}
	}
	return "The capture does not hold their texts."
}

func textName(x *dcerpc.Popup) string {
	switch {
	case x.Fragment:
		return "Part of a text"
	case !x.Whole:
		return "Begin of a text"
	}
	return "A text"
}

func (s *story) facts(b *finding.Builder) {
	c := s.c
	b.Fact(c.refs, "%s to %s call operation 0 (NetrSendMessage) of interface %s", detect.Plural(c.count, "datagram", "datagrams"), udp(s.ports), dcerpc.Messenger)
	b.Fact(c.refs, "%s, %s, between %s s and %s s", detect.Plural(len(c.sources), "source address", "source addresses"),
		detect.Plural(len(c.texts), "different text", "different texts"), s.scope.Since(c.first), s.scope.Since(c.last))
	for i, x := range c.shown {
		if i == 3 {
			break
		}
		if x.Text == "" && x.From == "" {
			continue
		}
		b.Fact(detect.Refs(x.Head().Seen), "%s from %s to %s: %s", strings.ToLower(textName(x)), quote(x.From), quote(x.To), quote(x.Text))
	}
	if urls := s.urls(); len(urls) > 0 {
		b.Fact(nil, "the texts name %s (written so that nobody clicks on them)", detect.List(urls, 4))
	}
	if len(c.sources) > 2 && len(c.ttls) == 1 && !s.inside {
		for t := range c.ttls {
			b.Fact(c.refs, "all came with TTL %d though their sources lie in different places: one machine sends them", t)
		}
	}
	if c.parts > 0 {
		b.Fact(nil, "%s part of a longer call; parts are not put together", detect.Plural(c.parts, "datagram is", "datagrams are"))
	}
	switch {
	case c.answered > 0:
		b.Fact(c.answers, "the receiver sent something back %s", detect.Plural(c.answered, "time", "times"))
	case c.closed > 0:
		b.Fact(c.closedRefs, "the receiver answered %s with ICMP: nothing listens on that port", detect.Plural(c.closed, "datagram", "datagrams"))
	case c.refused > 0:
		b.Fact(c.refusedRefs, "%s answered %s with ICMP: refused on the way", c.refusedBy, detect.Plural(c.refused, "datagram", "datagrams"))
	}
}

// udp writes "UDP port 1026".
func udp(ports []uint16) string { return "UDP " + detect.PortsText(ports) }

// urls lists the addresses that the shown texts name, made harmless, in order.
func (s *story) urls() []string {
	var out []string
	seen := map[string]bool{}
	for _, x := range s.c.shown {
		for _, w := range strings.FieldsFunc(x.Text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'<>(),;`, r) }) {
			w = strings.TrimRight(w, ".!?:")
			if !isURL(w) || len(w) > 100 {
				continue
			}
			if u := quote(w); !seen[u] {
				seen[u] = true
				out = append(out, u)
			}
		}
	}
	return out
}

// isURL reports a word that a reader would take for an address to type.
func isURL(w string) bool {
	l := strings.ToLower(w)
	if strings.Contains(l, "://") || strings.HasPrefix(l, "www.") {
		return true
	}
	host, _, _ := strings.Cut(l, "/")
	dot := strings.LastIndexByte(host, '.')
	if dot < 1 || len(host)-dot-1 < 2 {
		return false
	}
	for i := range len(host) {
		if c := host[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' && i < dot || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// maxQuote is how much of a text stands in a sentence, in bytes.
const maxQuote = 160

// quote writes hostile text for a sentence: between quotation marks that it cannot close, on one line, without what
// does not print, and with addresses that nobody can click on or copy by mistake ("hxxp://www[.]example[.]test").
func quote(s string) string {
	cut := false
	if len(s) > maxQuote {
		s, cut = s[:maxQuote], true
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '.' && i > 0 && i+1 < len(s) && wordByte(s[i-1]) && wordByte(s[i+1]):
			b.WriteString("[.]")
		case (r == 'h' || r == 'H') && len(s)-i >= 4 && strings.EqualFold(s[i:i+4], "http") && (i == 0 || !letter(s[i-1])):
			b.WriteString("hxxp")
			n = 4
		case r == '"':
			b.WriteByte('\'')
		case r == '\n', r == '\r', r == '\t', r == 0x14: // 0x14 is the Messenger's line break
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1, event.Unprintable(r):
			b.WriteByte('?')
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	if cut {
		b.WriteString("…")
	}
	b.WriteByte('"')
	return b.String()
}

func letter(c byte) bool   { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func wordByte(c byte) bool { return letter(c) || c >= '0' && c <= '9' || c >= 0x80 }

func (s *story) alternatives(b *finding.Builder) {
	c := s.c
	b.RuledOut("answers", c.refs, "the datagrams are no answers: each holds a request of its own, with the Messenger's interface and operation")
	if c.onMyQuestion > 0 {
		b.Open("infection", "the receiver sent the first packet of %s: see which of its programs did", detect.Plural(c.onMyQuestion, "conversation", "conversations"))
	} else {
		b.RuledOut("infection", c.refs, "such a call is the sender's own doing, no request brings it about; its packet came first each time")
	}
	if s.inside {
		b.Open("announcement", "ask who is allowed to use net send; the texts show what it was about")
		b.WrongIf("somebody who sends these texts on purpose from %s", c.key.from)
		return
	}
	b.RuledOut("announcement", c.refs, "the sources are not inside")
	b.WrongIf("senders that are known and wanted: the texts show what they are about")
}

func (s *story) evidence(b *finding.Builder) {
	c := s.c
	for i, r := range c.refs {
		if i == 6 {
			break
		}
		b.Evidence(r, "a pop-up")
	}
	for _, r := range c.answers {
		b.Evidence(r, "the receiver answers")
	}
	for _, r := range c.closedRefs {
		b.Evidence(r, "nothing listens there")
	}
	for _, r := range c.refusedRefs {
		b.Evidence(r, "refused on the way")
	}
	for i, r := range c.refs {
		if i == 4 {
			break
		}
		row := finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "pop-up", Note: "no answer needed"}
		if i > 0 {
			row.Gap = r.Time.Sub(c.refs[i-1].Time)
		}
		b.Ladder(row)
	}
}
