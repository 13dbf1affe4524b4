//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"firestorm/internal/doctor"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/store"
)

// injectFlags are those of doctor --inject.
type injectFlags struct {
	on, yes bool
	iface   string
	within  time.Duration
}

const (
	ownWithin  = 15 * time.Second // in a network of its own, where the end of the trial decides
	wireWithin = 90 * time.Second // a running watch holds a finding for up to a minute
)

// check says what is wrong with the command line, and fills in what it does not say.
func (f *injectFlags) check(d *doctorFlags, args []string) error {
	switch {
	case len(args) > 0:
		return usagef("firestorm doctor --inject --on "+shellWord(args[0])+" --yes", "--inject makes a network of its own; an interface is named with --on")
	case d.listen != 0 || d.status != "" || d.state != "":
		return usagef("firestorm doctor --inject", "--inject goes with --on, --yes, --within, --store, --config and --json alone")
	case f.iface == "" && (f.yes || d.store != ""):
		return usagef("firestorm doctor --inject --on IFACE --yes", "--yes and --store belong to --on")
	case f.iface != "" && !f.yes:
		return usagef("firestorm doctor --inject --on "+shellWord(f.iface)+" --yes",
			"this puts some forty frames on the wire of %s: from cards 02:46:53:00:00:10 to :32, which switches then remember at this port (a port that admits one card alone may close), with addresses for documentation (192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32) and a TTL of 1. Whoever watches there sees an address conflict and a login. Say --yes when that may be", f.iface)
	}
	if f.within == 0 {
		if f.within = ownWithin; d.store != "" {
			f.within = wireWithin
		}
	}
	if f.within < time.Second || f.within > 10*time.Minute {
		return usagef("firestorm doctor --inject --within 60s", "--within %s: between 1s and 10m", f.within)
	}
	return nil
}

// runInject makes known traffic and says what was found of it.
func (a *app) runInject(ctx context.Context, d *doctorFlags, args []string) error {
	f := &d.inject
	if err := f.check(d, args); err != nil {
		return err
	}
	o := doctor.InjectOptions{On: f.iface, Within: f.within, Store: d.store, Stored: storedSince}
	if err := a.injectEngine(d, &o.Engine); err != nil {
		return err
	}
	if f.iface == "" && os.Geteuid() != 0 && a.args != nil && a.getenv(injectInner) == "" {
		if ran, err := a.injectAsRoot(ctx); ran {
			return err
		}
	}
	return a.sayChecks(ctx, d, doctor.Inject(ctx, o))
}

// injectInner marks the process that has a user namespace of its own.
const injectInner = "FIRESTORM_DOCTOR_INNER"

// injectAsRoot runs the program again as root of a user namespace: there it may make a network of its own though the user is
// nobody. False: the kernel, or its administrator, does not allow that.
func (a *app) injectAsRoot(ctx context.Context) (ran bool, _ error) {
	runtime.LockOSThread() // the child is to die with this thread's process, whatever ends it
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", a.args...)
	cmd.Env = append(os.Environ(), injectInner+"=1")
	cmd.Stdout, cmd.Stderr = a.stdout, a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, Setpgid: true, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	if cmd.Start() != nil {
		return false, nil
	}
	err := cmd.Wait()
	if interrupted(ctx) {
		return true, status(exitInterrupted)
	}
	if err != nil {
		var x *exec.ExitError
		if errors.As(err, &x) && x.ExitCode() > 0 {
			return true, status(x.ExitCode())
		}
		return true, &failure{code: exitEngine, what: "the trial ended early", why: err.Error(), err: err, try: "sudo firestorm doctor --inject"}
	}
	return true, nil
}

// injectEngine is the engine with all its parts, the rules of the configuration, and one rule for the known traffic.
func (a *app) injectEngine(d *doctorFlags, opt *sensor.Options) error {
	c, _, err := a.loadConfig(d.config)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "firestorm-doctor-")
	if err != nil {
		return writeFailure(os.TempDir(), err)
	}
	defer os.RemoveAll(dir)
	known := filepath.Join(dir, "known.rules")
	if err := os.WriteFile(known, []byte(doctor.InjectRule), 0o600); err != nil {
		return writeFailure(known, err)
	}
	settings, err := a.readSettings(c.Rules.Settings)
	if err != nil {
		return err
	}
	r, err := a.loadRules(append([]string{known}, c.Rules.Files...), settings.vars(), settings)
	if err != nil {
		return err
	}
	*opt = sensor.Options{MaxMemory: c.Analysis.MaxMemory + r.set.Size(), Analyzers: settings.analyzers(standard.Analyzers), Detectors: standard.Detectors,
		Checksums: packet.ChecksumsAuto, Rules: r.set, Names: []string{"known traffic"}}
	return nil
}

// storedSince looks for findings of the known traffic that last happened after a moment.
func storedSince(dir string, since packet.Time, codes []string) (map[string]bool, error) {
	s, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	have := map[string]bool{}
	for _, c := range codes {
		rows, _, err := s.List(store.Filter{Code: c, Since: since, Limit: 100})
		if err != nil {
			return have, err
		}
		for _, r := range rows {
			if doctor.OfKnownTraffic(r.Source, r.Destination) {
				have[c] = true
			}
		}
	}
	return have, nil
}
