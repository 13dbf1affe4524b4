// Package tracker reads what the kernel's connection tracker says: events of netlink as they come, or the text that the
// program conntrack prints of them. They become events beside those of packets: a witness of when a NAT forgot a connection.
package tracker

import (
	"encoding/binary"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Of netlink's messages (linux/netlink.h, linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h).
const (
	nlHeader = 16
	nfHeader = 4

	msgNew    = 1<<8 | 0 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
	msgDelete = 1<<8 | 2
	flagMade  = 0x400 // NLM_F_CREATE: else the message tells a change

	attrOrig, attrReply, attrTimes, attrWhen = 1, 2, 20, 27
	attrIP, attrProto                        = 1, 2
	attrTimesStart, attrTimesStop            = 1, 2
	attrNested                               = 0xc000 // bits of a type that say how the value is written
)

// parse appends the events in a datagram to out. now is when it was read: the time of what the kernel did not stamp
// (net.netfilter.nf_conntrack_timestamp). bad is true where the datagram is damaged.
func parse(b []byte, now packet.Time, out []*event.Tracked) (_ []*event.Tracked, bad bool) {
	for len(b) >= nlHeader {
		n := int(binary.NativeEndian.Uint32(b))
		if n < nlHeader || n > len(b) {
			return out, true
		}
		typ, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
		if n >= nlHeader+nfHeader {
			switch {
			case typ == msgNew && flags&flagMade != 0:
				out = message(b[nlHeader+nfHeader:n], event.TrackerNew, now, out)
			case typ == msgDelete:
				out = message(b[nlHeader+nfHeader:n], event.TrackerForgot, now, out)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return out, len(b) > 0
}

// tuple is one direction of a connection as the tracker expects it.
type tuple struct {
	proto          uint8
	src, dst       packet.Addr
	sport, dport   uint16
	hasSrc, hasDst bool
}

// message reads one connection. Those without two addresses are left out.
func message(b []byte, what event.TrackerSays, now packet.Time, out []*event.Tracked) []*event.Tracked {
	var orig, reply tuple
	at := now
	attributes(b, func(typ uint16, v []byte) {
		switch typ {
		case attrOrig:
			orig.read(v)
		case attrReply:
			reply.read(v)
		case attrWhen:
			if len(v) == 8 {
				at = stamped(v, now)
			}
		case attrTimes:
			attributes(v, func(typ uint16, v []byte) {
				if (typ == attrTimesStop && what == event.TrackerForgot || typ == attrTimesStart && what == event.TrackerNew) && len(v) == 8 {
					at = stamped(v, now)
				}
			})
		}
	})
	if x := tracked(&orig, &reply, what, at); x != nil {
		out = append(out, x)
	}
	return out
}

// stamped is a time of the kernel; what it does not know is zero.
func stamped(v []byte, now packet.Time) packet.Time {
	if t := packet.Time(binary.BigEndian.Uint64(v)); t > 0 {
		return t
	}
	return now
}

func tracked(orig, reply *tuple, what event.TrackerSays, at packet.Time) *event.Tracked {
	if !orig.hasSrc || !orig.hasDst {
		return nil
	}
	if !reply.hasSrc || !reply.hasDst {
		reply = &tuple{src: orig.dst, dst: orig.src, sport: orig.dport, dport: orig.sport}
	}
	x := event.NewTracked(event.Head{Seen: packet.Ref{Time: at}, Proto: orig.proto})
	x.What = what
	x.Inner = event.Ends{Client: event.End{Addr: orig.src, Port: orig.sport}, Server: event.End{Addr: orig.dst, Port: orig.dport}}
	x.Outer = event.Ends{Client: event.End{Addr: reply.dst, Port: reply.dport}, Server: event.End{Addr: reply.src, Port: reply.sport}}
	x.Head().Client, x.Head().Server = x.Inner.Client, x.Inner.Server
	return x
}

func (t *tuple) read(b []byte) {
	attributes(b, func(typ uint16, v []byte) {
		switch typ {
		case attrIP:
			attributes(v, func(typ uint16, v []byte) {
				switch {
				case (typ == 1 || typ == 2) && len(v) == 4:
					t.set(typ == 1, packet.Addr4(v))
				case (typ == 3 || typ == 4) && len(v) == 16:
					t.set(typ == 3, packet.Addr(v))
				}
			})
		case attrProto:
			attributes(v, func(typ uint16, v []byte) {
				switch {
				case typ == 1 && len(v) == 1:
					t.proto = v[0]
				case typ == 2 && len(v) == 2:
					t.sport = binary.BigEndian.Uint16(v)
				case typ == 3 && len(v) == 2:
					t.dport = binary.BigEndian.Uint16(v)
				}
			})
		}
	})
}

func (t *tuple) set(src bool, a packet.Addr) {
	if src {
		t.src, t.hasSrc = a, true
	} else {
		t.dst, t.hasDst = a, true
	}
}

// attributes calls f for each attribute in b; a damaged one ends them.
func attributes(b []byte, f func(typ uint16, v []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:])&^attrNested, b[4:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
