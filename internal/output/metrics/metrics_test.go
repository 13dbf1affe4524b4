package metrics

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"firestorm/internal/finding"
	"firestorm/internal/output"
)

func open(t *testing.T, o Options, all ...output.Metric) *Output {
	t.Helper()
	p, err := New(o, output.Setup{Metrics: func() []output.Metric { return all }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// get asks for a page; host is the Host header, empty: as the address is.
func get(t *testing.T, p *Output, method, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+p.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestPage(t *testing.T) {
	p := open(t, Options{Listen: "127.0.0.1:0"},
		output.Metric{Name: "firestorm_packets_total", Help: "Packets.", Total: true, Value: 7},
		output.Metric{Name: "firestorm_interface_blind", Help: "Blind.", Labels: [][2]string{{"interface", "eth0"}}, Value: 1},
		output.Metric{Name: "firestorm_interface_blind", Help: "Blind.", Labels: [][2]string{{"interface", "x\"} 9\nfirestorm_evil 1\x1b[2J\xff\u202e" + strings.Repeat("y", 4000)}}})
	f := &finding.Finding{Code: &finding.Code{ID: "arp-scan", Kind: finding.Attack}, Severity: finding.Medium}
	_ = p.Finding(f)
	g := *f
	g.Revision = 2
	_ = p.Finding(&g) // grown: counted already
	g.Revision, g.MutedBy = 1, "known"
	_ = p.Finding(&g)
	_ = p.Alarm(&output.Alarm{Kind: output.Blind})
	status, text := get(t, p, "GET", "/metrics", "")
	for _, want := range []string{"\nfirestorm_packets_total 7\n", "\nfirestorm_interface_blind{interface=\"eth0\"} 1\n", `firestorm_findings_total{code="arp-scan",kind="attack",severity="medium"} 1`,
		`firestorm_alarms_total{kind="blind"} 1`, `firestorm_alarms_total{kind="seeing"} 0`, "\nprocess_resident_memory_bytes ", "\ngo_memstats_heap_alloc_bytes "} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("%d: no %q in %s", status, want, text)
		}
	}
	evil := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "firestorm_evil") || strings.ContainsAny(line, "\x1b\u202e") || !strings.HasPrefix(line, "#") && len(line) > 400 {
			t.Errorf("%q", line)
		}
		if strings.Contains(line, "firestorm_evil 1") {
			evil++
		}
	}
	if evil != 1 {
		t.Errorf("the hostile label is there %d times", evil)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range problems {
		t.Errorf("lint: %s: %s", x.Metric, x.Text)
	}
}

// TestLintCanFail: a metric that is named badly is found.
func TestLintCanFail(t *testing.T) {
	problems, err := promlint.New(strings.NewReader("# HELP firestorm_packets Packets.\n# TYPE firestorm_packets counter\nfirestorm_packets 1\n")).Lint()
	if err != nil || len(problems) == 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestGuard: another machine, another name for this one, and another page get nothing.
func TestGuard(t *testing.T) {
	for _, bad := range []string{"0.0.0.0:0", "192.0.2.1:9469", "[::]:0", "localhost", "127.0.0.1", ":9469"} {
		if p, err := New(Options{Listen: bad}, output.Setup{}); err == nil {
			_ = p.Close()
			t.Errorf("%s is taken", bad)
		}
	}
	p := open(t, Options{Listen: "127.0.0.1:0"})
	for _, c := range []struct {
		method, path, host string
		want               int
	}{{"GET", "/metrics", "evil.example", 421}, {"GET", "/metrics", "localhost:1", 200}, {"GET", "/", "", 404}, {"POST", "/metrics", "", 405}, {"GET", "/debug/pprof/", "", 404}} {
		if got, text := get(t, p, c.method, c.path, c.host); got != c.want || c.want != 200 && strings.Contains(text, "firestorm_") {
			t.Errorf("%+v: %d %s", c, got, text)
		}
	}
	far := open(t, Options{Listen: "0.0.0.0:0", Remote: true})
	if got, _ := get(t, far, "GET", "/metrics", "sensor.example"); got != 200 {
		t.Errorf("%d", got)
	}
}

// TestTwice: numbers with the same labels twice cost those, not the page.
func TestTwice(t *testing.T) {
	m := output.Metric{Name: "firestorm_x_total", Help: "X.", Total: true}
	p := open(t, Options{Listen: "127.0.0.1:0"}, m, m, output.Metric{Name: "firestorm_y_total", Help: "Y.", Total: true, Value: 3})
	if status, text := get(t, p, "GET", "/metrics", ""); status != 200 || !strings.Contains(text, "firestorm_y_total 3") {
		t.Errorf("%d %s", status, text)
	}
}
