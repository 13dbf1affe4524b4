package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/capture"
	"firestorm/internal/evidence"
	"firestorm/internal/filter"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// extcapPrefix stands before the name of an interface in Wireshark's list.
const extcapPrefix = "firestorm-"

// extcapFlags are those that Wireshark calls with; see its manual page extcap(4).
type extcapFlags struct {
	rawRead
	interfaces, dlts, conf, capture bool
	version, iface, fifo            string
	captureFilter                   string
}

func (a *app) extcapCommand() *cobra.Command {
	w := &extcapFlags{}
	c := &cobra.Command{
		Use:   "extcap",
		Short: "a live capture in Wireshark, with findings as comments",
		Long: `Be a source of packets for Wireshark, which calls this with the flags below when the
program, or a link to it, lies in its folder for extcap (Help, About, Folders):

  mkdir -p ~/.local/lib/wireshark/extcap
  ln -s "$(command -v firestorm)" ~/.local/lib/wireshark/extcap/firestorm

Then its list has firestorm-eth0 and the like. A finding is known after its packets, so
it is a comment of the next packet that comes, and names the frames that it is about:
the filter "frame.comment" shows all of them.`,
		Example: `  tshark -i firestorm-eth0 -T fields -e frame.number -e frame.comment`,
		GroupID: groupLook,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runExtcap(cmd.Context(), w, cmd)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&w.interfaces, "extcap-interfaces", false, "list the interfaces")
	f.StringVar(&w.version, "extcap-version", "", "the `VERSION` of who calls")
	f.BoolVar(&w.dlts, "extcap-dlts", false, "list the link types of an interface")
	f.BoolVar(&w.conf, "extcap-config", false, "list what can be chosen for an interface")
	f.StringVar(&w.iface, "extcap-interface", "", "`IF`, as it is in the list")
	f.StringVar(&w.captureFilter, "extcap-capture-filter", "", "only packets that match `EXPR`")
	f.BoolVar(&w.capture, "capture", false, "capture into --fifo until who reads it goes away")
	f.StringVar(&w.fifo, "fifo", "", "write pcapng to `FILE`")
	f.StringArrayVar(&w.rules, "rules", nil, "run the rules in `FILE`, in Suricata's language")
	f.StringSliceVar(&w.homeNet, "home-net", nil, "`NETS` that are inside, separated by commas")
	f.StringVar(&w.minConf, "min-confidence", "", "say findings from `LEVEL`: cannot-tell, possible, likely (the default), certain")
	return c
}

// extcapSafe makes text fit to stand in a line of extcap's: braces would end it.
func extcapSafe(s string) string {
	return strings.NewReplacer("{", "(", "}", ")").Replace(printable(s))
}

func (a *app) runExtcap(ctx context.Context, w *extcapFlags, cmd *cobra.Command) error {
	name, ours := strings.CutPrefix(w.iface, extcapPrefix)
	switch {
	case w.interfaces:
		return a.extcapList()
	case w.dlts || w.conf || w.capture || w.captureFilter != "":
		if !ours || name == "" {
			return usagef("firestorm extcap --extcap-interfaces", "--extcap-interface %q is none of the list", w.iface)
		}
	default:
		return cmd.Help()
	}
	switch {
	case w.dlts:
		if number, word, what := extcapLink(name); number >= 0 {
			fmt.Fprintf(a.stdout, "dlt {number=%d}{name=%s}{display=%s}\n", number, word, what)
		}
	case w.conf:
		fmt.Fprint(a.stdout, `arg {number=0}{call=--min-confidence}{display=Findings from}{tooltip=How sure a finding must be to be a comment}{type=selector}
value {arg=0}{value=certain}{display=certain}{default=false}
value {arg=0}{value=likely}{display=likely}{default=true}
value {arg=0}{value=possible}{display=possible}{default=false}
arg {number=1}{call=--rules}{display=Rules}{tooltip=A file of rules in Suricata's language}{type=fileselect}{mustexist=true}
arg {number=2}{call=--home-net}{display=Home network}{tooltip=What is inside, separated by commas: 192.0.2.0/24}{type=string}
`)
	case w.capture:
		return a.extcapCapture(ctx, w, name)
	default: // a filter alone is to be judged: what is printed says what is wrong with it
		if _, err := filter.Compile(w.captureFilter, uint16(packet.LinkEthernet), filter.Options{}); err != nil {
			fmt.Fprintln(a.stdout, printable(err.Error()))
		}
	}
	return nil
}

func (a *app) extcapList() error {
	fmt.Fprintf(a.stdout, "extcap {version=%s}{display=Firestorm}\n", extcapSafe(version))
	ifs, err := net.Interfaces()
	if err != nil {
		return &failure{code: exitEngine, what: "the interfaces cannot be listed", why: err.Error(), err: err}
	}
	for _, i := range ifs {
		fmt.Fprintf(a.stdout, "interface {value=%s%s}{display=Firestorm: %s, with findings as comments}\n", extcapPrefix, extcapSafe(i.Name), extcapSafe(i.Name))
	}
	return nil
}

// extcapLink is the link type of an interface as pcapng names it; a negative number: there is no such interface.
func extcapLink(name string) (number int, word, what string) {
	b, err := os.ReadFile("/sys/class/net/" + strings.ReplaceAll(name, "/", "") + "/type")
	if err != nil {
		return -1, "", ""
	}
	switch strings.TrimSpace(string(b)) { // ARPHRD_* of if_arp.h
	case "1", "772":
		return int(packet.LinkEthernet), "EN10MB", "Ethernet"
	case "803":
		return int(packet.LinkRadiotap), "IEEE802_11_RADIO", "802.11 with radiotap"
	case "801":
		return int(packet.LinkIEEE80211), "IEEE802_11", "802.11"
	}
	return int(packet.LinkRaw), "RAW", "Raw IP"
}

// extcapCapture watches name and writes what it sees, and what is found, until the reader goes away.
func (a *app) extcapCapture(ctx context.Context, w *extcapFlags, name string) error {
	if w.fifo == "" {
		return usagef("--capture --extcap-interface "+shellWord(w.iface)+" --fifo FILE", "--fifo says where packets go")
	}
	r := w.rawRead
	r.files, r.follow, r.format, r.formatIn, r.progress, r.checksums, r.memory, r.failOn, r.quiet = []string{"live"}, true, "text", "pcap", "never", "auto", defaultMemory, "none", true
	o, err := r.check()
	if err != nil {
		return err
	}
	o.Files, o.Live = nil, true
	live, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{name}, Filter: w.captureFilter})
	if err != nil {
		return liveFailure(err)
	}
	in := &input{Source: live, files: []string{name}}
	defer in.Close()
	n, err := a.newAnalysis(o, in)
	if err != nil {
		return err
	}
	defer n.close()
	to, err := os.OpenFile(w.fifo, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return writeFailure(w.fifo, err)
	}
	out := evidence.NewLive(to, evidence.LiveOptions{Application: "firestorm " + version, Filter: w.captureFilter, Visible: report.Visible, Name: func(uint16) string { return name }})
	n.opt.Source = &displayed{watched{input: in, live: live}, out}
	told := &follower{a: a, o: o, said: map[string]*told{}}
	least := finding.Likely
	if o.MinConfidence != 0 {
		least = o.MinConfidence
	}
	n.opt.Early = true
	n.opt.OnFindings = func(d sensor.Decided) {
		for _, x := range d.Closed {
			delete(told.said, x.ID)
		}
		told.list = nil
		for _, x := range d.Findings {
			if x.Confidence >= least && told.news(x) {
				out.Finding(x)
			}
		}
	}
	n.opt.OnStatus = func(s *sensor.Status) {
		var stats []evidence.LiveStats
		for i, l := range s.Links {
			stats = append(stats, evidence.LiveStats{Source: uint16(i), Received: l.Packets + l.Lost, Dropped: l.Lost})
		}
		out.Tick(s.Now, stats)
	}
	hurry := make(chan struct{})
	n.opt.Hurry = hurry
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-out.Gone():
			stop()
		case <-ctx.Done():
		}
	}()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endWithin, func() { close(hurry) }) })()
	res, _, err := n.run(ctx)
	if err == nil {
		for _, x := range told.untold(res.Findings) {
			if x.Confidence >= least {
				out.Finding(x)
			}
		}
	}
	last := time.AfterFunc(time.Second, func() { to.Close() }) // a reader that takes nothing any more
	defer last.Stop()
	wrote := out.Close()
	select {
	case <-out.Gone(): // how such captures end
		wrote = nil
	default:
	}
	if err := errors.Join(err, wrote); err != nil {
		return err
	}
	if n := out.Lost(); n > 0 {
		fmt.Fprintf(a.stderr, "firestorm: %d packets were not shown, because they were not taken in time\n", n)
	}
	return nil
}

// displayed is a live source whose packets are shown as they come.
type displayed struct {
	watched
	out *evidence.Live
}

// Next implements capture.Source.
func (s *displayed) Next(b *packet.Batch) error {
	err := s.watched.Next(b)
	s.out.Packets(b.Packets)
	return err
}
