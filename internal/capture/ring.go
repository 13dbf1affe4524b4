package capture

import (
	"errors"
	"fmt"
	"os"

	"firestorm/internal/packet"
)

// RingSpec says what a ring is to see. It is plain data: a privileged process may be asked for it by another one.
type RingSpec struct {
	Interface string
	// Filter is a capture filter in libpcap's language; empty keeps all. What the kernel cannot run is left to the
	// reader of the ring.
	Filter string
	// Blocks of RingBlock bytes each make its rings, together. 0: DefaultRing.
	Blocks int
	// NoPromiscuous leaves the card's own filter on: only frames to this machine.
	NoPromiscuous bool
	// Rings share the packets of the interface, by pairs of hosts, and the memory. 0: one.
	Rings int
	// Vantage is that of the interface: to which shard a pair belongs depends on it.
	Vantage uint16
}

const (
	// RingBlock is the size of a block of a ring, bytes: the unit that the kernel hands over.
	RingBlock = 1 << 20
	// DefaultRing is the size of a ring when nobody asks for another: a third of a second at 300 000 packets of 600 bytes.
	DefaultRing = 64 << 20
	// MaxRings is how many rings an interface may have: more than shards are of no use.
	MaxRings = packet.Shards
	// smallBlock is the least size of a block where rings share the memory. The largest packet that the kernel joins by
	// default, 64 KiB, fits.
	smallBlock = 256 << 10
)

// Size is the length of all rings of the interface together, bytes.
func (s *RingSpec) Size() int {
	if s.Blocks <= 0 {
		return DefaultRing
	}
	return s.Blocks * RingBlock
}

// rings is how many rings are asked for: each has 1 MiB at least.
func (s *RingSpec) rings() int { return max(min(s.Rings, MaxRings, s.Size()/RingBlock), 1) }

// share is what each of n rings has: blocks of size bytes. Blocks become smaller before they become fewer: on a quiet wire the
// kernel hands each over when its time is up, however empty, and their number is how long nobody may read.
func (s *RingSpec) share(n int) (blocks, size int) {
	size = RingBlock
	for k := 1; k < n && size > smallBlock; k *= 2 {
		size /= 2
	}
	return s.Size() / n / size, size
}

// Opener opens the sockets that live capture reads. It is asked again when an interface came back under its name. What
// is behind it may be another process that has the capability: the file is all that capture needs.
type Opener interface {
	// Open returns bound AF_PACKET sockets with TPACKET_V3 receive rings of s.Size() bytes together, all in one fanout
	// group that goes by pairs of hosts: s.Rings of them, or fewer where the kernel or the interface cannot have so many.
	// Where s.Interface is a group of the packet log (NFLOGGroup), it is one netlink socket that is bound to it. The caller
	// closes them. Errors are ErrNoInterface, ErrNotPermitted, ErrNotAdmin, or what the kernel said.
	Open(s RingSpec) ([]*os.File, error)
}

// Errors of Openers.
var (
	ErrNoInterface  = errors.New("no such interface")
	ErrNotPermitted = errors.New("not allowed to capture")
	ErrNotAdmin     = errors.New("not allowed to read what netfilter tells")
)

// LiveOptions say what OpenLive watches.
type LiveOptions struct {
	Interfaces []string // or "nflog:GROUP"
	// Taps are groups of interfaces that together see one wire: each is one vantage.
	Taps          [][]string
	Filter        string // see RingSpec
	RingBytes     int    // of each interface, all its rings together; 0: DefaultRing
	Rings         int    // of each interface; 0: one
	NoPromiscuous bool
	Count         uint64 // end after so many packets; 0: never
	Opener        Opener // nil: this process opens its sockets itself
}

// Specs are the rings that OpenLive asks its Opener for, each interface once.
func (o *LiveOptions) Specs() (out []RingSpec) {
	seen := map[string]bool{}
	add := func(name string, vantage int) {
		if seen[name] {
			return
		}
		seen[name] = true
		out = append(out, RingSpec{Interface: name, Filter: o.Filter, Blocks: o.RingBytes / RingBlock, NoPromiscuous: o.NoPromiscuous, Rings: o.Rings, Vantage: uint16(vantage)})
	}
	for _, name := range o.Interfaces {
		add(name, len(seen))
	}
	v := len(seen)
	for i, t := range o.Taps {
		for _, name := range t {
			add(name, v+i)
		}
	}
	return out
}

// Link is the state of one interface of a live source.
type Link struct {
	Name     string
	Packets  uint64 // handed over
	Bytes    uint64
	Lost     uint64      // dropped by the kernel because the ring was full
	Filtered uint64      // turned away by the filter here; the kernel does not count what it turns away
	Last     packet.Time // of the newest packet; 0: none yet
	// Blind is since when the interface shows nothing because it is down or gone; 0: it is up.
	Blind packet.Time
	Why   string // it is blind: "down", "gone"
	Times int    // it came back
	// Rings are those of the interface, which share its packets; Packets and Lost are their sums.
	Rings []RingState
	// Unread are packets that stand in the ring and were not handed over yet. It is not counted while the source is read.
	Unread uint64
}

// RingState is what one of the rings of an interface did.
type RingState struct {
	Packets uint64 // that came through it
	Lost    uint64 // dropped by the kernel because it was full
}

// Ringed is a source whose packets come through several rings, as Packet.Ring says.
type Ringed interface {
	// Rings is how many rings an interface has now, 1 at least. Packets of the shard n are meant for the ring n modulo that.
	Rings(source uint16) int
}

// Clock is a source that knows how late it is though no packet says so: every packet before Now was handed over.
type Clock interface{ Now() packet.Time }

// Now asks src how late it is; 0 when only its packets tell.
func Now(src Source) packet.Time {
	if c, ok := src.(Clock); ok {
		return c.Now()
	}
	return 0
}

// Loser is a source that knows when it lost frames.
type Loser interface {
	// Lost returns how many frames of an interface were lost up to a time, of those that it has not returned yet.
	Lost(source uint16, until packet.Time) uint64
}

// Links is a source that watches interfaces.
type Links interface{ Links() []Link }

// LinksOf returns the state of the interfaces of src, none for files. The slice is the caller's.
func LinksOf(src Source) []Link {
	if l, ok := src.(Links); ok {
		return l.Links()
	}
	return nil
}

// interfaceError says which interface err is about.
func interfaceError(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }
