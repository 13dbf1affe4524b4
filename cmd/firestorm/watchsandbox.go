//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/capture"
	"firestorm/internal/output/nftset"
	"firestorm/internal/sandbox"
	"firestorm/internal/service"
)

// runParent starts a worker for the watch and serves it: this process has rights, and reads no packet.
func (a *app) runParent(ctx context.Context, o *readOptions, lo *capture.LiveOptions, w *watchFlags, commands <-chan service.Command) error {
	files, err := a.watchFiles(o, w)
	if err != nil {
		return err
	}
	user, why, err := service.ChooseUser(w.user, a.getenv("SUDO_USER"), files)
	if err != nil {
		return &failure{code: exitPermission, what: "the worker cannot run as " + w.user, why: err.Error(), try: "chown the folder to that user, or name another with --user", err: err}
	}
	if user.UID == 0 {
		if sandbox.Available().Landlock == 0 {
			return &failure{code: exitPermission, what: "who reads packets would be root, and this kernel has no Landlock to bound that", why: why,
				try: "chown the folder, or name a user with --user, or --no-sandbox"}
		}
		if why != "" {
			fmt.Fprintf(a.stderr, "firestorm: who reads packets stays root, without capabilities: %s\n", printable(why))
		}
	}
	if err := user.Prepare(files); err != nil {
		return &failure{code: exitPermission, what: "a folder cannot be made", why: err.Error(), err: err}
	}
	specs := lo.Specs()
	if w.tracked {
		specs = append(specs, capture.RingSpec{Interface: trackerSocket})
	}
	admin := slices.ContainsFunc(specs, func(s capture.RingSpec) bool { return s.Interface == trackerSocket || isLogGroup(s.Interface) })
	p := &service.Parent{Specs: specs, Opener: openers{}, Admin: admin, User: user, Args: os.Args[1:], Commands: commands, Notify: service.SystemSend()}
	if w.far.blocks() {
		guard, err := nftset.NewGuard(w.far.blockOptions())
		if err != nil {
			return blockFailure(err)
		}
		p.Answer, p.Admin = guard.Answer, admin || w.far.blocking.Mode == "on"
	}
	code, err := p.Run(ctx)
	if err != nil {
		return &failure{code: exitEngine, what: "the watch ended", why: err.Error(), err: err}
	}
	if code != exitOK {
		return status(code)
	}
	return nil
}

// enterSandbox gives up what the watch does not need, and returns what holds then.
func (a *app) enterSandbox(o *readOptions, w *watchFlags) (string, error) {
	files, err := a.watchFiles(o, w)
	if err != nil {
		return "", err
	}
	p := sandbox.Policy{Read: files.Read, Write: files.Write}
	p.Connect, p.Network = w.far.receivers()
	if _, port, err := net.SplitHostPort(w.far.metrics); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			p.Listen, p.Network = append(p.Listen, uint16(n)), true
		}
	}
	there := p.Write[:0]
	for _, name := range p.Write {
		switch err := os.MkdirAll(name, 0o750); {
		case err == nil:
			there = append(there, name)
		case !service.TakesNone(err): // what is to be kept there is not, and who would keep it says so
			return "", writeFailure(name, err)
		}
	}
	p.Write = there
	s, err := sandbox.Enter(p)
	if err != nil {
		return "", &failure{code: exitEngine, what: "the sandbox cannot be entered", why: err.Error(), try: "--no-sandbox, and tell the makers", err: err}
	}
	if text := s.String(); s.Landlock == 0 || !s.Seccomp || o.Verbose > 0 {
		fmt.Fprintf(a.stderr, "firestorm: sandbox: %s\n", text)
	}
	return s.String(), nil
}

// watchFiles are the files of a watch: with each that is named its folder, so that another may take its place.
func (a *app) watchFiles(o *readOptions, w *watchFlags) (service.Files, error) {
	var read, write []string
	beside := func(list *[]string, names ...string) {
		for _, n := range names {
			if n == "" || n == "-" {
				continue
			}
			if abs, err := filepath.Abs(n); err == nil {
				n = abs
			}
			if dir := filepath.Dir(n); dir != "/" && dir != "/etc" || list == &write {
				n = dir
			}
			*list = append(*list, n)
		}
	}
	beside(&read, w.config, o.Settings, o.MutesFile)
	if w.config == "" {
		beside(&read, a.configFile())
	}
	beside(&read, w.far.mail.CAFile, w.far.mail.PasswordFile)
	for _, c := range o.Context {
		beside(&read, c.File)
	}
	for _, r := range o.Rules {
		if info, err := os.Stat(r); err == nil && info.IsDir() {
			read = append(read, r)
		} else {
			beside(&read, r)
		}
	}
	settings, err := a.readSettings(o.Settings)
	if err != nil {
		return service.Files{}, err
	}
	beside(&read, settings.besides()...)
	write = append(write, o.StateDir, o.StoreIn)
	if w.spool.dir != "none" {
		write = append(write, w.spool.dir)
	}
	for _, name := range w.spool.sealTo {
		if isFile(name) {
			beside(&read, name)
		}
	}
	if w.backupAge > 0 {
		read = append(read, cmp.Or(w.backupIn, a.stateDir()))
	}
	if o.Store != nil {
		write = append(write, o.Store.Dir)
	}
	if name, socket := strings.CutPrefix(o.EVEFile, "unix"); !socket || !strings.Contains(name, ":") {
		beside(&write, o.EVEFile)
	}
	beside(&write, w.status)
	return service.Files{Read: service.Folders(read...), Write: service.Folders(write...)}, nil
}

// isLogGroup reports that a source is a group of the kernel's packet log.
func isLogGroup(name string) bool {
	_, ok := capture.NFLOGGroup(name)
	return ok
}

// receivers are the TCP ports of those who get findings, and of the name servers; network: there is anybody to speak to by IP.
func (f *farFlags) receivers() (ports []uint16, network bool) {
	add := func(text, otherwise string) {
		if text == "" {
			text = otherwise
		}
		if n, err := strconv.ParseUint(text, 10, 16); err == nil {
			ports = append(ports, uint16(n))
		} else if n, err := net.LookupPort("tcp", text); err == nil {
			ports = append(ports, uint16(n))
		}
	}
	for _, s := range f.syslog {
		proto, address, _ := strings.Cut(s, ":")
		if strings.HasPrefix(proto, "unix") {
			continue
		}
		network = true
		if _, port, err := net.SplitHostPort(address); err == nil && strings.HasPrefix(proto, "tcp") {
			add(port, "601")
		}
	}
	for _, s := range f.webhook {
		u, err := url.Parse(s)
		if err != nil {
			continue
		}
		network = true
		if u.Scheme == "https" {
			add(u.Port(), "443")
		} else {
			add(u.Port(), "80")
		}
	}
	if m := f.mail.Server; m != "" {
		network = true
		if _, port, err := net.SplitHostPort(m); err == nil {
			add(port, "587")
		} else {
			add("", "587")
		}
	}
	if network {
		ports = append(ports, 53)
	}
	return ports, network
}

// besides are the files that the settings name.
func (s *suricata) besides() []string {
	if s == nil || s.Settings == nil {
		return nil
	}
	var out []string
	for _, name := range append(s.reputations(), s.ClassificationFile, s.ReferenceFile, s.ThresholdFile, s.ReputationCategories) {
		if path, ok := s.beside(name); ok && name != "" {
			out = append(out, path)
		}
	}
	return out
}
