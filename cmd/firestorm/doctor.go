//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/config"
	"firestorm/internal/doctor"
	"firestorm/internal/standard"
)

// doctorFlags are those of the verb doctor.
type doctorFlags struct {
	config, status, store, state string
	asJSON, strict               bool
	verbose                      int
	listen                       time.Duration
	inject                       injectFlags
}

// Bounds of --listen.
const (
	leastListen = time.Second
	mostListen  = 10 * time.Minute
)

func (a *app) doctorCommand() *cobra.Command {
	d := &doctorFlags{}
	c := &cobra.Command{
		Use:   "doctor [INTERFACE...]",
		Short: "is it really working? what hides packets, what is lost, what is kept, and how to put it right",
		Long: `Look at this machine and at a running watch, and say what keeps the sensor from seeing,
what it loses, which findings are off or weaker because of it, and what it keeps; each
with the command that puts it right. The worst comes first. What could not be looked at
is unknown, never ok. Nothing is changed.

Without arguments it looks at the interfaces, files and rules of the configuration. A
running watch is asked through its status file. --listen captures for a while, to see
whether both directions come in.

--inject makes known, harmless traffic with some faults in a network of its own that
nobody else sees, lets the real capture and engine look at it, and says whether each
fault is found, and nothing else.

Exit status:
  0    no problem (warnings and unknowns are counted on the last line)
  1    a problem, a warning or unknown with --strict, or a fault that was not found
  2    wrong use or configuration
  4    this user may not look at something, or may not capture; nothing else is wrong
  130  interrupted`,
		Example: `  sudo firestorm doctor
  sudo firestorm doctor eth0 --listen 10s
  firestorm doctor --status /run/firestorm/status.json --json
  sudo firestorm doctor --inject`,
		GroupID: groupRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.inject.on {
				return a.runInject(cmd.Context(), d, args)
			}
			if d.inject.iface != "" || d.inject.yes || cmd.Flags().Changed("within") {
				return usagef("firestorm doctor --inject --help", "--on, --yes and --within belong to --inject")
			}
			return a.runDoctor(cmd.Context(), d, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&d.config, "config", "", "look at what `FILE` configures (default: "+systemConfig+" where it is there)")
	f.StringVar(&d.status, "status", "", "ask the running watch that writes `FILE` (watch --status)")
	f.StringVar(&d.state, "state", "", "look at the memories in `DIR` (watch --state)")
	f.StringVar(&d.store, "store", "", "look at the findings kept in `DIR` (watch --store)")
	f.DurationVar(&d.listen, "listen", 0, "capture for `TIME` on each interface, to see whether both directions come in (1s to 10m)")
	f.BoolVar(&d.strict, "strict", false, "exit with 1 for a warning or something unknown too")
	f.BoolVar(&d.asJSON, "json", false, "one JSON object instead of text")
	f.CountVarP(&d.verbose, "verbose", "v", "say why it matters for what is good too")
	f.BoolVar(&d.inject.on, "inject", false, "make known harmless traffic and say whether its faults are found")
	f.StringVar(&d.inject.iface, "on", "", "with --inject: put the traffic on the interface `IFACE` instead of a network of its own; needs --yes")
	f.BoolVar(&d.inject.yes, "yes", false, "with --on: yes, put these frames on that wire")
	f.DurationVar(&d.inject.within, "within", 0, "with --inject: how long a finding may take, `TIME` (default 15s; 90s with --on)")
	return c
}

// runDoctor makes the checks and prints them.
func (a *app) runDoctor(ctx context.Context, d *doctorFlags, ifaces []string) error {
	o, err := a.doctorOptions(d, ifaces)
	if err != nil {
		return err
	}
	if d.listen != 0 {
		if d.listen < leastListen || d.listen > mostListen {
			return usagef("firestorm doctor eth0 --listen 10s", "--listen %s: between 1s and 10m", d.listen)
		}
		if len(o.Interfaces) == 0 {
			return usagef("firestorm doctor eth0 --listen 10s   (ip -br link shows what there is)", "--listen needs an interface")
		}
		o.Heard = listenTo(ctx, o.Interfaces, d.listen)
	}
	return a.sayChecks(ctx, d, doctor.Run(doctor.Machine{}, *o))
}

// sayChecks prints checks, and returns their exit status.
func (a *app) sayChecks(ctx context.Context, d *doctorFlags, cs []doctor.Check) (err error) {
	if interrupted(ctx) {
		return status(exitInterrupted)
	}
	if d.asJSON {
		err = doctor.WriteJSON(a.stdout, cs)
	} else {
		err = doctor.Write(a.stdout, cs, d.verbose > 0, printable)
	}
	if err != nil {
		return err
	}
	return doctorStatus(cs, d.strict)
}

// doctorStatus is the exit status of checks: a problem that is not a missing permission is 1, a missing permission 4.
func doctorStatus(cs []doctor.Check, strict bool) error {
	bad := doctor.Problem
	if strict {
		bad = doctor.Unknown
	}
	switch {
	case slices.ContainsFunc(cs, func(c doctor.Check) bool { return c.Level >= bad && !c.NotPermitted }):
		return status(exitFindings)
	case doctor.Count(cs).NotPermitted > 0:
		return status(exitPermission)
	}
	return nil
}

// listenTo listens on all interfaces at once.
func listenTo(ctx context.Context, ifaces []string, d time.Duration) map[string]doctor.Heard {
	heard := map[string]doctor.Heard{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range ifaces {
		wg.Add(1)
		go func() {
			defer wg.Done()
			h := doctor.Listen(ctx, name, d)
			mu.Lock()
			heard[name] = h
			mu.Unlock()
		}()
	}
	wg.Wait()
	return heard
}

// mostInterfaces bounds what is looked at, and listened to at once.
const mostInterfaces = 64

// doctorOptions are what the configuration says, and the command line.
func (a *app) doctorOptions(d *doctorFlags, ifaces []string) (*doctor.Options, error) {
	c, file, err := a.loadConfig(d.config)
	if err != nil {
		return nil, err
	}
	o := &doctor.Options{Interfaces: ifaces, StatusFile: d.status, StateDir: d.state, StoreDir: d.store, Config: file, Rules: c.Rules.Files,
		Webhooks: len(c.Outputs.Webhook), Checksums: c.Capture.Checksums, MaxMemory: c.Analysis.MaxMemory, Ring: c.Capture.Ring, Detectors: standard.Detectors}
	if len(o.Interfaces) == 0 {
		if o.Interfaces, err = watchedInterfaces(c); err != nil {
			return nil, err
		}
	}
	if len(o.Interfaces) > mostInterfaces {
		return nil, usagef("name those in question", "%d interfaces: %d at most", len(o.Interfaces), mostInterfaces)
	}
	if o.StatusFile == "" {
		o.StatusFile = c.Service.Status
	}
	if o.StateDir == "" {
		o.StateDir = c.Service.StateDir
	}
	if c.Outputs.EVE != "" && c.Outputs.EVE != "-" {
		o.LogFiles = append(o.LogFiles, c.Outputs.EVE)
	}
	if o.Program, err = os.Executable(); err != nil {
		o.Program = ""
	}
	if u, err := user.Current(); err == nil {
		o.User = u.Username
	}
	return o, nil
}

// watchedInterfaces are those of a configuration, each once.
func watchedInterfaces(c *config.Config) ([]string, error) {
	out := slices.Clone(c.Capture.Interfaces)
	for _, t := range c.Capture.Taps {
		parts, err := splitTap(t, nil)
		if err != nil {
			return nil, &failure{code: exitUsage, what: "the configuration is not right", why: fmt.Sprintf("capture: taps: %q does not name two interfaces", t), err: errors.New("tap"), try: "firestorm config check"}
		}
		for _, p := range parts {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}
