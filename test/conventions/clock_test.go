package conventions

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// analysis lists the packages whose result may depend on nothing but packets and options.
var analysis = []string{"internal/packet", "internal/header", "internal/pcapfile", "internal/filter", "internal/capture", "internal/tracker",
	"internal/defrag", "internal/flow", "internal/stream", "internal/event", "internal/analyzer", "internal/analyzer/*",
	"internal/rules", "internal/rules/*", "internal/finding", "internal/neighbour", "internal/detect", "internal/detect/*",
	"internal/evidence", "internal/report", "internal/output", "internal/output/*", "internal/sensor", "internal/count"}

// machineCalls are functions that let the machine or the hour into a result.
var machineCalls = map[string]string{
	"time.Now": "", "time.Since": "", "time.Until": "", "time.After": "", "time.AfterFunc": "", "time.Tick": "",
	"time.NewTimer": "", "time.NewTicker": "", "time.Sleep": "", "os.Hostname": "", "os.Getpid": "", "os.Getwd": "",
	"maphash.MakeSeed": "", "runtime.ReadMemStats": "", "runtime.NumCPU": "", "rand.Int": "", "rand.Intn": "",
	"rand.IntN": "", "rand.Uint64": "", "rand.Uint32": "", "rand.Float64": "", "rand.Perm": "", "rand.Shuffle": "",
}

// clockExceptions are calls that do not reach a result, with the reason.
var clockExceptions = []struct{ file, call, why string }{
	{"internal/capture/follow.go", "time.Sleep", "waits for a growing file; packet times come from the file"},
	{"internal/capture/live_linux.go", "time.Now", "when a live source was opened, and how long ago: an idle wire has no packets to tell the time"},
	{"internal/capture/live_linux.go", "time.Since", "the one ticker of a live run that is idle"},
	{"internal/capture/live_linux.go", "time.Sleep", "waits for packets"},
	{"internal/capture/nflog_linux.go", "time.Now", "a logged packet that leaves the machine has no stamp of the kernel"},
	{"internal/tracker/socket_linux.go", "time.Now", "the kernel stamps an event only where it is told to"},
	{"internal/output/sqlite/sqlite.go", "time.Now", "since when the disk takes nothing, and when counters were last written"},
	{"internal/output/sqlite/sqlite.go", "time.NewTicker", "looks after the store of an idle sensor"},
	{"internal/sensor/sensor.go", "time.Sleep", "waits when a followed file has nothing new"},
	{"internal/sensor/ingest.go", "time.Sleep", "waits when a followed file has nothing new"},
	{"internal/output/mail/mail.go", "time.Now", "the hour of the day's mail, and how many went in an hour"},
	{"internal/output/nftset/nftset.go", "time.Now", "when what is blocked runs out: the kernel's clock decides"},
	{"internal/output/runner.go", "time.NewTicker", "live: hands on what is too little for a batch; outputs see the hour, analysis does not"},
	{"internal/output/runner.go", "time.AfterFunc", "live: the end does not wait for a receiver that hangs"},
	{"internal/output/retry.go", "time.Now", "how long a delivery has been tried"},
	{"internal/output/retry.go", "time.Since", "how long a delivery has been tried"},
	{"internal/output/retry.go", "time.NewTimer", "waits before a delivery is tried again"},
	{"internal/output/sink.go", "time.Now", "when a receiver that was away is tried again, how long a write may take, how long ago a file lost lines"},
	{"internal/output/syslog/syslog.go", "time.Now", "how long a write may take"},
	{"internal/rules/mpm/engine.go", "time.Now", "measures which of two engines is faster; both find the same"},
	{"internal/rules/mpm/engine.go", "time.Since", "measures which of two engines is faster; both find the same"},
}

func clockRule(s *source) []string {
	if s.test || s.pkg == "internal/detect/detecttest" || s.pkg == "internal/analyzer/analyzertest" || !allowed(strings.Join(analysis, " "), s.pkg) {
		return nil
	}
	names := map[string]bool{}
	for p := range s.imports() {
		names[p[strings.LastIndexByte(p, '/')+1:]] = true
	}
	var out []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || id.Obj != nil { // a local variable of that name
			return true
		}
		call := id.Name + "." + sel.Sel.Name
		if _, bad := machineCalls[call]; !bad || !names[id.Name] {
			return true
		}
		for _, e := range clockExceptions {
			if e.file == s.path && e.call == call {
				return true
			}
		}
		out = append(out, fmt.Sprintf("%s:%d: %s: analysis knows packet time only", s.path, s.fset.Position(n.Pos()).Line, call))
		return true
	})
	return out
}

func TestNoMachineInResults(t *testing.T) {
	for _, s := range goSources(t) {
		report(t, clockRule(s))
	}
}

func TestClockRuleCanFail(t *testing.T) {
	bad := "package x\nimport \"time\"\nvar t = time.Now()\n"
	mustComplain(t, "clock", clockRule(parse(t, "internal/flow/a.go", bad)),
		clockRule(parse(t, "internal/web/a.go", bad)), "time.Now")
	mustComplain(t, "timer in a child", clockRule(parse(t, "internal/detect/x/a.go", "package x\nimport \"time\"\nvar f = time.AfterFunc\n")),
		clockRule(parse(t, "internal/detect/x/a_test.go", bad)), "time.AfterFunc")
}
