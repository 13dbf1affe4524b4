package lang

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// MaxReputations bounds the addresses and networks of all lists together.
const MaxReputations = 1 << 20

// mostCategories and mostScore are Suricata's bounds.
const (
	mostCategories = 60
	mostScore      = 127
)

// Reputations are what lists say of addresses and networks (iprep): a score from 0 to 127 in each of up to 60 categories.
type Reputations struct {
	categories map[string]uint8 // numbers, by short name in lower case
	scores     map[netip.Prefix][]score
	lengths    [2][]int // those of networks that there are, the longest first: of IPv4, of IPv6
}

type score struct{ category, points uint8 }

// Category reads a category's number by its short name.
func (r *Reputations) Category(name string) (uint8, bool) {
	if r == nil {
		return 0, false
	}
	n, ok := r.categories[lower(name)]
	return n, ok
}

// Of is the score of a in a category: that of the longest network with one. False: no list has one.
func (r *Reputations) Of(a netip.Addr, category uint8) (points uint8, ok bool) {
	family := 1
	if a.Is4() {
		family = 0
	}
	for _, n := range r.lengths[family] {
		p, err := a.Prefix(n)
		if err != nil {
			continue
		}
		for _, s := range r.scores[p] {
			if s.category == category {
				return s.points, true
			}
		}
	}
	return 0, false
}

// Categories reads a list of categories: number, short name, description. The error is that of r.
func (r *Reputations) Categories(name string, in io.Reader) ([]Problem, error) {
	if r.categories == nil {
		r.categories = map[string]uint8{}
	}
	return configLines(name, in, func(text string, _ Place) *fault {
		f := strings.SplitN(text, ",", 3)
		if len(f) < 2 {
			return faultf("", "a category has a number, a short name and a description, separated by commas")
		}
		n, err := strconv.ParseUint(strings.TrimSpace(f[0]), 10, 8)
		if err != nil || n == 0 || n >= mostCategories {
			return faultf("", "%s is no number of a category: 1 to %d", quote(f[0]), mostCategories-1)
		}
		word := lower(strings.TrimSpace(f[1]))
		if !isWord(word) {
			return faultf("", "%s is no short name of a category", quote(f[1]))
		}
		r.categories[word] = uint8(n)
		return nil
	})
}

// Read reads a list of scores: address or network, category's number, score. The last line about one counts. The error is
// that of in.
func (r *Reputations) Read(name string, in io.Reader) ([]Problem, error) {
	if r.scores == nil {
		r.scores = map[netip.Prefix][]score{}
	}
	return configLines(name, in, func(text string, _ Place) *fault {
		f := strings.Split(text, ",")
		if len(f) != 3 {
			return faultf("", "a line has an address or network, the number of a category and a score, separated by commas")
		}
		p, err := network(strings.TrimSpace(f[0]))
		if err != nil {
			return faultf("", "%s is neither an address nor a network", quote(f[0]))
		}
		category, err := strconv.ParseUint(strings.TrimSpace(f[1]), 10, 8)
		if err != nil || category == 0 || category >= mostCategories {
			return faultf("", "%s is no number of a category: 1 to %d", quote(f[1]), mostCategories-1)
		}
		points, err := strconv.ParseUint(strings.TrimSpace(f[2]), 10, 8)
		if err != nil || points > mostScore {
			return faultf("", "%s is no score: 0 to %d", quote(f[2]), mostScore)
		}
		return r.add(p, score{uint8(category), uint8(points)})
	})
}

func (r *Reputations) add(p netip.Prefix, s score) *fault {
	list, known := r.scores[p]
	if !known {
		if len(r.scores) >= MaxReputations {
			return faultf("", "there are more than %d addresses and networks; this one is left out", MaxReputations)
		}
		r.length(p)
	}
	for i := range list {
		if list[i].category == s.category {
			list[i] = s
			return nil
		}
	}
	r.scores[p] = append(list, s)
	return nil
}

// length keeps the lengths of networks in order.
func (r *Reputations) length(p netip.Prefix) {
	l := &r.lengths[1]
	if p.Addr().Is4() {
		l = &r.lengths[0]
	}
	at := 0
	for ; at < len(*l) && (*l)[at] >= p.Bits(); at++ {
		if (*l)[at] == p.Bits() {
			return
		}
	}
	*l = append(*l, 0)
	copy((*l)[at+1:], (*l)[at:])
	(*l)[at] = p.Bits()
}

// network reads an address or a network; bits past its length do not count.
func network(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no address", text)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}
