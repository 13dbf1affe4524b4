package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/why"
)

func (a *app) whyCommand() *cobra.Command {
	_, r := a.readFlags() // the same defaults; only some of the flags make sense here
	c := &cobra.Command{
		Use:   "why CLIENT SERVER[:PORT] FILE...",
		Short: "say why a client does or does not reach a server",
		Long: `Say why a client does or does not reach a server, from what the captures show.

It always answers: how often it worked and failed, what the failures share that the
successes do not, how others fared, which findings speak of it, or what to capture
to get an answer. CLIENT is an address, a network or "any"; SERVER an address or
network, with or without a port.`,
		Example: `  firestorm why 192.168.0.1 10.0.0.254:80 problem.pcapng
  firestorm why any 10.0.0.254 inside.pcap outside.pcap
  firestorm why 10.1.0.0/24 [2001:db8::1]:443 --json problem.pcapng`,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("firestorm why 192.168.0.1 10.0.0.254:80 problem.pcapng", "why needs a client, a server and a capture")
			}
			q, err := why.Parse(args[0], args[1])
			if err != nil {
				return usagef("firestorm why 192.168.0.1 10.0.0.254:80 problem.pcapng", "%s", err)
			}
			r.files = append(r.files, args[2:]...)
			if len(r.files) == 0 {
				return usagef("firestorm why "+shellWord(args[0])+" "+shellWord(args[1])+" problem.pcapng", "why needs a capture to answer from")
			}
			o, err := r.check()
			if err != nil {
				return err
			}
			return a.runWhy(cmd.Context(), o, q, r.json)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&r.files, "read", "r", nil, "capture to read, as with tcpdump; the same as the argument `FILE`")
	f.StringVarP(&r.filter, "filter", "f", "", "only packets that match `EXPR`, a capture filter in libpcap's language")
	f.StringVarP(&r.checksums, "checksums", "k", "auto", "`WHICH` checksums must be right: none, all, auto")
	f.StringArrayVar(&r.context, "context", nil, "`HOST=FILE`: FILE is a configuration of HOST (ipsec.conf, swanctl.conf, vsftpd.conf, exports)")
	f.BoolVar(&r.json, "json", false, "one JSON object instead of text")
	f.StringVar(&r.memory, "max-memory", defaultMemory, "most memory to use, `SIZE`")
	f.IntVar(&r.workers, "workers", 0, "`N` parallel workers, 0 for one each processor")
	return c
}

func (a *app) runWhy(ctx context.Context, o *readOptions, q why.Question, asJSON bool) error {
	in, twins, err := a.openCompared(ctx, o)
	if err != nil {
		return err
	}
	defer in.Close()
	opt := sensor.Options{Source: in, Workers: o.Workers, MaxMemory: o.MaxMemory, Analyzers: standard.Analyzers, Detectors: standard.Detectors,
		Checksums: checksumModes[o.Checksums], Names: vantageNames(in), Files: sourceNames(in), HomeNet: o.HomeNet}
	if opt.Context, err = a.readContext(o.Context); err != nil {
		return err
	}
	input := why.Input{Files: o.Files, Vantage: -1}
	if twins != nil && twins.join != nil {
		opt.Join, opt.Vantages = twins.join, twins.vantages
		input.Vantage = twins.join.Near()
	}
	res, err := sensor.Run(ctx, opt)
	if err != nil {
		return &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	input.Ledger, input.Gates, input.Begin, input.Same = res.Ledger, res.Gates, res.First, res.Same
	for _, f := range res.Findings {
		if f.MutedBy == "" {
			input.Findings = append(input.Findings, f)
		}
	}
	if len(o.Files) > 1 {
		names := in.Interfaces()
		input.FileName = func(s uint16) string {
			if int(s) < len(names) {
				return filepath.Base(names[s].Name)
			}
			return fmt.Sprintf("input %d", s+1)
		}
	}
	ans := why.Ask(q, input)
	if asJSON {
		err = a.writeJSON(ans)
	} else {
		writeAnswer(a.stdout, ans)
	}
	if err != nil {
		return writeFailure("standard output", err)
	}
	if res.Damaged != nil {
		return &failure{code: exitDamaged, what: "the input broke", why: res.Damaged.Error(), err: res.Damaged}
	}
	return nil
}

// writeAnswer prints an answer: the sentence first, then what it rests on.
func writeAnswer(w io.Writer, a *why.Answer) {
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-10s %s\n", label, report.Visible(text))
		}
	}
	fmt.Fprintf(w, "%s  %s\n\n", a.Question, a.Verdict)
	if a.Attempts > 0 {
		line("attempts", fmt.Sprintf("%d: %d worked, %d failed, %d undecided", a.Attempts, a.Worked, a.Failed, a.Open))
	}
	for i, s := range a.Shared {
		line(label(i, "shared"), s)
	}
	line("others", a.Control)
	line("times", a.Times)
	for i, s := range a.Detail {
		line(label(i, "failures"), s)
	}
	for i, h := range a.Findings {
		line(label(i, "finding"), fmt.Sprintf("%s  (%s, %s, %s)", h.Title, h.Confidence, h.Code, h.ID))
	}
	for i, g := range a.Gates {
		line(label(i, "limits"), g)
	}
	for i, n := range a.Next {
		line(label(i, "next"), strings.TrimSpace(n))
	}
}

func label(i int, s string) string {
	if i > 0 {
		return ""
	}
	return s
}
