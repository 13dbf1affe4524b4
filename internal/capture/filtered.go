package capture

import "firestorm/internal/packet"

// Filtered hands on the frames of src that keep accepts. Frames keep their numbers, so that a finding points into
// the file as the user has it. keep sees borrowed bytes. Turned-away frames are counted in Stats.Filtered.
func Filtered(src Source, keep func(data []byte, link packet.LinkType) bool) Source {
	return &filtered{src: src, keep: keep}
}

type filtered struct {
	src          Source
	keep         func([]byte, packet.LinkType) bool
	count, bytes uint64
}

// Next implements Source. A batch may be short: it is what one batch of the source leaves.
func (f *filtered) Next(b *packet.Batch) error {
	for {
		err := f.src.Next(b)
		n := 0
		for i := range b.Packets {
			p := &b.Packets[i]
			if !f.keep(p.Data, p.Link) {
				f.count++
				f.bytes += uint64(len(p.Data))
				continue
			}
			if n != i {
				origin(&b.Packets[n], p)
			}
			n++
		}
		b.Packets = b.Packets[:n]
		if err != nil || n > 0 {
			return err
		}
		b.Release()
	}
}

// Stats implements Source.
func (f *filtered) Stats() Stats {
	s := f.src.Stats()
	s.Received -= f.count
	s.Bytes -= f.bytes
	s.Filtered += f.count
	return s
}

// Close implements Source.
func (f *filtered) Close() error { return f.src.Close() }

// Interfaces implements Lister.
func (f *filtered) Interfaces() []Interface { return Interfaces(f.src) }
