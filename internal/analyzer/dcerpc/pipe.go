package dcerpc

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// Pipe reads the calls that a pipe of SMB carries, as those of a connection. Its bytes are lent.
type Pipe struct {
	// Tell takes a finished call.
	Tell func(x *Call)
	// Show lets rules look at one side of a call; nil: no rule asks. tx is the number of the call in the pipe.
	Show func(d packet.Dir, tx uint64, p *Parts)

	c connection
}

// NewPipe returns a reader of a pipe; kind stands in the heads of its calls.
func NewPipe(o analyzer.Options, tell func(*Call), show func(packet.Dir, uint64, *Parts)) *Pipe {
	p := &Pipe{Tell: tell, Show: show}
	p.c.kinds, p.c.pipe = kindsOf(o), p
	return p
}

// Data takes bytes that travelled d. It does not matter how they are cut.
func (p *Pipe) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &p.c.sides[d]
	for len(b) > 0 && !x.ended {
		b = p.c.some(c, d, x, b)
	}
}

// End tells the calls that nobody answered.
func (p *Pipe) End(c *analyzer.Context) { p.c.end(c) }

// Held is how many bytes the pipe keeps.
func (p *Pipe) Held() int { return p.c.Held() }

// Speaks reports whether b can be the begin of a data unit.
func Speaks(b []byte) bool { return len(b) >= StreamHeader && probeUnit(b) == analyzer.Yes }
