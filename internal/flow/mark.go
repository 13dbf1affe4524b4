package flow

import (
	"time"

	"firestorm/internal/packet"
)

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
	markMost = markMax << 10 // nothing so far from the start is stored
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

// soon is pack for what is at hand already: dt after the base, less than markMax, and df frames.
func soon(dt uint64, df int32, src uint16) mark {
	return mark{lo: uint32(dt), hi: markSet | uint16(dt>>32), src: src, df: df}
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

// near is a mark in 8 bytes, for the two marks that nearly every flow has: within two seconds, 67 million frames and seven
// sources of the start. Zero points nowhere; what does not fit lies in the oddPart, and far stands for it.
//
// Bits: 63 set, 59-62 source relative to the start's, 32-58 frame relative to it, 0-31 nanoseconds after it.
type near uint64

const (
	nearSet        = 1 << 63
	far       near = nearSet | 8<<59 // a source that nothing has
	nearFrame      = 27
)

// packNear returns r relative to a base, and whether it could be stored.
func packNear(base packet.Ref, r packet.Ref) (near, bool) {
	dt, df, ds := int64(r.Time.Sub(base.Time)), int64(r.Frame-base.Frame), int64(r.Source)-int64(base.Source)
	if r.Frame == 0 || dt != int64(int32(dt)) || df>>(nearFrame-1) != 0 && df>>(nearFrame-1) != -1 || ds < -7 || ds > 7 {
		return 0, false
	}
	return nearSet | near(ds&15)<<59 | near(df&(1<<nearFrame-1))<<32 | near(uint32(dt)), true
}

// ref returns the packet that m points at, from the base it was packed with.
func (m near) ref(base packet.Ref) packet.Ref {
	if m == 0 {
		return packet.Ref{}
	}
	df := int64(m<<5) >> (64 - nearFrame)
	ds := int64(m<<1) >> 60
	return packet.Ref{Frame: base.Frame + uint64(df), Time: base.Time + packet.Time(int32(m)), Source: uint16(int64(base.Source) + ds)}
}

// after is how long after the base m is, 0 where it points nowhere or before it.
func (m near) after() time.Duration { return max(time.Duration(int32(m)), 0) }

// setNear makes *m, which is r.synack or r.handshake, point at p; id is its place in the oddPart.
func (t *Table) setNear(r *rec, m *near, id int, p *packet.Packet) {
	var ok bool
	if *m, ok = packNear(r.start(), p.Ref()); ok {
		return
	}
	if x, fits := pack(r.startTime, r.startFrame(), p.Ref()); fits {
		if o := t.oddOf(r); o != nil {
			*m, o.marks[id] = far, x
			return
		}
	}
	t.stats.MarksLost++
}

// nearRef returns what r.synack or r.handshake points at.
func (t *Table) nearRef(r *rec, m near, id int) packet.Ref {
	if m == far {
		return r.ref(t.odd(r).marks[id])
	}
	return m.ref(r.start())
}

func (t *Table) synackRef(r *rec) packet.Ref    { return t.nearRef(r, r.synack, oddSYNACK) }
func (t *Table) handshakeRef(r *rec) packet.Ref { return t.nearRef(r, r.handshake, oddHandshake) }
