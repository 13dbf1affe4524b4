package analyzer

import (
	"bytes"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// The toy protocol: lines that begin with "TOY". It stands for a folder under analyzer; the one line that adds it is
// its place in the list given to NewRegistry.
var toy = Def{
	Name:  "toy",
	Over:  []Transport{TCP, UDP},
	Ports: []uint16{7777},
	Probe: probeWord("TOY"),
	Kinds: []string{"toy"},
	Stream: func(o Options) (StreamAnalyzer, error) {
		return &toyStream{kind: o.Kind("toy")}, nil
	},
	Message: func(o Options) (MessageAnalyzer, error) { return &toyMessage{kind: o.Kind("toy")}, nil },
}

// probeWord answers Yes for streams that begin with word, in either direction.
func probeWord(word string) func(packet.Dir, []byte) Answer {
	return func(_ packet.Dir, b []byte) Answer {
		n := min(len(b), len(word))
		switch {
		case string(b[:n]) != word[:n]:
			return No
		case n < len(word):
			return More
		}
		return Yes
	}
}

type toyEvent struct {
	head event.Head
	text string
}

func (e *toyEvent) Head() *event.Head                         { return &e.head }
func (e *toyEvent) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }

// toyStream emits an event per line, gap and end. The line "panic" makes it panic, "arm" announces a flow, "switch"
// gives the rest of the connection to "other", "enough" ends its interest.
type toyStream struct {
	kind event.Kind
	line [2][]byte
}

func (s *toyStream) emit(c *Context, text string) {
	if c.Wanted(s.kind) {
		c.Emit(&toyEvent{c.Head(s.kind), text})
	}
}

func (s *toyStream) Data(c *Context, d packet.Dir, b []byte) {
	for i, x := range b {
		if x != '\n' {
			s.line[d] = append(s.line[d], x)
			continue
		}
		line := string(s.line[d])
		s.line[d] = s.line[d][:0]
		switch line {
		case "panic":
			panic("toy")
		case "arm":
			c.Expect(Expectation{Over: TCP, To: packet.MustAddr("10.0.0.2"), Port: 9999, Analyzer: "other", For: 10e9})
		case "enough":
			c.Done()
			return
		case "switch":
			if c.Upgrade("other", d, b[i+1:]) {
				return
			}
		}
		s.emit(c, d.String()+" "+line)
	}
}

func (s *toyStream) Gap(c *Context, d packet.Dir, n uint64) { s.emit(c, d.String()+" gap") }
func (s *toyStream) Close(c *Context, d packet.Dir, why stream.End) {
	s.emit(c, d.String()+" end "+why.String())
}
func (s *toyStream) Reset() { s.line = [2][]byte{} }

type toyMessage struct {
	kind event.Kind
	n    int
}

func (m *toyMessage) Message(c *Context, d packet.Dir, b []byte) {
	if bytes.Contains(b, []byte("panic")) {
		panic("toy")
	}
	if bytes.Contains(b, []byte("enough")) {
		c.Done()
	}
	m.n++
	c.Emit(&toyEvent{c.Head(m.kind), d.String() + " " + string(b)})
}

func (m *toyMessage) Close(c *Context, why event.EndReason) {
	c.Emit(&toyEvent{c.Head(m.kind), "end " + why.String()})
}
func (m *toyMessage) Reset() { m.n = 0 }

// other begins with "TOYS", so that toy and other disagree only after the fourth byte.
var other = Def{
	Name:  "other",
	Over:  []Transport{TCP},
	Ports: []uint16{8888},
	Probe: probeWord("TOYS"),
	Kinds: []string{"other"},
	Stream: func(o Options) (StreamAnalyzer, error) {
		return &otherStream{toyStream{kind: o.Kind("other")}}, nil
	},
}

type otherStream struct{ toyStream }

func (s *otherStream) emit2(c *Context, b []byte) { s.emit(c, "other "+string(b)) }

func (s *otherStream) Data(c *Context, _ packet.Dir, b []byte) {
	for _, x := range b {
		if x == '\n' {
			s.emit2(c, s.line[0])
			s.line[0] = s.line[0][:0]
			continue
		}
		s.line[0] = append(s.line[0], x)
	}
}
