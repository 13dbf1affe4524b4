package main

import (
	"bytes"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"firestorm/internal/lint"
	"firestorm/internal/lint/nfs"
	"firestorm/internal/rpcfw"
)

// rpcSource says where a list of RPC services comes from: exactly one of its fields is set.
type rpcSource struct {
	server  string // ask its portmapper
	capture string // what the portmapper of a capture said
	of      string // of which server in the capture; empty: the only one
}

func (s *rpcSource) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.server, "ask", "", "ask the portmapper of `HOST[:PORT]`")
	c.Flags().StringVar(&s.capture, "capture", "", "take what a portmapper said in the capture `FILE`")
	c.Flags().StringVar(&s.of, "of", "", "of the capture's servers, that with this `ADDRESS`")
}

func (a *app) lintNFSCommand() *cobra.Command {
	var src rpcSource
	var asJSON bool
	c := &cobra.Command{
		Use:   "nfs [RPCINFO|NFS.CONF|-]",
		Short: "which services of an NFS server have ports that change, and how to pin them",
		Long: `Say which RPC services of an NFS server have ports that change with each start, and
which file to edit on Debian and RHEL to give them fixed ones. The list comes from a
file with the output of "rpcinfo -p", from the server's portmapper (--ask) or from a
capture in which somebody asked it (--capture). Given nfs.conf, or /etc/sysconfig/nfs
of RHEL 7, it says which services that file leaves without a port.

"firestorm rpc firewall" then prints the rules.

` + lintExit(),
		Example: `  rpcinfo -p 192.0.2.10 | firestorm lint nfs -
  firestorm lint nfs --ask 192.0.2.10
  firestorm lint nfs --capture mount-hangs.pcap
  firestorm lint nfs /etc/nfs.conf`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && src.server == "" && src.capture == "" {
				text, err := a.readConfigText(args[0])
				if err != nil {
					return err
				}
				if nfs.IsConf(text) {
					ps, _, err := nfs.Conf(args[0], text)
					if err != nil {
						return &failure{code: exitDamaged, what: err.Error(), err: err}
					}
					return a.writeProblems(ps, asJSON)
				}
				list, err := parseServices(args[0], text)
				if err != nil {
					return err
				}
				return a.lintServices(list, asJSON, false)
			}
			list, err := a.services(cmd.Context(), &src, args)
			if err != nil {
				return err
			}
			return a.lintServices(list, asJSON, src.capture != "")
		},
	}
	src.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line instead of text")
	return c
}

func (a *app) lintServices(list []rpcfw.Service, asJSON, part bool) error {
	p := rpcfw.Make(list)
	ps := nfs.Plan(p)
	if len(p.Floating()) == 0 {
		ps = append(ps, lint.Problem{Level: lint.Note, What: "every service has a port that stays: the rules are those of firestorm rpc firewall"})
	}
	if part {
		ps = append(ps, lint.Problem{Level: lint.Note, What: "a capture shows the services that somebody asked for: rpcinfo -p shows all, those for locks among them"})
	}
	return a.writeProblems(ps, asJSON)
}

// services gets the list from where the flags say.
func (a *app) services(ctx context.Context, src *rpcSource, args []string) ([]rpcfw.Service, error) {
	n := len(args)
	for _, s := range []string{src.server, src.capture} {
		if s != "" {
			n++
		}
	}
	if n != 1 {
		return nil, usagef("rpcinfo -p 192.0.2.10 | firestorm lint nfs -", "wanted is one of: a file with the output of rpcinfo -p, --ask HOST, --capture FILE")
	}
	switch {
	case src.server != "":
		list, err := rpcfw.Ask(ctx, src.server)
		if err != nil {
			return nil, &failure{code: exitEngine, what: "the portmapper of " + src.server + " gives no list", why: err.Error(), try: "rpcinfo -p " + shellWord(src.server), err: err}
		}
		if len(list) == 0 {
			return nil, &failure{code: exitDamaged, what: "the portmapper of " + src.server + " has no services"}
		}
		return list, nil
	case src.capture != "":
		return a.servicesOfCapture(ctx, src)
	}
	text, err := a.readConfigText(args[0])
	if err != nil {
		return nil, err
	}
	return parseServices(args[0], text)
}

func parseServices(name string, text []byte) ([]rpcfw.Service, error) {
	list, _, err := rpcfw.Parse(bytes.NewReader(text))
	if err != nil {
		f := &failure{code: exitDamaged, what: "no services in " + name, why: err.Error(), err: err}
		if errors.Is(err, rpcfw.ErrNone) {
			f.try = "rpcinfo -p HOST | firestorm lint nfs -"
		}
		return nil, f
	}
	return list, nil
}
