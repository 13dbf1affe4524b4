package analyzer

import (
	"slices"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// Frames are pieces of what one side sends that the reader of a protocol marks as it goes ("pdu", "hdr", "data"), for rules
// that look at one kind of them and for records of their own. Marking costs one comparison where nobody asks.

const (
	// enoughOfFrame is how many new bytes of a frame that goes on are looked at together, as Suricata has it.
	enoughOfFrame = 2500
	// overlapOfFrame is how many of those that were looked at before are shown again with what follows.
	overlapOfFrame = 2560
	// keptBack is how many of the last bytes of each direction are kept: a frame may begin that far back.
	keptBack = 8 << 10
	// mostKeptBack bounds them where a frame is to be looked at whole; a longer one is looked at piece by piece.
	mostKeptBack = 128 << 10
	// mostFrames bounds the frames of a direction that are not over; what goes beyond is not marked, and counted.
	mostFrames = 256
	// mostPieces bounds the holes among the bytes that are kept.
	mostPieces = 64
)

// FrameSink looks at frames: the rules.
type FrameSink interface {
	// FrameNames are the kinds of frames of a protocol that somebody asks for, by their name without the protocol; app is
	// EVE's word.
	FrameNames(app string) []string
	// Frame looks at what there is of a frame of the flow of h that has not been looked at. head says what completed it, p is
	// the packet at hand, nil if there is none. All are lent.
	Frame(h flow.Handle, head *event.Head, p *packet.Packet, f *event.FrameView)
}

// FrameObject is what a reader may be as well: it says for alerts about its frames what it knows, where that becomes no event
// with each of them.
type FrameObject interface {
	// FrameObject is asked while an alert is made; nil: nothing.
	FrameObject() event.AppObject
}

// FrameID names a frame of the call's flow that goes on; 0: none, or nobody wants it.
type FrameID uint64

// Framed reports whether somebody wants frames of the protocol at hand: if not, nothing has to be worked out for them. Frame may
// be called all the same.
func (c *Context) Framed() bool { return c.s != nil && c.s.framed != nil }

// Frame marks a frame of what travels d. It begins back bytes before the end of what the call brought: for b, the rest of
// that, back is len(b), and what was kept of earlier calls is added; less than 0: it begins so many bytes behind that end. length is in bytes, also of what is to come; -1 says that
// the reader does not know it yet (EndFrame).
// What rules ask of it is looked at as its bytes come, when all of it is there or 2500 more bytes are.
func (c *Context) Frame(d packet.Dir, name string, back int, length int64) FrameID {
	if c.s == nil || c.s.framed == nil {
		return 0
	}
	return c.s.frame(d, name, back, length, false)
}

// WholeFrame is Frame for one that is looked at in one piece once all of it came (up to 128 KiB): what a reader takes whole.
func (c *Context) WholeFrame(d packet.Dir, name string, back int, length int64) FrameID {
	if c.s == nil || c.s.framed == nil {
		return 0
	}
	return c.s.frame(d, name, back, length, true)
}

// FrameTx says to which transaction a frame belongs.
func (c *Context) FrameTx(d packet.Dir, id FrameID, tx uint64) {
	if f := c.openFrame(d, id); f != nil {
		f.tx, f.inTx = tx, true
	}
}

// EndFrame says that a frame of unknown length ends back bytes before the end of what the call brought.
func (c *Context) EndFrame(d packet.Dir, id FrameID, back int) {
	if f := c.openFrame(d, id); f != nil && f.n < 0 {
		f.n = max(int64(c.s.frames.sides[d].end)-int64(back)-int64(f.at), 0)
	}
}

func (c *Context) openFrame(d packet.Dir, id FrameID) *openFrame {
	if id == 0 || c.s == nil || c.s.frames == nil {
		return nil
	}
	open := c.s.frames.sides[d].open
	for i := len(open) - 1; i >= 0; i-- {
		if open[i].id == uint64(id) {
			return &open[i]
		}
	}
	return nil
}

// frameWants are the names of the frames of one protocol that somebody asks for.
type frameWants struct {
	app    string
	all    bool     // for records
	names  []string // for rules
	stream bool     // the whole stream of each direction is one
}

// streamFrame is the name of the frame that is all of a direction, of any protocol over TCP.
const streamFrame = "stream"

// frames is what is kept for the frames of a flow.
type frames struct{ sides [2]frameSide }

type frameSide struct {
	end    uint64 // how many bytes came, with those that are missing
	ids    uint64 // frames so far
	pieces []piece
	kept   int // bytes in them
	open   []openFrame
	over   bool // nothing follows
	begun  bool // the frame of the whole stream was made
}

// piece is a part of a stream without a hole.
type piece struct {
	at uint64
	b  []byte
}

type openFrame struct {
	app      string
	name     string
	id       uint64
	at       uint64 // of its first byte in the stream
	n        int64  // length, -1: not known
	seen     uint64 // up to where it was looked at
	tx       uint64
	inTx     bool
	whole    bool
	looked   bool // somebody looked at it
	recorded bool
	asked    bool // by a rule
}

// wantFrames asks who wants frames of which protocol.
func (x *Dispatcher) wantFrames() {
	x.framed = nil
	for i := range x.reg.defs {
		w := &frameWants{app: x.reg.app(i), all: x.o.FrameRecords}
		if x.o.Frames != nil {
			w.names = x.o.Frames.FrameNames(w.app)
		}
		if !w.all && len(w.names) == 0 {
			continue
		}
		w.stream = w.all || slices.Contains(w.names, streamFrame)
		if x.framed == nil {
			x.framed = make([]*frameWants, len(x.reg.defs))
		}
		x.framed[i] = w
	}
}

// frame makes a frame.
func (s *session) frame(d packet.Dir, name string, back int, length int64, whole bool) FrameID {
	w := s.framed
	asked := slices.Contains(w.names, name)
	if !asked && !w.all || length == 0 || s.frames == nil {
		return 0
	}
	x := &s.frames.sides[d]
	if len(x.open) >= mostFrames {
		s.x.stats.FramesFull++
		return 0
	}
	at := uint64(max(int64(x.end)-int64(back), 0))
	x.ids++
	x.open = append(x.open, openFrame{app: w.app, name: name, id: x.ids, at: at, seen: at, n: length, whole: whole && length > 0, asked: asked})
	return FrameID(x.ids)
}

// framing makes ready for frames of the protocol that reads s from now on.
func (s *session) framing(def int) {
	if s.x.framed == nil {
		return
	}
	s.framed = s.x.framed[def]
	if s.frames == nil {
		s.frames = &frames{}
	}
}

// take notes bytes before the reader gets them.
func (s *session) takeFrames(d packet.Dir, b []byte) {
	x := &s.frames.sides[d]
	if !s.tcp { // each datagram stands alone
		x.end, x.pieces = uint64(len(b)), append(x.pieces[:0], piece{0, b})
		return
	}
	if s.framed != nil || len(x.open) > 0 {
		if n := len(x.pieces); n == 0 || x.pieces[n-1].at+uint64(len(x.pieces[n-1].b)) != x.end {
			x.pieces = append(x.pieces, piece{at: x.end})
		}
		p := &x.pieces[len(x.pieces)-1]
		had := cap(p.b)
		p.b = append(p.b, b...)
		x.kept += len(b)
		s.own(cap(p.b) - had)
	}
	x.end += uint64(len(b))
	if x.kept > 2*mostKeptBack { // one packet released much: what comes before b is looked at now
		x.end -= uint64(len(b))
		s.tellSide(d, x)
		x.end += uint64(len(b))
		s.trim(x)
	}
	if s.framed != nil && s.framed.stream && !x.begun {
		x.begun = true
		s.frame(d, streamFrame, len(b), -1, false)
	}
}

// tellFrames shows what there is to see of the frames of s now. It is called when a packet that travels d was read: as Suricata has
// it, what was acknowledged meanwhile is looked at with the next packet of its own direction.
func (s *session) tellFrames(now packet.Dir) {
	for d := range s.frames.sides {
		x := &s.frames.sides[d]
		if len(x.open) > 0 {
			if packet.Dir(d) != now && !x.over && x.kept <= mostKeptBack {
				continue
			}
			s.tellSide(packet.Dir(d), x)
		}
		if s.tcp {
			s.trim(x)
		} else {
			x.pieces = x.pieces[:0]
		}
	}
}

func (s *session) tellSide(d packet.Dir, x *frameSide) {
	kept := x.open[:0]
	over := x.over || !s.tcp
	waits := !over && s.x.streams.Holed(s.stream, d) // as Suricata: until the hole is given up
	for i := range x.open {
		f := &x.open[i]
		if f.n == 0 {
			continue
		}
		s.tellFrame(d, x, f, over, waits)
		if !over && (f.n < 0 || f.at+uint64(f.n) > x.end) {
			kept = append(kept, *f)
		}
	}
	x.open = kept
}

// tellFrame shows a frame, if there is enough of it.
func (s *session) tellFrame(d packet.Dir, x *frameSide, f *openFrame, over, waits bool) {
	there := x.end // up to where there is something of it
	complete := f.n >= 0 && f.at+uint64(f.n) <= x.end
	if complete {
		there = f.at + uint64(f.n)
	}
	if there <= f.at || !complete && !over && (waits || there-f.seen < enoughOfFrame || f.whole && there-f.at < mostKeptBack) {
		return
	}
	v := event.FrameView{App: f.app, Pieces: s.x.framePieces[:0], Done: complete || over}
	v.Facts = event.FrameFacts{Type: f.name, ID: f.id, Dir: d, Stream: s.tcp, Offset: f.at, Complete: complete || f.n < 0 && over, Tx: f.tx, InTx: f.inTx}
	if v.Facts.Length = uint64(f.n); f.n < 0 {
		v.Facts.Length = there - f.at
	}
	from := f.at
	if f.looked {
		from = f.seen - min(overlapOfFrame, f.seen-f.at)
	}
	for _, p := range x.pieces {
		lo, hi := max(p.at, from), min(p.at+uint64(len(p.b)), there)
		if lo >= hi {
			continue
		}
		v.Pieces = append(v.Pieces, event.FramePiece{At: lo - f.at, B: p.b[lo-p.at : hi-p.at], Open: hi < there || !complete && !(f.n < 0 && over)})
	}
	v.Shown = func() []byte { return x.payload(f.at, there) }
	if o, ok := s.sa.(FrameObject); ok {
		v.Object = o.FrameObject()
	}
	s.x.framePieces = v.Pieces
	f.looked, f.seen = true, there
	c := s.x.context(s, s.p, s.last, packet.Ref{})
	if f.asked && s.x.o.Frames != nil {
		s.x.head = c.Head(event.KindFrame)
		s.x.o.Frames.Frame(flow.Handle{Index: s.index, Dir: d}, &s.x.head, s.p, &v)
	}
	if s.x.o.FrameRecords && !f.recorded {
		f.recorded = true
		e := event.NewFrame(c.Head(event.KindFrame))
		e.App, e.Facts = f.app, v.Facts
		e.Facts.Payload = v.Shown()
		c.Emit(e)
	}
}

// payload are the bytes from at to end as records show them.
func (x *frameSide) payload(at, end uint64) []byte {
	var b []byte
	hole := func(n uint64) {
		b = append(strconv.AppendUint(append(b, '['), n, 10), " bytes missing]"...)
	}
	first := true
	for _, p := range x.pieces {
		lo, hi := max(p.at, at), min(p.at+uint64(len(p.b)), end)
		if lo >= hi {
			continue
		}
		if lo > at && !first {
			hole(lo - at)
		}
		first = false
		b = append(b, p.b[lo-p.at:hi-p.at]...)
		at = hi
		if len(b) >= event.FramePayload {
			return b[:event.FramePayload]
		}
	}
	if at < end && !first {
		hole(end - at)
	}
	return b[:min(len(b), event.FramePayload)]
}

// gapFrames notes bytes that are missing.
func (s *session) gapFrames(d packet.Dir, n uint64) {
	x := &s.frames.sides[d]
	x.end += n
	if len(x.pieces) >= mostPieces {
		if len(x.open) > 0 {
			s.tellSide(d, x)
		}
		s.drop(x, x.end)
	}
}

// trim lets go of what no frame needs any more.
func (s *session) trim(x *frameSide) {
	keep := uint64(keptBack)
	for i := range x.open {
		if f := &x.open[i]; f.whole && x.end-f.at < mostKeptBack {
			keep = max(keep, x.end-f.at)
		}
	}
	if x.end <= keep || uint64(x.kept) <= 2*keep {
		return
	}
	s.drop(x, x.end-keep)
}

// drop lets go of what comes before at.
func (s *session) drop(x *frameSide, at uint64) {
	n := 0
	for i := range x.pieces {
		p := x.pieces[i]
		end := p.at + uint64(len(p.b))
		if end <= at {
			x.kept -= len(p.b)
			s.own(-cap(p.b))
			continue
		}
		if p.at < at {
			x.kept -= int(at - p.at)
			p.b = p.b[at-p.at:]
			if p.at = at; cap(x.pieces[i].b) > 4*len(p.b) { // much came at once
				s.own(len(p.b) - cap(x.pieces[i].b))
				p.b = append(make([]byte, 0, len(p.b)), p.b...)
			} else {
				p.b = append(x.pieces[i].b[:0], p.b...)
			}
		}
		x.pieces[n] = p
		n++
	}
	clear(x.pieces[n:])
	x.pieces = x.pieces[:n]
}

// endFrames says that nothing more comes of a direction.
func (s *session) endFrames(d packet.Dir) {
	if s.frames != nil {
		s.frames.sides[d].over = true
	}
}
