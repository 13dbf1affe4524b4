// Package metrics shows what the program measures to Prometheus, over HTTP on loopback.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "metrics", About: "numbers for Prometheus, on loopback",
	Drops: "everything but numbers; muted findings are not among those counted by code",
	New: func(s output.Setup) (output.Output, error) {
		o, _ := s.Options.(Options)
		return New(o, s)
	},
}

// Options say where the numbers are shown.
type Options struct {
	Listen string // ADDRESS:PORT
	// Remote allows an address that others reach. Who reaches it reads the numbers: there is no password.
	Remote bool
}

// mostInFlight bounds the requests that are answered at once.
const mostInFlight = 4

// Output is the page /metrics. It uses Setup.Metrics, called for each request.
type Output struct {
	s      output.Setup
	l      net.Listener
	server *http.Server
	done   chan struct{}
	busy   chan struct{} // has a place for each request that is being answered

	mu       sync.Mutex
	findings map[[3]string]float64 // by code, kind and severity
	alarms   map[string]float64    // by kind
	err      error                 // of serving
}

// New starts to listen.
func New(o Options, s output.Setup) (*Output, error) {
	at, err := netip.ParseAddrPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("metrics: %q is not ADDRESS:PORT, such as 127.0.0.1:9469", o.Listen)
	}
	if !at.Addr().Unmap().IsLoopback() && !o.Remote {
		return nil, fmt.Errorf("metrics: everybody who reaches %s could read the numbers, and there is no password; use 127.0.0.1, or allow it (--metrics-remote)", o.Listen)
	}
	p := &Output{s: s, done: make(chan struct{}), busy: make(chan struct{}, mostInFlight), findings: map[[3]string]float64{}, alarms: map[string]float64{}}
	for _, k := range []output.AlarmKind{output.Blind, output.Seeing} {
		p.alarms[string(k)] = 0 // there from the start
	}
	if p.l, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	p.server = &http.Server{Handler: guard(http.HandlerFunc(p.page), o.Remote), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(quiet{}, "", 0)}
	go func() {
		defer close(p.done)
		if err := p.server.Serve(p.l); !errors.Is(err, http.ErrServerClosed) {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
		}
	}()
	return p, nil
}

// Addr is where it listens.
func (p *Output) Addr() net.Addr { return p.l.Addr() }

// quiet takes what net/http would print: anybody on the machine can cause it.
type quiet struct{}

// Write implements io.Writer.
func (quiet) Write(b []byte) (int, error) { return len(b), nil }

// guard lets requests for the one page through. A request whose Host is not this machine comes from a page of somebody else
// whose name was pointed here.
func guard(page http.Handler, remote bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case !remote && !output.LoopbackHost(r.Host):
			http.Error(w, "this address is for this machine", http.StatusMisdirectedRequest)
		case r.URL.Path != "/metrics":
			http.Error(w, "only /metrics is here", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		default:
			page.ServeHTTP(w, r)
		}
	})
}

// page writes all numbers.
func (p *Output) page(w http.ResponseWriter, _ *http.Request) {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	default:
		http.Error(w, "too many ask at once", http.StatusServiceUnavailable)
		return
	}
	var all []output.Metric
	if p.s.Metrics != nil {
		all = p.s.Metrics()
	}
	all = append(append(all, p.own()...), process()...)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(appendText(nil, all)) // the reader went away: nobody is left to tell
}

// own are the numbers that the output counts.
func (p *Output) own() (all []output.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, n := range p.findings {
		all = append(all, output.Metric{Name: "firestorm_findings_total", Help: "Findings told for the first time.", Total: true, Value: n,
			Labels: [][2]string{{"code", k[0]}, {"kind", k[1]}, {"severity", k[2]}}})
	}
	for k, n := range p.alarms {
		all = append(all, output.Metric{Name: "firestorm_alarms_total", Help: "Alarms of the sensor about itself: blind, seeing.", Total: true, Value: n, Labels: [][2]string{{"kind", k}}})
	}
	return all
}

// label makes text a label's value: visible, and not long.
func label(s string) string {
	s = event.Visible(s)
	if r := []rune(s); len(r) > 120 {
		s = string(r[:119]) + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// Event counts nothing: the sensor counts events.
func (p *Output) Event(event.Event) error { return nil }

// Finding counts f when it is told for the first time.
func (p *Output) Finding(f *finding.Finding) error {
	if f.MutedBy == "" && f.Revision <= 1 && f.State != finding.Absorbed {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.findings[[3]string{f.Code.ID, string(f.Code.Kind), f.Severity.String()}]++
	}
	return nil
}

// Alarm counts alarms.
func (p *Output) Alarm(a *output.Alarm) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alarms[string(a.Kind)]++
	return nil
}

// Flush does nothing.
func (p *Output) Flush() error { return nil }

// Close ends the page; a request that is being answered has a moment for it.
func (p *Output) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	if err := p.server.Shutdown(ctx); err != nil {
		_ = p.server.Close()
	}
	<-p.done
	return nil
}

// Health says whether the page is there.
func (p *Output) Health() output.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return output.Health{Err: p.err.Error()}
	}
	return output.Health{Up: true}
}
