package main

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
	"firestorm/internal/lint/ipsec"
)

// lintIPsec is one run of the verb.
type lintIPsec struct {
	*app
	peer                          []string
	flavour, peerFlavour, upgrade string
	self, peerSelf, to, failOn    string
	asJSON, asIs                  bool
	mine, theirs, target          ipsec.Flavour
	level                         finding.Severity
	failing                       bool
}

func (a *app) lintIPsecCommand() *cobra.Command {
	l := &lintIPsec{app: a}
	c := &cobra.Command{
		Use:   "ipsec FILE...",
		Short: "IPsec gateways: what is wrong or dated, will two ends agree, move to swanctl.conf",
		Long: `Read the configuration of an IPsec gateway and say what is wrong or dated in it: file and
line, why it matters, the safe change. FILE is ipsec.conf or ipsec.secrets (FreeS/WAN,
Openswan, libreswan, strongSwan), swanctl.conf, a directory such as /etc, or - for standard
input; what they include is read as well. Keys are weighed and compared, never shown.

--peer says whether this gateway and another will agree, and explains the first mismatch:
which side refuses, with which notification, and what its log says. Files of keys of both
sides, given as well, are compared. A peer with screens instead of files is described by a
short file of facts, its fields named as on a SonicWall's screens; what is left out is not
compared:

  [sonicwall fswn-swll]
  own address          = 192.0.2.9     # of the device, as this side sees it
  gateway              = 192.0.2.1     # whom it calls
  local networks       = 10.9.0.0/24
  remote networks      = 10.1.0.0/24
  authentication method = preshared secret
  exchange             = main          # main, aggressive, ikev2
  ike dh group         = 2
  ike encryption       = 3DES
  ike authentication   = MD5
  ike life time        = 28800
  ipsec encryption     = 3DES
  ipsec authentication = MD5
  pfs                  = no
  pfs dh group         = 2
  ipsec life time      = 28800
  # also: local id, peer id, nat traversal, keep alive, shared secret

--upgrade says what a newer version, or another program, changes for these connections.
--to swanctl writes them as swanctl.conf with IKEv2 and today's suites, with every change
of meaning beside it; what cannot keep its meaning is left out, with the reason.

` + exitHelp(),
		Example: `  firestorm lint ipsec /etc
  firestorm lint ipsec ipsec.conf ipsec.secrets --peer other/ipsec.conf --peer other/ipsec.secrets
  firestorm lint ipsec ipsec.conf --flavour freeswan --peer sonicwall.facts
  firestorm lint ipsec /etc/ipsec.conf --flavour libreswan:3.22 --upgrade libreswan:4.10
  firestorm lint ipsec ipsec.conf --to swanctl >swanctl.conf`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return l.run(args) },
	}
	f := c.Flags()
	f.StringArrayVar(&l.peer, "peer", nil, "`FILE` of the other gateway, or of facts about it (may be repeated)")
	f.StringVar(&l.flavour, "flavour", "", "`PROGRAM[:VERSION]` that ipsec.conf is for: freeswan, openswan, libreswan, strongswan (default: guessed from the file)")
	f.StringVar(&l.peerFlavour, "peer-flavour", "", "`PROGRAM[:VERSION]` that the peer's files are for")
	f.StringVar(&l.self, "self", "", "`ADDRESS` of this gateway: tells which of left and right it is")
	f.StringVar(&l.peerSelf, "peer-self", "", "`ADDRESS` of the peer")
	f.StringVar(&l.upgrade, "upgrade", "", "say what a move to `PROGRAM[:VERSION]` changes")
	f.StringVar(&l.to, "to", "", "write the connections in another `FORM`: swanctl")
	f.BoolVar(&l.asIs, "as-is", false, "with --to: keep the version of IKE and the suites as they are")
	f.StringVar(&l.failOn, "fail-on", "none", "exit 1 when a note is at or above `LEVEL`: info, low, medium, high, critical; two ends that will not agree are high")
	f.BoolVar(&l.asJSON, "json", false, "one JSON object a line instead of text")
	return c
}

func (l *lintIPsec) run(args []string) error {
	if len(args) == 0 {
		return usagef("firestorm lint ipsec /etc", "lint ipsec needs a file")
	}
	if err := l.options(); err != nil {
		return err
	}
	disk := ipsec.Disk{Stdin: l.stdin}
	side, err := ipsec.Load(disk, args, ipsec.Options{Flavour: l.mine, Self: l.self})
	if err != nil {
		return lintFailure(err)
	}
	if l.to != "" {
		return l.migrate(side)
	}
	r := &ipsec.Report{Side: side, Notes: ipsec.Lint(side)}
	if len(l.peer) > 0 {
		if r.Peer, err = ipsec.Load(disk, l.peer, ipsec.Options{Flavour: l.theirs, Self: l.peerSelf}); err != nil {
			return lintFailure(err)
		}
		r.Verdicts, r.Alone, r.AloneThere = ipsec.Compare(side, r.Peer)
	}
	if l.upgrade != "" {
		r.Upgrade = ipsec.PlanUpgrade(side, l.target)
	}
	if l.asJSON {
		err = r.JSON(l.stdout)
	} else {
		err = r.Text(l.stdout)
	}
	if err != nil {
		return &failure{code: exitEngine, what: "cannot write the report", why: err.Error(), err: err}
	}
	if worst, any := r.Worst(); l.failing && any && worst >= l.level {
		return status(exitFindings)
	}
	return nil
}

func (l *lintIPsec) options() error {
	for _, x := range []struct {
		flag, text string
		to         *ipsec.Flavour
	}{{"--flavour", l.flavour, &l.mine}, {"--peer-flavour", l.peerFlavour, &l.theirs}, {"--upgrade", l.upgrade, &l.target}} {
		if x.text == "" {
			continue
		}
		var err error
		if *x.to, err = ipsec.ParseFlavour(x.text); err != nil {
			return usagef(x.flag+" libreswan:4.10", "%s: %s", x.flag, err)
		}
	}
	if l.to != "" && l.to != "swanctl" {
		return usagef("--to swanctl", "--to: %q is no form that can be written", l.to)
	}
	if l.asIs && l.to == "" {
		return usagef("--to swanctl --as-is", "--as-is goes with --to")
	}
	if l.failOn != "none" {
		if l.level, l.failing = finding.ParseSeverity(l.failOn); !l.failing {
			return usagef("--fail-on high", "--fail-on: %q is none of none, info, low, medium, high, critical", l.failOn)
		}
	}
	return nil
}

// migrate writes the connections as swanctl.conf.
func (l *lintIPsec) migrate(side *ipsec.Side) error {
	m := ipsec.ToSwanctl(side, l.asIs)
	var err error
	if l.asJSON {
		err = m.JSON(l.stdout)
	} else {
		err = m.Text(l.stdout)
	}
	switch {
	case err != nil:
		return &failure{code: exitEngine, what: "cannot write the configuration", why: err.Error(), err: err}
	case len(m.Stopped) > 0:
		return status(exitDamaged)
	}
	return nil
}

// lintFailure says why a file cannot be used.
func lintFailure(err error) error {
	var bad *ipsecconf.Error
	if errors.As(err, &bad) {
		f := &failure{code: exitDamaged, what: "the configuration cannot be read", why: err.Error(), err: err}
		if bad.Line == 0 {
			f.code, f.try = exitUsage, "firestorm lint ipsec --help"
		}
		return f
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		f := openFailure(p.Path, p.Err).(*failure)
		f.try = strings.Replace(f.try, "firestorm read", "firestorm lint ipsec", 1)
		return f
	}
	return &failure{code: exitEngine, what: "the configuration cannot be read", why: err.Error(), err: err}
}
