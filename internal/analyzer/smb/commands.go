package smb

// names1 are Suricata's words for commands of version 1 ([MS-CIFS] 2.2.2.1), without "SMB1_COMMAND_".
var names1 = map[uint16]string{0x00: "CREATE_DIRECTORY", 0x01: "DELETE_DIRECTORY", 0x02: "OPEN", 0x03: "CREATE", 0x04: "CLOSE", 0x05: "FLUSH", 0x06: "DELETE", 0x07: "RENAME",
	0x08: "QUERY_INFORMATION", 0x09: "SET_INFORMATION", 0x0a: "READ", 0x0b: "WRITE", 0x0c: "LOCK_BYTE_RANGE", 0x0d: "UNLOCK_BYTE_RANGE", 0x0e: "CREATE_TEMPORARY", 0x0f: "CREATE_NEW",
	0x10: "CHECK_DIRECTORY", 0x11: "PROCESS_EXIT", 0x12: "SEEK", 0x13: "LOCK_AND_READ", 0x14: "WRITE_AND_UNLOCK", 0x24: "LOCKING_ANDX", 0x25: "TRANS", 0x2b: "ECHO", 0x2c: "WRITE_AND_CLOSE",
	0x2d: "OPEN_ANDX", 0x2e: "READ_ANDX", 0x2f: "WRITE_ANDX", 0x32: "TRANS2", 0x34: "FIND_CLOSE2", 0x71: "TREE_DISCONNECT", 0x72: "NEGOTIATE_PROTOCOL", 0x73: "SESSION_SETUP_ANDX",
	0x74: "LOGOFF_ANDX", 0x75: "TREE_CONNECT_ANDX", 0x80: "QUERY_INFO_DISK", 0xa0: "NT_TRANS", 0xa1: "NT_TRANS_SECONDARY", 0xa2: "NT_CREATE_ANDX", 0xa4: "NT_CANCEL", 0xa5: "NT_RENAME"}

// names2 are those of versions 2 and 3 ([MS-SMB2] 2.2.1.2), without "SMB2_COMMAND_".
var names2 = [...]string{"NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK", "IOCTL", "CANCEL",
	"KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO", "SET_INFO", "OPLOCK_BREAK"}

// commandName returns Suricata's word for a command in messages of a version.
func commandName(version uint8, code uint16) string {
	n := ""
	if version == 1 {
		if n = names1[code]; n != "" {
			return "SMB1_COMMAND_" + n
		}
	} else if int(code) < len(names2) {
		return "SMB2_COMMAND_" + names2[code]
	}
	const hex = "0123456789ABCDEF"
	return "UNKNOWN-" + string([]byte{hex[code>>12], hex[code>>8&15], hex[code>>4&15], hex[code&15]})
}

// told reports a command whose exchanges are told though nothing is read of them but their header: all but those that move
// data or ask for attributes. Of those that set attributes, setInfo chooses.
func told(version uint8, code uint16) bool {
	if version == 1 {
		switch code {
		case 0x25, 0x2e, 0x2f, 0x32: // TRANS, READ_ANDX, WRITE_ANDX, TRANS2
			return false
		}
		return true
	}
	switch code {
	case 8, 9, 16: // READ, WRITE, GET_INFO
		return false
	}
	return true
}

// File is what a create request asks for, and what the server says of it.
type File struct {
	Name        string // hostile text
	Disposition uint32 // [MS-SMB2] 2.2.13
	Directory   bool
	DeleteAfter bool     // on close
	Times       [4]int64 // of creation, access, write and change, in seconds since 1970; 0: not said
	Size        uint64
	ID          [16]byte // valid with HasID
	HasID       bool
}

var dispositions = [...]string{"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF"}

func dispositionName(d uint32) string {
	if int64(d) < int64(len(dispositions)) {
		return dispositions[d]
	}
	return "UNKNOWN"
}

// create2 reads a create request of versions 2 and 3 ([MS-SMB2] 2.2.13).
func create2(whole, b []byte) (f File) {
	if len(b) < 56 || le.Uint16(b) != 57 {
		return f
	}
	f.options(le.Uint32(b[36:]), le.Uint32(b[40:]))
	f.Name = wide(part(whole, int(le.Uint16(b[44:])), int(le.Uint16(b[46:]))))
	return f
}

func (f *File) options(disposition, options uint32) {
	f.Disposition, f.Directory, f.DeleteAfter = disposition, options&1 != 0, options&0x1000 != 0
}

// created2 reads the reply ([MS-SMB2] 2.2.14).
func (f *File) created2(b []byte) {
	if len(b) < 80 || le.Uint16(b) != 89 {
		return
	}
	for i := range f.Times {
		f.Times[i] = unix(le.Uint64(b[8+8*i:]))
	}
	f.Size = le.Uint64(b[48:])
	f.ID, f.HasID = [16]byte(b[64:80]), true
}

// create1 reads a request of version 1 ([MS-CIFS] 2.2.4.64.1).
func create1(h *Header, b []byte) (f File) {
	words, data, off, ok := words1(b)
	if !ok || len(words) != 48 {
		return f
	}
	f.options(le.Uint32(words[35:]), le.Uint32(words[39:]))
	data = data[:min(len(data), int(le.Uint16(words[5:]))+3)]
	if h.Unicode && off%2 != 0 && len(data) > 0 {
		data = data[1:]
	}
	if name, rest := text(data, h.Unicode); rest != nil {
		f.Name = name
	} else if h.Unicode { // without its final zero
		f.Name = wide(data)
	} else {
		f.Name = string(data[:min(len(data), maxName)])
	}
	return f
}

// created1 reads the reply: the times and the size; the number of a file has two bytes there.
func (f *File) created1(b []byte) {
	words, _, _, ok := words1(b)
	if !ok || len(words) < 63 {
		return
	}
	for i := range f.Times {
		f.Times[i] = unix(le.Uint64(words[11+8*i:]))
	}
	f.Size = le.Uint64(words[55:])
}

// unix turns a FILETIME ([MS-DTYP] 2.3.3) into seconds since 1970.
func unix(t uint64) int64 {
	const epoch = 116444736000000000
	if t <= epoch || t >= 1<<63 {
		return 0
	}
	return int64((t - epoch) / 1e7)
}

// appendGUID writes an identifier of 16 bytes whose first five groups are little-endian, as Suricata does.
func appendGUID(dst []byte, b [16]byte) []byte {
	const hex = "0123456789abcdef"
	for i, at := range [16]byte{3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12} {
		switch i {
		case 4, 6, 8, 10:
			dst = append(dst, '-')
		}
		dst = append(dst, hex[b[at]>>4], hex[b[at]&15])
	}
	return dst
}

// Kinds of what is set of a file ([MS-FSCC] 2.4), of those that are told.
const (
	infoRename      = 10
	infoDisposition = 13
)

// setInfo reads a request that gives a file another name, or has it deleted when it is closed ([MS-SMB2] 2.2.39). False: it sets
// something else.
func (s *connection) setInfo(x *Exchange, whole, b []byte) bool {
	if len(b) < 32 || le.Uint16(b) != 33 || b[2] != 1 {
		return false
	}
	in := part(whole, int(le.Uint16(b[8:])), int(le.Uint32(b[4:])&0xffff))
	x.File.ID, x.File.HasID = [16]byte(b[16:32]), true
	if o := s.fileOf(x.File.ID); o != nil {
		x.File.Name, x.Share = o.name, o.share
	}
	switch {
	case b[3] == infoDisposition && len(in) > 0:
		x.Set, x.File.DeleteAfter = true, in[0] != 0
		return true
	case b[3] == infoRename && len(in) >= 20: // [MS-FSCC] 2.4.42.2
		n := int(le.Uint32(in[16:]) & 0xffff)
		x.Renamed = wide(in[20:min(20+n, len(in))])
		return x.Renamed != ""
	}
	return false
}
