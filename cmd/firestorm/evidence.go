package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/event"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// evidenceOptions is the command line of evidence beside what it shares with read.
type evidenceOptions struct {
	ids      []string
	redact   bool
	keyFile  string
	side     packet.Addr
	manifest string // "" = beside -w; "none" = nowhere
	limit    int64
	asJSON   bool

	store           string   // findings of a watch; "" = those of captures
	spools, idFiles []string // folders of kept packets, and keys for them
}

// findingID is how a finding's id looks.
var findingID = regexp.MustCompile(`(?i)^FS-[0-9a-z]{6}$`)

func (a *app) evidenceCommand() *cobra.Command {
	_, r := a.readFlags() // the same defaults; only some of the flags make sense here
	var e evidenceOptions
	var side, limit string
	c := &cobra.Command{
		Use:   "evidence FILE...|--store DIR [FS-ID...] -w CASE.pcapng",
		Short: "save the packets of a finding, fit to be sent to somebody",
		Long: `Save the conversations of findings as an annotated capture: Wireshark shows on each
packet what it proves. Without an id, those of all findings.

--redact makes it fit to be given away: addresses and names are replaced by others
(the same for the same one; networks stay networks, private ones stay private),
payload is cut off, checksums are put right. --one-side leaves only what one host sent.

With --store DIR the findings are those of a watch, and the packets those that it kept.

A manifest beside the case has the SHA-256 of the captures it was cut from, and its own.`,
		Example: `  firestorm evidence problem.pcapng FS-7k2m9x -w case.pcapng
  firestorm evidence problem.pcapng FS-7k2m9x -w case.pcapng --redact
  firestorm evidence FS-7k2m9x --store /var/lib/firestorm -w case.pcapng
  firestorm evidence problem.pcapng -w case.pcapng --redact --redact-key our.key --one-side 192.0.2.7`,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, s := range args {
				if findingID.MatchString(s) && !isFile(s) {
					e.ids = append(e.ids, "FS-"+strings.ToLower(s[3:]))
				} else {
					r.files = append(r.files, s)
				}
			}
			if r.write == "" {
				return usagef("firestorm evidence problem.pcapng FS-7k2m9x -w case.pcapng", "evidence needs a file to write: -w CASE.pcapng")
			}
			if e.store != "" && (len(r.files) > 0 || len(e.ids) == 0) {
				return usagef("firestorm evidence FS-7k2m9x --store /var/lib/firestorm -w case.pcapng", "with --store, evidence needs ids of findings, and no capture")
			}
			if len(r.files) == 0 && e.store == "" {
				return usagef("firestorm evidence problem.pcapng FS-7k2m9x -w case.pcapng", "evidence needs the capture that the finding is from")
			}
			if e.store != "" {
				r.files = []string{e.store} // nothing is read of it as a capture
			}
			o, err := r.check()
			if err != nil {
				return err
			}
			if side != "" {
				n, err := netip.ParseAddr(side)
				if err != nil {
					return usagef("--one-side 192.0.2.7", "--one-side: %q is no address", side)
				}
				e.side = packet.FromNetip(n)
			}
			if e.limit, err = parseSize(limit); err != nil || e.limit == 0 {
				return usagef("--max-size 256M", "--max-size: %q is no size", limit)
			}
			if e.keyFile != "" && !e.redact {
				return usagef("--redact --redact-key "+shellWord(e.keyFile), "--redact-key says how to redact, and nothing asks for it")
			}
			e.asJSON = r.json
			if e.store != "" {
				return a.evidenceOfStore(cmd.Context(), o, &e)
			}
			return a.runEvidence(cmd.Context(), o, &e)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&r.files, "read", "r", nil, "capture to read, as with tcpdump; the same as the argument `FILE`")
	f.StringVarP(&r.write, "write", "w", "", "write the case to `FILE`, as annotated pcapng (- is standard output)")
	e.storeFlags(f)
	f.BoolVar(&e.redact, "redact", false, "replace addresses and names by others, cut off payload")
	f.StringVar(&e.keyFile, "redact-key", "", "map by the key in `FILE`, which is made when it is not there: the same addresses in every case (default: a new key each time, kept nowhere)")
	f.StringVar(&side, "one-side", "", "only packets that `ADDR` sent")
	f.StringVar(&e.manifest, "manifest", "", "write the manifest to `FILE`, or none (default: the case's name with .manifest.json)")
	f.StringVar(&limit, "max-size", "256M", "most bytes of conversations beside the packets that prove the findings, `SIZE`")
	f.BoolVar(&r.json, "json", false, "say what was written as the manifest, on standard output")
	f.StringArrayVar(&r.taps, "tap", nil, "files `A+B` see one wire")
	f.StringVarP(&r.filter, "filter", "f", "", "only packets that match `EXPR`, a capture filter in libpcap's language")
	f.StringVarP(&r.checksums, "checksums", "k", "auto", "`WHICH` checksums must be right: none, all, auto")
	f.StringSliceVar(&r.homeNet, "home-net", nil, "`NETS` that are inside, separated by commas")
	f.StringArrayVar(&r.context, "context", nil, "`HOST=FILE`: FILE is a configuration of HOST")
	f.StringVar(&r.minConf, "min-confidence", "", "without an id: findings from `LEVEL` on (default: likely)")
	f.StringVar(&r.memory, "max-memory", defaultMemory, "most memory to use, `SIZE`")
	f.IntVar(&r.workers, "workers", 0, "`N` parallel workers, 0 for one each processor")
	return c
}

func (a *app) runEvidence(ctx context.Context, o *readOptions, e *evidenceOptions) error {
	if (o.WriteFile == "-") && e.asJSON {
		return usagef("give -w a file name", "-w - and --json would both write to standard output")
	}
	kept, err := a.openSpool(o)
	if err != nil {
		return err
	}
	defer kept.Close()
	in, twins, err := a.openCompared(ctx, o)
	if err != nil {
		return err
	}
	defer in.Close()
	opt := sensor.Options{Source: in, Workers: o.Workers, MaxMemory: o.MaxMemory, Analyzers: standard.Analyzers, Detectors: standard.Detectors,
		Checksums: checksumModes[o.Checksums], Names: vantageNames(in), Files: sourceNames(in), HomeNet: o.HomeNet}
	if twins != nil && twins.join != nil {
		opt.Join, opt.Vantages = twins.join, twins.vantages
	}
	if opt.Context, err = a.readContext(o.Context); err != nil {
		return err
	}
	res, err := sensor.Run(ctx, opt)
	if err != nil {
		return &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	if interrupted(ctx) || res.Interrupted {
		return status(exitInterrupted)
	}
	rep := buildReport(in, o, res)
	chosen, err := chooseFindings(res.Findings, e.ids, o)
	if err != nil {
		return err
	}
	red, err := e.redactor(rep)
	if err != nil {
		return err
	}
	c := &evidence.Case{Findings: chosen, Visible: event.Visible, Name: in.name, Application: "firestorm " + version, Redact: red}
	told := rep
	if red != nil {
		told = &report.Report{} // names of files and hosts stay here
		for i := range rep.Files {
			told.Files = append(told.Files, report.File{Name: fmt.Sprintf("capture %d", i+1)})
		}
	} else {
		c.Summary = report.AppendSummary(nil, rep, report.Options{MinConfidence: o.MinConfidence})
	}
	c.JSON = func(dst []byte, f *finding.Finding) []byte { return report.AppendFinding(dst, told, f) }
	choice := &evidence.Choice{Limit: e.limit, Side: e.side, Open: a.reopen(o, twins.shift(), kept)}
	c.Fetch = choice.Fetch
	m := &evidence.Manifest{Application: c.Application, Redacted: red != nil, Findings: []string{}}
	for _, f := range chosen {
		m.Findings = append(m.Findings, f.ID)
	}
	if m.Inputs, err = hashInputs(o.Files, kept, red != nil); err != nil {
		return err
	}
	if err := a.writeCase(o.WriteFile, c, choice, m); err != nil {
		return err
	}
	if err := a.writeManifest(o, e, m); err != nil {
		return err
	}
	a.sayCase(o, e, m)
	return a.sayDamage(in, res)
}

// chooseFindings returns the findings with the given ids, or all that are sure enough.
func chooseFindings(all []*finding.Finding, ids []string, o *readOptions) ([]*finding.Finding, error) {
	var out []*finding.Finding
	if len(ids) == 0 {
		least := max(o.MinConfidence, finding.Likely)
		if o.MinConfidence != 0 {
			least = o.MinConfidence
		}
		for _, f := range all {
			if f.Confidence >= least {
				out = append(out, f)
			}
		}
		if len(out) == 0 {
			return nil, &failure{code: exitFindings, what: "there is no finding to save packets of", try: "firestorm read " + shellWord(o.Files[0])}
		}
		return out, nil
	}
	var known []string
	for _, f := range all {
		known = append(known, f.ID)
	}
	for _, id := range ids {
		found := false
		for _, f := range all {
			if f.ID == id {
				out, found = append(out, f), true
			}
		}
		if !found {
			why := "the input has no finding at all"
			if len(known) > 0 {
				why = "there are: " + strings.Join(known, ", ")
			}
			return nil, &failure{code: exitUsage, what: "no finding has the id " + id, why: why, try: "firestorm read " + shellWord(o.Files[0])}
		}
	}
	return out, nil
}

// redactor returns nil when nothing is to be redacted.
func (e *evidenceOptions) redactor(rep *report.Report) (*evidence.Redactor, error) {
	if !e.redact {
		return nil, nil
	}
	key, err := redactKey(e.keyFile)
	if err != nil {
		return nil, err
	}
	red := evidence.NewRedactor(key)
	for _, f := range append(rep.Findings, rep.Muted...) {
		for i := range f.Subjects {
			s := &f.Subjects[i]
			red.Know(s.Name)
			if n, _, ok := rep.Names(s.Addr); ok {
				red.Know(n)
			}
		}
	}
	return red, nil
}

// redactKey reads the key in a file, or makes one: 64 hexadecimal digits on a line, for nobody else to read.
func redactKey(name string) (key [evidence.KeySize]byte, err error) {
	if name != "" {
		b, err := os.ReadFile(name)
		if err == nil {
			if n, err := hex.Decode(key[:], []byte(strings.TrimSpace(string(b[:min(len(b), 256)])))); err != nil || n != len(key) {
				return key, usagef("--redact-key another.key   (it is made)", "%s holds no key: it must be %d hexadecimal digits", name, 2*len(key))
			}
			return key, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return key, openFailure(name, err)
		}
	}
	if _, err := rand.Read(key[:]); err != nil {
		return key, &failure{code: exitEngine, what: "no key can be made", why: err.Error(), err: err}
	}
	if name != "" {
		if err := os.WriteFile(name, []byte(hex.EncodeToString(key[:])+"\n"), 0o600); err != nil {
			return key, writeFailure(name, err)
		}
	}
	return key, nil
}

// reopen begins the input of o again, as often as it is called.
func (a *app) reopen(o *readOptions, shift time.Duration, sp *spool) func() (func(*packet.Batch) error, func(), error) {
	return func() (func(*packet.Batch) error, func(), error) {
		b := *a
		if sp != nil {
			if err := sp.rewind(); err != nil {
				return nil, nil, writeFailure("the spool of standard input", err)
			}
			b.stdin = sp
		}
		in, err := b.openInput(o, shift)
		if err != nil {
			return nil, nil, err
		}
		return in.Next, func() { _ = in.Close() }, nil
	}
}

// hashInputs hashes the captures; those of a redacted case stay nameless.
func hashInputs(files []string, sp *spool, nameless bool) ([]evidence.ManifestFile, error) {
	var out []evidence.ManifestFile
	for _, name := range files {
		var r io.Reader
		if name == "-" {
			if err := sp.rewind(); err != nil {
				return nil, writeFailure("the spool of standard input", err)
			}
			r = sp
		} else {
			f, err := os.Open(name)
			if err != nil {
				return nil, openFailure(name, err)
			}
			defer f.Close()
			r = f
		}
		h := evidence.NewHasher()
		if _, err := io.Copy(h, r); err != nil {
			return nil, openFailure(name, err)
		}
		show := filepath.Base(name)
		if nameless {
			show = ""
		}
		out = append(out, h.File(show))
	}
	return out, nil
}

// writeCase writes the case to a file, or to standard output, and adds to m what became of it.
func (a *app) writeCase(name string, c *evidence.Case, choice *evidence.Choice, m *evidence.Manifest) error {
	h := evidence.NewHasher()
	var res evidence.Result
	write := func(w io.Writer) (err error) {
		res, err = c.Write(io.MultiWriter(w, h))
		return err
	}
	if name == "-" {
		w := bufio.NewWriter(a.stdout)
		if err := errors.Join(write(w), w.Flush()); err != nil {
			return writeFailure("standard output", err)
		}
	} else if err := writeFile(name, write); err != nil {
		return err
	}
	m.Outputs = []evidence.ManifestFile{h.File(filepath.Base(name))}
	m.Frames, m.Missing = res.Frames, res.Missing-choice.Untold
	m.OtherSide, m.OverLimit = choice.OtherSide, choice.OverLimit
	if !choice.Side.IsZero() {
		m.OneSide = choice.Side.String()
		if c.Redact != nil {
			m.OneSide = c.Redact.Map.Addr(choice.Side).String()
		}
	}
	return nil
}

func (a *app) writeManifest(o *readOptions, e *evidenceOptions, m *evidence.Manifest) error {
	if e.asJSON {
		if err := m.Write(a.stdout); err != nil {
			return writeFailure("standard output", err)
		}
	}
	name := e.manifest
	if name == "" && o.WriteFile != "-" {
		name = o.WriteFile + ".manifest.json"
	}
	if name == "none" || name == "" {
		return nil
	}
	return writeFile(name, m.Write)
}

// sayCase says on standard error what was written and what is not in it.
func (a *app) sayCase(o *readOptions, e *evidenceOptions, m *evidence.Manifest) {
	if o.Quiet {
		return
	}
	what := "conversations of " + strings.Join(m.Findings, ", ")
	if len(m.Findings) > 4 {
		what = fmt.Sprintf("conversations of %d findings", len(m.Findings))
	}
	fmt.Fprintf(a.stderr, "%s: %d packets, %s\n", printable(o.WriteFile), m.Frames, what)
	if m.Redacted {
		fmt.Fprintln(a.stderr, "  redacted      addresses and names mapped, payload cut off; times, ports and sizes are as they were")
	}
	if m.OtherSide > 0 {
		fmt.Fprintf(a.stderr, "  left out      %d packets that others than %s sent\n", m.OtherSide, e.side)
	}
	if m.OverLimit > 0 {
		fmt.Fprintf(a.stderr, "  left out      %d packets of the conversations, past --max-size\n", m.OverLimit)
	}
	if m.Missing > 0 {
		fmt.Fprintf(a.stderr, "  missing       %d packets of the findings, which the input did not give again\n", m.Missing)
	}
}
