package sensor

import (
	"encoding/binary"

	"firestorm/internal/packet"
)

// senders judges wrong checksums per sender: a machine whose packets are all "wrong" has a card that fills checksums
// in after the capture point, and is believed; a wrong packet among right ones is damaged, and its receiver threw it
// away. Direct-mapped: a collision forgets, which errs on the side of believing.
type senders struct{ slots [1024]senderSums }

type senderSums struct {
	key       uint64
	good, bad uint32
}

// damaged reports that p's transport checksum is wrong though most of its sender's are right.
func (t *senders) damaged(p *packet.Packet) bool {
	switch p.L4Sum {
	case packet.SumGood:
		t.of(p).good++
	case packet.SumBad:
		s := t.of(p)
		s.bad++
		return s.good > s.bad
	}
	return false
}

// sound counts the packets of ps whose transport checksum is right.
func (t *senders) sound(ps []packet.Packet) {
	for i := range ps {
		if p := &ps[i]; p.L4Sum == packet.SumGood {
			t.of(p).good++
		}
	}
}

// of is what is known of p's sender: of its link-layer address, where there is one.
func (t *senders) of(p *packet.Packet) *senderSums {
	low := uint64(binary.LittleEndian.Uint32(p.SrcMAC[2:]))<<16 | uint64(p.Vantage)
	high := uint64(p.SrcMAC[0])<<8 | uint64(p.SrcMAC[1])
	k := mix(low, high)
	if low>>16|high == 0 {
		k = mix(k, fold(&p.Src))
	}
	s := &t.slots[k%uint64(len(t.slots))]
	if s.key != k {
		*s = senderSums{key: k}
	}
	return s
}
