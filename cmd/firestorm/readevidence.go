package main

import (
	"os"
	"strings"

	"firestorm/internal/finding"
)

// evidenceLine returns how the packets of a finding are saved: the same captures, and the options that the finding
// depends on, for the verb evidence. It is nil where that verb cannot read the input again.
func evidenceLine(o *readOptions) func(*finding.Finding) string {
	if len(o.Files) == 0 || o.Follow || o.FormatIn != "pcap" || o.Since.Set || o.Until.Set || o.StateDir != "" || o.Conntrack != "" {
		return nil
	}
	words := []string{"firestorm", "evidence"}
	for _, name := range o.Files {
		if i, err := os.Stat(name); err != nil || !i.Mode().IsRegular() {
			return nil
		}
		words = append(words, shellWord(name))
	}
	for _, t := range o.Taps {
		words = append(words, "--tap", shellWord(strings.Join(t, "+")))
	}
	if o.Filter != "" {
		words = append(words, "-f", shellWord(o.Filter))
	}
	if o.ChecksumGiven {
		words = append(words, "-k", o.Checksums)
	}
	if o.HomeNetGiven {
		var nets []string
		for _, n := range o.HomeNet {
			nets = append(nets, n.String())
		}
		words = append(words, "--home-net", strings.Join(nets, ","))
	}
	for _, c := range o.Context {
		words = append(words, "--context", shellWord(c.Host.String()+"="+c.File))
	}
	before := strings.Join(words, " ")
	return func(f *finding.Finding) string { return before + " " + f.ID + " -w case.pcapng" }
}
