package header

// TCPMinLen is the length of a header without options, bytes.
const TCPMinLen = 20

// TCP is a TCP header with its options (RFC 9293 3.1).
type TCP []byte

// ParseTCP returns the header at the start of b; false when b does not hold it whole or its length is wrong.
func ParseTCP(b []byte) (TCP, bool) {
	if len(b) < TCPMinLen {
		return nil, false
	}
	n := int(b[12]>>4) * 4
	if n < TCPMinLen || n > len(b) {
		return nil, false
	}
	return TCP(b[:n]), true
}

// SrcPort returns the source port.
func (h TCP) SrcPort() uint16 { return be16(h) }

// DstPort returns the destination port.
func (h TCP) DstPort() uint16 { return be16(h[2:]) }

// Seq returns the sequence number.
func (h TCP) Seq() uint32 { return be32(h[4:]) }

// Ack returns the acknowledgement number.
func (h TCP) Ack() uint32 { return be32(h[8:]) }

// Flags returns the nine flag bits, FIN as bit 0 and NS (AE) as bit 8.
func (h TCP) Flags() uint16 { return be16(h[12:]) & 0x1ff }

// Window returns the window field, unscaled.
func (h TCP) Window() uint16 { return be16(h[14:]) }

// Checksum returns the checksum field.
func (h TCP) Checksum() uint16 { return be16(h[16:]) }

// Urgent returns the urgent pointer.
func (h TCP) Urgent() uint16 { return be16(h[18:]) }

// Options returns the option bytes; NextOption walks them.
func (h TCP) Options() []byte { return h[TCPMinLen:] }

// TCP option kinds (IANA).
const (
	TCPOptEnd       = 0
	TCPOptNop       = 1
	TCPOptMSS       = 2
	TCPOptWScale    = 3
	TCPOptSACKOK    = 4
	TCPOptSACK      = 5
	TCPOptTimestamp = 8
	TCPOptMD5       = 19
	TCPOptAO        = 29
	TCPOptMPTCP     = 30
	TCPOptFastOpen  = 34
)

// TCPFields are the fields that AppendTCP writes. Options are padded to whole words with zeros.
type TCPFields struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            uint16
	Window, Urgent   uint16
	Options          []byte
}

// AppendTCP appends a header with its checksum over the pseudo-header of src and dst (4 or 16 bytes each), and
// the payload.
func AppendTCP(b []byte, f *TCPFields, src, dst, payload []byte) []byte {
	start := len(b)
	hlen := TCPMinLen + (len(f.Options)+3)&^3
	b = put16(put16(b, f.SrcPort), f.DstPort)
	b = put32(put32(b, f.Seq), f.Ack)
	b = put16(b, uint16(hlen/4)<<12|f.Flags&0x1ff)
	b = put16(b, f.Window)
	b = put16(b, 0)
	b = put16(b, f.Urgent)
	b = append(b, f.Options...)
	for len(b)-start < hlen {
		b = append(b, 0)
	}
	b = append(b, payload...)
	sum := ^Sum(PseudoSum(src, dst, 6, len(b)-start), b[start:])
	b[start+16], b[start+17] = uint8(sum>>8), uint8(sum)
	return b
}

// AppendTCPOption appends an option with its length.
func AppendTCPOption(b []byte, kind uint8, value ...byte) []byte {
	return append(append(b, kind, uint8(2+len(value))), value...)
}
