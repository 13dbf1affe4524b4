package capture

import (
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/filter"
	"firestorm/internal/packet"
)

// Live watches interfaces. It has no end: Next returns ErrIdle when nothing came for a while.
type Live struct {
	opt    LiveOptions
	legs   []*leg
	lanes  []*lane // of all legs that are there
	leases ringLeases
	ifaces []Interface
	polls  []unix.PollFd
	polled []*lane
	begun  time.Time   // a reading of the clock that is never set
	last   packet.Time // the newest packet handed over, or when the source was opened
	at     time.Duration
	looked time.Duration // when the interfaces were looked at last
	total  uint64        // packets handed over
	closed bool
}

// leg is one interface being watched.
type leg struct {
	Link
	spec   RingSpec
	lanes  []*lane         // none: gone
	link   packet.LinkType // of its rings
	prog   *filter.Program // nil: the kernel filters, or nobody
	source uint16
	since  packet.Time // it shows nothing; 0: it is up
	losses []loss      // counted by the kernel, of a time that packets have not reached
}

// lane is one of the feeds of a leg.
type lane struct {
	feed
	leg *leg
	n   uint8 // of the leg's rings
	has bool  // a frame is at hand, of the time at: merging asks often
	at  packet.Time
}

// look reports whether a frame is at hand.
func (x *lane) look() bool {
	if !x.has && x.ready() {
		x.has, x.at = true, x.time()
	}
	return x.has
}

// feed is where packets of a leg come from: a ring of an interface, or a group of the kernel's packet log.
type feed interface {
	// start begins what can be done beside the reader: take will find it done.
	start()
	ready() bool // a packet is at hand
	time() packet.Time
	// quiet reports that no packet is on its way, but for those of the last moment: who is not ready has nothing for longer.
	quiet() bool
	// take hands out the packet at hand, and whose memory it is; false: it was none, look again.
	take(f *ringFrame) (lender, bool)
	unread() uint64           // packets handed over by the kernel, not taken
	drops() uint64            // lost by the kernel since it was asked last
	state(name string) string // why it shows nothing: "down", "gone"; empty: it is up
	descriptor() int
	close()
}

// lender is memory that batches borrow from.
type lender interface {
	hold()
	drop()
}

// loss is what the kernel dropped until a moment.
type loss struct {
	until packet.Time
	n     uint64
}

const (
	// liveWait is how long Next waits for a packet.
	liveWait = 100 * time.Millisecond
	// hold is how long packets of one interface wait for earlier ones of another: a block that is not full comes late.
	hold = (retireAfter + 30) * time.Millisecond
	// quietHold is how long they wait for a ring that the kernel has put nothing into: a stamp may be so old as the queue
	// between the card and the rings is long.
	quietHold = 10 * time.Millisecond
	// lookEvery is how often interfaces are looked at, and drops are counted.
	lookEvery = 250 * time.Millisecond
	// blindAfter is how long an interface must be down before it counts: the kernel takes up to a second to say that one is up.
	blindAfter = 1500 * time.Millisecond
)

// OpenLive opens a ring for each interface, or a socket for a group of the packet log (NFLOGGroup). All must be there.
func OpenLive(o LiveOptions) (*Live, error) {
	if o.Opener == nil {
		o.Opener = Local{}
	}
	l := &Live{opt: o, begun: time.Now(), last: packet.Time(time.Now().UnixNano())}
	for i, spec := range o.Specs() {
		g := &leg{source: uint16(i), spec: spec}
		g.Name = spec.Interface
		l.legs = append(l.legs, g)
		l.ifaces = append(l.ifaces, Interface{Name: g.Name, Filter: o.Filter, Vantage: spec.Vantage})
	}
	for _, g := range l.legs {
		if err := g.open(o.Opener); err != nil {
			_ = l.Close()
			return nil, err
		}
		l.ifaces[g.source].Link = g.link
	}
	l.gather()
	return l, nil
}

// gather lists the lanes of all legs.
func (l *Live) gather() {
	l.lanes = l.lanes[:0]
	for _, g := range l.legs {
		l.lanes = append(l.lanes, g.lanes...)
	}
}

// open makes the leg's lanes.
func (g *leg) open(o Opener) (err error) {
	files, err := o.Open(g.spec)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files { // that no lane took over
			_ = f.Close()
		}
		if err != nil {
			g.close()
		}
	}()
	if _, ok := NFLOGGroup(g.Name); ok {
		g.link = packet.LinkNFLOG
		g.lane(readerOfNFLOG(files[0]))
		files = files[1:]
		return nil
	}
	hatype, err := hardware(int(files[0].Fd()))
	if err != nil {
		return interfaceError(g.Name, err)
	}
	link, _ := linkOf(hatype)
	prog, err := compileFor(g.spec.Filter, link)
	if err != nil {
		return err
	}
	if kernelRuns(prog) {
		prog = nil
	}
	g.link, g.prog = link, prog
	blocks, size := g.spec.share(len(files))
	for n := len(files); len(files) > 0; {
		f := files[0]
		files = files[1:]
		r, err := mapRing(f, blocks, size)
		if err != nil {
			return err
		}
		r.ether = link == packet.LinkEthernet
		if n, err := unix.GetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR); err == nil && n != 0 {
			r.vnet = vnetHeader
		}
		if n > 1 {
			g.lane(readBeside(r))
		} else {
			g.lane(r)
		}
	}
	return nil
}

// lane makes f the leg's next lane.
func (g *leg) lane(f feed) {
	g.lanes = append(g.lanes, &lane{feed: f, leg: g, n: uint8(len(g.lanes))})
	for len(g.Rings) < len(g.lanes) {
		g.Rings = append(g.Rings, RingState{})
	}
}

// close closes the leg's lanes.
func (g *leg) close() {
	for _, x := range g.lanes {
		x.close()
	}
	g.lanes = nil
}

// ready reports that the leg has a packet at hand.
func (g *leg) ready() bool {
	for _, x := range g.lanes {
		if x.look() {
			return true
		}
	}
	return false
}

// hardware returns the type of the interface that a socket is bound to.
func hardware(fd int) (uint16, error) {
	a, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	ll, ok := a.(*unix.SockaddrLinklayer)
	if !ok || ll.Ifindex <= 0 {
		return 0, ErrNoInterface
	}
	return ll.Hatype, nil
}

// Next implements Source. It waits at most liveWait.
func (l *Live) Next(b *packet.Batch) error {
	if l.closed || l.opt.Count > 0 && l.total >= l.opt.Count {
		return io.EOF
	}
	now := time.Since(l.begun)
	if now-l.looked >= lookEvery {
		l.looked = now
		l.look()
	}
	room(b)
	lease := l.leases.get()
	b.OnRelease(lease.end)
	for end := now + liveWait; ; {
		patience := l.take(b, lease)
		if len(b.Packets) > 0 {
			l.at = time.Since(l.begun)
			return nil
		}
		if now = time.Since(l.begun); now >= end {
			b.Release()
			return ErrIdle
		}
		l.wait(min(end-now, patience))
	}
}

// take moves frames into the batch, in order of time over all rings of all interfaces: the sensor gets one sequence, as
// from a file, so that what it finds does not depend on how many rings there are, and copies, fragments and the clock are
// judged in one place. That costs what the merge costs; finding the frames is done beside it (beside). Where nothing may
// go yet it returns how long the first frame has to wait.
func (l *Live) take(b *packet.Batch, lease *ringLease) time.Duration {
	ps, n, bytes := b.Packets[:packet.BatchSize], 0, 0
	var f ringFrame
	now := packet.Time(0)
	if len(l.lanes) > 1 {
		now = packet.Time(time.Now().UnixNano())
		for _, x := range l.lanes {
			x.start()
		}
	}
	patience := liveWait
	most := len(ps)
	if l.opt.Count > 0 {
		most = int(min(uint64(most), l.opt.Count-l.total))
	}
	for n < most && bytes < maxBatchBytes {
		x, until, wait := l.earliest(now)
		if x == nil {
			patience = wait
			break
		}
		g := x.leg
		for n < most && bytes < maxBatchBytes && x.look() && x.at <= until {
			x.has = false
			blk, ok := x.take(&f)
			if !ok {
				continue
			}
			if g.prog != nil && !g.prog.Match(f.data, int(f.wireLen)) {
				g.Filtered++
				continue
			}
			lease.hold(blk)
			g.Packets++
			g.Rings[x.n].Packets++
			g.Bytes += uint64(len(f.data))
			g.Last = f.time
			l.last = max(l.last, f.time)
			if f.time < l.last-packet.Time(time.Second) {
				l.last = f.time // the clock was set back
			}
			p := &ps[n]
			p.Data, p.Time, p.Frame, p.Ordinal = f.data, f.time, g.Packets, 0
			p.Source, p.Vantage, p.Link, p.Ring, p.WireLen = g.source, g.spec.Vantage, g.link, x.n, f.wireLen
			p.Missing, p.Firewall, p.Offload = 0, packet.FirewallNone, f.offload
			n++
			bytes += len(f.data)
		}
	}
	l.total += uint64(n)
	b.Packets = ps[:n]
	return patience
}

const noLimit = packet.Time(1<<63 - 1)

// earliest returns the lane whose frame goes first, and up to which time its frames do; now is from before the lanes were
// looked at. Where none may go yet, since an earlier one may still come from a ring that has none at hand, it returns how
// long that may take: a ring that is not quiet hands its block over when the kernel's time for it is up. What is ahead of
// now by more than a second is so because the clock was set, and does not wait.
func (l *Live) earliest(now packet.Time) (best *lane, until packet.Time, wait time.Duration) {
	if len(l.lanes) == 1 {
		if x := l.lanes[0]; x.look() {
			return x, noLimit, 0
		}
		return nil, 0, liveWait
	}
	var first packet.Time
	until = noLimit
	held := noLimit // frames after that wait
	for _, x := range l.lanes {
		if !x.look() {
			bound := now - packet.Time(hold)
			if x.quiet() {
				bound = now - packet.Time(quietHold)
			}
			held = min(held, bound)
			continue
		}
		switch t := x.at; {
		case best == nil:
			best, first = x, t
		case t < first:
			best, first, until = x, t, first-1 // of the same time the lane before goes first
		default:
			until = min(until, t)
		}
	}
	switch {
	case best == nil:
		return nil, 0, liveWait
	case held == noLimit:
	case first <= held:
		until = min(until, held)
	case first-held < packet.Time(time.Second):
		return nil, 0, time.Duration(first - held)
	default:
		until = min(until, first)
	}
	return best, until, 0
}

// wait sleeps until a ring has a block, or d is over.
func (l *Live) wait(d time.Duration) {
	l.polls, l.polled = l.polls[:0], l.polled[:0]
	for _, x := range l.lanes {
		if x.leg.Blind == 0 && !x.look() {
			l.polls = append(l.polls, unix.PollFd{Fd: int32(x.descriptor()), Events: unix.POLLIN})
			l.polled = append(l.polled, x)
		}
	}
	n, _ := unix.Poll(l.polls, int(d/time.Millisecond)+1)
	if n > 0 && !slices.ContainsFunc(l.polled, func(x *lane) bool { return x.look() }) {
		time.Sleep(min(d, 2*time.Millisecond)) // poll also returns while the block read last is still borrowed
	}
	for i := range l.polls {
		if l.polls[i].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			_, _ = unix.GetsockoptInt(int(l.polls[i].Fd), unix.SOL_SOCKET, unix.SO_ERROR) // reading it clears it
			l.looked = 0
		}
	}
}

// look finds out which interfaces are up, opens again those that are back, and counts what the kernel dropped.
func (l *Live) look() {
	now := l.now(0)
	for _, g := range l.legs {
		if len(g.lanes) == 0 {
			if g.open(l.opt.Opener) != nil {
				continue
			}
			l.gather()
		}
		g.count(now)
		why := g.lanes[0].state(g.Name)
		if why == "" {
			if g.Blind != 0 {
				g.Times++
			}
			g.Blind, g.Why, g.since = 0, "", 0
			continue
		}
		if g.since == 0 {
			g.since = now
		}
		if why == "gone" || now.Sub(g.since) >= blindAfter || now < g.since {
			g.Blind, g.Why = g.since, why
			if why == "gone" && !g.ready() { // what they still hold is read first
				g.close()
				l.gather()
			}
		}
	}
}

// count adds what the kernel dropped since it was asked last.
func (g *leg) count(now packet.Time) {
	n := uint64(0)
	for _, x := range g.lanes {
		k := x.drops()
		g.Rings[x.n].Lost += k
		n += k
	}
	if n == 0 {
		return
	}
	g.Lost += n
	if k := len(g.losses); k > 0 && k >= maxLosses {
		g.losses[k-1].until, n = now, n+g.losses[k-1].n
		g.losses[k-1].n = n
		return
	}
	g.losses = append(g.losses, loss{now, n})
}

// maxLosses bounds the losses that wait for their time: a ring holds seconds, not minutes.
const maxLosses = 256

// now is the time of the newest packet and what has passed since, less by.
func (l *Live) now(by time.Duration) packet.Time {
	return l.last.Add(max(time.Since(l.begun)-l.at-by, 0))
}

// Now implements Clock. It goes by a clock that nobody sets: only packets can bring a leap of time.
func (l *Live) Now() packet.Time { return l.now(hold) }

// Lost implements Loser.
func (l *Live) Lost(source uint16, until packet.Time) (n uint64) {
	g := l.legs[source]
	k := 0
	for k < len(g.losses) && g.losses[k].until <= until {
		n += g.losses[k].n
		k++
	}
	g.losses = g.losses[:copy(g.losses, g.losses[k:])]
	return n
}

// Links implements Links.
func (l *Live) Links() []Link {
	var out []Link
	for _, g := range l.legs {
		k := g.Link
		k.Rings = slices.Clone(k.Rings) // the counters go on
		out = append(out, k)
	}
	return out
}

// Rings implements Ringed.
func (l *Live) Rings(source uint16) int { return max(len(l.legs[source].lanes), 1) }

// Rest is Links with what was not read, for the end: the source is read no more.
func (l *Live) Rest() []Link {
	out := l.Links()
	for i, g := range l.legs {
		for _, x := range g.lanes {
			out[i].Unread += x.unread()
		}
	}
	return out
}

// Stats implements Source.
func (l *Live) Stats() Stats {
	s := Stats{LossKnown: true}
	for _, g := range l.legs {
		if len(g.lanes) > 0 {
			g.count(l.now(0))
		}
		s.Received += g.Packets
		s.Bytes += g.Bytes
		s.KernelLost += g.Lost
		s.Filtered += g.Filtered
	}
	s.InputBytes = int64(s.Bytes)
	return s
}

// Interfaces implements Lister.
func (l *Live) Interfaces() []Interface { return l.ifaces }

// Close implements Source. Batches not yet released stay good.
func (l *Live) Close() error {
	l.closed = true
	for _, g := range l.legs {
		g.close()
	}
	l.lanes = nil
	return nil
}
