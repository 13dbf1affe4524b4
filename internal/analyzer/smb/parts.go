package smb

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// sight is what rules see of one side of an exchange (event.Parts).
type sight struct {
	*Exchange
	tree bool // only what tree was asked for: whether it holds pipes, the reply tells
}

// show lets rules look at a request, or at its reply. Whether a tree holds pipes is known from the reply, and belongs to what
// the client asked for.
func (s *connection) show(c *analyzer.Context, d packet.Dir, x *Exchange, reply bool) {
	if !c.Inspected(s.kind) {
		return
	}
	seen := *x // an alert says what was known then
	seen.Dialect = s.dialect
	seen.head = c.Head(s.kind)
	if reply && x.Share != "" {
		c.Inspect(s.kind, event.Inspection{Dir: d.Other(), Tx: x.ID - 1, Parts: &sight{&seen, true}})
	}
	c.Inspect(s.kind, event.Inspection{Dir: d, Tx: x.ID - 1, Done: reply, Parts: &sight{Exchange: &seen}})
}

// EachBuffer gives the parts of that side.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	if v.tree {
		name := "smb.share"
		if v.Pipe {
			name = "smb.named_pipe"
		}
		f(name, []byte(v.Share))
		return
	}
	f("smb.version", []byte{v.Version})
	if !v.Answered.IsZero() {
		return
	}
	if v.HasIdentity {
		f("smb.ntlmssp_user", []byte(v.User))
		f("smb.ntlmssp_domain", []byte(v.Domain))
	}
}
