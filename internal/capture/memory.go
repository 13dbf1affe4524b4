package capture

import (
	"errors"
	"io"

	"firestorm/internal/packet"
)

// Frame is one captured frame with bytes of its own.
type Frame struct {
	Data    []byte
	Time    packet.Time
	WireLen uint32 // bytes; 0 = as long as Data
	Link    packet.LinkType
	Source  uint16 // index of the interface
	Number  uint64 // 1-based; 0 = its position
}

// Memory is a source over frames in memory.
type Memory struct {
	// Poison hands out copies and overwrites them on release, as FileOptions.Poison does.
	Poison bool
	// Chunk is how many packets a batch gets; 0 means packet.BatchSize. Results must not depend on it.
	Chunk int

	frames []Frame
	ifaces []Interface
	pos    int
	stats  Stats
}

// NewMemory returns a source over frames; it does not copy them. Without interfaces one nameless interface per
// Frame.Source is made up, each its own vantage.
func NewMemory(frames []Frame, ifaces ...Interface) *Memory {
	m := &Memory{frames: frames, ifaces: ifaces}
	for i := range frames {
		for int(frames[i].Source) >= len(m.ifaces) {
			m.ifaces = append(m.ifaces, Interface{Name: "memory", Link: frames[i].Link, Vantage: uint16(len(m.ifaces))})
		}
	}
	return m
}

// Next implements Source.
func (m *Memory) Next(b *packet.Batch) error {
	if m.pos >= len(m.frames) {
		return io.EOF
	}
	room(b)
	b.OnRelease(nil)
	if m.Poison {
		b.OnRelease(Poison)
	}
	chunk := m.Chunk
	if chunk <= 0 || chunk > packet.BatchSize {
		chunk = packet.BatchSize
	}
	for ; chunk > 0 && m.pos < len(m.frames); chunk-- {
		f := &m.frames[m.pos]
		m.pos++
		p := packet.Packet{
			Data: f.Data, Time: f.Time, Frame: f.Number, Source: f.Source, Link: f.Link, WireLen: f.WireLen,
			Vantage: m.ifaces[f.Source].Vantage,
		}
		if p.Frame == 0 {
			p.Frame = uint64(m.pos)
		}
		p.WireLen = max(p.WireLen, uint32(len(p.Data)))
		if m.Poison {
			p.Data = append([]byte(nil), f.Data...)
		}
		b.Packets = append(b.Packets, p)
		m.stats.Received++
		m.stats.Bytes += uint64(len(f.Data))
	}
	return nil
}

// Stats implements Source.
func (m *Memory) Stats() Stats { return m.stats }

// Close implements Source.
func (m *Memory) Close() error {
	m.pos = len(m.frames)
	return nil
}

// Interfaces implements Lister.
func (m *Memory) Interfaces() []Interface { return m.ifaces }

// ReadAll copies everything src has. The error is nil at the end of the input, else what stopped the reading;
// the frames before it are good. A source that goes idle stops it with ErrIdle.
func ReadAll(src Source) ([]Frame, error) {
	var out []Frame
	var b packet.Batch
	for {
		err := src.Next(&b)
		for i := range b.Packets {
			out = append(out, frameOf(&b.Packets[i]))
		}
		b.Release()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func frameOf(p *packet.Packet) Frame {
	return Frame{
		Data: append([]byte(nil), p.Data...), Time: p.Time, WireLen: p.WireLen, Link: p.Link, Source: p.Source,
		Number: p.Frame,
	}
}
