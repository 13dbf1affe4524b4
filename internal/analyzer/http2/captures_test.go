package http2

import (
	"os"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/pcapfile"
)

// read gives a capture of the testbed to the protocols.
func read(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open("../../../testdata/captures/" + name + "/outside.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := pcapfile.NewReader(f, pcapfile.Options{})
	var frames [][]byte
	for rec := (pcapfile.Record{}); r.Next(&rec) == nil; {
		frames = append(frames, append([]byte(nil), rec.Data...))
	}
	out := analyzertest.Run(t, analyzertest.Options{Defs: append([]analyzer.Def{}, defs...)}, frames...)
	if s := odd(out); s != "" {
		t.Errorf("%s: %s", name, s)
	}
	return briefs(out)
}

// TestCaptures: what curl asked of nginx and Apache, as the ground truth has it.
func TestCaptures(t *testing.T) {
	for name, want := range map[string][]string{
		"http2-prior": {"GET 10.2.0.2:8080 /page-1.html 200 got 2675 complete", "GET 10.2.0.2:8080 /page-2.html 200 got 99 complete", "/part.bin 206 got 100 complete",
			"HEAD 10.2.0.2:8080 /page-4.html 200 complete", "/none.html 404", "POST 10.2.0.2:8080 /order 200 sent 23 got 6 complete", "/slow/part.bin 200 got"},
		"http2-upgrade":       {"1 GET 10.2.0.2 /page-1.html 200 got 2675 complete", "/part.bin 200 got 20000 complete", "HEAD 10.2.0.2 /page-4.html 200 complete"},
		"http2-redirect-loop": {"GET 10.2.0.2:8080 /stock 302 got 145 complete"},
	} {
		got := read(t, name)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s is not in %s", name, w, got)
			}
		}
	}
}
