package scan

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one search.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == Background {
		return d.composeNoise(g, b)
	}
	r := pick(g)
	v := d.look(r)
	b.Subject(finding.Subject{Role: "attacker", Addr: v.who})
	b.Subject(finding.Subject{Role: "victim", Addr: v.main.addr})
	title(b, v)
	opened := v.openedText()
	tries := "tries"
	if r.how == shared || r.parts[0].source.net {
		tries = "try"
	}
	b.Why("%s %s doors without knowing which are open: %d of %d failed%s", v.whoText(), tries, v.fails, v.fails+v.opens, v.tool())
	looking := "It is looking, not yet breaking in."
	if r.used != nil {
		looking = fmt.Sprintf("Then it came back and used %s: %d bytes in %s. Whether it got in by that, the log of that service tells.", where(r.used.door), r.used.bytes, detect.Span(r.used.last.Time.Sub(r.used.start.Time)))
	}
	b.Summary("%s knocked on %s of %s in %s; %s. %s%s", v.whoText(), v.doorsText(), v.machinesText(), detect.Span(v.span()), opened, looking, v.newsText())
	switch {
	case r.used != nil:
		b.Severity(finding.High)
		b.Impact("what was found was used afterwards: %s", where(r.used.door))
	case r.in:
		b.Impact("none yet; but a machine inside that searches the network is either run by its administrator or taken over")
	case len(r.news) > 0:
		b.Severity(finding.Medium)
		b.Impact("none yet; strangers know now that %s", opensText(r.news))
	default:
		b.Severity(finding.Medium)
		b.Impact("none yet")
	}
	d.facts(b, v)
	d.alternatives(b, v)
	remedy(b, v)
	if r.in {
		b.WrongIf("the administrator of %s says that a search was run there at that time", v.who)
	} else {
		b.WrongIf("you asked for this search yourself (a test of your own doors)")
	}
	story(b, v)
	return true
}

// view is a report with the sums over its sources.
type view struct {
	*report
	who          packet.Addr
	main         *target
	fails, opens int
	refused      int
	silent       int
	machines     int
	hostFails    int
	hostOpens    int
	first, last  packet.Ref
	how          [numTechniques]int
	raw, syns    int // SYNs that no operating system sends, of all
	nmap         int
	half, whole  int
	opened       []opening
	more         bool
	alike        bool
	natMachines  int
}

// pick takes, of several bouts of one source, the one with most failures.
func pick(g *finding.Group) *report {
	best := g.Kept[0].Data.(*report)
	for i := range g.Kept {
		if r := g.Kept[i].Data.(*report); r.parts[0].fails > best.parts[0].fails {
			best = r
		}
	}
	return best
}

func (d *detector) look(r *report) *view {
	v := &view{report: r, who: r.parts[0].source.addr, main: r.parts[0].main(), first: r.parts[0].first, last: r.parts[0].last, alike: true}
	for i := range r.parts {
		p := &r.parts[i]
		v.half, v.whole, v.nmap = v.half+p.half, v.whole+p.whole, v.nmap+p.nmap
		v.raw += p.bare + p.nmap
		v.syns += p.how[synScan]
		for t, n := range p.how {
			v.how[t] += n
		}
		v.alike = v.alike && p.alike && p.print == r.parts[0].print
		if i > 0 && r.how == decoys {
			continue // the same doors again
		}
		v.fails, v.opens = v.fails+p.fails, v.opens+len(p.opened)
		v.refused, v.silent = v.refused+p.refused, v.silent+p.silent
		v.opened = append(v.opened, p.opened...)
		v.hostFails, v.hostOpens = max(v.hostFails, p.hostFails), max(v.hostOpens, p.hostOpens)
		v.more = v.more || p.more
		if p.first.Time < v.first.Time {
			v.first = p.first
		}
		if p.last.Time > v.last.Time {
			v.last = p.last
		}
	}
	v.machines = max(v.hostFails+v.hostOpens, 1)
	v.natMachines = machines(d.scope.Hosts.Get(r.parts[0].source.vantage, v.who))
	return v
}

// machines counts what different requests and clocks show of the machines behind an address. TTLs do not count: scanners
// draw them.
func machines(h *detect.Host) int {
	if h == nil {
		return 0
	}
	prints, clocks := 0, 0
	for i := range h.SYNPrints {
		if h.SYNPrints[i] != 0 {
			prints++
		}
	}
	for i := range h.Clocks {
		if !h.Clocks[i].At.IsZero() {
			clocks++
		}
	}
	return max(prints, clocks)
}

func (v *view) span() time.Duration { return v.last.Time.Sub(v.first.Time) }

// rawTool reports that nearly all requests are such as no operating system sends.
func (v *view) rawTool() bool {
	odd := v.how[finScan] + v.how[nullScan] + v.how[xmasScan] + v.how[maimonScan] + v.how[ackScan] + v.how[protoScan]
	return v.syns > 0 && 10*v.raw >= 9*v.syns || odd > 4 && odd > v.syns
}

func (v *view) whoText() string {
	switch v.report.how {
	case decoys:
		return fmt.Sprintf("somebody, in the names of %s,", v.names())
	case shared:
		return fmt.Sprintf("%d addresses together (%s)", len(v.parts), v.names())
	}
	return v.name()
}

// name is how the source is called.
func (v *view) name() string {
	p := &v.parts[0]
	if p.source.net {
		return fmt.Sprintf("%d addresses of %s", p.members, p.source)
	}
	return p.source.String()
}

func (v *view) names() string {
	var items []string
	for i := range v.parts {
		items = append(items, v.parts[i].source.addr.String())
	}
	sort.Strings(items)
	return detect.List(items, 6)
}

func (v *view) doorsText() string {
	n := detect.Plural(v.fails+v.opens, "door", "doors")
	if v.more {
		return "at least " + n
	}
	return n
}

func (v *view) machinesText() string {
	if v.code == Ports && v.machines == 1 {
		return v.main.addr.String()
	}
	if v.code == Ports {
		return fmt.Sprintf("%d machines, most of them of %s", v.machines, v.main.addr)
	}
	return detect.Plural(v.machines, "machine", "machines")
}

func (v *view) openedText() string {
	switch n := len(v.opened); {
	case n == 0 && v.how[synScan]+v.how[udpScan]+v.how[pingScan] == 0 && v.silent > 0 && v.refused > 0:
		return fmt.Sprintf("%d did not answer, which to such probes means open or filtered", v.silent)
	case n == 0:
		return "none opened"
	case n == 1:
		return "1 opened: " + where(v.opened[0].door)
	default:
		return fmt.Sprintf("%d opened: %s", n, opensList(v.opened))
	}
}

func (v *view) newsText() string {
	if len(v.news) == 0 {
		return ""
	}
	lately := ""
	if !v.known {
		lately = " lately"
	}
	return fmt.Sprintf(" What it found open that nobody else was seen to use%s: %s.", lately, opensList(v.news))
}

// tool names the maker of the probes where they show it.
func (v *view) tool() string {
	switch {
	case v.syns > 0 && 10*v.nmap >= 9*v.syns:
		return "; its requests look as Nmap makes them"
	case v.syns > 0 && 10*v.raw >= 9*v.syns:
		return "; its requests are made by a program, not by an operating system"
	}
	return ""
}

func where(x door) string {
	switch x.proto {
	case packet.ProtoTCP, packet.ProtoUDP:
		s := detect.EndText(event.End{Addr: x.addr, Port: x.port})
		if x.proto == packet.ProtoUDP {
			s += " (UDP)"
		}
		return s
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return x.addr.String()
	}
	return fmt.Sprintf("%s of %s", doorName(x.port, x.proto), x.addr)
}

// opensList lists doors by machine: "22 and 80 on 10.0.0.1, 443 on 10.0.0.2".
func opensList(os []opening) string {
	by := map[packet.Addr][]string{}
	var order []packet.Addr
	for _, o := range os {
		if by[o.addr] == nil {
			order = append(order, o.addr)
		}
		by[o.addr] = append(by[o.addr], doorName(o.port, o.proto))
	}
	sort.Slice(order, func(i, j int) bool { return order[i].Compare(order[j]) < 0 })
	var items []string
	for _, a := range order {
		doors := by[a]
		if len(doors) == 1 && doors[0] == "ping" {
			items = append(items, a.String())
			continue
		}
		sort.Slice(doors, func(i, j int) bool {
			return len(doors[i]) < len(doors[j]) || len(doors[i]) == len(doors[j]) && doors[i] < doors[j]
		})
		items = append(items, detect.List(doors, 8)+" on "+a.String())
	}
	if len(items) > 4 {
		return strings.Join(items[:4], ", ") + fmt.Sprintf(" and on %d more machines", len(items)-4)
	}
	return strings.Join(items, ", ")
}

func opensText(os []opening) string {
	if len(os) == 1 {
		return where(os[0].door) + " is open"
	}
	return opensList(os) + " are open"
}

func title(b *finding.Builder, v *view) {
	span := detect.Span(v.span())
	opened := v.openedText()
	switch {
	case v.report.how == decoys:
		b.Title("somebody tried %s of %s in the names of %d addresses in %s; %s", v.doorsText(), v.main.addr, len(v.parts), span, opened)
	case v.report.how == shared:
		b.Title("%d addresses share one search of %s: %s in %s; %s", len(v.parts), v.main.addr, v.doorsText(), span, opened)
	case v.code == Ports:
		b.Title("%s tried %s of %s in %s; %s", v.name(), v.doorsText(), v.machinesText(), span, opened)
	case v.code == Hosts:
		b.Title("%s looked for %s on %s in %s; %s", v.name(), v.lookedFor(), v.machinesText(), span, opened)
	default:
		b.Title("first contacts of %s fail too often: %d of %s in %s", v.name(), v.hostFails, detect.Plural(v.machines, "machine", "machines"), span)
	}
}

// lookedFor names what was tried on many machines.
func (v *view) lookedFor() string {
	if v.how[pingScan] > 0 && v.syns == 0 {
		return "answers to ping"
	}
	if n := v.parts[0].ports.n; n > 1 {
		return fmt.Sprintf("%d ports", n)
	}
	if v.how[udpScan] > 0 && v.syns == 0 {
		return "one UDP port"
	}
	return "one port"
}

func story(b *finding.Builder, v *view) {
	for i, r := range v.parts[0].asks {
		b.Evidence(r, "a door that fails")
		if i < 3 {
			b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: techniqueNames[v.parts[0].tech()], Note: "tries a door", Lost: true})
		}
	}
	for i, o := range v.opened {
		if i == 3 {
			break
		}
		b.Evidence(o.ask, "tries a door that opens")
		b.Evidence(o.ref, "the door opens")
		b.Ladder(finding.LadderRow{Ref: o.ref, Dir: packet.ToClient, Label: "answer", Note: where(o.door) + " is open"})
	}
	if v.used != nil {
		b.Evidence(v.used.start, "comes back")
		b.Ladder(finding.LadderRow{Ref: v.used.start, Dir: packet.ToServer, Label: "SYN", Note: "comes back and uses it"})
	}
}
