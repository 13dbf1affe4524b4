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

// Open implements Opener. The socket is bound last: no packet is in the ring that the filter has not seen.
func (Local) Open(s RingSpec) (*os.File, error) {
	if group, ok := NFLOGGroup(s.Interface); ok {
		return openNFLOG(&s, group)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, interfaceError(s.Interface, ErrNotPermitted)
	}
	if err != nil {
		return nil, interfaceError(s.Interface, err)
	}
	f := os.NewFile(uintptr(fd), s.Interface)
	if f, err = dress(f, fd, &s); err != nil {
		return nil, interfaceError(s.Interface, err)
	}
	return f, nil
}

// dress makes the socket what s asks for. On failure it is closed. An interface without an Ethernet header gets a socket
// that shows packets from the network layer on.
func dress(f *os.File, fd int, s *RingSpec) (_ *os.File, err error) {
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	index, hatype, err := lookUp(fd, s.Interface)
	if err != nil {
		return nil, err
	}
	link, cooked := linkOf(hatype)
	if cooked {
		_ = f.Close()
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return nil, err
		}
		f = os.NewFile(uintptr(fd), s.Interface)
	}
	set := func(what string, opt, value int) {
		if err == nil {
			if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, value); err != nil {
				err = fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	set("ring version", unix.PACKET_VERSION, unix.TPACKET_V3)
	set("room for VLAN tags", unix.PACKET_RESERVE, vlanRoom)
	if hatype == unix.ARPHRD_LOOPBACK { // each packet is sent and received: once is enough
		set("one sight of each packet", unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if !cooked && tellsJoined() {
		set("what was joined", unix.PACKET_VNET_HDR, 1)
	}
	if err != nil {
		return nil, err
	}
	blocks := s.Size() / RingBlock
	req := unix.TpacketReq3{Block_size: RingBlock, Block_nr: uint32(blocks), Frame_size: 2048, Frame_nr: uint32(blocks * RingBlock / 2048),
		Retire_blk_tov: retireAfter}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("a ring of %d MiB: %w", blocks, err)
	}
	if prog, err := compileFor(s.Filter, link); err != nil {
		return nil, err
	} else if kernelRuns(prog) {
		if err := attach(fd, prog.Raw()); err != nil {
			return nil, fmt.Errorf("the capture filter: %w", err)
		}
	}
	if !s.NoPromiscuous {
		m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return nil, fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return nil, err
	}
	return f, nil
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

func attach(fd int, raw []bpf.RawInstruction) error {
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(prog)), Filter: unsafe.SliceData(prog)})
}

// swap16 puts a number into network order on little-endian machines.
func swap16(v uint16) uint16 {
	b := *(*[2]byte)(unsafe.Pointer(&v))
	return uint16(b[0])<<8 | uint16(b[1])
}
