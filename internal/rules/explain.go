package rules

import (
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/rules/lang"
)

// Explanation says in plain words what a rule does, as it was compiled.
type Explanation struct {
	GID        uint32   `json:"gid"`
	SID        uint32   `json:"sid"`
	Rev        uint32   `json:"rev"`
	Msg        string   `json:"msg"`
	File       string   `json:"file"`
	Line       int      `json:"line"`
	Action     string   `json:"action"`
	Severity   int      `json:"severity"` // 1 is worst
	Category   string   `json:"category,omitempty"`
	Packets    string   `json:"packets"` // which it is about
	Looks      []string `json:"looks_at"`
	First      string   `json:"searched_first"` // by what it is found among the others
	Steps      []string `json:"checks"`         // in the order in which they are made
	State      []string `json:"state"`          // what it reads and writes
	Limits     []string `json:"limits"`         // how often it may alert
	References []string `json:"references"`     // links
	Metadata   []string `json:"metadata"`
	Text       string   `json:"rule"`
}

// Explain explains the rules with a sid. The set was compiled with Options.Keep.
func (s *Set) Explain(sid uint32) (out []Explanation) {
	for _, g := range s.sigs {
		if g.info.SID == sid {
			out = append(out, s.explain(g))
		}
	}
	return out
}

func (s *Set) explain(g *sig) Explanation {
	r, i := g.rule, g.info
	x := Explanation{GID: i.GID, SID: i.SID, Rev: i.Rev, Msg: i.Msg, File: r.File, Line: r.Line, Action: actionWords(g), Severity: i.Severity, Category: i.Category,
		Packets: g.packets(), Looks: g.looks(), First: g.first(), Steps: g.steps(s.bits), State: []string{}, Limits: g.limitWords(), References: append([]string{}, i.References...),
		Metadata: []string{}, Text: r.Text}
	for k := range g.bits {
		x.State = append(x.State, g.bits[k].words(s.bits))
	}
	for _, m := range i.Metadata {
		x.Metadata = append(x.Metadata, m.Key+": "+strings.Join(m.Values, ", "))
	}
	return x
}

func actionWords(g *sig) string {
	switch {
	case g.action == lang.Pass:
		return "pass: the rules behind it are not asked about a packet that it fits"
	case g.noalert:
		return "no alert: it only changes what is remembered of the connection"
	case g.action == lang.Alert:
		return "alert"
	}
	return "alert; the packet is not dropped or rejected, for nothing here stands in its way"
}

// packets says which packets the rule is about.
func (s *sig) packets() string {
	r := s.rule
	end := func(addr, port string) string {
		if addr == "any" {
			addr = "any address"
		}
		if port == "any" {
			return addr
		}
		return addr + " port " + port
	}
	to := " to "
	if s.both {
		to = " to or from "
	}
	if s.twoWay {
		to = " to, with what comes back for it, "
	}
	text := r.Protocol + " from " + end(r.Src, r.SrcPort) + to + end(r.Dst, r.DstPort)
	if w := s.flow.words(); w != "" {
		text += "; it " + w
	}
	return text
}

// looks names the buffers that the rule looks at.
func (s *sig) looks() (out []string) {
	for i := range s.parts {
		p := &s.parts[i]
		way := "of either side"
		switch p.way {
		case toServer:
			way = "of the client"
		case toClient:
			way = "of the server"
		}
		name := p.name + " " + way
		if p.dotted {
			name += ", with a dot before it"
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(s.payload) > 0 {
		switch {
		case s.packet && s.stream:
			out = append(out, "the payload of each packet, and the stream of the connection")
		case s.stream:
			out = append(out, "the stream of the connection, its segments in order")
		default:
			out = append(out, "the payload of each packet")
		}
	}
	if len(out) == 0 {
		out = []string{"the headers of each packet"}
		if s.endsOnly() {
			out = []string{"the first packet of each way of a connection"}
		}
	}
	return out
}

// first says by what the rule is found among the others.
func (s *sig) first() string {
	c := s.telling()
	if c == nil {
		switch {
		case s.narrow:
			return "its addresses: it has no content to search for"
		case s.endsOnly():
			return "nothing: it is asked about the first packet of each way"
		case len(s.parts) > 0:
			return "nothing: it has no content to search for, and is asked about each " + s.parts[0].name
		case len(s.payload) > 0:
			return "nothing: it has no content to search for, and is asked about each payload of its protocol and ports"
		}
		return "nothing: it is asked about each packet of its protocol and ports"
	}
	why := "its longest content"
	if c.fast {
		why = "it says fast_pattern"
	}
	where := ""
	for i := range s.parts {
		for k := range s.parts[i].checks {
			if &s.parts[i].checks[k] == c {
				where = " in " + s.parts[i].name
			}
		}
	}
	return contentWords(c.pattern) + where + ": " + why
}

// steps are the checks in the order in which they are made; bits are the names of flowbits.
func (s *sig) steps(bits []string) (out []string) {
	if s.app != "" {
		out = append(out, "the connection speaks "+s.app)
	}
	if w := s.flow.words(); w != "" {
		out = append(out, "the packet "+w)
	}
	for i := range s.sizes {
		out = append(out, "the packet's payload is "+s.sizes[i].words()+" bytes long")
	}
	if len(s.flags) > 0 {
		for i := range s.rule.Options {
			if o := &s.rule.Options[i]; o.Name == "flags" || o.Name == "tcp.flags" {
				out = append(out, optionWords(o))
			}
		}
	}
	for _, a := range s.asked {
		out = append(out, a.String())
	}
	for i := range s.bits {
		if s.bits[i].do.asks() {
			out = append(out, s.bits[i].words(bits))
		}
	}
	out = append(out, "addresses and ports are as the header says")
	for i := range s.parts {
		for k := range s.parts[i].checks {
			out = append(out, s.parts[i].name+": "+s.parts[i].checks[k].words())
		}
	}
	name := "the payload: "
	if s.stream && !s.packet {
		name = "the stream: "
	}
	for i := range s.payload {
		out = append(out, name+s.payload[i].words())
	}
	return out
}

func (s *sig) limitWords() []string {
	out := []string{}
	if s.limit == nil {
		return out
	}
	if t := s.limit.filter; t != nil {
		out = append(out, fmt.Sprintf("only from match %d on within %d s, counted %s", t.Count+1, t.Seconds, trackWords(t.Track)))
	}
	if t := s.limit.limit; t != nil {
		switch t.Type {
		case lang.TypeLimit:
			out = append(out, fmt.Sprintf("at most %d alerts in %d s, counted %s", t.Count, t.Seconds, trackWords(t.Track)))
		case lang.TypeThreshold:
			out = append(out, fmt.Sprintf("one alert for every %d matches within %d s, counted %s", t.Count, t.Seconds, trackWords(t.Track)))
		case lang.TypeBoth:
			out = append(out, fmt.Sprintf("one alert in %d s, once %d matches are reached, counted %s", t.Seconds, t.Count, trackWords(t.Track)))
		default:
			out = append(out, fmt.Sprintf("alerts at match %d and each time %d times as many are reached, counted %s", t.Count, t.Multiplier, trackWords(t.Track)))
		}
	}
	for _, x := range s.limit.suppress {
		if x.addrs == nil {
			out = append(out, "threshold.config keeps all its alerts back")
		} else {
			out = append(out, "threshold.config keeps its alerts about some addresses back, "+trackWords(x.track))
		}
	}
	return out
}

// RuleInfo is a rule of a set as lists show it.
type RuleInfo struct {
	GID, SID, Rev uint32
	Msg           string
	File          string
	Line          int
	Classtype     string
	Protocol      string
	Alerts        bool // false: it passes, or only changes state
}

// Rules are the rules that run, in the order of their files. The set was compiled with Options.Keep.
func (s *Set) Rules() []RuleInfo {
	out := make([]RuleInfo, 0, len(s.sigs))
	for _, g := range s.sigs {
		class, _ := g.rule.Get("classtype")
		out = append(out, RuleInfo{g.info.GID, g.info.SID, g.info.Rev, g.info.Msg, g.rule.File, g.rule.Line, class, g.rule.Protocol, g.action != lang.Pass && !g.noalert})
	}
	slices.SortStableFunc(out, func(a, b RuleInfo) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return out
}

// trackWords say what a threshold counts by.
func trackWords(t lang.Track) string {
	switch t {
	case lang.BySrc:
		return "for each source address"
	case lang.ByDst:
		return "for each destination address"
	case lang.ByEither:
		return "for either address"
	case lang.ByBoth:
		return "for each pair of addresses"
	case lang.ByFlow:
		return "for each connection"
	}
	return "for the rule as a whole"
}
