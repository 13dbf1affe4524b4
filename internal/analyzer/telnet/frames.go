package telnet

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// framer finds the frames of one direction: commands, and lines of what is said. Each is a "pdu", and a "ctl" or "data".
type framer struct {
	pdu, own analyzer.FrameID
	in       within
}

// within is in what the next byte lies.
type within uint8

const (
	betweenFrames within = iota
	inText
	afterIAC
	afterVerb // WILL, WONT, DO, DONT: an option follows
	inOption  // a subnegotiation
	optionIAC
)

// take takes bytes.
func (f *framer) take(c *analyzer.Context, d packet.Dir, b []byte) {
	for i, x := range b {
		if x == iac && f.in == inText { // a command in the middle of a line
			f.end(c, d, len(b)-i)
		}
		switch f.in {
		case betweenFrames:
			name := "data"
			if f.in = inText; x == iac {
				name, f.in = "ctl", afterIAC
			}
			f.pdu, f.own = c.Frame(d, "pdu", len(b)-i, -1), c.Frame(d, name, len(b)-i, -1)
			if x != '\n' {
				continue
			}
		case inText:
			if x != '\n' {
				continue
			}
		case afterIAC:
			switch {
			case x == sb:
				f.in = inOption
				continue
			case x > sb && x <= dont:
				f.in = afterVerb
				continue
			}
		case afterVerb:
		case inOption:
			if x == iac {
				f.in = optionIAC
			}
			continue
		case optionIAC:
			if f.in = inOption; x != se {
				continue
			}
		}
		f.end(c, d, len(b)-i-1)
	}
}

func (f *framer) end(c *analyzer.Context, d packet.Dir, back int) {
	c.EndFrame(d, f.pdu, back)
	c.EndFrame(d, f.own, back)
	*f = framer{}
}

// lose ends what was begun, for bytes are missing.
func (f *framer) lose(c *analyzer.Context, d packet.Dir) {
	if f.in != betweenFrames {
		f.end(c, d, 0)
	}
}
