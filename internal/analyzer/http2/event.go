package http2

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"firestorm/internal/analyzer/dns"
	"firestorm/internal/analyzer/http"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Connection is a frame about a connection, or frames of a stream on which nothing was asked.
type Connection struct {
	head   event.Head
	Two    http.Two
	Dir    packet.Dir // of the frame about a connection
	Number uint64     // of the transaction in its connection, from 0
}

// Head returns the common part.
func (x *Connection) Head() *event.Head { return &x.head }

// AppendEVE writes Suricata's http record of a frame without a message.
func (x *Connection) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &x.head, "http", x.Dir, c)
	dst = strconv.AppendUint(append(dst, `,"tx_id":`...), x.Number, 10)
	dst = x.Two.AppendObject(append(dst, ','), nil)
	return event.AppendEVETail(dst, &x.head, c)
}

// EachBuffer gives what rules ask of HTTP/2 alone, and of DNS in it (http.Beside).
func (t *stream2) EachBuffer(d packet.Dir, f func(name string, b []byte)) {
	t.side[d].each2(f)
	if m := t.answers[d]; m != nil {
		m.EachBuffer(f)
	}
}

// AppendAppObject writes what an alert, or the record of a file, says of the transaction (event.AppObject).
func (t *stream2) AppendAppObject(dst []byte) []byte {
	e := t.x.Event()
	dst = t.two().AppendObject(dst, &e)
	if m := t.dns(); m != nil {
		dst = m.AppendObject(append(dst, ','))
	}
	return dst
}

// dns is what the stream says of DNS: the answer, or else the question; nil: nothing.
func (t *stream2) dns() *dns.Message {
	if m := t.answers[packet.ToClient]; m != nil {
		return m
	}
	return t.answers[packet.ToServer]
}

// loose is a frame that is a transaction of its own.
type loose struct {
	two  http.Two
	d    packet.Dir
	side side
}

// EachBuffer gives the parts of the frame (event.Parts).
func (x *loose) EachBuffer(f func(name string, b []byte)) { x.side.each2(f) }

// AppendAppObject writes what an alert says of the frame (event.AppObject).
func (x *loose) AppendAppObject(dst []byte) []byte { return x.two.AppendObject(dst, nil) }

// each2 gives the parts of frames: numbers are big endian.
func (a *side) each2(f func(name string, b []byte)) {
	for i, w := range a.types {
		for ; w != 0; w &= w - 1 {
			f("http2.frametype", []byte{byte(i<<6 | bits.TrailingZeros64(w))})
		}
	}
	for _, v := range a.codes {
		f("http2.errorcode", binary.BigEndian.AppendUint32(nil, v))
	}
	for _, v := range a.priorities {
		f("http2.priority", []byte{v})
	}
	for _, v := range a.windows {
		f("http2.window", binary.BigEndian.AppendUint32(nil, v))
	}
	for _, v := range a.sizes {
		f("http2.size_update", binary.BigEndian.AppendUint64(nil, v))
	}
	for _, s := range a.frames.Settings {
		f("http2.settings", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, s.ID), s.Value))
	}
}

func word32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
