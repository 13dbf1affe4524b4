package capture

import (
	"encoding/binary"
	"strconv"
	"strings"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// nflogPrefix begins the name of a source that is a group of the kernel's packet log instead of an interface.
const nflogPrefix = "nflog:"

// NFLOGGroup returns the group of the kernel's packet log that a source's name asks for, as in "nflog:5"; ok is false where
// the name is that of an interface. Names with the prefix and without a number of 16 bits are interfaces that cannot be there.
func NFLOGGroup(name string) (group uint16, ok bool) {
	s, ok := strings.CutPrefix(name, nflogPrefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// Of a message of nfnetlink (linux/netlink.h, linux/netfilter/nfnetlink.h).
const (
	nlHeader    = 16 // struct nlmsghdr
	nfHeader    = 4  // struct nfgenmsg
	nlDone      = 3
	nlError     = 2
	nfLogPacket = 4 << 8 // NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET
	nfFamily    = 0
)

// nflogFrame is one logged packet: as a capture file of link type NFLOG would hold it, without the header of netlink.
type nflogFrame struct {
	data []byte
	time packet.Time // as the kernel stamped it; 0: it did not
	seq  uint32
	// hasSeq tells that the kernel numbered it.
	hasSeq bool
}

// splitNFLOG appends the packets in a datagram of netlink to out. The kernel's lengths are checked all the same; what is
// damaged ends the datagram, and bad is true.
func splitNFLOG(b []byte, out []nflogFrame) (_ []nflogFrame, bad bool) {
	for len(b) >= nlHeader {
		n := int(binary.NativeEndian.Uint32(b))
		typ := binary.NativeEndian.Uint16(b[4:])
		if n < nlHeader || n > len(b) {
			return out, true
		}
		switch {
		case typ == nlDone:
			return out, false
		case typ == nfLogPacket && n >= nlHeader+nfHeader:
			out = append(out, readNFLOG(b[nlHeader:n:n]))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return out, len(b) > 0
}

// readNFLOG reads what capture needs of a logged packet: when it was, and its number.
func readNFLOG(msg []byte) nflogFrame {
	f := nflogFrame{data: msg}
	h, ok := header.ParseNFLOG(msg)
	for off := nfHeader; ok; {
		typ, v, next, more, _ := h.Next(off)
		if !more {
			break
		}
		switch {
		case typ == header.NFLOGTimestamp && len(v) >= 16:
			f.time = packet.Time(binary.BigEndian.Uint64(v))*1e9 + packet.Time(binary.BigEndian.Uint64(v[8:]))*1e3
		case typ == header.NFLOGSequence && len(v) >= 4:
			f.seq, f.hasSeq = binary.BigEndian.Uint32(v), true
		}
		off = next
	}
	return f
}

// stampNFLOG gives packets that the kernel did not stamp a time: those that leave the machine have none. now is when the
// datagram was read; a packet is no later than the next one that has a stamp.
func stampNFLOG(fs []nflogFrame, now packet.Time) {
	for i := len(fs) - 1; i >= 0; i-- {
		if fs[i].time == 0 {
			fs[i].time = now
		} else {
			now = min(now, fs[i].time)
		}
	}
}
