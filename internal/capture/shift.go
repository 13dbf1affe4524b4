package capture

import (
	"time"

	"firestorm/internal/packet"
)

// Shifted returns src with d added to every packet's time: a capture whose clock is wrong, put right.
func Shifted(src Source, d time.Duration) Source {
	if d == 0 {
		return src
	}
	return &shifted{src, d}
}

type shifted struct {
	Source
	d time.Duration
}

// Interfaces implements Lister.
func (s *shifted) Interfaces() []Interface { return Interfaces(s.Source) }

func (s *shifted) Next(b *packet.Batch) error {
	err := s.Source.Next(b)
	for i := range b.Packets {
		b.Packets[i].Time = b.Packets[i].Time.Add(s.d)
	}
	return err
}
