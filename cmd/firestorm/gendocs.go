//go:build docgen

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"firestorm/internal/config"
)

// addDocsCommand adds the verb that writes man pages and completion. Only "make man" builds it in: the shipped program
// does not carry a Markdown parser.
func addDocsCommand(a *app, root *cobra.Command) {
	root.AddCommand(&cobra.Command{
		Use:    "gen-docs DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			man, comp := filepath.Join(args[0], "man"), filepath.Join(args[0], "completion")
			for _, d := range []string{man, comp} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					return err
				}
			}
			root.DisableAutoGenTag = true
			// The date of a man page is left empty: two builds of one commit must be equal.
			h := &doc.GenManHeader{Title: "FIRESTORM", Section: "1", Source: "firestorm " + version, Manual: "Firestorm"}
			if err := doc.GenManTree(root, h, man); err != nil {
				return err
			}
			if err := addExitStatus(man); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(man, "firestorm.yaml.5"), configPage(), 0o644); err != nil {
				return err
			}
			if err := root.GenBashCompletionFileV2(filepath.Join(comp, "firestorm.bash"), true); err != nil {
				return err
			}
			if err := root.GenZshCompletionFile(filepath.Join(comp, "_firestorm")); err != nil {
				return err
			}
			return root.GenFishCompletionFile(filepath.Join(comp, "firestorm.fish"), true)
		},
	})
}

// configPage is the man page of the configuration, from the same table as docs/configuration.md.
func configPage() []byte {
	var b strings.Builder
	text := func(s string) string {
		s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(s)
		if strings.HasPrefix(s, ".") {
			s = `\&` + s
		}
		return s
	}
	fmt.Fprintf(&b, ".TH \"FIRESTORM.YAML\" \"5\" \"\" \"%s\" \"Firestorm\"\n", text("firestorm "+version))
	b.WriteString(".SH NAME\nfirestorm.yaml \\- configuration of firestorm\n.SH SYNOPSIS\n\\fB" + text(systemConfig) + "\\fP\n.SH DESCRIPTION\n" +
		text("One YAML file. It may be absent: the defaults need none. A key that is not known is an error, with its line and the nearest key. "+
			"What the command line says goes before the file. Sizes are bytes, or have K, M, G or T behind them (powers of 1024). Durations are as "+
			"500ms, 30s, 5m, 12h, 7d. Relative paths are meant from the configuration's own folder.") + "\n")
	var keys func(prefix string, list []config.Key)
	keys = func(prefix string, list []config.Key) {
		for i := range list {
			k := &list[i]
			about := k.About
			if k.Needed {
				about += " Must be given."
			}
			var more []string
			for _, m := range [...]struct{ what, is string }{{"", k.Kind.String()}, {"unit ", k.Unit}, {"default ", k.Default}, {"range ", k.Range()}} {
				if m.is != "" {
					more = append(more, m.what+m.is)
				}
			}
			fmt.Fprintf(&b, ".TP\n\\fB%s%s\\fP (%s)\n%s\n", text(prefix), text(k.Name), text(strings.Join(more, "; ")), text(about))
			keys(prefix+k.Name+"[].", k.Of)
		}
	}
	for i := range config.Sections {
		s := &config.Sections[i]
		fmt.Fprintf(&b, ".SH %s\n%s\n", text(strings.ToUpper(s.Name)), text(s.About))
		keys("", s.Keys)
	}
	b.WriteString(".SH FILES\n" + text(systemConfig) + "\n.SH SEE ALSO\n\\fBfirestorm\\-config(1)\\fP, \\fBfirestorm\\-watch(1)\\fP\n")
	return []byte(b.String())
}

// addExitStatus puts the section EXIT STATUS before SEE ALSO in every man page of dir.
func addExitStatus(dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return err
	}
	section := ".SH EXIT STATUS\n"
	for _, m := range exitMeanings {
		section += fmt.Sprintf(".TP\n\\fB%d\\fP\n%s\n", m.code, strings.ReplaceAll(m.text, "-", `\-`))
	}
	for _, p := range pages {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		text, at := string(b), strings.LastIndex(string(b), ".SH SEE ALSO")
		if at < 0 {
			at = len(text)
		}
		if err := os.WriteFile(p, []byte(text[:at]+section+"\n"+text[at:]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
