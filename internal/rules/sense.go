package rules

import "fmt"

// senseless finds what can never hold in a rule: contents that take more bytes than the rule's sizes allow, and numbers that
// the payload was to give for a buffer, or a buffer for the payload: they are looked at apart.
func (s *sig) senseless(vars []string) (option string, err error) {
	lists := [][]check{s.payload}
	gives := uint32(0) // variables that buffers set
	for i := range s.parts {
		lists = append(lists, s.parts[i].checks)
		for k := range s.parts[i].checks {
			if c := &s.parts[i].checks[k]; c.kind == isByteExtract || c.kind == isByteMath {
				gives |= 1 << c.bytes.result
			}
		}
	}
	for i, cs := range lists {
		need := required(cs)
		for k := range cs {
			if c := &cs[k]; c.kind == isSize && !c.neg && !c.size.not && c.size.hi < need {
				return "bsize", fmt.Errorf("the contents of the buffer take at least %d bytes, it has at most %d: the rule can never match", need, c.size.hi)
			}
		}
		for _, r := range s.sizes {
			if i == 0 && !r.not && r.hi < need {
				return "dsize", fmt.Errorf("the contents take at least %d bytes, the payload has at most %d: the rule can never match", need, r.hi)
			}
		}
		have := gives
		if i == 0 {
			have = 0
		}
		if v := foreign(cs, have); v > 0 {
			return "", fmt.Errorf("the variable %s is not set where it is asked for: the payload and buffers are looked at apart", vars[v-1])
		}
	}
	return "", nil
}

// required is how many bytes a buffer has at least in which the contents lie as they are asked for. What is not known in
// advance counts as nothing.
func required(cs []check) (most uint64) {
	end := int64(0) // of the last match, at least
	for i := range cs {
		c := &cs[i]
		if c.kind != isContent {
			if c.kind != isDataAt && c.kind != isSize && c.kind != isByteTest && c.kind != isTest {
				end = 0 // it may go on from anywhere
			}
			continue
		}
		if c.neg {
			continue
		}
		from := int64(0)
		switch {
		case c.relative && c.distance.v == 0:
			from = max(end+c.distance.n, 0)
		case !c.relative && c.offset.v == 0:
			from = max(c.offset.n, 0)
		}
		end = from + int64(len(c.pattern))
		most = max(most, uint64(end))
	}
	return most
}

// foreign is the variable, counted from 1, that cs ask for and do not set before; 0: there is none. set are those that are.
func foreign(cs []check, set uint32) int8 {
	asks := func(list ...number) int8 {
		for _, n := range list {
			if n.v > 0 && set>>(n.v-1)&1 == 0 {
				return n.v
			}
		}
		return 0
	}
	for i := range cs {
		c := &cs[i]
		if v := asks(c.offset, c.depth, c.distance, c.within, c.isDataAt); v > 0 {
			return v
		}
		if o := c.bytes; o != nil {
			if v := asks(o.count, o.offset, o.value); v > 0 {
				return v
			}
			if c.kind == isByteExtract || c.kind == isByteMath {
				set |= 1 << o.result
			}
		}
		if v := foreign(c.inner, set); v > 0 {
			return v
		}
	}
	return 0
}
