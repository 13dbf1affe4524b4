package capture

import (
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/packet"
)

// nflog reads a group of the kernel's packet log (linux/netfilter/nfnetlink_log.h): packets that a rule of the firewall
// copied there, with the words of the rule beside them.
type nflog struct {
	file    *os.File
	fd      int
	blocks  []*logBlock
	cur     *logBlock // packets are read into it
	at      *logBlock // that the packets at hand lie in
	held    []nflogFrame
	next    int    // in held, of the packet at hand
	seq     uint32 // of the next packet
	begun   bool
	overrun bool   // the kernel had no room, and no packet came since: how many it lost is not known yet
	guessed bool   // that was counted as one packet meanwhile
	lost    uint64 // counted, and not asked for yet
}

const (
	// logBlockSize is how much is read at most before a block goes out with a batch; a packet with its words fits twice.
	logBlockSize = 256 << 10
	// logLargest is the longest message: attributes have lengths of 16 bits, and there are some 300 bytes of small ones.
	logLargest = 68 << 10
	// logBlocks bounds what batches borrow: beyond that packets wait in the kernel.
	logBlocks = 32
)

// logBlock is memory that batches borrow from.
type logBlock struct {
	mem  []byte
	used int
	refs atomic.Int32 // batches and the reader
}

func (b *logBlock) hold() { b.refs.Add(1) }
func (b *logBlock) drop() { b.refs.Add(-1) }

// openNFLOG makes the socket for a group: what Local.Open returns for a name such as "nflog:5".
func openNFLOG(s *RingSpec, group uint16) (*os.File, error) {
	if s.Filter != "" {
		return nil, interfaceError(s.Interface, errors.New("a group of the packet log takes no capture filter: what it shows is chosen by the firewall's rule"))
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, interfaceError(s.Interface, err)
	}
	f := os.NewFile(uintptr(fd), s.Interface)
	if err := bindNFLOG(fd, s, group); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return nil, interfaceError(s.Interface, ErrNotAdmin)
		}
		if errors.Is(err, unix.EBUSY) {
			err = errors.New("another program reads this group of the packet log; a rule may log to a second one")
		}
		return nil, interfaceError(s.Interface, err)
	}
	return f, nil
}

// bindNFLOG asks for the packets of a group: whole, numbered, each at once.
func bindNFLOG(fd int, s *RingSpec, group uint16) error {
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	room := s.Size()
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	const ( // linux/netfilter/nfnetlink_log.h
		config    = 4<<8 | 1
		cfgCmd    = 1
		cfgMode   = 2
		cfgThresh = 5
		cfgFlags  = 6
		cmdBind   = 1
		copyAll   = 2
		flagSeq   = 1
	)
	mode := append(binary.BigEndian.AppendUint32(nil, 0xffff), copyAll, 0)
	for i, a := range [][]byte{
		nlAttr(cfgCmd, []byte{cmdBind}),
		nlAttr(cfgMode, mode),
		nlAttr(cfgThresh, binary.BigEndian.AppendUint32(nil, 1)),
		nlAttr(cfgFlags, binary.BigEndian.AppendUint16(nil, flagSeq)),
	} {
		if err := nlAsk(fd, config, uint32(i+1), group, a); err != nil {
			return err
		}
	}
	return nil
}

// nlAttr is an attribute of netlink with its padding.
func nlAttr(typ uint16, v []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, v...)
	return append(b, make([]byte, -len(v)&3)...)
}

// nlAsk sends a request to netfilter and waits for its answer, which packets of the group may precede: they are lost, from
// before anybody was ready to read.
func nlAsk(fd int, typ uint16, seq uint32, group uint16, attr []byte) error {
	const request, ack = 1, 4
	b := binary.NativeEndian.AppendUint32(nil, uint32(nlHeader+nfHeader+len(attr)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, request|ack)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, unix.AF_UNSPEC, 0)
	b = binary.BigEndian.AppendUint16(b, group)
	b = append(b, attr...)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	in := make([]byte, logLargest)
	for range 1 << 16 {
		n, _, err := unix.Recvfrom(fd, in, 0)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS) {
			continue
		}
		if err != nil {
			return err
		}
		if n < nlHeader+4 || binary.NativeEndian.Uint16(in[4:]) != nlError || binary.NativeEndian.Uint32(in[8:]) != seq {
			continue
		}
		if e := int32(binary.NativeEndian.Uint32(in[nlHeader:])); e != 0 {
			return unix.Errno(-e)
		}
		return nil
	}
	return errors.New("the kernel did not answer")
}

func readerOfNFLOG(f *os.File) *nflog {
	return &nflog{file: f, fd: int(f.Fd())}
}

// start implements feed.
func (n *nflog) start() {}

// ready implements feed: it reads what the kernel has when nothing is at hand.
func (n *nflog) ready() bool {
	if n.next < len(n.held) {
		return true
	}
	n.held, n.next = n.held[:0], 0
	if n.at != nil {
		n.at.drop()
		n.at = nil
	}
	b := n.room()
	if b == nil {
		return false
	}
	// As many as are there, up to some dozen: a batch is to go out.
	for len(n.held) < 64 && len(b.mem)-b.used >= logLargest {
		k, _, err := unix.Recvfrom(n.fd, b.mem[b.used:], unix.MSG_DONTWAIT)
		if errors.Is(err, unix.ENOBUFS) {
			n.overrun = true
			continue
		}
		if err != nil {
			break
		}
		from := len(n.held)
		var bad bool
		n.held, bad = splitNFLOG(b.mem[b.used:b.used+k], n.held)
		if bad {
			n.lost++
		}
		stampNFLOG(n.held[from:], packet.Time(time.Now().UnixNano()))
		b.used += (k + 7) &^ 7
	}
	if len(n.held) == 0 {
		return false
	}
	b.hold()
	n.at = b
	n.number()
	return true
}

// number counts what is missing between the packets.
func (n *nflog) number() {
	for i := range n.held {
		f := &n.held[i]
		if !f.hasSeq {
			continue
		}
		if gap := f.seq - n.seq; n.begun && gap != 0 && gap < 1<<31 {
			n.lost += uint64(gap)
			if n.guessed {
				n.lost--
			}
			n.overrun, n.guessed = false, false
		}
		n.seq, n.begun = f.seq+1, true
	}
}

// room returns a block with room for the longest packet; nil when batches borrow all.
func (n *nflog) room() *logBlock {
	if b := n.cur; b != nil {
		if len(b.mem)-b.used >= logLargest {
			return b
		}
		b.drop()
		n.cur = nil
	}
	for _, b := range n.blocks {
		if b.refs.Load() == 0 {
			b.used = 0
			b.hold()
			n.cur = b
			return b
		}
	}
	if len(n.blocks) >= logBlocks {
		return nil
	}
	b := &logBlock{mem: make([]byte, logBlockSize)}
	b.hold()
	n.blocks = append(n.blocks, b)
	n.cur = b
	return b
}

// time implements feed.
func (n *nflog) time() packet.Time { return n.held[n.next].time }

// take implements feed.
func (n *nflog) take(f *ringFrame) (lender, bool) {
	x := &n.held[n.next]
	n.next++
	*f = ringFrame{data: x.data, time: x.time, wireLen: uint32(len(x.data))}
	return n.at, true
}

// unread implements feed. What waits in the kernel is not known.
func (n *nflog) unread() uint64 { return uint64(len(n.held) - n.next) }

// drops implements feed. What the kernel had no room for shows in the number of the next packet; until there is one, it
// counts as one packet: that is the least.
func (n *nflog) drops() uint64 {
	if n.overrun && !n.guessed {
		n.lost++
		n.overrun, n.guessed = false, true
	}
	k := n.lost
	n.lost = 0
	return k
}

// quiet implements feed: nobody says when the kernel hands a packet over.
func (n *nflog) quiet() bool { return false }

// descriptor implements feed.
func (n *nflog) descriptor() int { return n.fd }

// state implements feed: a group of the log is there as long as the socket is.
func (n *nflog) state(string) string { return "" }

// close implements feed. Batches not yet released keep their memory.
func (n *nflog) close() {
	if n.file != nil {
		_ = n.file.Close()
		n.file = nil
	}
}

// DeviceName is what the kernel calls the interface with a number now; empty: there is none, or the kernel does not tell. It
// asks by a unix socket: the one kind that a worker in the sandbox may make.
func DeviceName(index uint32) string {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("-") // the name is the answer
	if err != nil {
		return ""
	}
	r.SetUint32(index)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, r); err != nil {
		return ""
	}
	return r.Name()
}
