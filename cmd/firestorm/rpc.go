package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/rpcfw"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

func (a *app) rpcCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "rpc",
		Short:   "firewall rules for services whose ports move (NFS)",
		Example: "  firestorm lint nfs --ask 192.0.2.10\n  firestorm rpc firewall --ask 192.0.2.10 --client 198.51.100.0/24",
		GroupID: groupFix,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.rpcFirewallCommand())
	return c
}

func (a *app) rpcFirewallCommand() *cobra.Command {
	var src rpcSource
	var servers, clients []string
	var now, bare, local bool
	c := &cobra.Command{
		Use:   "firewall [RPCINFO|-]",
		Short: "nftables rules that let exactly a server's RPC services through",
		Long: `Print nftables rules that let exactly the RPC services of a server through: the port
directory (111), NFS (2049) and what belongs to it. Services that float are expected
at the ports to which "firestorm lint nfs" pins them: pin them first. --now takes the
ports as they are, which holds until the next start of a service.

On a router (--server) the rules are a table of their own: new connections to the
server end there unless they are for one of these ports, all else passes as before.
Where another table of yours drops, put the lines of --bare into that one. On the
server itself (--local) they let the clients in to these ports and nobody else.

Locks of NFS version 3 also need the way back: the server calls the client's lockd
and statd. Print the rules for that with server and client exchanged.

` + exitHelpOf("the rules are printed", "", exitMeanings[3].text),
		Example: `  rpcinfo -p 192.0.2.10 | firestorm rpc firewall - --server 192.0.2.10 --client 198.51.100.0/24
  firestorm rpc firewall --ask 192.0.2.10 --server 192.0.2.10 | sudo nft -f -
  firestorm rpc firewall --capture mount-hangs.pcap`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.services(cmd.Context(), &src, args)
			if err != nil {
				return err
			}
			r := rpcfw.Ruleset{Table: "firestorm_rpc", Title: "RPC services let through, and nothing else to the server", Bare: bare}
			if len(servers) == 0 && !local {
				switch host, _, _ := strings.Cut(src.server, ":"); {
				case src.of != "":
					servers = []string{src.of}
				case isAddr(src.server):
					servers = []string{src.server}
				case isAddr(host):
					servers = []string{host}
				default:
					return usagef("--server 192.0.2.10, or --local on the server itself", "whose services are these?")
				}
			}
			if r.Servers, err = parseNets("--server", servers); err != nil {
				return err
			}
			if r.Clients, err = parseNets("--client", clients); err != nil {
				return err
			}
			if local {
				r.Servers = nil
			}
			return a.writeRPCRules(rpcfw.Make(list), r, now)
		},
	}
	src.flags(c)
	f := c.Flags()
	f.StringArrayVar(&servers, "server", nil, "the server is at `ADDRESS` (repeatable: IPv4 and IPv6)")
	f.StringArrayVar(&clients, "client", nil, "clients of `NET` only (repeatable; default: everybody)")
	f.BoolVar(&now, "now", false, "the ports as they are now, until the next start")
	f.BoolVar(&bare, "bare", false, "only the lines that accept, for a chain of your own")
	f.BoolVar(&local, "local", false, "for the server itself instead of a router")
	return c
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func parseNets(flag string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := parseNet(s)
		if err != nil {
			return nil, usagef(flag+" 192.0.2.0/24", "%s %s: %s", flag, s, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *app) writeRPCRules(p rpcfw.Plan, r rpcfw.Ruleset, now bool) error {
	open, left := p.Openings(now)
	for _, o := range open {
		line := fmt.Sprintf("%s %d  %s", o.Proto, o.Low, o.Why)
		if !slices.Contains(r.Notes, line) {
			r.Notes = append(r.Notes, line)
		}
	}
	if floating := p.Floating(); len(floating) > 0 {
		if now {
			r.Notes = append(r.Notes, "some of these change with the next start of their service: firestorm lint nfs says how to pin them")
		} else {
			for _, x := range floating {
				if x.Want != 0 {
					r.Notes = append(r.Notes, fmt.Sprintf("pin first: %s, to port %d (firestorm lint nfs says how)", x.Text(), x.Want))
				}
			}
		}
	}
	for _, x := range left {
		r.Notes = append(r.Notes, "not let through, since its port is chance and no setting for it is known: "+x.Text())
	}
	r.Openings = open
	text, err := r.Nft()
	if err != nil {
		return &failure{code: exitDamaged, what: "there are no rules to write", why: err.Error(), err: err}
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}

// directory collects what portmappers say in a capture.
type directory struct {
	by map[packet.Addr][]rpcfw.Service
}

// mostServers bounds how many servers of a capture are kept.
const mostServers = 1024

func (d *directory) def() detect.Def {
	return detect.Def{Name: "rpcdirectory", Wants: detect.Wants{Named: []string{"rpc"}}, New: func(*detect.Scope) detect.Detector { return d }}
}

// Handle keeps the ports that a directory names.
func (d *directory) Handle(e event.Event) {
	x, ok := e.(*rpc.Transaction)
	if !ok || len(x.Ports) == 0 {
		return
	}
	who := x.Server().Addr
	if d.by[who] == nil && len(d.by) >= mostServers {
		return
	}
	for _, m := range x.Ports {
		s := rpcfw.Service{Program: m.Program, Version: m.Version, Port: m.Port}
		switch m.Proto {
		case packet.ProtoTCP:
			s.Proto = "tcp"
		case packet.ProtoUDP:
			s.Proto = "udp"
		}
		if s.Proto != "" && s.Port != 0 && !slices.Contains(d.by[who], s) && len(d.by[who]) < 4096 {
			d.by[who] = append(d.by[who], s)
		}
	}
}

// Tick does nothing: what was said stays said.
func (d *directory) Tick(packet.Time) {}

// End does nothing.
func (d *directory) End(packet.Time) {}

// Compose is never called: no finding is reported.
func (d *directory) Compose(*finding.Group, *finding.Builder) bool { return false }

// servicesOfCapture reads a capture for what its portmappers say.
func (a *app) servicesOfCapture(ctx context.Context, src *rpcSource) ([]rpcfw.Service, error) {
	r := rawRead{files: []string{src.capture}, checksums: "auto", format: "text", formatIn: "pcap", progress: "never", failOn: "none", memory: defaultMemory}
	o, err := r.check()
	if err != nil {
		return nil, err
	}
	in, err := a.openInput(o, 0)
	if err != nil {
		return nil, err
	}
	d := &directory{by: map[packet.Addr][]rpcfw.Service{}}
	_, err = sensor.Run(ctx, sensor.Options{Source: in, MaxMemory: o.MaxMemory, Analyzers: standard.Analyzers, Detectors: []detect.Def{d.def()}, Checksums: checksumModes[o.Checksums]})
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	if interrupted(ctx) {
		return nil, status(exitInterrupted)
	}
	var names []string
	for who := range d.by {
		names = append(names, who.String())
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return nil, &failure{code: exitDamaged, what: "no portmapper answers in " + src.capture, why: "a mount over NFS version 3 asks one first", try: "rpcinfo -p HOST | firestorm lint nfs -"}
	case src.of == "" && len(names) > 1:
		return nil, usagef("--of "+names[0], "%s shows the portmappers of %s", src.capture, strings.Join(names, ", "))
	case src.of == "":
		src.of = names[0]
	}
	for who, list := range d.by {
		if who.String() == src.of {
			return withFixed(list), nil
		}
	}
	return nil, usagef("--of "+names[0], "%s shows the portmappers of %s, not of %s", src.capture, strings.Join(names, ", "), src.of)
}

// withFixed adds what a client that asks for single programs need not ask for: the directory itself, and NFS where it asks
// for mountd, since its port is known to all.
func withFixed(list []rpcfw.Service) []rpcfw.Service {
	has := func(program uint32) bool {
		return slices.ContainsFunc(list, func(s rpcfw.Service) bool { return s.Program == program })
	}
	if !has(rpc.Portmap) {
		list = append(list, rpcfw.Service{Program: rpc.Portmap, Version: 2, Proto: "tcp", Port: 111}, rpcfw.Service{Program: rpc.Portmap, Version: 2, Proto: "udp", Port: 111})
	}
	if has(rpc.Mount) && !has(rpc.NFS) {
		list = append(list, rpcfw.Service{Program: rpc.NFS, Version: 3, Proto: "tcp", Port: 2049})
	}
	return list
}
