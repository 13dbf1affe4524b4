package header

// STP is a bridge protocol data unit (IEEE 802.1D 9.3), from its protocol identifier on.
type STP []byte

// ParseSTP returns the unit in b; false when b is too short or of another protocol.
func ParseSTP(b []byte) (STP, bool) {
	if len(b) < 4 || be16(b) != 0 {
		return nil, false
	}
	if b[3] != 0x80 && len(b) < 35 {
		return nil, false
	}
	return STP(b), true
}

// Version returns 0 for STP, 2 for RSTP, 3 for MSTP.
func (h STP) Version() uint8 { return h[2] }

// Type returns 0x00 configuration, 0x02 rapid, 0x80 topology change notification.
func (h STP) Type() uint8 { return h[3] }

// TopologyChange returns the topology change flag.
func (h STP) TopologyChange() bool { return h[3] == 0x80 || h[4]&1 != 0 }

// Root returns priority and address of the root bridge; false in a topology change notification.
func (h STP) Root() (priority uint16, mac [6]byte, ok bool) {
	if h[3] == 0x80 {
		return 0, mac, false
	}
	return be16(h[5:]), [6]byte(h[7:13]), true
}

// Bridge returns priority and address of the sending bridge; false in a topology change notification.
func (h STP) Bridge() (priority uint16, mac [6]byte, ok bool) {
	if h[3] == 0x80 {
		return 0, mac, false
	}
	return be16(h[17:]), [6]byte(h[19:25]), true
}

// RootCost returns the cost of the path to the root.
func (h STP) RootCost() uint32 {
	if h[3] == 0x80 {
		return 0
	}
	return be32(h[13:])
}
