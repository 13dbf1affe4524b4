package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/finding"
)

// printedBy analyses captures and returns the commands of ours that their findings print, with the codes that do.
func printedBy(t *testing.T, captures map[string]string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for code, file := range captures {
		rep, err := (&app{stdout: os.Stdout, stderr: os.Stderr, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}).reportOf(context.Background(), file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range rep.Findings {
			if f.Code.ID == code {
				for _, c := range commands(f) {
					out[c] = append(out[c], code)
				}
			}
		}
	}
	return out
}

// commands are the lines of a finding that begin with our name.
func commands(f *finding.Finding) []string {
	all := []string{f.Check}
	for _, r := range f.Remedy {
		for _, c := range r.Run {
			all = append(all, c.Line)
		}
	}
	return slices.DeleteFunc(all, func(s string) bool {
		return !strings.HasPrefix(s, "firestorm ") && !strings.HasPrefix(s, "sudo firestorm ")
	})
}

// words splits a command line as a shell does, up to a pipe.
func words(line string) []string {
	var out []string
	var b strings.Builder
	quote, in := rune(0), false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == '|' || c == ';' || c == '&' || c == '>':
			return out
		case c == ' ':
			if in {
				out = append(out, b.String())
			}
			b.Reset()
			in = false
		default:
			b.WriteRune(c)
			in = true
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}

// fits says why a command line is none that this program takes; empty: it is one.
func fits(line string) string {
	args := words(strings.TrimPrefix(line, "sudo "))[1:]
	a := &app{getenv: func(string) string { return "" }}
	root := a.root()
	c, rest, err := root.Find(withRead(root, args))
	switch {
	case err != nil:
		return err.Error()
	case c == root:
		return "no verb"
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err.Error()
	}
	if c.HasSubCommands() && c.Flags().NArg() > 0 && c.Name() != "neighbours" {
		return "no verb " + c.Flags().Arg(0) + " below " + c.CommandPath()
	}
	return ""
}

// What a finding tells people to type is a verb that there is, with flags that it has.
func TestPrintedCommandsFit(t *testing.T) {
	origins, err := filepath.Glob(filepath.Join(repository, "testdata", "captures", "*", "origin.json"))
	if err != nil || len(origins) == 0 {
		t.Fatal(err)
	}
	captures := map[string]string{}
	for _, name := range origins {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var s situation
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Findings {
			file := filepath.Join(filepath.Dir(name), s.Vantages[0].File)
			st, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := captures[f.Code]; f.Role == "positive" && (!ok || smaller(st.Size(), old)) {
				captures[f.Code] = file
			}
		}
	}
	printed := printedBy(t, captures)
	seen := map[string]bool{}
	for line, codes := range printed {
		for _, code := range codes {
			seen[code] = true
		}
		if why := fits(line); why != "" {
			t.Errorf("%s prints %q: %s", codes, line, why)
		}
	}
	for _, code := range []string{"http-maintenance-200", "rpc-dynamic-port-blocked", "ftp-tls-hides-data-port"} {
		if !seen[code] {
			t.Errorf("%s prints no command of ours", code)
		}
	}
	t.Logf("%d commands of %d codes, of captures for %d", len(printed), len(seen), len(captures))
}

func smaller(size int64, file string) bool {
	st, err := os.Stat(file)
	return err == nil && size < st.Size()
}

func TestFitsCanFail(t *testing.T) {
	for _, good := range []string{"firestorm rpc firewall --ask 192.0.2.1 --client 10.0.0.0/8 | sudo nft -f -", "firestorm neighbours note 192.0.2.1 'a printer'", "sudo firestorm maintenance on --for 30m", "firestorm x.pcap"} {
		if why := fits(good); why != "" {
			t.Errorf("%q: %s", good, why)
		}
	}
	for _, bad := range []string{"firestorm mend it", "firestorm rpc firewal", "firestorm rpc firewall --aks x", "firestorm maintenance on now", "firestorm maintenance config --server", "firestorm lint ftp"} {
		if fits(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
}
