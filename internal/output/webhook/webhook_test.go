package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

func found() *finding.Finding {
	return &finding.Finding{ID: "FS-7k2m9x", Code: &finding.Code{ID: "x-y"}, Severity: finding.High, Confidence: finding.Likely, Revision: 3, Title: "t"}
}

func open(t *testing.T, url string) *Output {
	t.Helper()
	p, err := New(Options{URL: url, Authorization: "Bearer hunter2", Backoff: output.Backoff{First: time.Millisecond, Most: 2 * time.Second, Within: 3 * time.Second}},
		output.Setup{Application: "firestorm 1", FindingJSON: func(dst []byte, f *finding.Finding) []byte {
			dst = append(dst, `{"id":`...)
			return append(event.AppendJSONString(dst, f.ID), '}')
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// A receiver that is busy, then broken, then well gets the finding once more each time, under one key.
func TestTriesAgain(t *testing.T) {
	var keys, bodies []string
	answers := []int{503, 429, 200}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(b))
		if r.Method != "POST" || r.Header.Get("Authorization") != "Bearer hunter2" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		if answers[len(keys)-1] == 429 {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(answers[len(keys)-1])
	}))
	defer s.Close()
	p := open(t, s.URL)
	start := time.Now()
	_ = p.Finding(found())
	if len(keys) != 3 || keys[0] != `"FS-7k2m9x.3"` || keys[2] != keys[0] || bodies[2] != `{"id":"FS-7k2m9x"}` {
		t.Errorf("keys %q, bodies %q", keys, bodies)
	}
	if time.Since(start) < time.Second {
		t.Error("it did not wait as long as it was asked to")
	}
	if h := p.Health(); !h.Up || h.Lost != 0 || h.Retried != 2 {
		t.Errorf("%+v", h)
	}
}

func TestRefusalIsFinal(t *testing.T) {
	n := 0
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.WriteHeader(404)
			return
		}
		http.Redirect(w, r, s.URL+"/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	p := open(t, s.URL)
	_ = p.Finding(found())
	_ = p.Finding(found())
	if h := p.Health(); n != 2 || h.Lost != 2 || h.Up {
		t.Errorf("%d requests, %+v", n, h)
	}
}

// A receiver that is not there costs no secret: what is said of it names neither address nor authorization.
func TestAwayIsSaidWithoutSecrets(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	p := open(t, s.URL+"/secret-path")
	p.s.Context = ctx
	_ = p.Finding(found())
	if h := p.Health(); h.Up || h.Lost != 1 || strings.Contains(h.Err, "secret") || strings.Contains(h.Err, "hunter2") {
		t.Errorf("%+v", h)
	}
}

func TestAlarmIsJSON(t *testing.T) {
	var got map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	p := open(t, s.URL)
	_ = p.Alarm(&output.Alarm{Kind: output.Blind, Since: 1e9, At: 2e9, Text: "eth0 \"is\"\ndown\x1b"})
	if got["kind"] != "blind" || got["since"] != "1970-01-01T00:00:01Z" || got["text"] != "eth0 \"is\"\ndown\x1b" {
		t.Errorf("%v", got)
	}
}

func TestOptions(t *testing.T) {
	for _, u := range []string{"", "ftp://a/", "https://", "a b"} {
		if _, err := New(Options{URL: u}, output.Setup{FindingJSON: func(d []byte, _ *finding.Finding) []byte { return d }}); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
}
