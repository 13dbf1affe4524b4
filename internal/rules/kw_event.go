package rules

import (
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/rules/lang"
)

// oddities is the part that holds the names of what was odd in a transaction, each with its protocol before it.
const oddities = "app-layer-event"

// readers are the protocols whose readers report what is odd in them (event.Inspection.Events), by the names of rules.
var readers = []string{"http", "dns", "ftp", "smtp", "ike"}

// appLayerEvent asks for something odd that who reads a protocol found in a transaction.
func appLayerEvent(c *compiler, o *lang.Option) error {
	name := strings.ToLower(strings.TrimSpace(o.Value))
	proto, event, ok := strings.Cut(name, ".")
	switch {
	case !ok && strings.HasPrefix(name, "applayer_"):
		return fmt.Errorf("%q is about how a protocol is recognised, which is not told here", name)
	case !ok || event == "" || strings.ContainsAny(event, " .,"):
		return fmt.Errorf("%q is no event: PROTOCOL.NAME", name)
	case !slices.Contains(readers, proto):
		return fmt.Errorf("who reads %q reports no events", proto)
	}
	n, err := c.sticky(buffer{oddities, []string{proto}, eitherWay})
	if err != nil {
		return err
	}
	p := &c.s.parts[n]
	p.checks = append(p.checks, check{kind: isContent, pattern: []byte(name), starts: true, ends: true})
	return nil
}

// oddities gives rules the names of what was odd in a transaction, as parts of it.
func (e *Engine) oddities(kind string, names []string) {
	l := e.set.parts[oddities]
	if l == nil {
		return
	}
	for _, n := range names {
		b := []byte(kind + "." + n)
		e.parts = append(e.parts, seenPart{oddities, b})
		e.may = l.found.scan(appendAll(e.may, l.always, 0), e.set.rare, &e.found, b, 0)
	}
}
