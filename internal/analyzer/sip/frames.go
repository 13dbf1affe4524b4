package sip

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// mark marks the parts of the message that was parsed last: it begins back bytes before the end of what is at hand, its body,
// of so many bytes, after n of them.
func (m *Message) mark(c *analyzer.Context, d packet.Dir, tx uint64, back, n, body int) {
	if !c.Framed() || n < 0 {
		return
	}
	names := [3]string{"request.line", "request.headers", "request.body"}
	if m.Response {
		names = [3]string{"response.line", "response.headers", "response.body"}
	}
	line := len(m.Line) + len(crlf)
	for i, p := range [3][2]int{{0, line}, {line, n - len(crlf)}, {n, n + body}} {
		if p[1] > p[0] {
			c.FrameTx(d, c.WholeFrame(d, names[i], back-p[0], int64(p[1]-p[0])), tx)
		}
	}
}
