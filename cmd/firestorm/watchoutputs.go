//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"firestorm/internal/config"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/output/mail"
	"firestorm/internal/output/metrics"
	"firestorm/internal/output/nftset"
	"firestorm/internal/output/syslog"
	"firestorm/internal/output/webhook"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// webhookSecret is the variable with the Authorization header of --webhook: what stands in the command line, everybody on
// the machine can read.
const webhookSecret = "FIRESTORM_WEBHOOK_AUTHORIZATION"

// farFlags are the outputs that leave the machine.
type farFlags struct {
	syslog  []string
	webhook []string
	mail    config.Mail
	metrics string // ADDRESS:PORT
	// metricsRemote allows an address that others reach.
	metricsRemote bool
	blocking      config.Blocking
}

// blocks reports that sources of attacks are to be blocked, or that it is to be said.
func (f *farFlags) blocks() bool { return f.blocking.Mode != "" && f.blocking.Mode != "off" }

// blockOptions are those of who has the right to block.
func (f *farFlags) blockOptions() nftset.Options {
	return nftset.Options{DryRun: f.blocking.Mode == "dry-run", Timeout: f.blocking.Timeout, Allow: f.blocking.Allow}
}

// blockFailure says why nothing can be blocked, and what to try.
func blockFailure(err error) error {
	code, try := exitEngine, "--block dry-run"
	if errors.Is(err, nftset.ErrNotPermitted) {
		code, try = exitPermission, "sudo firestorm watch ... --block on   (or --block dry-run, which only says)"
	}
	return &failure{code: code, what: "nothing can be blocked", why: err.Error(), try: try, err: err}
}

// far are outputs whose receivers may be slow, or gone: capture never waits for them. Nil: there are none.
type far struct {
	runner *output.Runner // who hears of news
	store  *output.Runner // who gets every revision, and what is muted
	blind  map[string]packet.Time
	meter  *meter // nil: nobody asks for numbers
	// Of the input, for the store.
	begin, now atomic.Int64
	noted      noted // the store; nil: none
	heard      int   // of its notes
}

// farOutputs starts the outputs that f names, and the store. input is the name of what is watched, opt what the sensor is to
// run with: it gets the mutes that the store brings.
func (a *app) farOutputs(f *farFlags, o *readOptions, input string, opt *sensor.Options) (*far, error) {
	if len(f.syslog)+len(f.webhook) == 0 && f.mail.Server == "" && f.metrics == "" && !f.blocks() && o.StoreIn == "" {
		return nil, nil
	}
	rep := &report.Report{Files: []report.File{{Name: input, Packets: 1}}}
	x := &far{runner: output.NewRunner(true), store: output.NewRunner(true), blind: map[string]packet.Time{}}
	setup := output.Setup{MinConfidence: o.MinConfidence, Application: "firestorm " + version, Live: true, Context: x.runner.Context(),
		FindingJSON: func(dst []byte, f *finding.Finding) []byte { return report.AppendFinding(dst, rep, f) }}
	add := func(name, example string, options any) error {
		def, s := outputDef(name), setup
		s.Options = options
		out, err := def.New(s)
		if err != nil {
			x.close()
			return usagef(example, "--%v", err)
		}
		x.runner.Add(def, out)
		return nil
	}
	for _, where := range f.syslog {
		network, address, _ := strings.Cut(where, ":")
		if err := add("syslog", "--syslog udp:192.0.2.5:514   (or tcp:HOST:PORT, unixgram:/dev/log)", syslog.Options{Network: network, Address: address}); err != nil {
			return nil, err
		}
	}
	for _, url := range f.webhook {
		if err := add("webhook", "--webhook https://hooks.example.net/firestorm", webhook.Options{URL: url, Authorization: a.getenv(webhookSecret)}); err != nil {
			return nil, err
		}
	}
	if f.mail.Server != "" {
		if err := a.addMail(f, o, x, setup, rep); err != nil {
			x.close()
			return nil, err
		}
	}
	if o.StoreIn != "" {
		if opt.Mutes == nil {
			opt.Mutes = &finding.Mutes{}
		}
		def, s := outputDef("sqlite"), setup
		s.Dir, s.Mutes, s.Context = o.StoreIn, opt.Mutes, x.store.Context()
		s.Inputs = func() ([]string, packet.Time, packet.Time) {
			return []string{input}, packet.Time(x.begin.Load()), packet.Time(x.now.Load())
		}
		out, err := def.New(s)
		if err != nil {
			x.close()
			return nil, storeFailure(o.StoreIn, err)
		}
		x.store.Add(def, out)
		if s, ok := out.(noted); ok {
			x.noted = s
		}
		if s, ok := out.(interface{ Told() []finding.Told }); ok {
			opt.Told = s.Told()
		}
	}
	if f.blocks() {
		s := setup
		s.Out, s.Mutes = a.stderr, opt.Mutes
		options := f.blockOptions()
		if w := a.process.worker; w != nil {
			there := &nftset.Remote{Ask: w.Ask}
			options.Firewall, options.May = there, there.May
		}
		s.Options = options
		def := outputDef("nftset")
		out, err := def.New(s)
		if err != nil {
			x.close()
			return nil, blockFailure(err)
		}
		x.store.Add(def, out) // it hears of mutes as well
	}
	if f.metrics != "" {
		x.meter = &meter{hits: map[string]uint64{}, limit: opt.MaxMemory}
		x.meter.counts = x.counts
		s := setup
		s.Options, s.Metrics = metrics.Options{Listen: f.metrics, Remote: f.metricsRemote}, x.meter.metrics
		def := outputDef("metrics")
		out, err := def.New(s)
		if err != nil {
			x.close()
			return nil, usagef("--metrics 127.0.0.1:9469", "--%v", err)
		}
		x.meter.at = out.(*metrics.Output).Addr()
		x.runner.Add(def, out)
		opt.Sinks = append(opt.Sinks, x.meter)
	}
	return x, nil
}

// meterEVE has the numbers say how EVE does, too.
func (x *far) meterEVE(e *eveOutput) {
	if x == nil || x.meter == nil || e == nil {
		return
	}
	x.meter.mu.Lock()
	defer x.meter.mu.Unlock()
	others := x.meter.counts
	x.meter.counts = func() []output.Count { return append(e.runner.Counts(), others()...) }
}

// addMail starts the mails that the configuration asks for.
func (a *app) addMail(f *farFlags, o *readOptions, x *far, s output.Setup, rep *report.Report) error {
	m := &f.mail
	host, _ := os.Hostname()
	atOnce, _ := finding.ParseSeverity(m.AtOnce)
	s.Options = mail.Options{Server: m.Server, TLS: mail.TLS(m.TLS), CAFile: m.CAFile, User: m.User, PasswordFile: m.PasswordFile, From: m.From, To: m.To,
		Host: host, AtOnce: atOnce, Hour: m.DigestHour, PerHour: m.PerHour}
	s.Dir = o.StateDir
	s.FindingText = func(f *finding.Finding) string {
		var b strings.Builder
		if err := report.WriteFinding(&b, rep, f, report.Options{Verbose: true, MinConfidence: finding.CannotTell, Width: mailWidth}); err != nil {
			return f.ID // it cannot fail: a Builder takes all
		}
		return b.String()
	}
	def := outputDef("mail")
	out, err := def.New(s)
	if err != nil {
		return &failure{code: exitUsage, what: "no mail can be sent", why: err.Error(), try: "see the section mail of the configuration: firestorm config show", err: err}
	}
	x.runner.Add(def, out)
	return nil
}

// mailWidth is how long lines of a mail are, in characters.
const mailWidth = 78

// times takes when the input began, and the time now.
func (x *far) times(begin, now packet.Time) {
	if x != nil {
		x.begin.Store(int64(begin))
		x.now.Store(int64(now))
	}
}

// news hands on what is worth telling.
func (x *far) news(f *finding.Finding) {
	if x != nil {
		x.runner.Finding(f)
	}
}

// decided keeps a finding as it is now.
func (x *far) decided(f *finding.Finding) {
	if x != nil {
		x.store.Finding(f)
	}
}

// hasten lets close wait for nobody any more.
func (x *far) hasten() {
	if x != nil {
		x.runner.Hasten()
		x.store.Hasten()
	}
}

// close ends the outputs; both kinds have their time at once.
func (x *far) close() {
	done := make(chan struct{})
	go func() {
		x.store.Close() // what went wrong is told with the counts
		close(done)
	}()
	x.runner.Close()
	<-done
}

// status raises an alarm when an interface shows nothing any more, and when it is back. It is called about each second.
func (x *far) status(s *sensor.Status) {
	if x == nil {
		return
	}
	if x.meter != nil {
		x.meter.status(s)
	}
	for _, l := range s.Links {
		since, was := x.blind[l.Name]
		switch {
		case l.Blind != 0 && !was:
			x.blind[l.Name] = l.Blind
			x.runner.Alarm(&output.Alarm{Kind: output.Blind, Since: l.Blind, At: s.Now, Text: l.Name + " is " + l.Why})
		case l.Blind == 0 && was:
			delete(x.blind, l.Name)
			x.runner.Alarm(&output.Alarm{Kind: output.Seeing, Since: since, At: s.Now, Text: l.Name + " is back"})
		}
	}
}

// end hands on the findings that were never told, keeps all as they are at the end, and says what did not arrive.
func (x *far) end(untold, all []*finding.Finding) (warnings []string) {
	if x == nil {
		return nil
	}
	for _, f := range untold {
		x.runner.Finding(f)
	}
	for _, f := range all {
		x.store.Finding(f)
	}
	x.close()
	for _, c := range x.counts() {
		lost := c.Dropped + c.Failed + c.Health.Lost
		if lost == 0 && c.Err == nil {
			continue
		}
		why := c.Health.Err
		if why == "" && c.Err != nil {
			why = c.Err.Error()
		}
		warnings = append(warnings, fmt.Sprintf("%d findings did not arrive at the output %s: %s", lost, c.Name, why))
	}
	return warnings
}
