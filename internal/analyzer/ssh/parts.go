package ssh

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// sight is what rules see of one side (event.Parts).
type sight struct {
	sides [2]Side
	d     packet.Dir
}

// show lets rules look at what a side said so far: its version, then its key exchange too.
func (r *reader) show(c *analyzer.Context, d packet.Dir) {
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Parts: &sight{r.sides, d}})
	}
}

// EachBuffer gives the parts of that side.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	s := &v.sides[v.d]
	f("ssh.proto", []byte(s.Proto))
	f("ssh.software", []byte(s.Software))
	if s.HASSH == "" {
		return
	}
	name := "ssh.hassh"
	if v.d == packet.ToClient {
		name = "ssh.hassh.server"
	}
	f(name, []byte(s.HASSH))
	f(name+".string", []byte(s.HASSHText))
}

// AppendAppObject writes what an alert says of the connection (event.AppObject).
func (v *sight) AppendAppObject(dst []byte) []byte { return appendObject(dst, &v.sides) }

// What is odd, by Suricata's names.
const (
	oddBanner     = "invalid_banner"
	oddLongBanner = "long_banner"
	oddRecord     = "invalid_record"
)

// odd tells what is odd in what a side said.
func (r *reader) odd(c *analyzer.Context, d packet.Dir, name string) {
	c.AppLayer(d, 0, name)
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Parts: &oddSight{sight{r.sides, d}}, Events: []string{name}})
	}
}

// oddSight shows that something is odd, and no part.
type oddSight struct{ sight }

// EachBuffer gives nothing.
func (*oddSight) EachBuffer(func(string, []byte)) {}

// FrameObject is what alerts about frames say of the connection (analyzer.FrameObject).
func (r *reader) FrameObject() event.AppObject { return &sight{sides: r.sides} }
