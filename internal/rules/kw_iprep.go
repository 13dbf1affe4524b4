package rules

import (
	"errors"
	"fmt"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

var iprepKeywords = []keyword{{"iprep", func(c *compiler, o *lang.Option) error {
	f, err := fields(o.Value, 3)
	if err != nil {
		return err
	}
	if c.o.Reputations == nil {
		return errors.New("no list of reputations was read: reputation-categories-file and reputation-files of the settings name them")
	}
	category, ok := c.o.Reputations.Category(f[1])
	if !ok {
		return fmt.Errorf("no list knows the category %q", f[1])
	}
	test, err := reputationTest(f[2:])
	if err != nil {
		return err
	}
	list := c.o.Reputations
	of := func(a packet.Addr) bool { return test(list.Of(a.Netip(), category)) }
	var cond func(p *packet.Packet) bool
	switch strings.ToLower(f[0]) {
	case "any":
		cond = func(p *packet.Packet) bool { return of(p.Src) || of(p.Dst) }
	case "both":
		cond = func(p *packet.Packet) bool { return of(p.Src) && of(p.Dst) }
	case "src":
		cond = func(p *packet.Packet) bool { return of(p.Src) }
	case "dst":
		cond = func(p *packet.Packet) bool { return of(p.Dst) }
	default:
		return fmt.Errorf("%q is none of any, src, dst, both", f[0])
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool { return onIP(x.p) && cond(x.p) })
	return nil
}}}

// reputationTest reads "isset", "isnotset", or a comparison and a number. An address that no list has is neither above nor
// below anything.
func reputationTest(f []string) (func(points uint8, ok bool) bool, error) {
	switch word := strings.ToLower(f[0]); {
	case len(f) == 1 && word == "isset":
		return func(_ uint8, ok bool) bool { return ok }, nil
	case len(f) == 1 && word == "isnotset":
		return func(_ uint8, ok bool) bool { return !ok }, nil
	case len(f) != 2 || f[0] != "<" && f[0] != ">" && f[0] != "=" && f[0] != "<=" && f[0] != ">=":
		return nil, errors.New("after the category comes isset, isnotset, or one of < > = <= >= and a number, separated by a comma")
	}
	within, err := parseRange(f[0]+f[1], 8)
	if err != nil {
		return nil, err
	}
	return func(points uint8, ok bool) bool { return ok && within.has(uint64(points)) }, nil
}
