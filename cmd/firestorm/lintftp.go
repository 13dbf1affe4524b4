package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/lint/ftp"
	"firestorm/internal/rpcfw"
)

func (a *app) lintFTPCommand() *cobra.Command {
	var servers, clients []string
	var outer string
	var asJSON, rules, bare, local bool
	c := &cobra.Command{
		Use:   "ftp CONFIG|-",
		Short: "passive ports, addresses and encryption of an FTP server, and the firewall's rules",
		Long: `Say what in the configuration of an FTP server gets in the way of a firewall: no
range of passive ports, an address that exists only inside, and encryption that hides
the ports from the firewall's helper. It reads vsftpd.conf, proftpd.conf,
pure-ftpd.conf and Debian's folder /etc/pure-ftpd/conf.

--rules prints nftables rules instead, that let exactly the control port and the
passive range through: on a router (--server), or on the server itself (--local).
They need no helper, so that they hold for encrypted sessions.

` + lintExit(),
		Example: `  firestorm lint ftp /etc/vsftpd.conf
  firestorm lint ftp /etc/proftpd/proftpd.conf --outer 203.0.113.5
  firestorm lint ftp /etc/vsftpd.conf --rules --server 192.0.2.20 --client 198.51.100.0/24`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.ftpSettings(args[0])
			if err != nil {
				return err
			}
			if outer != "" && !isAddr(outer) {
				return usagef("--outer 203.0.113.5", "--outer %s is no address", outer)
			}
			if !rules {
				return a.writeProblems(s.Check(outer), asJSON)
			}
			if len(servers) == 0 && !local {
				return usagef("--server 192.0.2.20, or --local on the server itself", "whose ports are these?")
			}
			r := rpcfw.Ruleset{Table: "firestorm_ftp", Title: "FTP let through, and nothing else to the server", Bare: bare}
			if r.Servers, err = parseNets("--server", servers); err != nil {
				return err
			}
			if r.Clients, err = parseNets("--client", clients); err != nil {
				return err
			}
			if local {
				r.Servers = nil
			}
			return a.writeFTPRules(s, r)
		},
	}
	f := c.Flags()
	f.StringVar(&outer, "outer", "", "clients reach the server at `ADDRESS`, which is translated on the way")
	f.BoolVar(&asJSON, "json", false, "one JSON object a line instead of text")
	f.BoolVar(&rules, "rules", false, "print nftables rules instead")
	f.StringArrayVar(&servers, "server", nil, "the server is at `ADDRESS` (repeatable: IPv4 and IPv6)")
	f.StringArrayVar(&clients, "client", nil, "clients of `NET` only (repeatable; default: everybody)")
	f.BoolVar(&bare, "bare", false, "only the lines that accept, for a chain of your own")
	f.BoolVar(&local, "local", false, "for the server itself instead of a router")
	return c
}

func (a *app) writeFTPRules(s *ftp.Settings, r rpcfw.Ruleset) error {
	low, high, set := s.Range()
	if !set || !s.Passive {
		return &failure{code: exitDamaged, what: "there are no rules to write", why: s.File + " gives passive connections no range", try: "firestorm lint ftp " + shellWord(s.File)}
	}
	r.Openings = []rpcfw.Opening{{Proto: "tcp", Low: s.Port, High: s.Port}, {Proto: "tcp", Low: low, High: high}}
	r.Notes = []string{fmt.Sprintf("tcp %d  control", s.Port), fmt.Sprintf("tcp %d-%d  passive data (%s)", low, high, s.File)}
	if s.Implicit && s.Port != 990 {
		r.Openings = append(r.Openings, rpcfw.Opening{Proto: "tcp", Low: 990, High: 990})
	}
	text, err := r.Nft()
	if err != nil {
		return &failure{code: exitEngine, what: "there are no rules to write", why: err.Error(), err: err}
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}

// ftpSettings reads a configuration, or Debian's folder of Pure-FTPd: a file for each setting.
func (a *app) ftpSettings(name string) (*ftp.Settings, error) {
	var text []byte
	var err error
	if st, serr := os.Stat(name); serr == nil && st.IsDir() {
		text, err = settingsFolder(name)
	} else {
		text, err = a.readConfigText(name)
	}
	if err != nil {
		return nil, err
	}
	s, err := ftp.Parse(name, text)
	if err != nil {
		return nil, &failure{code: exitDamaged, what: err.Error(), try: "firestorm lint ftp /etc/vsftpd.conf", err: err}
	}
	return s, nil
}

func settingsFolder(dir string) ([]byte, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, openFailure(dir, err)
	}
	var b strings.Builder
	for _, e := range list {
		if !e.Type().IsRegular() && e.Type()&fs.ModeSymlink == 0 || b.Len() > maxConfig {
			continue
		}
		t, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, openFailure(filepath.Join(dir, e.Name()), err)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(t)), "\n")
		fmt.Fprintf(&b, "%s %s\n", e.Name(), cmp.Or(line, "no"))
	}
	return []byte(b.String()), nil
}
