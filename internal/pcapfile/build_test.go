package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
)

// ngb builds pcapng bytes by hand, apart from the encoder under test.
type ngb struct {
	b  []byte
	bo binary.AppendByteOrder
}

func littleNG() *ngb { return &ngb{bo: binary.LittleEndian} }
func bigNG() *ngb    { return &ngb{bo: binary.BigEndian} }

func (g *ngb) u(vs ...any) []byte {
	var b []byte
	for _, v := range vs {
		switch v := v.(type) {
		case byte:
			b = append(b, v)
		case uint16:
			b = g.bo.AppendUint16(b, v)
		case uint32:
			b = g.bo.AppendUint32(b, v)
		case int:
			b = g.bo.AppendUint32(b, uint32(v))
		case uint64:
			b = g.bo.AppendUint64(b, v)
		case int64:
			b = g.bo.AppendUint64(b, uint64(v))
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return b
}

func pad4(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// block appends a block of the given type.
func (g *ngb) block(typ uint32, body ...any) *ngb {
	c := pad4(g.u(body...))
	g.b = append(g.b, g.u(typ, uint32(len(c)+12), c, uint32(len(c)+12))...)
	return g
}

// opt is one option, padded.
func (g *ngb) opt(code uint16, val ...any) []byte {
	v := g.u(val...)
	return pad4(g.u(code, uint16(len(v)), v))
}

func (g *ngb) shb(opts ...any) *ngb {
	return g.block(0x0a0d0d0a, append([]any{uint32(0x1a2b3c4d), uint16(1), uint16(0), ^uint64(0)}, opts...)...)
}

func (g *ngb) idb(link uint16, snap uint32, opts ...any) *ngb {
	return g.block(1, append([]any{link, uint16(0), snap}, opts...)...)
}

// epb has wire length = captured length.
func (g *ngb) epb(iface uint32, ticks uint64, data string, opts ...any) *ngb {
	return g.block(6, append([]any{
		iface, uint32(ticks >> 32), uint32(ticks), uint32(len(data)), uint32(len(data)), pad4([]byte(data)),
	}, opts...)...)
}

// got is what a test compares of a record.
type got struct {
	Frame uint64
	Time  int64
	Data  string
	Wire  uint32
	Iface uint16
	Link  uint16
}

// readAll reads every record of r, and the error that ended it; nil for a good end.
func readAll(t testing.TB, r *Reader) (out []got, err error) {
	t.Helper()
	var rec Record
	for {
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, got{rec.Frame, int64(rec.Time), string(rec.Data), rec.WireLen, rec.Iface, uint16(rec.Link)})
		if len(out) > 1<<20 {
			t.Fatal("reading does not end")
		}
	}
}
