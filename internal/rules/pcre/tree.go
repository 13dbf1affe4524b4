package pcre

// nodeOp says what a node of the tree is.
type nodeOp uint8

const (
	nEmpty   nodeOp = iota // matches nothing, everywhere
	nSet                   // one byte of set
	nCat                   // subs one after the other
	nAlt                   // the first of subs that leads to a match
	nRep                   // subs[0] min to max times
	nGroup                 // subs[0], captured as number n
	nAtomic                // subs[0], never entered again from behind
	nLook                  // subs[0] matches (or, neg, does not) ahead of here, or behind
	nBackref               // what group n captured
	nAssert                // a place
	nKeep                  // \K: the match starts here
	nCond                  // subs[1] or subs[2], as group n (or the look-around subs[0]) says
)

type repMode uint8

const (
	greedy repMode = iota
	lazy
	possessive
)

// unlimited is the max of a repeat that has none, and a width without a bound.
const unlimited = -1

type assertKind uint8

const (
	aTextStart   assertKind = iota // \A, and ^ without m
	aLineStart                     // ^ with m
	aTextEnd                       // \z, and $ with E
	aTextEndNL                     // \Z, and $
	aLineEnd                       // $ with m
	aWord                          // \b
	aNotWord                       // \B
	aSearchStart                   // \G
)

type node struct {
	op       nodeOp
	mode     repMode
	kind     assertKind
	neg      bool // of a look-around
	behind   bool
	fold     bool // of a back-reference
	set      set
	min, max int
	n        int
	at       int // offset in the pattern, for errors
	subs     []*node
}

// nullable reports whether the node can match without taking a byte.
func (n *node) nullable() bool { return n.minWidth() == 0 }

// refersTo reports whether the node holds a back-reference to group g or a condition on it.
func (n *node) refersTo(g int) bool {
	if n.n == g && (n.op == nBackref || n.op == nCond) {
		return true
	}
	for _, s := range n.subs {
		if s.refersTo(g) {
			return true
		}
	}
	return false
}

// maxWidthKept bounds widths, so that products of repeats do not overflow.
const maxWidthKept = 1 << 30

func (n *node) minWidth() int {
	switch n.op {
	case nSet:
		return 1
	case nCat:
		w := 0
		for _, s := range n.subs {
			w = min(w+s.minWidth(), maxWidthKept)
		}
		return w
	case nAlt:
		w := n.subs[0].minWidth()
		for _, s := range n.subs[1:] {
			w = min(w, s.minWidth())
		}
		return w
	case nRep:
		return min(n.min*n.subs[0].minWidth(), maxWidthKept)
	case nGroup, nAtomic:
		return n.subs[0].minWidth()
	case nCond:
		return min(n.subs[1].minWidth(), n.subs[2].minWidth())
	}
	return 0
}

func (n *node) maxWidth() int {
	switch n.op {
	case nSet:
		return 1
	case nCat:
		w := 0
		for _, s := range n.subs {
			w = addWidth(w, s.maxWidth())
		}
		return w
	case nAlt:
		return widest(n.subs)
	case nRep:
		w := n.subs[0].maxWidth()
		switch {
		case w == 0 || n.max == 0:
			return 0
		case w == unlimited || n.max == unlimited || n.max*w > maxWidthKept:
			return unlimited
		}
		return n.max * w
	case nGroup, nAtomic:
		return n.subs[0].maxWidth()
	case nCond:
		return widest(n.subs[1:])
	case nBackref:
		return unlimited
	}
	return 0
}

func addWidth(a, b int) int {
	if a == unlimited || b == unlimited || a+b > maxWidthKept {
		return unlimited
	}
	return a + b
}

func widest(subs []*node) int {
	w := 0
	for _, s := range subs {
		m := s.maxWidth()
		if m == unlimited {
			return unlimited
		}
		w = max(w, m)
	}
	return w
}

// anchored reports whether every match begins with \A, so that only the start of the subject need be tried.
func (n *node) anchored() bool {
	switch n.op {
	case nAssert:
		return n.kind == aTextStart
	case nCat:
		for _, s := range n.subs {
			if s.anchored() {
				return true
			}
			if s.op != nAssert && s.op != nEmpty && s.op != nLook {
				return false
			}
		}
		return false
	case nAlt:
		for _, s := range n.subs {
			if !s.anchored() {
				return false
			}
		}
		return true
	case nGroup, nAtomic:
		return n.subs[0].anchored()
	case nRep:
		return n.min > 0 && n.subs[0].anchored()
	}
	return false
}

// leadingDots says where else than at the first place a match of a pattern like .*x has to be tried: nowhere when the dot
// takes every byte, after newlines when it takes all others. What a later start could find, the first found.
func (n *node) leadingDots() leadKind {
	if n.op == nCat && len(n.subs) > 0 {
		n = n.subs[0]
	}
	if n.op != nRep || n.min != 0 || n.max != unlimited || n.subs[0].op != nSet {
		return leadNone
	}
	switch n.subs[0].set {
	case setAny:
		return leadFirst
	case setNotNL:
		return leadLines
	}
	return leadNone
}

type leadKind uint8

const (
	leadNone  leadKind = iota // every place
	leadFirst                 // the first place only
	leadLines                 // the first place and the start of each line
)
