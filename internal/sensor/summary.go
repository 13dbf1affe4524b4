package sensor

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// summary counts what the report tells of the whole input.
type summary struct {
	flows      uint64
	tcp, udp   uint64
	outputErr  error
	anomalies  map[packet.Anomaly]uint64
	pairsSeen  pairSet
	pairsFull  bool
	maxPairs   int
	talkers    talkers
	retrans    uint64
	retransGap uint64
	zeroTotal  time.Duration
	think      time.Duration
	connect    time.Duration
}

// Talker is one host and what it took part in.
type Talker struct {
	Addr    packet.Addr
	Flows   uint64
	Bytes   uint64
	Packets uint64
}

func (s *summary) outputFailed(err error) {
	if s.outputErr == nil {
		s.outputErr = err
	}
}

func (s *summary) see(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		switch x.What {
		case event.Started:
			s.flows++
			switch x.Head().Proto {
			case packet.ProtoTCP:
				s.tcp++
			case packet.ProtoUDP:
				s.udp++
			}
			s.pair(x.Head())
		case event.Ended:
			s.ended(x)
		}
	case *event.Anomaly:
		if s.anomalies == nil {
			s.anomalies = map[packet.Anomaly]uint64{}
		}
		s.anomalies[x.Code]++
	}
}

// ahead asks for the places of the pairs that es begin (detect.Ahead says why).
func (s *summary) ahead(es []event.Event) {
	for _, e := range es[:min(len(es), detect.AheadLen)] {
		if f, ok := e.(*event.Flow); ok && f.What == event.Started {
			p := pairOf(f.Head())
			s.pairsSeen.ask(&p)
		}
	}
}

func pairOf(h *event.Head) pair {
	p := pair{h.Client.Addr, h.Server.Addr}
	if p.a.Compare(p.b) > 0 {
		p.a, p.b = p.b, p.a
	}
	return p
}

func (s *summary) pair(h *event.Head) {
	p := pairOf(h)
	if s.pairsSeen.len() >= s.maxPairs {
		s.pairsFull = true
		return
	}
	s.pairsSeen.add(&p)
}

func (s *summary) ended(f *event.Flow) {
	h := f.Head()
	for _, a := range [2]*packet.Addr{&h.Client.Addr, &h.Server.Addr} {
		if t := s.talkers.of(a); t != nil {
			t.Flows++
			t.Bytes += f.Sides[0].Bytes + f.Sides[1].Bytes
			t.Packets += f.Sides[0].Packets + f.Sides[1].Packets
		}
	}
	for d := range f.Sides {
		s.retrans += uint64(f.Sides[d].Retrans)
		s.retransGap += uint64(f.Sides[d].RetransGap)
		s.zeroTotal += f.Sides[d].ZeroTotal
	}
	s.think += f.ThinkTotal
	s.connect += f.RTTServer
}
