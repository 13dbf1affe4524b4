package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// hostBit is one xbits or hostbits: a bit of an address, or of a pair of addresses.
type hostBit struct {
	do     bitDo
	name   int
	expire packet.Time // how long it stays, nanoseconds
	track  hostTrack
}

type hostTrack uint8

const (
	trackSrc hostTrack = iota
	trackDst
	trackPair
)

const second = packet.Time(1_000_000_000)

// How long bits stay where nothing else is said.
const (
	xbitsLife    = 30 * second
	hostbitsLife = 300 * second
)

var bitWords = map[string]bitDo{"set": bitSet, "unset": bitUnset, "toggle": bitToggle, "isset": bitIsSet, "isnotset": bitIsNotSet}

func xBits(c *compiler, o *lang.Option) error {
	f, err := fields(o.Value, 1)
	if err != nil {
		return err
	}
	if len(f) == 1 && f[0] == "noalert" {
		c.s.noalert = true
		return nil
	}
	do, ok := bitWords[strings.ToLower(f[0])]
	if !ok {
		return fmt.Errorf("xbits does not know %q", f[0])
	}
	b := hostBit{do: do, expire: xbitsLife}
	if len(f) < 3 {
		return errors.New("xbits:WHAT,NAME,track ip_src|ip_dst|ip_pair")
	}
	word, track, _ := strings.Cut(f[2], " ")
	switch track = strings.TrimSpace(track); {
	case word != "track":
		return fmt.Errorf("%q should be track ip_src, ip_dst or ip_pair", f[2])
	case track == "ip_src":
	case track == "ip_dst":
		b.track = trackDst
	case track == "ip_pair":
		b.track = trackPair
	default:
		return fmt.Errorf("%q is none of ip_src, ip_dst, ip_pair", track)
	}
	for _, w := range f[3:] {
		name, value, _ := strings.Cut(w, " ")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
		if name != "expire" || err != nil || n == 0 {
			return fmt.Errorf("%q should be expire and a number of seconds", w)
		}
		b.expire = packet.Time(n) * second
	}
	return c.hostBit(b, f[1])
}

func hostBits(c *compiler, o *lang.Option) error {
	f, err := fields(o.Value, 1)
	if err != nil {
		return err
	}
	if len(f) == 1 && f[0] == "noalert" {
		c.s.noalert = true
		return nil
	}
	do, ok := bitWords[strings.ToLower(f[0])]
	if !ok || len(f) < 2 || len(f) > 4 {
		return errors.New("hostbits:set|unset|toggle|isset|isnotset,NAME[,src|dst[,SECONDS]]")
	}
	b := hostBit{do: do, expire: hostbitsLife}
	if len(f) > 2 {
		switch f[2] {
		case "src":
		case "dst":
			b.track = trackDst
		default:
			return fmt.Errorf("%q is neither src nor dst", f[2])
		}
	}
	if len(f) > 3 {
		n, err := strconv.ParseUint(f[3], 10, 31)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is no number of seconds", f[3])
		}
		b.expire = packet.Time(n) * second
	}
	return c.hostBit(b, f[1])
}

// hostBit adds what a rule does with a bit. Those of a pair are kept by the shard, which sees all that the pair does. Those
// of one address are wider than a shard: they are decided behind the border, where everything comes in one order.
func (c *compiler) hostBit(b hostBit, name string) error {
	if name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%q is no name of a bit", name)
	}
	n, ok := c.o.hostBits[name]
	if !ok {
		n = len(c.o.hostBits)
		c.o.hostBits[name] = n
	}
	b.name = n
	if b.do.asks() {
		c.s.hostClass |= classAsks
	} else {
		c.s.hostClass |= classSets
	}
	switch {
	case b.track != trackPair:
		c.s.late = append(c.s.late, lateOp{bit: &b})
	case b.do.asks():
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return x.e.pairs.holds(&b, &x.p.Src, &x.p.Dst, x.p.Time) })
	default:
		c.s.effects = append(c.s.effects, func(x *inspection) { x.e.pairs.change(&b, &x.p.Src, &x.p.Dst, x.p.Time) })
	}
	return nil
}

// mostHostBits bounds the bits of a table.
const mostHostBits = 1 << 16

// bitTable holds bits of addresses until they expire.
type bitTable struct {
	until map[bitKey]packet.Time
	now   packet.Time
	full  uint64 // bits that were not set for lack of room
}

type bitKey struct {
	a, b packet.Addr
	name int
}

func (t *bitTable) key(o *hostBit, src, dst *packet.Addr) bitKey {
	k := bitKey{name: o.name}
	switch o.track {
	case trackSrc:
		k.a = *src
	case trackDst:
		k.a = *dst
	default:
		k.a, k.b = *src, *dst
		if k.b.Compare(k.a) < 0 {
			k.a, k.b = k.b, k.a
		}
	}
	return k
}

func (t *bitTable) holds(o *hostBit, src, dst *packet.Addr, at packet.Time) bool {
	until, ok := t.until[t.key(o, src, dst)]
	return (ok && at < until) == (o.do == bitIsSet)
}

func (t *bitTable) change(o *hostBit, src, dst *packet.Addr, at packet.Time) {
	k := t.key(o, src, dst)
	t.now = max(t.now, at)
	until, ok := t.until[k]
	if o.do == bitUnset || o.do == bitToggle && ok && at < until {
		delete(t.until, k)
		return
	}
	if t.until == nil {
		t.until = map[bitKey]packet.Time{}
	}
	if !ok && len(t.until) >= mostHostBits {
		for k, until := range t.until {
			if until <= t.now {
				delete(t.until, k)
			}
		}
		if len(t.until) >= mostHostBits {
			t.full++
			return
		}
	}
	t.until[k] = at + o.expire
}
