package scan

import (
	"bufio"
	"io"
	"sort"

	"firestorm/internal/packet"
)

// memoryVersion is the first number of what Save writes.
const memoryVersion = 1

// Save writes what the detector remembers: who tried which doors, who uses which, and the day's noise. It is part of
// detect.Keeper.
func (d *detector) Save(w io.Writer) error {
	b := bufio.NewWriter(w)
	c := &codec{w: b}
	d.code(c)
	if c.err != nil {
		return c.err
	}
	return b.Flush()
}

// Load takes what Save wrote. After an error the detector is as new.
func (d *detector) Load(r io.Reader) error {
	c := &codec{r: bufio.NewReader(r)}
	d.reset()
	d.code(c)
	if c.err != nil {
		d.reset()
	}
	return c.err
}

func (d *detector) code(c *codec) {
	v := uint8(memoryVersion)
	number(c, &v)
	if c.err == nil && v != memoryVersion {
		c.err = errMemory
		return
	}
	number(c, &d.now)
	number(c, &d.swept)
	number(c, &d.evicted)
	d.codeSources(c)
	d.codeUses(c)
	d.codeDoors(c)
	c.set(&d.strangers)
	c.set(&d.searchers)
	number(c, &d.common.total)
	for i := range d.common.doors {
		number(c, &d.common.doors[i].sum)
		number(c, &d.common.doors[i].n)
	}
	d.day.code(c)
}

// codeSources codes the sources, the one that rested longest first.
func (d *detector) codeSources(c *codec) {
	n := c.length(d.sources.count(), d.room/sourceBytes+1)
	if c.w != nil {
		for s := d.oldest; s != nil; s = s.newer {
			s.srcKey.code(c)
			s.code(c)
		}
		return
	}
	for range n {
		var k srcKey
		if k.code(c); c.err != nil {
			return
		}
		hash := d.sources.hash(&k)
		if d.sources.at(&k, hash) != nil {
			c.err = errMemory
			return
		}
		s := d.sources.add(&k, hash)
		if s.code(c); c.err != nil {
			return
		}
		d.bytes += s.bytes()
		d.append(s)
		if s.bout != nil {
			s.listed = true
			d.working = append(d.working, s)
		}
	}
}

func (k *srcKey) code(c *codec) {
	number(c, &k.vantage)
	c.addr(&k.addr)
	c.flag(&k.net)
}

// code codes what is known of a source.
func (s *source) code(c *codec) {
	c.set(&s.members)
	c.flag(&s.single)
	c.ref(&s.first)
	c.ref(&s.last)
	c.set(&s.doors)
	c.set(&s.hosts)
	c.flag(&s.talked)
	c.addr(&s.ftp)
	for i := range s.walks {
		for k := range s.walks[i].steps {
			x := &s.walks[i].steps[k]
			number(c, &x.print)
			c.flag(&x.used)
			number(c, &x.score)
			number(c, &x.fails)
			number(c, &x.answered)
		}
	}
	var early [mostEarly]opening
	copy(early[:], s.lately())
	for i := range early {
		early[i].code(c)
	}
	number(c, &s.earlyN)
	s.earlyN = max(s.earlyN, 0)
	if c.w == nil && s.earlyN > 0 {
		s.early = early[:]
	}
	has := s.bout != nil
	c.flag(&has)
	if has && c.err == nil {
		if s.bout == nil {
			s.bout = &bout{}
		}
		s.bout.code(c)
	}
}

func (o *opening) code(c *codec) {
	c.door(&o.door)
	c.ref(&o.ask)
	c.ref(&o.ref)
}

func (b *bout) code(c *codec) {
	c.ref(&b.first)
	c.ref(&b.last)
	c.ref(&b.end)
	for _, p := range []*int{&b.fails, &b.opens, &b.hostFails, &b.hostOpens, &b.refused, &b.silent, &b.again, &b.bare, &b.nmap, &b.half, &b.whole} {
		number(c, p)
	}
	c.set(&b.ports)
	c.set(&b.failed)
	b.window.code(c)
	for i := range b.targets {
		t := &b.targets[i]
		c.addr(&t.addr)
		number(c, &t.fails)
		t.window.code(c)
		number(c, &t.low)
		number(c, &t.opens)
	}
	for i := range b.how {
		number(c, &b.how[i])
	}
	n := c.length(len(b.opened), mostOpened+mostEarly)
	if c.w == nil && c.err == nil {
		b.opened = make([]opening, n)
	}
	for i := range b.opened {
		b.opened[i].code(c)
	}
	c.refs(b.asks[:])
	number(c, &b.print)
	c.flag(&b.alike)
	c.flag(&b.more)
	c.door(&b.used.door)
	c.ref(&b.used.start)
	c.ref(&b.used.last)
	number(c, &b.used.bytes)
	number(c, &b.used.turns)
}

func (w *window) code(c *codec) {
	number(c, &w.from)
	number(c, &w.n)
	number(c, &w.peak)
}

// codeUses codes who uses which door, in the order they were learned.
func (d *detector) codeUses(c *codec) {
	u := &d.uses
	n := c.length(len(u.ring), u.max)
	number(c, &u.next)
	c.flag(&u.lost)
	if c.w == nil && c.err == nil {
		if u.next < 0 || u.next >= max(n, 1) {
			c.err = errMemory
			return
		}
		u.ring = make([]usedDoor, n)
	}
	for i := range u.ring {
		r := &u.ring[i]
		c.door(&r.door)
		if c.w == nil && c.err == nil {
			hash := u.hash(&r.door)
			if u.at(&r.door, hash) != nil {
				c.err = errMemory
				return
			}
			u.index.Put(hash, i)
		}
		number(c, &r.last)
		for k := range r.clients {
			number(c, &r.clients[k])
		}
	}
}

// codeDoors codes doors that failed for ordinary clients, and those whose discovery was told.
func (d *detector) codeDoors(c *codec) {
	most := max(d.scope.Limits.Entries, 16)
	for _, sum := range keys(c, d.down, most) {
		x := d.down[sum]
		if x == nil {
			x = &broken{}
			d.down[sum] = x
		}
		for k := range x.clients {
			number(c, &x.clients[k])
		}
	}
	for _, sum := range keys(c, d.told, most) {
		at := d.told[sum]
		number(c, &at)
		d.told[sum] = at
	}
}

// keys codes the keys of a table in order.
func keys[V any](c *codec, m map[uint32]V, most int) []uint32 {
	ks := make([]uint32, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	sort.Slice(ks, func(i, j int) bool { return ks[i] < ks[j] })
	if n := c.length(len(ks), most); c.w == nil {
		ks = make([]uint32, n)
	}
	for i := range ks {
		number(c, &ks[i])
	}
	if c.err != nil {
		return nil
	}
	return ks
}

func (y *day) code(c *codec) {
	c.ref(&y.begin)
	c.ref(&y.last)
	number(c, &y.searches)
	number(c, &y.knocks)
	number(c, &y.opened)
	number(c, &y.answers)
	c.set(&y.victims)
	c.refs(y.asks[:])
	c.refs(y.replies[:])
	number(c, &y.vantage)
	for i := range y.ports {
		number(c, &y.ports[i].port)
		number(c, &y.ports[i].proto)
		number(c, &y.ports[i].n)
	}
}

// reset empties the detector.
func (d *detector) reset() {
	n := max(d.scope.Limits.Entries, 16)
	*d = detector{scope: d.scope, sources: newSources(), room: n * 768, down: map[uint32]*broken{}, told: map[uint32]packet.Time{}, uses: newUses(n)}
	d.strangers.most, d.searchers.most, d.day.victims.most = n*16, n*16, n
}
