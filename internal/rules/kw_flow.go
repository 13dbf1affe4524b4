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
