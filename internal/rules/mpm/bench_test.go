package mpm

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// rulesFile says where a file of Suricata rules lies; rules are not part of the repository.
const rulesFile = "FIRESTORM_RULES"

// longestContents returns the longest content of each rule in a file, as the fast pattern mostly is, with its modifiers
// nocase; the same ones once.
func longestContents(tb testing.TB) (out []Pattern) {
	name := os.Getenv(rulesFile)
	if name == "" {
		tb.Skip("no rules: " + rulesFile + " names no file")
	}
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Skip("no rules: ", err)
	}
	had := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "alert ") {
			continue
		}
		var best Pattern
		parts := strings.Split(line, "content:")
		for _, part := range parts[1:] {
			part = strings.TrimSpace(part)
			if !strings.HasPrefix(part, `"`) { // negated
				continue
			}
			text, rest, _ := strings.Cut(part[1:], `"`)
			if p := unescape(text); len(p) > len(best.Bytes) {
				best = Pattern{Bytes: p, NoCase: strings.Contains(rest, "nocase")}
			}
		}
		if k := fmt.Sprint(best.NoCase, string(best.Bytes)); len(best.Bytes) > 0 && !had[k] {
			had[k] = true
			best.ID = uint32(len(out))
			out = append(out, best)
		}
	}
	return out
}

// unescape reads the text of a content: |0d 0a| and backslashes.
func unescape(s string) (out []byte) {
	for i, part := range strings.Split(s, "|") {
		if i%2 == 0 {
			for k := 0; k < len(part); k++ {
				if part[k] == '\\' && k+1 < len(part) {
					k++
				}
				out = append(out, part[k])
			}
			continue
		}
		for _, f := range strings.Fields(part) {
			if n, err := strconv.ParseUint(f, 16, 8); err == nil {
				out = append(out, byte(n))
			}
		}
	}
	return out
}

// madeUp draws n patterns that look like those of rules.
func madeUp(n int) (out []Pattern) {
	r := rand.New(rand.NewPCG(9, 9))
	had := map[string]bool{}
	for len(out) < n {
		var b []byte
		switch r.IntN(10) {
		case 0: // binary
			b = someBytes(r, 4+r.IntN(8), "")
		case 1:
			b = fmt.Appendf(nil, "%s: %s", words[r.IntN(len(words))], someBytes(r, 2+r.IntN(5), "abcdefghijklmnopqrstuvwxyz"))
		case 2, 3, 4:
			b = fmt.Appendf(nil, "/%s/%s.php", someBytes(r, 3+r.IntN(5), "abcdefghijklmnopqrstuvwxyz"), words[r.IntN(len(words))])
		default:
			b = fmt.Appendf(nil, "%s.%s", someBytes(r, 4+r.IntN(12), "abcdefghijklmnopqrstuvwxyz0123456789-"), []string{"com", "net", "org", "info"}[r.IntN(4)])
		}
		if !had[string(b)] {
			had[string(b)] = true
			out = append(out, Pattern{ID: uint32(len(out)), Bytes: b, NoCase: r.IntN(2) == 0})
		}
	}
	return out
}

var words = strings.Fields(`index image user login search content page admin style script main default update download
	Accept Accept-Encoding Accept-Language Connection Cookie Host Referer User-Agent Content-Type Content-Length Server Date
	gzip deflate en-US keep-alive text/html application/json Mozilla/5.0 Windows NT 10.0 Win64 AppleWebKit Chrome Safari`)

// requests is text as HTTP has it.
func requests(size int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	w := func() string { return words[r.IntN(len(words))] }
	var b []byte
	for len(b) < size {
		b = fmt.Appendf(b, "GET /%s/%s.%s?%s=%d HTTP/1.1\r\nHost: www.%s%d.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) %s/%d\r\n",
			w(), w(), []string{"html", "php", "png", "js"}[r.IntN(4)], w(), r.IntN(9999), w(), r.IntN(50), w(), r.IntN(100))
		for range r.IntN(6) {
			b = fmt.Appendf(b, "%s: %s, %s; q=0.%d\r\n", w(), w(), w(), r.IntN(10))
		}
		b = append(b, "\r\n"...)
	}
	return b[:size]
}

// captured is what real programs sent: the payloads of the captures of this repository.
func captured(tb testing.TB, size int) []byte {
	var out []byte
	err := filepath.WalkDir("../../../testdata/captures", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		src, err := capture.OpenFile(name, capture.FileOptions{})
		if err != nil {
			return err
		}
		var batch packet.Batch
		for n := 0; n < size/100; { // some of each
			if err := src.Next(&batch); err != nil {
				break
			}
			for i := range batch.Packets {
				p := &batch.Packets[i]
				packet.Decode(p, &packet.Options{})
				if b := p.Payload(); varied(b) {
					out = append(out, b...)
					n += len(b)
				}
			}
			batch.Release()
			batch = packet.Batch{}
		}
		return src.Close()
	})
	if err != nil {
		tb.Fatal(err)
	}
	for len(out) > 0 && len(out) < size {
		out = append(out, out...)
	}
	return out[:min(len(out), size)]
}

// varied reports that no byte makes up most of b: files of one byte repeated say nothing about speed.
func varied(b []byte) bool {
	var count [256]int
	most := 0
	for _, c := range b {
		count[c]++
		most = max(most, count[c])
	}
	return most < (len(b)+1)/2
}

// hostile is made of pieces of the patterns, so that nearly every place is a candidate.
func hostile(patterns []Pattern, size int) []byte {
	r := rand.New(rand.NewPCG(5, 5))
	var b []byte
	for len(b) < size {
		p := patterns[r.IntN(len(patterns))].Bytes
		b = append(b, p[:max(len(p)-1, 1)]...)
	}
	return b[:size]
}

const piece = 1400 // as a packet carries

// scanPieces reports the speed of the best pass. A pass is short, so that on a busy machine some are not disturbed.
func scanPieces(b *testing.B, s *Set, text []byte) {
	var sc Scratch
	hits, best := 0, time.Duration(1<<62)
	pass := func() {
		hits = 0
		for i := 0; i < len(text); i += piece {
			hits += len(s.Scan(&sc, text[i:min(i+piece, len(text))]))
		}
	}
	pass()
	st := sc.Stats
	for b.Loop() {
		start := time.Now()
		pass()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(len(text))/1e6/best.Seconds(), "best-MB/s")
	b.ReportMetric(100*float64(st.Candidates)/float64(st.Bytes), "%cand")
	b.ReportMetric(float64(st.Compared)/float64(max(st.Candidates, 1)), "cmp/cand")
	b.ReportMetric(float64(hits), "hits")
	b.ReportMetric(0, "ns/op")
}

func benchTexts(b *testing.B, name string, patterns []Pattern, engines ...Engine) {
	const size = 128 << 10
	texts := []struct {
		name string
		text []byte
	}{
		{"http", requests(size)},
		{"real", captured(b, size)},
		{"rand", someBytes(rand.New(rand.NewPCG(1, 1)), size, "")},
		{"hostile", hostile(patterns, size)},
		{"onepattern", bytes.Repeat(patterns[len(patterns)/2].Bytes, size)[:size]},
	}
	for _, e := range engines {
		s, err := Build(patterns, Options{Engine: e})
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range texts {
			b.Run(fmt.Sprintf("%s/%v/%s", name, e, t.name), func(b *testing.B) { scanPieces(b, s, t.text) })
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 20000} {
		benchTexts(b, strconv.Itoa(n), madeUp(n), Portable, Fastest)
	}
}

// BenchmarkEngines shows from how many patterns on which engine is faster.
func BenchmarkEngines(b *testing.B) {
	for _, n := range []int{2, 8, 16, 32, 40, 80, 120, 160, 200} {
		benchTexts(b, strconv.Itoa(n), madeUp(n), Portable, Gather, Shuffle)
	}
}

// BenchmarkRules scans with the longest contents of a rule set.
func BenchmarkRules(b *testing.B) {
	all := longestContents(b)
	for _, n := range []int{100, 1000, 5000, 20000} {
		n = min(n, len(all))
		part := make([]Pattern, n)
		for i := range part {
			part[i] = all[i*len(all)/n]
		}
		benchTexts(b, strconv.Itoa(n), part, Portable, Fastest)
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1, 16, 100, 1000, 5000, 20000} {
		patterns := madeUp(n)
		rarity := new(Rarity)
		for _, p := range patterns {
			rarity.Learn(p.Bytes)
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				s, err := Build(patterns, Options{Rarity: rarity})
				if err != nil {
					b.Fatal(err)
				}
				size = s.Bytes()
			}
			b.ReportMetric(float64(size), "set-B")
		})
	}
}

// BenchmarkShort scans buffers as short as hosts and addresses of pages are.
func BenchmarkShort(b *testing.B) {
	for _, n := range []int{16, 1000} {
		for _, e := range Engines() {
			s, err := Build(madeUp(n), Options{Engine: e})
			if err != nil {
				b.Fatal(err)
			}
			for _, size := range []int{10, 20, 40, 100, 400} {
				b.Run(fmt.Sprintf("%d/%v/%d", n, e, size), func(b *testing.B) {
					var sc Scratch
					text := requests(1000)[:size]
					b.SetBytes(int64(size))
					for b.Loop() {
						s.Scan(&sc, text)
					}
				})
			}
		}
	}
}
