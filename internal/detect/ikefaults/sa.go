package ikefaults

import (
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// maxSteps is how many different messages of one IKE SA are kept: the beginning, then the latest.
const maxSteps = 32

// keptBegin is how many of them are the beginning and stay.
const keptBegin = 16

// key names an IKE SA for as long as it lives: its flows change when it moves to port 4500. Addresses belong to it, so
// that nobody else who uses its SPI can speak in it.
type key struct {
	pair
	spi uint64
}

// pair is two gateways, whichever began.
type pair struct {
	vantage uint16
	a, b    packet.Addr
}

func pairOf(v uint16, a, b packet.Addr) pair {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return pair{v, a, b}
}

// step is one message of an IKE SA; one that is sent again stays one step.
type step struct {
	refs       [4]packet.Ref // first transmissions, at most four
	last       packet.Ref    // last of them
	tries      int
	fromInit   bool
	response   bool // version 2
	encrypted  bool
	marked     bool
	fragmented bool
	exchange   uint8
	id         uint32
	length     uint32
	fragment   uint16
	fragments  uint16
	major      uint8
	keGroup    uint16
	keLen      uint16
	notify     ike.Notify // the first error; or none
	ports      [2]uint16  // source, destination
	flow       uint64
}

func (s *step) all() []packet.Ref {
	n := min(s.tries, len(s.refs))
	return s.refs[:n]
}

// sa is one IKE SA, or the attempt to get one.
type sa struct {
	key
	initiator, responder event.End
	major                uint8
	begun                bool // the first message of the initiator was seen
	first, last          packet.Ref
	steps                []*step
	dropped              int // steps in the middle that are not kept
	offered, chosen      []ike.Transform
	offeredRef           packet.Ref
	chosenRef            packet.Ref
	offerCut             bool
	initID, respID       string // aggressive mode: hostile text
	initIDType           uint8
	initNAT, respNAT     ike.NATD
	natRefs              []packet.Ref
	fragI, fragR         bool             // said to support fragmentation by IKE
	icmp                 *event.ICMPError // first error about the initiator's packets
	icmps                int
	answered             packet.Ref // first message of the responder
	listed               bool       // among those to be judged
	forgotten            bool       // for lack of room
	reported             map[string]bool
}

// add takes a message of the SA.
func (s *sa) add(e *ike.Event) {
	h := e.Head()
	s.last = h.Seen
	fromInit := e.Sender().Addr == s.initiator.Addr
	if s.initiator.Addr == s.responder.Addr {
		fromInit = e.Dir == packet.ToServer
	}
	if !fromInit && s.answered.IsZero() {
		s.answered = h.Seen
	}
	if e.Before > 0 {
		for i := len(s.steps) - 1; i >= 0; i-- {
			if x := s.steps[i]; x.refs[0] == e.First {
				if x.tries < len(x.refs) {
					x.refs[x.tries] = h.Seen
				}
				x.tries++
				x.last = h.Seen
				return
			}
		}
	}
	x := &step{last: h.Seen, tries: 1, fromInit: fromInit, response: e.Response(), encrypted: e.Encrypted, marked: e.Marked,
		fragmented: e.Fragmented, exchange: e.Exchange, id: e.MessageID, length: e.Length, fragment: e.Fragment, fragments: e.Fragments,
		major: e.Major, keGroup: e.KEGroup, keLen: e.KELen, ports: [2]uint16{e.Sender().Port, e.Receiver().Port}, flow: h.FlowID}
	x.refs[0] = h.Seen
	for _, n := range e.Notifies[:e.NNotify] {
		if n.Type < 16384 {
			x.notify = n
			break
		}
	}
	if len(s.steps) == maxSteps {
		s.steps = append(s.steps[:keptBegin], s.steps[keptBegin+1:]...)
		s.dropped++
	}
	if s.steps == nil {
		s.steps = make([]*step, 0, 4) // a handshake of version 2
	}
	s.steps = append(s.steps, x)
	s.details(e, fromInit)
}

// details keeps what the clear messages tell.
func (s *sa) details(e *ike.Event, fromInit bool) {
	h := e.Head()
	if len(e.Transforms) > 0 {
		if fromInit {
			s.offered, s.offeredRef = e.Transforms, h.Seen
		} else if s.chosen == nil {
			s.chosen, s.chosenRef = e.Transforms, h.Seen
		}
	}
	if fromInit && s.offered == nil && e.Cut {
		s.offerCut = true
	}
	if e.ID.Type != 0 {
		if fromInit {
			s.initID, s.initIDType = identity(e), e.ID.Type
		} else {
			s.respID = identity(e)
		}
	}
	if _, ok := e.Notified(ike.FragmentationSupported); ok {
		s.fragI, s.fragR = s.fragI || fromInit, s.fragR || !fromInit
	}
	if e.NAT.Seen {
		if fromInit && !s.initNAT.Seen {
			s.initNAT = e.NAT
			s.natRefs = append(s.natRefs, h.Seen)
		} else if !fromInit && !s.respNAT.Seen {
			s.respNAT = e.NAT
			s.natRefs = append(s.natRefs, h.Seen)
		}
	}
}

// identity writes an identity of aggressive mode: names as they are (hostile), addresses as such.
func identity(e *ike.Event) string {
	b := e.Bytes(e.ID.Text)
	switch {
	case e.ID.Type == 1 && len(b) == 4:
		return packet.Addr4(b).String()
	case e.ID.Type == 5 && len(b) == 16:
		var a packet.Addr
		copy(a[:], b)
		return a.String()
	case e.ID.Type == 9:
		return "a certificate's name"
	}
	return event.Visible(string(b))
}

// nat says behind which side a NAT seems to be: what one of them hashed is not what was seen here.
func (s *sa) nat() (initiator, responder bool) {
	initiator = s.initNAT.Seen && !s.initNAT.Source || s.respNAT.Seen && !s.respNAT.Dest
	responder = s.initNAT.Seen && !s.initNAT.Dest || s.respNAT.Seen && !s.respNAT.Source
	return initiator, responder
}

// find returns the last step for which is holds.
func (s *sa) find(is func(*step) bool) *step {
	for i := len(s.steps) - 1; i >= 0; i-- {
		if is(s.steps[i]) {
			return s.steps[i]
		}
	}
	return nil
}

// after returns the first step that came after x for which is holds.
func (s *sa) after(x *step, is func(*step) bool) *step {
	seen := false
	for _, y := range s.steps {
		if seen && is(y) {
			return y
		}
		seen = seen || y == x
	}
	return nil
}
