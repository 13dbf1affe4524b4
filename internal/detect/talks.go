package detect

import (
	"slices"

	"firestorm/internal/packet"
)

// Talk is what went between a client and a server, as far as the ledger remembers their attempts.
type Talk struct {
	Client, Server packet.Addr
	Attempts       int
	Bytes          uint64 // both ways
	// Services are the first ones that the client asked for, Asked of them at most: the array is all that is kept.
	Services [4]Service
	Asked    int
}

// Talks returns the n pairs of hosts that moved most bytes, busiest first; of equal ones that first which is first in
// order of service and start. Of all pairs only those that lead are kept in order (2026-11-28: sorting them all took 3 %
// of a run).
func (l *Ledger) Talks(n int) []Talk {
	var all []talk
	at := newIndex()
	for _, log := range l.order {
		for _, a := range log.attempts {
			t := talkOf(&at, &all, a)
			t.attempts++
			t.bytes += a.Bytes[0] + a.Bytes[1]
		}
	}
	lead := Leading(n, len(all), func(i, j int) bool { return all[i].bytes > all[j].bytes })
	out := make([]Talk, len(lead))
	for i, k := range lead {
		t := &all[k]
		out[i] = Talk{Client: t.first.Client.Addr, Server: t.first.Service.Addr, Attempts: int(t.attempts), Bytes: t.bytes}
	}
	l.asked(out)
	return out
}

// talk is a pair of hosts while they are summed up.
type talk struct {
	first    *Attempt
	attempts uint32
	bytes    uint64
}

// talkOf finds the pair of hosts of a, or adds it.
func talkOf(at *index, all *[]talk, a *Attempt) *talk {
	h := at.hash(&a.Client.Addr, at.wide(&a.Service.Addr))
	for i := h; ; i++ {
		s := at.slots[i&uint32(len(at.slots)-1)]
		if s.at == 0 {
			break
		}
		if t := &(*all)[s.at-1]; s.hash == h && t.first.Client.Addr == a.Client.Addr && t.first.Service.Addr == a.Service.Addr {
			return t
		}
	}
	at.put(h, len(*all))
	*all = append(*all, talk{first: a})
	return &(*all)[len(*all)-1]
}

// asked fills in which services the clients of ts asked for.
func (l *Ledger) asked(ts []Talk) {
	for _, log := range l.order {
		for i := range ts {
			t := &ts[i]
			if t.Server != log.key.Addr || t.Asked == len(t.Services) || slices.Contains(t.Services[:t.Asked], log.key.Service) {
				continue
			}
			if slices.ContainsFunc(log.attempts, func(a *Attempt) bool { return a.Client.Addr == t.Client }) {
				t.Services[t.Asked] = log.key.Service
				t.Asked++
			}
		}
	}
}

// Leading returns those n of the numbers below total that come first by less, the smaller of equal ones before the
// larger.
func Leading(n, total int, less func(i, j int) bool) []int {
	lead := make([]int, 0, n+1)
	for i := range total {
		if len(lead) == n && (n == 0 || !less(i, lead[n-1])) {
			continue
		}
		k := len(lead)
		for ; k > 0 && less(i, lead[k-1]); k-- {
		}
		lead = slices.Insert(lead, k, i)
		lead = lead[:min(len(lead), n)]
	}
	return lead
}
