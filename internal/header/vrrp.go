package header

// VRRPLen is the length of the fixed part, bytes.
const VRRPLen = 8

// VRRP is an advertisement of VRRP version 2 or 3 (RFC 3768, RFC 9568); CARP uses the same protocol number.
type VRRP []byte

// ParseVRRP returns the message in b; false when b is too short or of another version or type.
func ParseVRRP(b []byte) (VRRP, bool) {
	if len(b) < VRRPLen || b[0] != 0x21 && b[0] != 0x31 {
		return nil, false
	}
	return VRRP(b), true
}

// Version returns 2 or 3.
func (h VRRP) Version() uint8 { return h[0] >> 4 }

// RouterID returns the virtual router identifier.
func (h VRRP) RouterID() uint8 { return h[1] }

// Priority returns the priority; 255 owns the addresses, 0 resigns.
func (h VRRP) Priority() uint8 { return h[2] }

// Addresses returns how many addresses the router backs up.
func (h VRRP) Addresses() uint8 { return h[3] }
