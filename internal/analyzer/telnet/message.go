package telnet

// Commands of RFC 854.
const (
	se   = 240
	sb   = 250
	will = 251
	dont = 254
	iac  = 255
)

// filter removes commands and option negotiation from one direction.
type filter struct {
	state fstate
}

type fstate uint8

const (
	plain     fstate = iota
	command          // after IAC
	option           // after WILL, WONT, DO, DONT
	inside           // of a subnegotiation
	insideIAC        // IAC in it
)

// Byte takes one byte of the wire; ok is false when it is part of a command.
func (f *filter) Byte(c byte) (text byte, ok bool) {
	switch f.state {
	case command:
		switch {
		case c == iac:
			f.state = plain
			return c, true
		case c == sb:
			f.state = inside
		case c >= will && c <= dont:
			f.state = option
		default:
			f.state = plain
		}
		return 0, false
	case option:
		f.state = plain
		return 0, false
	case inside:
		if c == iac {
			f.state = insideIAC
		}
		return 0, false
	case insideIAC:
		f.state = inside
		if c == se {
			f.state = plain
		}
		return 0, false
	}
	if c == iac {
		f.state = command
		return 0, false
	}
	return c, true
}
