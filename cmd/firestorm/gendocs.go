//go:build docgen

package main

import (
	"os"
	"path/filepath"

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
