package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/rules/lang"
)

// configKeywords change what is done with what a rule found: config:logging disable, type tx, scope tx.
var configKeywords = []keyword{{"config", func(c *compiler, o *lang.Option) error {
	var subsystem, what, scope string
	for i, w := range strings.Split(strings.ToLower(o.Value), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(w), " ")
		value = strings.TrimSpace(value)
		switch {
		case i == 0 && value == "disable":
			subsystem = key
		case i > 0 && key == "type":
			what = value
		case i > 0 && key == "scope":
			scope = value
		default:
			return fmt.Errorf("%q: it should be config:logging disable, type tx, scope tx", strings.TrimSpace(w))
		}
	}
	switch {
	case subsystem == "tracking":
		return errors.New("tracking cannot be switched off: all connections are followed")
	case subsystem != "logging":
		return fmt.Errorf("%q is none of logging, tracking", subsystem)
	case what != "tx":
		return fmt.Errorf("only records of transactions are switched off (type tx), not those of type %q", what)
	case scope != "tx" && scope != "flow":
		return fmt.Errorf("%q is none of the scopes tx, flow", scope)
	}
	c.s.mutes = true
	c.s.effects = append(c.s.effects, func(x *inspection) {
		if x.flow == nil {
			return
		}
		if x.flow.muted == nil {
			x.flow.muted = &muted{}
		}
		m, ok := x.parts.(event.Muter)
		switch {
		case scope == "flow":
			x.flow.muted.all = true
		case ok:
			m.Mute()
			x.flow.muted.remember(m)
		}
	})
	return nil
}}}

// mutable are the kinds of events whose records can be switched off.
var mutable = []string{"dns", "http", "http2", "tls", "sip", "snmp", "krb5", "tftp", "ike", "dhcp"}

// placeMutes checks a rule that switches records off.
func (s *sig) placeMutes() error {
	if len(s.parts) == 0 {
		return errors.New("config: a rule without a buffer is about no transaction")
	}
	for _, k := range s.kinds() {
		if !slices.Contains(mutable, k) {
			return fmt.Errorf("config: records of %s cannot be switched off", k)
		}
	}
	return nil
}

// muted are the transactions of a connection whose records rules switched off.
type muted struct {
	all   bool
	pairs []uint64 // messages that belong together, each of which has a record
}

// mostMuted bounds what is remembered of a connection; beyond, the oldest is forgotten.
const mostMuted = 64

func (m *muted) remember(p event.Muter) {
	id, ok := p.Pair()
	if !ok || slices.Contains(m.pairs, id) {
		return
	}
	if len(m.pairs) == mostMuted {
		m.pairs = slices.Delete(m.pairs, 0, 1)
	}
	m.pairs = append(m.pairs, id)
}

// also switches the record of what is at hand off if an earlier match said so.
func (m *muted) also(parts event.Parts) {
	p, ok := parts.(event.Muter)
	if !ok {
		return
	}
	id, paired := p.Pair()
	if m.all || paired && slices.Contains(m.pairs, id) {
		p.Mute()
	}
}
