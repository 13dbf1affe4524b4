//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/web"
)

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestServe: the verb itself, from its first start to its end; the token is in no log.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	if r := runApp(strings.NewReader(""), "read", filepath.Join(repository, "testdata", "captures", "founding-timewait", "founding.pcap"), "--store", dir, "-q"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	config := filepath.Join(dir, "config.yaml") // not that of this machine
	if err := os.WriteFile(config, []byte("service:\n  status: "+filepath.Join(dir, "status.json")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs lockedBuffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		ended <- a.run(ctx, []string{"serve", "--store", dir, "--listen", "127.0.0.1:0", "--config", config})
	}()
	at := regexp.MustCompile(`listens on (127\.0\.0\.1:\d+)\n`)
	var addr []string
	for end := time.Now().Add(10 * time.Second); addr == nil; time.Sleep(5 * time.Millisecond) {
		if addr = at.FindStringSubmatch(errs.String()); addr == nil && time.Now().After(end) {
			t.Fatal(errs.String())
		}
	}
	link := runApp(strings.NewReader(""), "serve", "--link", "--store", dir, "--listen", addr[1], "--config", config)
	if link.code != 0 || !strings.HasPrefix(link.stdout, "http://"+addr[1]+"/?token=") || link.stderr != "" {
		t.Fatalf("%+v", link)
	}
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	get := func(u string) (int, string) {
		res, err := client.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	base := "http://" + addr[1]
	if code, body := get(base + "/"); code != 401 || strings.Contains(body, "tcp-timewait-reuse") {
		t.Errorf("without the link: %d %s", code, body)
	}
	if code, body := get(strings.TrimSpace(link.stdout)); code != 200 || !strings.Contains(body, "FS-4jqth6") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(base + "/finding/FS-4jqth6"); code != 200 || !strings.Contains(body, "shop.example") || !strings.Contains(body, "<svg") || !strings.Contains(body, "RFC 6191") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(base + "/status"); code != 200 || !strings.Contains(body, "There is no status file") {
		t.Errorf("%d %s", code, body)
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("it ends with %d: %s", code, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link.stdout), base+"/?token="), "\n")
	if len(token) < 40 || strings.Contains(out.String()+errs.String(), token) || !strings.Contains(errs.String(), "a new token was made in "+dir) {
		t.Errorf("%q%q", out.String(), errs.String())
	}
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"--listen", "0.0.0.0:8787"}, exitUsage, "loopback only"},
		{[]string{"--listen", "nonsense"}, exitUsage, "cannot listen"},
		{[]string{"--listen", "127.0.0.1:0", "--name", "x"}, exitUsage, "--name is for a proxy"},
		{[]string{"--store", filepath.Join(dir, "none")}, exitUsage, "is not there"},
	} {
		r := runApp(strings.NewReader(""), append([]string{"serve", "--store", dir, "--config", config}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.say) {
			t.Errorf("%v: %+v", c.args, r)
		}
	}
	if err := os.Chmod(filepath.Join(dir, web.TokenName), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := runApp(strings.NewReader(""), "serve", "--store", dir, "--config", config); r.code == 0 || !strings.Contains(r.stderr, "chmod 600") {
		t.Errorf("%+v", r)
	}
}
