package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/service"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestWatchCommands: on a running watch, log files are opened anew, rules and mutes replaced, a bad file is refused and the
// old goes on, the state is told; the service manager hears of it.
func TestWatchCommands(t *testing.T) {
	ownNetwork(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	const rule = `alert udp any any -> any 9 (msg:"m"; content:"ping"; sid:%d;)` + "\n"
	const conf = "capture: {interfaces: [lo], ring: %s}\nrules: {files: [%s]}\noutputs: {eve: %s}\n%s"
	put("a.rules", fmt.Sprintf(rule, 1))
	put("f.yaml", fmt.Sprintf(conf, "4M", in("a.rules"), in("eve.json"), ""))
	news, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: in("notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer news.Close()
	t.Setenv("NOTIFY_SOCKET", in("notify"))
	heard := &logged{}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := news.Read(b)
			if err != nil {
				return
			}
			fmt.Fprintf(heard, "%s\n", b[:n])
		}
	}()
	commands := make(chan service.Command, 4)
	was := watchSignals
	watchSignals = func() (<-chan service.Command, func()) { return commands, func() {} }
	defer func() { watchSignals = was }()
	// Who sends is a child of this thread, and so in its network.
	send := exec.Command("bash", "-c", `while read -r line; do echo "$line" >/dev/udp/127.0.0.1/9; done`)
	lines, err := send.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := send.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { lines.Close(); _ = send.Wait() }()

	var out, errs logged
	a := &app{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
	ctx, end := context.WithCancelCause(context.Background())
	go func() {
		defer end(errInterrupted)
		sent := 0
		until := func(what string, ok func() bool) bool {
			for over := time.Now().Add(8 * time.Second); !ok(); {
				if time.Now().After(over) {
					t.Errorf("never %s: %s\nheard %s", what, errs.String(), heard.String())
					return false
				}
				if sent++; sent%5 == 1 {
					fmt.Fprintf(lines, "ping %d\n", sent)
				}
				time.Sleep(10 * time.Millisecond)
			}
			return true
		}
		has := func(name, text string) func() bool {
			return func() bool { b, _ := os.ReadFile(in(name)); return strings.Contains(string(b), text) }
		}
		says := func(l *logged, text string) func() bool {
			return func() bool { return strings.Contains(l.String(), text) }
		}
		if !until("ready", says(heard, "READY=1\nSTATUS=")) || !until("an alert", has("eve.json", `"signature_id":1,`)) || !until("fed", says(heard, "WATCHDOG=1")) {
			return
		}
		// New rules, a log that was moved away, and a key that waits for the next start.
		put("a.rules", fmt.Sprintf(rule, 2))
		put("f.yaml", fmt.Sprintf(conf, "8M", in("a.rules"), in("eve.json"), ""))
		_ = os.Rename(in("eve.json"), in("eve.1"))
		commands <- service.Reload
		if !until("reloaded", says(&errs, "reloaded: from the next start on, not now: capture.ring; 0 mutes; 1 rules, all run")) || !until("said", says(heard, "RELOADING=1\nMONOTONIC_USEC=")) ||
			!until("ready again", says(heard, "READY=1\nSTATUS=reloaded")) || !until("a new alert", has("eve.json", `"signature_id":2,`)) {
			return
		}
		if has("eve.1", `"signature_id":2,`)() {
			t.Error("the log that was moved away goes on")
		}
		// Rubbish, of three kinds: the old rules go on.
		for _, bad := range []string{"\x00\x01 rubbish {{{ \n", "alert udp any any -> any 9 (content:\"ping\"; nosuchword; sid:3;)\n", ""} {
			put("a.rules", bad)
			from := len(errs.String())
			commands <- service.ReloadRules
			if !until("refused", func() bool { return strings.Contains(errs.String()[from:], "the old rules go on: ") }) {
				return
			}
		}
		b, _ := os.ReadFile(in("eve.json"))
		n := strings.Count(string(b), `"signature_id":2,`)
		if !until("an alert of the old rules", func() bool {
			b, _ := os.ReadFile(in("eve.json"))
			return strings.Count(string(b), `"signature_id":2,`) > n
		}) {
			return
		}
		commands <- service.Dump
		if !until("a dump", says(&errs, "firestorm: state: end\n")) {
			return
		}
		// A mute, with rules that are as they were; then a configuration that is wrong.
		put("a.rules", fmt.Sprintf(rule, 2))
		put("f.yaml", fmt.Sprintf(conf, "8M", in("a.rules"), in("eve.json"), "findings: {mutes: [{code: 'sid:2', reason: known}]}\n"))
		commands <- service.Reload
		if !until("muted", says(&errs, "reloaded: 1 mute; 1 rules, all run")) {
			return
		}
		put("f.yaml", "capture: {rung: 8M}\n")
		commands <- service.Reload
		until("refused", says(&errs, "the old configuration goes on: "))
	}()
	code := a.run(ctx, []string{"watch", "--config", in("f.yaml"), "--json"})
	if code != exitInterrupted {
		t.Errorf("status %d: %s", code, errs.String())
	}
	log := errs.String()
	for _, want := range []string{"f.yaml:1:", "did you mean", "state: interface lo: up, ", "state: rules: 1 rules, all run; thresholds", "state: connections: flows ", "state: packets: ", "state: memory: ", "state: output eve to "} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %s", want, log)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if h := heard.String(); !strings.Contains(h, "STOPPING=1") || !strings.Contains(h, "the last reload failed: ") {
		t.Errorf("the manager heard %s", h)
	}
	if !strings.Contains(out.String(), `"type":"summary"`) {
		t.Errorf("the report is missing: %s", out.String())
	}
}
