package scan

import (
	"cmp"
	"slices"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// scanning reports that what a source does now looks like a search by its numbers alone.
func (s *source) scanning() bool {
	b := s.bout
	if b == nil {
		return false
	}
	return s.worst().score >= convict || b.window.peak >= hostsAt || b.main().window.peak >= portsAt
}

// verdict is what a bout is.
type verdict struct {
	code string // empty: no search
	why  string // empty code: what it is instead
}

// judge says what a bout of a source is.
func (d *detector) judge(s *source) verdict {
	b := s.bout
	if s.net && (s.single || s.members.n < netAt) {
		return verdict{why: "its addresses speak for themselves"}
	}
	doors := b.fails + b.opens
	out := d.outage(s)
	fails := b.fails - out
	switch {
	case b.again >= monitorAt*doors:
		return verdict{why: "it comes back to its doors"}
	case out > 0 && 2*out >= b.fails:
		return verdict{why: "the doors fail for others, too"}
	}
	t := b.main()
	if (t.window.peak >= portsAt || t.fails >= portsEver) && fails >= portsAt && t.fails > t.opens {
		if s.ftp == t.addr && t.low == 0 {
			return verdict{why: "data ports of FTP"}
		}
		return verdict{code: Ports}
	}
	if b.peers() {
		return verdict{why: "peers with ports of their own"}
	}
	if b.window.peak >= hostsAt && fails >= hostsAt && b.hostFails > b.hostOpens {
		return verdict{code: Hosts}
	}
	if w := s.worst(); w.score >= convict && int(w.fails)-out >= convict {
		return verdict{code: Slow} // the walk remembers what earlier bouts failed at
	}
	return verdict{why: "too few failures"}
}

// peers reports the picture of a peer-to-peer program: many machines, each at a port of its own.
func (b *bout) peers() bool {
	return b.hostFails >= 6 && 2*b.ports.n >= b.hostFails && b.main().fails <= 2
}

// outage counts the doors of a bout that failed for two or more ordinary clients beside the source.
func (d *detector) outage(s *source) int {
	n, me := 0, h16(&s.addr)
	s.bout.failed.each(func(sum uint32, _ bool) {
		x := d.down[sum]
		if x == nil {
			return
		}
		others := 0
		for _, c := range x.clients {
			if c != 0 && c != me {
				others++
			}
		}
		if others >= 2 {
			n++
		}
	})
	return n
}

// part is one source of a search.
type part struct {
	source  srcKey
	talked  bool
	members int  // of a network: addresses that took part
	step    step // what speaks most for a scanner
	*bout
}

func partOf(s *source) part { return part{s.srcKey, s.talked, s.members.n, *s.worst(), s.bout} }

// togetherness says how several sources belong to one search.
type togetherness uint8

const (
	alone  togetherness = iota
	decoys              // the same doors in several names
	shared              // different doors, one search
)

// report is one search as it goes to the finding engine.
type report struct {
	code  string
	how   togetherness
	parts []part
	news  []opening // doors it found that nobody else uses
	in    bool      // from inside
	used  *use      // a conversation through a found door afterwards
	known bool      // who uses which door is remembered without holes
}

// close judges the bouts of sources, and those of others that belong to them.
func (d *detector) close(due []*source) {
	if len(due) == 0 {
		return
	}
	due = d.partners(due)
	slices.SortStableFunc(due, func(a, b *source) int { // whatever order they were found in
		return cmp.Or(order(a.net, b.net), cmp.Compare(a.bout.first.Time, b.bout.first.Time), a.addr.Compare(b.addr), cmp.Compare(a.vantage, b.vantage))
	})
	type judged struct {
		s *source
		v verdict
	}
	var all []judged
	for _, s := range due {
		all = append(all, judged{s, d.judge(s)})
	}
	done := make([]bool, len(all))
	at := map[packet.Addr][]int{} // of all, those that tried the doors of a machine most, where that may be one search
	for i, x := range all {
		if x.s.bout.fails >= convict {
			a := x.s.bout.main().addr
			at[a] = append(at[a], i)
		}
	}
	for i := range all {
		if done[i] {
			continue
		}
		done[i] = true
		r := &report{code: all[i].v.code, parts: []part{partOf(all[i].s)}}
		for _, j := range at[all[i].s.bout.main().addr] {
			if j <= i || done[j] {
				continue
			}
			how := together(all[i].s, all[j].s)
			if how == alone || r.how != alone && r.how != how || how == shared && !disjoint(r.parts, all[j].s.bout) {
				continue
			}
			r.how = how
			r.parts = append(r.parts, partOf(all[j].s))
			done[j] = true
		}
		if r.how == shared && len(r.parts) < 3 || r.how == decoys && len(r.parts) < 2 { // not enough to speak of
			for j := range all {
				if j > i && slices.ContainsFunc(r.parts[1:], func(p part) bool { return p.bout == all[j].s.bout }) {
					done[j] = false
				}
			}
			r.how, r.parts = alone, r.parts[:1]
		}
		if r.how != alone {
			r.code = d.joint(r)
		}
		d.settle(r)
	}
	for _, s := range due {
		d.bytes -= s.bytes()
		s.bout = nil
		d.bytes += s.bytes()
	}
	d.working = slices.DeleteFunc(d.working, func(s *source) bool {
		s.listed = s.bout != nil
		return !s.listed
	})
}

// order puts networks behind addresses: what one address found is its own to tell.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// partners adds to sources that rest those that took part in the same search and rest not quite as long.
func (d *detector) partners(due []*source) []*source {
	chosen := map[*source]bool{}
	for _, s := range due {
		chosen[s] = true
	}
	at := map[packet.Addr][]*source{}
	for _, x := range d.working {
		if x.bout != nil && !chosen[x] && x.bout.fails >= convict {
			a := x.bout.main().addr
			at[a] = append(at[a], x)
		}
	}
	for i := 0; i < len(due); i++ {
		for _, x := range at[due[i].bout.main().addr] {
			if !chosen[x] && together(due[i], x) != alone {
				chosen[x] = true
				due = append(due, x)
			}
		}
	}
	return due
}

// together says whether two sources work on one machine as one.
func together(a, b *source) togetherness {
	x, y := a.bout, b.bout
	if a.net || b.net || a.vantage != b.vantage || x.fails < convict || y.fails < convict || x.main().addr != y.main().addr || x.print != y.print || x.tech() != y.tech() {
		return alone
	}
	slack := max(2*time.Second, x.last.Time.Sub(x.first.Time)/10)
	if !near(x.first.Time, y.first.Time, slack) {
		return alone
	}
	n, least := x.failed.common(&y.failed), min(x.failed.n, y.failed.n)
	switch {
	case 10*n >= 8*least && 10*least >= 8*max(x.failed.n, y.failed.n) && least >= 8 && near(x.last.Time, y.last.Time, slack):
		return decoys
	case 10*n <= least:
		return shared
	}
	return alone
}

func near(a, b packet.Time, slack time.Duration) bool { return a.Sub(b) <= slack && b.Sub(a) <= slack }

func disjoint(ps []part, b *bout) bool {
	for i := range ps {
		if 10*ps[i].failed.common(&b.failed) > min(ps[i].failed.n, b.failed.n) {
			return false
		}
	}
	return true
}

// tech is the technique that most tries used.
func (b *bout) tech() technique {
	best := technique(0)
	for t := range b.how {
		if b.how[t] > b.how[best] {
			best = technique(t)
		}
	}
	return best
}

// joint names the search of several sources.
func (d *detector) joint(r *report) string {
	fails := 0
	for i := range r.parts {
		fails += r.parts[i].fails
	}
	if r.how == decoys {
		fails = r.parts[0].fails
	}
	if fails >= portsAt {
		return Ports
	}
	return ""
}

// settle tells a search, or books it as noise.
func (d *detector) settle(r *report) {
	p := &r.parts[0]
	if r.code == "" {
		if !d.scope.Home.Has(p.source.addr) && !p.source.net {
			d.book(r)
		}
		return
	}
	if !d.worth(r) {
		if !p.source.net { // the addresses of a network are counted each
			d.book(r)
		}
		return
	}
	for _, o := range r.news {
		d.tell(o.sum())
	}
	for i := range r.parts {
		d.scope.Report(d.instance(r, &r.parts[i]))
	}
}

// worth completes r with what the search found, and reports whether it is told: from inside always, of strangers where it
// found something that is news, or used it.
func (d *detector) worth(r *report) bool {
	r.in = d.scope.Home.Has(r.parts[0].source.addr)
	except := map[uint32]bool{}
	for i := range r.parts {
		except[h16(&r.parts[i].source.addr)] = true
	}
	r.known = !d.uses.lost
	for i := range r.parts {
		q := &r.parts[i]
		for _, o := range q.opened {
			if o.proto != packet.ProtoTCP && o.proto != packet.ProtoUDP {
				continue // a machine that answers to ping is no door
			}
			if d.uses.byOthers(&o.door, except) == 0 && !slices.ContainsFunc(r.news, func(x opening) bool { return x.door == o.door }) {
				r.news = append(r.news, o)
			}
		}
		if q.used.bytes > 0 && (r.used == nil || q.used.bytes > r.used.bytes) {
			r.used = &q.used
		}
	}
	if !r.in && r.used != nil && d.uses.byOthers(&r.used.door, except) > 0 {
		r.used = nil // it may use what everybody uses
	}
	return r.in || r.used != nil || d.fresh(r)
}

// fresh reports that a search by a stranger found something that was not told yet.
func (d *detector) fresh(r *report) bool {
	for _, o := range r.news {
		if at, ok := d.told[o.sum()]; !ok || o.ref.Time.Sub(at) > toldFor {
			return true
		}
	}
	return false
}

// tell remembers that a door's discovery was told.
func (d *detector) tell(sum uint32) {
	if len(d.told) >= max(d.scope.Limits.Entries, 16) {
		for k, at := range d.told { // each is judged alone
			if d.now.Sub(at) > toldFor {
				delete(d.told, k)
			}
		}
	}
	if len(d.told) >= max(d.scope.Limits.Entries, 16) {
		d.scope.Forgot("scan", "doors that were told of")
		return
	}
	d.told[sum] = d.now
}

func (r *report) key() string {
	p := &r.parts[0]
	if r.how == alone {
		return p.source.String()
	}
	return detect.Seconds(time.Duration(p.first.Time)) + " " + p.main().addr.String()
}
