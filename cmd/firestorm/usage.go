package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// usage writes how c is used as cobra does, in our words: verbs by group, nothing that is empty. It is no template: one would
// make the program two megabytes larger (see ARCHITECTURE.md).
func usage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:")
	switch {
	case !c.Runnable():
	case !c.HasParent():
		b.WriteString("\n  firestorm FILE...\n  firestorm VERB [flags]")
	case c.HasAvailableSubCommands() && c.Use == c.Name():
		b.WriteString("\n  " + c.CommandPath() + " VERB [flags]")
	default:
		b.WriteString("\n  " + c.UseLine())
	}
	if c.HasExample() {
		b.WriteString("\n\nExamples:\n" + c.Example)
	}
	if c.HasAvailableSubCommands() {
		for _, g := range c.Groups() {
			verbs(&b, g.Title, c, g.ID)
		}
		if len(c.Groups()) == 0 {
			verbs(&b, "Verbs:", c, "")
		}
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString("\n\nFlags:\n" + strings.TrimRight(c.LocalFlags().FlagUsages(), " \n"))
	}
	if c.HasAvailableInheritedFlags() {
		b.WriteString("\n\nEverywhere:\n" + strings.TrimRight(c.InheritedFlags().FlagUsages(), " \n"))
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n\n" + c.CommandPath() + " VERB --help says more about a verb.")
	}
	b.WriteByte('\n')
	_, err := io.WriteString(c.OutOrStderr(), b.String())
	return err
}

// verbs lists those of one group; empty: all.
func verbs(b *strings.Builder, title string, c *cobra.Command, group string) {
	b.WriteString("\n\n" + title)
	for _, v := range c.Commands() {
		if v.IsAvailableCommand() && (group == "" || v.GroupID == group) {
			fmt.Fprintf(b, "\n  %-*s %s", v.NamePadding(), v.Name(), v.Short)
		}
	}
}
