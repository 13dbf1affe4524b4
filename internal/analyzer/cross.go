package analyzer

import (
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// mismatch is Suricata's name of a connection whose two sides speak different protocols.
const mismatch = "applayer_mismatch_protocol_both_directions"

// cross holds the first bytes of direction d against the protocol that reads the connection. Where they are not of it and
// another one knows them as its own, the sides speak past each other: that is kept for the record of the flow, and told. One
// question for each direction of a connection, as long as nothing is wrong.
func (s *session) cross(d packet.Dir, b []byte, seen, released packet.Ref) {
	s.unheard[d] = false
	if s.upgrades > 0 || s.about != nil {
		return
	}
	x := s.x
	def := s.def
	c := x.context(s, s.p, seen, released)
	b = b[:min(len(b), ProbeLimit)]
	x.guard(def, d, func() {
		if x.reg.defs[def].Probe(d, b) != No {
			return
		}
		v := x.tcp
		named := v.named(s.head.Server.Port, s.head.Client.Port)
		set := v.all
		if len(b) > 0 {
			set &= v.may[d][b[0]]
		}
		for at := first(set, named); at >= 0; at = first(set, named) {
			set &^= 1 << at
			o := v.defs[at]
			if o == def || x.reg.defs[o].kin(&x.reg.defs[def]) || x.reg.defs[o].Probe(d, b) != Yes {
				continue
			}
			x.flows[s.index].sides[d] = uint8(o + 1)
			if x.o.Anomalies || x.o.Inspector != nil {
				e := event.NewAppLayer(c.Head(event.KindAnomaly))
				e.Dir, e.Name, e.Detect = d, strings.ToUpper(mismatch), true
				c.Emit(e)
			}
			return
		}
	})
}

// kin reports whether both names stand for one reader: which of two protocols on one base a call belongs to, its answer may not say
// (NFS and other ONC RPC).
func (d *Def) kin(o *Def) bool {
	if len(d.Kinds) != len(o.Kinds) {
		return false
	}
	for _, k := range d.Kinds {
		if !slices.Contains(o.Kinds, k) {
			return false
		}
	}
	return true
}
