package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packettest"
)

// shared is a buffer that a run writes and a test reads meanwhile.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestFollow: a finding is printed while the file grows, and again at the end: to a person in the report, to a program
// because its number of requests is known better by then. A document is written once, at the end.
func TestFollow(t *testing.T) {
	founding, err := os.ReadFile(filepath.Join(repository, "testdata/captures/founding-timewait/founding.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	first := binary.LittleEndian.Uint32(founding[24:])
	var later []byte // unrelated packets that let time pass
	frame := packettest.UDP{Src: "192.168.9.9:5000", Dst: "192.168.9.1:5001"}.Frame()
	for s := uint32(100); s < 400; s += 5 {
		for _, v := range []uint32{first + s, 0, uint32(len(frame)), uint32(len(frame))} {
			later = binary.LittleEndian.AppendUint32(later, v)
		}
		later = append(later, frame...)
	}
	for _, c := range []struct {
		format string
		mark   string // of a finding
		times  int
		last   string
	}{
		{"json", `"type":"finding"`, 2, `"type":"summary"`},
		{"text", "HIGH  10.0.0.254:80 ignored", 2, "1 finding (1 high)"},
		{"eve", `"event_type":"alert"`, 2, `"event_type":"stats"`},
		{"md", "## HIGH", 1, "1 finding (1 high)"},
	} {
		t.Run(c.format, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "growing.pcap")
			if err := os.WriteFile(name, founding, 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs := &shared{}, &shared{}
			a := &app{stdin: strings.NewReader(""), stdout: out, stderr: errs, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
			ctx, stop := context.WithCancelCause(context.Background())
			done := make(chan int, 1)
			go func() { done <- a.run(ctx, []string{"read", "--follow", "--format", c.format, name}) }()
			time.Sleep(150 * time.Millisecond)
			if strings.Contains(out.String(), c.mark) {
				t.Error("a finding before its time")
			}
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(later); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			for n := 0; c.format != "md" && c.format != "eve" && !strings.Contains(out.String(), c.mark); n++ { // EVE is buffered
				if n == 1000 {
					t.Fatal("no finding while the file grows")
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(300 * time.Millisecond)
			stop(errInterrupted)
			if code := <-done; code != exitInterrupted {
				t.Errorf("exit status %d: %s", code, errs)
			}
			if said := strings.Count(out.String(), c.mark); said != c.times {
				t.Errorf("said %d times, want %d:\n%s", said, c.times, out)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, c.last) {
				t.Errorf("the last line is %s", last)
			}
		})
	}
}

// TestNews: a finding is told again when it grew by a factor or became surer, not for every revision.
func TestNews(t *testing.T) {
	f := &follower{said: map[string]*told{}}
	for _, c := range []struct {
		name string
		x    finding.Finding
		want bool
	}{
		{"first", finding.Finding{ID: "FS-1", Count: 3, Confidence: finding.Likely}, true},
		{"the same", finding.Finding{ID: "FS-1", Count: 3, Confidence: finding.Likely}, false},
		{"a little more", finding.Finding{ID: "FS-1", Count: 11, Confidence: finding.Likely}, false},
		{"four times as many", finding.Finding{ID: "FS-1", Count: 12, Confidence: finding.Likely}, true},
		{"four times the first is not four times the last", finding.Finding{ID: "FS-1", Count: 13, Confidence: finding.Likely}, false},
		{"surer", finding.Finding{ID: "FS-1", Count: 13, Confidence: finding.Certain}, true},
		{"worse", finding.Finding{ID: "FS-1", Count: 13, Confidence: finding.Certain, Severity: finding.High}, true},
		{"another", finding.Finding{ID: "FS-2", Count: 1, Confidence: finding.Certain}, true},
		{"muted", finding.Finding{ID: "FS-3", Count: 1, MutedBy: "known"}, false},
	} {
		if got := f.news(&c.x); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	more, gone := f.rest([]*finding.Finding{{ID: "FS-1", Count: 13}, {ID: "FS-4", Count: 1}})
	if len(more) != 1 || more[0].ID != "FS-4" || len(gone) != 1 || gone[0].ID != "FS-2" || gone[0].State != finding.Absorbed {
		t.Errorf("at the end: more %v, gone %v", more, gone)
	}
}
