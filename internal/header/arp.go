package header

// ARPLen is the length of an ARP packet for IPv4 over Ethernet, bytes.
const ARPLen = 28

// ARP operations (RFC 826, RFC 903).
const (
	ARPRequest  = 1
	ARPReply    = 2
	RARPRequest = 3
	RARPReply   = 4
)

// ARP is an ARP packet for IPv4 over hardware with 6-byte addresses (RFC 826).
type ARP []byte

// ParseARP returns the packet at the start of b; false when it is short or of other address sizes.
func ParseARP(b []byte) (ARP, bool) {
	if len(b) < ARPLen || b[4] != 6 || b[5] != 4 {
		return nil, false
	}
	return ARP(b[:ARPLen]), true
}

// HardwareType returns the hardware type; 1 is Ethernet, 6 IEEE 802.
func (h ARP) HardwareType() uint16 { return be16(h) }

// ProtocolType returns the EtherType of the addresses looked up; 0x0800 is IPv4.
func (h ARP) ProtocolType() uint16 { return be16(h[2:]) }

// Operation returns the operation.
func (h ARP) Operation() uint16 { return be16(h[6:]) }

// SenderMAC returns the sender's hardware address.
func (h ARP) SenderMAC() [6]byte { return [6]byte(h[8:14]) }

// SenderIP returns the sender's IPv4 address.
func (h ARP) SenderIP() [4]byte { return [4]byte(h[14:18]) }

// TargetMAC returns the target's hardware address; meaningless in a request.
func (h ARP) TargetMAC() [6]byte { return [6]byte(h[18:24]) }

// TargetIP returns the target's IPv4 address.
func (h ARP) TargetIP() [4]byte { return [4]byte(h[24:28]) }

// AppendARP appends a packet for IPv4 over Ethernet.
func AppendARP(b []byte, op uint16, senderMAC [6]byte, senderIP [4]byte, targetMAC [6]byte, targetIP [4]byte) []byte {
	b = append(b, 0, 1, 8, 0, 6, 4)
	b = put16(b, op)
	b = append(b, senderMAC[:]...)
	b = append(b, senderIP[:]...)
	b = append(b, targetMAC[:]...)
	return append(b, targetIP[:]...)
}
