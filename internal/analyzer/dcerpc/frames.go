package dcerpc

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// mark marks the frames of a unit whose header is there; rest are the bytes behind it that came with it.
func mark(c *analyzer.Context, d packet.Dir, header []byte, rest int) {
	u, ok := ParseUnit(header)
	if !ok {
		return
	}
	c.Frame(d, "pdu", len(header)+rest, int64(u.Len))
	c.Frame(d, "hdr", len(header)+rest, int64(len(header)))
	c.Frame(d, "data", rest, int64(u.Len)-int64(len(header)))
}

// markDatagram marks those of a datagram, whose header is longer.
func markDatagram(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Framed() {
		return
	}
	c.Frame(d, "pdu", len(b), int64(len(b)))
	c.Frame(d, "hdr", len(b), DatagramHeader)
	c.Frame(d, "data", len(b)-DatagramHeader, int64(len(b)-DatagramHeader))
}
