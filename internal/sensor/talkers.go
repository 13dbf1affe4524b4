package sensor

import (
	"math/bits"
	"math/rand/v2"

	"firestorm/internal/packet"
)

// talkers counts what hosts took part in, of the first maxTalkers that a flow which ended names. Every flow asks for two
// of them: a map took 1 % of a run (2026-11-28).
type talkers struct {
	hosts []Talker
	slots []uint16 // number plus one in hosts, by hash; at most half used
	seed  uint64
}

const maxTalkers = 4096

// of returns the entry of a host; nil for one more than there is room for.
func (t *talkers) of(a *packet.Addr) *Talker {
	if t.slots == nil {
		t.slots, t.seed = make([]uint16, 2*maxTalkers), rand.Uint64()
	}
	hi, lo := bits.Mul64(fold(a)^t.seed, 0x9e3779b97f4a7c15)
	for i := hi ^ lo; ; i++ {
		s := &t.slots[i&(2*maxTalkers-1)]
		switch {
		case *s != 0:
			if h := &t.hosts[*s-1]; h.Addr == *a {
				return h
			}
		case len(t.hosts) == maxTalkers:
			return nil
		default:
			t.hosts = append(t.hosts, Talker{Addr: *a})
			*s = uint16(len(t.hosts))
			return &t.hosts[len(t.hosts)-1]
		}
	}
}
