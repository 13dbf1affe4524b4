package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"firestorm/internal/lint"
)

func (a *app) lintCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lint",
		Short: "say what is wrong or dated in configurations",
		Long: `Say what is wrong or dated in the configuration of servers and gateways: file and line,
why it matters, and the safe change. Nothing is changed, and nothing needs a capture.`,
		Example: `  firestorm lint ipsec /etc
  firestorm lint nfs --ask 192.0.2.10
  firestorm lint ftp /etc/vsftpd.conf
  firestorm lint web /var/log/nginx/access.log*`,
		GroupID: groupFix,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.lintIPsecCommand(), a.lintFTPCommand(), a.lintNFSCommand(), a.lintWebCommand())
	return c
}

// maxConfig bounds a configuration, or a list of services, in bytes.
const maxConfig = 1 << 20

// readConfigText reads a file that is a text of moderate length; - is standard input.
func (a *app) readConfigText(name string) ([]byte, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, openFailure(name, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	switch {
	case err != nil:
		return nil, openFailure(name, err)
	case len(b) > maxConfig, bytes.IndexByte(b, 0) >= 0:
		return nil, &failure{code: exitDamaged, what: name + " cannot be read", why: "it is no text, or longer than a megabyte"}
	}
	return b, nil
}

// writeProblems prints what a lint found; the exit status says whether there is anything to change.
func (a *app) writeProblems(ps []lint.Problem, asJSON bool) error {
	counts := map[lint.Level]int{}
	for i := range ps {
		p := &ps[i]
		counts[p.Level]++
		if asJSON {
			if err := a.writeJSON(p); err != nil {
				return err
			}
			continue
		}
		place := p.Place()
		if place != "" {
			place += ": "
		}
		if _, err := fmt.Fprintf(a.stdout, "%-8s %s%s\n", p.Level, printable(place), printable(p.What)); err != nil {
			return err
		}
		if p.Why != "" {
			a.say("         why  %s\n", printable(p.Why))
		}
		for _, d := range p.Do {
			a.say("         do   %s\n", printable(d))
		}
	}
	if !asJSON {
		a.say("%d wrong, %d warnings, %d notes\n", counts[lint.Wrong], counts[lint.Warn], counts[lint.Note])
	}
	if counts[lint.Wrong]+counts[lint.Warn] > 0 {
		return status(exitFindings)
	}
	return nil
}
