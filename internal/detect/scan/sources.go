package scan

import (
	"unsafe"

	"firestorm/internal/detect"
	"firestorm/internal/prefetch"
)

// sources is a table of sources. Where each client comes with an address of its own, two events of three begin a source: a map,
// and a source, two sets and a list made anew for each, were half of what the detector took. So they lie in chunks, and
// the room of those that were forgotten is used again (2026-11-30).
type sources struct {
	index  detect.Index
	chunks [][]source // by number, sourcesInChunk each (detect.ByService says why no arrays)
	n      int        // numbers given out
	free   []*source  // those of them that were forgotten
}

const sourcesInChunk = 32

func newSources() sources { return sources{index: detect.NewIndex()} }

// count is how many sources there are.
func (t *sources) count() int { return t.index.Len() }

func (t *sources) hash(k *srcKey) uint32 {
	rest := uint64(k.vantage) << 1
	if k.net {
		rest |= 1
	}
	return t.index.Hash(&k.addr, rest)
}

// find returns the source with a key, nil for none.
func (t *sources) find(k *srcKey) *source { return t.at(k, t.hash(k)) }

func (t *sources) at(k *srcKey, hash uint32) *source {
	for p := detect.At(hash); ; {
		n := t.index.Next(&p)
		if n < 0 {
			return nil
		}
		if s := &t.chunks[n/sourcesInChunk][n%sourcesInChunk]; s.srcKey == *k {
			return s
		}
	}
}

// add makes a source with a key that has none.
func (t *sources) add(k *srcKey, hash uint32) *source {
	var s *source
	if last := len(t.free) - 1; last >= 0 {
		s = t.free[last]
		t.free = t.free[:last]
		*s = source{number: s.number, early: s.early}
	} else {
		if t.n%sourcesInChunk == 0 {
			t.chunks = append(t.chunks, make([]source, sourcesInChunk))
		}
		s = &t.chunks[t.n/sourcesInChunk][t.n%sourcesInChunk]
		s.number = int32(t.n)
		t.n++
	}
	s.srcKey = *k
	t.index.Put(hash, int(s.number))
	return s
}

// ask asks for what an event of a source will need, whose place in the index was asked for: for what is known of it, or for the
// place that it will get, which is the nth of those that are free.
func (t *sources) ask(step int, hash uint32, free int) (new bool) {
	p := detect.At(hash)
	n := t.index.Next(&p)
	if n < 0 {
		if at := len(t.free) - 1 - free; at >= 0 {
			t.free[at].ask(step)
		}
		return true
	}
	t.chunks[n/sourcesInChunk][n%sourcesInChunk].ask(step)
	return false
}

// ask asks for what most sources need.
func (s *source) ask(step int) {
	if step == 1 {
		prefetch.Lines(unsafe.Pointer(s), unsafe.Offsetof(s.ftp))
	} else if s.early != nil && s.earlyN < mostEarly {
		prefetch.Lines(unsafe.Pointer(&s.early[s.earlyN]), unsafe.Sizeof(s.early[0]))
	}
}

// drop forgets a source. Its place is another's from the next add on.
func (t *sources) drop(s *source) {
	t.index.Drop(t.hash(&s.srcKey), int(s.number))
	s.forgotten = true
	t.free = append(t.free, s)
}
