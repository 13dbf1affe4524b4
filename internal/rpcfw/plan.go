package rpcfw

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"firestorm/internal/analyzer/rpc"
)

// pin is the port that people give a program, and how.
type pin struct {
	program  uint32
	tcp, udp uint16
	usual    []uint16 // other ports that are given on purpose, not by chance
	debian   string
	redhat   string
	ganesha  string
	fixed    bool // its number is its own: nothing is to be pinned
}

// pins are the programs of NFS. The numbers are Red Hat's fixed set, those that findings print.
var pins = []pin{
	{program: rpc.Portmap, tcp: 111, udp: 111, fixed: true},
	{program: rpc.NFS, tcp: 2049, udp: 2049, fixed: true},
	{program: 100227, tcp: 2049, udp: 2049, fixed: true}, // nfs_acl rides on nfsd's port
	{program: rpc.Mount, tcp: 892, udp: 892, usual: []uint16{20048},
		debian:  "/etc/nfs.conf: in [mountd] port=892; then systemctl restart nfs-server (before Debian 12: RPCMOUNTDOPTS=\"--manage-gids --port 892\" in /etc/default/nfs-kernel-server)",
		redhat:  "/etc/nfs.conf: in [mountd] port=892; then systemctl restart nfs-server (RHEL 7: MOUNTD_PORT=892 in /etc/sysconfig/nfs)",
		ganesha: "/etc/ganesha/ganesha.conf: in NFS_CORE_PARAM MNT_Port = 892;"},
	{program: rpc.NLM, tcp: 32803, udp: 32769, usual: []uint16{4045},
		debian:  "/etc/nfs.conf: in [lockd] port=32803 and udp-port=32769; at once: sysctl -w fs.nfs.nlm_tcpport=32803 fs.nfs.nlm_udpport=32769; then systemctl restart nfs-server",
		redhat:  "/etc/nfs.conf: in [lockd] port=32803 and udp-port=32769; then systemctl restart nfs-server (RHEL 7: LOCKD_TCPPORT=32803 and LOCKD_UDPPORT=32769 in /etc/sysconfig/nfs)",
		ganesha: "/etc/ganesha/ganesha.conf: in NFS_CORE_PARAM NLM_Port = 32803; (one number for both protocols)"},
	{program: rpc.NSM, tcp: 662, udp: 662,
		debian: "/etc/nfs.conf: in [statd] port=662 and outgoing-port=2020; then systemctl restart rpc-statd (before Debian 12: STATDOPTS=\"--port 662 --outgoing-port 2020\" in /etc/default/nfs-common)",
		redhat: "/etc/nfs.conf: in [statd] port=662 and outgoing-port=2020; then systemctl restart rpc-statd (RHEL 7: STATD_PORT=662 in /etc/sysconfig/nfs)"},
	{program: rpc.RQuota, tcp: 875, udp: 875,
		debian:  "/etc/default/quota: RPCRQUOTADOPTS=\"-p 875\"; then systemctl restart quotarpc",
		redhat:  "/etc/sysconfig/rpc-rquotad: RPCRQUOTADOPTS=\"-p 875\"; then systemctl restart rpc-rquotad",
		ganesha: "/etc/ganesha/ganesha.conf: in NFS_CORE_PARAM Rquota_Port = 875;"},
}

func pinOf(program uint32) *pin {
	for i := range pins {
		if pins[i].program == program {
			return &pins[i]
		}
	}
	return nil
}

// Place is a program over one protocol: where it is, and where it should be.
type Place struct {
	Program  uint32
	Name     string
	Proto    string
	Versions []uint32
	Now      []uint16 // ports; more than one when different versions differ
	Want     uint16   // the port to pin it to; the present one where that is a fixed one; 0: nothing is known of this program
	Floats   bool     // its port is the system's choice, and another after the next start
}

// Plan is what is to be done for a server.
type Plan struct {
	Places []Place
}

// firstEphemeral is where Linux begins to choose ports for itself (net.ipv4.ip_local_port_range); RPC programs bind
// below 1024 by bindresvport instead: both are chance.
const firstEphemeral = 32768

// Make judges a server's services.
func Make(list []Service) Plan {
	var p Plan
	for _, s := range tidy(slices.Clone(list)) {
		i := slices.IndexFunc(p.Places, func(x Place) bool { return x.Program == s.Program && x.Proto == s.Proto })
		if i < 0 {
			p.Places = append(p.Places, Place{Program: s.Program, Name: s.Name(), Proto: s.Proto})
			i = len(p.Places) - 1
		}
		x := &p.Places[i]
		if !slices.Contains(x.Versions, s.Version) {
			x.Versions = append(x.Versions, s.Version)
		}
		if !slices.Contains(x.Now, s.Port) {
			x.Now = append(x.Now, s.Port)
		}
	}
	for i := range p.Places {
		x := &p.Places[i]
		slices.Sort(x.Versions)
		x.judge()
	}
	sort.SliceStable(p.Places, func(i, j int) bool {
		a, b := &p.Places[i], &p.Places[j]
		return cmp.Or(cmp.Compare(a.Program, b.Program), cmp.Compare(a.Proto, b.Proto)) < 0
	})
	return p
}

func (x *Place) judge() {
	k := pinOf(x.Program)
	if k == nil {
		x.Floats = x.Now[0] >= firstEphemeral || x.Now[0] >= 512 && x.Now[0] < 1024
		return
	}
	want := k.tcp
	if x.Proto == "udp" {
		want = k.udp
	}
	x.Want = want
	if k.fixed {
		return
	}
	for _, now := range x.Now {
		usual := now == k.tcp || now == k.udp || slices.Contains(k.usual, now)
		x.Floats = x.Floats || !usual
	}
	if !x.Floats {
		x.Want = x.Now[0]
	}
}

// Floating are the places whose port is chance.
func (p Plan) Floating() []Place {
	return slices.DeleteFunc(slices.Clone(p.Places), func(x Place) bool { return !x.Floats })
}

// Has reports whether the server has a program.
func (p Plan) Has(program uint32) bool {
	return slices.ContainsFunc(p.Places, func(x Place) bool { return x.Program == program })
}

// Advice says how to give a program its port.
type Advice struct {
	Name, Debian, RedHat, Ganesha string
}

// Advice lists what to edit, once for each program that floats.
func (p Plan) Advice() []Advice {
	var out []Advice
	for _, x := range p.Floating() {
		k := pinOf(x.Program)
		if k == nil || slices.ContainsFunc(out, func(a Advice) bool { return a.Name == x.Name }) {
			continue
		}
		out = append(out, Advice{x.Name, k.debian, k.redhat, k.ganesha})
	}
	return out
}

// Unknown are floating programs for which no setting is known.
func (p Plan) Unknown() []Place {
	return slices.DeleteFunc(p.Floating(), func(x Place) bool { return pinOf(x.Program) != nil })
}

// Openings are the ports to let through. present: as they are now, until the next start; else as they will be once all
// are pinned. left are the programs that no rule can be written for: they float, and cannot be pinned.
func (p Plan) Openings(present bool) (out []Opening, left []Place) {
	for _, x := range p.Places {
		ports := x.Now
		if !present {
			if x.Want == 0 {
				if x.Floats {
					left = append(left, x)
					continue
				}
			} else {
				ports = []uint16{x.Want}
			}
		}
		for _, n := range ports {
			out = append(out, Opening{Proto: x.Proto, Low: n, High: n, Why: x.Name})
		}
	}
	return out, left
}

// Versions writes "3, 4".
func versions(v []uint32) string {
	s := make([]string, len(v))
	for i := range v {
		s[i] = fmt.Sprint(v[i])
	}
	return strings.Join(s, ", ")
}

// Text writes one place: "mountd 1, 2, 3 over tcp at port 44411".
func (x Place) Text() string {
	at := make([]string, len(x.Now))
	for i := range x.Now {
		at[i] = fmt.Sprint(x.Now[i])
	}
	return fmt.Sprintf("%s %s over %s at port %s", x.Name, versions(x.Versions), x.Proto, strings.Join(at, ", "))
}
