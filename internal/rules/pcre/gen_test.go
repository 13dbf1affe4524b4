package pcre

import (
	"math/rand"
)

// generator makes subjects that a tree matches, but for look-around and borders of words.
type generator struct {
	rng  *rand.Rand
	out  []byte
	caps map[int][2]int
}

// matching returns a text made after the tree.
func matching(tree *node, rng *rand.Rand) string {
	g := &generator{rng: rng, caps: map[int][2]int{}}
	g.put(tree)
	return string(g.out)
}

const mostGenerated = 6000

func (g *generator) put(n *node) {
	if len(g.out) > mostGenerated {
		return
	}
	switch n.op {
	case nSet:
		g.out = append(g.out, g.pick(n.set))
	case nCat:
		for _, s := range n.subs {
			g.put(s)
		}
	case nAlt:
		g.put(n.subs[g.rng.Intn(len(n.subs))])
	case nRep:
		count := n.min
		if room := n.max - n.min; n.max == unlimited || room > 0 {
			extra := g.rng.Intn(4)
			if n.max != unlimited {
				extra = min(extra, room)
			}
			count += extra
		}
		for range count {
			g.put(n.subs[0])
		}
	case nGroup:
		start := len(g.out)
		g.put(n.subs[0])
		g.caps[n.n] = [2]int{start, len(g.out)}
	case nAtomic:
		g.put(n.subs[0])
	case nLook:
		// What is wanted ahead is put there now and then; mostly the rest of the pattern brings it.
		if !n.neg && !n.behind && g.rng.Intn(3) == 0 {
			g.put(n.subs[0])
		}
	case nBackref:
		if c, ok := g.caps[n.n]; ok {
			g.out = append(g.out, g.out[c[0]:c[1]]...)
		}
	case nCond:
		g.put(n.subs[1+g.rng.Intn(2)])
	}
}

// pick prefers what is printable.
func (g *generator) pick(s set) byte {
	for range 20 {
		if b := byte(32 + g.rng.Intn(95)); s.has(b) {
			return b
		}
	}
	n := g.rng.Intn(max(s.count(), 1))
	for c := range 256 {
		if s.has(byte(c)) {
			if n == 0 {
				return byte(c)
			}
			n--
		}
	}
	return 0
}

// damaged changes, removes or doubles a few bytes.
func damaged(text string, rng *rand.Rand) string {
	b := []byte(text)
	for range 1 + rng.Intn(2) {
		if len(b) == 0 {
			return string(b)
		}
		i := rng.Intn(len(b))
		switch rng.Intn(4) {
		case 0:
			b[i] = byte(rng.Intn(256))
		case 1:
			b = append(b[:i], b[i+1:]...)
		case 2:
			b = append(b[:i+1], b[i:]...)
		case 3:
			b[i] ^= 0x20
		}
	}
	return string(b)
}

// subjectsFor makes texts that match, nearly match and do not.
func subjectsFor(tree *node, rng *rand.Rand, count int) []subject {
	var out []subject
	for i := range count {
		m := matching(tree, rng)
		switch i % 4 {
		case 1:
			m = "GET /index.php?id=1\r\nxy\n" + m + "\n"
		case 2:
			m = damaged(m, rng)
		case 3:
			m = m[:rng.Intn(len(m)+1)] + "z\n" + m + " zz"
		}
		s := subject{text: m}
		if rng.Intn(4) == 0 {
			s.from = rng.Intn(len(m) + 1)
		}
		out = append(out, s)
	}
	return out
}
