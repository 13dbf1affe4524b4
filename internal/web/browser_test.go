//go:build linux && browser

// With a tag of their own: the protocol of the browser takes a minute to compile, and scripts/net/console.sh alone runs them.

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"firestorm/internal/finding"
	"firestorm/internal/health"
)

// browser is a tab of Chromium in front of a console.
type browser struct {
	t      *testing.T
	ctx    context.Context
	base   string
	dir    string // of the store
	status string
	axe    string // the program of axe-core
	clock  func() time.Time

	mu      sync.Mutex
	trouble []string // requests that leave, violations of the policy, errors of the script
}

// chromium is a folder with axe-core's file and the name of the browser, from the environment that scripts/net/console.sh
// sets.
func newBrowser(t *testing.T) *browser {
	axe := os.Getenv("FIRESTORM_AXE")
	if axe == "" {
		t.Skip("the console in Chromium with axe-core: enable: scripts/net/console.sh   (needs chromium and npm)")
	}
	program, err := os.ReadFile(axe)
	if err != nil {
		t.Fatal(err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no chromium: apt-get install chromium")
	}
	b := &browser{t: t, dir: t.TempDir(), axe: string(program)}
	b.status = filepath.Join(b.dir, "status.json")
	s := New(Options{Store: b.dir, Status: b.status, Token: testToken, Codes: codes, Report: plain, Poll: 200 * time.Millisecond})
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		s.Close()
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	b.base = "http://127.0.0.1:" + port
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1200, 900))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b.ctx = tab
	b.do() // the browser starts
	var stopAll context.CancelFunc
	b.ctx, stopAll = context.WithTimeout(b.ctx, 5*time.Minute)
	t.Cleanup(stopAll)
	err = chromedp.Listen(b.ctx, func(ev any) {
		bad := ""
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, b.base+"/") {
				bad = "asks for " + e.Request.URL
			}
		case *cdplog.EventEntryAdded:
			if e.Entry.Source == cdplog.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				bad = "security: " + e.Entry.Text
			}
		case *runtime.EventExceptionThrown:
			bad = "script: " + e.ExceptionDetails.Text
			if x := e.ExceptionDetails.Exception; x != nil {
				bad += " " + x.Description
			}
		case *runtime.EventConsoleAPICalled:
			for _, a := range e.Args {
				if s := string(a.Value); strings.Contains(s, "policy-violation") {
					bad = s
				}
			}
		}
		if bad != "" {
			b.mu.Lock()
			b.trouble = append(b.trouble, bad)
			b.mu.Unlock()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `addEventListener("securitypolicyviolation", (e) => console.error("policy-violation " + e.violatedDirective + " " + e.blockedURI))`})
	return b
}

// call gives the browser a command.
func call[P, R any](b *browser, c cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, c, params); err != nil {
		b.t.Fatal(err)
	}
}

// value evaluates an expression.
func value[T any](b *browser, js string, o ...chromedp.EvaluateOption) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, o...))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *browser) do(as ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, as...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitReady(chromedp.CSS("body")))
}

// is evaluates what must be true, within five seconds.
func (b *browser) is(what, js string) {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+js+")")); err == nil && ok {
			return
		}
	}
	at := value[string](b, `location.pathname + " " + (document.activeElement ? document.activeElement.outerHTML.slice(0, 200) + " " + document.activeElement.value : "")`)
	b.t.Errorf("not so: %s (at %s)", what, at)
}

// press presses keys as a person does: the text of a key goes with its press, so that a page that takes the press for itself
// gets no text.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, s := range keys {
		for _, r := range s {
			text := ""
			for _, k := range kb.Encode(r) {
				if k.Type == kb.KeyChar {
					text = k.Text
				}
			}
			for _, k := range kb.Encode(r) {
				if k.Type == kb.KeyChar {
					continue
				}
				if k.Type != kb.KeyUp {
					k.Type, k.Text, k.UnmodifiedText = kb.KeyDown, text, text
				}
				call(b, input.DispatchKeyEvent, *k)
			}
		}
	}
}

// troubles returns what went wrong so far, and forgets it.
func (b *browser) troubles() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := strings.Join(b.trouble, "\n")
	b.trouble = nil
	return s
}

// violations runs axe-core on the page as it stands.
func (b *browser) violations() string {
	b.t.Helper()
	value[int](b, b.axe+";0")
	out := value[string](b, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]}}).then((r) => JSON.stringify({
		passed: r.passes.length, violations: r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | "))}))`,
		chromedp.EvalAwaitPromise)
	var r struct {
		Passed     int
		Violations []string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		b.t.Fatal(err, out)
	}
	if r.Passed < 5 {
		b.t.Errorf("axe-core checked next to nothing: %d rules", r.Passed)
	}
	return strings.Join(r.Violations, "\n")
}

// say writes a status.
func (b *browser) say(change func(f *health.File)) {
	b.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	f := &health.File{Version: 1, Time: now, Began: now.Add(-time.Hour), Every: 60, Healthy: true, Packets: 182736, Bytes: 9e9, Undecoded: 3, NotUsed: map[string]uint64{"copies": 12, hostile: 1}, Rounds: 8,
		Findings: map[string]uint64{"high": 2}, Interfaces: []health.Interface{{Name: "eth0", Packets: 9, Last: now}, {Name: "eth1"}}, Rate: &health.Rate{Seconds: 5, Packets: 5, Bytes: 90},
		Talkers: []health.Talker{{Address: "192.0.2.1", Bytes: 1e6}}, Rules: &health.Rules{Active: 38000, Refused: 3, Newest: now.Add(-30 * 24 * time.Hour)}}
	if change != nil {
		change(f)
	}
	if err := health.Write(b.status, f); err != nil {
		b.t.Fatal(err)
	}
}

// recent is a finding of so many seconds ago by the clock of the machine.
func recent(i int, code *finding.Code, ago int, title string) *finding.Finding {
	return found(i, code, ago-int(time.Since(now).Seconds()), title)
}

func (b *browser) fill() {
	var fs []*finding.Finding
	for i := range 60 {
		code, title := closed, fmt.Sprintf("192.0.2.%d itself refuses port 8443: nothing listens there", i)
		if i%7 == 0 {
			code, title = scan, "203.0.113.9 tried 163 doors of 10.2.0.2 in 5.4 ms; 2 opened"
		}
		if i == 3 {
			title = hostile
		}
		fs = append(fs, recent(i, code, 3000*i+30, title))
	}
	fs[4].MutedBy = "the printer is off at night"
	fs[5].Confidence = finding.CannotTell
	fs[5].Gates = []finding.GateResult{{Gate: finding.GateTwoWay, Text: "only one direction was seen", How: "firestorm watch --tap a+b", Caps: finding.CannotTell}}
	again := *fs[6]
	again.Revision, again.Count = 2, 9
	keep(b.t, b.dir, append(fs, &again)...)
}

// TestBrowserAccess: no page violates anything of WCAG A and AA that axe-core can see, in light and dark, on wide and on narrow
// screens; nothing violates the policy, and no request leaves.
func TestBrowserAccess(t *testing.T) {
	b := newBrowser(t)
	b.open("/")
	if v := b.violations(); v != "" {
		t.Errorf("without the link: %s", v)
	}
	b.is("the page says how to get in", `document.body.textContent.includes("serve --link")`)
	b.open("/?token=" + testToken)
	b.is("the token is gone from the address", `location.pathname + location.search === "/"`)
	b.is("there is no store yet", `document.querySelector("h1").textContent === "There is no store yet"`)
	if v := b.violations(); v != "" {
		t.Errorf("no store: %s", v)
	}
	b.fill()
	looks := 0
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1200, 390} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
			b.do(chromedp.EmulateViewport(width, 900))
			for _, p := range []struct {
				name, path string
				status     func(f *health.File)
			}{
				{"inbox", "/", nil}, {"inbox, blind", "/", func(f *health.File) { f.Interfaces[0].BlindSince, f.Interfaces[0].Why = f.Time, "gone" }},
				{"second page", "/?page=2", nil}, {"muted", "/?show=muted", nil}, {"filter", "/?q=tried&severity=high&kind=attack", nil}, {"nothing", "/?q=nothing-like-it", nil},
				{"finding", "/finding/FS-000000", nil}, {"hostile", "/finding/FS-000003", nil}, {"cannot tell", "/finding/FS-000005", nil}, {"grown", "/finding/FS-000006", nil},
				{"status", "/status", nil}, {"status, blind", "/status", func(f *health.File) { f.Interfaces[0].BlindSince, f.Interfaces[0].Why = f.Time, "gone" }},
				{"status, uneasy", "/status", func(f *health.File) { f.Lost = 7 }}, {"status, old", "/status", func(f *health.File) { f.Time = f.Time.Add(-time.Hour) }},
				{"keys", "/keys", nil}, {"not there", "/nothing", nil},
			} {
				b.say(p.status)
				b.open(p.path)
				if v := b.violations(); v != "" {
					t.Errorf("%s, %s, %d wide: %s", p.name, scheme, width, v)
				}
				b.is(p.name+" is no wider than the screen", `document.documentElement.scrollWidth <= innerWidth`)
				looks++
				if dir := os.Getenv("FIRESTORM_SHOTS"); dir != "" {
					png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
					if err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", strings.NewReplacer(" ", "-", ",", "").Replace(p.name), scheme, width)), png, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.open("/")
			b.press("?")
			b.is("the list of keys is open", `document.getElementById("keys").open`)
			if v := b.violations(); v != "" {
				t.Errorf("list of keys, %s: %s", scheme, v)
			}
		}
	}
	t.Logf("%d looks at pages", looks)
	if s := b.troubles(); s != "" {
		t.Error(s)
	}
	// What finds nothing must be able to find something.
	b.open("/")
	value[int](b, `{ const i = document.createElement("img"); i.src = "http://192.0.2.1/x.png"; document.getElementById("main").append(i);
		const p = document.createElement("p"); p.textContent = "pale words"; p.style.color = "#444"; document.getElementById("main").append(p); } 0`)
	if v := b.violations(); !strings.Contains(v, "image-alt") || !strings.Contains(v, "color-contrast") {
		t.Errorf("axe-core sees nothing where there is something: %q", v)
	}
	time.Sleep(300 * time.Millisecond)
	if s := b.troubles(); !strings.Contains(s, "img-src") {
		t.Errorf("the policy lets an image of another host through: %q", s)
	}
}

// TestBrowserKeys: everything can be reached by keyboard, nothing holds the focus, single keys can be switched off.
func TestBrowserKeys(t *testing.T) {
	b := newBrowser(t)
	b.fill()
	b.say(nil)
	b.open("/?token=" + testToken)
	b.is("the stream runs", `document.getElementById("fresh").textContent === "live"`)
	b.press(kb.Tab)
	b.is("the first stop is the skip link", `document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().top >= 0`)
	b.press(kb.Enter)
	b.is("it leads to the content", `document.activeElement.id === "main" || location.hash === "#main"`)
	b.press(kb.Tab)
	b.is("the next stop is in the content", `document.getElementById("main").contains(document.activeElement)`)
	// A walk with Tab meets every link and field, in their order, and leaves the page at its end.
	b.open("/")
	met, n := 0, value[int](b, `window.stops = [...document.querySelectorAll("a[href],button,input:not([type=hidden]),select,[tabindex='0']")].filter((x) => !x.closest("dialog")); stops.length`)
	for ; met < n; met++ {
		b.press(kb.Tab)
		if at := value[int](b, `stops.indexOf(document.activeElement)`); at != met {
			t.Fatalf("stop %d is number %d of the page: %s", met, at, value[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
	t.Logf("%d stops", n)
	b.press(kb.Tab)
	b.is("the walk goes on behind the last stop", `stops.indexOf(document.activeElement) <= 0`)
	b.open("/")
	row := func(i int) string {
		return fmt.Sprintf(`document.activeElement === document.querySelectorAll(".go")[%d]`, i)
	}
	b.press("j")
	b.is("j goes to the first", row(0))
	b.press("j", "j", "k")
	b.is("j j k goes to the second", row(1))
	b.press(kb.Enter)
	b.is("Enter opens it", `location.pathname === "/finding/FS-000001" && document.readyState === "complete"`)
	b.press("u")
	b.is("u goes up", `location.pathname === "/" && document.querySelector(".go") && document.readyState === "complete"`)
	b.press("s")
	b.is("s shows the status", `location.pathname === "/status" && document.querySelector(".verdict") && document.readyState === "complete"`)
	b.press("u")
	b.is("u goes up again", `location.pathname === "/" && document.readyState === "complete"`)
	b.press("/")
	b.is("/ searches", `document.activeElement.id === "search" && document.activeElement.value === ""`)
	b.press("j", "u", "?")
	b.is("letters are letters there", `document.activeElement.value === "ju?" && location.pathname === "/" && !document.getElementById("keys").open`)
	b.press(kb.Escape, "?")
	b.is("? lists the keys", `document.getElementById("keys").open`)
	b.press("u", "j")
	b.is("keys do nothing behind the list", `document.getElementById("keys").open && location.pathname === "/"`)
	b.press(kb.Escape)
	b.is("Escape closes it", `!document.getElementById("keys").open`)
	b.do(chromedp.Click(chromedp.CSS("#keys-link")), chromedp.Click(chromedp.CSS("#keys-on")), chromedp.Click(chromedp.CSS("#keys button")))
	b.press("s")
	time.Sleep(300 * time.Millisecond)
	b.is("keys are off", `location.pathname === "/" && localStorage.getItem("keys") === "off"`)
	b.open("/status")
	b.press("u")
	time.Sleep(300 * time.Millisecond)
	b.is("keys stay off", `location.pathname === "/status"`)
	if s := b.troubles(); s != "" {
		t.Error(s)
	}
}

// TestBrowserNews: a finding that is added appears by itself; what was there stays what it was. Without the script all works but
// that.
func TestBrowserNews(t *testing.T) {
	b := newBrowser(t)
	b.fill()
	b.say(nil)
	b.open("/?token=" + testToken)
	b.is("the stream runs", `document.getElementById("fresh").textContent === "live"`)
	time.Sleep(500 * time.Millisecond)
	b.press("j", "j", "j", "j", "j", "j", "j", "j", "j")
	value[int](b, `window.mine = document.activeElement; window.top0 = mine.getBoundingClientRect().top; window.gone = 0;
		new MutationObserver((l) => { for (const m of l) window.gone += m.removedNodes.length }).observe(document.getElementById("list"), {childList: true, subtree: true}); 0`)
	begun := time.Now()
	keep(t, b.dir, recent(777, scan, 1, "a new one"))
	b.is("the new finding is there", `document.getElementById("row-FS-000777-scan-port")`)
	t.Logf("seen after %v", time.Since(begun).Round(10*time.Millisecond))
	b.is("it is the first", `document.querySelector(".row").id === "row-FS-000777-scan-port"`)
	b.is("the focus stayed", `document.activeElement === mine && mine.isConnected`)
	b.is("the eye stayed", `Math.abs(mine.getBoundingClientRect().top - top0) < 3`)
	b.is("only the row that no longer fits the page went", `gone <= 6`)
	b.is("it was announced", `document.getElementById("said").textContent === "One more finding"`)
	b.is("the sum has grown", `document.querySelector(".lead").textContent.startsWith("60 findings")`)
	b.say(func(f *health.File) { f.Interfaces[0].BlindSince = f.Time })
	b.is("blindness shows by itself", `document.querySelector(".health").textContent.includes("blind")`)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/")
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "tried"+kb.Enter), chromedp.Sleep(time.Second))
	at, text := value[string](b, `location.href`), value[string](b, `document.getElementById("lead").textContent`)
	if !strings.Contains(at, "q=tried") || !strings.Contains(text, "9 findings that fit") {
		t.Errorf("without the script: %s, %s", at, text)
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.open("/finding/FS-000000")
	b.is("paper has no navigation", `getComputedStyle(document.querySelector(".bar nav")).display === "none" && getComputedStyle(document.querySelector(".card")).display !== "none"`)
	if s := b.troubles(); s != "" {
		t.Error(s)
	}
}
