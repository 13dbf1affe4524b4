package capture

import (
	"io"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/filter"
	"firestorm/internal/packet"
)

// Live watches interfaces. It has no end: Next returns ErrIdle when nothing came for a while.
type Live struct {
	opt    LiveOptions
	legs   []*leg
	leases ringLeases
	ifaces []Interface
	polls  []unix.PollFd
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
	ring   feed            // nil: gone
	link   packet.LinkType // of the ring
	prog   *filter.Program // nil: the kernel filters, or nobody
	source uint16
	since  packet.Time // it shows nothing; 0: it is up
	losses []loss      // counted by the kernel, of a time that packets have not reached
}

// feed is where the packets of a leg come from: the ring of an interface, or a group of the kernel's packet log.
type feed interface {
	ready() bool // a packet is at hand
	time() packet.Time
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
	vantages := map[string]uint16{}
	for _, name := range o.Interfaces {
		l.add(name, uint16(len(vantages)), vantages)
	}
	for _, t := range o.Taps {
		v := uint16(len(vantages))
		for _, name := range t {
			l.add(name, v, vantages)
		}
	}
	for _, g := range l.legs {
		if err := g.open(o.Opener); err != nil {
			_ = l.Close()
			return nil, err
		}
		l.ifaces[g.source].Link = g.link
	}
	return l, nil
}

func (l *Live) add(name string, vantage uint16, seen map[string]uint16) {
	if _, ok := seen[name]; ok {
		return
	}
	seen[name] = vantage
	g := &leg{source: uint16(len(l.legs)), spec: l.opt.spec(name)}
	g.Name = name
	l.legs = append(l.legs, g)
	l.ifaces = append(l.ifaces, Interface{Name: name, Filter: l.opt.Filter, Vantage: vantage})
}

// open makes the leg's ring.
func (g *leg) open(o Opener) error {
	f, err := o.Open(g.spec)
	if err != nil {
		return err
	}
	if _, ok := NFLOGGroup(g.Name); ok {
		g.ring, g.link = readerOfNFLOG(f), packet.LinkNFLOG
		return nil
	}
	hatype, err := hardware(int(f.Fd()))
	if err != nil {
		_ = f.Close()
		return interfaceError(g.Name, err)
	}
	link, _ := linkOf(hatype)
	prog, err := compileFor(g.spec.Filter, link)
	if err != nil {
		_ = f.Close()
		return err
	}
	if kernelRuns(prog) {
		prog = nil
	}
	r, err := mapRing(f, g.spec.Size())
	if err != nil {
		return err
	}
	r.ether = link == packet.LinkEthernet
	if n, err := unix.GetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR); err == nil && n != 0 {
		r.vnet = vnetHeader
	}
	g.ring, g.link, g.prog = r, link, prog
	return nil
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
		if l.take(b, lease); len(b.Packets) > 0 {
			l.at = time.Since(l.begun)
			return nil
		}
		if now = time.Since(l.begun); now >= end {
			b.Release()
			return ErrIdle
		}
		l.wait(end - now)
	}
}

// take moves frames into the batch, in order of time over all interfaces.
func (l *Live) take(b *packet.Batch, lease *ringLease) {
	ps, n, bytes := b.Packets[:packet.BatchSize], 0, 0
	var f ringFrame
	until := l.orderedUntil()
	most := len(ps)
	if l.opt.Count > 0 {
		most = int(min(uint64(most), l.opt.Count-l.total))
	}
	for n < most && bytes < maxBatchBytes {
		g := l.earliest(until)
		if g == nil {
			break
		}
		blk, ok := g.ring.take(&f)
		if !ok {
			continue
		}
		if g.prog != nil && !g.prog.Match(f.data, int(f.wireLen)) {
			g.Filtered++
			continue
		}
		lease.hold(blk)
		g.Packets++
		g.Bytes += uint64(len(f.data))
		g.Last = f.time
		l.last = max(l.last, f.time)
		if f.time < l.last-packet.Time(time.Second) {
			l.last = f.time // the clock was set back
		}
		p := &ps[n]
		p.Data, p.Time, p.Frame, p.Ordinal = f.data, f.time, g.Packets, 0
		p.Source, p.Vantage, p.Link, p.WireLen = g.source, l.ifaces[g.source].Vantage, g.link, f.wireLen
		p.Missing, p.Firewall, p.Offload = 0, packet.FirewallNone, f.offload
		n++
		bytes += len(f.data)
	}
	l.total += uint64(n)
	b.Packets = ps[:n]
}

// orderedUntil is the time up to which no interface without a frame at hand may still bring an earlier one.
func (l *Live) orderedUntil() packet.Time {
	if len(l.legs) == 1 {
		return 1<<63 - 1
	}
	return packet.Time(time.Now().UnixNano()) - packet.Time(hold)
}

// earliest returns the leg whose frame goes first; nil when none may go yet.
func (l *Live) earliest(until packet.Time) *leg {
	if len(l.legs) == 1 {
		if g := l.legs[0]; g.ring != nil && g.ring.ready() {
			return g
		}
		return nil
	}
	var best *leg
	var first packet.Time
	waits := false
	for _, g := range l.legs {
		if g.ring == nil {
			continue
		}
		if !g.ring.ready() {
			waits = true
			continue
		}
		if t := g.ring.time(); best == nil || t < first {
			best, first = g, t
		}
	}
	if best != nil && waits && first > until && first-until < packet.Time(time.Second) {
		return nil
	}
	return best
}

// wait sleeps until a ring has a block, or d is over.
func (l *Live) wait(d time.Duration) {
	l.polls = l.polls[:0]
	for _, g := range l.legs {
		if g.ring != nil && g.Blind == 0 && !g.ring.ready() {
			l.polls = append(l.polls, unix.PollFd{Fd: int32(g.ring.descriptor()), Events: unix.POLLIN})
		}
	}
	if len(l.polls) < len(l.legs) {
		d = min(d, hold/2)
	}
	n, _ := unix.Poll(l.polls, int(d/time.Millisecond)+1)
	if n > 0 && !l.anyReady() {
		time.Sleep(2 * time.Millisecond) // poll also returns while the block read last is still borrowed
	}
	for i := range l.polls {
		if l.polls[i].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			_, _ = unix.GetsockoptInt(int(l.polls[i].Fd), unix.SOL_SOCKET, unix.SO_ERROR) // reading it clears it
			l.looked = 0
		}
	}
}

func (l *Live) anyReady() bool {
	for _, g := range l.legs {
		if g.ring != nil && g.ring.ready() {
			return true
		}
	}
	return false
}

// look finds out which interfaces are up, opens again those that are back, and counts what the kernel dropped.
func (l *Live) look() {
	now := l.now(0)
	for _, g := range l.legs {
		if g.ring == nil {
			if g.open(l.opt.Opener) != nil {
				continue
			}
		}
		g.count(now)
		why := g.ring.state(g.Name)
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
			if why == "gone" && !g.ring.ready() { // what it still holds is read first
				g.ring.close()
				g.ring = nil
			}
		}
	}
}

// count adds what the kernel dropped since it was asked last.
func (g *leg) count(now packet.Time) {
	n := g.ring.drops()
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
		out = append(out, g.Link)
	}
	return out
}

// Rest is Links with what was not read, for the end: the source is read no more.
func (l *Live) Rest() []Link {
	out := l.Links()
	for i, g := range l.legs {
		if g.ring != nil {
			out[i].Unread = g.ring.unread()
		}
	}
	return out
}

// Stats implements Source.
func (l *Live) Stats() Stats {
	s := Stats{LossKnown: true}
	for _, g := range l.legs {
		if g.ring != nil {
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
		if g.ring != nil {
			g.ring.close()
			g.ring = nil
		}
	}
	return nil
}
