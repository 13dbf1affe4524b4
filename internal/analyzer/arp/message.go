package arp

import (
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Message is an ARP packet for IPv4 over hardware with 6-byte addresses (RFC 826).
type Message struct {
	Op        uint16 // 1 request, 2 reply
	SenderMAC packet.MAC
	SenderIP  packet.Addr
	TargetMAC packet.MAC // of no meaning in a request
	TargetIP  packet.Addr
}

const (
	hardwareEthernet = 1
	hardwareIEEE802  = 6
)

// Parse reads b, which begins with the hardware type; link padding may follow. False: b is short, or of other address
// types or sizes, or its operation is not request or reply. What is wrong with it is an anomaly of decoding.
func Parse(b []byte) (m Message, ok bool) {
	h, ok := header.ParseARP(b)
	if !ok || h.ProtocolType() != packet.EtherIPv4 {
		return m, false
	}
	if t := h.HardwareType(); t != hardwareEthernet && t != hardwareIEEE802 {
		return m, false
	}
	m.Op = h.Operation()
	if m.Op != header.ARPRequest && m.Op != header.ARPReply {
		return Message{}, false
	}
	sip, tip := h.SenderIP(), h.TargetIP()
	m.SenderMAC, m.TargetMAC = h.SenderMAC(), h.TargetMAC()
	m.SenderIP, m.TargetIP = packet.Addr4(sip[:]), packet.Addr4(tip[:])
	return m, true
}

// Impossible reports that b, which Parse refused, names Ethernet and IPv4 and gives their addresses other sizes. A packet
// cut short is no such thing.
func Impossible(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	hardware, protocol := uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
	return (hardware == hardwareEthernet || hardware == hardwareIEEE802) && protocol == packet.EtherIPv4 && (b[4] != 6 || b[5] != 4)
}

// Append adds the packet for Ethernet to dst.
func (m Message) Append(dst []byte) []byte {
	return header.AppendARP(dst, m.Op, m.SenderMAC, [4]byte(m.SenderIP[12:]), m.TargetMAC, [4]byte(m.TargetIP[12:]))
}
