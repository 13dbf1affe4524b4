package smb

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// marks follow the messages of a session packet, where somebody asks for their frames.
type marks struct {
	on   bool
	size int // of what the session packet holds
	at   int // bytes of it so far
	next int // where the next message begins
	head [nextField + 4]byte
	n    int // bytes of head that are there
}

// Where a message of version 2 says how far behind its begin the next one begins, and what headers have in bytes ([MS-SMB2]
// 2.2.1, 2.2.41; [MS-CIFS] 2.2.3.1).
const (
	nextField     = 20
	headerSealed  = 52
	sessionHeader = 4
)

// markSession marks the frames of a session packet whose head is there; rest are the bytes behind it that came with it.
func (x *side) markSession(c *analyzer.Context, d packet.Dir, rest int) {
	n := int64(x.left)
	c.Frame(d, "nbss.pdu", sessionHeader+rest, sessionHeader+n)
	c.Frame(d, "nbss.hdr", sessionHeader+rest, sessionHeader)
	c.Frame(d, "nbss.data", rest, n)
	x.marks = marks{on: x.head[0] == nbMessage, size: int(n)}
}

// take takes the first n bytes of b, the rest of the call's.
func (m *marks) take(c *analyzer.Context, d packet.Dir, b []byte, n int) {
	m.at += n
	for from := m.at - n; m.next < m.at && m.next < m.size; { // from is where b begins
		if had := m.next + m.n; had >= from && had < m.at {
			m.n += copy(m.head[m.n:], b[had-from:n])
		}
		if m.n < len(m.head) && m.next+m.n < m.size {
			return // more of it comes, or is lost
		}
		m.message(c, d, m.at-m.next+len(b)-n)
	}
}

// message marks the frames of the message whose head is there, back bytes before the end of what is at hand.
func (m *marks) message(c *analyzer.Context, d packet.Dir, back int) {
	size := m.size - m.next
	name, header := "", 0
	switch {
	case m.n < 4 || string(m.head[1:4]) != "SMB":
	case m.head[0] == magic1:
		name, header = "smb1.", header1
	case m.head[0] == magic2:
		name, header = "smb2.", header2
		if next := int(binary.LittleEndian.Uint32(m.head[nextField:])); m.n == len(m.head) && next >= header2 && next < size {
			size = next
		}
	case m.head[0] == magicEncrypted:
		name, header = "smb3.", headerSealed
	}
	if name != "" {
		c.Frame(d, name+"pdu", back, int64(size))
		if size >= header {
			c.Frame(d, name+"hdr", back, int64(header))
			c.Frame(d, name+"data", back-header, int64(size-header))
		}
	}
	m.next, m.n = m.next+size, 0
}
