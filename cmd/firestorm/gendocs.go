//go:build docgen

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
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
