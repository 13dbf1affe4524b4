package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"firestorm/internal/config"
)

// systemConfig is the service's configuration.
const systemConfig = "/etc/firestorm/firestorm.yaml"

// configFile is the configuration that holds when the command line names none: the user's own, or the system's. Empty:
// there is none.
func (a *app) configFile() string {
	var names []string
	if os.Geteuid() != 0 {
		if d := a.getenv("XDG_CONFIG_HOME"); filepath.IsAbs(d) {
			names = append(names, filepath.Join(d, "firestorm", "firestorm.yaml"))
		} else if d := a.getenv("HOME"); d != "" {
			names = append(names, filepath.Join(d, ".config", "firestorm", "firestorm.yaml"))
		}
	}
	for _, n := range append(names, systemConfig) {
		if isFile(n) {
			return n
		}
	}
	return ""
}

// loadConfig reads the configuration that name says, or else the one that is there. Without one the defaults hold. The
// second value is the file that was read.
func (a *app) loadConfig(name string) (*config.Config, string, error) {
	if name == "" {
		if name = a.configFile(); name == "" {
			return config.Default(), "", nil
		}
	}
	text, err := readBounded(name, config.MaxSize)
	if err != nil {
		f := &failure{code: exitUsage, what: "the configuration " + name + " cannot be read", why: reason(err), err: err,
			try: "firestorm config show --defaults >" + name}
		if errors.Is(err, fs.ErrPermission) {
			f.code, f.try = exitPermission, "sudo firestorm ..."
		}
		return nil, name, f
	}
	c, err := config.Parse(name, text)
	if err != nil {
		return nil, name, &failure{code: exitUsage, what: "the configuration is not right", why: err.Error(), err: err, try: "firestorm config show"}
	}
	return c, name, nil
}

func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config show|check",
		Short: "show the configuration, or say what is wrong with one",
		Long: `The configuration is one YAML file, ` + systemConfig + ` or, for a user,
~/.config/firestorm/firestorm.yaml. It may be absent: the defaults need none.
docs/configuration.md and the man page firestorm.yaml(5) list every key.`,
		Example: "  firestorm config show\n  firestorm config check firestorm.yaml",
		GroupID: groupRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usagef("firestorm config --help", "config does not know %q: show, check", args[0])
		},
	}
	c.AddCommand(a.configShowCommand(), a.configCheckCommand("check", "say what is wrong with a configuration"))
	return c
}

func (a *app) configShowCommand() *cobra.Command {
	var name string
	var defaults, asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "print the configuration that holds, with what each key means",
		Long: `Print the configuration that holds: the file's values and, for the rest, the
defaults, each with what it means, its unit and its range. What is printed is
itself a configuration that can be read.`,
		Example: "  firestorm config show\n  firestorm config show --defaults >firestorm.yaml\n  firestorm config show --json | jq .capture",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if defaults && name != "" {
				return usagef("leave one of them out", "--defaults and --config do not go together")
			}
			c, file := config.Default(), ""
			if !defaults {
				var err error
				if c, file, err = a.loadConfig(name); err != nil {
					return err
				}
			}
			text := c.YAML()
			switch {
			case asJSON:
				text = c.JSON()
			case defaults:
				text = config.Example()
			case file != "":
				text = append([]byte("# From "+printable(file)+"\n\n"), text...)
			default:
				text = append([]byte("# No file: the defaults hold.\n\n"), text...)
			}
			_, err := a.stdout.Write(text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&name, "config", "", "the configuration `FILE`")
	f.BoolVar(&defaults, "defaults", false, "the defaults as a file to begin with, every key switched off")
	f.BoolVar(&asJSON, "json", false, "one JSON object: sizes in bytes, durations in seconds")
	return c
}

// configCheckCommand makes "config check" and "lint config".
func (a *app) configCheckCommand(verb, short string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     verb + " [FILE]",
		Short:   short,
		Long:    "Read a configuration and say all that is wrong with it, each with its line. Without FILE it is the\none that is in force. Exit status 2 when something is wrong.",
		Example: "  firestorm config check firestorm.yaml\n  firestorm lint config firestorm.yaml --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			_, file, err := a.loadConfig(name)
			var ps config.Problems
			switch {
			case err != nil && !errors.As(err, &ps):
				return err
			case asJSON:
				return a.checkedJSON(file, ps)
			case len(ps) > 0:
				for _, p := range ps {
					fmt.Fprintln(a.stdout, printable(p.Error()))
				}
				return status(exitUsage)
			case file == "":
				fmt.Fprintln(a.stdout, "there is no configuration: the defaults hold")
			default:
				fmt.Fprintf(a.stdout, "%s: nothing wrong\n", printable(file))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object with the list of problems")
	return c
}

func (a *app) checkedJSON(file string, ps config.Problems) error {
	type problem struct {
		Line   int    `json:"line"`
		Column int    `json:"column"`
		What   string `json:"what"`
		Try    string `json:"try,omitempty"`
	}
	out := struct {
		File     string    `json:"file"`
		Problems []problem `json:"problems"`
	}{file, []problem{}}
	for _, p := range ps {
		out.Problems = append(out.Problems, problem{p.Line, p.Column, p.What, p.Try})
	}
	if err := a.writeJSON(out); err != nil {
		return err
	}
	if len(ps) > 0 {
		return status(exitUsage)
	}
	return nil
}
