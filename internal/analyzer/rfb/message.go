package rfb

import "encoding/binary"

// Hello is what both sides agree on before anything is shown (RFC 6143 7.1 to 7.3). Texts are as they came.
type Hello struct {
	Server, Client Version
	Security       uint32 // type that was chosen; valid with HasSecurity
	HasSecurity    bool
	Result         uint32 // SecurityResult; valid with HasResult
	HasResult      bool
	Shared         bool // of ClientInit; valid with HasShared
	HasShared      bool
	Screen         Screen // valid with HasScreen
	HasScreen      bool
}

// Version is a protocol version as it is sent: "003", "008".
type Version struct{ Major, Minor string }

// Screen is what ServerInit says (RFC 6143 7.3.2).
type Screen struct {
	Width, Height   uint16
	Bits, Depth     uint8
	BigEndian, True bool
	Max             [3]uint16 // red, green, blue
	Shift           [3]uint8
	Name            string
}

// Security types that have a meaning here (RFC 6143 7.1.2).
const (
	secInvalid = 0
	secNone    = 1
	secVNC     = 2
)

const (
	versionLen = 12
	initLen    = 24
	maxName    = 256
)

// parseVersion reads "RFB 003.008\n".
func parseVersion(b []byte) (v Version, ok bool) {
	if len(b) < versionLen || string(b[:4]) != "RFB " || b[7] != '.' || b[11] != '\n' {
		return v, false
	}
	for i, c := range b[4:11] {
		if i != 3 && (c < '0' || c > '9') {
			return v, false
		}
	}
	return Version{string(b[4:7]), string(b[8:11])}, true
}

// parseScreen reads ServerInit without its name; n is the name's length.
func parseScreen(b []byte) (s Screen, n uint32) {
	o := binary.BigEndian
	s = Screen{Width: o.Uint16(b), Height: o.Uint16(b[2:]), Bits: b[4], Depth: b[5], BigEndian: b[6] != 0, True: b[7] != 0}
	for i := range s.Max {
		s.Max[i], s.Shift[i] = o.Uint16(b[8+2*i:]), b[14+i]
	}
	return s, o.Uint32(b[20:])
}

// resultName is Suricata's word for a SecurityResult.
func resultName(r uint32) string {
	switch r {
	case 0:
		return "OK"
	case 1:
		return "FAIL"
	case 2:
		return "TOOMANY"
	}
	return "UNKNOWN"
}
