//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/capture"
	"firestorm/internal/config"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/service"
	"firestorm/internal/state"
	"firestorm/internal/tracker"
)

// watchFlags is what watch has beside the flags of read.
type watchFlags struct {
	rawRead
	interfaces []string
	ring       string
	rings      int
	duration   time.Duration
	packets    uint64
	quietCard  bool
	far        farFlags
	config     string
	status     string
	noSandbox  bool
	user       string // whom the worker runs as
	every      time.Duration
	spool      spoolFlags
	backupAge  time.Duration
	backupIn   string   // where the note of the last backup lies, as backup run has it as --state
	mutesToo   []string // lines of the configuration
	// For a reload: the flags without the configuration, which of them were given, and the configuration.
	plain   *watchFlags
	given   func(flag string) bool
	conf    *config.Config
	tracked bool // the kernel's connection tracker is a witness
}

func (a *app) watchCommand() *cobra.Command {
	w := &watchFlags{}
	c := &cobra.Command{
		Use:   "watch INTERFACE...",
		Short: "watch interfaces live and say what is broken or attacking, as it is found out",
		Long: `Watch interfaces live and say what is broken or attacking, as it is found out.

Each interface is taken for its own place of capture; two that carry one direction
of a wire each are joined with --tap. Ctrl-C ends with the whole report. An interface
that goes down, or away, is waited for.

nflog:GROUP in place of an interface reads what a rule of nftables or iptables logs to
that group (nft: log group 5 prefix "FW DROP "). Words such as drop or reject in the
prefix are taken for the firewall's verdict, and findings say so.

Signals: TERM and Ctrl-C write what was found and end within five seconds. HUP opens
the files anew that are written to, and reads the configuration's rules and mutes
again; what else changed there waits for the next start, and is named. USR2 reads the
rules again. USR1 writes all counters and tables to standard error. New rules are
compiled beside the old ones and replace them between two packets; where none of
them runs, the old ones go on.

` + exitHelp(),
		Example: `  sudo firestorm watch eth0
  sudo firestorm watch -i eth0 -i eth1 -f 'not port 22' --rules /etc/firestorm/rules
  sudo firestorm watch --tap tap0+tap1 --duration 10m --json
  sudo firestorm watch eth0 -i nflog:5
  sudo firestorm watch wan0 --conntrack
  sudo firestorm watch --config /etc/firestorm/firestorm.yaml`,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, args []string) error {
			w.interfaces = append(w.interfaces, args...)
			plain := *w
			c, _, err := a.loadConfig(w.config)
			if err != nil {
				return err
			}
			w.plain, w.given, w.conf = &plain, cmd.Flags().Changed, c
			w.fill(c, w.given)
			if !slices.Contains([]string{"", "off", "dry-run", "on"}, w.far.blocking.Mode) {
				return usagef("--block dry-run", "--block %s: off, dry-run or on", w.far.blocking.Mode)
			}
			w.checksumsGiven = cmd.Flags().Changed("checksums") || w.checksums != "auto"
			w.memoryGiven = cmd.Flags().Changed("max-memory") || c.Analysis.MaxMemory != config.Default().Analysis.MaxMemory
			o, lo, err := w.check()
			if err != nil {
				return err
			}
			o.StateGiven = cmd.Flags().Changed("state")
			return a.runWatch(cmd.Context(), o, lo, w)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&w.interfaces, "interface", "i", nil, "watch `IF`; the same as an argument (may be given more than once)")
	f.StringArrayVar(&w.taps, "tap", nil, "interfaces `A+B` see one wire: a tap with an interface for each direction")
	f.StringVarP(&w.filter, "filter", "f", "", "only packets that match `EXPR`, a capture filter in libpcap's language; the kernel leaves the others out")
	f.BoolVarP(&w.quietCard, "no-promiscuous-mode", "p", false, "see only what the card takes for this machine")
	f.StringVar(&w.config, "config", "", "take what the command line does not say from `FILE` (default: "+systemConfig+" where it is there; see firestorm config show)")
	f.StringVar(&w.ring, "ring", "64M", "`SIZE` of the memory in which the kernel keeps packets until they are read, for each interface")
	f.IntVar(&w.rings, "rings", 0, "cut it into `N` rings, among which the kernel shares the packets by pairs of hosts; 0: one for each worker")
	f.DurationVar(&w.duration, "duration", 0, "end after `TIME`, such as 90s or 10m")
	f.Uint64VarP(&w.packets, "count", "c", 0, "end after `N` packets")
	f.StringVarP(&w.checksums, "checksums", "k", "auto", "`WHICH` checksums must be right: none, all, auto (auto understands offload)")
	f.StringSliceVar(&w.homeNet, "home-net", nil, "`NETS` that are inside, separated by commas (default: private and link-local addresses)")
	f.StringArrayVar(&w.rules, "rules", nil, "run the rules in `FILE|DIR`, in Suricata's language (may be given more than once)")
	f.StringVar(&w.settings, "suricata-settings", "", "take variables, protocols, streams and the wanted EVE records from `FILE`, a suricata.yaml or the same as JSON; see rules --help")
	f.BoolVar(&w.strict, "strict", false, "refuse the whole set, with exit status 2, when one rule is refused")

	f.BoolVar(&w.json, "json", false, "one finding a line as JSON, then a summary")
	f.StringVar(&w.eve, "eve", "", "append EVE JSON to `FILE`, or send it to unix:PATH or unixgram:PATH, a socket (- is standard output); what is not taken in time is left out, and counted")
	f.StringSliceVar(&w.eveAlert, "eve-alert", nil, "EVE's alerts have `PARTS` too, separated by commas: "+strings.Join(alertWords(), ", "))
	f.IntVar(&w.eveVersion, "eve-version", eveVersion, "EVE's records look as those of Suricata `N`: 7 or 8")
	f.StringArrayVar(&w.far.syslog, "syslog", nil, "send findings to the log server at `NETWORK:ADDRESS`, such as udp:192.0.2.5:514, tcp:HOST:PORT or unixgram:/dev/log (may be given more than once)")
	f.StringArrayVar(&w.far.webhook, "webhook", nil, "post findings as JSON to `URL` (may be given more than once); the variable "+webhookSecret+" has the Authorization header")
	f.StringVar(&w.far.metrics, "metrics", "", "show numbers to Prometheus at `ADDRESS:PORT`, such as 127.0.0.1:9469; see docs/operating.md")
	f.BoolVar(&w.far.metricsRemote, "metrics-remote", false, "let --metrics listen where others reach it; there is no password")
	f.StringVar(&w.far.blocking.Mode, "block", "off", "`MODE`: on puts sources of proven attacks into sets of nftables, for a rule of yours to drop; dry-run only says who; off")
	f.StringVar(&w.mutes, "mutes", "", "hide the findings that `FILE` names, a line each: CODE SOURCE DESTINATION UNTIL REASON; they are still counted")
	f.StringArrayVar(&w.context, "context", nil, "`HOST=FILE`: FILE is a configuration of HOST that says what is encrypted on the wire: ipsec.conf, swanctl.conf, vsftpd.conf or exports")
	f.BoolVar(&w.tracked, "conntrack", false, "listen to the kernel's connection tracker too: when the gateway forgot a connection is known, not guessed (needs CAP_NET_ADMIN)")
	f.StringVar(&w.minConf, "min-confidence", "", "show findings in full from `LEVEL`: cannot-tell, possible, likely, certain (default: likely, and possible ones in short)")
	f.StringVar(&w.failOn, "fail-on", "none", "exit 1 when a finding is at or above `LEVEL`: info, low, medium, high, critical")
	f.BoolVar(&w.local, "local", false, "times are local instead of UTC; JSON and EVE always have UTC")
	f.BoolVarP(&w.quiet, "quiet", "q", false, "say nothing when there is no finding")
	f.CountVarP(&w.verbose, "verbose", "v", "say more: every fact, counters of what was discarded")

	f.StringVar(&w.status, "status", "", "write to `FILE` every few seconds how the sensor does, as JSON: packets, drops, interfaces that are blind")
	f.DurationVar(&w.backupAge, "backup-max-age", 0, "a last good backup older than `TIME` is a finding (backup-stale), such as 26h; its note is looked for where backup run --state has it")
	f.StringVar(&w.state, "state", "", "remember in `DIR`, from run to run, who was seen on the wire; see firestorm neighbours")
	storeFlag(f, &w.store)
	f.BoolVar(&w.noSandbox, "no-sandbox", false, "read packets in the process that opens sockets, with all its rights")
	f.StringVar(&w.user, "user", "", "read packets as `USER`; only root can say (default: "+service.ServiceUser+", who called sudo, or nobody: the first that can reach the files)")
	f.StringVar(&w.spool.dir, "spool", "", "keep whole packets in `DIR`, with what they carry, for firestorm evidence; without it, --store keeps headers and the packets of findings, and 'none' keeps nothing")
	f.StringVar(&w.spool.size, "spool-size", "10G", "they take at most `SIZE`; the oldest go first")
	f.StringVar(&w.spool.fileSize, "spool-file-size", "64M", "another file is begun after `SIZE`")
	f.IntVar(&w.spool.minutes, "spool-minutes", 60, "and after `N` minutes")
	f.StringArrayVar(&w.spool.sealTo, "spool-encrypt-to", nil, "encrypt kept packets to the age recipient `age1...|FILE` (may be given more than once)")
	f.StringVar(&w.memory, "max-memory", defaultMemory, "most memory to use beside the rings, `SIZE`; past it old state is dropped, and said; where it is not given, what rules take comes on top")
	f.StringVar(&w.depth, "stream-depth", "0", "read so much of each direction of a TCP connection, `SIZE`; headers are followed all the same, 0: read all")
	f.IntVar(&w.workers, "workers", 0, "`N` parallel workers, 0 for one each processor")
	return c
}

// check turns the flags into options, or says what is wrong with them.
func (w *watchFlags) check() (*readOptions, *capture.LiveOptions, error) {
	lo := &capture.LiveOptions{Filter: w.filter, NoPromiscuous: w.quietCard, Count: w.packets}
	taps := w.taps
	for _, t := range taps {
		parts, err := splitTap(t, nil)
		if err != nil {
			return nil, nil, usagef("firestorm watch --tap tap0+tap1", "--tap joins interfaces that see one wire, %q does not name two", t)
		}
		lo.Taps = append(lo.Taps, parts)
	}
	for _, i := range w.interfaces {
		if !slices.ContainsFunc(lo.Taps, func(t []string) bool { return slices.Contains(t, i) }) {
			lo.Interfaces = append(lo.Interfaces, i)
		}
	}
	if len(lo.Interfaces)+len(lo.Taps) == 0 {
		return nil, nil, usagef("firestorm watch eth0   (ip -br link shows what there is)", "watch needs an interface")
	}
	for _, i := range append(slices.Clone(lo.Interfaces), slices.Concat(lo.Taps...)...) {
		if _, ok := capture.NFLOGGroup(i); strings.HasPrefix(i, "nflog:") && !ok {
			return nil, nil, usagef("firestorm watch nflog:5", "%q is no group of the packet log: a number from 0 to 65535 follows nflog:", i)
		} else if ok && w.filter != "" {
			return nil, nil, usagef("firestorm watch "+i, "--filter does not go with %s: the firewall's rule says what is logged there", i)
		}
	}
	n, err := parseSize(w.ring)
	if err != nil || n < 4*capture.RingBlock || n > 4<<30 {
		return nil, nil, usagef("--ring 64M", "--ring %s: between 4M and 4G", w.ring)
	}
	lo.RingBytes = int(n)
	if w.rings < 0 || w.rings > capture.MaxRings {
		return nil, nil, usagef("--rings 0   (one for each worker)", "--rings %d: between 0 and %d", w.rings, capture.MaxRings)
	}
	if lo.Rings = w.rings; lo.Rings == 0 && runtime.GOMAXPROCS(0) > 1 {
		lo.Rings = sensor.Workers(w.workers)
	}
	// What is common with read is checked there; the names of interfaces stand for those of files.
	r := w.rawRead
	r.files, r.taps, r.filter, r.follow = []string{"live"}, nil, "", true
	r.format, r.formatIn, r.progress = "text", "pcap", "never"
	o, err := r.check()
	if err != nil {
		return nil, nil, err
	}
	o.Files, o.MutesToo, o.Live = nil, w.mutesToo, true
	return o, lo, nil
}

// A watch that is told to end must be gone within five seconds: after endWithin open connections are not looked at any more, after
// hastenAfter receivers of what was found are not waited for.
const (
	endWithin   = 1500 * time.Millisecond
	hastenAfter = 3800 * time.Millisecond
)

// runWatch watches until a signal, the end of the time, or the number of packets.
func (a *app) runWatch(ctx context.Context, o *readOptions, lo *capture.LiveOptions, w *watchFlags) error {
	commands, stopSignals, notify := a.process.commands()
	defer stopSignals()
	defer notify.Close()
	confined := "off: one process does all"
	switch {
	case a.process.worker != nil:
		lo.Opener = a.process.worker
		var err error
		if confined, err = a.enterSandbox(o, w); err != nil {
			return err
		}
	case w.noSandbox:
		confined = "off: --no-sandbox"
		fmt.Fprintln(a.stderr, "firestorm: --no-sandbox: who reads packets may do all that this process may")
	case a.process.split && service.Privileged():
		return a.runParent(ctx, o, lo, w, commands)
	}
	live, err := capture.OpenLive(*lo)
	if err != nil {
		return liveFailure(err)
	}
	name := strings.Join(interfaceNames(live), ", ")
	in := &input{Source: live, files: []string{name}}
	defer in.Close()
	n, err := a.newAnalysis(o, in)
	if err != nil {
		return err
	}
	defer n.close()
	t := &troubles{a: a, mem: n.mem, eve: n.eve, more: rulesRefused(n.sigs)}
	keep, err := a.openSpoolOf(w, o, live, t)
	if err != nil {
		return err
	}
	defer keep.close()
	n.opt.Source = &watched{input: in, live: live, keep: keep}
	n.opt.Continues = true
	n.mem.background()
	if n.memErr != nil {
		x, ok := withoutState(n.memErr)
		switch {
		case ok:
			t.more = append(t.more, x)
		case !o.StateGiven && (errors.Is(n.memErr, state.ErrBusy) || errors.Is(n.memErr, fs.ErrPermission)):
			fmt.Fprintf(a.stderr, "firestorm: %s is not to be had, or another sensor uses it: this one remembers nothing (--state DIR gives it a memory of its own)\n", o.StateDir)
		default:
			return n.memErr
		}
	}
	n.opt.Devices = capture.DeviceName
	var tracked *tracker.Live
	if w.tracked {
		if tracked, err = openTracker(lo.Opener); err != nil {
			return err
		}
		defer tracked.Close()
		n.opt.Witness = tracked
	}
	if w.duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, w.duration)
		defer stop()
	}
	if n.opt.Mutes == nil {
		n.opt.Mutes = &finding.Mutes{} // a reload, or the store, may bring some: outputs ask these
	}
	out, err := a.farOutputs(&w.far, o, name, &n.opt)
	if err != nil {
		return err
	}
	defer a.watchBackups(w, &n.opt)()
	told := a.follow(o, name, n, true)
	told.far, t.far, n.opt.Early, told.keep = out, out, true, keep.finding
	n.opt.Control = sensor.NewControl()
	defer context.AfterFunc(ctx, func() { notify.Stopping("writing what was found") })()
	out.meterEVE(n.eve)
	links := &linkTeller{a: a, o: o}
	file := newStatusFile(w.status, w.every)
	file.describe(n, lo.RingBytes, confined, time.Now())
	does := &commander{a: a, w: w, o: o, n: n, control: n.opt.Control, notify: notify, far: out, file: file, conf: w.conf}
	go does.run(ctx, commands)
	n.opt.OnStatus = func(s *sensor.Status) {
		links.status(s)
		out.status(s)
		t.status(s)
		file.status(s)
		does.status(s)
	}
	hurry := make(chan struct{})
	n.opt.Hurry = hurry
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(endWithin, func() { close(hurry) })
		time.AfterFunc(hastenAfter, func() {
			out.hasten()
			n.eve.hasten()
		})
	})()
	res, rep, err := n.run(ctx)
	if err != nil {
		return err
	}
	if res.Unclosed > 0 {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("%d connections were still open and are not judged, so as to end in time", res.Unclosed))
	}
	if n := res.Engine.Hurried; n > 0 {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("%d findings stand as they were told, or were not decided any more, so as to end in time", n))
	}
	rep.Warnings = append(rep.Warnings, file.end()...)
	for _, f := range res.Findings {
		keep.finding(f) // those that the end decided; the others are kept already
	}
	rep.Warnings = append(rep.Warnings, keep.close()...)
	rep.Warnings = append(rep.Warnings, out.end(told.untold(res.Findings), res.Findings)...)
	rep.Warnings = append(rep.Warnings, links.warnings(live)...)
	if tracked != nil {
		c := tracked.Counts()
		rep.Notes = append(rep.Notes, fmt.Sprintf("the connection tracker told %d events", c.Events))
		if c.Lost > 0 {
			rep.Warnings = append(rep.Warnings, fmt.Sprintf("%d events of the connection tracker were lost, or more: when it forgot connections is known of some alone", c.Lost))
		}
	}
	rep.Warnings = append(rep.Warnings, n.eve.endLive(told.unsaid(res.Findings))...)
	if err := errors.Join(told.failed(), a.writeReports(o, rep, told)); err != nil {
		return err
	}
	res.Interrupted = false // the end of the time is no interruption
	return a.verdict(ctx, o, in, res)
}

func interfaceNames(src capture.Source) (names []string) {
	for _, i := range capture.Interfaces(src) {
		names = append(names, i.Name)
	}
	return names
}

// watched is what the sensor reads: counted for the report, with what only a live source knows.
type watched struct {
	*input
	live *capture.Live
	keep *keeper // nil: no packet stays
}

// Next implements capture.Source.
func (w *watched) Next(b *packet.Batch) error {
	err := w.input.Next(b)
	w.keep.packets(b.Packets, w.live.Now)
	return err
}

// Now implements capture.Clock.
func (w *watched) Now() packet.Time { return w.live.Now() }

// Lost implements capture.Loser.
func (w *watched) Lost(source uint16, until packet.Time) uint64 { return w.live.Lost(source, until) }

// Rings implements capture.Ringed.
func (w *watched) Rings(source uint16) int { return w.live.Rings(source) }

// Links implements capture.Links.
func (w *watched) Links() []capture.Link { return w.live.Links() }

// linkTeller says when an interface shows nothing any more, and when it is back.
type linkTeller struct {
	a     *app
	o     *readOptions
	blind map[string]packet.Time
}

// status is called about each second.
func (t *linkTeller) status(s *sensor.Status) {
	if t.blind == nil {
		t.blind = map[string]packet.Time{}
	}
	for _, l := range s.Links {
		since, was := t.blind[l.Name]
		switch {
		case l.Blind != 0 && !was:
			t.blind[l.Name] = l.Blind
			fmt.Fprintf(t.a.stderr, "firestorm: blind on %s since %s: the interface is %s\n", l.Name, t.clock(l.Blind), l.Why)
		case l.Blind == 0 && was:
			delete(t.blind, l.Name)
			fmt.Fprintf(t.a.stderr, "firestorm: %s is back; nothing was seen there since %s\n", l.Name, t.clock(since))
		}
	}
}

func (t *linkTeller) clock(at packet.Time) string {
	z := t.o.zone()
	if z == nil {
		z = time.UTC
	}
	return at.Std().In(z).Format(time.RFC3339)
}

// warnings says what the report must not keep silent about.
func (t *linkTeller) warnings(live *capture.Live) (out []string) {
	for _, l := range live.Rest() {
		if l.Blind != 0 {
			out = append(out, fmt.Sprintf("blind on %s since %s: the interface is %s", l.Name, t.clock(l.Blind), l.Why))
		}
		if l.Times > 0 {
			out = append(out, fmt.Sprintf("%s was down or gone %d times: nothing was seen meanwhile", l.Name, l.Times))
		}
		if l.Unread > 0 {
			out = append(out, fmt.Sprintf("%d packets of %s had come and were not read any more when the watch ended", l.Unread, l.Name))
		}
		if l.Lost > 0 {
			out = append(out, fmt.Sprintf("the kernel dropped %d packets of %s because they were not read in time; a larger --ring bridges bursts, fewer rules or -f save work", l.Lost, l.Name))
		}
	}
	return out
}

// liveFailure says why interfaces cannot be watched, and what to try.
func liveFailure(err error) error {
	name, _, _ := strings.Cut(err.Error(), ": ")
	switch {
	case errors.Is(err, capture.ErrNotPermitted):
		exe, exeErr := os.Executable()
		if exeErr != nil {
			exe = "/usr/bin/firestorm"
		}
		who := "USER"
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
		exe = shellWord(exe)
		return &failure{code: exitPermission, what: "cannot capture on " + name, why: "it needs the capability CAP_NET_RAW, which this process does not have", err: err,
			try: fmt.Sprintf(`sudo firestorm watch %s
or, for everybody on this machine:
  sudo setcap cap_net_raw=ep %s
or, for the members of one group:
  sudo groupadd -f firestorm && sudo usermod -aG firestorm %s
  sudo chgrp firestorm %s && sudo chmod 0750 %s && sudo setcap cap_net_raw=ep %s
  (then log in again)`, shellWord(name), exe, shellWord(who), exe, exe, exe)}
	case errors.Is(err, capture.ErrNotAdmin):
		return adminFailure("cannot read "+name, name, err)
	case errors.Is(err, capture.ErrNoInterface):
		return &failure{code: exitUsage, what: "cannot capture on " + name, why: "there is no such interface", try: "ip -br link", err: err}
	}
	return &failure{code: exitEngine, what: "cannot capture", why: err.Error(), err: err}
}

// adminFailure says how to get what netfilter tells to those who administer the network alone.
func adminFailure(what, args string, err error) error {
	exe, exeErr := os.Executable()
	if exeErr != nil {
		exe = "/usr/bin/firestorm"
	}
	return &failure{code: exitPermission, what: what, why: "it needs the capability CAP_NET_ADMIN, which this process does not have", err: err,
		try: fmt.Sprintf(`sudo firestorm watch %s
or, for everybody on this machine (who may then change its network, if not with this program):
  sudo setcap cap_net_raw,cap_net_admin=ep %s`, args, shellWord(exe))}
}

// openTracker listens to the kernel's connection tracker.
func openTracker(o capture.Opener) (*tracker.Live, error) {
	if o == nil {
		o = openers{}
	}
	files, err := o.Open(capture.RingSpec{Interface: trackerSocket})
	switch {
	case errors.Is(err, capture.ErrNotAdmin):
		return nil, adminFailure("cannot listen to the connection tracker", "eth0 --conntrack", err)
	case err != nil:
		return nil, &failure{code: exitEngine, what: "cannot listen to the connection tracker", why: err.Error(), try: "modprobe nf_conntrack_netlink", err: err}
	}
	l, err := tracker.Start(files[0])
	if err != nil {
		return nil, &failure{code: exitEngine, what: "cannot listen to the connection tracker", why: err.Error(), err: err}
	}
	return l, nil
}

// trackerSocket is what a worker asks its parent for beside interfaces: no interface has such a name.
const trackerSocket = "conntrack:"

// openers opens what is watched, the connection tracker's socket too.
type openers struct{ capture.Local }

// Open implements capture.Opener.
func (o openers) Open(s capture.RingSpec) ([]*os.File, error) {
	if s.Interface != trackerSocket {
		return o.Local.Open(s)
	}
	f, err := tracker.OpenSocket()
	if errors.Is(err, tracker.ErrNotPermitted) {
		err = capture.ErrNotAdmin
	}
	if err != nil {
		return nil, err
	}
	return []*os.File{f}, nil
}
