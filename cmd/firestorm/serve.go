//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"firestorm/internal/web"
)

// consoleAddress is where the console listens when nobody says otherwise.
const consoleAddress = "127.0.0.1:8787"

// serveFlags are what serve is told.
type serveFlags struct {
	store, listen, status, token, config string
	names                                []string
	link                                 bool
}

func (a *app) serveCommand() *cobra.Command {
	w := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "show the findings that were kept in a browser on this machine",
		Long: `Show the findings that were kept, and how the sensor does, in a browser on this
machine. It shows and changes nothing, and fetches nothing from elsewhere.

It listens on loopback only, and wants a token: open the link that it prints once,
or that --link prints. The token is made at the first start. From another machine:
ssh -L 8787:127.0.0.1:8787 SENSOR. For a proxy with TLS and a login of its own,
listen on unix:PATH and name the proxy's host with --name.`,
		Example: `  firestorm serve --store /var/lib/firestorm --status /run/firestorm/status.json
  firestorm serve --link --store /var/lib/firestorm
  firestorm serve --listen unix:/run/firestorm/console.sock --name sensor.example`,
		Args:    cobra.NoArgs,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context(), w)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&w.store, "store", systemStore, "the store is in `DIR`; it may be made later")
	f.StringVar(&w.status, "status", "", "the status of the watch is in `FILE` (default: what the configuration says)")
	f.StringVar(&w.listen, "listen", consoleAddress, "listen on `ADDRESS` of loopback, or on unix:PATH")
	f.StringArrayVar(&w.names, "name", nil, "answer to host `NAME` too, that of a proxy in front of unix:PATH (may be given more than once)")
	f.StringVar(&w.token, "token-file", "", "the token is in `FILE`, made when it is missing (default: "+web.TokenName+" in the store's folder)")
	f.StringVar(&w.config, "config", "", "take the name of the status file from `FILE` (default: "+systemConfig+" where it is there)")
	f.BoolVar(&w.link, "link", false, "print the link that opens the console, and end")
	return c
}

func (a *app) serve(ctx context.Context, w *serveFlags) error {
	status, err := a.statusName(w.status, w.config)
	if err != nil {
		return err
	}
	if len(w.names) > 0 && !strings.HasPrefix(w.listen, "unix:") {
		return usagef("firestorm serve --listen unix:/run/firestorm/console.sock --name sensor.example", "--name is for a proxy in front of a unix socket: on loopback, only names of loopback are right")
	}
	token, made, err := a.consoleToken(w)
	if err != nil {
		return err
	}
	if w.link {
		fmt.Fprintln(a.stdout, consoleLink(w, w.listen, token))
		return nil
	}
	l, err := web.Listen(w.listen)
	if err != nil {
		return listenFailure(w.listen, err)
	}
	s := web.New(web.Options{Store: w.store, Status: status, Token: token, Names: w.names, Codes: allCodes(), Report: reportOf})
	defer s.Close()
	a.sayConsole(w, l.Addr(), token, made)
	if err := s.Serve(ctx, l); err != nil {
		return &failure{code: exitEngine, what: "the console ended", why: err.Error(), err: err}
	}
	return nil
}

// sayConsole tells where the console is. The token is shown to a person at a terminal only: a service's log keeps what is said.
func (a *app) sayConsole(w *serveFlags, at net.Addr, token string, made bool) {
	addr := at.String()
	if at.Network() == "unix" {
		addr = "unix:" + addr
	}
	fmt.Fprintf(a.stderr, "firestorm: the console listens on %s\n", printable(addr))
	if made {
		fmt.Fprintf(a.stderr, "firestorm: a new token was made in %s\n", printable(w.tokenFile()))
	}
	if a.isTerminal(a.stdout) {
		fmt.Fprintln(a.stdout, consoleLink(w, addr, token))
	} else {
		more := ""
		if w.token != "" {
			more = " --token-file " + shellWord(w.token)
		}
		if addr != consoleAddress {
			more += " --listen " + shellWord(addr)
		}
		fmt.Fprintf(a.stderr, "firestorm: the link that opens it: firestorm serve --link --store %s%s\n", shellWord(w.store), more)
	}
}

// consoleLink is what opens the console at an address.
func consoleLink(w *serveFlags, addr, token string) string {
	base := "http://" + addr
	if strings.HasPrefix(addr, "unix:") {
		base = "http://localhost"
		if len(w.names) > 0 {
			base = "https://" + w.names[0]
		}
	}
	return base + "/?token=" + token
}

func (w *serveFlags) tokenFile() string {
	if w.token != "" {
		return w.token
	}
	return filepath.Join(w.store, web.TokenName)
}

// consoleToken reads the token, or makes it.
func (a *app) consoleToken(w *serveFlags) (string, bool, error) {
	file := w.tokenFile()
	token, made, err := web.Token(file)
	if err == nil {
		return token, made, nil
	}
	f := &failure{code: exitEngine, what: "there is no token for the console", why: err.Error(), err: err, try: "firestorm serve --token-file ~/.config/firestorm/" + web.TokenName}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.code, f.why = exitUsage, "the folder "+filepath.Dir(file)+" is not there; a watch --store makes it"
		f.try = "sudo firestorm watch eth0 --store " + shellWord(w.store)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		f.code = exitPermission
	case errors.Is(err, web.ErrLoose):
		f.try = "chmod 600 " + shellWord(file)
	}
	return "", false, f
}

// listenFailure says why nobody can listen there.
func listenFailure(addr string, err error) error {
	f := &failure{code: exitEngine, what: "the console cannot listen on " + addr, why: reason(err), err: err}
	switch {
	case errors.Is(err, web.ErrNotLoopback):
		f.code, f.why, f.try = exitUsage, err.Error(), "firestorm serve --listen "+consoleAddress
	case errors.Is(err, syscall.EADDRINUSE):
		f.why, f.try = "another program listens there", "firestorm serve --listen 127.0.0.1:8788"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES):
		f.code = exitPermission
	default:
		if ae := (*net.AddrError)(nil); errors.As(err, &ae) {
			f.code, f.try = exitUsage, "firestorm serve --listen "+consoleAddress
		}
	}
	return f
}

// statusName is the status file that a flag names, or else the configuration; empty: none does.
func (a *app) statusName(flag, file string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if file == "" {
		if file = a.configFile(); file == "" {
			return "", nil
		}
		if f, err := os.Open(file); errors.Is(err, fs.ErrPermission) {
			return "", nil // the system's, and not for this user
		} else if err == nil {
			f.Close()
		}
	}
	c, _, err := a.loadConfig(file)
	if err != nil {
		return "", err
	}
	return c.Service.Status, nil
}
