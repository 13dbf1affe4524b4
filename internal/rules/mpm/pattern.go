package mpm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Pattern is one string to search for.
type Pattern struct {
	ID     uint32 // what a [Hit] names; one ID names one pattern
	Bytes  []byte // 1 to [MaxPattern] bytes, borrowed until Build returns
	NoCase bool   // ASCII letters match in either case
	// The occurrence lies within b[From:To] of the buffer; To 0 is its end. Patterns of the same bytes and case share one
	// entry, whose range is the smallest that holds those of all: a hint that spares work, not a check of the rule's.
	From, To int
}

// MaxPattern is the length of the longest pattern, in bytes.
const MaxPattern = math.MaxUint16

// What [Build] and [BuildNames] refuse.
var (
	ErrLength    = errors.New("a pattern has 1 to 65535 bytes")
	ErrRange     = errors.New("the pattern does not fit between From and To")
	ErrDuplicate = errors.New("the ID names another pattern already")
)

// distinct is a pattern that differs from all others, with the IDs of those that share it.
type distinct struct {
	bytes    []byte // lower case when nocase
	nocase   bool
	from, to int // to is math.MaxInt for the end
	ids      []uint32
}

// unify checks the patterns and folds those that are equal. The result is sorted by bytes, so that it does not depend on
// the order of the patterns.
func unify(patterns []Pattern) ([]distinct, error) {
	all := make([]distinct, 0, len(patterns))
	ids := make([]uint32, 0, len(patterns))
	for _, p := range patterns {
		if len(p.Bytes) == 0 || len(p.Bytes) > MaxPattern {
			return nil, fmt.Errorf("pattern %d: %w, not %d", p.ID, ErrLength, len(p.Bytes))
		}
		if p.To == 0 {
			p.To = math.MaxInt
		}
		if p.From < 0 || p.To < 0 || p.To-p.From < len(p.Bytes) {
			return nil, fmt.Errorf("pattern %d: %w", p.ID, ErrRange)
		}
		d := distinct{bytes: bytes.Clone(p.Bytes), from: p.From, to: p.To, ids: []uint32{p.ID}}
		if p.NoCase && slices.ContainsFunc(d.bytes, isLetter) { // without letters both are the same
			d.nocase = true
			for i, c := range d.bytes {
				d.bytes[i] = lower[c]
			}
		}
		all = append(all, d)
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return nil, fmt.Errorf("pattern %d: %w", ids[i], ErrDuplicate)
		}
	}
	slices.SortFunc(all, func(a, b distinct) int {
		return cmp.Or(bytes.Compare(a.bytes, b.bytes), compareBool(a.nocase, b.nocase), cmp.Compare(a.ids[0], b.ids[0]))
	})
	out := all[:0]
	for _, d := range all {
		if n := len(out); n > 0 && out[n-1].nocase == d.nocase && bytes.Equal(out[n-1].bytes, d.bytes) {
			last := &out[n-1]
			last.from, last.to = min(last.from, d.from), max(last.to, d.to)
			last.ids = append(last.ids, d.ids...)
			continue
		}
		out = append(out, d)
	}
	return out, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// lower is ASCII's lower case of each byte.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if isLetter(t[i]) {
			t[i] |= 0x20
		}
	}
	return t
}()
