package smb

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var le = binary.LittleEndian

// Command is a request that is read beyond its header, the same in all versions.
type Command uint8

// Commands ([MS-CIFS] 2.2.2.1, [MS-SMB2] 2.2.1.2).
const (
	Other Command = iota
	Negotiate
	SessionSetup
	TreeConnect
	Create
)

// Header is what a message of any version begins with.
type Header struct {
	Version uint8 // 1, or 2 for versions 2 and 3
	Command Command
	Code    uint16 // the command as it stands there
	Reply   bool
	Status  uint32 // of a reply ([MS-ERREF] 2.3)
	Message uint64 // number that a reply repeats
	Session uint64
	Tree    uint32
	Next    uint32 // offset of the next message of a compound, 0 = none
	Unicode bool
}

// Sizes of headers in bytes.
const (
	header1 = 32
	header2 = 64
)

// magics that messages begin with: version 1, versions 2 and 3, encrypted, compressed ([MS-SMB2] 2.2.41, 2.2.42).
const (
	magic1          = 0xff
	magic2          = 0xfe
	magicEncrypted  = 0xfd
	magicCompressed = 0xfc
)

// ParseHeader reads the header at the begin of b; body is what follows it, borrowed. False: b is short, encrypted or
// none.
func ParseHeader(b []byte) (h Header, body []byte, ok bool) {
	if len(b) < header1 || string(b[1:4]) != "SMB" {
		return h, nil, false
	}
	switch b[0] {
	case magic1:
		h = Header{Version: 1, Status: le.Uint32(b[5:]), Reply: b[9]&0x80 != 0, Unicode: le.Uint16(b[10:])&0x8000 != 0,
			Message: uint64(le.Uint16(b[30:]))<<16 | uint64(le.Uint16(b[26:])), Session: uint64(le.Uint16(b[28:])), Tree: uint32(le.Uint16(b[24:]))}
		h.Code = uint16(b[4])
		switch b[4] {
		case 0x72:
			h.Command = Negotiate
		case 0x73:
			h.Command = SessionSetup
		case 0x75:
			h.Command = TreeConnect
		case 0xa2:
			h.Command = Create
		}
		return h, b[header1:], true
	case magic2:
		if len(b) < header2 || le.Uint16(b[4:]) != header2 {
			return h, nil, false
		}
		flags := le.Uint32(b[16:])
		h = Header{Version: 2, Status: le.Uint32(b[8:]), Reply: flags&1 != 0, Unicode: true, Message: le.Uint64(b[24:]), Session: le.Uint64(b[40:]), Next: le.Uint32(b[20:])}
		if flags&2 == 0 {
			h.Tree = le.Uint32(b[36:])
		}
		h.Code = le.Uint16(b[12:])
		switch h.Code {
		case 0:
			h.Command = Negotiate
		case 1:
			h.Command = SessionSetup
		case 3:
			h.Command = TreeConnect
		case 5:
			h.Command = Create
		}
		return h, b[header2:], true
	}
	return h, nil, false
}

// Signing is what one side says of signatures ([MS-SMB2] 2.2.3, [MS-CIFS] 2.2.4.52.2).
type Signing uint8

// Values of Signing.
const (
	SigningUnknown Signing = iota
	SigningOff
	SigningEnabled
	SigningRequired
)

// String returns the word.
func (s Signing) String() string { return [...]string{"unknown", "off", "enabled", "required"}[s] }

func signing(enabled, required bool) Signing {
	switch {
	case required:
		return SigningRequired
	case enabled:
		return SigningEnabled
	}
	return SigningOff
}

// maxDialects bounds the dialects of one request; clients offer up to a dozen.
const maxDialects = 16

// negotiate2 reads a request of versions 2 and 3.
func negotiate2(b []byte) (dialects []string, s Signing, ok bool) {
	if len(b) < 36 || le.Uint16(b) != 36 {
		return nil, 0, false
	}
	n := int(le.Uint16(b[2:]))
	s = signing(b[4]&1 != 0, b[4]&2 != 0)
	for b = b[36:]; n > 0 && len(b) >= 2 && len(dialects) < maxDialects; n, b = n-1, b[2:] {
		dialects = append(dialects, dialectName(le.Uint16(b)))
	}
	return dialects, s, true
}

// negotiated2 reads a reply of versions 2 and 3.
func negotiated2(b []byte) (dialect string, s Signing, ok bool) {
	if len(b) < 6 || le.Uint16(b) != 65 {
		return "", 0, false
	}
	return dialectName(le.Uint16(b[4:])), signing(b[2]&1 != 0, b[2]&2 != 0), true
}

func dialectName(d uint16) string {
	switch d {
	case 0x0202:
		return "2.02"
	case 0x0210:
		return "2.10"
	case 0x02ff:
		return "2.??"
	case 0x0300:
		return "3.00"
	case 0x0302:
		return "3.02"
	case 0x0311:
		return "3.11"
	}
	return "0x" + strconv.FormatUint(uint64(d), 16)
}

// words1 splits the body of a version 1 message: its parameters and its data. off is where the data lie in the message.
func words1(b []byte) (words, data []byte, off int, ok bool) {
	if len(b) < 1 {
		return nil, nil, 0, false
	}
	n := 2 * int(b[0])
	if len(b) < 1+n+2 {
		return nil, nil, 0, false
	}
	words, data = b[1:1+n], b[1+n+2:]
	if k := int(le.Uint16(b[1+n:])); k < len(data) {
		data = data[:k]
	}
	return words, data, header1 + 1 + n + 2, true
}

// negotiate1 reads the dialects of a version 1 request ([MS-CIFS] 2.2.4.52.1).
func negotiate1(b []byte) (dialects []string, ok bool) {
	_, data, _, ok := words1(b)
	for ok && len(data) > 1 && data[0] == 2 && len(dialects) < maxDialects {
		end := bytes.IndexByte(data, 0)
		if end < 0 || end > 64 {
			break
		}
		dialects = append(dialects, string(data[1:end]))
		data = data[end+1:]
	}
	return dialects, ok
}

// negotiated1 reads which of the offered dialects the server chose: -1 = none.
func negotiated1(b []byte) (index int, s Signing, ok bool) {
	words, _, _, ok := words1(b)
	if !ok || len(words) < 2 {
		return -1, 0, false
	}
	index = int(le.Uint16(words))
	if index == 0xffff {
		return -1, 0, true
	}
	if len(words) == 34 {
		s = signing(words[2]&4 != 0, words[2]&8 != 0)
	}
	return index, s, true
}

// maxName bounds the names that are kept, in bytes as they are sent.
const maxName = 512

// identity is who logs on: never what proves it.
type identity struct{ domain, user, host, version string }

// setup2 finds the security blob of a session setup request of versions 2 and 3.
func setup2(whole, b []byte) []byte {
	if len(b) < 16 || le.Uint16(b) != 25 {
		return nil
	}
	return part(whole, int(le.Uint16(b[12:])), int(le.Uint16(b[14:])))
}

// setup1 reads a session setup request of version 1: the account itself, or a security blob.
func setup1(h *Header, b []byte) (id identity, blob []byte) {
	words, data, off, ok := words1(b)
	if !ok {
		return id, nil
	}
	switch len(words) {
	case 24:
		return id, part(data, 0, int(le.Uint16(words[14:])))
	case 26: // two responses to the challenge, which are not looked at, then account and domain
		skip := int(le.Uint16(words[14:])) + int(le.Uint16(words[16:]))
		if skip > len(data) {
			return id, nil
		}
		data, off = data[skip:], off+skip
		if h.Unicode && off%2 != 0 && len(data) > 0 {
			data = data[1:]
		}
		var rest []byte
		id.user, rest = text(data, h.Unicode)
		id.domain, _ = text(rest, h.Unicode)
	}
	return id, nil
}

// part returns n bytes of b from off on, as many as there are.
func part(b []byte, off, n int) []byte {
	if off > len(b) {
		return nil
	}
	return b[off:min(len(b), off+n)]
}

// text reads a string with a final zero.
func text(b []byte, unicode bool) (s string, rest []byte) {
	if !unicode {
		end := bytes.IndexByte(b, 0)
		if end < 0 {
			return "", nil
		}
		return string(b[:min(end, maxName)]), b[end+1:]
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return wide(b[:i]), b[i+2:]
		}
	}
	return "", nil
}

// wide turns UTF-16 into UTF-8.
func wide(b []byte) string {
	var room [3 * maxName / 2]byte
	out := room[:0]
	for b = b[:min(len(b), maxName)]; len(b) >= 2; b = b[2:] {
		r := rune(le.Uint16(b))
		if utf16.IsSurrogate(r) && len(b) >= 4 {
			if pair := utf16.DecodeRune(r, rune(le.Uint16(b[2:]))); pair != utf8.RuneError {
				r, b = pair, b[2:]
			}
		}
		out = utf8.AppendRune(out, r) // half a pair becomes the replacement character
	}
	return string(out)
}

// negotiateVersion is the flag that says that a version follows ([MS-NLMP] 2.2.2.5).
const negotiateVersion = 1 << 25

// ntlmVersion writes the version of the client's system ([MS-NLMP] 2.2.2.10) as Suricata does: "6.0 build 6001 rev 15".
func ntlmVersion(b []byte) string {
	var room [40]byte
	out := strconv.AppendUint(room[:0], uint64(b[0]), 10)
	out = strconv.AppendUint(append(out, '.'), uint64(b[1]), 10)
	out = strconv.AppendUint(append(out, " build "...), uint64(le.Uint16(b[2:])), 10)
	return string(strconv.AppendUint(append(out, " rev "...), uint64(b[7]), 10))
}

var signature = []byte("NTLMSSP\x00")

// ntlmssp finds an NTLM AUTHENTICATE message in a security blob ([MS-NLMP] 2.2.1.3), bare or inside SPNEGO, and reads
// who logs on. Its responses are not looked at.
func ntlmssp(blob []byte) (id identity, ok bool) {
	at := bytes.Index(blob, signature)
	if at < 0 {
		return id, false
	}
	m := blob[at:]
	if len(m) < 64 || le.Uint32(m[8:]) != 3 {
		return id, false
	}
	field := func(at int) string {
		n, off := int(le.Uint16(m[at:])), le.Uint32(m[at+4:])
		if uint64(off) > uint64(len(m)) {
			return ""
		}
		v := part(m, int(off), min(n, maxName))
		if le.Uint32(m[60:])&1 != 0 {
			return wide(v)
		}
		return string(v)
	}
	id = identity{domain: field(28), user: field(36), host: field(44)}
	if le.Uint32(m[60:])&negotiateVersion != 0 && len(m) >= 72 {
		id.version = ntlmVersion(m[64:72])
	}
	return id, true
}

// tree2 and tree1 read the path of a tree connect request.
func tree2(whole, b []byte) string {
	if len(b) < 8 || le.Uint16(b) != 9 {
		return ""
	}
	return wide(part(whole, int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))))
}

// pipe2 reports a tree of pipes, in a tree connect reply.
func pipe2(b []byte) bool { return len(b) >= 3 && le.Uint16(b) == 16 && b[2] == 2 }

// pipe1 reports it in a reply of version 1: its service is IPC ([MS-CIFS] 2.2.4.55.2).
func pipe1(b []byte) bool {
	_, data, _, ok := words1(b)
	return ok && len(data) >= 4 && string(data[:4]) == "IPC\x00"
}

func tree1(h *Header, b []byte) string {
	words, data, off, ok := words1(b)
	if !ok || len(words) != 8 {
		return ""
	}
	skip := int(le.Uint16(words[6:])) // a password, which is not looked at
	if skip > len(data) {
		return ""
	}
	data, off = data[skip:], off+skip
	if h.Unicode && off%2 != 0 && len(data) > 0 {
		data = data[1:]
	}
	s, _ := text(data, h.Unicode)
	return s
}
