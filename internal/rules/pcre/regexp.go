package pcre

import (
	"math"
	"strings"
)

// Regexp is a compiled pattern. It does not change, so that any number of goroutines may use it, each with its own
// Scratch.
type Regexp struct {
	prog     *program
	auto     *nfa // nil where it would be too large
	groups   int
	names    []string
	literals []Literal
	finder   *finder // the literal to look for first, or nil
	anchor   anchor
	lead     leadKind
	minLen   int
}

type anchor uint8

const (
	anchorNone  anchor = iota
	anchorText         // matches begin at the start of the subject
	anchorStart        // matches begin where the search does
)

// Compile reads a pattern, the bytes between the slashes of a rule's pcre. The error is an *Error.
func Compile(pattern string, flags Flags) (*Regexp, error) {
	pattern = strings.Clone(pattern) // names of groups are parts of it: they would hold the file it stood in
	p, tree, err := parse(pattern, flags)
	if err != nil {
		return nil, err
	}
	r := &Regexp{prog: emitProgram(tree, p.groups), auto: emitNFA(tree), groups: p.groups, literals: requiredLiterals(tree),
		lead: tree.leadingDots(), minLen: tree.minWidth(), names: make([]string, p.groups+1)}
	for name, g := range p.names {
		r.names[g] = name
	}
	switch {
	case flags&Anchored != 0:
		r.anchor = anchorStart
	case tree.anchored():
		r.anchor = anchorText
	}
	if len(r.literals) > 0 {
		r.finder = newFinder(r.literals[0])
	}
	return r, nil
}

// Groups returns the number of capturing groups.
func (r *Regexp) Groups() int { return r.groups }

// Names returns the name of each group by its number, "" where it has none; index 0 is the whole match. Do not change it.
func (r *Regexp) Names() []string { return r.names }

// Literals returns texts that every match contains, the most telling first; none where the pattern requires none. Do not
// change them.
func (r *Regexp) Literals() []Literal { return r.literals }

// Regular reports whether the answer is found in time proportional to the subject, so that MatchOnly never exceeds the
// limit of steps. It is false for look-around, back-references, possessive repeats, atomic groups, conditions, \G and
// counts above 128.
func (r *Regexp) Regular() bool { return r.auto != nil && r.auto.exact }

// Size returns about how many bytes the compiled pattern holds.
func (r *Regexp) Size() int {
	n := 320 + 36*len(r.prog.insts) + 32*len(r.prog.sets)
	for _, t := range r.prog.texts {
		n += 16 + len(t)
	}
	if r.auto != nil {
		n += 480 + 6*len(r.auto.insts) + 32*len(r.auto.sets) + len(r.auto.rep)
	}
	for _, l := range r.literals {
		n += 48 + len(l.Bytes)
	}
	return n
}

// Result says how a search ended.
type Result uint8

// How a search ends. Exceeded means that it is not known whether there is a match, and is counted in Stats.
const (
	NoMatch  Result = iota
	Matched         // a match was found
	Exceeded        // the limit of steps or of memory was reached
)

// Loc is where a match lies: bytes Start up to End, without End. With \K in a pattern Start may be later than where the
// look for the match began.
type Loc struct{ Start, End int }

// MatchOnly says whether a match begins in b at from or later. It is faster than Match, as no positions are worked out.
//
// from is an offset in b, with look-behind, \b and ^ seeing what stands before it; \A and ^ hold only at the start of b.
// For a match relative to an earlier one as Suricata's flag R means it, give what is left of b instead, and from 0. b is
// not kept.
func (r *Regexp) MatchOnly(s *Scratch, b []byte, from int) Result {
	return s.counted(r.search(s, b, from, false))
}

// Match returns the leftmost match that begins at from or later, of those with the same start the one Perl prefers. The
// next one to try, where a rule goes on after a failed relative content, begins at from = Start+1.
func (r *Regexp) Match(s *Scratch, b []byte, from int) (Loc, Result) {
	res := s.counted(r.search(s, b, from, true))
	if res != Matched {
		return Loc{}, res
	}
	return Loc{int(s.found[0]), int(s.found[1])}, Matched
}

// Submatch finds what Match finds and appends to dst the start and end of the match and of each group, -1 for a group
// that took no part.
func (r *Regexp) Submatch(s *Scratch, b []byte, from int, dst []int) ([]int, Result) {
	res := s.counted(r.search(s, b, from, true))
	if res != Matched {
		return dst, res
	}
	for g := 0; g <= r.groups; g++ {
		lo, hi := s.found[2*g], s.found[2*g+1]
		if g > 0 && (lo < 0 || hi < 0) {
			lo, hi = -1, -1
		}
		dst = append(dst, int(lo), int(hi))
	}
	return dst, Matched
}

// search leaves the slots of a match in s.found if they are wanted.
func (r *Regexp) search(s *Scratch, b []byte, from int, located bool) Result {
	if from < 0 || from > len(b) || len(b)-from < r.minLen || r.anchor == anchorText && from > 0 {
		return NoMatch
	}
	if len(b) > math.MaxInt32-1 {
		return Exceeded
	}
	start, literal := r.prefilter(b, from)
	if start < 0 {
		return NoMatch
	}
	if r.auto != nil {
		if !s.dfa(r).match(b, start) {
			return NoMatch
		}
		if r.auto.exact && !located {
			return Matched
		}
	}
	res := r.backtrack(s, b, from, start, literal)
	if res == Exceeded && r.Regular() && !r.auto.loopy {
		if !s.pike.run(r.auto, b, from, start, 2*(r.groups+1), r.anchor != anchorNone) {
			return NoMatch
		}
		s.found = s.pike.best
		return Matched
	}
	return res
}

// prefilter looks for the literal. It returns the first place where a match can begin, -1 for none, and where the literal
// stands.
func (r *Regexp) prefilter(b []byte, from int) (start, literal int) {
	f := r.finder
	switch {
	case f == nil:
		return from, 0
	case r.anchor != anchorNone && f.MinOffset == f.MaxOffset:
		if !f.at(b, from+f.MinOffset) {
			return -1, 0
		}
		return from, 0
	}
	p := f.find(b, from+f.MinOffset)
	switch {
	case p < 0:
		return -1, 0
	case r.anchor != anchorNone || f.MaxOffset == unlimited:
		return from, p
	}
	return max(from, p-f.MaxOffset), p
}

// backtrack tries one place after the other, leaving out those where the first byte or the literal does not fit.
func (r *Regexp) backtrack(s *Scratch, b []byte, from, start, literal int) Result {
	t := &s.back
	t.reset(r.prog.slots)
	t.steps, t.maxStack = s.limits.Steps, s.limits.Stack
	byFirst := r.auto != nil && !r.auto.empty
	for at := start; at <= len(b)-r.minLen; at++ {
		if byFirst && (at == len(b) || !r.auto.first.has(b[at])) {
			if r.anchor != anchorNone {
				return NoMatch
			}
			continue
		}
		if f := r.finder; f != nil && r.anchor == anchorNone && literal < at+f.MinOffset {
			if literal = f.find(b, at+f.MinOffset); literal < 0 {
				return NoMatch
			}
			if f.MaxOffset != unlimited && literal-f.MaxOffset > at {
				at = literal - f.MaxOffset - 1
				continue
			}
		}
		switch t.attempt(r.prog, b, from, at) {
		case matched:
			s.found = t.slots
			return Matched
		case exceeded:
			return Exceeded
		}
		switch {
		case r.anchor != anchorNone || r.lead == leadFirst:
			return NoMatch
		case r.lead == leadLines:
			for at < len(b) && b[at] != '\n' {
				at++
			}
		}
	}
	return NoMatch
}
