package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"firestorm/internal/detect/signature"
	"firestorm/internal/file"
	"firestorm/internal/prefetch"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/state"
	"firestorm/internal/tracker"
)

// analysis is one run of the sensor with everything that its options ask for: what read and watch have in common.
type analysis struct {
	a        *app
	o        *readOptions
	in       *input
	settings *suricata
	mu       sync.Mutex // of sigs, while the sensor runs
	sigs     *rulesRead // nil: no rules
	eve      *eveOutput // nil: nobody wants it
	hits     *signature.Hits
	bar      *progress
	opt      sensor.Options // Source is still to be set
	closers  []func()
	mem      *memory      // nil: nothing is remembered
	memErr   error        // of a watch: why nothing is
	tracked  *tracker.Log // of --conntrack-log; nil: none
}

// newAnalysis reads what o names and makes the sensor's options of it.
func (a *app) newAnalysis(o *readOptions, in *input) (_ *analysis, err error) {
	// A capture of a few megabytes is read before huge pages have paid for themselves (2026-11-30).
	if size := in.Stats().InputTotal; size == 0 || size > 16<<20 {
		prefetch.Huge(min(o.MaxMemory/2, 1<<30))
	}
	n := &analysis{a: a, o: o, in: in, hits: &signature.Hits{}}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.settings, err = a.readSettings(o.Settings); err != nil {
		return nil, err
	}
	if nets := n.settings.homeNet(); nets != nil && !o.HomeNetGiven {
		o.HomeNet, o.HomeNetGiven = nets, true
	}
	n.settings.looks(&o.EVE)
	if n.sigs, err = a.ruleSet(o, n.settings); err != nil {
		return nil, err
	}
	if n.eve, err = a.openEVE(o, in, n.settings); err != nil {
		return nil, err
	}
	n.opt = sensor.Options{Workers: o.Workers, MaxMemory: o.MaxMemory, Seed: o.Seed, Analyzers: n.settings.analyzers(standard.Analyzers), Detectors: standard.Detectors,
		Checksums: checksumModes[o.Checksums], Names: vantageNames(in), Files: sourceNames(in), HomeNet: o.HomeNet}
	n.settings.engine(&n.opt, o.ChecksumGiven)
	if o.Depth > 0 {
		n.opt.StreamDepth = o.Depth
	}
	if n.opt.Context, err = a.readContext(o.Context); err != nil {
		return nil, err
	}
	if err = n.conntrackLog(o.Conntrack); err != nil {
		return nil, err
	}
	if n.opt.Mutes, err = a.readMutes(o.MutesFile, o.MutesToo); err != nil {
		return nil, err
	}
	if n.eve != nil {
		n.opt.Sinks, n.opt.WantAll = append(n.opt.Sinks, n.eve.runner), true
		records := n.settings.records() // frames are recorded where settings ask for them by name, as in Suricata
		n.opt.FrameRecords = records != nil && records.Has("frame")
	}
	n.settings.files(o)
	if o.Store != nil {
		if n.opt.FileStore, err = file.NewStore(*o.Store); err != nil {
			return nil, writeFailure(o.Store.Dir, err)
		}
		n.closers = append(n.closers, func() { n.opt.FileStore.Close() })
	}
	n.opt.AnomalyHeaders = o.EVE.AnomalyHeaders && n.eve != nil
	for name, on := range map[string]bool{"http.fields": o.EVE.HTTP.Fields(), "tls.certificates": o.EVE.TLS.Certificates()} {
		if on && n.eve != nil {
			if n.opt.Settings == nil {
				n.opt.Settings = map[string]int64{}
			}
			n.opt.Settings[name] = 1
		}
	}
	n.opt.MACs = o.EVE.Ethernet && n.eve != nil
	n.opt.KeepFiles, n.opt.FileHashes = o.StoreAll, o.FileHash
	if n.sigs != nil {
		n.opt.Rules, n.opt.Alerts = n.sigs.set, o.EVE.Alert
		if !o.MemoryGiven {
			n.opt.MaxMemory += n.sigs.set.Size()
		}
		n.opt.Sinks = append(n.opt.Sinks, n.hits)
	}
	if n.mem, err = a.openMemory(o.StateDir); err != nil {
		n.memErr = err
		if !o.Live {
			return nil, err
		}
	}
	if n.mem != nil {
		n.closers = append(n.closers, n.mem.close)
		n.opt.State = n.mem
	}
	n.bar = a.newProgress(o.Progress, o.Quiet)
	n.opt.Progress = n.bar.update
	return n, nil
}

// rules are those that run; nil: none.
func (n *analysis) rules() *rulesRead {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sigs
}

// setRules notes that others run from now on.
func (n *analysis) setRules(r *rulesRead) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sigs, n.opt.Rules = r, nil // the sensor has its own, and the first set is not to be held
}

// close gives back what newAnalysis took.
func (n *analysis) close() {
	for _, f := range n.closers {
		f()
	}
	n.closers = nil
}

// run runs the sensor and makes the report.
func (n *analysis) run(ctx context.Context) (*sensor.Result, *report.Report, error) {
	res, err := sensor.Run(ctx, n.opt)
	n.bar.finish()
	if err != nil {
		var newer *state.Newer
		if errors.As(err, &newer) {
			return nil, nil, &failure{code: exitEngine, what: "the state in " + n.o.StateDir + " cannot be used", why: newer.Error(), err: err,
				try: "start that version again; or move the folder away, or name another with --state: then this one learns anew"}
		}
		return nil, nil, &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	sigs := n.rules()
	n.eve.count(res, sigs, n.opt.FileStore)
	rep := buildReport(n.in, n.o, res)
	rep.Evidence = evidenceLine(n.o)
	if n.o.Verbose > 0 {
		rep.Notes = append(rep.Notes, n.settings.notes()...)
	}
	if p := res.Protocols; n.o.Verbose > 0 && p.Passed > 0 {
		rep.Notes = append(rep.Notes, fmt.Sprintf("data of %d TCP packets (%d bytes) went by unread: encrypted, of no known protocol, or past the depth; their headers were followed", p.Passed, p.PassedBytes))
	}
	if sigs != nil {
		rep.Notes = append(rep.Notes, "rules: "+sigs.summary())
		rep.Hits = ruleHits(n.hits)
		rep.Warnings = append(rep.Warnings, ruleWarnings(res, n.hits)...)
		if res.RulesMuted > 0 {
			rep.Notes = append(rep.Notes, fmt.Sprintf("rules: mutes hide %d matches", res.RulesMuted))
		}
		if res.RulesHeld > 0 {
			rep.Notes = append(rep.Notes, fmt.Sprintf("rules: thresholds and suppressions kept %d matches back", res.RulesHeld))
		}
	}
	rep.Warnings = append(rep.Warnings, n.trackedWarnings()...)
	rep.Notes, rep.Warnings = append(rep.Notes, fileNotes(n.o, res)...), append(rep.Warnings, fileWarnings(n.opt.FileStore, res)...)
	return res, rep, nil
}
