package capture

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"firestorm/internal/filter"
	"firestorm/internal/packet"
)

// Local opens sockets in this process: it needs CAP_NET_RAW, for groups of the packet log CAP_NET_ADMIN.
type Local struct{}

// retireAfter is how long the kernel waits before it hands over a block that is not full, milliseconds.
const retireAfter = 50

// vlanRoom is kept free before each frame: the tag that the kernel took off goes back there.
const vlanRoom = 8

// Open implements Opener.
func (Local) Open(s RingSpec) ([]*os.File, error) {
	if group, ok := NFLOGGroup(s.Interface); ok {
		f, err := openNFLOG(&s, group)
		if err != nil {
			return nil, err
		}
		return []*os.File{f}, nil
	}
	files, err := openRings(&s)
	if err != nil {
		return nil, interfaceError(s.Interface, err)
	}
	return files, nil
}

// card is what the kernel knows of an interface.
type card struct {
	index  int
	hatype uint16
}

func openRings(s *RingSpec) ([]*os.File, error) {
	fd, err := packetSocket(unix.SOCK_RAW)
	if err != nil {
		return nil, err
	}
	var c card
	c.index, c.hatype, err = lookUp(fd, s.Interface)
	_ = unix.Close(fd)
	if err != nil {
		return nil, err
	}
	n := s.rings()
	if c.hatype == unix.ARPHRD_LOOPBACK { // kernels before 5.16 do not tell a group that outgoing packets are not wanted
		n = 1
	}
	files, err := openGroup(s, c, n)
	if errors.Is(err, errNoGroup) { // before 4.3, or before 6.13 while the interface is down
		files, err = openGroup(s, c, 1)
	}
	return files, err
}

func packetSocket(typ int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, typ|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		err = ErrNotPermitted
	}
	return fd, err
}

var errNoGroup = errors.New("no fanout of this kind")

// openGroup opens n sockets that share the packets of the interface. No packet is lost or seen twice on the way: a group
// without a program gives all to its first socket, the others take nothing until they are members, and then the program
// is put in force at once.
func openGroup(s *RingSpec, c card, n int) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			files = nil
		}
	}()
	link, cooked := linkOf(c.hatype)
	prog, err := compileFor(s.Filter, link)
	if err != nil {
		return nil, err
	}
	if !kernelRuns(prog) {
		prog = nil
	}
	group := unix.PACKET_FANOUT_FLAG_UNIQUEID << 16
	for i := range n {
		typ := unix.SOCK_RAW
		if cooked { // an interface without an Ethernet header shows packets from the network layer on
			typ = unix.SOCK_DGRAM
		}
		fd, err := packetSocket(typ)
		if err != nil {
			return files, err
		}
		files = append(files, os.NewFile(uintptr(fd), s.Interface))
		if err := dress(fd, s, c, n, cooked); err != nil {
			return files, err
		}
		switch {
		case i > 0:
			err = attach(fd, []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K}})
		case prog != nil:
			err = attach(fd, prog.Raw())
		}
		if err != nil {
			return files, fmt.Errorf("the capture filter: %w", err)
		}
		// Bound last: no packet is in the ring that the filter has not seen.
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ALL), Ifindex: c.index}); err != nil {
			return files, err
		}
		if n == 1 {
			return files, nil
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, group|unix.PACKET_FANOUT_CBPF<<16); err != nil {
			return files, fmt.Errorf("%w: %w", errNoGroup, err)
		}
		if i == 0 { // the kernel chose a number that no other program has
			v, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
			if err != nil {
				return files, fmt.Errorf("%w: %w", errNoGroup, err)
			}
			group = v & 0xffff
			continue
		}
		if prog != nil {
			err = attach(fd, prog.Raw())
		} else {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		}
		if err != nil {
			return files, fmt.Errorf("the capture filter: %w", err)
		}
	}
	raw, err := bpf.Assemble(pairProgram(s.Vantage))
	if err == nil {
		err = give(int(files[0].Fd()), unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, raw)
	}
	if err != nil {
		return files, fmt.Errorf("%w: %w", errNoGroup, err)
	}
	return files, nil
}

// dress makes a socket what s asks for, one of n, all but its filter and where it listens.
func dress(fd int, s *RingSpec, c card, n int, cooked bool) (err error) {
	set := func(what string, opt, value int) {
		if err == nil {
			if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, value); err != nil {
				err = fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	set("ring version", unix.PACKET_VERSION, unix.TPACKET_V3)
	set("room for VLAN tags", unix.PACKET_RESERVE, vlanRoom)
	if c.hatype == unix.ARPHRD_LOOPBACK { // each packet is sent and received: once is enough
		set("one sight of each packet", unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if !cooked && tellsJoined() {
		set("what was joined", unix.PACKET_VNET_HDR, 1)
	}
	if err != nil {
		return err
	}
	blocks, size := s.share(n)
	req := unix.TpacketReq3{Block_size: uint32(size), Block_nr: uint32(blocks), Frame_size: 2048, Frame_nr: uint32(blocks * size / 2048),
		Retire_blk_tov: retireAfter}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("a ring of %d MiB: %w", blocks*size>>20, err)
	}
	if !s.NoPromiscuous {
		m := unix.PacketMreq{Ifindex: int32(c.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	return nil
}

// tellsJoined reports that the kernel can say of what sizes it joined packets. Before 6.2 it knew no name for joined UDP,
// and dropped such packets for a socket that asks.
func tellsJoined() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 6 || major == 6 && minor >= 2)
}

// lookUp returns the number and the hardware type of an interface.
func lookUp(fd int, name string) (index int, hatype uint16, err error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, 0, ErrNoInterface
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return 0, 0, ErrNoInterface
	}
	index = int(int32(ifr.Uint32()))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, ifr); err != nil {
		return 0, 0, ErrNoInterface
	}
	return index, ifr.Uint16(), nil
}

// linkOf says what frames of a hardware type begin with. Cooked ones are shown from the network layer on.
func linkOf(hatype uint16) (l packet.LinkType, cooked bool) {
	switch hatype {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return packet.LinkEthernet, false
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return packet.LinkRadiotap, false
	case unix.ARPHRD_IEEE80211:
		return packet.LinkIEEE80211, false
	}
	return packet.LinkRaw, true
}

// compileFor compiles a filter for a link type; nil for an empty one.
func compileFor(expr string, l packet.LinkType) (*filter.Program, error) {
	if expr == "" {
		return nil, nil
	}
	return filter.Compile(expr, uint16(l), filter.Options{})
}

// kernelRuns reports that the kernel runs the program as it is meant. It takes VLAN tags off before, and knows no
// programs of any length.
func kernelRuns(p *filter.Program) bool { return p != nil && !p.UsesVLAN() && p.FitsKernel() }

// attach gives a socket its filter.
func attach(fd int, raw []bpf.RawInstruction) error {
	return give(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, raw)
}

// give gives a program to the kernel.
func give(fd, level, opt int, raw []bpf.RawInstruction) error {
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, level, opt, &unix.SockFprog{Len: uint16(len(prog)), Filter: unsafe.SliceData(prog)})
}

// swap16 puts a number into network order on little-endian machines.
func swap16(v uint16) uint16 {
	b := *(*[2]byte)(unsafe.Pointer(&v))
	return uint16(b[0])<<8 | uint16(b[1])
}
