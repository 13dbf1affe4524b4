package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/maintenance"
)

func (a *app) maintenanceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "maintenance",
		Short: "take a web site down so that programs understand it: 503, Retry-After, no caching",
		Long: `Take a web site down so that programs understand it. A maintenance page with status
200 is taken for the site by search engines and caches; right is 503 with
Retry-After and Cache-Control: no-store.

"config" prints the configuration of a web server that does so while a flag file
exists. "on" and "off" set and clear the flag; nothing has to be reloaded. "check"
asks the site as a crawler does and says what is wrong.

` + exitHelpOf("done; check: the site answers as it should", "check: it does not", ""),
		Example: `  firestorm maintenance config --server nginx
  firestorm maintenance on --for 30m
  firestorm maintenance check https://www.example.org/
  firestorm maintenance off`,
		GroupID: groupFix,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.maintenanceConfigCommand(), a.maintenanceOnCommand(), a.maintenanceOffCommand(), a.maintenanceCheckCommand())
	return c
}

func (a *app) maintenanceConfigCommand() *cobra.Command {
	o := maintenance.Options{}
	var allow []string
	var outdir string
	c := &cobra.Command{
		Use:   "config --server lighttpd|nginx|haproxy|apache",
		Short: "print a configuration that answers 503 while the flag file exists",
		Long: `Print a complete, commented configuration that answers 503 with Retry-After and
Cache-Control: no-store while the flag file exists. Each file begins with a line
that says where it belongs and what to do with it; --outdir writes them as files.

Retry-After follows the time that "maintenance on --for" wrote into the flag with
lighttpd and HAProxy (seconds) and Apache (date). nginx cannot read it: there it is
what --retry-after says.`,
		Example: `  firestorm maintenance config --server lighttpd
  firestorm maintenance config --server nginx --allow 192.0.2.0/24 --retry-after 2h
  firestorm maintenance config --server apache --outdir new`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range allow {
				p, err := parseNet(s)
				if err != nil {
					return usagef("--allow 192.0.2.0/24", "--allow %s: %s", s, err)
				}
				o.Allow = append(o.Allow, p)
			}
			if o.Server == "haproxy" && !cmd.Flags().Changed("dir") && o.Chroot != "" {
				o.Dir = filepath.Join(o.Chroot, "maintenance")
			}
			files, err := maintenance.Files(o)
			if err != nil {
				return usagef("firestorm maintenance config --server nginx", "%s", err)
			}
			if outdir == "" {
				return a.printFiles(files)
			}
			return a.writeFiles(outdir, files)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Server, "server", "", "the web server is `NAME`: lighttpd, nginx, haproxy, apache")
	f.StringVar(&o.Dir, "dir", maintenance.DefaultDir, "the flag and the page are in `DIR` (haproxy: maintenance below its chroot)")
	f.DurationVar(&o.RetryAfter, "retry-after", maintenance.DefaultRetryAfter, "Retry-After where the flag names no time")
	f.StringArrayVar(&allow, "allow", nil, "clients of `NET` go on seeing the site (repeatable)")
	f.StringVar(&o.Assets, "assets", maintenance.DefaultAssets, "addresses that begin with `PATH` stay reachable: what the page itself shows; empty for none")
	f.StringArrayVar(&o.API, "api", []string{maintenance.DefaultAPI}, "addresses that begin with `PATH` are answered in JSON (repeatable)")
	f.StringVar(&o.Chroot, "chroot", maintenance.DefaultChroot, "HAProxy's chroot `DIR`; empty for none")
	f.StringVar(&outdir, "outdir", "", "write the files into `DIR` instead of printing them")
	return c
}

// parseNet reads an address or a prefix.
func parseNet(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, errors.New("is neither an address nor a network")
	}
	return p.Masked(), nil
}

func (a *app) printFiles(files []maintenance.File) error {
	for i, f := range files {
		sep := "\n"
		if i == 0 {
			sep = ""
		}
		comment := "#"
		if filepath.Ext(f.Path) == ".lua" {
			comment = "--"
		}
		if _, err := fmt.Fprintf(a.stdout, "%s%s ==== %s\n%s ==== %s\n%s", sep, comment, f.Path, comment, f.Note, f.Text); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeFiles(dir string, files []maintenance.File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeFailure(dir, err)
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.Base(f.Path))
		if filepath.Ext(name) == ".conf" && len(files) > 1 && filepath.Base(f.Path) == filepath.Base(files[0].Path) && f.Path != files[0].Path {
			name = filepath.Join(dir, filepath.Base(filepath.Dir(f.Path))+"-"+filepath.Base(f.Path)) // nginx has two of one name
		}
		if err := os.WriteFile(name, []byte(f.Text), 0o644); err != nil {
			return writeFailure(name, err)
		}
		if _, err := fmt.Fprintf(a.stdout, "%s  belongs to %s\n  %s\n", name, f.Path, f.Note); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) maintenanceOnCommand() *cobra.Command {
	var dir string
	var length time.Duration
	c := &cobra.Command{
		Use:     "on",
		Short:   "set the flag: the site answers 503 from now on",
		Example: "  firestorm maintenance on --for 30m\n  firestorm maintenance on --for 2h --dir /var/lib/haproxy/maintenance",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("for") && length < time.Second {
				return usagef("firestorm maintenance on --for 30m", "--for %s: a maintenance takes a second at least", length)
			}
			var until time.Time
			if length > 0 {
				until = time.Now().Add(length).Truncate(time.Second)
			}
			made, err := maintenance.On(dir, until)
			if err != nil {
				return flagFailure(dir, "on", err)
			}
			for _, m := range made {
				a.say("made %s: a stand-in, to be changed at will\n", m)
			}
			if until.IsZero() {
				a.say("maintenance is on, with no end given: Retry-After is what the server's configuration says\n")
				return nil
			}
			a.say("maintenance is on until %s\n", until.UTC().Format(time.RFC3339))
			if length > maintenance.LongOutage {
				a.say("that is long: search engines begin to forget a site that answers 503 for days\n")
			}
			return nil
		},
	}
	c.Flags().DurationVar(&length, "for", 0, "how long it will take: Retry-After follows where the server can")
	c.Flags().StringVar(&dir, "dir", maintenance.DefaultDir, "the flag is in `DIR`")
	return c
}

func (a *app) maintenanceOffCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "off",
		Short:   "clear the flag: the site is back",
		Example: "  firestorm maintenance off",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			was, err := maintenance.Off(dir)
			if err != nil {
				return flagFailure(dir, "off", err)
			}
			if !was {
				a.say("maintenance was not on\n")
				return nil
			}
			a.say("maintenance is off\n")
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", maintenance.DefaultDir, "the flag is in `DIR`")
	return c
}

func flagFailure(dir, verb string, err error) error {
	f := &failure{code: exitEngine, what: "the flag in " + dir + " cannot be changed", why: err.Error(), err: err}
	if errors.Is(err, fs.ErrPermission) {
		f.code, f.try = exitPermission, "sudo firestorm maintenance "+verb
	}
	return f
}

func (a *app) maintenanceCheckCommand() *cobra.Command {
	o := maintenance.CheckOptions{Now: time.Now, Variants: true}
	var dir, expect, since string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check URL...",
		Short: "ask a site as a crawler does, and say what is wrong with its maintenance",
		Long: `Ask a site as a crawler does: the page, the front page, a page that is not there,
robots.txt, with GET and HEAD, for HTML and JSON, over HTTP/1.1 and (https) HTTP/2,
with and without www, http and https. Right is 503 with Retry-After (seconds or a
date) and Cache-Control: no-store for all of them; robots.txt may also stay as it is.

` + exitHelpOf("the site answers as it should; there may be warnings", "it does not", ""),
		Example: `  firestorm maintenance check https://www.example.org/
  firestorm maintenance check --expect up https://www.example.org/ https://www.example.org/shop`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch expect {
			case "maintenance":
			case "up":
				o.Up = true
			default:
				return usagef("--expect maintenance   or   --expect up", "--expect %q is neither maintenance nor up", expect)
			}
			switch {
			case since != "":
				t, err := time.Parse(time.RFC3339, since)
				if err != nil {
					return usagef("--since 2026-01-31T22:00:00Z", "--since %q is no time", since)
				}
				o.Since = t
			default:
				if f, err := maintenance.Read(dir); err == nil && f != nil {
					o.Since = f.Since
				}
			}
			return a.checkMaintenance(cmd.Context(), args, o, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&expect, "expect", "maintenance", "what is right: maintenance, or up for a site that should be back")
	f.BoolVar(&asJSON, "json", false, "one JSON object for each URL instead of text")
	f.BoolVar(&o.Insecure, "insecure", false, "do not judge the certificate")
	f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	f.StringVar(&since, "since", "", "the maintenance began at `TIME` (default: when the flag in --dir was set)")
	f.StringVar(&dir, "dir", maintenance.DefaultDir, "look for the flag in `DIR`")
	f.BoolVar(&o.Variants, "variants", true, "ask for the site by its other names too: www, http, https")
	return c
}

func (a *app) checkMaintenance(ctx context.Context, urls []string, o maintenance.CheckOptions, asJSON bool) error {
	bad := false
	for _, u := range urls {
		v, err := maintenance.Check(ctx, u, o)
		if interrupted(ctx) {
			return status(exitInterrupted)
		}
		if err != nil {
			return usagef("firestorm maintenance check https://www.example.org/", "%s: %s", u, err)
		}
		bad = bad || !v.Right
		if asJSON {
			err = a.writeJSON(v)
		} else {
			err = a.writeVerdict(v, o.Up)
		}
		if err != nil {
			return err
		}
	}
	if bad {
		return status(exitFindings)
	}
	return nil
}

func (a *app) writeVerdict(v *maintenance.Verdict, up bool) error {
	right := "in maintenance, as it should be"
	if up {
		right = "back, as it should be"
	}
	if !v.Right {
		right = "WRONG"
	}
	a.say("%s  %s\n", printable(v.URL), right)
	for _, x := range v.Answers {
		got := printable(x.Error)
		if got == "" {
			got = fmt.Sprintf("%d  Retry-After: %s  Cache-Control: %s  %d bytes", x.Status, printable(cmp.Or(x.RetryAfter, "-")), printable(cmp.Or(x.Cache, "-")), x.Length)
		}
		a.say("  %-4s %-8s %s\n                %s\n", x.Method, x.Proto, printable(x.URL), got)
	}
	for _, p := range v.Problems {
		a.say("  wrong    %s\n", printable(p))
	}
	for _, w := range v.Warnings {
		a.say("  warning  %s\n", printable(w))
	}
	if !v.Right && !up {
		a.say("  do       firestorm maintenance config --server lighttpd|nginx|haproxy|apache\n")
	}
	return nil
}
