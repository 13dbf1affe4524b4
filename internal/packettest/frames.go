package packettest

import (
	"encoding/binary"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// TCP is one segment. Src and Dst are "10.0.0.1:1234" or "[2001:db8::1]:1234".
type TCP struct {
	Src, Dst    string
	Seq, Ack    uint32
	Flags       uint16 // packet.SYN|packet.ACK; 0 stays 0
	Window      uint16 // 0: 64240, unless ZeroWindow
	ZeroWindow  bool
	Urgent      uint16
	MSS         uint16 // option, when not 0
	WScale      int    // option, when not 0; use NoScale for a scale of 0
	SACKOK      bool
	SACK        [][2]uint32
	TSVal       uint32 // timestamp option, when TSVal or TSEcr is not 0
	TSEcr       uint32
	Options     []byte // further options, as bytes
	Payload     string
	BadChecksum bool
	Link        Link
	IP          IP
}

// NoScale is a window scale option with shift 0.
const NoScale = -1

// Segment returns the TCP header and payload alone.
func (t TCP) Segment() []byte {
	src, dst := addrPort(t.Src), addrPort(t.Dst)
	var o []byte
	if t.MSS != 0 {
		o = header.AppendTCPOption(o, header.TCPOptMSS, byte(t.MSS>>8), byte(t.MSS))
	}
	if t.SACKOK {
		o = header.AppendTCPOption(o, header.TCPOptSACKOK)
	}
	if t.TSVal != 0 || t.TSEcr != 0 {
		v := binary.BigEndian.AppendUint32(nil, t.TSVal)
		if len(o) == 0 {
			o = append(o, header.TCPOptNop, header.TCPOptNop)
		}
		o = header.AppendTCPOption(o, header.TCPOptTimestamp, binary.BigEndian.AppendUint32(v, t.TSEcr)...)
	}
	if t.WScale != 0 {
		o = append(o, header.TCPOptNop)
		o = header.AppendTCPOption(o, header.TCPOptWScale, byte(max(t.WScale, 0)))
	}
	if len(t.SACK) > 0 {
		var v []byte
		for _, s := range t.SACK {
			v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(v, s[0]), s[1])
		}
		o = append(o, header.TCPOptNop, header.TCPOptNop)
		o = header.AppendTCPOption(o, header.TCPOptSACK, v...)
	}
	o = append(o, t.Options...)
	win := t.Window
	if win == 0 && !t.ZeroWindow {
		win = 64240
	}
	f := header.TCPFields{SrcPort: src.Port(), DstPort: dst.Port(), Seq: t.Seq, Ack: t.Ack, Flags: t.Flags,
		Window: win, Urgent: t.Urgent, Options: o}
	s, d := ends(src.Addr(), dst.Addr())
	b := header.AppendTCP(nil, &f, s, d, []byte(t.Payload))
	if t.BadChecksum {
		b[16] ^= 0x55
	}
	return b
}

// Datagram returns the IP packet without link header.
func (t TCP) Datagram() []byte {
	_, b := t.IP.packet(addrPort(t.Src).Addr(), addrPort(t.Dst).Addr(), packet.ProtoTCP, t.Segment())
	return b
}

// Frame returns the Ethernet frame.
func (t TCP) Frame() []byte {
	src, dst := addrPort(t.Src).Addr(), addrPort(t.Dst).Addr()
	et, b := t.IP.packet(src, dst, packet.ProtoTCP, t.Segment())
	return t.Link.frame(et, src, dst, b)
}

// Packet returns the frame, decoded.
func (t TCP) Packet() *packet.Packet { return Decode(t.Frame()) }

// UDP is one datagram.
type UDP struct {
	Src, Dst    string
	Payload     string
	NoChecksum  bool
	BadChecksum bool
	Link        Link
	IP          IP
}

// Segment returns the UDP header and payload alone.
func (u UDP) Segment() []byte {
	src, dst := addrPort(u.Src), addrPort(u.Dst)
	s, d := ends(src.Addr(), dst.Addr())
	b := header.AppendUDP(nil, src.Port(), dst.Port(), s, d, []byte(u.Payload))
	switch {
	case u.NoChecksum:
		b[6], b[7] = 0, 0
	case u.BadChecksum:
		b[6] ^= 0x55
	}
	return b
}

// Datagram returns the IP packet without link header.
func (u UDP) Datagram() []byte {
	_, b := u.IP.packet(addrPort(u.Src).Addr(), addrPort(u.Dst).Addr(), packet.ProtoUDP, u.Segment())
	return b
}

// Frame returns the Ethernet frame.
func (u UDP) Frame() []byte {
	src, dst := addrPort(u.Src).Addr(), addrPort(u.Dst).Addr()
	et, b := u.IP.packet(src, dst, packet.ProtoUDP, u.Segment())
	return u.Link.frame(et, src, dst, b)
}

// Packet returns the frame, decoded.
func (u UDP) Packet() *packet.Packet { return Decode(u.Frame()) }

// ICMP is one ICMP message, or ICMPv6 when the addresses are IPv6. Src and Dst are plain addresses.
type ICMP struct {
	Src, Dst   string
	Type, Code uint8
	Rest       uint32 // identifier<<16|sequence, next-hop MTU, pointer
	Payload    string
	Quote      []byte // for errors: the quoted IP packet, in place of Payload
	Link       Link
	IP         IP
}

// Datagram returns the IP packet without link header.
func (i ICMP) Datagram() []byte {
	_, b := i.build()
	return b
}

// Frame returns the Ethernet frame.
func (i ICMP) Frame() []byte {
	et, b := i.build()
	return i.Link.frame(et, addr(i.Src), addr(i.Dst), b)
}

// Packet returns the frame, decoded.
func (i ICMP) Packet() *packet.Packet { return Decode(i.Frame()) }

func (i ICMP) build() (uint16, []byte) {
	src, dst := addr(i.Src), addr(i.Dst)
	data := []byte(i.Payload)
	if i.Quote != nil {
		data = i.Quote
	}
	if src.Is4() {
		return i.IP.packet(src, dst, packet.ProtoICMP, header.AppendICMPv4(nil, i.Type, i.Code, i.Rest, data))
	}
	m := header.AppendICMPv6(nil, i.Type, i.Code, i.Rest, src.As16(), dst.As16(), data)
	return i.IP.packet(src, dst, packet.ProtoICMPv6, m)
}

// ARP is one ARP packet for IPv4 over Ethernet.
type ARP struct {
	Op                   uint16 // 0: request
	SenderMAC, TargetMAC string // empty sender: derived from SenderIP; empty target: zero
	SenderIP, TargetIP   string
	Link                 Link // empty: from SenderMAC to broadcast, or to TargetMAC in a reply
}

// Frame returns the Ethernet frame, 42 bytes unless padded.
func (a ARP) Frame() []byte {
	op := a.Op
	if op == 0 {
		op = header.ARPRequest
	}
	sip, tip := addr(a.SenderIP), addr(a.TargetIP)
	smac := mac(a.SenderMAC, sip)
	var tmac [6]byte
	if a.TargetMAC != "" {
		tmac = mac(a.TargetMAC, tip)
	}
	l := a.Link
	if l.SrcMAC == "" {
		l.SrcMAC = packet.MAC(smac).String()
	}
	if l.DstMAC == "" {
		l.DstMAC = "ff:ff:ff:ff:ff:ff"
		if op == header.ARPReply {
			l.DstMAC = packet.MAC(tmac).String()
		}
	}
	return l.frame(packet.EtherARP, sip, tip, header.AppendARP(nil, op, smac, sip.As4(), tmac, tip.As4()))
}

// Packet returns the frame, decoded.
func (a ARP) Packet() *packet.Packet { return Decode(a.Frame()) }

// Raw is any IP payload of a protocol. Src and Dst are plain addresses.
type Raw struct {
	Src, Dst string
	Proto    uint8
	Payload  string
	Link     Link
	IP       IP
}

// Datagram returns the IP packet without link header.
func (r Raw) Datagram() []byte {
	_, b := r.IP.packet(addr(r.Src), addr(r.Dst), r.Proto, []byte(r.Payload))
	return b
}

// Frame returns the Ethernet frame.
func (r Raw) Frame() []byte {
	src, dst := addr(r.Src), addr(r.Dst)
	et, b := r.IP.packet(src, dst, r.Proto, []byte(r.Payload))
	return r.Link.frame(et, src, dst, b)
}

// Packet returns the frame, decoded.
func (r Raw) Packet() *packet.Packet { return Decode(r.Frame()) }
