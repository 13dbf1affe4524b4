package rules

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
)

// sweptRules are rules of all the ways in which contents are found, for all ports and for few, of several protocols.
func sweptRules(r *rand.Rand) (text []string) {
	word := func() string {
		w := []string{"a", "zq", "ab", "abc", "needle", "GET /in", "|00 01 ff|", "Content-Le", "hay needle in the hay", "NEEDle", "x|0d 0a|y", "abcdefgh"}
		return w[r.IntN(len(w))]
	}
	for sid := 1; sid <= 120; sid++ {
		proto := []string{"tcp", "tcp", "tcp-pkt", "udp", "ip", "http", "smtp", "dns", "http1"}[r.IntN(9)]
		ends := []string{"any any -> any any", "any any -> any 80", "any 80 -> any any", "any any -> any [25,80,443]", "any any <> any 80"}[r.IntN(5)]
		o := fmt.Sprintf("content:%q; ", word())
		switch r.IntN(8) {
		case 0:
			o += "startswith; "
		case 1:
			o += fmt.Sprintf("depth:%d; ", 24+r.IntN(60))
		case 2:
			o += fmt.Sprintf("dsize:<%d; ", 60+r.IntN(60))
		case 3:
			o += "nocase; "
		case 4:
			o += fmt.Sprintf("content:%q; distance:%d; ", word(), r.IntN(3))
		case 5:
			o += "offset:3; "
		}
		text = append(text, fmt.Sprintf("alert %s %s (%ssid:%d;)", proto, ends, o, sid))
	}
	return text
}

// TestSweep: one search for all rules finds what one for each kind of them finds, whatever a connection speaks and however its
// bytes are cut.
func TestSweep(t *testing.T) {
	found := 0
	for seed := range uint64(40) {
		text := sweptRules(rand.New(rand.NewPCG(seed, 1)))
		var got [2]map[uint32][]uint64
		var stats [2]Stats
		for i := range got {
			set := load(t, text...)
			if i == 1 {
				set.swept.Store(mostSweeps) // there is room for no more
			}
			r := rand.New(rand.NewPCG(seed, 2))
			rig := newRig(t, set)
			app, settled := "", false
			rig.e.app = func(uint32) (string, bool) { return app, settled }
			rig.dial()
			for range 12 {
				if r.IntN(4) == 0 {
					app, settled = []string{"", "http", "smtp", "dns", "rfb"}[r.IntN(5)], r.IntN(3) > 0
				}
				var b []byte
				for range 1 + r.IntN(12) {
					b = append(b, []string{"needle", "hay ", "GET /index", "Content-Length", "a", "zq", "bc", "abcdefgh", "\x00\x01\xff", "in the hay", "x\r\ny", "NEEDLE"}[r.IntN(12)]...)
				}
				for len(b) > 0 {
					n := min(1+r.IntN(len(b)), len(b))
					rig.say(0, string(b[:n]))
					b = b[n:]
				}
				if r.IntN(2) == 0 {
					rig.say(1, "needle in the hay")
				}
			}
			rig.end()
			got[i], stats[i] = rig.alerts(), rig.e.Stats()
			found += len(got[i])
			if n := set.swept.Load(); i == 0 && n == 0 {
				t.Fatal("no sweep was made")
			}
		}
		if !reflect.DeepEqual(got[0], got[1]) || stats[0] != stats[1] {
			t.Errorf("seed %d: with sweeps %v %+v, without %v %+v", seed, got[0], stats[0], got[1], stats[1])
		}
	}
	if found < 400 {
		t.Errorf("%d rules alerted: too few to say anything", found)
	}
}

// TestSweepsShared: workers that need a sweep at once get one, protocols that no rule names share that of none, and there are
// never more than there may be.
func TestSweepsShared(t *testing.T) {
	set := load(t, `alert http any any -> any any (content:"a"; sid:1;)`, `alert tcp any any -> any 80 (content:"b"; sid:2;)`)
	groups := [2]*group{&set.tables[0][0].base, set.tables[0][0].at(80)}
	var wg sync.WaitGroup
	var got [8][4]*sweep
	for i := range got {
		wg.Go(func() {
			for k, app := range []string{"", "smtp", "rfb", "http"} {
				got[i][k] = set.sweep(&groups, app, true)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Errorf("worker %d has other sweeps", i)
		}
	}
	if w := got[0]; w[0] == nil || w[1] != w[0] || w[2] != w[0] || w[3] == w[0] || set.swept.Load() != 2 {
		t.Errorf("%v, %d made", w, set.swept.Load())
	}
	set.swept.Store(mostSweeps)
	if set.sweep(&groups, "", false) != nil || set.sweep(&groups, "smtp", true) == nil {
		t.Error("where there is no room, one is made; or one that was made is not given")
	}
}
