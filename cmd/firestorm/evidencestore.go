//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"firestorm/internal/event"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/seal"
	ringspool "firestorm/internal/spool"
	"firestorm/internal/store"
)

// evidenceStoreFlags are those of findings that a watch kept.
func (e *evidenceOptions) storeFlags(f *pflag.FlagSet) {
	f.StringVar(&e.store, "store", "", "findings of a watch, kept in `DIR`; their packets are those that it kept")
	f.StringArrayVar(&e.spools, "spool", nil, "the watch kept its packets in `DIR` (default: "+packetsIn+" in --store; may be given more than once)")
	f.StringArrayVar(&e.idFiles, "identity", nil, "decrypt kept packets with the secret age key in `FILE` (may be given more than once)")
}

// evidenceOfStore makes the case of findings that a watch kept, from the packets that it kept.
func (a *app) evidenceOfStore(_ context.Context, o *readOptions, e *evidenceOptions) error {
	if o.WriteFile == "-" && e.asJSON {
		return usagef("give -w a file name", "-w - and --json would both write to standard output")
	}
	ids, err := seal.ReadIdentities(e.idFiles)
	if err != nil {
		return usagef("--identity key.txt   (as age-keygen writes it)", "--identity: %s", err)
	}
	s, err := store.Open(e.store, store.Options{ReadOnly: true})
	if err != nil {
		return storeFailure(e.store, err)
	}
	defer s.Close()
	dirs := e.spools
	if len(dirs) == 0 {
		dirs = []string{filepath.Join(e.store, packetsIn)}
	}
	var chosen []*finding.Finding
	var records []*store.Record
	for _, id := range e.ids {
		found := false
		if _, err := s.Records(store.Filter{ID: id, Any: true}, allCodes(), func(r *store.Record, _ *store.Row) error {
			found = true
			chosen, records = append(chosen, r.Finding), append(records, r)
			return nil
		}); err != nil {
			return storeFailure(e.store, err)
		}
		if !found {
			return noSuchFinding(e.store, id)
		}
	}
	x := &keptPackets{}
	for _, dir := range dirs {
		f, err := ringspool.Read(dir, ringspool.Query{Want: evidence.Wanted(chosen), Limit: e.limit, IDs: ids})
		if errors.Is(err, os.ErrNotExist) {
			return &failure{code: exitUsage, what: "no packets were kept in " + dir, why: "watch keeps some with --store, all with --spool DIR", try: "firestorm findings show " + e.ids[0] + " --store " + shellWord(e.store), err: err}
		}
		if err != nil {
			return openFailure(dir, err)
		}
		x.add(f)
	}
	if len(x.packets) == 0 {
		why := "their time was up, or they came when nothing was kept"
		if x.closed > 0 {
			why = fmt.Sprintf("%d files are encrypted, and no identity opens them", x.closed)
		}
		try := "firestorm findings show " + e.ids[0] + " --store " + shellWord(e.store)
		if x.closed > 0 {
			try = "--identity FILE"
		}
		return &failure{code: exitUsage, what: "none of the packets is kept any more", why: why, try: try}
	}
	rep := reportOf(records[0])
	rep.Findings = chosen
	red, err := e.redactor(rep)
	if err != nil {
		return err
	}
	c := &evidence.Case{Findings: chosen, Visible: event.Visible, Application: "firestorm " + version, Redact: red, Name: func(source uint16) string {
		if int(source) < len(x.names) {
			return x.names[source]
		}
		return fmt.Sprintf("interface %d", source)
	}}
	told := rep
	if red != nil {
		told = &report.Report{}
	}
	c.JSON = func(dst []byte, f *finding.Finding) []byte { return report.AppendFinding(dst, told, f) }
	choice := &evidence.Choice{Limit: e.limit, Side: e.side, Open: x.open}
	c.Fetch = choice.Fetch
	m := &evidence.Manifest{Application: c.Application, Redacted: red != nil, Findings: []string{}}
	for _, f := range chosen {
		m.Findings = append(m.Findings, f.ID)
	}
	if m.Inputs, err = x.hashes(red != nil); err != nil {
		return err
	}
	if err := a.writeCase(o.WriteFile, c, choice, m); err != nil {
		return err
	}
	m.OverLimit += x.over
	if err := a.writeManifest(o, e, m); err != nil {
		return err
	}
	a.sayCase(o, e, m)
	for _, say := range []struct {
		n    int
		what string
	}{{x.closed, "files of kept packets, which no identity opens (--identity FILE)"}, {x.damaged, "parts of kept packets, which cannot be read"}} {
		if say.n > 0 && !o.Quiet {
			fmt.Fprintf(a.stderr, "  left out      %d %s\n", say.n, say.what)
		}
	}
	return nil
}

// keptPackets are what spools had.
type keptPackets struct {
	packets         []packet.Packet
	names, files    []string
	over            uint64
	closed, damaged int
}

func (x *keptPackets) add(f *ringspool.Found) {
	x.packets = append(x.packets, f.Packets...)
	if len(f.Names) > len(x.names) {
		x.names = f.Names
	}
	x.files = append(x.files, f.Files...)
	x.over += f.OverLimit
	x.closed += f.Closed
	x.damaged += f.Damaged
}

// open gives the packets as a source does.
func (x *keptPackets) open() (next func(*packet.Batch) error, done func(), err error) {
	at := 0
	return func(b *packet.Batch) error {
		n := min(packet.BatchSize, len(x.packets)-at)
		b.Packets = append(b.Packets[:0], x.packets[at:at+n]...)
		if at += n; at == len(x.packets) {
			return io.EOF
		}
		return nil
	}, func() {}, nil
}

// hashes hashes the files that packets were read of. One whose time was up meanwhile is left out.
func (x *keptPackets) hashes(nameless bool) ([]evidence.ManifestFile, error) {
	out := []evidence.ManifestFile{}
	for _, name := range x.files {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, openFailure(name, err)
		}
		h := evidence.NewHasher()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
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
