package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// stateKeywords ask for, and change, numbers of a connection and bits of hosts.
var stateKeywords = []keyword{
	{"flowint", flowInt},
	{"flowvar", textKeyword(true)},
	{"pktvar", textKeyword(false)},
	{"xbits", xBits},
	{"hostbits", hostBits},
	{"stream_size", streamSize},
	{"flow.age", func(c *compiler, o *lang.Option) error {
		return c.ofFlow(o.Value, o.Negated, 32, func(x *inspection) (n uint64, ok bool) {
			return uint64(x.p.Time.Sub(x.counts().Start).Seconds()), true
		})
	}},
	{"flow.pkts", sided(func(x *inspection, d packet.Dir) uint64 { return x.counts().Packets[d] }, 32)},
	{"flow.bytes", sided(func(x *inspection, d packet.Dir) uint64 { return x.counts().Bytes[d] }, 64)},
	{"flow.pkts_toserver", one("toserver", func(x *inspection, d packet.Dir) uint64 { return x.counts().Packets[d] }, 32)},
	{"flow.pkts_toclient", one("toclient", func(x *inspection, d packet.Dir) uint64 { return x.counts().Packets[d] }, 32)},
	{"flow.bytes_toserver", one("toserver", func(x *inspection, d packet.Dir) uint64 { return x.counts().Bytes[d] }, 64)},
	{"flow.bytes_toclient", one("toclient", func(x *inspection, d packet.Dir) uint64 { return x.counts().Bytes[d] }, 64)},
}

// ofFlow compares a number of the connection.
func (c *compiler) ofFlow(text string, neg bool, bits int, get func(x *inspection) (uint64, bool)) error {
	if neg {
		text = "!" + text
	}
	r, err := parseRange(text, bits)
	if err != nil {
		return err
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool {
		if x.index == 0 {
			return false
		}
		n, ok := get(x)
		return ok && r.has(n)
	})
	return nil
}

// one is a keyword that compares a number of one direction.
func one(side string, get func(x *inspection, d packet.Dir) uint64, bits int) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		text := o.Value
		if o.Negated {
			text = "!" + text
		}
		p := *o
		p.Value, p.Negated = side+","+text, false
		return sided(get, bits)(c, &p)
	}
}

// sided is a keyword that compares a number of a direction, of either or of both.
func sided(get func(x *inspection, d packet.Dir) uint64, bits int) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		side, text, ok := strings.Cut(o.Value, ",")
		if !ok {
			return errors.New("a direction and a number are needed: toserver, toclient, either or both, then a comma")
		}
		r, err := parseRange(text, bits)
		if err != nil {
			return err
		}
		return c.ofSides(strings.TrimSpace(side), [4]string{"toserver", "toclient", "either", "both"}, func(x *inspection, d packet.Dir) bool { return r.has(get(x, d)) })
	}
}

func (c *compiler) ofSides(side string, names [4]string, has func(x *inspection, d packet.Dir) bool) error {
	var cond cond
	switch side {
	case names[0]:
		cond = func(x *inspection) bool { return x.index != 0 && has(x, packet.ToServer) }
	case names[1]:
		cond = func(x *inspection) bool { return x.index != 0 && has(x, packet.ToClient) }
	case names[2]:
		cond = func(x *inspection) bool {
			return x.index != 0 && (has(x, packet.ToServer) || has(x, packet.ToClient))
		}
	case names[3]:
		cond = func(x *inspection) bool { return x.index != 0 && has(x, packet.ToServer) && has(x, packet.ToClient) }
	default:
		return fmt.Errorf("%q is none of %s", side, strings.Join(names[:], ", "))
	}
	c.s.conds = append(c.s.conds, cond)
	return nil
}

// streamSize compares the bytes that a side of a TCP connection sent, by its sequence numbers. What the client sent travels
// to the server.
func streamSize(c *compiler, o *lang.Option) error {
	f, err := fields(o.Value, 3)
	if err != nil {
		return err
	}
	if len(f) != 3 {
		return errors.New("stream_size:SIDE,OPERATOR,NUMBER")
	}
	n, err := strconv.ParseUint(f[2], 0, 32)
	if err != nil {
		return fmt.Errorf("%q is no number of at most 32 bits", f[2])
	}
	var has func(v uint64) bool
	switch f[1] {
	case "=", "==":
		has = func(v uint64) bool { return v == n }
	case "!=", "!":
		has = func(v uint64) bool { return v != n }
	case "<":
		has = func(v uint64) bool { return v < n }
	case ">":
		has = func(v uint64) bool { return v > n }
	case "<=":
		has = func(v uint64) bool { return v <= n }
	case ">=":
		has = func(v uint64) bool { return v >= n }
	default:
		return fmt.Errorf("%q is none of < > = != <= >=", f[1])
	}
	return c.ofSides(f[0], [4]string{"client", "server", "either", "both"}, func(x *inspection, d packet.Dir) bool {
		return x.p.Proto == packet.ProtoTCP && has(uint64(x.e.flows.Streamed(x.index)[d]))
	})
}

// intOp is one flowint.
type intOp struct {
	name  int
	op    string
	n     uint32
	other int // the number to compare with, or to add; -1: n
}

func flowInt(c *compiler, o *lang.Option) error {
	f, err := fields(o.Value, 2)
	if err != nil {
		return err
	}
	if f[0] == "" || strings.ContainsAny(f[0], " \t") {
		return fmt.Errorf("%q is no name of a number", f[0])
	}
	op := intOp{name: c.o.number(f[0]), op: f[1], other: -1}
	switch op.op {
	case "isset", "notset", "isnotset":
		if len(f) != 2 {
			return fmt.Errorf("%s takes no value", op.op)
		}
	case "+", "-", "=", "==", "!=", "<", ">", "<=", ">=":
		if len(f) != 3 || f[2] == "" {
			return fmt.Errorf("%s needs a number, or the name of one", op.op)
		}
		if n, err := strconv.ParseUint(f[2], 0, 32); err == nil {
			op.n = uint32(n)
		} else if f[2][0] >= '0' && f[2][0] <= '9' || f[2][0] == '-' {
			return fmt.Errorf("%q is no number of at most 32 bits", f[2])
		} else {
			op.other = c.o.number(f[2])
		}
	default:
		return fmt.Errorf("flowint does not know %q", op.op)
	}
	switch op.op {
	case "+", "-", "=":
		c.s.intClass |= classSets
		c.s.effects = append(c.s.effects, func(x *inspection) {
			if x.flow != nil {
				op.change(x.flow)
			}
		})
		return nil
	}
	c.s.intClass |= classAsks
	c.s.conds = append(c.s.conds, func(x *inspection) bool { return x.index != 0 && op.holds(x.flow) })
	return nil
}

// number gives a flowint its number.
func (o *Options) number(name string) int {
	n, ok := o.ints[name]
	if !ok {
		n = len(o.ints)
		o.ints[name] = n
	}
	return n
}

// flowNumber is a number of a connection.
type flowNumber struct {
	name int
	n    uint32
}

func (f *flowState) number(name int) *flowNumber {
	if f != nil {
		for i := range f.ints {
			if f.ints[i].name == name {
				return &f.ints[i]
			}
		}
	}
	return nil
}

// value is what an operation compares or computes with.
func (o *intOp) value(f *flowState) (uint32, bool) {
	if o.other < 0 {
		return o.n, true
	}
	if v := f.number(o.other); v != nil {
		return v.n, true
	}
	return 0, false
}

func (o *intOp) holds(f *flowState) bool {
	v := f.number(o.name)
	switch o.op {
	case "isset":
		return v != nil
	case "notset", "isnotset":
		return v == nil
	}
	n, ok := o.value(f)
	if !ok || v == nil {
		return false
	}
	switch o.op {
	case "==":
		return v.n == n
	case "!=":
		return v.n != n
	case "<":
		return v.n < n
	case ">":
		return v.n > n
	case "<=":
		return v.n <= n
	}
	return v.n >= n
}

// change computes. A number that is not set counts as 0 when something is added to it, and stays unset when something is
// taken away. There are as many numbers as rules name, no more.
func (o *intOp) change(f *flowState) {
	n, ok := o.value(f)
	if !ok {
		return
	}
	v := f.number(o.name)
	if v == nil {
		if o.op == "-" {
			return
		}
		f.ints = append(f.ints, flowNumber{name: o.name})
		v = &f.ints[len(f.ints)-1]
	}
	switch o.op {
	case "+":
		v.n += n
	case "-":
		v.n -= n
	default:
		v.n = n
	}
}

// classes say what a rule does to a kind of state: who sets comes before who asks.
type classes uint8

const (
	classSets classes = 1 << iota
	classAsks
)

// order is the place of a class among the rules of a packet.
func (c classes) order() int {
	switch c {
	case classSets:
		return 0
	case classSets | classAsks:
		return 1
	case classAsks:
		return 2
	}
	return 3
}
