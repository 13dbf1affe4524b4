package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/finding"
	"firestorm/internal/report"
	"firestorm/testdata"
)

// story is one screen of the demonstration.
type story struct {
	name, code, file string
	tells            string
}

var stories = []story{
	{"timewait", "tcp-timewait-reuse", "captures/founding-timewait/founding.pcap",
		"\"The web site hangs now and then, for some users.\" Seventeen frames from an old notebook."},
	{"ftp", "ftp-tls-hides-data-port", "captures/ftp-tls-hidden/inside.pcap",
		"\"FTP worked for years. Now I log in, and the listing hangs.\" Nobody touched the firewall."},
	{"silence", "tcp-syn-silent-drop", "captures/syn-silent-port/inside.pcap",
		"\"The new service cannot be reached.\" Requests go out, nothing comes back."},
	{"closed", "tcp-closed-port", "captures/closed-port/inside.pcap",
		"\"Connection refused.\" By whom?"},
	{"middlebox", "tcp-refused-by-middlebox", "captures/refused-by-middlebox/inside.pcap",
		"\"Connection refused.\" The server's administrator swears it never saw the request."},
	{"prohibited", "icmp-admin-prohibited", "captures/icmp-admin-prohibited/inside.pcap",
		"\"No route to host\", though the route is there."},
	{"idle", "tcp-idle-timeout-drop", "captures/idle-timeout/inside.pcap",
		"\"The session dies when I come back from lunch.\""},
	{"restart", "tcp-half-open-reset", "captures/half-open-reset/inside.pcap",
		"\"Connection reset by peer\", in the middle of a quiet session."},
	{"mtu", "pmtud-black-hole", "captures/pmtud-black-hole/inside.pcap",
		"\"Small pages load, large ones hang.\""},
	{"window", "tcp-zero-window-stall", "captures/zero-window/inside.pcap",
		"\"The network is slow.\" It waits for an application."},
	{"slow", "tcp-server-slow", "captures/server-slow/inside.pcap",
		"\"The network is slow.\" Again. Now it is the server that thinks."},
	{"queue", "tcp-accept-queue-full", "captures/accept-queue-full/inside.pcap",
		"\"Connecting fails whenever there is much to do.\" The firewall is blamed."},
	{"loop", "ip-routing-loop", "captures/routing-loop/inside.pcap",
		"\"Since the new route, that network is gone and the line is full.\""},
	{"vpn-key", "ike-psk-mismatch", "captures/ike-psk-v1/inside.pcap",
		"\"The VPN does not come up.\" Everything is encrypted, and still it tells where it stops."},
	{"vpn-pfs", "ike-phase2-refused", "captures/ike-pfs-v1-initiator/inside.pcap",
		"\"Phase 1 is up, the tunnel is not.\" Somebody wants PFS and somebody does not."},
	{"vpn-rekey", "ike-phase2-refused", "captures/ike-pfs-v2-rekey/inside.pcap",
		"\"The VPN works for an hour, then it is dead until we restart it.\""},
	{"twins", "arp-ip-conflict", "captures/arp-conflict/lan.pcap",
		"\"The printer works, and then it does not.\" Every cable was changed."},
	{"impostor", "arp-spoof-mitm", "captures/arp-spoof-both/lan.pcap",
		"\"Nothing is slow, nothing is broken.\" That is the trouble."},
	{"maintenance", "http-maintenance-200", "captures/maintenance-200/inside.pcap",
		"\"Since the maintenance at the weekend the search engine shows our shop as 'right back'.\""},
	{"nfs", "rpc-dynamic-port-blocked", "captures/nfs-mountd-dropped/inside.pcap",
		"\"The firewall lets NFS through, ports 111 and 2049. The mount hangs.\""},
	{"popups", "messenger-popup-spam", "captures/founding-messenger/founding.pcap",
		"\"Windows keeps showing adverts though no browser is open. A virus?\""},
	{"search", "scan-ports", "captures/scan-syn/outside.pcap",
		"\"Somebody has been trying all our ports.\" What did he find that nobody else uses?"},
	{"cut", "tcp-rst-injected", "captures/rst-middlebox/inside.pcap",
		"\"Each session is reset after a second, and the server says it never did that.\""},
}

// toldIn returns the stories whose finding this build knows.
func toldIn(known []*finding.Code) []story {
	var out []story
	for _, s := range stories {
		for _, c := range known {
			if c.ID == s.code {
				out = append(out, s)
			}
		}
	}
	return out
}

func (a *app) demoCommand() *cobra.Command {
	var save string
	c := &cobra.Command{
		Use:   "demo [NAME]",
		Short: "tell well-known cases, one screen each, from captures inside the program",
		Long: `Tell well-known cases, one screen each. The captures are inside the program; --save
writes them into a directory, to try the other verbs on them.`,
		GroupID: groupLook,
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, s := range toldIn(codes()) {
				names = append(names, s.name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list := toldIn(codes())
			if len(args) == 1 {
				list = named(list, args[0])
				if len(list) == 0 {
					return usagef("firestorm demo", "there is no case %q; there are: %s", args[0], strings.Join(storyNames(toldIn(codes())), ", "))
				}
			}
			if save != "" {
				return a.saveStories(save, list)
			}
			for i, s := range list {
				if err := a.tell(cmd.Context(), s, i+1, len(list)); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintf(a.stdout, "\nNext:  firestorm demo --save demo && firestorm read demo/%s.pcap -v\n", list[0].name)
			return err
		},
	}
	c.Flags().StringVar(&save, "save", "", "write the captures into `DIR` instead of telling them")
	return c
}

func named(list []story, name string) []story {
	for _, s := range list {
		if s.name == name {
			return []story{s}
		}
	}
	return nil
}

func storyNames(list []story) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.name)
	}
	return out
}

// tell analyses one capture and prints its report under what the user said.
func (a *app) tell(ctx context.Context, s story, n, of int) error {
	b, err := testdata.Captures.ReadFile(s.file)
	if err != nil {
		return err
	}
	quiet := *a
	quiet.stdin = bytes.NewReader(b)
	rep, err := quiet.reportOf(ctx, "-")
	if err != nil {
		return err
	}
	for i := range rep.Files {
		rep.Files[i].Name = s.name + ".pcap"
	}
	if _, err := fmt.Fprintf(a.stdout, "%d/%d  %s\n      %s\n\n", n, of, s.name, s.tells); err != nil {
		return err
	}
	if err := report.WriteText(a.stdout, rep, report.Options{Width: a.width(a.stdout), Color: a.useColor(a.stdout)}); err != nil {
		return err
	}
	if interrupted(ctx) {
		return status(exitInterrupted)
	}
	_, err = fmt.Fprintf(a.stdout, "\nMore about it:  firestorm explain %s\n\n", s.code)
	return err
}

func (a *app) saveStories(dir string, list []story) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeFailure(dir, err)
	}
	for _, s := range list {
		b, err := testdata.Captures.ReadFile(s.file)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, s.name+".pcap")
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return writeFailure(name, err)
		}
		if _, err := fmt.Fprintf(a.stdout, "%s   %s\n", name, s.tells); err != nil {
			return err
		}
	}
	return nil
}
