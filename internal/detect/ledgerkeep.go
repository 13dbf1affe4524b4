package detect

import (
	"encoding/gob"
	"errors"
	"io"
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// keptAttempts and keptServices bound what of the ledger outlives a restart: the newest. Of the others their numbers by
// outcome are kept, as of those that the ledger let go itself.
const (
	keptAttempts = 8192
	keptServices = 4096
)

// cutKey finds an attempt whose flow goes on over a restart.
type cutKey struct {
	svcKey
	client event.End
}

// keptService is a service of the ledger as it is written.
type keptService struct {
	Vantage  uint16
	Service  Service
	Trimmed  uint64
	TrimTo   packet.Time
	Counts   [4]uint64
	Attempts []keptAttempt
}

type keptAttempt struct {
	Attempt
	Live bool // its flow had not ended
}

// Save writes the newest attempts, by service: Keeper.
func (l *Ledger) Save(w io.Writer) error {
	// Attempts that began at or after from are kept: as many as there is room for.
	from := packet.Time(-1 << 63)
	if l.total > keptAttempts {
		starts := make([]packet.Time, 0, l.total)
		for _, log := range l.order {
			for _, a := range log.attempts {
				starts = append(starts, a.Start.Time)
			}
		}
		slices.Sort(starts)
		from = starts[len(starts)-keptAttempts]
	}
	logs := l.order
	if len(logs) > keptServices { // those seen last
		logs = slices.Clone(logs)
		newest := func(s *serviceLog) packet.Time {
			if n := len(s.attempts); n > 0 {
				return s.attempts[n-1].Start.Time
			}
			return s.trimTo
		}
		slices.SortStableFunc(logs, func(a, b *serviceLog) int {
			switch x, y := newest(a), newest(b); {
			case x > y:
				return -1
			case x < y:
				return 1
			}
			return 0
		})
		logs = logs[:keptServices]
		slices.SortFunc(logs, func(a, b *serviceLog) int { return a.number - b.number })
	}
	out := make([]keptService, len(logs))
	room := keptAttempts
	for i, log := range logs {
		s := keptService{log.key.vantage, log.key.Service, log.trimmed, log.trimTo, log.counts, nil}
		for _, a := range log.attempts {
			if a.Start.Time < from || room == 0 {
				s.Trimmed++
				s.Counts[a.Outcome]++
				s.TrimTo = max(s.TrimTo, a.Start.Time)
				continue
			}
			room--
			s.Attempts = append(s.Attempts, keptAttempt{*a, a.live})
		}
		out[i] = s
	}
	return gob.NewEncoder(w).Encode(out)
}

var errLedger = errors.New("it is no ledger")

// Load reads what Save wrote, before the first event: Keeper. Frames are those of an earlier run (packet.Earlier).
func (l *Ledger) Load(r io.Reader) (err error) {
	defer func() {
		if err != nil { // as new
			fresh := NewLedger(l.max)
			fresh.followers = l.followers
			*l = *fresh
		}
	}()
	var in []keptService
	if err := gob.NewDecoder(r).Decode(&in); err != nil {
		return err
	}
	for i := range in {
		s := &in[i]
		k := svcKey{s.Vantage, s.Service}
		hash := l.hash(&k)
		if l.find(&k, hash) != nil {
			return errLedger
		}
		if len(l.order) >= l.max || l.total >= l.max {
			l.ServicesDropped++
			continue
		}
		log := &serviceLog{key: k, number: len(l.order), trimmed: s.Trimmed, trimTo: s.TrimTo, counts: s.Counts}
		l.services.put(hash, log.number)
		l.order = append(l.order, log)
		for j := range s.Attempts {
			x := &s.Attempts[j]
			if x.Outcome > OutSilent {
				return errLedger
			}
			if l.total >= l.max {
				log.trimmed++
				log.counts[x.Outcome]++
				log.trimTo = max(log.trimTo, x.Start.Time)
				continue
			}
			a := l.fresh()
			*a = x.Attempt
			a.live, a.held = false, false
			for _, ref := range [...]*packet.Ref{&a.Start, &a.Answer, &a.LastTry, &a.End} {
				if !ref.IsZero() {
					ref.Source = packet.Earlier
				}
			}
			if x.Live {
				if l.cut == nil {
					l.cut = map[cutKey]*Attempt{}
				}
				a.held = true // the map holds it: its room is not for another
				l.cut[cutKey{k, a.Client}] = a
			}
			log.attempts = append(log.attempts, a)
			l.total++
		}
		l.sizes = append(l.sizes, int32(len(log.attempts)))
	}
	return nil
}

// goesOn returns the attempt of an earlier run that a flow without a begin carries on, or nil.
func (l *Ledger) goesOn(f *event.Flow, k *svcKey) *Attempt {
	if !f.Midstream || len(l.cut) == 0 {
		return nil
	}
	h := f.Head()
	c := cutKey{*k, h.Client}
	a := l.cut[c]
	if a == nil {
		return nil
	}
	delete(l.cut, c)
	a.FlowID, a.live = h.FlowID, true
	l.byFlow.put(h.FlowID, a)
	l.lastID, l.last = h.FlowID, a
	return a
}

// keptNames is how the table of names is written, in the order in which they were learned.
type keptNames struct {
	Addrs []packet.Addr
	Names []NameSeen
}

// Save writes the names: Keeper.
func (t *Names) Save(w io.Writer) error {
	var k keptNames
	for i := range t.ring {
		a := t.ring[(t.next+i)%len(t.ring)]
		if n, ok := t.by[a]; ok {
			k.Addrs, k.Names = append(k.Addrs, a), append(k.Names, n)
		}
	}
	return gob.NewEncoder(w).Encode(&k)
}

// Load reads what Save wrote, before the first event: Keeper.
func (t *Names) Load(r io.Reader) error {
	var k keptNames
	if err := gob.NewDecoder(r).Decode(&k); err != nil {
		return err
	}
	if len(k.Addrs) != len(k.Names) {
		return errors.New("it holds no names")
	}
	for i, n := range k.Names {
		if len(n.Name) > event.MaxName {
			continue
		}
		n.Ref.Source = packet.Earlier
		t.learn(event.Name{Addr: k.Addrs[i], Name: n.Name, From: n.From}, n.Ref)
	}
	return nil
}
