package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// speaks reports whether a rule about a protocol is about connections of one that EVE calls app: "http" are both forms of HTTP,
// and DNS that is asked in HTTP/2 is DNS and HTTP/2.
func speaks(want, app string) bool {
	switch {
	case want == app:
		return true
	case app == "doh2":
		return want == "http2" || want == "http" || want == "dns"
	case app == "http2":
		return want == "http"
	case app == "smb":
		return want == "dcerpc" // its pipes carry calls
	case app == "http":
		return want == "http1"
	}
	return false
}

// shows reports whether events of a kind may be of the protocol that a rule names.
func shows(want, kind string) bool {
	switch want {
	case "http1":
		return kind == "http"
	case "http", "dns":
		return kind == want || kind == "http2"
	case "doh2":
		return kind == "http2"
	}
	return want == kind
}

// readers are the protocols whose readers have to be awake for a rule about one.
func readers(app string) []string {
	switch app {
	case "http1":
		return []string{"http"}
	case "http":
		return []string{"http", "http2"}
	case "http2":
		return []string{"http", "http2"} // that may switch to it
	case "doh2":
		return []string{"http2", "doh2"}
	}
	return []string{app}
}

// appLayerProtocol reads "http", "!dns" and "http1,original": which protocol a connection speaks, what it came to speak (final), what
// it began with (original), or either. A protocol that is not known so far is neither one nor none of them; "failed" is
// one that never will be.
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
	var is cond
	switch mode {
	case "", "final", "to_server", "to_client": // both ways speak the same here
		is = func(x *inspection) bool { return speaks(want, x.app) }
	case "original":
		is = func(x *inspection) bool { return speaks(want, x.e.began(x.index, x.app)) }
	case "either":
		is = func(x *inspection) bool { return speaks(want, x.app) || speaks(want, x.e.began(x.index, x.app)) }
	default:
		return fmt.Errorf("app-layer-protocol knows final, original, either, to_server and to_client, not %q", mode)
	}
	neg := o.Negated
	c.s.named, c.s.hasty = true, c.s.hasty || name == "unknown"
	c.s.apps = append(c.s.apps, want)
	c.s.conds = append(c.s.conds, func(x *inspection) bool { return (x.settled || name == "unknown") && is(x) != neg })
	return nil
}

// namesOnly reports that the rule asks for nothing but a protocol, beside addresses and a direction: it holds once it is found out
// what a connection speaks, as Suricata has it: for each direction, and once where the protocol changes.
func (s *sig) namesOnly() bool {
	return s.named && s.app == "" && len(s.conds) == len(s.apps) && len(s.payload)+len(s.parts)+len(s.flags)+len(s.sizes)+len(s.bits)+len(s.effects)+len(s.late) == 0
}

// foundOut reports whether such a rule is to be told of the packet at hand, and remembers it.
func (e *Engine) foundOut(s *sig, h flow.Handle) bool {
	x := &e.x
	if h.Index == 0 || !x.settled && !s.hasty {
		return false
	}
	this := fired{s, h.Dir, math.MaxUint64}
	if e.before != nil && e.before(h.Index) != "" {
		this.dir, this.tx = packet.ToServer, math.MaxUint64-1
	}
	if x.flow != nil && slices.Contains(x.flow.fired, this) {
		return false
	}
	x.flow = e.own(h.Index)
	x.flow.fire(this)
	return true
}

// Began tells the engine how to find out which protocol a flow began with that went on to another; without it, none does.
func (e *Engine) Began(f func(index uint32) string) { e.before = f }

// began is the protocol with which a flow began that speaks app now.
func (e *Engine) began(index uint32, app string) string {
	if e.before != nil && index != 0 {
		if b := e.before(index); b != "" {
			return b
		}
	}
	return app
}

// hasBuffer reports whether the rule's protocol has a buffer.
func (s *sig) hasBuffer(b buffer) bool {
	if s.app == "dns" { // in HTTP/2 it has no more than elsewhere
		return slices.Contains(b.kinds, s.app)
	}
	return slices.ContainsFunc(b.kinds, func(k string) bool { return shows(s.app, k) })
}
