package mpm

import (
	"bytes"
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"
)

// Match says which names a [Name] stands for.
type Match uint8

// The ways to stand for names: what rules say of a host or a domain as a whole.
const (
	Exact  Match = iota // the name itself: content with bsize, or with startswith and endswith
	Below               // every name below it: ".example.com" with endswith
	Domain              // the name itself and every name below it: the same with dotprefix
)

// Name is one name of a [NameSet].
type Name struct {
	ID     uint32 // one ID names one name
	Name   []byte // 1 to 65535 bytes without a dot before, borrowed until BuildNames returns
	Match  Match
	NoCase bool // ASCII letters match in either case
}

// NameSet answers which names of many a given one is, or lies below: one look for each label, however many names there
// are. It is for dns.query, tls.sni and http.host, whose contents name whole names and so need no search. A suffix that
// begins within a label is no case for it. It does not change after it is built; goroutines may share it.
type NameSet struct {
	slots   []uint32 // open addressing: 1 more than an index into names, 0 for none
	shift   uint
	names   []oneName
	ids     []uint32
	lengths [4]uint64 // a bit for each length that some name has, up to 255
	longer  bool      // some name is longer
}

// oneName is a name with the IDs that share it.
type oneName struct {
	hash       uint64
	text       []byte // lower case when nocase
	first, end uint32 // in ids
	match      Match
	nocase     bool
}

// hashByte goes on with the hash of a suffix by the byte before it.
func hashByte(h uint64, c byte) uint64 {
	return (bits.RotateLeft64(h, 5) ^ uint64(lower[c])) * 0x9e3779b97f4a7c15
}

func hashName(b []byte) (h uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		h = hashByte(h, b[i])
	}
	return h
}

// BuildNames makes a NameSet. The names may come in any order.
func BuildNames(names []Name) (*NameSet, error) {
	type item struct {
		oneName
		id uint32
	}
	items := make([]item, 0, len(names))
	ids := make(map[uint32]bool, len(names))
	for _, n := range names {
		if len(n.Name) == 0 || len(n.Name) > MaxPattern {
			return nil, fmt.Errorf("name %d: %w, not %d", n.ID, ErrLength, len(n.Name))
		}
		if ids[n.ID] {
			return nil, fmt.Errorf("name %d: %w", n.ID, ErrDuplicate)
		}
		ids[n.ID] = true
		it := item{oneName{text: bytes.Clone(n.Name), match: n.Match}, n.ID}
		if n.NoCase && slices.ContainsFunc(it.text, isLetter) {
			it.nocase = true
			for i, c := range it.text {
				it.text[i] = lower[c]
			}
		}
		it.hash = hashName(it.text)
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(bytes.Compare(a.text, b.text), cmp.Compare(a.match, b.match), compareBool(a.nocase, b.nocase), cmp.Compare(a.id, b.id))
	})
	s := new(NameSet)
	for i, it := range items {
		if i > 0 {
			if p := items[i-1]; bytes.Equal(p.text, it.text) && p.match == it.match && p.nocase == it.nocase {
				s.ids = append(s.ids, it.id)
				s.names[len(s.names)-1].end++
				continue
			}
		}
		it.first = uint32(len(s.ids))
		it.end = it.first + 1
		s.ids = append(s.ids, it.id)
		s.names = append(s.names, it.oneName)
		if n := len(it.text); n < 256 {
			s.lengths[n>>6] |= 1 << (n & 63)
		} else {
			s.longer = true
		}
	}
	s.fill()
	return s, nil
}

// fill makes the table, twice to four times as large as the names need.
func (s *NameSet) fill() {
	n := bits.Len(uint(len(s.names))) + 1
	s.slots, s.shift = make([]uint32, 1<<n), uint(64-n)
	for i, name := range s.names {
		at := name.hash >> s.shift
		for s.slots[at] != 0 {
			at = (at + 1) & uint64(len(s.slots)-1)
		}
		s.slots[at] = uint32(i + 1)
	}
}

// Len is the number of names that differ.
func (s *NameSet) Len() int { return len(s.names) }

// Bytes is the memory that the set takes, without what the allocator rounds up.
func (s *NameSet) Bytes() int {
	n := int(unsafe.Sizeof(*s)) + 4*len(s.slots) + 4*len(s.ids)
	for _, name := range s.names {
		n += int(unsafe.Sizeof(name)) + len(name.text)
	}
	return n
}

// Lookup appends to dst the IDs of the names that stand for name, by rising ID. It allocates only when dst is full.
func (s *NameSet) Lookup(dst []uint32, name []byte) []uint32 {
	if len(s.names) == 0 || len(name) == 0 {
		return dst
	}
	start := len(dst)
	h := uint64(0)
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' && s.has(len(name)-1-i) {
			dst = s.look(dst, h, name[i+1:], false)
		}
		h = hashByte(h, name[i])
	}
	if s.has(len(name)) {
		dst = s.look(dst, h, name, true)
	}
	slices.Sort(dst[start:])
	return dst
}

// has reports whether some name may be of that length.
func (s *NameSet) has(n int) bool {
	if n < 256 {
		return s.lengths[n>>6]&(1<<(n&63)) != 0
	}
	return s.longer
}

// look appends the IDs of what is named text: the whole name, or what a label stands before.
func (s *NameSet) look(dst []uint32, h uint64, text []byte, whole bool) []uint32 {
	for at := h >> s.shift; s.slots[at] != 0; at = (at + 1) & uint64(len(s.slots)-1) {
		n := &s.names[s.slots[at]-1]
		if n.hash != h || whole && n.match == Below || !whole && n.match == Exact || !n.is(text) {
			continue
		}
		dst = append(dst, s.ids[n.first:n.end]...)
	}
	return dst
}

// is compares without regard to case where the name does.
func (n *oneName) is(text []byte) bool {
	if !n.nocase {
		return bytes.Equal(n.text, text)
	}
	if len(n.text) != len(text) {
		return false
	}
	for i, c := range text {
		if lower[c] != n.text[i] {
			return false
		}
	}
	return true
}
