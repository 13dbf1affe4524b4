package pcre

// Limits bound what one search, and one scratch memory, may take.
type Limits struct {
	// Steps is how often a search by backtracking may choose or go back, over all places it tries. Suricata allows 3500 at
	// each place; this is one sum, so that a long subject costs no more than a short one.
	Steps int
	// Stack is how many choices, and changes to undo, may be open at once. Suricata's limit of recursion is 1500.
	Stack int
	// Memory is how many bytes all automata of a scratch memory may hold before they are forgotten.
	Memory int
}

// DefaultLimits are for a worker with thousands of patterns: a search by backtracking ends within about a millisecond.
var DefaultLimits = Limits{Steps: 100_000, Stack: 16_384, Memory: 16 << 20}

// Stats counts what a scratch memory went through. They may depend on what was searched before; results never do.
type Stats struct {
	Exceeded uint64 // searches that ended at a limit
	Resets   uint64 // times that the states of one automaton were forgotten, as they were too many
	Retired  uint64 // automata that are worked out anew at every byte, as remembering did not pay
	Dropped  uint64 // times that all automata were forgotten, as together they held too much
}

// Scratch is the memory of searches. It serves any number of patterns, and one goroutine.
type Scratch struct {
	limits Limits
	stats  Stats
	back   backtracker
	pike   pike
	work   closure
	dfas   map[*Regexp]*dfa
	held   int     // bytes in dfas
	last   *dfa    // whose size may have changed since
	lastIn int     // its size as counted in held
	found  []int32 // slots of the last match
}

// NewScratch returns an empty memory. Limits that are zero are the default's.
func NewScratch(l Limits) *Scratch {
	if l.Steps <= 0 {
		l.Steps = DefaultLimits.Steps
	}
	if l.Stack <= 0 {
		l.Stack = DefaultLimits.Stack
	}
	if l.Memory <= 0 {
		l.Memory = DefaultLimits.Memory
	}
	return &Scratch{limits: l, dfas: map[*Regexp]*dfa{}}
}

// Stats returns the counters.
func (s *Scratch) Stats() Stats {
	s.settle()
	return s.stats
}

func (s *Scratch) counted(r Result) Result {
	if r == Exceeded {
		s.stats.Exceeded++
	}
	return r
}

// dfa returns the automaton of r, having settled what the one used before has grown by.
func (s *Scratch) dfa(r *Regexp) *dfa {
	s.settle()
	if s.held > s.limits.Memory {
		clear(s.dfas)
		s.held = 0
		s.stats.Dropped++
	}
	d := s.dfas[r]
	if d == nil {
		d = newDFA(r.auto, r.anchor == anchorNone, &s.work)
		s.dfas[r] = d
		s.held += d.size()
	}
	s.last, s.lastIn = d, d.size()
	return d
}

// settle counts what the last search did to its automaton.
func (s *Scratch) settle() {
	d := s.last
	if d == nil {
		return
	}
	s.last = nil
	s.held += d.size() - s.lastIn
	s.stats.Resets += d.resets
	d.resets = 0
	if d.retired && !d.reported {
		d.reported = true
		s.stats.Retired++
	}
}
