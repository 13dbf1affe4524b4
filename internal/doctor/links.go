package doctor

import (
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/finding"
)

// Gates that the checks speak of.
const (
	gateTwoWay  = finding.GateTwoWay
	gateLoss    = finding.GateLoss
	gateOffload = finding.GateOffload
	gateDup     = finding.GateDup
	gateClock   = finding.GateClock
)

// readLinks asks for the interfaces once, for all checks.
func (r *run) readLinks() { r.links, r.linksErr = r.sys.Links() }

// link finds an interface by its name.
func (r *run) link(name string) *Link {
	for i := range r.links {
		if r.links[i].Name == name {
			return &r.links[i]
		}
	}
	return nil
}

// byIndex finds an interface by its number.
func (r *run) byIndex(n int) *Link {
	for i := range r.links {
		if n != 0 && r.links[i].Index == n {
			return &r.links[i]
		}
	}
	return nil
}

// interfaces says whether those to be watched are there and up.
func (r *run) interfaces() {
	const why = "an interface that is down shows nothing"
	if len(r.o.Interfaces) == 0 {
		var names []string
		for i := range r.links {
			if l := &r.links[i]; !l.Loopback {
				names = append(names, l.Name)
			}
		}
		c := Check{Name: "interface", Level: Unknown, Why: "what hides packets differs from interface to interface", What: "no interface was named, and no configuration or status names one"}
		for _, n := range names[:min(len(names), 4)] {
			c.Fix = append(c.Fix, "firestorm doctor "+shell(n))
		}
		if len(names) == 0 {
			c.Fix = []string{"ip -br link", "firestorm doctor IFACE"}
		}
		r.add(c)
		return
	}
	if r.linksErr != nil {
		r.add(Check{Name: "interface", Level: Unknown, NotPermitted: notPermitted(r.linksErr), What: "the kernel does not list the interfaces: " + reason(r.linksErr), Why: why, Fix: []string{"ip -br link"}})
		return
	}
	for _, name := range r.o.Interfaces {
		c := Check{Name: "interface", Subject: name, Why: why}
		l := r.link(name)
		switch {
		case l == nil:
			c.Level, c.What, c.Fix = Problem, "there is no such interface", []string{"ip -br link"}
		case !l.Up:
			c.Level, c.What, c.Fix = Problem, "it is down", []string{"ip link set dev " + shell(name) + " up"}
		case !l.Running:
			c.Level, c.What, c.Fix = Problem, "it is up, but has no carrier: no cable, or the other end is down", []string{"ip -s link show dev " + shell(name), "ethtool " + shell(name)}
		default:
			c.What = "it is up"
			if l.Kind != "" {
				c.What += ", a " + l.Kind
			}
			if l.Alias != "" {
				c.What += fmt.Sprintf(", called %q", l.Alias)
			}
		}
		r.add(c)
	}
}

// joiner is an offload that changes what a capture sees.
type joiner struct {
	feature string // the kernel's name
	word    string // what ethtool -K calls it
	fatal   bool   // sizes are lost whatever the kernel can tell
}

// joiners join packets before they are captured, or cut them after.
var joiners = []joiner{
	{"rx-lro", "lro", true},
	{"rx-gro", "gro", false},
	{"rx-gro-hw", "rx-gro-hw", false},
	{"rx-gro-list", "rx-gro-list", false},
	{"rx-udp-gro-forwarding", "rx-udp-gro-forwarding", false},
	{"tx-tcp-segmentation", "tso", false},
	{"tx-tcp6-segmentation", "tso", false},
	{"tx-generic-segmentation", "gso", false},
	{"tx-udp-segmentation", "tx-udp-segmentation", false},
}

// offloads says what the cards do to packets before they are seen.
func (r *run) offloads() {
	for _, name := range r.o.Interfaces {
		c := Check{Name: "offloads", Subject: name, Why: "the card joins packets before they are captured and cuts them after: sizes, copies and counts are then not those on the wire"}
		f, err := r.sys.Features(name)
		if err != nil {
			if r.linksErr == nil && r.link(name) == nil {
				continue // said already
			}
			c.Level, c.NotPermitted, c.What = Unknown, notPermitted(err), "the kernel does not say which offloads are on: "+reason(err)
			c.Fix = []string{"sudo ethtool -k " + shell(name)}
			r.add(c)
			continue
		}
		r.joined(c, f)
		r.checksumsOf(name, f)
		r.vlan(name, f)
	}
}

// joined judges the offloads that join packets.
func (r *run) joined(c Check, f map[string]Feature) {
	var on, off, fixed []string
	lost := false
	for _, j := range joiners {
		x := f[j.feature]
		if !x.On {
			continue
		}
		if !slices.Contains(on, j.word) {
			on = append(on, j.word)
		}
		switch {
		case x.Fixed && !slices.Contains(fixed, j.word):
			fixed = append(fixed, j.word)
		case !x.Fixed && !slices.Contains(off, j.word):
			off = append(off, j.word)
		}
		lost = lost || j.fatal
	}
	if len(off) > 0 {
		c.Fix = append(c.Fix, "sudo ethtool -K "+shell(c.Subject)+" "+strings.Join(off, " off ")+" off   # until the next start; costs processor time")
	}
	if len(fixed) > 0 {
		c.Fix = append(c.Fix, strings.Join(fixed, ", ")+" cannot be changed on this interface: capture on a mirror port")
	}
	l := r.link(c.Subject)
	cooked := l != nil && l.Cooked
	switch {
	case len(on) == 0:
		c.What = "nothing joins packets: gro, lro, gso and tso are off"
	case lost:
		c.Level, c.What = Problem, strings.Join(on, ", ")+" are on: lro joins packets of others and forgets their sizes"
		if len(on) == 1 {
			c.What = "lro is on: it joins packets of others and forgets their sizes"
		}
		c.Off = r.o.needing(gateOffload, gateDup)
	case cooked:
		c.Level, c.What = Warning, strings.Join(on, ", ")+" on, and of an interface without Ethernet the kernel does not say of what sizes it joins packets"
		c.Off = r.o.needing(gateOffload, gateDup)
	case r.sys.TellsSizes():
		c.What = strings.Join(on, ", ") + " on; this kernel says of what sizes it joins, so that findings about sizes stay possible"
		if len(c.Fix) > 0 {
			c.Hint = c.Fix[0]
		}
	default:
		c.Level, c.What = Warning, strings.Join(on, ", ")+" on, and this kernel (before 6.2) does not say of what sizes it joins packets"
		c.Off = r.o.needing(gateOffload, gateDup)
	}
	r.add(c)
}

// checksumsOf says whether checksums that the card computes are taken for wrong ones.
func (r *run) checksumsOf(name string, f map[string]Feature) {
	sends := false
	for n, x := range f {
		sends = sends || x.On && strings.HasPrefix(n, "tx-checksum")
	}
	c := Check{Name: "checksums", Subject: name, Why: "with checksums: all a packet whose checksum the card fills in later is left out, as if it were broken"}
	switch {
	case !sends:
		c.What = "the card computes none for what this machine sends"
	case r.o.Checksums == "all":
		c.Level, c.What = Warning, "the card fills in the checksums of what this machine sends, and checksums: all leaves out what is not right"
		c.Fix = []string{"firestorm watch " + shell(name) + " -k auto   # or in the configuration: capture: checksums: auto", "sudo ethtool -K " + shell(name) + " tx off"}
	default:
		c.What = "the card fills in those of what this machine sends; they are known as such (checksums: " + r.o.Checksums + ")"
	}
	r.add(c)
}

func (r *run) vlan(name string, f map[string]Feature) {
	x, ok := f["rx-vlan-hw-parse"]
	if !ok {
		return
	}
	c := Check{Name: "vlan tags", Subject: name, What: "the card leaves them in the packets", Why: "a tag tells networks apart that use the same addresses"}
	if x.On {
		c.What = "the card takes them off and says which; the capture puts them back"
	}
	r.add(c)
}

// hidden says what carries packets past the place where they are captured.
func (r *run) hidden() {
	r.flowtables()
	if len(r.o.Interfaces) == 0 || r.linksErr != nil {
		return
	}
	for _, name := range r.o.Interfaces {
		l := r.link(name)
		if l == nil {
			continue
		}
		before := len(r.checks)
		r.cardForwards(l)
		r.switched(l)
		r.express(l)
		r.bridges(l)
		r.macvlans(l)
		if len(r.checks) == before {
			r.add(Check{Name: "fast paths", Subject: name, What: "no bridge, macvlan, XDP program or forwarding card carries packets past the capture", Why: pastWhy})
		}
	}
}

const pastWhy = "packets that take a fast path never reach the capture: what is in them is not found, and connections look as if they stopped"

func (r *run) flowtables() {
	c := Check{Name: "flowtables", Why: pastWhy}
	fts, err := r.sys.Flowtables()
	switch {
	case err != nil && notPermitted(err):
		c.Level, c.NotPermitted, c.What = Unknown, true, "whether nftables forwards past the capture is not known: only root may ask"
		c.Fix = []string{"sudo nft list flowtables   # look for: flags offload"}
	case err != nil && !isNone(err):
		c.Level, c.What = Unknown, "nftables does not list its flowtables: "+reason(err)
		c.Fix = []string{"sudo nft list flowtables"}
	case len(fts) == 0:
		c.What = "nftables has none"
	}
	if len(fts) == 0 {
		r.add(c)
		return
	}
	for i := range fts {
		t := &fts[i]
		c := Check{Name: "flowtables", Subject: t.Family + " " + t.Table + " " + t.Name, Why: pastWhy}
		on := strings.Join(t.Devices, ", ")
		mine := len(r.o.Interfaces) == 0 || slices.ContainsFunc(t.Devices, func(d string) bool { return slices.Contains(r.o.Interfaces, d) })
		switch {
		case !t.Hardware:
			c.What = "a fast path in software over " + on + ": the capture still sees its packets, netfilter's log and conntrack do not"
		case !mine:
			c.What = "a fast path in the card over " + on + ", none of which is watched"
		default:
			c.Level, c.Off = Problem, r.o.needing(gateTwoWay, gateLoss)
			c.What = "the card forwards connections over " + on + " by itself: after their first packets the capture does not see them"
			for _, d := range t.Devices {
				c.Fix = append(c.Fix, "sudo ethtool -K "+shell(d)+" hw-tc-offload off")
			}
			c.Fix = append(c.Fix, "or take \"flags offload;\" out of flowtable "+t.Name+" in /etc/nftables.conf, then: sudo nft -f /etc/nftables.conf")
		}
		r.add(c)
	}
}

// cardForwards looks at filters of tc that the card runs alone.
func (r *run) cardForwards(l *Link) {
	f, err := r.sys.Features(l.Name)
	if err != nil || !f["hw-tc-offload"].On {
		return
	}
	c := Check{Name: "card", Subject: l.Name, Level: Warning, Why: pastWhy, Fix: []string{"sudo ethtool -K " + shell(l.Name) + " hw-tc-offload off", "tc -s filter show dev " + shell(l.Name) + " ingress   # in_hw: the card runs it"}}
	_, card, err := r.sys.TrafficFilters(l.Name)
	switch {
	case err != nil:
		c.What = "hw-tc-offload is on: the card may forward by itself what a filter or flowtable tells it to; its filters cannot be listed (" + reason(err) + ")"
	case card > 0:
		c.Level, c.Off = Problem, r.o.needing(gateTwoWay, gateLoss)
		c.What = fmt.Sprintf("the card runs %s by itself (tc, skip_sw): what they redirect or drop is not seen", plural(card, "filter", "filters"))
	default:
		c.Level, c.What = OK, "hw-tc-offload is on, and no filter of the card's own is set"
	}
	r.add(c)
}

// switched looks for a switch chip behind the interface.
func (r *run) switched(l *Link) {
	b, err := r.sys.ReadFile("/sys/class/net/" + l.Name + "/phys_switch_id")
	if err != nil || strings.TrimSpace(string(b)) == "" {
		return
	}
	r.add(Check{Name: "switch chip", Subject: l.Name, Level: Warning, Why: pastWhy, What: "it is the port of a switch chip: frames between its ports are switched there and do not come to this machine",
		Fix: []string{"ethtool -i " + shell(l.Name) + "   # which chip: let it mirror the ports in question to one that you watch"}})
}

// express looks for a program that sees packets before the capture.
func (r *run) express(l *Link) {
	if l.XDP == "" {
		return
	}
	r.add(Check{Name: "xdp", Subject: l.Name, Level: Warning, Why: pastWhy, What: "an XDP program (" + l.XDP + ") sees packets first: what it drops or redirects is not captured",
		Fix: []string{"ip -d link show dev " + shell(l.Name) + "   # which program; bpftool net", "sudo ip link set dev " + shell(l.Name) + " xdp off   # only if nothing depends on it"}})
}

// bridges says what of a bridge is seen.
func (r *run) bridges(l *Link) {
	master := r.byIndex(l.Master)
	isBridge := l.Kind == "bridge"
	member := master != nil && master.Kind == "bridge"
	if !isBridge && !member {
		return
	}
	c := Check{Name: "bridge", Subject: l.Name, Why: "a bridge passes frames from port to port: which of them are seen depends on where one looks"}
	switch {
	case isBridge && r.fresh() && !l.Promiscuous:
		c.Level, c.Off = Problem, r.o.needing(gateTwoWay)
		c.What = "frames between its ports are not seen: the bridge is not in promiscuous mode though a watch runs"
		c.Fix = []string{"start the watch without -p (--no-promiscuous-mode)", "watch its ports instead: " + r.portsOf(l)}
	case isBridge:
		c.What = "frames between its ports are seen as long as the watch does not use -p (--no-promiscuous-mode)"
	case slices.Contains(r.o.Interfaces, master.Name):
		c.Level, c.What = Warning, "it is a port of "+master.Name+", which is watched too: each frame between ports comes twice"
		c.Fix = []string{"watch one of them: firestorm watch " + shell(master.Name)}
	default:
		c.What = "it is a port of " + master.Name + ": frames that do not pass this port are not seen here"
	}
	r.add(c)
	for _, n := range []string{"iptables", "ip6tables"} {
		b, err := r.sys.ReadFile("/proc/sys/net/bridge/bridge-nf-call-" + n)
		if err == nil && strings.TrimSpace(string(b)) == "1" {
			r.add(Check{Name: "bridge firewall", Subject: l.Name, Level: Warning, Why: "what the firewall takes out between two ports looks like loss on the wire, and conntrack puts fragments together before they go on",
				What: "bridged frames go through the firewall (br_netfilter, bridge-nf-call-" + n + " = 1)",
				Fix:  []string{"sudo sysctl -w net.bridge.bridge-nf-call-" + n + "=0   # unless containers or virtual machines rely on it"}})
			return
		}
	}
}

// portsOf is the command that watches a bridge's ports.
func (r *run) portsOf(bridge *Link) string {
	cmd := "firestorm watch"
	for i := range r.links {
		if r.links[i].Master == bridge.Index {
			cmd += " " + shell(r.links[i].Name)
		}
	}
	return cmd
}

// macvlans says what machines behind a macvlan hide.
func (r *run) macvlans(l *Link) {
	shares := func(kind string) bool {
		return kind == "macvlan" || kind == "ipvlan" || kind == "macvtap" || kind == "ipvtap"
	}
	if shares(l.Kind) {
		parent := "its parent"
		if p := r.byIndex(l.Parent); p != nil {
			parent = p.Name
		}
		r.add(Check{Name: "macvlan", Subject: l.Name, Level: Warning, Why: "a capture here shows one machine, not the network", What: "it is a " + l.Kind + ": only frames to its own address come here",
			Fix: []string{"firestorm watch " + shell(parent)}})
		return
	}
	var local []string
	for i := range r.links {
		if c := &r.links[i]; c.Parent == l.Index && shares(c.Kind) && c.Mode != "private" && c.Mode != "vepa" {
			local = append(local, c.Name)
		}
	}
	if len(local) > 1 {
		r.add(Check{Name: "macvlan", Subject: l.Name, Level: Warning, Why: pastWhy, What: "what " + strings.Join(local, ", ") + " send each other does not pass " + l.Name,
			Fix: []string{"sudo ip link set dev " + shell(local[0]) + " type macvlan mode vepa   # frames then go over the switch, which must send them back"}})
	}
}
