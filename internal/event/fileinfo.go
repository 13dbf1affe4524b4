package event

import (
	"strconv"

	"firestorm/internal/packet"
)

// FileState is how far a file came.
type FileState uint8

// States, in Suricata's words.
const (
	FileOpen      FileState = iota // bytes may follow
	FileClosed                     // its end was seen
	FileTruncated                  // the connection, or what is read of it, ended before the file did
)

// String returns EVE's word.
func (s FileState) String() string { return [...]string{"UNKNOWN", "CLOSED", "TRUNCATED"}[s] }

// FileFacts are what records say of a file.
type FileFacts struct {
	Magic  string // what it is, as libmagic words it; empty: not asked
	Name   string
	Size   uint64 // bytes that were there, without those that are missing
	State  FileState
	Gaps   bool // bytes are missing
	Stored bool
	Tx     uint64
	// Ranged says that it is a part of a file, from byte Start to byte End, both inclusive.
	Ranged     bool
	Start, End uint64
	// Digests, raw; empty unless somebody asked for them and the file had no hole.
	MD5, SHA1, SHA256 string
	SIDs              []uint32 // rules that asked to keep it
}

// AppendJSON appends the object that EVE calls fileinfo, and in an alert an element of files.
func (f *FileFacts) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if f.Name != "" {
		dst = append(AppendJSONString(append(dst, `"filename":`...), f.Name), ',')
	}
	if len(f.SIDs) > 0 {
		dst = append(dst, `"sid":[`...)
		for i, n := range f.SIDs {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(n), 10)
		}
		dst = append(dst, `],`...)
	}
	if f.Magic != "" {
		dst = append(AppendJSONString(append(dst, `"magic":`...), f.Magic), ',')
	}
	dst = strconv.AppendBool(append(dst, `"gaps":`...), f.Gaps)
	dst = append(append(append(dst, `,"state":"`...), f.State.String()...), '"')
	for _, d := range [...]struct{ key, sum string }{{`,"md5":"`, f.MD5}, {`,"sha1":"`, f.SHA1}, {`,"sha256":"`, f.SHA256}} {
		if d.sum == "" {
			continue
		}
		dst = append(dst, d.key...)
		for i := range len(d.sum) {
			dst = append(dst, hexLower[d.sum[i]>>4], hexLower[d.sum[i]&15])
		}
		dst = append(dst, '"')
	}
	dst = strconv.AppendBool(append(dst, `,"stored":`...), f.Stored)
	dst = strconv.AppendUint(append(dst, `,"size":`...), f.Size, 10)
	if f.Ranged {
		dst = strconv.AppendUint(append(dst, `,"start":`...), f.Start, 10)
		dst = strconv.AppendUint(append(dst, `,"end":`...), f.End, 10)
	}
	dst = strconv.AppendUint(append(dst, `,"tx_id":`...), f.Tx, 10)
	return append(dst, '}')
}

// FileInfo is a file that travelled over a connection.
type FileInfo struct {
	head Head
	FileFacts
	Dir    packet.Dir // the way in which it travelled
	App    string     // EVE's word for the protocol that carried it
	Object []byte     // members that say what it was part of, such as "smtp":{…}; empty: nothing
}

// NewFileInfo returns an event with head h.
func NewFileInfo(h Head) *FileInfo {
	h.Kind = KindFile
	return &FileInfo{head: h}
}

// Head returns the common part.
func (x *FileInfo) Head() *Head { return &x.head }

// AppendEVE writes the fileinfo record.
func (x *FileInfo) AppendEVE(dst []byte, c *EVE) []byte {
	dst = AppendEVEHead(dst, &x.head, "fileinfo", x.Dir, c)
	if len(x.Object) > 0 {
		dst = append(append(dst, ','), x.Object...)
	}
	if x.App != "" {
		dst = AppendJSONString(append(dst, `,"app_proto":`...), x.App)
	}
	dst = x.AppendJSON(append(dst, `,"fileinfo":`...))
	return AppendEVETail(dst, &x.head, c)
}
