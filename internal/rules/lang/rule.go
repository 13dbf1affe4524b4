package lang

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseRule reads one rule that stands at a place. Exactly one of the results is nil.
func ParseRule(text string, at Place) (*Rule, *Problem) {
	if len(text) > MaxRule {
		return nil, &Problem{Place: at, Reason: fmt.Sprintf("the rule is longer than %d bytes", MaxRule)}
	}
	return newRules(0).rule(text, at)
}

// ruleReader keeps rules and options in blocks: a rule set has hundreds of thousands of options.
type ruleReader struct {
	rules   []Rule
	options []Option
	scratch []Option // of the rule being read
}

// newRules expects a file of that many bytes.
func newRules(size int) *ruleReader {
	p := &ruleReader{}
	if size > 0 {
		// A rule of the public sets takes 600 bytes and has 14 options; a small file gets small blocks.
		p.rules = make([]Rule, 0, min(size/600+1, 1024))
		p.options = make([]Option, 0, min(size/40+1, 16<<10))
	}
	return p
}

// fault is an error inside a rule: at which option, and why.
type fault struct{ option, reason string }

func faultf(option, format string, args ...any) *fault {
	return &fault{option, fmt.Sprintf(format, args...)}
}

func (p *ruleReader) rule(text string, at Place) (*Rule, *Problem) {
	r := Rule{Place: at, Text: text, GID: 1}
	f := p.parse(&r)
	if f != nil {
		if r.SID == 0 {
			r.SID = guessSID(text)
		}
		return nil, &Problem{Place: at, SID: r.SID, Option: f.option, Reason: f.reason}
	}
	if len(p.rules) == cap(p.rules) {
		p.rules = make([]Rule, 0, max(1, cap(p.rules)))
	}
	p.rules = append(p.rules, r)
	return &p.rules[len(p.rules)-1], nil
}

func (p *ruleReader) parse(r *Rule) *fault {
	rest, f := r.header(r.Text)
	if f != nil {
		return f
	}
	p.scratch = p.scratch[:0]
	for {
		rest = trimLeft(rest)
		if rest == "" {
			return faultf("", "the closing ) is missing")
		}
		if rest[0] == ')' {
			break
		}
		var o Option
		if o, rest, f = cutOption(rest); f != nil {
			return f
		}
		if f := r.lift(&o, p.scratch); f != nil {
			return f
		}
		p.scratch = append(p.scratch, o)
	}
	if after := trimLeft(rest[1:]); after != "" && after[0] != '#' {
		return faultf("", "text after the closing ): %s", quote(after))
	}
	if r.SID == 0 {
		return faultf("sid", "the rule has no sid")
	}
	r.Options = p.keep(p.scratch)
	return nil
}

// keep copies options into the current block.
func (p *ruleReader) keep(o []Option) []Option {
	if cap(p.options)-len(p.options) < len(o) {
		p.options = make([]Option, 0, max(len(o), cap(p.options)))
	}
	n := len(p.options)
	p.options = append(p.options, o...)
	return p.options[n:len(p.options):len(p.options)]
}

// lift copies what identifies a rule out of an option; before are those that stand before it.
func (r *Rule) lift(o *Option, before []Option) *fault {
	switch o.Name {
	case "sid", "gid", "rev", "msg":
	default:
		return nil
	}
	for i := range before {
		if before[i].Name == o.Name {
			return faultf(o.Name, "%s is given twice", o.Name)
		}
	}
	switch o.Name {
	case "msg":
		r.Msg = o.Value
	default:
		n, err := strconv.ParseUint(o.Value, 10, 32)
		if err != nil || o.Negated {
			return faultf(o.Name, "%s must be a number from 0 to 4294967295, not %s", o.Name, quote(o.Value))
		}
		switch o.Name {
		case "sid":
			if n == 0 {
				return faultf("sid", "sid 0 is reserved")
			}
			r.SID = uint32(n)
		case "gid":
			r.GID = uint32(n)
		default:
			r.Rev = uint32(n)
		}
	}
	return nil
}

// actions by the word that begins a rule.
var actions = map[string]Action{
	"alert": Alert, "pass": Pass, "drop": Drop, "config": Alert,
	"reject": Reject, "rejectsrc": Reject, "rejectdst": RejectDst, "rejectboth": RejectBoth,
}

// refusedActions are words of this or a related language that ask for what a rule here cannot do.
var refusedActions = map[string]string{
	"accept":   "accept belongs to firewall rules; they are not supported",
	"log":      "log is an action of Snort; use alert",
	"activate": "activate is an action of Snort that Suricata does not have",
	"dynamic":  "dynamic is an action of Snort that Suricata does not have",
	"sdrop":    "sdrop is an action of Snort; use drop",
	"block":    "block is an action of Snort 3; use drop",
	"rewrite":  "rewrite is an action of Snort 3 that Suricata does not have",
	"react":    "react is an action of Snort 3 that Suricata does not have",
}

// header reads up to the opening parenthesis and returns what follows it.
func (r *Rule) header(text string) (rest string, f *fault) {
	var word string
	word, rest, _ = cutWord(text)
	action, scope, scoped := strings.Cut(lower(word), ":")
	a, ok := actions[action]
	if why, refused := refusedActions[action]; refused {
		return "", faultf("", "%s", why)
	} else if !ok {
		return "", faultf("", "unknown action %s", quote(word))
	}
	if scoped && scope != "packet" && scope != "flow" {
		return "", faultf("", "unknown scope of an action: %s", quote(word))
	}
	r.Action, r.Scope, r.Config = a, scope, action == "config"

	if word, rest, f = cutHeader(rest, "protocol"); f != nil {
		return "", f
	}
	r.Protocol, r.Hook, _ = strings.Cut(lower(word), ":")
	if !isWord(r.Protocol) || r.Hook != "" && !isWord(strings.Replace(r.Hook, ":", ".", 1)) {
		return "", faultf("", "%s is no protocol", quote(word))
	}
	if r.Src, rest, f = cutHeader(rest, "source address"); f != nil {
		return "", f
	}
	if r.SrcPort, rest, f = cutHeader(rest, "source port"); f != nil {
		return "", f
	}
	if word, rest, f = cutHeader(rest, "direction"); f != nil {
		return "", f
	}
	switch word {
	case "->":
	case "<>":
		r.Both = true
	case "=>":
		r.Transaction = true
	case "<-":
		return "", faultf("", "the direction <- does not exist; write the other side first and use ->")
	default:
		return "", faultf("", "%s stands where the direction ->, <> or => should", quote(word))
	}
	if r.Dst, rest, f = cutHeader(rest, "destination address"); f != nil {
		return "", f
	}
	if r.DstPort, rest, f = cutHeader(rest, "destination port"); f != nil {
		return "", f
	}
	rest = trimLeft(rest)
	if rest == "" || rest[0] != '(' {
		return "", faultf("", "the options in parentheses are missing after the destination port")
	}
	return rest[1:], nil
}

// cutHeader takes one part of the header.
func cutHeader(text, what string) (word, rest string, f *fault) {
	word, rest, closed := cutWord(text)
	if word == "" {
		return "", "", faultf("", "the %s is missing", what)
	}
	if !closed {
		return "", "", faultf("", "a [ of the %s is not closed", what)
	}
	return word, rest, nil
}

// cutWord takes a word that ends at a blank or an opening parenthesis outside of brackets.
func cutWord(text string) (word, rest string, closed bool) {
	text = trimLeft(text)
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ' ', '\t', '(':
			if depth <= 0 {
				return text[:i], text[i:], depth == 0
			}
		}
	}
	return text, "", depth == 0
}

// guessSID looks for the sid of a rule that could not be read to its end.
func guessSID(text string) uint32 {
	for {
		i := strings.Index(text, "sid:")
		if i < 0 {
			return 0
		}
		before := byte(' ')
		if i > 0 {
			before = text[i-1]
		}
		text = text[i+len("sid:"):]
		if before != ';' && before != ' ' && before != '(' {
			continue
		}
		digits := trimLeft(text)
		if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			digits = digits[:i]
		}
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
			return uint32(n)
		}
	}
}
