package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"firestorm/internal/packet"
)

// ring is the memory that the kernel writes frames to (Documentation/networking/packet_mmap.rst). It is read in blocks,
// which go back to the kernel when nobody borrows from them any more.
type ring struct {
	file   *os.File
	fd     int
	ether  bool   // frames begin with an Ethernet header
	vnet   uint32 // bytes of the header that says what was joined, before each frame; 0: none
	mem    []byte
	blocks []ringBlock
	next   int        // the block that the kernel fills or has filled next
	cur    *ringBlock // being read; nil: none
	off    uint32     // in cur, of the next frame
	left   uint32     // frames in cur
	users  atomic.Int32
}

// ringBlock is a block and how many borrow from it: the reader, and each batch with frames in it.
type ringBlock struct {
	ring *ring
	mem  []byte
	refs atomic.Int32
	out  atomic.Bool // from when it is taken until it is the kernel's again: in between, its status is old
}

// Offsets in a block's header (struct tpacket_block_desc, tpacket_hdr_v1).
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
	blockHeader  = 48
)

// Offsets in a frame's header (struct tpacket3_hdr and, behind it, sockaddr_ll).
const (
	frameNext    = 0
	frameSec     = 4
	frameNsec    = 8
	frameSnap    = 12
	frameLen     = 16
	frameStatus  = 20
	frameMac     = 24
	frameNet     = 26
	frameVLAN    = 32
	frameTPID    = 36
	frameAddr    = 48
	addrProtocol = frameAddr + 2
	frameHeader  = frameAddr + 20
)

// mapRing maps the ring of so many blocks of size bytes that the socket f has. It takes f over; on failure f is closed.
func mapRing(f *os.File, blocks, size int) (*ring, error) {
	r := &ring{file: f, fd: int(f.Fd())}
	mem, err := unix.Mmap(r.fd, 0, blocks*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: its ring cannot be mapped: %w", f.Name(), err)
	}
	r.mem, r.blocks = mem, make([]ringBlock, blocks)
	for i := range r.blocks {
		r.blocks[i].ring, r.blocks[i].mem = r, mem[i*size:(i+1)*size:(i+1)*size]
	}
	r.users.Store(1)
	return r, nil
}

func (b *ringBlock) status() *uint32 { return (*uint32)(unsafe.Pointer(&b.mem[blockStatus])) }

// hold begins one borrow.
func (b *ringBlock) hold() { b.refs.Add(1) }

// drop ends one borrow; the last one gives the block back to the kernel.
func (b *ringBlock) drop() {
	if b.refs.Add(-1) == 0 {
		atomic.StoreUint32(b.status(), unix.TP_STATUS_KERNEL)
		b.out.Store(false)
		b.ring.leave()
	}
}

// leave ends one use of the memory; the last one unmaps it.
func (r *ring) leave() {
	if r.users.Add(-1) == 0 {
		_ = unix.Munmap(r.mem)
		_ = r.file.Close()
	}
}

// close ends reading. What batches still borrow stays until they are released.
func (r *ring) close() {
	if r.cur != nil {
		r.cur.drop()
		r.cur = nil
	}
	r.leave()
}

// start implements feed: this ring is read where its frames are wanted.
func (r *ring) start() {}

// ready reports whether a frame is at hand, and makes it so when the kernel has handed over another block.
func (r *ring) ready() bool {
	for r.left == 0 {
		if r.cur != nil {
			r.cur.drop()
			r.cur = nil
		}
		b := r.block()
		if b == nil {
			return false
		}
		r.cur, r.left, r.off = b, b.packets(), binary.NativeEndian.Uint32(b.mem[blockFirst:])
	}
	return true
}

// block takes the next block that the kernel has handed over, which the caller drops; nil: none yet.
func (r *ring) block() *ringBlock {
	b := &r.blocks[r.next]
	if b.out.Load() || atomic.LoadUint32(b.status())&unix.TP_STATUS_USER == 0 {
		return nil
	}
	b.out.Store(true)
	b.refs.Store(1)
	r.users.Add(1)
	r.next = (r.next + 1) % len(r.blocks)
	return b
}

// packets is how many packets the kernel put into the block.
func (b *ringBlock) packets() uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&b.mem[blockPackets])))
}

// quiet implements feed: the kernel counts a packet in its block before it stamps it.
func (r *ring) quiet() bool {
	b := &r.blocks[r.next]
	return !b.out.Load() && atomic.LoadUint32(b.status())&unix.TP_STATUS_USER == 0 && b.packets() == 0
}

// unread counts the frames that the kernel has handed over and nobody took.
func (r *ring) unread() uint64 {
	n := uint64(r.left)
	for i := range r.blocks {
		if b := &r.blocks[i]; !b.out.Load() && atomic.LoadUint32(b.status())&unix.TP_STATUS_USER != 0 {
			n += uint64(b.packets())
		}
	}
	return n
}

// time is that of the frame at hand.
func (r *ring) time() packet.Time {
	h, ok := frameAt(r.cur.mem, r.off)
	if !ok {
		return 0
	}
	return packet.Time(binary.NativeEndian.Uint32(h[frameSec:]))*1e9 + packet.Time(binary.NativeEndian.Uint32(h[frameNsec:]))
}

// take hands out the frame at hand and goes on to the next. False: the frame's header is nonsense, and the rest of the
// block with it.
func (r *ring) take(f *ringFrame) (lender, bool) {
	next, ok := readFrame(r.cur.mem, r.off, r.ether, r.vnet, f)
	if !ok {
		r.left = 0
		return nil, false
	}
	r.left--
	r.off += next
	return r.cur, true
}

// drops implements feed: reading sets the kernel's counter to zero.
func (r *ring) drops() uint64 {
	st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(st.Drops)
}

// state implements feed.
func (r *ring) state(name string) string {
	if _, err := hardware(r.fd); err != nil {
		return "gone"
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(r.fd, unix.SIOCGIFFLAGS, ifr)
	}
	if err != nil {
		return "gone"
	}
	if f := ifr.Uint16(); f&unix.IFF_UP == 0 || f&unix.IFF_RUNNING == 0 {
		return "down"
	}
	return ""
}

// descriptor implements feed.
func (r *ring) descriptor() int { return r.fd }

// ringFrame is a frame of a ring.
type ringFrame struct {
	data     []byte // borrowed from the block
	time     packet.Time
	wireLen  uint32
	protocol uint16 // EtherType, as the kernel understood it
	offload  packet.Offload
}

// frameAt returns the block's bytes from a frame's header on.
func frameAt(mem []byte, off uint32) ([]byte, bool) {
	if uint64(off)+frameHeader > uint64(len(mem)) {
		return nil, false
	}
	return mem[off:], true
}

// readFrame reads the frame whose header stands at off, and returns how far the next one is. Where the kernel took a VLAN
// tag off, it is put back: the room before the frame takes it. The kernel's numbers are checked all the same.
func readFrame(mem []byte, off uint32, ether bool, vnet uint32, f *ringFrame) (next uint32, ok bool) {
	h, ok := frameAt(mem, off)
	if !ok {
		return 0, false
	}
	e := binary.NativeEndian
	mac, snap := uint32(e.Uint16(h[frameMac:])), e.Uint32(h[frameSnap:])
	if uint64(mac)+uint64(snap) > uint64(len(h)) {
		return 0, false
	}
	f.data = h[mac : mac+snap : mac+snap]
	f.time = packet.Time(e.Uint32(h[frameSec:]))*1e9 + packet.Time(e.Uint32(h[frameNsec:]))
	f.wireLen = e.Uint32(h[frameLen:])
	f.protocol = binary.BigEndian.Uint16(h[addrProtocol:])
	st := e.Uint32(h[frameStatus:])
	f.offload = packet.Offload{PartialSum: st&unix.TP_STATUS_CSUMNOTREADY != 0}
	if vnet != 0 && mac >= frameHeader+vnet {
		readOffload(&f.offload, h[mac-vnet:mac])
	}
	if ether && st&unix.TP_STATUS_VLAN_VALID != 0 && snap >= 12 && mac >= frameHeader+4 {
		tpid := uint16(packet.EtherVLAN)
		if st&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = e.Uint16(h[frameTPID:])
		}
		f.data = h[mac-4 : mac+snap : mac+snap]
		copy(f.data[:12], f.data[4:16])
		binary.BigEndian.PutUint16(f.data[12:], tpid)
		binary.BigEndian.PutUint16(f.data[14:], uint16(e.Uint32(h[frameVLAN:])))
		f.wireLen += 4
	}
	return e.Uint32(h[frameNext:]), true
}

// vnetHeader is the length of struct virtio_net_hdr as PACKET_VNET_HDR puts it before each frame.
const vnetHeader = 10

// readOffload reads a struct virtio_net_hdr (Virtual I/O Device 1.2, 5.1.6), in the machine's byte order.
func readOffload(o *packet.Offload, h []byte) {
	const needsSum, kinds = 1, 0x7f
	o.PartialSum = o.PartialSum || h[0]&needsSum != 0
	if h[1]&kinds != 0 {
		o.Segment = binary.NativeEndian.Uint16(h[4:])
	}
}

// ringLeases hands out what batches borrow with, and takes it back; any goroutine may release.
type ringLeases struct {
	mu   sync.Mutex
	free []*ringLease
}

type ringLease struct {
	blocks []lender
	end    func(*packet.Batch)
}

func (ls *ringLeases) get() *ringLease {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if n := len(ls.free); n > 0 {
		l := ls.free[n-1]
		ls.free = ls.free[:n-1]
		return l
	}
	l := &ringLease{}
	l.end = func(b *packet.Batch) {
		b.OnRelease(nil)
		for i, blk := range l.blocks {
			blk.drop()
			l.blocks[i] = nil
		}
		l.blocks = l.blocks[:0]
		ls.mu.Lock()
		if len(ls.free) < maxFreeLeases {
			ls.free = append(ls.free, l)
		}
		ls.mu.Unlock()
	}
	return l
}

// hold makes the batch borrow from blk.
func (l *ringLease) hold(blk lender) {
	for i := len(l.blocks) - 1; i >= 0; i-- {
		if l.blocks[i] == blk {
			return
		}
	}
	blk.hold()
	l.blocks = append(l.blocks, blk)
}
