package pcre

import (
	"fmt"
	"math/rand"
	"regexp"
	"testing"
	"time"
)

// requests are HTTP requests of some 420 bytes.
func requests(n int) (out [][]byte) {
	rng := rand.New(rand.NewSource(7))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[rng.Intn(36)]
		}
		return string(b)
	}
	for range n {
		out = append(out, fmt.Appendf(nil, "GET /%s/%s.php?id=%d&q=%s HTTP/1.1\r\nHost: www.%s.com\r\n"+
			"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36\r\n"+
			"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"+
			"Referer: http://%s.org/%s\r\nCookie: session=%s; theme=dark\r\nConnection: keep-alive\r\n\r\n",
			word(6), word(8), rng.Intn(1000), word(10), word(9), rng.Intn(120), word(7), word(5), word(16)))
	}
	return out
}

func BenchmarkCompileRules(b *testing.B) {
	trials := rulePatterns(b)
	for b.Loop() {
		for _, tr := range trials {
			if _, err := Compile(tr.pattern, tr.flags); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(trials)), "µs/pattern")
}

// BenchmarkRules tries every rule pattern on 20 requests. Of each pattern the best of five passes counts: the machine has
// other work.
func BenchmarkRules(b *testing.B) {
	trials := rulePatterns(b)
	texts := requests(20)
	s := NewScratch(Limits{})
	run := func(name string, search func(int, []byte)) {
		b.Run(name, func(b *testing.B) {
			var sum time.Duration
			for b.Loop() {
				sum = 0
				for i := range trials {
					best := time.Hour
					for range 5 {
						start := time.Now()
						for _, text := range texts {
							search(i, text)
						}
						best = min(best, time.Since(start))
					}
					sum += best
				}
			}
			b.ReportMetric(float64(sum.Nanoseconds())/float64(len(trials)*len(texts)), "ns/attempt")
		})
	}
	var all []*Regexp
	var theirs []*regexp.Regexp
	for _, tr := range trials {
		r := compiled(b, tr.pattern, tr.flags)
		all = append(all, r)
		g, err := regexp.Compile(goFlags(tr.flags) + tr.pattern)
		if err != nil {
			g = nil
		}
		theirs = append(theirs, g)
	}
	run("only", func(i int, text []byte) { all[i].MatchOnly(s, text, 0) })
	run("located", func(i int, text []byte) { all[i].Match(s, text, 0) })
	run("go", func(i int, text []byte) {
		if theirs[i] != nil {
			theirs[i].Match(text)
		}
	})
	b.Logf("%+v; automata hold %d KB; request of %d bytes", s.Stats(), s.held>>10, len(texts[0]))
}

func goFlags(f Flags) string {
	out := "(?"
	for flag, letter := range map[Flags]string{NoCase: "i", DotAll: "s", MultiLine: "m"} {
		if f&flag != 0 {
			out += letter
		}
	}
	if out == "(?" {
		return ""
	}
	return out + ")"
}

func BenchmarkBytes(b *testing.B) {
	text := make([]byte, 64<<10)
	rng := rand.New(rand.NewSource(8))
	for i := range text {
		text[i] = "abcdefghij klmnop/=&?\n"[rng.Intn(22)]
	}
	for _, p := range []string{"zq[0-9]+", "(?i:needle)[0-9]", "(foo|bar)[0-9]+x", `(\w)\1zz[0-9]`, `=(?!a)[^&]{3,5}&\d`} {
		b.Run(p, func(b *testing.B) {
			r, s := compiled(b, p, 0), NewScratch(Limits{})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.MatchOnly(s, text, 0)
			}
		})
	}
}
