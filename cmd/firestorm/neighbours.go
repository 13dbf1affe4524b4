package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/detect/arpwatch"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// mostNeighbours bounds what the tool holds in memory; the sensor's own limit is not greater.
const mostNeighbours = 100_000

// neighbours is one run of the verb.
type neighbours struct {
	*app
	dir, oui string
	json     bool
	all      bool
	mem      *memory
	table    *neighbour.Table
	vendors  *neighbour.Vendors
}

func (a *app) neighboursCommand() *cobra.Command {
	n := &neighbours{app: a}
	c := &cobra.Command{
		Use:     "neighbours [list] [WHO...]",
		Aliases: []string{"neigh", "macwatch"},
		Short:   "who is on the wire: MAC and IP addresses, since when, what changed",
		Long: `Who is on the wire: which MAC address uses which IP address, since when, who makes
the card, and what the address was called. The memory is what "firestorm read --state
DIR" has learned. What somebody approved or wrote about is forgotten last.

A new memory only learns for a day of captured time; then new machines and changes are
reported. "approve --all" says that what is known is right, and ends the learning.

` + exitHelp(),
		Example: `  firestorm read monday.pcap --state lan
  firestorm neighbours --state lan
  firestorm neighbours note 192.0.2.7 'printer, second floor' --state lan
  firestorm neighbours approve --all --state lan
  firestorm neighbours import /var/lib/arpwatch/arp.dat --state lan`,
		GroupID: groupLook,
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			return n.with(false, func() error { return n.list(args) })
		},
	}
	f := c.PersistentFlags()
	f.StringVar(&n.dir, "state", "", "the memory is in `DIR` (default: /var/lib/firestorm for root, else firestorm below $XDG_STATE_HOME)")
	f.StringVar(&n.oui, "oui", "", "names of makers from `FILE`, the IEEE's oui.txt (default: that of ieee-data or arp-scan if there, else a short list)")
	f.BoolVar(&n.json, "json", false, "one JSON object a line instead of text")
	sub := func(use, short string, args cobra.PositionalArgs, change bool, run func(args []string) error) *cobra.Command {
		s := &cobra.Command{Use: use, Short: short, Args: args,
			RunE: func(_ *cobra.Command, args []string) error { return n.with(change, func() error { return run(args) }) }}
		c.AddCommand(s)
		return s
	}
	sub("list [WHO...]", "list neighbours; WHO is an address, or part of a name, note or maker", cobra.ArbitraryArgs, false, n.list)
	sub("approve [WHO...]", "say that an IP or MAC address belongs here", cobra.ArbitraryArgs, true, n.approve).
		Flags().BoolVar(&n.all, "all", false, "all that are known, and end the learning")
	sub("note WHO TEXT", "write a word about an IP or MAC address; an empty TEXT takes it away", cobra.ExactArgs(2), true, n.note)
	sub("import FILE", "take over arpwatch's memory, arp.dat; - is standard input", cobra.ExactArgs(1), true, n.importFrom)
	sub("export [FILE]", "write the IPv4 neighbours as arp.dat, to standard output or FILE", cobra.MaximumNArgs(1), false, n.exportTo)
	return c
}

// with opens the memory, runs f and keeps what f changed.
func (n *neighbours) with(change bool, f func() error) error {
	if n.dir == "" {
		n.dir = n.stateDir()
	}
	var err error
	if n.vendors, err = n.loadVendors(); err != nil {
		return err
	}
	if _, err := os.Stat(n.dir); err != nil && !change {
		return &failure{code: exitUsage, what: "there is no memory in " + n.dir, why: err.Error(), try: "firestorm read capture.pcap --state " + shellWord(n.dir), err: err}
	}
	if n.mem, err = n.openMemory(n.dir); err != nil {
		return err
	}
	defer n.mem.close()
	n.table = neighbour.NewTable(mostNeighbours)
	if _, err := n.mem.Load(arpwatch.Snapshot, n.table.Load); err != nil {
		return &failure{code: exitEngine, what: "the memory cannot be read", why: err.Error(), err: err}
	}
	if err := f(); err != nil || !change {
		return err
	}
	if err := n.mem.Save(arpwatch.Snapshot, n.table.Save); err != nil {
		return &failure{code: exitEngine, what: "the memory cannot be kept", why: err.Error(), err: err}
	}
	return nil
}

func (n *neighbours) loadVendors() (*neighbour.Vendors, error) {
	if n.oui != "" {
		v, err := neighbour.LoadVendors(n.oui)
		if err != nil {
			return nil, &failure{code: exitUsage, what: "the names of makers cannot be read", why: err.Error(), try: "the IEEE's list: https://standards-oui.ieee.org/oui/oui.txt", err: err}
		}
		return v, nil
	}
	for _, f := range neighbour.SystemFiles {
		if v, err := neighbour.LoadVendors(f); err == nil {
			return v, nil
		}
	}
	return neighbour.BuiltIn(), nil
}

// find returns those that who means: an IP or a MAC address, exactly.
func (n *neighbours) find(who string) ([]*neighbour.Neighbour, error) {
	var out []*neighbour.Neighbour
	ip, ipErr := netip.ParseAddr(who)
	mac, isMAC := neighbour.ParseMAC(who)
	if ipErr != nil && !isMAC {
		return nil, usagef("firestorm neighbours list", "%q is neither an IP nor a MAC address", who)
	}
	for _, x := range n.table.All() {
		if ipErr == nil && x.IP == packet.FromNetip(ip) || isMAC && x.Current().MAC == mac {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return nil, usagef("firestorm neighbours list", "%s is not known", who)
	}
	return out, nil
}

func (n *neighbours) approve(args []string) error {
	if n.all == (len(args) > 0) {
		return usagef("firestorm neighbours approve 192.0.2.7   or   firestorm neighbours approve --all", "approve needs addresses, or --all")
	}
	if n.all {
		n.table.Each(func(x *neighbour.Neighbour) { x.Approved = true })
		n.table.Learned = true
		_, err := fmt.Fprintf(n.stdout, "%d neighbours approved; from now on new ones and changes are reported\n", n.table.Len())
		return err
	}
	for _, who := range args {
		xs, err := n.find(who)
		if err != nil {
			return err
		}
		for _, x := range xs {
			x.Approved = true
		}
	}
	return nil
}

func (n *neighbours) note(args []string) error {
	text := strings.ToValidUTF8(args[1], "?")
	if len(text) > neighbour.MaxName {
		return usagef("a shorter note", "a note has at most %d bytes", neighbour.MaxName)
	}
	xs, err := n.find(args[0])
	if err != nil {
		return err
	}
	for _, x := range xs {
		x.Note = text
	}
	return nil
}

func (n *neighbours) importFrom(args []string) error {
	in := n.stdin
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return openFailure(args[0], err)
		}
		defer f.Close()
		in = f
	}
	xs, bad, err := neighbour.ReadARPDat(in)
	if err != nil || len(xs) == 0 {
		return &failure{code: exitDamaged, what: "no neighbours in " + args[0], why: errors.Join(err, fmt.Errorf("%d lines are none of arpwatch's", bad)).Error(),
			try: "lines such as:  0:c:29:1:2:3<tab>192.0.2.7<tab>1700000000<tab>name"}
	}
	for _, x := range xs {
		n.table.Merge(x)
	}
	skipped := ""
	if bad > 0 {
		skipped = fmt.Sprintf("; %d lines were not understood", bad)
	}
	_, err = fmt.Fprintf(n.stdout, "%d addresses taken over, %d known now%s\n", len(xs), n.table.Len(), skipped)
	return err
}

func (n *neighbours) exportTo(args []string) error {
	if len(args) == 0 || args[0] == "-" {
		return neighbour.WriteARPDat(n.stdout, n.table.All())
	}
	return writeFile(args[0], func(w io.Writer) error { return neighbour.WriteARPDat(w, n.table.All()) })
}
