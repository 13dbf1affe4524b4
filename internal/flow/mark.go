package flow

import "firestorm/internal/packet"

// mark is a packet.Ref in 12 bytes, relative to the start of its flow. The zero mark points nowhere.
//
// The time is a signed 46-bit number: nanoseconds up to about 9.7 hours from the start, beyond that units of 1024 ns
// (over a year). The frame is exact or the mark is not stored at all: a mark never points at a wrong frame.
type mark struct {
	lo  uint32
	hi  uint16 // 14 bits of the number, markUnit, markSet
	src uint16
	df  int32
}

const (
	markSet  = 1 << 15
	markUnit = 1 << 14
	markBits = 46
	markMax  = 1 << (markBits - 1)
)

// pack returns r relative to a base, and whether it could be stored.
func pack(baseTime packet.Time, baseFrame uint64, r packet.Ref) (mark, bool) {
	df := int64(r.Frame - baseFrame)
	if r.Frame == 0 || df != int64(int32(df)) {
		return mark{}, false
	}
	dt := int64(r.Time.Sub(baseTime))
	hi := uint16(markSet)
	if dt >= markMax || dt < -markMax {
		dt >>= 10
		hi |= markUnit
		if dt >= markMax || dt < -markMax {
			return mark{}, false
		}
	}
	u := uint64(dt) & (1<<markBits - 1)
	return mark{lo: uint32(u), hi: hi | uint16(u>>32), src: r.Source, df: int32(df)}, true
}

func (m mark) isZero() bool { return m.hi&markSet == 0 }

func (m mark) time(base packet.Time) packet.Time {
	u := uint64(m.hi&(markUnit-1))<<32 | uint64(m.lo)
	dt := int64(u<<(64-markBits)) >> (64 - markBits)
	if m.hi&markUnit != 0 {
		dt <<= 10
	}
	return packet.Time(int64(base) + dt)
}

func (m mark) ref(baseTime packet.Time, baseFrame uint64) packet.Ref {
	if m.isZero() {
		return packet.Ref{}
	}
	return packet.Ref{Frame: baseFrame + uint64(int64(m.df)), Time: m.time(baseTime), Source: m.src}
}
