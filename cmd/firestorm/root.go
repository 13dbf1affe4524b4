package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Groups of verbs in the help.
const (
	groupLook = "look"
	groupRun  = "run"
	groupFix  = "fix"
)

// root builds the command tree. A verb stands here once it works.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "firestorm",
		Short: "explains what is broken in a network or attacking it",
		Long: `Firestorm reads packets and says in plain words what is broken in a network or
attacking it: whose side, what to do, and which packets prove it.

  firestorm problem.pcapng          the same as: firestorm read problem.pcapng`,
		Args:                       cobra.ArbitraryArgs,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asked, _ := cmd.Flags().GetBool("version"); asked {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "firestorm %s\n", version)
				return err
			}
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownVerb(cmd, args[0])
		},
	}
	root.Flags().Bool("version", false, "print the version") // not cobra's, which takes -v, and words it with a template
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef(cmd.CommandPath()+" --help", "%s", err)
	})
	root.PersistentFlags().Var(&a.color, "color", "colour on the terminal: auto, always, never (auto obeys NO_COLOR)")
	root.AddGroup(&cobra.Group{ID: groupLook, Title: "Look:"}, &cobra.Group{ID: groupRun, Title: "Run:"}, &cobra.Group{ID: groupFix, Title: "Fix:"})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	for _, c := range []*cobra.Command{
		a.readCommand(),
		a.whyCommand(),
		a.watchCommand(),
		a.topCommand(),
		a.extcapCommand(),
		a.findingsCommand(),
		a.serveCommand(),
		a.neighboursCommand(),
		a.demoCommand(),
		a.labCommand(),
		a.explainCommand(),
		a.rulesCommand(),
		a.doctorCommand(),
		a.configCommand(),
		a.evidenceCommand(),
		a.lintCommand(),
		a.maintenanceCommand(),
		a.rpcCommand(),
		a.backupCommand(),
		a.completionCommand(),
		a.versionCommand(),
	} {
		if c != nil { // not for this system
			root.AddCommand(c)
		}
	}
	addDocsCommand(a, root)
	return root
}

// withRead puts the verb read in front of a command line that names none but a file or one of read's flags, and extcap before
// what Wireshark calls with.
func withRead(root *cobra.Command, args []string) []string {
	verbs := map[string]bool{cobra.ShellCompRequestCmd: true, cobra.ShellCompNoDescRequestCmd: true}
	for _, c := range root.Commands() {
		verbs[c.Name()] = true
		for _, al := range c.Aliases {
			verbs[al] = true
		}
	}
	if slices.ContainsFunc(args, func(s string) bool { return verbs[s] }) {
		return args
	}
	if verbs["extcap"] && slices.ContainsFunc(args, func(s string) bool { return strings.HasPrefix(s, "--extcap-") }) {
		return append([]string{"extcap"}, args...) // Wireshark calls without a verb
	}
	if len(args) > 1 && !isFlag(args[0]) && !isFile(args[0]) && !looksLikeFile(args[0]) && len(root.SuggestionsFor(args[0])) > 0 {
		return args // a mistyped verb with its arguments
	}
	for i, s := range args {
		switch {
		case s == "-h" || s == "--help" || s == "--version":
			return args
		case s == "-" || isFile(s) || looksLikeFile(s), i == 0 && isFlag(s) && !strings.HasPrefix(s, "--color"):
			return append([]string{"read"}, args...)
		}
	}
	return args
}

func isFlag(s string) bool { return len(s) > 1 && s[0] == '-' }

func isFile(s string) bool {
	st, err := os.Stat(s)
	return err == nil && st.Mode()&fs.ModeType != fs.ModeDir
}

// looksLikeFile tells a file that is not there from a mistyped verb.
func looksLikeFile(s string) bool {
	if strings.HasPrefix(s, "-") {
		return false
	}
	return strings.ContainsAny(s, `/\`) || filepath.Ext(s) != ""
}

func unknownVerb(root *cobra.Command, verb string) error {
	try := "firestorm --help"
	if near := root.SuggestionsFor(verb); len(near) > 0 {
		try = "firestorm " + near[0]
	}
	return usagef(try, "there is no verb and no file %q", verb)
}
