package smb

import (
	"slices"
	"strconv"

	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Exchange is a request with its reply: of a negotiation, a session setup or a tree connect. Names are as they came:
// hostile text.
type Exchange struct {
	head        event.Head
	Asked       packet.Ref // the request
	Answered    packet.Ref // the reply; zero: none
	Command     Command
	Code        uint16   // of the command, as the version numbers them
	Version     uint8    // of the request's header: 1, or 2 for versions 2 and 3
	Status      uint32   // valid with Answered
	Offered     []string // dialects of a negotiation
	Dialect     string   // that the connection speaks; empty = not known, or none in common
	Client      Signing
	Server      Signing
	Domain      string // of an NTLM logon
	User        string
	Host        string
	System      string // version of the client's system, as NTLM gives it; empty = not said
	HasIdentity bool
	Share       string       // of a tree connect
	Pipe        bool         // the share holds pipes, not files
	ShareType   uint8        // of versions 2 and 3 ([MS-SMB2] 2.2.10); 0: not said
	File        File         // of a create
	Set         bool         // File.DeleteAfter was set
	Renamed     string       // the new name of File; empty: it has none
	Moved       bool         // contents of File were written or read, until it was closed
	Call        *dcerpc.Call // that a pipe carried; nil: none
	Session     uint64
	Tree        uint32
	ID          uint64 // number in the connection, from 1
}

// Head returns the common part.
func (x *Exchange) Head() *event.Head { return &x.head }

// New returns an empty exchange with head h.
func New(h event.Head) *Exchange { return &Exchange{head: h} }

// Kind is the word by which the settings of EVE choose records (smb.types of suricata.yaml).
func (x *Exchange) Kind() string {
	switch {
	case x.Call != nil:
		return "dcerpc"
	case x.Moved:
		return "file"
	}
	switch x.Command {
	case Negotiate:
		return "negotiate"
	case SessionSetup:
		return "session_setup"
	case TreeConnect:
		return "tree_connect"
	case Create:
		return "create"
	}
	switch {
	case x.Version == 2 && x.Code == codeIOCTL:
		return "ioctl"
	case x.Renamed != "":
		return "rename"
	case x.Set:
		return "set_file_path_info"
	}
	return "generic"
}

// AppendEVE writes an smb record in Suricata's shape, if one of its kind is wanted.
func (x *Exchange) AppendEVE(dst []byte, c *event.EVE) []byte {
	if c.SMB != nil && !slices.Contains(c.SMB, x.Kind()) {
		return dst
	}
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "smb", packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, max(x.ID, 1)-1, 10)
	dst = x.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, h, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject). It holds no secret: none was read.
func (x *Exchange) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"smb":{"id":`...)
	dst = strconv.AppendUint(dst, x.ID, 10)
	dst = append(dst, `,"dialect":`...)
	if x.Dialect == "" {
		dst = append(dst, `"unknown"`...)
	} else {
		dst = event.AppendJSONString(dst, x.Dialect)
	}
	dst = append(dst, `,"command":"`...)
	dst = append(dst, commandName(x.Version, x.Code)...)
	dst = append(dst, '"')
	if !x.Answered.IsZero() {
		dst = append(dst, `,"status":"`...)
		dst = append(dst, StatusName(x.Status)...)
		dst = append(dst, `","status_code":"0x`...)
		dst = strconv.AppendUint(dst, uint64(x.Status), 16)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"session_id":`...)
	dst = strconv.AppendUint(dst, x.Session, 10)
	dst = append(dst, `,"tree_id":`...)
	dst = strconv.AppendUint(dst, uint64(x.Tree), 10)
	if x.Command == Negotiate {
		dst = append(dst, `,"client_dialects":[`...)
		for i, o := range x.Offered {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = event.AppendJSONString(dst, o)
		}
		dst = append(dst, ']')
	}
	if x.HasIdentity {
		dst = append(dst, `,"ntlmssp":{"domain":`...)
		dst = event.AppendJSONString(dst, x.Domain)
		dst = append(dst, `,"user":`...)
		dst = event.AppendJSONString(dst, x.User)
		dst = append(dst, `,"host":`...)
		dst = event.AppendJSONString(dst, x.Host)
		if x.System != "" {
			dst = append(dst, `,"version":`...)
			dst = event.AppendJSONString(dst, x.System)
		}
		dst = append(dst, '}')
	}
	if x.Share != "" {
		if x.Pipe {
			dst = append(dst, `,"named_pipe":`...)
		} else {
			dst = append(dst, `,"share":`...)
		}
		dst = event.AppendJSONString(dst, x.Share)
	}
	if x.ShareType > 0 {
		dst = append(dst, `,"share_type":"`...)
		dst = append(dst, [...]string{"FILE", "PIPE", "PRINT", "UNKNOWN"}[min(x.ShareType-1, 3)]...)
		dst = append(dst, '"')
	}
	if x.Command == Create {
		dst = x.File.append(dst)
	}
	switch {
	case x.Renamed != "":
		dst = event.AppendJSONString(append(dst, `,"rename":{"from":`...), x.File.Name)
		dst = event.AppendJSONString(append(dst, `,"to":`...), x.Renamed)
		dst = append(dst, '}')
	case x.Set:
		access := "normal"
		if x.File.DeleteAfter {
			access = "delete on close"
		}
		dst = event.AppendJSONString(append(dst, `,"access":`...), access)
	}
	if x.Moved || x.Set {
		if x.File.Name != "" {
			dst = event.AppendJSONString(append(dst, `,"filename":`...), x.File.Name)
		}
		if x.File.HasID {
			dst = append(dst, `,"fuid":"`...)
			dst = append(appendGUID(dst, x.File.ID), '"')
		}
	}
	if x.Call != nil {
		dst = x.Call.AppendInSMB(append(dst, `,"dcerpc":`...))
	}
	return append(dst, '}')
}

func (f *File) append(dst []byte) []byte {
	switch {
	case f.Name == "":
		dst = append(dst, `,"filename":"<share_root>"`...)
	case f.Directory:
		dst = event.AppendJSONString(append(dst, `,"directory":`...), f.Name)
	default:
		dst = event.AppendJSONString(append(dst, `,"filename":`...), f.Name)
	}
	dst = append(dst, `,"disposition":"`...)
	dst = append(dst, dispositionName(f.Disposition)...)
	if f.DeleteAfter {
		dst = append(dst, `","access":"delete on close"`...)
	} else {
		dst = append(dst, `","access":"normal"`...)
	}
	for i, key := range []string{`,"created":`, `,"accessed":`, `,"modified":`, `,"changed":`} {
		dst = append(dst, key...)
		dst = strconv.AppendInt(dst, f.Times[i], 10)
	}
	dst = append(dst, `,"size":`...)
	dst = strconv.AppendUint(dst, f.Size, 10)
	if f.HasID {
		dst = append(dst, `,"fuid":"`...)
		dst = append(appendGUID(dst, f.ID), '"')
	}
	return dst
}
