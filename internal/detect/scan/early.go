package scan

import (
	"time"

	"firestorm/internal/finding"
)

const (
	// earlyEvery is how often searches that go on are looked at.
	earlyEvery = 5 * time.Second
	// earlyAgain is after which time one that grew is told again.
	earlyAgain = time.Minute
	// earlyPorts and earlyHosts are how many failures say by themselves that nobody has such a list of services. Fewer may
	// turn out to be a monitor's first round, which only its second shows.
	earlyPorts = 100
	earlyHosts = 250
)

// early tells of searches that nothing still to come could make harmless, while they go on: whoever watches need not wait
// for their rest. Several sources that may belong to one search wait, since the search then has another name.
func (d *detector) early() {
	for _, s := range d.working {
		b := s.bout
		if b == nil || s.net || !s.scanning() || b.told > 0 && (b.fails <= b.told || d.now.Sub(b.toldAt) < earlyAgain) {
			continue
		}
		v := d.judge(s)
		t := b.main()
		switch {
		case v.code == Ports && (t.fails >= earlyPorts || b.tool() && t.fails >= portsAt):
		case v.code == Hosts && (b.hostFails >= earlyHosts || b.tool()):
		default:
			continue
		}
		if d.accompanied(s) {
			continue
		}
		r := &report{code: v.code, parts: []part{partOf(s)}}
		if !d.worth(r) {
			continue
		}
		b.told, b.toldAt = b.fails, d.now
		i := d.instance(r, &r.parts[0])
		i.Interim = true
		d.scope.Report(i)
	}
}

// tool reports that nearly all requests are such as no operating system sends.
func (b *bout) tool() bool { return 10*(b.bare+b.nmap) >= 9*(b.fails+b.opens) }

// accompanied reports that another source may take part in the search of s.
func (d *detector) accompanied(s *source) bool {
	for _, x := range d.working {
		if x != s && x.bout != nil && x.bout.main().addr == s.bout.main().addr && together(s, x) != alone {
			return true
		}
	}
	return false
}

// instance is what one source of a search reports.
func (d *detector) instance(r *report, q *part) *finding.Instance {
	last := q.end
	if q.used.last.Time > last.Time {
		last = q.used.last
	}
	return &finding.Instance{Code: r.code, Key: r.key(), Vantage: q.source.vantage, Client: q.source.addr, Server: q.main().addr,
		First: q.first, Last: last, Covers: finding.Cover{Client: q.source.addr, ByPrefix: q.source.net}, Data: r}
}
