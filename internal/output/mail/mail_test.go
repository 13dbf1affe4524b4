package mail

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// clock is a time that the test sets; the sender reads it too.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return c.t
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func found(id string, s finding.Severity, title string) *finding.Finding {
	return &finding.Finding{ID: id, Code: &finding.Code{ID: "x-y", Title: "t"}, Severity: s, Confidence: finding.Likely, Title: title, Count: 1}
}

// open starts an output to a server; change may be nil.
func open(t *testing.T, s *server, c *clock, change func(*Options, *output.Setup)) *Output {
	t.Helper()
	addr, ca := startServer(t, s)
	o := Options{Server: addr, CAFile: ca, From: "Sensor <sensor@example.net>", To: []string{"admin@example.net", "Other <o@example.org>"}, Host: "gw", Hour: 7, Now: c.now,
		Backoff: output.Backoff{First: time.Millisecond, Most: 20 * time.Millisecond, Within: 2 * time.Second}}
	setup := output.Setup{Application: "firestorm 1"}
	if change != nil {
		change(&o, &setup)
	}
	p, err := New(o, setup)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parts reads a mail as its receiver does.
func parts(t *testing.T, raw string) (envelope string, m *netmail.Message, subject, body string) {
	t.Helper()
	envelope, raw, _ = strings.Cut(raw, "\n")
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	return envelope, m, subject, string(b)
}

// TestAtOnceAndDaily: what is severe goes at once, protected and logged in; the rest once, at the hour, the worst first; a day
// with nothing has no mail.
func TestAtOnceAndDaily(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2 with blanks\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, c := &server{login: "me:hunter2 with blanks"}, &clock{t: noon}
	p := open(t, s, c, func(o *Options, _ *output.Setup) { o.User, o.PasswordFile = "me", secret })
	defer p.Close()
	_ = p.Finding(found("FS-low", finding.Low, "a printer is off"))
	_ = p.Finding(found("FS-info", finding.Info, "nobody reads this"))
	_ = p.Finding(found("FS-high", finding.High, "somebody guesses passwords"))
	muted := found("FS-muted", finding.Critical, "muted")
	muted.MutedBy = "known"
	_ = p.Finding(muted)
	unsure := found("FS-possible", finding.Critical, "unsure")
	unsure.Confidence = finding.Possible
	_ = p.Finding(unsure)

	envelope, m, subject, body := parts(t, s.got())
	if envelope != "secure=true FROM:<sensor@example.net> BODY=8BITMIME TO:<admin@example.net> TO:<o@example.org>" {
		t.Errorf("envelope %q", envelope)
	}
	if subject != "[firestorm gw] HIGH: somebody guesses passwords" || !strings.Contains(body, "FS-high") {
		t.Errorf("%q %q", subject, body)
	}
	for h, want := range map[string]string{"Auto-Submitted": "auto-generated", "List-Id": "<findings.gw.example.net>", "From": `"Sensor" <sensor@example.net>`,
		"To": `<admin@example.net>, "Other" <o@example.org>`, "Content-Type": "text/plain; charset=utf-8", "Date": "Sun, 01 Mar 2026 12:00:00 +0000"} {
		if got := m.Header.Get(h); got != want {
			t.Errorf("%s: %q, not %q", h, got, want)
		}
	}
	medium := found("FS-med", finding.Medium, "a cable is bad")
	_ = p.Finding(medium)
	medium.Count = 40
	_ = p.Finding(medium)                                     // grown: still one line
	_ = p.Finding(found("FS-gone", finding.Low, "a symptom")) // and absorbed later
	gone := found("FS-gone", finding.Low, "a symptom")
	gone.State = finding.Absorbed
	_ = p.Finding(gone)
	_ = p.Finding(found("FS-high", finding.High, "somebody guesses passwords, more of it")) // grown, not worse
	for range 18 {
		_ = p.Tick(c.pass(time.Hour)) // until six in the morning
	}
	if len(s.mails) != 0 {
		t.Fatalf("before the hour: %q", <-s.mails)
	}
	_ = p.Tick(c.pass(time.Hour))
	_, _, subject, body = parts(t, s.got())
	if subject != "[firestorm gw] the day: 1 high, 1 medium, 1 low" {
		t.Errorf("subject %q", subject)
	}
	high, med, low := strings.Index(body, "more of it"), strings.Index(body, "a cable is bad  (40 times)"), strings.Index(body, "a printer is off")
	if high < 0 || med < high || low < med || strings.Contains(body, "symptom") || strings.Contains(body, "nobody reads") || strings.Contains(body, "muted") || strings.Contains(body, "unsure") {
		t.Errorf("%d %d %d in %s", high, med, low, body)
	}
	for range 48 {
		_ = p.Tick(c.pass(time.Hour))
	}
	worse := found("FS-high", finding.Critical, "somebody guessed a password")
	_ = p.Finding(worse)
	_, _, subject, _ = parts(t, s.got()) // the next mail: two quiet days had none
	if subject != "[firestorm gw] CRITICAL: somebody guessed a password" {
		t.Errorf("subject %q", subject)
	}
}

// TestStorm: many severe findings at once are few mails; the others wait for the day's mail and are counted. So are alarms.
func TestStorm(t *testing.T) {
	s, c := &server{noTLS: true}, &clock{t: noon}
	p := open(t, s, c, func(o *Options, _ *output.Setup) { o.TLS, o.PerHour = Plain, 3 })
	for i := range 50 {
		_ = p.Finding(found(fmt.Sprintf("FS-%06d", i), finding.High, fmt.Sprintf("attack %d", i)))
	}
	for i := range 10 {
		_ = p.Alarm(&output.Alarm{Kind: output.Blind, Since: 1e18, At: 1e18, Text: "eth0 is down"})
		if i < 9 {
			_ = p.Alarm(&output.Alarm{Kind: output.Seeing, Since: 1e18, At: 2e18, Text: "eth0 is back"})
		}
	}
	for range 6 {
		_, _, subject, body := parts(t, s.got())
		if strings.Contains(subject, "BLIND") && !strings.Contains(body, "blind since 2001-09-09T01:46:40Z: eth0 is down") {
			t.Errorf("%q: %q", subject, body)
		}
	}
	_ = p.Tick(c.pass(time.Hour)) // there is room again
	_ = p.Finding(found("FS-late", finding.High, "one more"))
	_, _, subject, body := parts(t, s.got())
	if subject != "[firestorm gw] HIGH: one more" || !strings.Contains(body, "47 more at this severity came faster than 3 an hour") {
		t.Errorf("%q: %q", subject, body)
	}
	_ = p.Tick(c.pass(18 * time.Hour))
	_, _, subject, body = parts(t, s.got())
	for _, want := range []string{"eth0 is down", "attack 49", "47 of them had no mail of their own", "16 alarms before were not mailed"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %q: %s", want, subject, body)
		}
	}
	if err := p.Close(); err != nil || len(s.mails) != 0 {
		t.Errorf("%v, %d mails more", err, len(s.mails))
	}
}

// hostile is what a name in a packet can be.
const hostile = "x\r\nBcc: victim@example.com\r\n\r\n.\r\nMAIL FROM:<a@b>\x1b]0;owned\a\u202e\u2028 =?utf-8?q?=0D=0ABcc:_v@example.com?= <b>&\xff\x00 ÿ"

// TestHostileText: what stands in packets makes no header, ends no mail and steers nothing.
func TestHostileText(t *testing.T) {
	s, c := &server{}, &clock{t: noon}
	p := open(t, s, c, func(o *Options, setup *output.Setup) {
		o.Host = "gw\r\nX-Evil: 1"
		setup.FindingText = func(f *finding.Finding) string { return "who  " + f.Title + "\n.\nfrom there\n" }
	})
	_ = p.Finding(found("FS-1\r\nX-Evil: 2", finding.High, hostile))
	_ = p.Finding(found("FS-2\r\nX-Evil: 3", finding.Low, hostile))
	_ = p.Alarm(&output.Alarm{Kind: output.Blind, Since: 1, At: 2, Text: hostile})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		raw := s.got()
		_, m, subject, body := parts(t, raw)
		if len(m.Header) != 12 || m.Header.Get("Bcc") != "" || m.Header.Get("X-Evil") != "" {
			t.Errorf("%d headers: %v", len(m.Header), m.Header)
		}
		for _, r := range subject + strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", ""), "\n", "") {
			if r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028' || r == 0xfffd {
				t.Errorf("%q is in %q / %q", r, subject, body)
			}
		}
		for line := range strings.Lines(raw) {
			if !strings.HasPrefix(line, "secure=") && (!strings.HasSuffix(line, "\r\n") || len(line) > 1000) || strings.ContainsFunc(line, func(r rune) bool { return r > 126 }) {
				t.Errorf("line of %d bytes: %q", len(line), line)
			}
		}
	}
	if s.count("MAIL") != 3 || len(s.mails) != 0 {
		t.Errorf("%d mails were begun, %d are more than were sent", s.count("MAIL"), len(s.mails))
	}
}

// TestServerTrouble: what a server says decides whether it is asked again; nothing that was taken is sent twice.
func TestServerTrouble(t *testing.T) {
	for _, tc := range []struct {
		name    string
		server  *server
		mails   int
		lost    uint64
		retried bool
		err     string // of Health, when it is not up
	}{
		{name: "busy first", server: &server{answers: map[string]string{"greeting#1": "421 later", "MAIL#1": "451 later", "end#1": "452 full"}}, mails: 1, retried: true},
		{name: "refused for good", server: &server{answers: map[string]string{"end": "554 spam \x1b[31m"}}, lost: 1, err: `554 spam \u{1b}[31m`},
		{name: "one recipient", server: &server{answers: map[string]string{"RCPT#1": "550 who"}}, mails: 1, lost: 1},
		{name: "no recipient", server: &server{answers: map[string]string{"RCPT": "550 who"}}, lost: 1, err: "550 who"},
		{name: "no STARTTLS", server: &server{noTLS: true}, lost: 1, retried: true, err: "nothing is sent unprotected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := tc.server
			p := open(t, s, &clock{t: noon}, func(o *Options, _ *output.Setup) { o.Backoff.Within = 200 * time.Millisecond })
			_ = p.Finding(found("FS-1", finding.High, "t"))
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			h := p.Health()
			if len(s.mails) != tc.mails || h.Lost != tc.lost || (h.Retried > 0) != tc.retried || !strings.Contains(h.Err, tc.err) || h.Up != (tc.err == "") {
				t.Errorf("%d mails, %+v", len(s.mails), h)
			}
		})
	}
}

// TestSecretStaysSecret: a server that repeats the password does not get it into what we say, and a server whose certificate is
// not good gets neither password nor mail.
func TestSecretStaysSecret(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, badCert := range []bool{false, true} {
		s := &server{login: "me:other"}
		p := open(t, s, &clock{t: noon}, func(o *Options, _ *output.Setup) {
			o.User, o.PasswordFile, o.Backoff.Within = "me", secret, time.Millisecond
			if badCert {
				o.CAFile = ""
			}
		})
		_ = p.Finding(found("FS-1", finding.High, "t"))
		_ = p.Close()
		h := p.Health()
		if h.Up || h.Lost != 1 || strings.Contains(h.Err, "hunter2") || strings.Contains(h.Err, "you said") || badCert == strings.Contains(h.Err, "535") || badCert && s.count("AUTH") != 0 {
			t.Errorf("%+v", h)
		}
	}
	if err := os.Chmod(secret, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Server: "localhost:25", From: "a@b", To: []string{"a@b"}, User: "me", PasswordFile: secret}, output.Setup{}); err == nil || !strings.Contains(err.Error(), "may be read by everybody") {
		t.Errorf("%v", err)
	}
}

// TestAwayStopsNobody: while the server is away mails wait in a queue that has an end; findings are taken at once. What waits
// goes into the day's mail of the next run.
func TestAwayStopsNobody(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	c := &clock{t: noon}
	p := open(t, &server{}, c, func(o *Options, setup *output.Setup) {
		o.Server, o.PerHour, setup.Dir, setup.Context = "127.0.0.1:1", 1000, dir, ctx
		o.Backoff = output.Backoff{First: time.Hour, Most: time.Hour, Within: 48 * time.Hour}
	})
	begin := time.Now()
	for i := range 200 {
		_ = p.Finding(found(fmt.Sprintf("FS-%06d", i), finding.High, "t"))
	}
	_ = p.Finding(found("FS-low", finding.Low, "waits for the day"))
	stop()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// One is with the sender, 64 wait; it may have been the other's turn by one.
	if h := p.Health(); time.Since(begin) > 3*time.Second || h.Up || h.Lost != 200 {
		t.Errorf("%v, %+v", time.Since(begin), h)
	}
	s := &server{}
	p = open(t, s, c, func(_ *Options, setup *output.Setup) { setup.Dir = dir })
	_ = p.Tick(c.pass(20 * time.Hour))
	_, _, subject, body := parts(t, s.got())
	if !strings.Contains(body, "waits for the day") || !strings.HasPrefix(subject, "[firestorm gw] the day: 6") || !strings.HasSuffix(subject, " high, 1 low") {
		t.Errorf("%q: %s", subject, body)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = open(t, s, c, func(_ *Options, setup *output.Setup) { setup.Dir = dir })
	_ = p.Tick(c.pass(23 * time.Hour))
	if err := p.Close(); err != nil || len(s.mails) != 0 {
		t.Errorf("%v, %d mails of what was sent before", err, len(s.mails))
	}
	if err := os.WriteFile(filepath.Join(dir, digestFile), []byte(`{"Entries": 7`), 0o600); err != nil {
		t.Fatal(err)
	}
	p = open(t, s, c, func(_ *Options, setup *output.Setup) { setup.Dir = dir })
	_ = p.Close()
	if _, err := os.Stat(filepath.Join(dir, digestFile+".damaged")); err != nil {
		t.Error(err)
	}
}

func TestDigestIsBounded(t *testing.T) {
	var d digest
	for i := range mostEntries + 50 {
		d.add(entry{ID: fmt.Sprint("l", i), Severity: uint8(finding.Low)})
	}
	for i := range 20 {
		d.add(entry{ID: fmt.Sprint("m", i), Severity: uint8(finding.Medium)})
	}
	if len(d.Entries) != mostEntries || d.counts() != "20 medium, 350 low" || !strings.Contains(d.text("", 6), "more than one mail holds: 70 low") {
		t.Errorf("%d: %s", len(d.Entries), d.counts())
	}
}

func TestOptions(t *testing.T) {
	good := Options{Server: "mail.example.net:587", From: "a@example.net", To: []string{"b@example.net"}}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"server": func(o *Options) { o.Server = "mail" }, "tls": func(o *Options) { o.TLS = "ssl" }, "from": func(o *Options) { o.From = "a" },
		"two lines": func(o *Options) { o.From = "a@b\r\nBcc: c@d" }, "quoted": func(o *Options) { o.To = []string{`"a\" b"@c`} }, "to": func(o *Options) { o.To = nil },
		"hour": func(o *Options) { o.Hour = 24 }, "half": func(o *Options) { o.User = "me" }, "empty secret": func(o *Options) { o.User, o.PasswordFile = "me", secret },
		"bare secret": func(o *Options) { o.User, o.PasswordFile, o.TLS = "me", secret, Plain },
	} {
		o := good
		change(&o)
		if _, err := New(o, output.Setup{}); err == nil {
			t.Errorf("%s: %+v is taken", name, o)
		}
	}
	p, err := New(good, output.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
	zone := time.FixedZone("east", 2*3600)
	for _, h := range [][2]time.Time{{noon, noon.Add(19 * time.Hour)}, {noon.Add(19 * time.Hour), noon.Add(43 * time.Hour)}} {
		if got := nextHour(h[0], 7); !got.Equal(h[1]) {
			t.Errorf("%v: %v", h[0], got)
		}
	}
	if got := nextHour(noon.In(zone), 7); got.Hour() != 7 || got.Location() != zone {
		t.Errorf("%v", got)
	}
}
