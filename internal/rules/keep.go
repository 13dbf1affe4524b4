package rules

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"errors"
	"io"
	"maps"
	"slices"
	"sort"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What rules remember over a restart is all that is wider than a connection: counts of thresholds, bits of hosts and of pairs
// of hosts, and lists that rules change. It is written with names and numbers of rules, since another set of rules may read it:
// what that does not know is left out. Bits and numbers of a connection end with it, as they do when a run ends.

// keptLimits is what a Limiter remembers.
type keptLimits struct {
	Now    packet.Time
	Counts []keptCount
	Bits   []keptBit
	Sets   []keptSet
}

type keptCount struct {
	GID, SID    uint32
	Kind        uint8
	A, B        packet.Addr
	From, Until packet.Time
	N, Next     uint64
	Acts        packet.Time
	Ports       []uint16
}

type keptBit struct {
	Name  string
	A, B  packet.Addr
	Until packet.Time
}

type keptSet struct {
	Name           string
	Added, Removed []string
}

// Save writes what the limiter remembers: detect.Keeper.
func (l *Limiter) Save(w io.Writer) error {
	k := keptLimits{Now: l.now, Bits: l.lates.bits.kept(l.set.hostBits, max(l.now, l.lates.bits.now))}
	for key, c := range l.counts {
		if c.until < l.now || key.flow != 0 { // over, or of a connection
			continue
		}
		k.Counts = append(k.Counts, keptCount{key.rule.GID, key.rule.SID, key.kind, key.a, key.b, c.from, c.until, c.n, c.next, c.acts, slices.Sorted(maps.Keys(c.seen))})
	}
	sort.Slice(k.Counts, func(i, j int) bool {
		x, y := &k.Counts[i], &k.Counts[j]
		return cmp.Or(cmp.Compare(x.GID, y.GID), cmp.Compare(x.SID, y.SID), cmp.Compare(x.Kind, y.Kind), x.A.Compare(y.A), x.B.Compare(y.B)) < 0
	})
	for d, c := range l.lates.sets {
		k.Sets = append(k.Sets, keptSet{d.name, slices.Sorted(maps.Keys(c.added)), slices.Sorted(maps.Keys(c.removed))})
	}
	sort.Slice(k.Sets, func(i, j int) bool {
		x, y := &k.Sets[i], &k.Sets[j]
		return x.Name < y.Name
	})
	return gob.NewEncoder(w).Encode(&k)
}

// Load reads what Save wrote, before the first alert: detect.Keeper.
func (l *Limiter) Load(r io.Reader) error {
	var k keptLimits
	if err := gob.NewDecoder(r).Decode(&k); err != nil {
		return err
	}
	l.now = k.Now
	type number struct{ gid, sid uint32 }
	of := map[number]*event.RuleInfo{}
	for info := range l.of {
		of[number{info.GID, info.SID}] = info
	}
	for _, c := range k.Counts[:min(len(k.Counts), mostCounts)] {
		info := of[number{c.GID, c.SID}]
		if info == nil {
			continue
		}
		x := &count{from: c.From, until: c.Until, n: c.N, next: c.Next, acts: c.Acts}
		for _, p := range c.Ports {
			if x.seen == nil {
				x.seen = map[uint16]struct{}{}
			}
			x.seen[p] = struct{}{}
		}
		l.counts[countKey{rule: info, kind: c.Kind, a: c.A, b: c.B}] = x
	}
	l.lates.bits.take(l.set.hostBits, k.Bits)
	sets := map[string]*dataset{}
	for _, g := range l.lates.of {
		for i := range g.late {
			if o := g.late[i].set; o != nil {
				sets[o.set.name] = o.set
			}
		}
	}
	for _, s := range k.Sets {
		d := sets[s.Name]
		if d == nil {
			continue
		}
		c := &changedSet{added: map[string]bool{}, removed: map[string]bool{}, used: d.used}
		for _, v := range s.Added {
			if size := cost(len(d.has)+len(c.added), v, entry{}); !hasEntry(d, v) && c.used+size <= d.memcap {
				c.added[v] = true
				c.used += size
			}
		}
		for _, v := range s.Removed {
			if hasEntry(d, v) {
				c.removed[v] = true
				c.used -= cost(len(d.has)+len(c.added)-len(c.removed), v, entry{})
			}
		}
		l.lates.sets[d] = c
	}
	return nil
}

// kept lists the bits that hold at now, in order.
func (t *bitTable) kept(names []string, now packet.Time) (out []keptBit) {
	for k, until := range t.until {
		if until > now {
			out = append(out, keptBit{names[k.name], k.a, k.b, until})
		}
	}
	sort.Slice(out, func(i, j int) bool {
		x, y := &out[i], &out[j]
		return cmp.Or(cmp.Compare(x.Name, y.Name), x.A.Compare(y.A), x.B.Compare(y.B)) < 0
	})
	return out
}

// take sets bits that kept listed, of those that the rules have now.
func (t *bitTable) take(names []string, bits []keptBit) {
	number := make(map[string]int, len(names))
	for i, n := range names {
		number[n] = i
	}
	for _, b := range bits[:min(len(bits), mostHostBits)] {
		if n, ok := number[b.Name]; ok {
			if t.until == nil {
				t.until = map[bitKey]packet.Time{}
			}
			t.until[bitKey{b.A, b.B, n}] = b.Until
		}
	}
}

// AppendPairs appends the bits of pairs of hosts for LoadPairs to dst; nothing when there are none.
func (e *Engine) AppendPairs(dst []byte) []byte {
	if len(e.pairs.until) == 0 {
		return dst
	}
	var b bytes.Buffer
	if gob.NewEncoder(&b).Encode(e.pairs.kept(e.set.hostBits, e.pairs.now)) != nil {
		return dst // of types that gob knows: it does not happen
	}
	return append(dst, b.Bytes()...)
}

var errPairs = errors.New("it holds no bits of rules")

// LoadPairs takes what AppendPairs wrote, before the first packet.
func (e *Engine) LoadPairs(b []byte) error {
	var bits []keptBit
	if gob.NewDecoder(bytes.NewReader(b)).Decode(&bits) != nil {
		return errPairs
	}
	e.pairs.take(e.set.hostBits, bits)
	return nil
}
