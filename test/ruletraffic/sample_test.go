package ruletraffic

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"firestorm/test/harness"
)

// sampleSize is how many rules of the sets are tried, in the ordinary tier and in the long one; FIRESTORM_RULES sets another
// number.
const sampleSize, longSample = 600, 2400

// ruleFiles are the sets that are sampled, below FIRESTORM_SHARED.
var ruleFiles = []string{"et-open-2025-08.rules", "snort2-community.rules"}

func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		dir = filepath.Join(harness.Root(), "..", "shared")
	}
	dir = filepath.Join(dir, "rules")
	if _, err := os.Stat(filepath.Join(dir, ruleFiles[0])); err != nil {
		t.Skip("no rule sets: set FIRESTORM_SHARED to the folder that holds rules/")
	}
	return dir
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestSample: of rules drawn from two public sets, those that are loaded fire on traffic made from their text, and not on
// its twin.
func TestSample(t *testing.T) {
	dir := shared(t)
	seed := uint64(setting("FIRESTORM_SEED", 1))
	tl := &tally{reasons: map[string]int{}, options: map[string]int{}, refused: map[string]int{}}
	size := sampleSize
	if os.Getenv("FIRESTORM_LONG") != "" {
		size = longSample
	}
	for k, f := range ruleFiles {
		all := readFile(t, filepath.Join(dir, f))
		n := setting("FIRESTORM_RULES", size) * []int{3, 1}[k] / 4
		rng := rand.New(rand.NewPCG(seed, uint64(k)))
		var sample []*Rule
		for _, i := range rng.Perm(len(all))[:min(n, len(all))] {
			sample = append(sample, all[i])
		}
		g := NewGenerator(Variables(), seed, all)
		for batch := range slices.Chunk(sample, 200) {
			tl.batch(t, g, batch)
		}
	}
	t.Log(tl)
	if tl.made*2 < tl.loaded {
		t.Errorf("traffic was made for %d of %d loaded rules only", tl.made, tl.loaded)
	}
}

// tally counts what came of a sample.
type tally struct {
	rules, loaded, made, fired, twins, silent int
	madeUnloaded                              int
	reasons, options, refused                 map[string]int
}

func (l *tally) batch(t *testing.T, g *Generator, batch []*Rule) {
	type pair struct{ good, twin *Traffic }
	var pairs []pair
	text := map[int]string{}
	var order []int
	add := func(r *Rule) {
		if text[r.SID] == "" {
			order = append(order, r.SID)
		}
		text[r.SID] = r.Text
	}
	for _, r := range batch {
		l.rules++
		_, refused := loaded(t, r.Text)
		if why, bad := refused[r.SID]; bad {
			l.refused[why]++
		} else {
			l.loaded++
		}
		good, err := g.Make(r)
		if err != nil {
			if _, bad := refused[r.SID]; !bad {
				l.reasons[shorten(err.Error())]++
				if os.Getenv("FIRESTORM_VERBOSE") != "" {
					t.Logf("UNMADE %v: %s", err, r.Text)
				}
			}
			continue
		}
		if _, bad := refused[r.SID]; bad {
			l.madeUnloaded++
			continue
		}
		add(r)
		for _, s := range good.Setters {
			add(s)
		}
		l.made++
		p := pair{good: good}
		if twin, err := g.Twin(r); err == nil {
			p.twin = twin
			for _, s := range twin.Setters {
				add(s)
			}
		} else if os.Getenv("FIRESTORM_VERBOSE") != "" {
			t.Logf("NOTWIN %v: %s", err, r.Text)
		}
		pairs = append(pairs, p)
	}
	var rules strings.Builder
	for _, sid := range order {
		fmt.Fprintln(&rules, text[sid])
	}
	var frames [][][]byte
	for i, p := range pairs {
		frames = append(frames, p.good.Frames)
		if p.twin != nil {
			frames = append(frames, p.twin.Frames)
		}
		if p.good.Probe != "" {
			fmt.Fprintln(&rules, probe(p.good.Probe, i))
		}
	}
	set, refused := loaded(t, rules.String())
	s := watch(t, set, frames...)
	for i, p := range pairs {
		for _, x := range p.good.Setters {
			if why := refused[x.SID]; why != "" {
				l.reasons["the rule that sets the bit is not loaded"]++
			}
		}
		if slices.ContainsFunc(p.good.Setters, func(x *Rule) bool { return refused[x.SID] != "" }) {
			continue
		}
		sid := p.good.Rule.SID
		if p.good.Probe != "" {
			sid = probeSID + i
		}
		if s.has(sid, p.good.Ends) {
			l.fired++
		} else {
			t.Errorf("did not fire: %s", dump(p.good))
		}
		for _, o := range p.good.Rule.Options {
			l.options[o.Name]++
		}
		if p.twin == nil {
			continue
		}
		l.twins++
		if s.has(sid, p.twin.Ends) {
			t.Errorf("its twin fired: %s", dump(p.twin))
		} else {
			l.silent++
		}
	}
}

// shorten takes out what is of one rule only, so that reasons can be counted.
func shorten(s string) string {
	if i := strings.IndexByte(s, '"'); i > 0 {
		s = s[:i] + "…"
	}
	if rest, ok := strings.CutPrefix(s, "no rule at hand sets "); ok && rest != "" {
		return "no rule at hand sets the bit"
	}
	return s
}

func (l *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules, %d loaded; made for %d (and for %d that are not loaded); %d fired; %d twins, %d silent\n", l.rules, l.loaded, l.made, l.madeUnloaded,
		l.fired, l.twins, l.silent)
	for _, x := range []struct {
		name string
		of   map[string]int
	}{{"not made", l.reasons}, {"not loaded", l.refused}, {"options of the rules that were made", l.options}} {
		fmt.Fprintf(&b, "%s:\n", x.name)
		var keys []string
		for k := range x.of {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, c string) int {
			if d := x.of[c] - x.of[a]; d != 0 {
				return d
			}
			return strings.Compare(a, c)
		})
		for _, k := range keys {
			fmt.Fprintf(&b, "%6d %s\n", x.of[k], k)
		}
	}
	return b.String()
}
