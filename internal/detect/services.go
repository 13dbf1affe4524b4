package detect

import (
	"slices"
	"time"

	"firestorm/internal/packet"
)

// ServiceSummary is one service's record, for the report.
type ServiceSummary struct {
	Service
	Vantage                              uint16
	Attempts                             int
	Answered, Refused, Silent, Undecided int
	Clients                              int
	ConnectMedian, ConnectMax            time.Duration // from the request that was answered
	Again                                int           // answered connections of TCP that were asked for more than once
	AgainMax                             time.Duration // the longest of them took, from the first request to the answer
	Exchanges                            uint64
	ThinkMean, ThinkMax                  time.Duration
	SlowestAt                            packet.Ref
	Bytes                                uint64
}

// Services summarises every service, busiest first.
func (l *Ledger) Services() []ServiceSummary {
	all := make([]ServiceSummary, len(l.order))
	rank := make([]*ServiceSummary, len(l.order)) // sorted in place of the summaries, which are long (2026-11-28)
	var connects []time.Duration
	for i, log := range l.order {
		rank[i] = &all[i]
		connects = log.summary(rank[i], connects[:0])
	}
	slices.SortFunc(rank, (*ServiceSummary).compare)
	out := make([]ServiceSummary, len(rank))
	for i, s := range rank {
		out[i] = *s
	}
	return out
}

// compare puts the busier service first; no two are equal.
func (s *ServiceSummary) compare(o *ServiceSummary) int {
	if s.Attempts != o.Attempts {
		return o.Attempts - s.Attempts
	}
	if c := s.Addr.Compare(o.Addr); c != 0 {
		return c
	}
	if s.Port != o.Port {
		return int(s.Port) - int(o.Port)
	}
	if s.Proto != o.Proto {
		return int(s.Proto) - int(o.Proto)
	}
	return int(s.Vantage) - int(o.Vantage)
}

// summary fills s; connects is room for its times, which is returned for the next.
func (log *serviceLog) summary(s *ServiceSummary, connects []time.Duration) []time.Duration {
	s.Service, s.Vantage = log.key.Service, log.key.vantage
	s.Undecided, s.Answered, s.Refused, s.Silent = int(log.counts[0]), int(log.counts[1]), int(log.counts[2]), int(log.counts[3])
	var think time.Duration
	for _, a := range log.attempts {
		switch a.Outcome {
		case OutAnswered:
			s.Answered++
			if a.Service.Proto == packet.ProtoTCP && a.Tries > 1 && !a.Midstream {
				s.Again++
				s.AgainMax = max(s.AgainMax, a.Answer.Time.Sub(a.Start.Time))
			}
		case OutRefused:
			s.Refused++
		case OutSilent:
			s.Silent++
		default:
			s.Undecided++
		}
		if a.Connect > 0 {
			connects = append(connects, a.Connect)
		}
		s.Exchanges += uint64(a.Exchanges)
		think += a.ThinkTotal
		if a.Think > s.ThinkMax {
			s.ThinkMax, s.SlowestAt = a.Think, a.Start
		}
		s.Bytes += a.Bytes[0] + a.Bytes[1]
	}
	s.Attempts = s.Answered + s.Refused + s.Silent + s.Undecided
	s.Clients = clients(log.attempts)
	if s.Exchanges > 0 {
		s.ThinkMean = think / time.Duration(s.Exchanges)
	}
	if len(connects) > 0 {
		slices.Sort(connects)
		s.ConnectMedian, s.ConnectMax = connects[len(connects)/2], connects[len(connects)-1]
	}
	return connects
}

// clients counts the addresses that made the attempts. For the few attempts of most services comparing them all costs less
// than a map (2026-11-28).
func clients(as []*Attempt) (n int) {
	if len(as) > 32 {
		seen := map[packet.Addr]struct{}{}
		for _, a := range as {
			seen[a.Client.Addr] = struct{}{}
		}
		return len(seen)
	}
next:
	for i, a := range as {
		for _, b := range as[:i] {
			if a.Client.Addr == b.Client.Addr {
				continue next
			}
		}
		n++
	}
	return n
}
