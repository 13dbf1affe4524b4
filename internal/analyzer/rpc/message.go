package rpc

import (
	"encoding/binary"
	"strings"
)

// Programs of RFC 1833, RFC 1813 and X/Open XNFS that are read beyond their header.
const (
	Portmap = 100000
	NFS     = 100003
	Mount   = 100005
	RQuota  = 100011
	NLM     = 100021
	NSM     = 100024
)

// ProgramName returns the name by which rpcinfo lists a program, empty for one that is not in the list.
func ProgramName(p uint32) string {
	switch p {
	case Portmap:
		return "portmapper"
	case NFS:
		return "nfs"
	case Mount:
		return "mountd"
	case RQuota:
		return "rquotad"
	case NLM:
		return "nlockmgr"
	case NSM:
		return "status"
	}
	return ""
}

// Header is what calls and replies begin with (RFC 5531 9).
type Header struct {
	XID       uint32
	Reply     bool
	Program   uint32 // of a call, as the next three
	Version   uint32
	Procedure uint32
	Auth      uint32 // flavor of the credential
	UID       uint32 // of AUTH_SYS, as GID; valid with HasUID
	GID       uint32
	HasUID    bool
	Denied    bool   // of a reply: not accepted
	Stat      uint32 // of a reply: accept_stat, or reject_stat when Denied
	Why       uint32 // of a reply: auth_stat of a denial
}

// Values of Stat in an accepted reply.
const (
	Success uint32 = iota
	ProgUnavail
	ProgMismatch
	ProcUnavail
	GarbageArgs
	SystemErr
)

// Flavors of credentials.
const (
	AuthNone = 0
	AuthSys  = 1
	AuthGSS  = 6
)

// maxAuth bounds a credential or verifier in bytes (RFC 5531 8.2).
const maxAuth = 400

// xdr reads basic types of RFC 4506. After the first failure all reads give zero values and bad is true.
type xdr struct {
	b   []byte
	bad bool
}

func (x *xdr) u32() uint32 {
	if len(x.b) < 4 {
		x.bad, x.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint32(x.b)
	x.b = x.b[4:]
	return v
}

// opaque reads a variable-length opaque or string of at most most bytes, and its padding. The bytes are borrowed.
func (x *xdr) opaque(most uint32) []byte {
	n := x.u32()
	if x.bad || n > most || uint64(n) > uint64(len(x.b)) {
		x.bad, x.b = true, nil
		return nil
	}
	s := x.b[:n]
	x.b = x.b[min((int(n)+3)&^3, len(x.b)):]
	return s
}

func (x *xdr) skip(n int) {
	if n > len(x.b) {
		x.bad, x.b = true, nil
		return
	}
	x.b = x.b[n:]
}

// Parse reads the header at the begin of b; body is what follows it, borrowed. False: b is short, or is no RPC of
// version 2.
func Parse(b []byte) (h Header, body []byte, ok bool) {
	x := xdr{b: b}
	h.XID = x.u32()
	switch x.u32() {
	case 0:
		if x.u32() != 2 || x.bad {
			return Header{}, nil, false
		}
		h.Program, h.Version, h.Procedure, h.Auth = x.u32(), x.u32(), x.u32(), x.u32()
		cred := xdr{b: x.opaque(maxAuth)}
		if h.Auth == AuthSys {
			cred.u32() // stamp
			cred.opaque(255)
			h.UID, h.GID = cred.u32(), cred.u32()
			h.HasUID = !cred.bad
		}
		x.u32()
		x.opaque(maxAuth)
	case 1:
		h.Reply = true
		switch x.u32() {
		case 0:
			x.u32()
			x.opaque(maxAuth)
			h.Stat = x.u32()
			if h.Stat > SystemErr {
				x.bad = true
			}
		case 1:
			h.Denied = true
			if h.Stat = x.u32(); h.Stat == 1 {
				h.Why = x.u32()
			} else if h.Stat > 1 {
				x.bad = true
			}
		default:
			x.bad = true
		}
	default:
		x.bad = true
	}
	if x.bad {
		return Header{}, nil, false
	}
	return h, x.b, true
}

// machine returns the name of the client's machine in the AUTH_SYS credential of the call b (RFC 5531 appendix A), borrowed.
func machine(h *Header, b []byte) []byte {
	const before = 28 + 4 + 4 // header and flavor, length of the credential, its stamp
	if h.Auth != AuthSys || !h.HasUID || len(b) < before {
		return nil
	}
	x := xdr{b: b[before:]}
	return x.opaque(255)
}

// Mapping is where a program listens, as the port directory says (RFC 1833).
type Mapping struct {
	Program uint32
	Version uint32
	Proto   uint8  // IP protocol: 6 or 17; 0 = another transport
	Port    uint16 // 0: not registered
}

// maxMappings bounds a dump of the directory.
const maxMappings = 128

// Procedures of the port directory (RFC 1833 2.2.1, 3.2).
const (
	procGetPort  = 3 // GETADDR in versions 3 and 4
	procDump     = 4
	procCallIt   = 5 // BCAST in versions 3 and 4
	procIndirect = 10
	procGetVers  = 9
)

// parseLookup reads which program a call asks the directory for.
func parseLookup(version, proc uint32, b []byte) (m Mapping, ok bool) {
	x := xdr{b: b}
	m.Program, m.Version = x.u32(), x.u32()
	switch {
	case version == 2 && proc == procGetPort:
		m.Proto = uint8(x.u32())
	case proc == procCallIt || version > 2 && proc == procIndirect:
		m.Proto = 17
	case version > 2 && (proc == procGetPort || proc == procGetVers):
		m.Proto = netid(x.opaque(64))
	default:
		return m, false
	}
	return m, !x.bad
}

// parsePorts appends what the directory answered: asked is what the call asked for.
func parsePorts(dst []Mapping, version, proc uint32, asked Mapping, b []byte) []Mapping {
	x := xdr{b: b}
	switch {
	case version == 2 && (proc == procGetPort || proc == procCallIt):
		asked.Port = uint16(x.u32())
	case version > 2 && (proc == procGetPort || proc == procGetVers || proc == procCallIt || proc == procIndirect):
		asked.Port = uaddrPort(x.opaque(256))
	case proc == procDump:
		for x.u32() == 1 && !x.bad && len(dst) < maxMappings {
			m := Mapping{Program: x.u32(), Version: x.u32()}
			if version == 2 {
				m.Proto, m.Port = uint8(x.u32()), uint16(x.u32())
			} else {
				m.Proto = netid(x.opaque(64))
				m.Port = uaddrPort(x.opaque(256))
				x.opaque(256)
			}
			if !x.bad && m.Proto != 0 {
				dst = append(dst, m)
			}
		}
		return dst
	default:
		return dst
	}
	if x.bad {
		return dst
	}
	return append(dst, asked)
}

// netid returns the IP protocol of a transport's name (RFC 5665 5.2): 0 for others, such as "local".
func netid(b []byte) uint8 {
	switch string(b) {
	case "tcp", "tcp6":
		return 6
	case "udp", "udp6":
		return 17
	}
	return 0
}

// uaddrPort returns the port of a universal address, its last two numbers (RFC 5665 5.2.3.3); 0 for an empty or broken one.
func uaddrPort(b []byte) uint16 {
	s := string(b)
	i := strings.LastIndexByte(s, '.')
	if i < 1 {
		return 0
	}
	j := strings.LastIndexByte(s[:i], '.')
	if j < 1 {
		return 0
	}
	hi, ok1 := octet(s[j+1 : i])
	lo, ok2 := octet(s[i+1:])
	if !ok1 || !ok2 {
		return 0
	}
	return hi<<8 | lo
}

func octet(s string) (n uint16, ok bool) {
	if len(s) == 0 || len(s) > 3 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint16(s[i]-'0')
	}
	return n, n < 256
}

// procMount is MNT of the mount protocol (RFC 1813 5.2.1), procExport lists what is exported.
const (
	procMount  = 1
	procExport = 5
)

// maxPath bounds a path or name in bytes (MNTPATHLEN of RFC 1813 5.1.2 is 1024).
const maxPath = 1024

// argName appends the path or name that a call speaks of: of a mount, of an NFSv3 operation on a name, of an NFSv4
// compound that walks a path. What cannot be read leaves dst as it is.
func argName(dst []byte, h *Header, b []byte) []byte {
	x := xdr{b: b}
	switch {
	case h.Program == Mount && (h.Procedure == procMount || h.Procedure == 3):
		return append(dst, x.opaque(maxPath)...)
	case h.Program == NFS && h.Version == 3:
		switch h.Procedure {
		case 3, 8, 9, 10, 11, 12, 13: // LOOKUP, CREATE, MKDIR, SYMLINK, MKNOD, REMOVE, RMDIR
			x.opaque(64)
			return append(dst, x.opaque(255)...)
		}
	case h.Program == NFS && h.Version == 4 && h.Procedure == 1:
		return compoundPath(dst, &x)
	}
	return dst
}

// compoundPath walks the operations of an NFSv4 COMPOUND (RFC 8881 16.2) as far as they are known, and joins the names
// that it looks up to a path.
func compoundPath(dst []byte, x *xdr) []byte {
	x.opaque(1024) // tag
	x.u32()        // minor version
	for n := x.u32(); n > 0 && !x.bad; n-- {
		switch op := x.u32(); op {
		case opLookup:
			if name := x.opaque(255); !x.bad && len(dst)+1+len(name) <= maxPath {
				dst = append(append(dst, '/'), name...)
			}
		case opPutRootFH, opPutPubFH, opGetFH, opSaveFH, opRestoreFH, opLookupP:
		case opPutFH:
			x.opaque(128)
		case opAccess:
			x.skip(4)
		case opGetAttr:
			for k := x.u32(); k > 0 && !x.bad; k-- {
				x.skip(4)
			}
		case opSequence:
			x.skip(32)
		default:
			return dst
		}
	}
	return dst
}

// Operations of NFSv4 (RFC 7531, RFC 5662).
const (
	opAccess    = 3
	opGetAttr   = 9
	opGetFH     = 10
	opLookup    = 15
	opLookupP   = 16
	opPutFH     = 22
	opPutPubFH  = 23
	opPutRootFH = 24
	opRestoreFH = 31
	opSaveFH    = 32
	opSequence  = 53
)

// firstOp reads the first operation of a COMPOUND's arguments.
func firstOp(b []byte) uint32 {
	x := xdr{b: b}
	x.opaque(1024)
	x.u32()
	if x.u32() == 0 {
		return 0
	}
	return x.u32()
}

// parseStatus reads the status that begins the results of mount, NFS and lock calls; of a lock call it stands behind a
// cookie. False: the procedure has none, or b is short.
func parseStatus(program, version, proc uint32, b []byte) (uint32, bool) {
	x := xdr{b: b}
	switch {
	case proc == 0:
		return 0, false
	case program == NFS, program == Mount && proc == procMount:
	case program == NLM && (proc <= 5 || proc >= 20 && proc <= 22):
		x.opaque(1024)
	default:
		return 0, false
	}
	s := x.u32()
	return s, !x.bad
}
