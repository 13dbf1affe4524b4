package rules

import (
	"errors"
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

// flowKeywords ask for, and change, what is remembered of a connection.
var flowKeywords = []keyword{
	{"flow", flowOf},
	{"flowbits", flowBits},
	{"app-layer-protocol", appLayerProtocol},
}

// appLayerProtocol asks which protocol a connection speaks: what it came to speak (final), what it began with (original), or
// either. A protocol that is not known so far is neither one nor none of them; "failed" is one that never will be.
func appLayerProtocol(c *compiler, o *lang.Option) error {
	name, mode, _ := strings.Cut(strings.ToLower(o.Value), ",")
	name, mode = strings.TrimSpace(name), strings.TrimSpace(mode)
	if _, ok := appProtocols[name]; !ok && name != "unknown" && name != "failed" {
		return fmt.Errorf("%q is no protocol that is read here", name)
	}
	want := appWord(name)
	if name == "unknown" || name == "failed" {
		want = ""
	}
	neg := o.Negated
	c.s.named = true
	c.s.apps = append(c.s.apps, want)
	known := func(x *inspection) bool { return x.settled || name == "unknown" }
	var is cond
	switch mode {
	case "", "final", "to_server", "to_client": // both directions are of one protocol here
		is = func(x *inspection) bool { return x.app == want }
	case "original":
		is = func(x *inspection) bool { return x.e.first(x) == want }
	case "either":
		is = func(x *inspection) bool { return x.app == want || x.e.first(x) == want }
	default:
		return fmt.Errorf("%q is none of final, original, either, to_server, to_client", mode)
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool { return known(x) && is(x) != neg })
	return nil
}

// first is the protocol that a connection spoke first.
func (e *Engine) first(x *inspection) string {
	if e.before != nil && x.index != 0 {
		if app := e.before(x.index); app != "" {
			return app
		}
	}
	return x.app
}

func flowOf(c *compiler, o *lang.Option) error {
	f := &c.s.flow
	if f.given {
		return errors.New("a second flow")
	}
	f.given = true
	for word := range strings.SplitSeq(o.Value, ",") {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "to_server", "from_client":
			f.toServer = true
		case "to_client", "from_server":
			f.toClient = true
		case "established":
			f.established = true
		case "not_established":
			f.notEstablished = true
		case "stateless":
			f.stateless = true
		case "only_stream":
			f.onlyStream = true
		case "no_stream":
			f.noStream = true
		case "only_frag":
			f.onlyFrag = true
		case "no_frag":
			f.noFrag = true
		default:
			return fmt.Errorf("flow does not know %q", strings.TrimSpace(word))
		}
	}
	switch {
	case f.toServer && f.toClient:
		return errors.New("no packet travels both ways")
	case f.established && (f.notEstablished || f.stateless), f.notEstablished && f.stateless:
		return errors.New("only one of established, not_established and stateless")
	case f.onlyStream && f.noStream:
		return errors.New("only_stream and no_stream exclude each other")
	}
	return nil
}

// bitOp is one flowbits.
type bitOp struct {
	do   bitDo
	bits []int // numbers; several for isset of any of them
}

type bitDo uint8

const (
	bitSet bitDo = iota
	bitUnset
	bitToggle
	bitIsSet
	bitIsNotSet
)

func (d bitDo) asks() bool { return d == bitIsSet || d == bitIsNotSet }

func flowBits(c *compiler, o *lang.Option) error {
	word, names, _ := strings.Cut(o.Value, ",")
	op := bitOp{}
	switch word = strings.ToLower(strings.TrimSpace(word)); word {
	case "noalert":
		c.s.noalert = true
		return nil
	case "set":
	case "unset":
		op.do = bitUnset
	case "toggle":
		op.do = bitToggle
	case "isset":
		op.do = bitIsSet
	case "isnotset":
		op.do = bitIsNotSet
	default:
		return fmt.Errorf("flowbits does not know %q", word)
	}
	for name := range strings.SplitSeq(names, "|") {
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsAny(name, " ,") {
			return fmt.Errorf("%q is no name of a bit", name)
		}
		n, ok := c.o.bits[name]
		if !ok {
			n = len(c.o.bits)
			c.o.bits[name] = n
		}
		op.bits = append(op.bits, n)
	}
	if len(op.bits) > 1 && !op.do.asks() {
		return errors.New("only isset and isnotset take several bits")
	}
	c.s.bits = append(c.s.bits, op)
	return nil
}

// asks reports whether the flow's bits are as the rule wants them.
func (s *sig) asks(f *flowState) bool {
	for i := range s.bits {
		op := &s.bits[i]
		if !op.do.asks() {
			continue
		}
		any := false
		for _, b := range op.bits {
			any = any || f != nil && f.bit(b)
		}
		if any != (op.do == bitIsSet) {
			return false
		}
	}
	return true
}

// change does what the rule does to the flow's bits.
func (s *sig) change(f *flowState) {
	for i := range s.bits {
		op := &s.bits[i]
		switch op.do {
		case bitSet:
			f.setBit(op.bits[0], true)
		case bitUnset:
			f.setBit(op.bits[0], false)
		case bitToggle:
			f.setBit(op.bits[0], !f.bit(op.bits[0]))
		}
	}
}

// bitClass is the order of flowbits among rules of a packet: who sets comes before who asks.
func (s *sig) bitClass() int {
	asks, sets := false, false
	for i := range s.bits {
		if s.bits[i].do.asks() {
			asks = true
		} else {
			sets = true
		}
	}
	switch {
	case sets && !asks:
		return 0
	case sets:
		return 1
	case asks:
		return 2
	}
	return 3
}
